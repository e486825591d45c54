"""Statements about one key count up; what an author repeats is no news; the last one is in force."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from setpoint.apis.errors import InvalidSpec
from setpoint.core.monitors.label import Label, check_label, key_of, latest, revise

NOW = datetime(2026, 3, 1, tzinfo=UTC)
labels = st.builds(
    Label,
    label=st.sampled_from(["normal", "4"]),
    author=st.sampled_from(["a", "b"]),
    at=st.just(NOW),
    inference_id=st.sampled_from(["x", "y", "z"]),
)


@given(st.lists(st.lists(labels, max_size=5), max_size=5))
def test_revisions_count_up_and_the_last_is_in_force(batches: list[list[Label]]) -> None:
    stored: list[Label] = []
    for batch in batches:
        stored += revise(stored, batch)
    said = [label for batch in batches for label in batch]
    for key in {key_of(label) for label in said}:
        mine = [label for label in stored if key_of(label) == key]
        assert [label.revision for label in mine] == list(range(1, len(mine) + 1))
        changes = [(label.label, label.author) for label in said if key_of(label) == key]
        assert [(label.label, label.author) for label in mine] == [
            pair for index, pair in enumerate(changes) if index == 0 or pair != changes[index - 1]
        ]
    assert {(key_of(label), label.label) for label in latest(stored)} == {
        (key, [label.label for label in said if key_of(label) == key][-1]) for key in {key_of(label) for label in said}
    }
    assert not revise(stored, latest(stored))


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({}, "either of an inference id"),
        ({"inference_id": "x", "asset": "a"}, "either of an inference id"),
        ({"asset": "a", "begin": NOW}, "a begin and an end"),
        ({"asset": "a", "begin": NOW, "end": NOW}, "not after it begins"),
        ({"asset": "a", "begin": NOW.replace(tzinfo=None), "end": NOW + timedelta(1)}, "time zone"),
        ({"inference_id": "x", "label": ""}, "a text and an author"),
        ({"inference_id": "x", "author": ""}, "a text and an author"),
    ],
)
def test_what_is_no_label_is_refused(wrong: dict[str, Any], words: str) -> None:
    given: dict[str, Any] = {"label": "normal", "author": "a", "at": NOW} | wrong
    with pytest.raises(InvalidSpec, match=words):
        check_label(Label(**given))


def test_an_interval_may_lack_its_asset() -> None:
    """A client that names none has one asset, without a name."""
    check_label(Label(label="normal", author="a", at=NOW, begin=NOW, end=NOW + timedelta(hours=1)))
