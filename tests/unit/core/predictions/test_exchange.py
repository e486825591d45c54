"""A file of exchanges that was cut off anywhere holds those before the cut, and only those."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from setpoint.core.predictions.exchange import Exchange, pack, unpack

bodies = st.none() | st.binary(max_size=60)
exchanges = st.builds(
    Exchange,
    time_us=st.integers(0, 2**50),
    revision=st.text(max_size=5),
    client=st.text(max_size=5),
    method=st.just("POST"),
    path=st.text(max_size=5),
    status=st.integers(100, 599),
    seconds=st.floats(0, 10),
    request_bytes=st.integers(0, 2**40),
    response_bytes=st.integers(0, 2**40),
    request=bodies,
    response=bodies,
    request_json_length=st.none() | st.just("12"),
)


@given(st.lists(exchanges, max_size=5), st.data())
def test_a_cut_leaves_what_was_whole(written: list[Exchange], data: Any) -> None:
    records = [pack(one) for one in written]
    whole = b"".join(records)
    assert list(unpack(whole)) == written
    cut = data.draw(st.integers(0, len(whole)))
    fit = 0
    while fit < len(records) and sum(map(len, records[: fit + 1])) <= cut:
        fit += 1
    assert list(unpack(whole[:cut])) == written[:fit]


@given(st.binary(max_size=200))
def test_bytes_that_are_none_of_ours_are_no_error(data: bytes) -> None:
    assert len(list(unpack(data))) <= len(data)
