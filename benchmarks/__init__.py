"""Benchmarks: each module has `run() -> dict` and compares with a peer or a physical limit in the same run."""
