"""`fields` keeps or drops parts of an answer."""

from __future__ import annotations

from typing import Any

import pytest

from setpoint.server.argo._fields import FieldFilter

VALUE = {
    "metadata": {"continue": "2"},
    "items": [{"metadata": {"name": "a", "uid": "u"}, "status": {"phase": "Failed", "nodes": {"n": {}}}}],
}


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", VALUE),
        ("metadata", {"metadata": {"continue": "2"}}),
        (
            "metadata,items.metadata.name,items.status.phase",
            {"metadata": {"continue": "2"}, "items": [{"metadata": {"name": "a"}, "status": {"phase": "Failed"}}]},
        ),
        ("items.none", {"items": [{}]}),
        (
            "-items.status.nodes,metadata",
            {"items": [{"metadata": {"name": "a", "uid": "u"}, "status": {"phase": "Failed"}}]},
        ),
        ("-", VALUE),
    ],
)
def test_parts_are_kept_or_dropped(text: str, wanted: dict[str, Any]) -> None:
    assert FieldFilter(text).clean(VALUE) == wanted


def test_the_envelope_of_a_stream_is_cut_from_paths() -> None:
    assert FieldFilter("result.object.a", prefix="result.object.").clean({"a": 1, "b": 2}) == {"a": 1}
