"""The warm process's one rule: import, never compute, and have exactly one thread when it forks.

A fork copies one thread; a lock held by another stays locked for ever in the child. So thread pools may not exist
before the fork, and whether they do is counted, not believed: more than one entry in /proc/self/task and the process
is of no use as a parent. Two libraries start threads on import and are kept from it: OpenBLAS by an environment
variable (`ENVIRONMENT`), polars by putting off its start-up call until after the fork.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType, ModuleType

from setpoint.adapters.pods.images import ImageKind, resolve
from setpoint.adapters.pods.settings import PodSettings
from setpoint.apis.errors import InvalidSpec
from setpoint.ports.launcher import Container

# For Python steps, warm or cold, so that both compute the same. Waiting OpenMP threads sleep: with the default, which
# spins, two trainings at once on two cores take 3 to 10 times as long as with this (ADR-0003).
STEP_ENVIRONMENT: Mapping[str, str] = MappingProxyType({"OPENBLAS_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"})
# For the warm process itself: what its children must find, and no thread by loading a library.
ENVIRONMENT: Mapping[str, str] = MappingProxyType({**STEP_ENVIRONMENT, "_RJEM_MALLOC_CONF": "background_thread:false"})
# Read when a library or the interpreter is loaded: a step that sets one of these cannot be forked.
_READ_AT_LOAD = ("PYTHON", "LD_", "OMP_", "GOMP_", "KMP_", "OPENBLAS_", "MKL_", "NUMEXPR_", "_RJEM_", "MALLOC_")
_POLARS_RUNTIMES = ("_polars_runtime_compat", "_polars_runtime_64", "_polars_runtime_32")


def preload(modules: Sequence[str]) -> tuple[list[Callable[[], None]], str]:
    """Import the modules; what a fork must do first, and why this process may not fork ("" if it may)."""
    after_fork = _put_off_polars_startup()  # whatever the modules are, one may import it
    missing = []
    for name in modules:
        try:
            import_module(name)
        except ImportError as error:
            missing.append(f"{name}: {error}")
    if "numpy" in sys.modules:
        # The generator is part of the imported state: without this all steps would draw the same numbers.
        after_fork.append(sys.modules["numpy"].random.seed)
    if missing:
        return after_fork, f"cannot import {'; '.join(missing)}"
    if (threads := count_threads()) != 1:
        return after_fork, f"importing {', '.join(modules)} left {threads} threads"
    return after_fork, ""


def count_threads() -> int:
    """Threads of the calling process."""
    return sum(1 for _ in Path("/proc/self/task").iterdir())


def entry_point_of(settings: PodSettings, container: Container) -> str:
    """The console script that a warm process may call in place of the container's command; "" if it must be exec'd."""
    try:
        image = resolve(settings.rules, container.image, container.command, container.args)
    except InvalidSpec:
        return ""
    variables = {**settings.environment, **image.environment, **container.env}
    if image.kind is not ImageKind.SETPOINT or any(name.startswith(_READ_AT_LOAD) for name in variables):
        return ""
    return settings.entry_points.get(image.argv[0], "")


def _put_off_polars_startup() -> list[Callable[[], None]]:
    """Import polars' native part, and keep its start-up call, which starts a thread, for after the fork.

    polars 2 calls `__register_startup_deps` while it is imported; the call starts its spill cleaner. Where a version
    has no such call nothing is done, and the count of threads decides.
    """
    name = next((runtime for runtime in _POLARS_RUNTIMES if find_spec(runtime)), None)
    if name is None:
        return []
    runtime = import_module(f"{name}._polars_runtime")
    startup = getattr(runtime, "__register_startup_deps", None)
    if startup is None:
        return []
    runtime.__dict__["__register_startup_deps"] = lambda _warn: None
    return [partial(_start_polars, runtime, startup)]


def _start_polars(runtime: ModuleType, startup: Callable[[object], None]) -> None:
    runtime.__dict__["__register_startup_deps"] = startup
    if "polars" in sys.modules:
        startup(import_module("polars._warnings")._polars_warn)
