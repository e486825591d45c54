"""What a path of the Kubernetes API means: which resource, in which namespace, which object, which subresource.

Pure. Source: Kubernetes API concepts, "Resource URIs".
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import unquote


@dataclass(frozen=True, slots=True)
class Place:
    """The parts of a path; what it does not say is empty."""

    api_version: str
    plural: str = ""
    namespace: str = ""
    name: str = ""
    subresource: str = ""


_OF_NAMESPACE = frozenset({"status", "finalize"})


def parse_place(path: str) -> Place | None:
    """The place of a raw path such as `/apis/batch/v1/namespaces/a/jobs/b/status`; None if it is none.

    A segment may hold what is escaped, except a slash.
    """
    parts = [unquote(part) for part in path.strip("/").split("/")]
    if any("/" in part or not part for part in parts):
        return None
    match parts:
        case ["api", version, *rest]:
            api_version = version
        case ["apis", group, version, *rest]:
            api_version = f"{group}/{version}"
        case _:
            return None
    match rest:
        case []:
            return Place(api_version)
        case ["namespaces", name, subresource] if not _has_group(api_version) and subresource in _OF_NAMESPACE:
            return Place(api_version, "namespaces", "", name, subresource)
        case ["namespaces", namespace, plural, *more] if len(more) <= 2:
            return Place(api_version, plural, namespace, *more)
        case [plural, *more] if len(more) <= 2:
            return Place(api_version, plural, "", *more)
        case _:
            return None


def _has_group(api_version: str) -> bool:
    return "/" in api_version
