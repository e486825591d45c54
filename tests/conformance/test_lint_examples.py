"""The official examples and schemas: every example decodes and holds nothing invalid; every official field is known."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import msgspec.inspect as mi
import pytest
from jsonschema import Draft202012Validator

from setpoint.apis.argo import KINDS, TemplateCatalog
from setpoint.apis.errors import NotSupported
from setpoint.apis.manifest import Document, collect_problems, decode_document, load_documents
from setpoint.apis.meta import Condition, ObjectMeta, Resource, render_wire
from setpoint.operations.lint import lint, lint_text

SHARED = Path(__file__).resolve().parents[2] / ".." / "shared"
EXAMPLES = SHARED / "argo" / "examples"
SCHEMAS = SHARED / "schemas" / "argoproj.io"
INVALID = Path(__file__).parent / "manifests" / "invalid"

needs_examples = pytest.mark.skipif(not EXAMPLES.is_dir(), reason="the reference material is not here")
needs_schemas = pytest.mark.skipif(not SCHEMAS.is_dir(), reason="the reference material is not here")

NAMELESS = {"k8s-jobs.yaml": ["$.metadata"]}
"""An example that has neither name nor generateName, which an API server refuses."""

TYPED_ONCE = (ObjectMeta, Condition)
"""Types that all kinds share; Argo uses fewer of their fields in places."""


def example_documents() -> dict[str, tuple[Document, ...]]:
    files = sorted(EXAMPLES.rglob("*.yaml"))
    return {str(file.relative_to(EXAMPLES)): load_documents(file.read_text(), file.name) for file in files}


@pytest.mark.shared
@needs_examples
def test_every_example_decodes() -> None:
    problems = {
        name: [problem.reason for document in documents for problem in collect_problems(document)]
        for name, documents in example_documents().items()
    }
    assert len(problems) > 100
    assert {name: said for name, said in problems.items() if said} == {}


@pytest.mark.shared
@needs_examples
def test_no_example_has_anything_invalid() -> None:
    examples = example_documents()
    templates = [
        decode_document(document)
        for documents in examples.values()
        for document in documents
        if document.kind.endswith("WorkflowTemplate")
    ]
    catalog = TemplateCatalog.of(templates)
    reports = {name: lint(documents, catalog) for name, documents in examples.items()}
    assert {name: [str(error) for error in report.invalid] for name, report in reports.items() if report.invalid} == {}
    refused = [error for report in reports.values() for error in report.errors]
    assert all(isinstance(error, NotSupported) and error.path and error.location for error in refused)


def walk_schema(schema: Any, kind: mi.Type, path: str) -> Iterator[str]:
    """Differences between an official schema and a type, down to where the type is left open."""
    if isinstance(kind, mi.UnionType):
        kind = next((item for item in kind.types if not isinstance(item, mi.NoneType)), kind)
    if isinstance(kind, mi.StructType):
        fields = {field.encode_name: field for field in kind.fields}
        official = schema.get("properties", {})
        if not official:
            return
        yield from (f"{path}.{name}: not known to the types" for name in official.keys() - fields.keys())
        extra = fields.keys() - official.keys() if kind.cls not in TYPED_ONCE else ()
        yield from (f"{path}.{name}: not an official field" for name in extra)
        for name in official.keys() & fields.keys():
            yield from walk_schema(official[name], fields[name].type, f"{path}.{name}")
    elif isinstance(kind, mi.VarTupleType):
        yield from walk_schema(schema.get("items", {}), kind.item_type, f"{path}[]")
    elif isinstance(kind, mi.DictType) and isinstance(schema.get("additionalProperties"), dict):
        yield from walk_schema(schema["additionalProperties"], kind.value_type, f"{path}{{}}")


@pytest.mark.shared
@needs_schemas
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.KIND)
@pytest.mark.rule("objects.kinds")
def test_every_official_field_is_known_and_no_other(kind: type[Resource]) -> None:
    schema = json.loads((SCHEMAS / f"{kind.KIND}-v1alpha1.json").read_text())
    assert list(walk_schema(schema, mi.type_info(kind), kind.KIND)) == []


@pytest.mark.shared
@needs_examples
@needs_schemas
def test_what_is_written_of_every_example_is_valid_and_reads_back_equal() -> None:
    validators = {
        kind.KIND: Draft202012Validator(json.loads((SCHEMAS / f"{kind.KIND}-v1alpha1.json").read_text()))
        for kind in KINDS
    }
    wrong: dict[str, list[str]] = {}
    for name, documents in example_documents().items():
        for document in documents:
            if document.kind not in validators:
                continue
            resource = decode_document(document)
            written = json.loads(msgspec.json.encode(render_wire(resource)))
            assert msgspec.convert(written, type(resource)) == resource.replace(
                api_version=resource.API_VERSION, kind=resource.KIND
            )
            if paths := [error.json_path for error in validators[document.kind].iter_errors(written)]:
                wrong[name] = paths
    assert wrong == NAMELESS


def expected(text: str) -> list[str]:
    """The comment lines at the top of a manifest of ours say what lint has to say about it."""
    return [line.removeprefix("# ").rstrip() for line in text.splitlines() if line.startswith("# ")]


@pytest.mark.parametrize("file", sorted(INVALID.glob("*.yaml")), ids=lambda file: file.stem)
@pytest.mark.rule("objects.unknown-field")
def test_our_invalid_manifests_get_exactly_their_messages(file: Path) -> None:
    text = file.read_text()
    report = lint_text(text, file.name, submit=True)
    assert [str(error) for error in report.errors] == expected(text)
