"""What a CustomResourceDefinition says, as the definitions that the server, the store and the printer ask.

Source: apiextensions.k8s.io/v1 CustomResourceDefinition.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from setpoint.apis.definitions import Column, ResourceDefinition, Scale

_STAGED = re.compile(r"v([0-9]{1,9})(?:(alpha|beta)([0-9]{1,9}))?")

GROUP = "apiextensions.k8s.io"
KIND = "CustomResourceDefinition"

_NAMES: dict[str, Any] = {
    "type": "object",
    "required": ["plural", "kind"],
    "properties": {
        "plural": {"type": "string"},
        "singular": {"type": "string"},
        "kind": {"type": "string"},
        "listKind": {"type": "string"},
        "shortNames": {"type": "array", "items": {"type": "string"}},
        "categories": {"type": "array", "items": {"type": "string"}},
    },
}
_COLUMN: dict[str, Any] = {
    "type": "object",
    "required": ["name", "type", "jsonPath"],
    "properties": {
        "name": {"type": "string"},
        "type": {"type": "string"},
        "format": {"type": "string"},
        "description": {"type": "string"},
        "priority": {"type": "integer", "format": "int32"},
        "jsonPath": {"type": "string"},
    },
}
_SUBRESOURCES: dict[str, Any] = {
    "type": "object",
    "properties": {
        "status": {"type": "object"},
        "scale": {
            "type": "object",
            "required": ["specReplicasPath", "statusReplicasPath"],
            "properties": {
                "specReplicasPath": {"type": "string"},
                "statusReplicasPath": {"type": "string"},
                "labelSelectorPath": {"type": "string"},
            },
        },
    },
}
_VERSION: dict[str, Any] = {
    "type": "object",
    "required": ["name", "served", "storage"],
    "properties": {
        "name": {"type": "string"},
        "served": {"type": "boolean"},
        "storage": {"type": "boolean"},
        "deprecated": {"type": "boolean"},
        "deprecationWarning": {"type": "string"},
        "schema": {
            "type": "object",
            "properties": {
                "openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
            },
        },
        "subresources": _SUBRESOURCES,
        "additionalPrinterColumns": {"type": "array", "items": _COLUMN},
        "selectableFields": {
            "type": "array",
            "items": {"type": "object", "required": ["jsonPath"], "properties": {"jsonPath": {"type": "string"}}},
        },
    },
}
_CONVERSION: dict[str, Any] = {
    "type": "object",
    "required": ["strategy"],
    "properties": {
        "strategy": {"type": "string"},
        "webhook": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
    },
}
_CONDITION: dict[str, Any] = {
    "type": "object",
    "required": ["type", "status"],
    "properties": {
        **{name: {"type": "string"} for name in ("type", "status", "reason", "message", "lastTransitionTime")},
        "observedGeneration": {"type": "integer"},
    },
}
CRD_SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "required": ["spec"],
    "properties": {
        "spec": {
            "type": "object",
            "required": ["group", "names", "scope", "versions"],
            "properties": {
                "group": {"type": "string"},
                "names": _NAMES,
                "scope": {"type": "string"},
                "versions": {"type": "array", "items": _VERSION},
                "conversion": _CONVERSION,
                "preserveUnknownFields": {"type": "boolean"},
            },
        },
        "status": {
            "type": "object",
            "properties": {
                "acceptedNames": {**_NAMES, "required": []},
                "conditions": {"type": "array", "items": _CONDITION},
                "storedVersions": {"type": "array", "items": {"type": "string"}},
                "observedGeneration": {"type": "integer"},
            },
        },
    },
}
"""The structural schema of a CustomResourceDefinition itself; what it says of schemas, `check_crd` says."""

CRD_DEFINITION = ResourceDefinition(
    group=GROUP,
    version="v1",
    kind=KIND,
    plural="customresourcedefinitions",
    singular="customresourcedefinition",
    list_kind="CustomResourceDefinitionList",
    short_names=("crd", "crds"),
    categories=("api-extensions",),
    namespaced=False,
    columns=(
        Column(
            name="Created At",
            path=".metadata.creationTimestamp",
            type="date",
            description="When the definition was made",
        ),
    ),
    schema=CRD_SCHEMA,
)
"""The kind CustomResourceDefinition, to be served like any other."""


def complete_names(names: Mapping[str, Any]) -> dict[str, Any]:
    """The names of a definition with the ones that an API server makes up: `singular` and `listKind`."""
    kind = names.get("kind", "")
    made = {"singular": kind.lower(), "listKind": f"{kind}List"}
    given = {name: value for name, value in names.items() if value}
    return {**made, **given}


def definitions_of(crd: Mapping[str, Any]) -> tuple[ResourceDefinition, ...]:
    """One definition for each served version, in the order of `kubectl get`: the stored one and the newest first.

    Args:
        crd: A CustomResourceDefinition that `check_crd` accepts. Names that its status accepted win over those of
            its spec.
    """
    spec = crd["spec"]
    accepted = crd.get("status", {}).get("acceptedNames") or {}
    names = complete_names(accepted if accepted.get("plural") else spec["names"])
    versions = sorted(spec["versions"], key=lambda version: version_rank(version["name"]))
    return tuple(_definition(spec, names, version) for version in versions if version.get("served"))


def deprecations_of(crd: Mapping[str, Any]) -> dict[str, str]:
    """The warning that every answer in a deprecated version carries, by the version's name."""
    spec = crd["spec"]
    return {
        version["name"]: version.get("deprecationWarning")
        or f"{spec['group']}/{version['name']} {spec['names']['kind']} is deprecated"
        for version in spec["versions"]
        if version.get("deprecated")
    }


def _definition(spec: Mapping[str, Any], names: Mapping[str, Any], version: Mapping[str, Any]) -> ResourceDefinition:
    subresources = version.get("subresources") or {}
    columns = version.get("additionalPrinterColumns")
    return ResourceDefinition(
        group=spec["group"],
        version=version["name"],
        kind=names["kind"],
        plural=names["plural"],
        singular=names["singular"],
        list_kind=names["listKind"],
        short_names=tuple(names.get("shortNames", ())),
        categories=tuple(names.get("categories", ())),
        namespaced=spec["scope"] == "Namespaced",
        has_status=subresources.get("status") is not None,
        scale=_scale(subresources.get("scale")),
        columns=_columns(columns) if columns else None,
        fields=tuple(item["jsonPath"].removeprefix(".") for item in version.get("selectableFields") or ()),
        schema=(version.get("schema") or {}).get("openAPIV3Schema") or {},
        storage=bool(version.get("storage")),
    )


def _scale(scale: Mapping[str, Any] | None) -> Scale | None:
    if scale is None:
        return None
    return Scale(
        spec_replicas=scale["specReplicasPath"],
        status_replicas=scale["statusReplicasPath"],
        label_selector=scale.get("labelSelectorPath", ""),
    )


def _columns(columns: Iterable[Mapping[str, Any]]) -> tuple[Column, ...]:
    return tuple(
        Column(
            name=item["name"],
            path=item["jsonPath"],
            type=item["type"],
            format=item.get("format", ""),
            description=item.get("description", ""),
            priority=item.get("priority", 0),
        )
        for item in columns
    )


def version_rank(name: str) -> tuple[int, int, int, str]:
    """Sorts versions as Kubernetes prefers them: v2, v1, v2beta1, v1beta2, v1alpha1, then the others by name.

    >>> sorted(["v1alpha1", "foo", "v1", "v2beta1", "v10"], key=version_rank)
    ['v10', 'v1', 'v2beta1', 'v1alpha1', 'foo']
    """
    found = _STAGED.fullmatch(name)
    if found is None:
        return 3, 0, 0, name
    major, stage, minor = (part or "" for part in found.groups())
    return {"": 0, "beta": 1, "alpha": 2}[stage], -int(major), -int(minor or 0), name
