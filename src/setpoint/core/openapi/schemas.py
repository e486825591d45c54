"""Schemas of wire types, as a Kubernetes API server publishes them.

Each struct is a component; how its lists merge is told by the `x-kubernetes-*` extensions. Invariant: a schema refuses
what decoding refuses, and knows every field that decoding knows.
Source: OpenAPI 3.0; Kubernetes documentation, "Merge strategy"; msgspec.inspect.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from enum import StrEnum
from functools import lru_cache
from typing import Any

import msgspec
import msgspec.inspect as mi

from setpoint.apis.apiextensions import CustomResourceDefinition
from setpoint.apis.batch import JobTemplate, PodTemplate
from setpoint.apis.definitions import ResourceDefinition
from setpoint.apis.meta import Resource
from setpoint.apis.references import LabelSelector, LabelSelectorRequirement
from setpoint.apis.shapes import is_quantity, wire_type
from setpoint.core.openapi.fields import description_of
from setpoint.core.openapi.merging import ATOMIC_MAPS, DEFAULTS, merging_of

Json = dict[str, Any]

REF = "#/components/schemas/"
OBJECT_META = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"

_PACKAGES: Mapping[str, str] = {
    "setpoint.apis.meta": "io.k8s.apimachinery.pkg.apis.meta.v1",
    "setpoint.apis.references": "io.k8s.api.core.v1",
    **dict.fromkeys(
        (f"setpoint.apis.{name}" for name in ("core", "podspec", "pod", "services", "nodes", "claims")),
        "io.k8s.api.core.v1",
    ),
    "setpoint.apis.batch": "io.k8s.api.batch.v1",
    "setpoint.apis.job_policies": "io.k8s.api.batch.v1",
    "setpoint.apis.coordination": "io.k8s.api.coordination.v1",
    "setpoint.apis.rbac": "io.k8s.api.rbac.v1",
    "setpoint.apis.metric_specs": "io.k8s.api.autoscaling.v2",
    "setpoint.apis.reviews": "io.k8s.api.authorization.v1",
    "setpoint.apis.measurements": "io.k8s.metrics.pkg.apis.metrics.v1beta1",
    "setpoint.apis.apiextensions": "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1",
    "setpoint.apis.argo": "io.argoproj.workflow.v1alpha1",
    "setpoint.apis.serving": "io.kserve.serving.v1beta1",
    "setpoint.apis.knative": "dev.knative.serving.v1",
    "setpoint.apis.kubeflow": "org.kubeflow.v1",
    "setpoint.apis.trainer": "org.kubeflow.trainer.v1alpha1",
    "setpoint.apis.jobset": "io.x-k8s.jobset.v1alpha2",
}
_GROUPS: Mapping[str, str] = {
    "": "io.k8s.api.core",
    "batch": "io.k8s.api.batch",
    "argoproj.io": "io.argoproj.workflow",
    "rbac.authorization.k8s.io": "io.k8s.api.rbac",
    "coordination.k8s.io": "io.k8s.api.coordination",
    "apiextensions.k8s.io": "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions",
    "authorization.k8s.io": "io.k8s.api.authorization",
    "authentication.k8s.io": "io.k8s.api.authentication",
    "metrics.k8s.io": "io.k8s.metrics.pkg.apis.metrics",
}
_NAMES: Mapping[type, str] = {
    LabelSelector: "io.k8s.apimachinery.pkg.apis.meta.v1.LabelSelector",
    LabelSelectorRequirement: "io.k8s.apimachinery.pkg.apis.meta.v1.LabelSelectorRequirement",
    PodTemplate: "io.k8s.api.core.v1.PodTemplateSpec",
    JobTemplate: "io.k8s.api.batch.v1.JobTemplateSpec",
}
"""Types whose component is called otherwise than their class and module say."""

_DESCRIBED_BY: Mapping[str, type[Resource]] = {
    "CustomResourceDefinition.apiextensions.k8s.io": CustomResourceDefinition
}
"""Kinds that are not read by a class, though there is one that says what they are made of."""

INT_OR_STRING = "io.k8s.apimachinery.pkg.util.intstr.IntOrString"
_INT_OR_STRING_SCHEMA: Json = {
    "description": "A whole number, or text such as the name of a port.",
    "format": "int-or-string",
    "oneOf": [{"type": "integer"}, {"type": "string"}],
    "x-kubernetes-int-or-string": True,
}
QUANTITY = "io.k8s.apimachinery.pkg.api.resource.Quantity"
_QUANTITY_SCHEMA: Json = {
    "description": "An amount such as 100m, 1.5Gi or 2.",
    "oneOf": [{"type": "string"}, {"type": "number"}],
}


def component_name(definition: ResourceDefinition) -> str:
    """What the component of a kind is called, such as `io.k8s.api.core.v1.ConfigMap`."""
    package = _GROUPS.get(definition.group) or ".".join(reversed(definition.group.split(".")))
    return f"{package}.{definition.version}.{definition.kind}"


class Components:
    """The components that a document needs: asked for, they add themselves and what they refer to."""

    def __init__(self) -> None:
        self.schemas: dict[str, Json] = {}
        self._names: dict[type, str] = {}

    def of_kind(self, definition: ResourceDefinition) -> Json:
        """A reference to the schema of a kind."""
        name = component_name(definition)
        if name not in self.schemas:
            cls = definition.cls or _DESCRIBED_BY.get(definition.key)
            if cls is not None:
                self._names[cls] = name
                self._struct(cls, name)
            else:
                self.schemas[name] = self._custom(definition)
            self.schemas[name] |= {"x-kubernetes-group-version-kind": [gvk(definition)]}
        return {"$ref": REF + name}

    def _custom(self, definition: ResourceDefinition) -> Json:
        """A CustomResourceDefinition's schema, with what every object has."""
        schema = dict(definition.schema or {"type": "object", "x-kubernetes-preserve-unknown-fields": True})
        properties = dict(schema.get("properties") or {})
        text = {"type": "string"}
        head = {"apiVersion": text, "kind": text, "metadata": {"allOf": [self.metadata()], "default": {}}}
        return {"type": "object", **schema, "properties": head | {k: v for k, v in properties.items() if k not in head}}

    def metadata(self) -> Json:
        """A reference to ObjectMeta."""
        metadata = next(field.type for field in msgspec.structs.fields(Resource) if field.name == "metadata")
        return self.schema(mi.type_info(metadata))

    def schema(self, kind: mi.Type) -> Json:
        """The schema of a type as msgspec describes it."""
        match kind:
            case mi.StructType():
                return {"$ref": REF + self._name_of(kind.cls)}
            case mi.DictType():
                return {"type": "object", "additionalProperties": self.schema(kind.value_type)}
            case mi.VarTupleType() | mi.ListType() | mi.SetType() | mi.FrozenSetType():
                return {"type": "array", "items": self.schema(kind.item_type)}
            case mi.UnionType():
                return self._union([item for item in kind.types if not isinstance(item, mi.NoneType)])
            case mi.Metadata() if is_quantity(kind):
                self.schemas[QUANTITY] = _QUANTITY_SCHEMA
                return {"$ref": REF + QUANTITY}
            case mi.Metadata():
                return self.schema(wire_type(kind))
            case _:
                return _scalar(kind)

    def _union(self, options: list[mi.Type]) -> Json:
        if len(options) == 1:
            return self.schema(options[0])
        if all(isinstance(item, mi.StrType | mi.IntType) for item in options):
            self.schemas[INT_OR_STRING] = _INT_OR_STRING_SCHEMA
            return {"$ref": REF + INT_OR_STRING}
        return {"x-kubernetes-preserve-unknown-fields": True}

    def _name_of(self, cls: type[msgspec.Struct]) -> str:
        if cls not in self._names:
            name = _NAMES.get(cls) or f"{_package(cls)}.{cls.__name__.lstrip('_')}"
            while name in self.schemas:  # two types of one name: the later one gets another
                name += "_"
            self._names[cls] = name
            self._struct(cls, name)
        return self._names[cls]

    def _struct(self, cls: type[msgspec.Struct], name: str) -> None:
        schema: Json = {"type": "object"}
        self.schemas[name] = schema  # before its fields: a type may hold itself
        info = mi.type_info(cls)
        assert isinstance(info, mi.StructType)  # noqa: S101  wire types are structs
        if issubclass(cls, Resource):  # other types are described where they are used: kubectl prints both
            schema["description"] = _description(cls)
        properties = {field.encode_name: self._property(cls, field) for field in info.fields}
        if issubclass(cls, Resource):
            head = {key: properties[key] for key in ("apiVersion", "kind", "metadata")}
            properties = head | properties
        schema["properties"] = properties
        required = [field.encode_name for field in info.fields if field.required and field.encode_name != "metadata"]
        if required:
            schema["required"] = required
        if cls.__name__ in ATOMIC_MAPS:
            schema["x-kubernetes-map-type"] = "atomic"
        if not cls.__struct_config__.forbid_unknown_fields:
            schema["x-kubernetes-preserve-unknown-fields"] = True

    def _property(self, cls: type, field: mi.Field) -> Json:
        schema = self.schema(field.type)
        extensions = merging_of(cls.__module__, cls.__name__, field.encode_name, schema)
        default = DEFAULTS.get((cls.__name__, field.encode_name), field.default)
        if isinstance(default, str | int) and default and not isinstance(default, StrEnum):
            extensions["default"] = default
        described = description_of(cls.__name__, field.encode_name, _description(_struct_of(field.type)))
        if described:
            extensions["description"] = described
        if not extensions:
            return schema
        return {"allOf": [schema], **extensions} if "$ref" in schema else schema | extensions


def _description(cls: type | None) -> str:
    """The first paragraph of what a class says of itself, "" if it says nothing."""
    described = (cls.__doc__ or "").strip().partition("\n\n")[0] if cls is not None else ""
    return "" if cls is not None and described.startswith(cls.__name__ + "(") else " ".join(described.split())


def _struct_of(kind: mi.Type) -> type | None:
    """The struct that a field holds, or holds several of; None if it holds none."""
    kind = wire_type(kind)
    match kind:
        case mi.StructType():
            return kind.cls
        case mi.VarTupleType() | mi.ListType():
            return _struct_of(kind.item_type)
        case mi.DictType():
            return _struct_of(kind.value_type)
        case mi.UnionType():
            return next(filter(None, map(_struct_of, kind.types)), None)
        case _:
            return None


def _scalar(kind: mi.Type) -> Json:
    match kind:
        case mi.StrType():
            found: Json = {"type": "string"}
            return found | ({"pattern": kind.pattern} if kind.pattern else {})
        case mi.BoolType():
            return {"type": "boolean"}
        case mi.IntType():
            return {"type": "integer", "format": "int64"}
        case mi.FloatType():
            return {"type": "number", "format": "double"}
        case mi.DateTimeType():
            return {"type": "string", "format": "date-time"}
        case mi.BytesType():
            return {"type": "string", "format": "byte"}
        case mi.EnumType():
            return _words([member.value for member in kind.cls])
        case mi.LiteralType():
            return _words(kind.values)
        case _:
            return {"x-kubernetes-preserve-unknown-fields": True}


def _words(values: Iterable[Any]) -> Json:
    words = list(values)
    return {"type": "string" if all(isinstance(word, str) for word in words) else "integer", "enum": words}


def _package(cls: type) -> str:
    module: str = cls.__module__
    while module:
        if module in _PACKAGES:
            return _PACKAGES[module]
        module = module.rpartition(".")[0]
    return "dev.setpoint." + cls.__module__.removeprefix("setpoint.apis.")


def gvk(definition: ResourceDefinition) -> Json:
    """Group, version and kind as extensions name them."""
    return {"group": definition.group, "kind": definition.kind, "version": definition.version}


@lru_cache(maxsize=256)
def _class_schema(definition: ResourceDefinition) -> tuple[Json, dict[str, Json]]:
    components = Components()
    reference = components.of_kind(definition)
    return reference, components.schemas


def _named(definition: ResourceDefinition) -> ResourceDefinition:
    """The definition without its schema, which cannot be hashed; the class says as much."""
    return replace(definition, schema=None)


def structure_schema(definition: ResourceDefinition) -> tuple[Json, dict[str, Json]]:
    """The schema of a kind and the components it refers to, as `apis.structure.Structure.of` takes them."""
    if definition.cls is not None or definition.key in _DESCRIBED_BY:
        return _class_schema(_named(definition))
    components = Components()
    return components.of_kind(definition), components.schemas
