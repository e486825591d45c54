from __future__ import annotations

from datetime import UTC, datetime

import pytest

from setpoint.core.workflow.ids import display_name, fnv1a, fnv1a_64, node_id, pod_id, pod_name

MOMENT = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(("text", "expected"), [("", 2166136261), ("a", 3826002220), ("foobar", 0xBF9CF968)])
def test_fnv1a_gives_the_published_vectors(text: str, expected: int) -> None:
    assert fnv1a(text) == expected


@pytest.mark.parametrize(("text", "expected"), [("", 14695981039346656037), ("foobar", 0x85944171F73967E8)])
def test_the_wide_hash_gives_the_published_vectors(text: str, expected: int) -> None:
    assert fnv1a_64(text) == expected


@pytest.mark.rule("tree.root-id")
def test_the_root_is_its_own_id() -> None:
    assert node_id("wf", "wf") == "wf"
    assert node_id("wf", "wf[0]") == f"wf-{fnv1a('wf[0]')}"


@pytest.mark.parametrize(
    ("template", "node", "expected"),
    [
        ("say", "wf", "wf"),
        ("say", "wf-17", "wf-say-17"),
        ("", "wf-17", "wf-17"),
        ("x" * 300, "wf-17", f"{('wf-' + 'x' * 300)[:242]}-17"),
    ],
)
@pytest.mark.rule("tree.pod-name")
def test_pod_names(template: str, node: str, expected: str) -> None:
    assert pod_name("wf", template, node) == expected


@pytest.mark.parametrize(
    ("name", "boundary", "expected"),
    [
        ("wf[0]", "wf", "[0]"),
        ("wf[0].a", "wf", "a"),
        ("wf[0].a(1:x)", "wf", "a(1:x)"),
        ("wf.task", "wf", "task"),
        ("wf[0].a[1].b(0)", "wf[0].a", "b(0)"),
        ("wf.onExit", None, "wf.onExit"),
    ],
)
@pytest.mark.rule("tree.display-name")
def test_display_names(name: str, boundary: str | None, expected: str) -> None:
    assert display_name(name, boundary) == expected


def test_a_launch_id_is_the_same_for_the_same_start_only() -> None:
    assert pod_id("uid", "node", MOMENT) == pod_id("uid", "node", MOMENT)
    assert pod_id("uid", "node", MOMENT) != pod_id("uid", "node", MOMENT.replace(microsecond=1))
    assert pod_id("uid", "node", MOMENT) != pod_id("uid", "other", MOMENT)
    assert pod_id("uid", "node", MOMENT).isalnum()
