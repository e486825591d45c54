"""What a request wants: verb, group, resource, namespace, name, as Kubernetes reads them from method, path and query.

Source: Kubernetes documentation, "Authorization overview" (request attributes, verbs) and "API concepts" (paths).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

_VERBS = {"POST": "create", "GET": "get", "HEAD": "get", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
_NAMESPACE_SUBRESOURCES = frozenset({"status", "finalize"})
_LEGACY = frozenset({"watch", "proxy"})
_NAME_FIELD = re.compile(r"(?:^|,)\s*metadata\.name\s*==?\s*([^,!=]+?)\s*(?:,|$)")
_TRUE = frozenset({"true", "1", "True", "TRUE", "t", "T"})


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestInfo:
    """Attributes of a request. One that is about no resource has a `path` and a lower-case method as verb alone."""

    verb: str
    path: str = ""
    is_resource: bool = True
    group: str = ""
    version: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""

    @property
    def full_resource(self) -> str:
        """`pods`, `pods/log`: what a rule names."""
        return f"{self.resource}/{self.subresource}" if self.subresource else self.resource

    @property
    def is_read(self) -> bool:
        """Whether nothing is changed by it."""
        return self.verb in ("get", "list", "watch", "head", "options")

    @property
    def is_watch(self) -> bool:
        """Whether the answer goes on for as long as the asker wants."""
        return self.verb == "watch"

    def action(self) -> str:
        """What is asked, as the API server's refusals say it: `list resource "pods" in API group ""`..."""
        if not self.is_resource:
            return f'{self.verb} path "{self.path}"'
        text = f'{self.verb} resource "{self.full_resource}" in API group "{self.group}"'
        return text + (f' in the namespace "{self.namespace}"' if self.namespace else " at the cluster scope")

    def forbidden(self, user: str, reason: str = "") -> str:
        """The message of a refusal, word for word as kubectl's users know it."""
        if not self.is_resource:
            head = f'forbidden: User "{user}" cannot {self.action()}'
        else:
            kind = f"{self.resource}.{self.group}" if self.group else self.resource
            about = f'{kind} "{self.name}" is' if self.name else f"{kind} is"
            head = f'{about} forbidden: User "{user}" cannot {self.action()}'
        return f"{head}: {reason}" if reason else head


def read_request(method: str, path: str, query: Mapping[str, str]) -> RequestInfo:
    """The attributes of a request to the Kubernetes API.

    Args:
        method: Of HTTP, in capitals.
        path: Decoded, without query.
        query: First value of each name.
    """
    parts = path.strip("/").split("/")
    plain = RequestInfo(verb=method.lower(), path=path, is_resource=False)
    if parts[0] not in ("api", "apis") or "" in parts:  # a path with an empty part is none of a resource
        return plain
    grouped = parts[0] == "apis"
    if len(parts) < (4 if grouped else 3):
        return plain
    group, version, rest = (parts[1], parts[2], parts[3:]) if grouped else ("", parts[1], parts[2:])
    verb = _VERBS.get(method, "")
    if rest[0] in _LEGACY:
        if len(rest) == 1:
            return plain
        verb, rest = rest[0], rest[1:]
    namespace, rest = _namespace(rest)
    if not rest:
        return plain
    resource, name, subresource = rest[0], "", ""
    if len(rest) > 1:
        name = rest[1]
    if len(rest) > 2:
        subresource = rest[2]
    if not name:
        verb, name = _collection_verb(verb, query)
    return RequestInfo(
        verb=verb,
        path=path,
        group=group,
        version=version,
        resource=resource,
        subresource=subresource,
        namespace=namespace,
        name=name,
    )


def _namespace(rest: list[str]) -> tuple[str, list[str]]:
    """The namespace and what is below it; a namespace itself lies in itself."""
    if rest[0] != "namespaces" or len(rest) == 1:
        return "", rest
    if len(rest) == 2 or rest[2] in _NAMESPACE_SUBRESOURCES:
        return rest[1], rest
    return rest[1], rest[2:]


def _collection_verb(verb: str, query: Mapping[str, str]) -> tuple[str, str]:
    """Verb and name of a request to a collection; a field selector may name the one object that is meant."""
    name = ""
    if verb in ("get", "watch"):
        verb = "watch" if verb == "watch" or query.get("watch") in _TRUE else "list"
        if found := _NAME_FIELD.search(query.get("fieldSelector", "")):
            name = found[1]
    elif verb == "delete":
        verb = "deletecollection"
    return verb, name
