"""What all tests share: `async def` tests, ports of our own, the reference material, a clock that a test moves.

An `async def` test runs in a fresh event loop and fails if it leaves a task behind. Asynchronous fixtures are not
supported: a fixture hands out an async context manager, and the test enters it.
"""

from __future__ import annotations

import asyncio
import inspect
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.clocks import ManualClock

SHARED = Path(__file__).resolve().parents[1] / ".." / "shared"
_TURNS_TO_END = 10


class LeftTasks(AssertionError):
    """A test ended while tasks it started were still going."""


async def _run_and_check(test: Callable[..., Any], arguments: dict[str, Any]) -> None:
    await test(**arguments)
    current = asyncio.current_task()
    for _ in range(_TURNS_TO_END):  # tasks that are ending by themselves get a few turns
        left = [task for task in asyncio.all_tasks() if task is not current]
        if not left:
            return
        await asyncio.sleep(0)
    names = "\n".join(f"  {task!r}" for task in left)
    raise LeftTasks(f"the test left {len(left)} pending task(s):\n{names}")


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run coroutine tests; a task that is left pending is a failure."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    wanted = pyfuncitem._fixtureinfo.argnames
    arguments = {name: pyfuncitem.funcargs[name] for name in wanted}
    asyncio.run(_run_and_check(pyfuncitem.obj, arguments))
    return True


@pytest.fixture
def clock() -> ManualClock:
    """A clock at 2026-01-01T00:00:00Z that moves when the test says so."""
    return ManualClock()


@pytest.fixture
def bound_port() -> Iterator[Callable[[], socket.socket]]:
    """A function that gives a listening socket on a free loopback port; it is closed at the test's end.

    Hand the socket (or its number) to what is tested, and `owns_port` to prove who answers.
    """
    sockets: list[socket.socket] = []

    def bind() -> socket.socket:
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        sockets.append(listener)
        listener.bind(("127.0.0.1", 0))
        listener.listen(128)
        return listener

    yield bind
    for listener in sockets:
        listener.close()


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A loopback port that refuses connections for the whole test: it is bound, and nobody listens."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as reserved:
        reserved.bind(("127.0.0.1", 0))
        yield reserved.getsockname()[1]


@pytest.fixture
def shared() -> Path:
    """The reference material beside the project; the test is skipped where it is absent. Mark it `shared`."""
    if not SHARED.is_dir():
        pytest.skip("the reference material ../shared is not here")
    return SHARED.resolve()
