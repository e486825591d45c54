"""The controller of batch/v1 Jobs."""

from setpoint.engines.job.engine import JobEngine

__all__ = ["JobEngine"]
