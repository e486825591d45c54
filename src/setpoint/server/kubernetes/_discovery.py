"""Discovery: which groups, versions and resources there are, in the plain and in the aggregated form.

Pure: from a catalog to documents. Source: Kubernetes API concepts, "Discovery API"; apidiscovery.k8s.io/v2.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from setpoint.apis.definitions import Catalog, ResourceDefinition

STORED_VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")
READ_VERBS = ("get", "list")
REVIEW_VERBS = ("create",)
AGGREGATED = "apidiscovery.k8s.io"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subresource:
    """One below an object: its name, the kind it speaks, its verbs."""

    name: str
    api_version: str
    kind: str
    verbs: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """What is served, and how: kinds that are only read (measured ones) or only created (reviews)."""

    catalog: Catalog
    read_only: frozenset[str] = frozenset()
    reviews: frozenset[str] = frozenset()

    def verbs(self, definition: ResourceDefinition) -> tuple[str, ...]:
        """The verbs of a resource."""
        if definition.key in self.reviews:
            return REVIEW_VERBS
        if definition.key in self.read_only:
            return READ_VERBS
        missing = {"deletecollection"} if not definition.collected else set()
        missing |= {"create", "update", "patch"} if definition.terminating else set()
        return tuple(verb for verb in STORED_VERBS if verb not in missing)

    def subresources(self, definition: ResourceDefinition) -> list[Subresource]:
        """What lies below its objects."""
        if definition.key in self.reviews | self.read_only:
            return []
        own, kind = definition.api_version, definition.kind
        found = []
        if definition.has_status:
            found.append(Subresource(name="status", api_version=own, kind=kind, verbs=("get", "patch", "update")))
        if definition.scale is not None:
            verbs = ("get", "patch", "update")
            found.append(Subresource(name="scale", api_version="autoscaling/v1", kind="Scale", verbs=verbs))
        match definition.key:
            case "Pod":
                found.append(Subresource(name="log", api_version=own, kind=kind, verbs=("get",)))
                eviction = Subresource(name="eviction", api_version="policy/v1", kind="Eviction", verbs=("create",))
                found.append(eviction)
            case "ServiceAccount":
                request = ("authentication.k8s.io/v1", "TokenRequest")
                found.append(Subresource(name="token", api_version=request[0], kind=request[1], verbs=("create",)))
            case "Namespace":
                found.append(Subresource(name="finalize", api_version=own, kind=kind, verbs=("update",)))
        return found


def api_versions(address: str) -> dict[str, Any]:
    """`GET /api`."""
    place = {"clientCIDR": "0.0.0.0/0", "serverAddress": address}
    return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": [place]}


def group_list(catalog: Catalog) -> dict[str, Any]:
    """`GET /apis`."""
    groups = [_group(name, versions) for name, versions in _groups(catalog).items() if name]
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}


def group(catalog: Catalog, name: str) -> dict[str, Any] | None:
    """`GET /apis/GROUP`; None if there is no such group."""
    versions = _groups(catalog).get(name)
    return {"kind": "APIGroup", "apiVersion": "v1"} | _group(name, versions) if versions and name else None


def resource_list(served: Served, api_version: str) -> dict[str, Any] | None:
    """`GET /api/v1`, `GET /apis/GROUP/VERSION`; None if there is no such version."""
    found = [item for item in served.catalog if item.api_version == api_version]
    if not found:
        return None
    resources = [row for item in found for row in _rows(served, item)]
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": api_version, "resources": resources}


def aggregated(served: Served, version: str, *, core: bool) -> dict[str, Any]:
    """All at once: of `/api` the core group, of `/apis` the others."""
    items = []
    for name, versions in _groups(served.catalog).items():
        if bool(name) == core:
            continue
        metadata = {"name": name, "creationTimestamp": None} if name else {"creationTimestamp": None}
        items.append({"metadata": metadata, "versions": [_version(served, name, item) for item in versions]})
    return {
        "kind": "APIGroupDiscoveryList",
        "apiVersion": f"{AGGREGATED}/{version}",
        "metadata": {},
        "items": items,
    }


def _groups(catalog: Catalog) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    for item in catalog:
        versions = groups.setdefault(item.group, [])
        if item.version not in versions:
            versions.append(item.version)
    return groups


def _group(name: str, versions: Sequence[str]) -> dict[str, Any]:
    rows = [{"groupVersion": f"{name}/{version}", "version": version} for version in versions]
    return {"name": name, "versions": rows, "preferredVersion": rows[0]}


def _rows(served: Served, item: ResourceDefinition) -> Iterable[dict[str, Any]]:
    names = _names(item)
    row: dict[str, Any] = {
        "name": item.plural,
        "singularName": item.singular or item.kind.lower(),
        "namespaced": item.namespaced,
        "kind": item.kind,
        "verbs": list(served.verbs(item)),
    }
    yield row | names
    for below in served.subresources(item):
        head = {"name": f"{item.plural}/{below.name}", "singularName": "", "namespaced": item.namespaced}
        foreign = {}
        if below.api_version != item.api_version:
            group_name, _, version = below.api_version.rpartition("/")
            foreign = {"group": group_name, "version": version}
        yield head | foreign | {"kind": below.kind, "verbs": list(below.verbs)}


def _names(item: ResourceDefinition) -> dict[str, list[str]]:
    pairs: Mapping[str, tuple[str, ...]] = {"shortNames": item.short_names, "categories": item.categories}
    return {key: list(value) for key, value in pairs.items() if value}


def _version(served: Served, name: str, version: str) -> dict[str, Any]:
    resources = []
    for item in served.catalog:
        if (item.group, item.version) != (name, version):
            continue
        below = [
            {
                "subresource": sub.name,
                "responseKind": _kind(sub.api_version, sub.kind),
                "verbs": list(sub.verbs),
            }
            for sub in served.subresources(item)
        ]
        row: dict[str, Any] = {
            "resource": item.plural,
            "responseKind": _kind(item.api_version, item.kind),
            "scope": "Namespaced" if item.namespaced else "Cluster",
            "singularResource": item.singular or item.kind.lower(),
            "verbs": list(served.verbs(item)),
        }
        resources.append(row | _names(item) | ({"subresources": below} if below else {}))
    return {"version": version, "resources": resources, "freshness": "Current"}


def _kind(api_version: str, kind: str) -> dict[str, str]:
    group_name, _, version = api_version.rpartition("/")
    return {"group": group_name, "version": version, "kind": kind}
