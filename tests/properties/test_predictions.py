"""Spools cut off anywhere, labels said in any order, bytes that mean nothing."""

from __future__ import annotations

import itertools
import os
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from setpoint.adapters.labels import FileLabels, key_of, latest, parse, revise
from setpoint.core.predictions.exchange import Exchange, FrameReader, decode_frames, encode_frame
from setpoint.core.predictions.rows import row_of
from setpoint.ports.predictions import PREDICTION_COLUMNS, REASONS, Label

_EPOCH = datetime(2026, 1, 1, tzinfo=UTC)

_bodies = st.none() | st.binary(max_size=60) | st.sampled_from([b'{"inputs":[]}', b"{}", b'{"error": 3}', b"[1]"])
exchanges = st.builds(
    Exchange,
    time=st.integers(0, 2**52),
    seconds=st.floats(0, 1e6),
    method=st.sampled_from(["GET", "POST"]),
    path=st.sampled_from(["/v2/models/m/infer", "/v1/models/m:predict", "/v2/models/m", "/x", ""]),
    status=st.integers(100, 599),
    client=st.text(max_size=5),
    revision=st.text(max_size=5),
    request_bytes=st.integers(0, 2**40),
    response_bytes=st.integers(0, 2**40),
    request=_bodies,
    request_json=st.none() | st.sampled_from(["0", "5", "x", "-1"]),
    response=_bodies,
    response_json=st.none() | st.sampled_from(["0", "5", "x", "-1"]),
    keep=st.sampled_from(["all", "request", "response"]),
)


@given(st.lists(exchanges, max_size=6), st.integers(0, 2000))
def test_a_spool_cut_anywhere_gives_the_whole_frames_before_the_cut(items: list[Exchange], cut: int) -> None:
    frames = [encode_frame(item) for item in items]
    data = b"".join(frames)[:cut]
    whole, size = 0, 0
    while whole < len(frames) and size + len(frames[whole]) <= cut:
        size += len(frames[whole])
        whole += 1
    reader = FrameReader(data)
    assert list(reader) == items[:whole]
    assert (reader.position, reader.damage) == (size, "")


@given(st.lists(exchanges, min_size=1, max_size=4), st.data())
def test_a_changed_byte_never_gives_a_frame_that_was_not_written(items: list[Exchange], data: st.DataObject) -> None:
    content = bytearray(b"".join(encode_frame(item) for item in items))
    position = data.draw(st.integers(0, len(content) - 1))
    content[position] ^= data.draw(st.integers(1, 255))
    found = decode_frames(bytes(content))
    assert found == items[: len(found)]
    assert len(found) < len(items)


@given(exchanges)
def test_any_bytes_give_a_row(exchange: Exchange) -> None:
    row = row_of(exchange)
    assert row.keys() == PREDICTION_COLUMNS.keys()
    assert (row["reason"] == "") == (200 <= exchange.status < 300 or exchange.status < 200)
    assert row["reason"] in ("", *REASONS)
    assert len(row["error"]) <= 200


def _moment(hours: int) -> datetime:
    return _EPOCH + timedelta(hours=hours)


_about_ids = st.builds(
    Label,
    label=st.sampled_from(["0", "1", "4"]),
    author=st.sampled_from(["ann", "bob"]),
    at=st.integers(0, 9).map(_moment),
    inference_id=st.sampled_from(["a", "b", "c"]),
)
_about_assets = st.builds(
    lambda label, author, begin: Label(
        label=label, author=author, at=_EPOCH, asset="r", begin=_moment(begin), end=_moment(begin + 1)
    ),
    st.sampled_from(["0", "1"]),
    st.sampled_from(["ann", "bob"]),
    st.integers(0, 2),
)
statements = st.lists(_about_ids | _about_assets, max_size=12)


@given(statements)
def test_revisions_count_the_statements_about_one_key(said: list[Label]) -> None:
    new = revise({}, said)
    for key in {key_of(label) for label in said}:
        about = [label for label in new if key_of(label) == key]
        assert [label.revision for label in about] == list(range(1, len(about) + 1))
        last = [label for label in said if key_of(label) == key][-1]
        assert (about[-1].label, about[-1].author) == (last.label, last.author)
        pairs = [(label.label, label.author) for label in about]
        assert all(one != two for one, two in itertools.pairwise(pairs))
    assert list(latest(new)) == list(dict.fromkeys(key_of(label) for label in said))
    assert revise(latest(new), latest(new).values()) == []


@given(statements, st.integers(0, 12))
def test_batches_or_all_at_once_are_the_same(said: list[Label], cut: int) -> None:
    first = revise({}, said[:cut])
    assert first + revise(latest(first), said[cut:]) == revise({}, said)


@given(st.lists(statements, max_size=4), st.integers(0, 4000), statements)
def test_a_torn_file_keeps_whole_batches_and_takes_more(
    batches: list[list[Label]], cut: int, more: list[Label]
) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        labels, path = FileLabels(Path(scratch)), Path(scratch) / "plant" / "reactor.jsonl"
        for batch in batches:
            labels.add("plant", "reactor", batch)
        if path.exists():
            os.truncate(path, min(cut, path.stat().st_size))
        kept = labels.read("plant", "reactor")
        possible = [tuple(latest(revise({}, [s for batch in batches[:n] for s in batch])).values()) for n in range(5)]
        assert kept in possible
        labels.add("plant", "reactor", more)
        found = labels.read("plant", "reactor")
        assert found == tuple(latest([*kept, *revise(latest(kept), more)]).values())
        if path.exists() and more:
            assert parse(path.read_bytes()) != [] or not found
