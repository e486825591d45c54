"""Which names, labels, annotations and finalizers the Kubernetes API takes.

Pure checks that raise one InvalidSpec with the field's path. What passes here passes on a cluster.
Source: Kubernetes documentation, "Object Names and IDs" and "Labels and Selectors"; apimachinery's validation rules.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from setpoint.apis.errors import InvalidSpec

SUBDOMAIN_LENGTH = 253
LABEL_LENGTH = 63
GENERATED_SUFFIX_LENGTH = 5
ANNOTATIONS_BYTES = 256 * 1024

# Kinds whose names are stricter or looser than a DNS subdomain.
_LABEL_NAMED = frozenset({"Namespace", "Service"})
_PATH_NAMED = frozenset({"Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"})

_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_QUALIFIED = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?")


def check_name(name: str, *, kind: str = "", path: str = "metadata.name") -> None:
    """Raise InvalidSpec unless `name` is a legal metadata.name for an object of `kind`."""
    if not name:
        raise InvalidSpec("a name is required (or generateName)", path=path)
    if kind in _PATH_NAMED:
        if name in (".", "..") or "/" in name or "%" in name:
            raise InvalidSpec(f"{name!r} may not be '.' or '..' nor hold '/' or '%'", path=path)
        return
    if kind in _LABEL_NAMED:
        check_label_name(name, path=path)
        return
    if len(name) > SUBDOMAIN_LENGTH:
        raise InvalidSpec(f"a name has at most {SUBDOMAIN_LENGTH} characters, this one has {len(name)}", path=path)
    if not _SUBDOMAIN.fullmatch(name):
        raise InvalidSpec(
            f"{name!r} is not a DNS-1123 subdomain: lower case letters, digits, '-' and '.', "
            "beginning and ending with a letter or digit",
            path=path,
        )


def check_generate_name(prefix: str, *, kind: str = "", path: str = "metadata.generateName") -> None:
    """Raise InvalidSpec unless names made from `prefix` are legal; it may end with '-' or '.'."""
    check_name(f"{generated_base(prefix)}a", kind=kind, path=path)


def generated_base(prefix: str) -> str:
    """What of a generateName goes into the name: enough is cut off that the suffix leaves at most 63 characters."""
    return prefix[: LABEL_LENGTH - GENERATED_SUFFIX_LENGTH]


def check_label_name(name: str, *, path: str = "metadata.namespace") -> None:
    """Raise InvalidSpec unless `name` is a DNS-1123 label, as namespaces are."""
    if len(name) > LABEL_LENGTH:
        raise InvalidSpec(f"a name here has at most {LABEL_LENGTH} characters, this one has {len(name)}", path=path)
    if not _LABEL.fullmatch(name):
        raise InvalidSpec(
            f"{name!r} is not a DNS-1123 label: lower case letters, digits and '-', "
            "beginning and ending with a letter or digit",
            path=path,
        )


def check_qualified_name(key: str, *, path: str) -> None:
    """Raise InvalidSpec unless `key` is `name` or `prefix/name`, as keys of labels and annotations are."""
    prefix, slash, name = key.rpartition("/")
    if slash and (len(prefix) > SUBDOMAIN_LENGTH or not _SUBDOMAIN.fullmatch(prefix)):
        raise InvalidSpec(f"the prefix of {key!r} is not a DNS-1123 subdomain", path=path)
    if len(name) > LABEL_LENGTH or not _QUALIFIED.fullmatch(name):
        raise InvalidSpec(
            f"{key!r} is not a legal key: at most {LABEL_LENGTH} letters, digits, '-', '_' and '.', "
            "beginning and ending with a letter or digit, with an optional DNS prefix and '/'",
            path=path,
        )


def check_label_value(value: str, *, path: str) -> None:
    """Raise InvalidSpec unless `value` is a legal label value; the empty text is."""
    if value and (len(value) > LABEL_LENGTH or not _QUALIFIED.fullmatch(value)):
        raise InvalidSpec(
            f"{value!r} is not a legal label value: at most {LABEL_LENGTH} letters, digits, '-', '_' and '.', "
            "beginning and ending with a letter or digit",
            path=path,
        )


def check_labels(labels: Mapping[str, str], *, path: str = "metadata.labels") -> None:
    """Raise InvalidSpec unless all keys and values are legal."""
    for key, value in labels.items():
        check_qualified_name(key, path=path)
        check_label_value(value, path=f"{path}[{key}]")


def check_annotations(annotations: Mapping[str, str], *, path: str = "metadata.annotations") -> None:
    """Raise InvalidSpec unless all keys are legal (any case counts) and the whole is at most 256 KiB."""
    for key in annotations:
        check_qualified_name(key.lower(), path=path)
    size = sum(len(key.encode()) + len(value.encode()) for key, value in annotations.items())
    if size > ANNOTATIONS_BYTES:
        raise InvalidSpec(f"annotations hold at most {ANNOTATIONS_BYTES} bytes, these hold {size}", path=path)


def check_finalizers(finalizers: Iterable[str], *, path: str = "metadata.finalizers") -> None:
    """Raise InvalidSpec unless each is a qualified name."""
    for index, finalizer in enumerate(finalizers):
        check_qualified_name(finalizer, path=f"{path}[{index}]")
