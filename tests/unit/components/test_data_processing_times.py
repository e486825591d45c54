"""Times: formats, numbers, and daylight saving in Europe/Berlin hour by hour."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from setpoint.apis.errors import InvalidSpec
from setpoint.components.data_processing._names import TIME
from setpoint.components.data_processing._recipe import TimeSpec
from setpoint.components.data_processing._times import TimeNotes, to_instants

BERLIN = TimeSpec(column="t", zone="Europe/Berlin")


def instants(values: list[object], spec: TimeSpec, notes: TimeNotes | None = None, tags: str = "") -> list[object]:
    frame = pl.DataFrame({"t": values, "tag": list(tags) or ["a"] * len(values)})
    result = to_instants(frame, "t", spec, streams=["tag"], notes=notes if notes is not None else TimeNotes())
    return result[TIME].to_list()


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("local", "universal"),
    [
        ("2026-01-15 12:00:00", "2026-01-15 11:00"),
        ("2026-07-15 12:00:00", "2026-07-15 10:00"),
        ("2026-03-29 01:59:59", "2026-03-29 00:59:59"),
        ("2026-03-29 03:00:00", "2026-03-29 01:00"),
        ("2026-10-25 01:59:59", "2026-10-24 23:59:59"),
        ("2026-10-25 03:00:00", "2026-10-25 02:00"),
    ],
)
def test_local_times_away_from_the_change(local: str, universal: str) -> None:
    assert instants([local], BERLIN) == [utc(universal)]


def test_the_hour_that_comes_twice_is_told_apart_by_order() -> None:
    local = [f"2026-10-25 {hour:02d}:{minute:02d}:00" for hour in (1, 2) for minute in (0, 20, 40)]
    local += [f"2026-10-25 {hour:02d}:{minute:02d}:00" for hour in (2, 3) for minute in (0, 20, 40)]
    notes = TimeNotes()
    first = utc("2026-10-24 23:00")
    assert instants(list(local), BERLIN, notes) == [first + timedelta(minutes=20 * step) for step in range(12)]
    assert (notes.ambiguous, notes.non_existent) == (6, 0)


def test_hourly_records_show_the_same_hour_twice() -> None:
    local = [f"2026-10-25 {hour:02d}:00" for hour in (1, 2, 2, 3)]
    assert instants(list(local), BERLIN) == [utc("2026-10-24 23:00") + timedelta(hours=step) for step in range(4)]


def test_hourly_records_of_several_tags_written_together() -> None:
    local = [f"2026-10-25 {hour:02d}:00" for hour in (1, 1, 2, 2, 2, 2, 3, 3)]
    frame = pl.DataFrame({"file": ["f"] * 8, "tag": list("abababab"), "t": local})
    result = to_instants(frame, "t", BERLIN, streams=["file", "tag"], notes=TimeNotes())
    assert result[TIME].to_list() == [utc("2026-10-24 23:00") + timedelta(hours=step // 2) for step in range(8)]


def test_tags_are_told_apart_each_by_its_own_order() -> None:
    local = ["2026-10-25 02:10", "2026-10-25 02:50", "2026-10-25 02:20", "2026-10-25 02:30", "2026-10-25 02:40"]
    # Tag a is recorded before and after the clock goes back; tag b, listed after it, only once.
    result = instants(list(local), BERLIN, tags="aaabb")
    assert result == [utc(f"2026-10-25 {t}") for t in ("00:10", "00:50", "01:20", "00:30", "00:40")]


@pytest.mark.parametrize(("policy", "wanted"), [("earliest", "00:30"), ("latest", "01:30")])
def test_the_declared_side_is_taken(policy: str, wanted: str) -> None:
    spec = TimeSpec(column="t", zone="Europe/Berlin", ambiguous=policy)  # type: ignore[arg-type]
    assert instants(["2026-10-25 02:30"], spec) == [utc(f"2026-10-25 {wanted}")]


def test_ambiguous_and_impossible_times_can_be_dropped_and_are_counted() -> None:
    notes = TimeNotes()
    spec = TimeSpec(column="t", zone="Europe/Berlin", ambiguous="drop")
    values: list[object] = ["2026-03-29 02:30", "2026-10-25 02:30", "2026-10-25 04:00", None]
    assert instants(values, spec, notes) == [utc("2026-10-25 03:00")]
    assert (notes.missing, notes.ambiguous, notes.non_existent) == (1, 1, 1)
    with pytest.raises(InvalidSpec, match="does not exist in Europe/Berlin"):
        instants(["2026-03-29 02:30"], TimeSpec(column="t", zone="Europe/Berlin", non_existent="error"))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("2026-11-23T10:00:00Z", "2026-11-23 10:00"),
        ("2026-11-23T10:00:00+01:00", "2026-11-23 09:00"),
        ("2026-11-23 10:00:00.500", "2026-11-23 10:00:00.5"),
        ("23.11.2026 10:00:00", "2026-11-23 10:00"),
        ("23/11/2026 10:00", "2026-11-23 10:00"),
        ("11/23/2026 10:00", "2026-11-23 10:00"),
        ("23-Nov-2026 10:00:00", "2026-11-23 10:00"),
        ("23-Nov-26 10:00:00", "2026-11-23 10:00"),
        ("2026-11-23", "2026-11-23 00:00"),
    ],
)
def test_formats_are_recognised(text: str, wanted: str) -> None:
    assert instants([text], TimeSpec(column="t")) == [utc(wanted)]


@pytest.mark.parametrize(
    ("values", "spec", "message"),
    [
        (["yesterday"], TimeSpec(column="t"), "t: 'yesterday' is not a time in any known format"),
        (["01/02/2026 10:00"], TimeSpec(column="t"), "day and month cannot be told apart"),
        (["2026-01-01 00:00", "soon"], TimeSpec(column="t", format="%Y-%m-%d %H:%M"), "'soon' is not a time written"),
        ([1.0], TimeSpec(column="t"), "say what they count with time.unit"),
        (["x"], TimeSpec(column="t", unit="h"), "'x' is not a number of h"),
    ],
)
def test_times_that_cannot_be_read_are_errors(values: list[object], spec: TimeSpec, message: str) -> None:
    with pytest.raises(InvalidSpec) as caught:
        instants(values, spec)
    assert message in str(caught.value)


def test_numbers_count_from_the_origin_without_rounding_dust() -> None:
    spec = TimeSpec(column="t", unit="h", origin="2026-01-01")
    times = instants([0.05 * step for step in range(1, 500)], spec)
    assert times == [utc("2026-01-01") + timedelta(minutes=3 * step) for step in range(1, 500)]
    assert instants([3.0, 4.0], TimeSpec(column="t", unit="sample")) == [3, 4]
