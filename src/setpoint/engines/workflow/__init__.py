"""The workflow engine's shell: observes, folds events through `core.workflow.step`, stores, carries out orders."""

from setpoint.engines.workflow.actions import Outside
from setpoint.engines.workflow.engine import WorkflowEngine

__all__ = ["Outside", "WorkflowEngine"]
