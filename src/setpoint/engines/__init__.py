"""Asyncio reconcilers below the API line: the controller runner, workflow and serving engines, the kubelet."""
