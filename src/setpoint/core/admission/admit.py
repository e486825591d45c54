"""One door for objects that come in: from what was sent to what is stored, for every kind alike.

A kind with a class is read by it; a kind of a CustomResourceDefinition is pruned, given its defaults, and checked by
its schema and rules. Invariant: admitting what was admitted changes nothing and warns of nothing.

What a class leaves out on writing is what it has by itself. Of what was written, zero values (0, false, empty text,
lists and maps) may go so: they mean the same as nothing, as with `omitempty` in Go. Anything else that was written
stays, even if it is what the class would have anyway: `replicas: 1` is answered to who wrote it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import msgspec

from setpoint.apis.definitions import ResourceDefinition
from setpoint.apis.errors import InvalidObject, InvalidSpec, Problem
from setpoint.apis.manifest import FieldPath, decode_tolerant
from setpoint.core.admission.decode import Mode, report
from setpoint.core.admission.ratchet import ratcheted
from setpoint.core.admission.shape import check_shape
from setpoint.core.customresources import (
    CRD_DEFINITION,
    CRD_SCHEMA,
    apply_defaults,
    check_crd,
    check_crd_update,
    check_embedded,
    coerce_metadata,
    complete_names,
    crd_warnings,
    drop_nulls,
    evaluate_rules,
    prune,
    prune_schemas,
    validate,
)
from setpoint.core.customresources.problems import MOST_PATHS, child, element


@dataclass(frozen=True, slots=True)
class Admitted:
    """An object as it is stored, and what its sender should be told."""

    document: dict[str, Any]
    warnings: tuple[str, ...] = ()


def admit(definition: ResourceDefinition, document: Any, mode: Mode, old: Mapping[str, Any] | None = None) -> Admitted:
    """An object that came in, as it is stored.

    Args:
        definition: Of the kind and version in which it was sent.
        document: What was sent, any value of JSON; it is not changed.
        mode: What happens to unknown fields: refused, dropped with a warning, or dropped.
        old: The object before, in the same version, if there is one: rules compare with it.

    Raises: StrictDecodingError for unknown fields in mode Strict, InvalidObject with all problems for a kind of a
        CustomResourceDefinition, else InvalidSpec with the first problem and its path.
    """
    check_shape(document)
    if not isinstance(document, dict):
        raise InvalidSpec("an object must be a map with apiVersion, kind and metadata")
    _check_type(definition, document)
    if definition.cls is not None:
        admitted = _admit_class(definition, document, mode)
    else:
        admitted = _admit_custom(definition, document, mode, old)
    return admitted


def _check_type(definition: ResourceDefinition, document: Mapping[str, Any]) -> None:
    for name, wanted in (("apiVersion", definition.api_version), ("kind", definition.kind)):
        found = document.get(name)
        if found and found != wanted:
            raise InvalidSpec(f"must be {wanted} here, found {found!r}", path=name)


def _admit_class(definition: ResourceDefinition, document: dict[str, Any], mode: Mode) -> Admitted:
    cls = definition.cls
    assert cls is not None  # noqa: S101  # the caller has looked; this tells the type checker
    try:
        resource, unknown = decode_tolerant(document, cls)
    except InvalidSpec as error:
        if definition.key != "Secret":
            raise
        # what was found instead may be what is to be kept secret
        raise InvalidSpec(error.reason.partition(", found ")[0], path=error.path) from None
    warnings = report([f'unknown field "{_dotted(path)}"' for path in unknown[:MOST_PATHS]], mode)
    wire = _plain(resource)
    _keep_written(document, resource, wire)
    head = {"apiVersion": definition.api_version, "kind": definition.kind}
    return Admitted(head | {name: value for name, value in wire.items() if name not in head}, warnings)


def _plain(value: Any) -> Any:
    """A typed value as JSON has it: lists and no tuples."""
    return msgspec.json.decode(msgspec.json.encode(value))


def _dotted(path: FieldPath) -> str:
    """The path as a strict decoder writes it: keys as they are, even with dots."""
    text = ""
    for part in path:
        text = element(text, part) if isinstance(part, int) else child(text, part)
    return text


@lru_cache(maxsize=1_024)
def _attributes(cls: type[msgspec.Struct]) -> dict[str, str]:
    """Names on the wire to names in the class."""
    return dict(zip(cls.__struct_encode_fields__, cls.__struct_fields__, strict=True))


def _keep_written(written: Any, typed: Any, wire: Any) -> None:
    """Puts back into `wire` what was written and the class left out, see the module's text."""
    if isinstance(typed, msgspec.Struct):
        if isinstance(written, dict) and isinstance(wire, dict):
            _keep_fields(written, typed, wire)
    elif isinstance(typed, (tuple, list)):
        if isinstance(written, list) and len(written) == len(typed) == len(wire):
            for before, item, after in zip(written, typed, wire, strict=True):
                if isinstance(item, (msgspec.Struct, tuple, dict)):
                    _keep_written(before, item, after)
    elif isinstance(typed, dict) and isinstance(written, dict):
        for name, item in typed.items():
            if isinstance(item, (msgspec.Struct, tuple)):
                _keep_written(written.get(name), item, wire[name])


def _keep_fields(written: dict[str, Any], typed: msgspec.Struct, wire: dict[str, Any]) -> None:
    attributes: dict[str, str] | None = None
    for name, value in written.items():
        if name in wire:
            if type(value) is not dict and type(value) is not list:
                continue
        elif not value:
            continue
        attributes = attributes or _attributes(type(typed))
        if name not in attributes:
            continue
        found = getattr(typed, attributes[name])
        if name in wire:
            _keep_written(value, found, wire[name])
        elif found is not None:
            wire[name] = _plain(found)


def _admit_custom(
    definition: ResourceDefinition, document: dict[str, Any], mode: Mode, old: Mapping[str, Any] | None
) -> Admitted:
    schema = definition.schema or {}
    unknown: list[str] = []
    pruned = prune(document, schema, unknown)
    if definition.key == CRD_DEFINITION.key:
        pruned = prune_schemas(pruned, unknown)
    coerced, problems = coerce_metadata(pruned, schema, unknown)
    _refuse(problems)
    warnings = report([f'unknown field "{path}"' for path in unknown], mode)
    full = apply_defaults(drop_nulls(coerced, schema), schema)
    full = {"apiVersion": definition.api_version, "kind": definition.kind} | {
        name: value for name, value in full.items() if name not in ("apiVersion", "kind")
    }
    if definition.key == CRD_DEFINITION.key:
        return _admit_definition(full, warnings, old)
    _refuse(ratcheted((*validate(full, schema), *check_embedded(full, schema)), full, old))
    _refuse(evaluate_rules(full, schema, old))
    return Admitted(full, warnings)


def _admit_definition(crd: dict[str, Any], warnings: tuple[str, ...], old: Mapping[str, Any] | None) -> Admitted:
    _refuse(validate(crd, CRD_SCHEMA))
    spec = crd["spec"]
    crd = crd | {"spec": spec | {"names": complete_names(spec["names"])}}
    _refuse(check_crd(crd) if old is None else check_crd_update(old, crd))
    return Admitted(crd, warnings + crd_warnings(crd))


def _refuse(problems: tuple[Problem, ...]) -> None:
    if problems:
        raise InvalidObject(problems)
