"""What the engines and the APIs of a control plane stand on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from setpoint.adapters.sqlite import SqliteStore
from setpoint.ports.clock import Clock
from setpoint.ports.credentials import PodCredentials
from setpoint.ports.launcher import Launcher
from setpoint.wiring.settings import Settings
from setpoint.wiring.verbs import LocalVerbs


@dataclass(frozen=True, slots=True, kw_only=True)
class Substrate:
    """What engines stand on. `clock` is the machine's; `steady` never goes back, for what counts durations."""

    settings: Settings
    store: SqliteStore
    launcher: Launcher
    verbs: LocalVerbs
    clock: Clock
    steady: Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """What engines need of the APIs: what pods are given, and what must go on for as long as the APIs are served."""

    tokens: PodCredentials
    keep_fresh: Callable[[], Awaitable[None]]
