"""Whether a CustomResourceDefinition can be accepted, and changed into another.

Total over values of JSON: whatever is wrong is a problem with its path, never an exception. What is legal for a cluster
and not done here (conversion webhooks) is refused with a sentence that says so.
Source: apiextensions-apiserver, apis/apiextensions/validation.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from setpoint.apis.errors import Problem
from setpoint.core.customresources.definitions import CRD_SCHEMA, complete_names
from setpoint.core.customresources.problems import child, forbidden, invalid, key, required, unsupported
from setpoint.core.customresources.prune import apply_defaults, prune
from setpoint.core.customresources.rules import RULES, check_rules
from setpoint.core.customresources.structural import check_structural
from setpoint.core.customresources.validate import validate

MAX_COLUMNS = 50
MAX_SELECTABLE_FIELDS = 8
MAX_VERSIONS = 50

_LABEL = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_LABEL_TEXT = (
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, "
    "and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123')"
)
_SUBDOMAIN_TEXT = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and "
    "end with an alphanumeric character (e.g. 'example.com')"
)
_JSON_PATH = re.compile(r"(\.[A-Za-z_][-A-Za-z0-9_]*)+")
_COLUMN_PATH = re.compile(r"\.[^\n]{1,1000}")
_COLUMN_TYPES = ("boolean", "date", "integer", "number", "string")
_COLUMN_FORMATS = ("", "int32", "int64", "float", "double", "byte", "binary", "date", "date-time", "password")
_COMMUNITY_GROUPS = ("k8s.io", "kubernetes.io")
_ANNOTATION = "api-approved.kubernetes.io"


def check_crd(crd: Mapping[str, Any]) -> tuple[Problem, ...]:
    """Why a CustomResourceDefinition is not accepted, empty if it is.

    Args:
        crd: The object, any map of JSON that `core.admission.check_shape` lets through.
    """
    if found := validate(dict(crd), CRD_SCHEMA):
        return found
    spec = crd["spec"]
    problems = [*_check_name(crd), *_check_spec(spec), *_check_names(complete_names(spec["names"]))]
    for index, version in enumerate(spec["versions"]):
        problems.extend(_check_version(version, f"spec.versions[{index}]"))
    stored = (crd.get("status") or {}).get("storedVersions") or ()
    known = {version["name"] for version in spec["versions"]}
    for index, name in enumerate(stored):
        if name not in known:
            problems.append(invalid(f"status.storedVersions[{index}]", name, "must appear in spec.versions"))
    return tuple(problems)


def check_crd_update(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[Problem, ...]:
    """Why a CustomResourceDefinition cannot become another, empty if it can.

    Args:
        old: The stored object, with its status.
        new: What it should become; without a status, the old one stays.
    """
    problems = list(check_crd({"status": old.get("status") or {}, **new}))
    if problems and not isinstance(new.get("spec"), dict):
        return tuple(problems)
    before, after = old["spec"], new["spec"]
    fixed: list[tuple[str, ...]] = [("group",), ("names", "plural")]
    conditions = (old.get("status") or {}).get("conditions") or ()
    if any(item.get("type") == "Established" and item.get("status") == "True" for item in conditions):
        fixed += [("scope",), ("names", "kind")]
    for names in fixed:
        was, becomes = _at(before, names), _at(after, names)
        if was != becomes:
            problems.append(invalid(".".join(("spec", *names)), becomes, "field is immutable"))
    return tuple(problems)


def _at(value: Any, names: tuple[str, ...]) -> Any:
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _check_name(crd: Mapping[str, Any]) -> Iterator[Problem]:
    metadata, spec = crd.get("metadata"), crd["spec"]
    metadata = metadata if isinstance(metadata, dict) else {}
    name, wanted = metadata.get("name") or "", f"{spec['names']['plural']}.{spec['group']}"
    if not name:
        yield required("metadata.name", "name or generateName is required")
    elif name != wanted:
        yield invalid("metadata.name", name, 'must be spec.names.plural+"."+spec.group')
    annotations = metadata.get("annotations")
    approved = annotations.get(_ANNOTATION, "") if isinstance(annotations, dict) else ""
    group = spec["group"]
    if not approved and any(group == item or group.endswith(f".{item}") for item in _COMMUNITY_GROUPS):
        detail = "protected groups must have approval annotation"
        yield required(f"metadata.annotations[{_ANNOTATION}]", f'{detail} "{_ANNOTATION}"')


def _check_spec(spec: Mapping[str, Any]) -> Iterator[Problem]:
    group, scope, versions = spec["group"], spec["scope"], spec["versions"]
    if not group:
        yield required("spec.group")
    elif len(group) > 253 or not _SUBDOMAIN.fullmatch(group):
        yield invalid("spec.group", group, _SUBDOMAIN_TEXT)
    elif "." not in group:
        yield invalid("spec.group", group, "should be a domain with at least one dot")
    if not scope:
        yield required("spec.scope")
    elif scope not in ("Cluster", "Namespaced"):
        yield unsupported("spec.scope", scope, ("Cluster", "Namespaced"))
    if spec.get("preserveUnknownFields"):
        detail = "must be false: mark the fields that take anything with x-kubernetes-preserve-unknown-fields"
        yield invalid("spec.preserveUnknownFields", True, detail)
    names = [version["name"] for version in versions]
    for index, name in enumerate(names):
        if len(name) > 63 or not _LABEL.fullmatch(name):
            yield invalid(f"spec.versions[{index}].name", name, _LABEL_TEXT)
    if len(names) > MAX_VERSIONS:
        yield invalid("spec.versions", names, f"may have at most {MAX_VERSIONS} versions")
    if len(set(names)) < len(names):
        yield invalid("spec.versions", names, "must contain unique version names")
    if sum(version["storage"] for version in versions) != 1:
        yield invalid("spec.versions", names, "must have exactly one version marked as storage version")
    yield from _check_conversion(spec.get("conversion") or {})


def _check_conversion(conversion: Mapping[str, Any]) -> Iterator[Problem]:
    strategy = conversion.get("strategy", "None")
    if strategy == "Webhook":
        detail = "conversion webhooks are not called here: use None, which changes nothing but apiVersion"
        yield Problem("spec.conversion.strategy", f'Unsupported value: "Webhook": {detail}', "FieldValueNotSupported")
    elif strategy != "None":
        yield unsupported("spec.conversion.strategy", strategy, ("None", "Webhook"))
    elif conversion.get("webhook") is not None:
        detail = "should not be set when strategy is not set to Webhook"
        yield forbidden("spec.conversion.webhookClientConfig", detail)


def _check_names(names: Mapping[str, Any]) -> Iterator[Problem]:
    for name in ("plural", "singular", "kind", "listKind"):
        text, place = names.get(name, ""), f"spec.names.{name}"
        mixed = name in ("kind", "listKind")
        if not text:
            yield required(place)
        elif len(text) > 63 or not _LABEL.fullmatch(text.lower() if mixed else text):
            prefix = "may have mixed case, but should otherwise match: " if mixed else ""
            yield invalid(place, text, prefix + _LABEL_TEXT)
    for name in ("shortNames", "categories"):
        for index, text in enumerate(names.get(name) or ()):
            if len(text) > 63 or not _LABEL.fullmatch(text):
                yield invalid(f"spec.names.{name}[{index}]", text, _LABEL_TEXT)
    if names.get("kind") and names.get("kind") == names.get("listKind"):
        yield invalid("spec.names.listKind", names["listKind"], "kind and listKind may not be the same")


def _check_version(version: Mapping[str, Any], path: str) -> Iterator[Problem]:
    place = f"{path}.schema.openAPIV3Schema"
    schema = (version.get("schema") or {}).get("openAPIV3Schema")
    if schema is None:
        yield required(place, "schemas are required")
        return
    found = check_structural(schema, place)
    yield from found
    if not found:
        yield from _check_defaults(schema, place)
        yield from check_rules(schema, place)
    yield from _check_columns(version.get("additionalPrinterColumns") or (), f"{path}.additionalPrinterColumns")
    if not found:
        yield from _check_fields(version.get("selectableFields") or (), schema, f"{path}.selectableFields")
    if version.get("deprecationWarning") is not None and not version.get("deprecated"):
        detail = "can only be set for deprecated versions"
        yield invalid(f"{path}.deprecationWarning", version["deprecationWarning"], detail)
    scale = (version.get("subresources") or {}).get("scale")
    if scale is not None:
        yield from _check_scale(scale, f"{path}.subresources.scale")


def _check_scale(scale: Mapping[str, Any], path: str) -> Iterator[Problem]:
    for name, roots in (
        ("specReplicasPath", (".spec.",)),
        ("statusReplicasPath", (".status.",)),
        ("labelSelectorPath", (".spec.", ".status.")),
    ):
        text = scale.get(name) or ""
        place = f"{path}.{name}"
        if not text and name == "labelSelectorPath":
            continue
        if not text:
            yield required(place)
        elif not _JSON_PATH.fullmatch(text) or len(text) > 1_000:
            yield invalid(place, text, "should be a json path like .spec.replicas")
        elif not text.startswith(roots):
            yield invalid(place, text, f"should be a json path under {' or '.join(root[:-1] for root in roots)}")


def _check_columns(columns: Any, path: str) -> Iterator[Problem]:
    if len(columns) > MAX_COLUMNS:
        yield invalid(path, len(columns), f"may have at most {MAX_COLUMNS} columns")
    for index, column in enumerate(columns):
        place = f"{path}[{index}]"
        if not column["name"]:
            yield required(f"{place}.name")
        if column["type"] not in _COLUMN_TYPES:
            yield unsupported(f"{place}.type", column["type"], _COLUMN_TYPES)
        if column.get("format", "") not in _COLUMN_FORMATS:
            yield unsupported(f"{place}.format", column["format"], _COLUMN_FORMATS[1:])
        if not _COLUMN_PATH.fullmatch(column["jsonPath"]):
            detail = "is an invalid path: does not start with . or is too long"
            yield invalid(f"{place}.jsonPath", column["jsonPath"], detail)


def _check_fields(fields: Any, schema: Mapping[str, Any], path: str) -> Iterator[Problem]:
    if len(fields) > MAX_SELECTABLE_FIELDS:
        yield invalid(path, len(fields), f"may have at most {MAX_SELECTABLE_FIELDS} fields")
    seen: set[str] = set()
    for index, item in enumerate(fields):
        text, place = item["jsonPath"], f"{path}[{index}].jsonPath"
        found: Any = schema
        for name in text.split(".")[1:]:
            found = (found.get("properties") or {}).get(name) if isinstance(found, dict) else None
        if not _JSON_PATH.fullmatch(text) or text.startswith(".metadata"):
            yield invalid(place, text, "is an invalid path: it must name a field such as .spec.color, not metadata")
        elif text in seen:
            yield Problem(place, f'Duplicate value: "{text}"', "FieldValueDuplicate")
        elif not isinstance(found, dict) or found.get("type") not in ("string", "boolean", "integer"):
            yield invalid(place, text, "is an invalid path: must point to a field of type string, boolean or integer")
        seen.add(text)


def _check_defaults(schema: Mapping[str, Any], path: str) -> Iterator[Problem]:
    """Defaults must be values of their own schemas, with nothing that would be pruned."""
    default = schema.get("default")
    if default is not None:
        place = child(path, "default")
        unknown: list[str] = []
        wrapped = {"type": "object", "properties": {"default": schema}}
        filled = apply_defaults({"default": default}, wrapped)["default"]
        prune({"default": filled}, wrapped, unknown)
        found = validate(filled, {name: value for name, value in schema.items() if name != RULES}, place)
        if unknown:
            yield invalid(place, default, f"must not have unknown fields: {', '.join(sorted(unknown))}")
        yield from found
    for inner, place in _inner_schemas(schema, path):
        yield from _check_defaults(inner, place)


def _inner_schemas(schema: Mapping[str, Any], path: str) -> Iterator[tuple[Mapping[str, Any], str]]:
    for name, inner in (schema.get("properties") or {}).items():
        yield inner, key(child(path, "properties"), name)
    for word in ("items", "additionalProperties"):
        if isinstance(schema.get(word), dict):
            yield schema[word], child(path, word)
