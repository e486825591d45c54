"""Clients of the API line: Kubernetes API, Open Inference Protocol V2."""
