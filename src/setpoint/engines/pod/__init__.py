"""Pods as objects: those of engines are shown, those of users are run."""

from setpoint.engines.pod.engine import PodEngine
from setpoint.engines.pod.mirror import PodMirror

__all__ = ["PodEngine", "PodMirror"]
