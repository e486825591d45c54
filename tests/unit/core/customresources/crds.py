"""A CustomResourceDefinition that tests change."""

from __future__ import annotations

import copy
from typing import Any

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "spec": {
            "type": "object",
            "required": ["cronSpec"],
            "properties": {
                "cronSpec": {"type": "string", "minLength": 1},
                "image": {"type": "string", "default": "busybox"},
                "replicas": {"type": "integer", "minimum": 0, "maximum": 10, "default": 1},
                "color": {"type": "string", "enum": ["red", "blue"]},
            },
        },
        "status": {"type": "object", "properties": {"replicas": {"type": "integer"}}},
    },
}


def crontab_crd(schema: dict[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
    """CronTab of stable.example.com, one version; `spec` replaces fields of the spec."""
    version = {"name": "v1", "served": True, "storage": True}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "crontabs.stable.example.com"},
        "spec": {
            "group": "stable.example.com",
            "scope": "Namespaced",
            "names": {"plural": "crontabs", "kind": "CronTab", "shortNames": ["ct"]},
            "versions": [
                version | {"schema": {"openAPIV3Schema": copy.deepcopy(SCHEMA if schema is None else schema)}}
            ],
        }
        | spec,
    }


def version(name: str = "v1", **fields: Any) -> dict[str, Any]:
    """One version with the schema; `fields` replace its fields."""
    schema = {"openAPIV3Schema": copy.deepcopy(SCHEMA)}
    return {"name": name, "served": True, "storage": True, "schema": schema} | fields


def of_spec(**fields: Any) -> dict[str, Any]:
    """A schema whose `spec` has these fields."""
    return {"type": "object", "properties": {"spec": {"type": "object", "properties": fields}}}
