"""CustomResourceDefinitions: which further kinds there are, and what becomes of their objects."""

from setpoint.engines.customresources.engine import FINALIZER, CustomResourceEngine

__all__ = ["FINALIZER", "CustomResourceEngine"]
