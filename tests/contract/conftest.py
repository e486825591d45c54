"""One parametrised fixture per port: each test of a contract runs over every implementation."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path

import pytest

from setpoint.ports.journal import WorkflowJournal
from setpoint.ports.resources import ResourceApi
from tests.contract.implementations import ARCHIVES, JOURNALS, RESOURCE_APIS, Archiving


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
