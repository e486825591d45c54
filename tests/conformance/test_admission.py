"""Manifests through the door of the API server: nothing is lost, and nothing changes a second time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from setpoint.apis.definitions import ResourceDefinition
from setpoint.apis.errors import InvalidSpec
from setpoint.apis.kinds import KINDS
from setpoint.apis.manifest import decode_object, load_values
from setpoint.core.admission import admit

MANIFESTS = Path(__file__).parent / "manifests"
CLASSES = {(cls.API_VERSION, cls.KIND): cls for cls in KINDS}


def objects(folder: Path) -> Iterator[tuple[str, ResourceDefinition, dict[str, Any]]]:
    """Each object of a known kind in a folder, with its file and definition."""
    for file in sorted(folder.rglob("*.yaml")):
        if "invalid" in file.parts:
            continue
        for value in load_values(file.read_text(), file.name):
            if not isinstance(value, dict):
                continue
            cls = CLASSES.get((str(value.get("apiVersion")), str(value.get("kind"))))
            if cls is not None:
                group, _, version = cls.API_VERSION.rpartition("/")
                definition = ResourceDefinition(
                    group=group, version=version, kind=cls.KIND, plural=cls.PLURAL, namespaced=cls.NAMESPACED, cls=cls
                )
                yield file.name, definition, value


def check_folder(folder: Path, least: int) -> None:
    count = 0
    for file, definition, value in objects(folder):
        try:
            first = admit(definition, value, "Strict")
        except InvalidSpec as error:
            assert "an integer beyond 64 bits" in error.reason, (file, error)
            continue
        assert definition.cls is not None
        assert decode_object(first.document, definition.cls) == decode_object(value, definition.cls), file
        assert admit(definition, first.document, "Strict") == first, file
        count += 1
    assert count >= least


def test_our_manifests_are_admitted_as_they_are() -> None:
    check_folder(MANIFESTS, 100)


@pytest.mark.shared
def test_the_official_examples_are_admitted_as_they_are(shared: Path) -> None:
    check_folder(shared / "argo" / "examples", 100)
