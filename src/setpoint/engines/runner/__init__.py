"""The controller runner: informers, keyed work queue with back-off, supervision, graceful stop, metrics, Events."""

from setpoint.engines.runner.background import Background
from setpoint.engines.runner.backoff import Backoff
from setpoint.engines.runner.controller import Controller, Reconcile, Result, own_key, owner_keys
from setpoint.engines.runner.events import EventRecorder
from setpoint.engines.runner.informer import Informer
from setpoint.engines.runner.metrics import RunnerMetrics
from setpoint.engines.runner.queue import WorkQueue
from setpoint.engines.runner.runner import Runner

__all__ = [
    "Background",
    "Backoff",
    "Controller",
    "EventRecorder",
    "Informer",
    "Reconcile",
    "Result",
    "Runner",
    "RunnerMetrics",
    "WorkQueue",
    "own_key",
    "owner_keys",
]
