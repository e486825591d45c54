"""One parametrised fixture per port: each test of a contract runs over every implementation."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from functools import cache, partial
from pathlib import Path

import pytest

from setpoint.adapters.pods.isolation import isolation_report
from setpoint.adapters.pods.launcher import HostLauncher
from setpoint.ports.journal import WorkflowJournal
from setpoint.ports.resources import ResourceApi
from tests.contract.implementations import ARCHIVES, JOURNALS, RESOURCE_APIS, Archiving
from tests.pods import Isolation, running_launcher

Start = Callable[[], AbstractAsyncContextManager[HostLauncher]]

report = cache(isolation_report)


@pytest.fixture(params=[Isolation.NAMESPACE, Isolation.REWRITE], ids=str)
def start(request: pytest.FixtureRequest, tmp_path: Path) -> Start:
    """Starts a launcher that isolates pods in the one way and the other."""
    if request.param is Isolation.NAMESPACE and (found := report()).mode is not Isolation.NAMESPACE:
        pytest.skip(found.reason)
    return partial(running_launcher, tmp_path, isolation=request.param)


@pytest.fixture
def anyhow(tmp_path: Path) -> Start:
    """Starts one for what has nothing to do with the isolation."""
    return partial(running_launcher, tmp_path)


@pytest.fixture(params=sorted(RESOURCE_APIS))
def open_api(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], AbstractAsyncContextManager[ResourceApi]]:
    """Opens the implementation on this test's state directory; opening it again finds what was stored."""
    return partial(RESOURCE_APIS[request.param], tmp_path / "state")


@pytest.fixture(params=sorted(JOURNALS))
def open_journal(
    request: pytest.FixtureRequest, tmp_path: Path
) -> Callable[[], AbstractAsyncContextManager[tuple[ResourceApi, WorkflowJournal]]]:
    """Opens the API and the journal on this test's state directory."""
    return partial(JOURNALS[request.param], tmp_path / "state")


@pytest.fixture(params=sorted(ARCHIVES))
def open_archive(
    request: pytest.FixtureRequest, tmp_path: Path
) -> Callable[[], AbstractAsyncContextManager[Archiving]]:
    """Opens the archive on this test's state directory."""
    return partial(ARCHIVES[request.param], tmp_path / "state")
