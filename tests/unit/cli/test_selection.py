"""Which workflows filters mean."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from setpoint.apis.errors import InvalidSpec
from setpoint.cli._selection import Filters, ListedRun, parse_ago

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)


def run(name: str, *, created: str = "2h", ended: str = "", phase: str = "Running") -> ListedRun:
    status: dict[str, Any] = {"phase": phase}
    if ended:
        status["finishedAt"] = (NOW - parse_ago(ended, "")).isoformat()
    moment = NOW - parse_ago(created, "")
    metadata = {"name": name, "namespace": "default", "creationTimestamp": moment.isoformat()}
    return msgspec.convert({"metadata": metadata, "status": status}, ListedRun)


RUNS = [
    run("old", created="3d", ended="2d", phase="Succeeded"),
    run("old-active", created="3d"),
    run("new", created="30m", ended="10m", phase="Failed"),
]


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        (Filters(), ["old", "old-active", "new"]),
        (Filters(prefix="old"), ["old", "old-active"]),
        (Filters(older="1d"), ["old"]),
        (Filters(since="1h"), ["old-active", "new"]),
        (Filters(fields="metadata.name=new"), ["new"]),
        (Filters(fields="status.phase!=Failed,metadata.namespace=default"), ["old", "old-active"]),
    ],
)
def test_filters_choose(filters: Filters, names: list[str]) -> None:
    assert [item.metadata.name for item in filters.chosen(RUNS, NOW)] == names


def test_what_labels_say_is_asked_of_the_api() -> None:
    filters = Filters(selector="a=b", phases=("Failed", "Error"), completed=True, resubmitted=True)
    assert filters.label_selector == (
        "a=b,workflows.argoproj.io/phase in (Failed,Error),workflows.argoproj.io/completed=true,"
        "workflows.argoproj.io/resubmitted-from-workflow"
    )
    assert Filters(running=True).label_selector == "workflows.argoproj.io/completed!=true"


@pytest.mark.parametrize(
    "filters", [Filters(completed=True, running=True), Filters(phases=("Happy",)), Filters(older="soon")]
)
def test_filters_that_make_no_sense_are_refused(filters: Filters) -> None:
    with pytest.raises(InvalidSpec):
        filters.chosen(RUNS, NOW) if filters.older else filters.label_selector


def test_a_field_that_is_none_is_refused() -> None:
    with pytest.raises(InvalidSpec, match=r"spec\.color"):
        Filters(fields="spec.color=red").chosen(RUNS, NOW)


def test_durations_are_read() -> None:
    assert parse_ago("1d12h", "") == timedelta(days=1, hours=12)
    assert parse_ago("90s", "") == timedelta(seconds=90)
