"""Pods as objects: those of engines are shown, those of users are run."""

from setpoint.engines.pod.engine import PodEngine, leave_alone
from setpoint.engines.pod.mirror import PodMirror

__all__ = ["PodEngine", "PodMirror", "leave_alone"]
