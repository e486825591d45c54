"""What may be stored, and with which system fields: the rules of an API server for metadata and known kinds.

Pure decisions on JSON; nothing is read or written. Invariant: uid, creationTimestamp, deletionTimestamp and
generation of a stored object are the server's, whatever a client sends.
Source: Kubernetes API conventions, "Metadata"; apimachinery's object meta validation; the kinds' strategies.
"""

from __future__ import annotations

import base64
import re
from datetime import UTC, datetime
from typing import Any

import msgspec

from setpoint.adapters.sqlite.rows import KindInfo, Row
from setpoint.apis import names
from setpoint.apis.errors import Conflict, InvalidSpec

LARGEST_OBJECT_BYTES = 1536 * 1024  # what etcd takes by default

_SYSTEM_FIELDS = (
    "uid",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "generation",
    "namespace",
)


_DATA_KEY = re.compile(r"[-._a-zA-Z0-9]{1,253}")


def timestamp(moment: datetime) -> str:
    """A time as metadata holds it: whole seconds, UTC."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def check_new(kind: KindInfo, metadata: dict[str, Any], body: dict[str, Any]) -> None:
    """Refuse a new object whose metadata a cluster would refuse."""
    if metadata.get("resourceVersion"):
        raise InvalidSpec("must not be set on a new object", path="metadata.resourceVersion")
    if metadata.get("name"):
        names.check_name(metadata["name"], kind=kind.name)
    elif metadata.get("generateName"):
        names.check_generate_name(metadata["generateName"], kind=kind.name)
    else:
        names.check_name("")
    if not kind.namespaced and metadata.get("namespace"):
        raise InvalidSpec(f"{kind.name} is cluster-scoped and has no namespace", path="metadata.namespace")
    if kind.namespaced and metadata.get("namespace"):
        names.check_label_name(metadata["namespace"])
    check_metadata(metadata)
    check_size(kind, metadata, body)


def check_metadata(metadata: dict[str, Any]) -> None:
    """Refuse illegal labels, annotations, finalizers and owner references."""
    names.check_labels(metadata.get("labels", {}))
    names.check_annotations(metadata.get("annotations", {}))
    names.check_finalizers(metadata.get("finalizers", ()))
    controllers = 0
    for index, reference in enumerate(metadata.get("ownerReferences", ())):
        for field in ("apiVersion", "kind", "name", "uid"):
            if not reference.get(field):
                raise InvalidSpec("is required", path=f"metadata.ownerReferences[{index}].{field}")
        controllers += bool(reference.get("controller"))
    if controllers > 1:
        raise InvalidSpec("only one reference may have controller set", path="metadata.ownerReferences")


def check_size(kind: KindInfo, metadata: dict[str, Any], body: dict[str, Any]) -> None:
    """Refuse what a cluster's storage would refuse."""
    size = len(msgspec.json.encode(metadata)) + len(msgspec.json.encode(body))
    if size > LARGEST_OBJECT_BYTES:
        raise InvalidSpec(
            f"{kind.name} {metadata.get('name') or metadata.get('generateName')!r} has {size} bytes; "
            f"an object has at most {LARGEST_OBJECT_BYTES}: keep large values as artifacts"
        )


def new_metadata(metadata: dict[str, Any], *, namespace: str, name: str, uid: str, now: datetime) -> dict[str, Any]:
    """The metadata of a new object with the server's fields set."""
    kept = {key: value for key, value in metadata.items() if key not in (*_SYSTEM_FIELDS, "selfLink")}
    placed = {"name": name} | ({"namespace": namespace} if namespace else {})
    return placed | {"uid": uid, "generation": 1, "creationTimestamp": timestamp(now)} | (kept | {"name": name})


def changed_metadata(
    old: dict[str, Any], new: dict[str, Any], managed: list[dict[str, Any]] | None = None
) -> dict[str, Any]:
    """The metadata of an update: the client's, with the server's fields as they were.

    Args:
        old: As stored.
        new: The client's.
        managed: Who owns which field from now on; None keeps what is known of that.

    Raises:
        InvalidSpec: If a finalizer is added to an object that is being deleted.
    """
    kept = {
        key: value
        for key, value in new.items()
        if key not in (*_SYSTEM_FIELDS, "managedFields", "selfLink", "resourceVersion")
    }
    system = {key: old[key] for key in (*_SYSTEM_FIELDS, "managedFields") if key in old}
    if managed is not None:
        system = {key: value for key, value in system.items() if key != "managedFields"}
        system |= {"managedFields": managed} if managed else {}
    if "generateName" in old:
        kept.setdefault("generateName", old["generateName"])
    if "deletionTimestamp" in old:
        added = sorted(set(kept.get("finalizers", ())) - set(old.get("finalizers", ())))
        if added:
            reason = f"{', '.join(added)} cannot be added while the object is being deleted"
            raise InvalidSpec(reason, path="metadata.finalizers")
    return kept | system


def check_preconditions(kind: KindInfo, row: Row, *, uid: str | None, version: str | None) -> None:
    """Conflict unless the object is the one, and in the state, that the caller knows."""
    if uid and uid != row.uid:
        raise Conflict(kind.name, row.name, found=f"uid {row.uid}", wanted=f"uid {uid}")
    if version and version != str(row.version):
        raise Conflict(kind.name, row.name, found=str(row.version), wanted=version)


def admit_body(kind: KindInfo, body: dict[str, Any]) -> dict[str, Any]:
    """The body as a cluster stores it: a Secret's `stringData` goes into `data`.

    Raises:
        InvalidSpec: If a value of a Secret's `data` or a ConfigMap's `binaryData` is not base64, or a key is not legal.
    """
    if kind.key not in ("Secret", "ConfigMap"):
        return body
    for field in ("data", "stringData", "binaryData"):
        for key in body.get(field) or {}:
            if not _DATA_KEY.fullmatch(key) or key == "." or key.startswith(".."):
                raise InvalidSpec(
                    "has letters, digits, '-', '_' and '.', at most 253 of them", path=f"{field}[{key[:80]}]"
                )
    if kind.key == "ConfigMap":
        _check_config_map(body)
        return body
    for key, value in body.get("data", {}).items():
        try:
            base64.b64decode(value, validate=True)
        except ValueError:  # the value itself must not reach a message
            raise InvalidSpec("is not base64: use stringData for plain text", path=f"data.{key}") from None
    if "stringData" not in body:
        return body
    plain = {key: base64.b64encode(value.encode()).decode() for key, value in body["stringData"].items()}
    rest = {key: value for key, value in body.items() if key != "stringData"}
    return rest | {"data": body.get("data", {}) | plain}


def _check_config_map(body: dict[str, Any]) -> None:
    for key, value in (body.get("binaryData") or {}).items():
        if key in (body.get("data") or {}):
            raise InvalidSpec("is in data, too", path=f"binaryData.{key}")
        try:
            base64.b64decode(value, validate=True)
        except ValueError:
            raise InvalidSpec("is not base64: use data for plain text", path=f"binaryData.{key}") from None


def check_immutable(kind: KindInfo, old: dict[str, Any], new: dict[str, Any]) -> None:
    """Refuse changes that a cluster refuses: data of an immutable ConfigMap or Secret, roleRef, a Secret's type."""
    fixed: tuple[str, ...] = ()
    if kind.key in ("ConfigMap", "Secret") and old.get("immutable"):
        fixed = ("data", "binaryData", "immutable")
    if kind.key == "Secret":
        fixed += ("type",)
    if kind.name in ("RoleBinding", "ClusterRoleBinding"):
        fixed += ("roleRef",)
    for field in fixed:
        if old.get(field) != new.get(field):
            raise InvalidSpec("cannot be changed: delete the object and create it anew", path=field)
