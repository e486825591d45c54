"""What a request to the Argo Server wants, told in verbs and resources of Kubernetes, so that one set of rules decides.

An Argo Server of a cluster carries the caller's token to the API server, which decides then. Here the mapping is
made ahead: each path stands for the accesses that its action needs, all of which the caller must have. An action on a
workflow (stop, retry ...) is a patch of it.
Source: Argo Workflows documentation, REST API and "Service Account RBAC".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from setpoint.core.access.request_info import RequestInfo

_GROUP = "argoproj.io"
_FOLDERS = {
    "workflows": "workflows",
    "workflow-templates": "workflowtemplates",
    "cron-workflows": "cronworkflows",
    "workflow-event-bindings": "workfloweventbindings",
    "event-sources": "eventsources",
    "sensors": "sensors",
}
_CLUSTER = "cluster-workflow-templates"
_ARTIFACTS = frozenset({"artifact-files", "artifacts", "artifacts-by-uid", "input-artifacts", "input-artifacts-by-uid"})
UPLOADS = "upload-artifacts"
"""First part of paths that take a file, in pieces and of any size."""

_STREAMED = {
    "workflow-events": "workflows",
    "event-sources": "eventsources",
    "sensors": "sensors",
}
_ITEM_VERBS = {"GET": "get", "HEAD": "get", "PUT": "update", "DELETE": "delete", "POST": "create", "PATCH": "patch"}
_TEMPLATES = ("workflowtemplates", "clusterworkflowtemplates")
_ALL = "*"


def read_argo_request(method: str, path: str, query: Mapping[str, str]) -> tuple[RequestInfo, ...]:
    """What all must be allowed; one access without resource for paths that are about none (info, static files)."""
    parts = path.strip("/").split("/")
    plain = (RequestInfo(verb=method.lower(), path=path, is_resource=False),)
    if "" in parts:
        return plain
    if parts[0] == UPLOADS and len(parts) > 1:
        found: tuple[RequestInfo, ...] = _made([parts[1], "submit"])
    elif parts[0] in _ARTIFACTS:
        found = _artifacts(parts)
    elif parts[:2] == ["api", "v1"] and len(parts) > 2:
        found = _api(method, parts[2], parts[3:], query)
    else:
        return plain
    return tuple(replace(item, path=path) for item in found) or plain


def _access(
    verb: str, resource: str, namespace: str = "", name: str = "", *, group: str = _GROUP, subresource: str = ""
) -> RequestInfo:
    version = "v1alpha1" if group else "v1"
    return RequestInfo(
        verb=verb,
        group=group,
        version=version,
        resource=resource,
        subresource=subresource,
        namespace=namespace,
        name=name,
    )


def _artifacts(parts: list[str]) -> tuple[RequestInfo, ...]:
    """Artifacts: whoever may read the workflow. By uid alone: whoever may read all, for no path says where it lies."""
    if parts[0].endswith("by-uid") or len(parts) < 2:
        return (_access("get", "workflows"),)
    if parts[0] == "artifact-files" and parts[2:3] == ["archived-workflows"]:
        return (_access("get", "workflows", parts[1]),)
    name = parts[3] if parts[0] == "artifact-files" and len(parts) > 3 else (parts[2] if len(parts) > 2 else "")
    return (_access("get", "workflows", parts[1], name),)


def _api(method: str, folder: str, rest: list[str], query: Mapping[str, str]) -> tuple[RequestInfo, ...]:
    if folder == "stream":
        return _stream(rest)
    if folder == "events" and rest:
        return _event(rest[0])
    if folder in ("archived-workflows", "archived-workflows-label-keys", "archived-workflows-label-values"):
        return _archived(method, folder, rest, query)
    if folder == "workflow-events":
        return (_access("watch", "workflows", rest[0] if rest else ""),)
    if folder == _CLUSTER:
        return _object(method, "clusterworkflowtemplates", "", rest)
    if folder == "workflows" and len(rest) > 2:
        return _workflow(method, rest[0], rest[1], rest[2:])
    if folder == "workflows" and method == "POST":
        return _made(rest)
    if folder == "sync" and rest:
        verbs = {"GET": "get", "HEAD": "get", "POST": "create", "PUT": "update", "DELETE": "delete"}
        return (_access(verbs.get(method, _ALL), "configmaps", rest[0], group=""),)
    if folder in _FOLDERS:
        return _object(method, _FOLDERS[folder], rest[0] if rest else "", rest[1:])
    return ()


def _made(rest: list[str]) -> tuple[RequestInfo, ...]:
    """Create, submit from a template, lint: templates are read for each."""
    namespace, verb = rest[0] if rest else "", rest[1] if len(rest) > 1 else ""
    reads = tuple(_access("get", plural, namespace) for plural in _TEMPLATES[:1])
    if verb == "submit":
        return (_access("create", "workflows", namespace), *reads)
    return (_access("create", "workflows", namespace),)


def _workflow(method: str, namespace: str, name: str, rest: list[str]) -> tuple[RequestInfo, ...]:
    if "log" in rest:
        return (
            _access("get", "workflows", namespace, name),
            _access("get", "pods", namespace, group="", subresource="log"),
        )
    if rest[0] == "outputs":
        return (_access("get", "workflows", namespace, name),)
    if rest[0] == "resubmit":
        return _access("get", "workflows", namespace, name), _access("create", "workflows", namespace)
    if method in ("GET", "HEAD"):
        return (_access("get", "workflows", namespace, name),)
    return (_access("patch", "workflows", namespace, name),)


def _object(method: str, resource: str, namespace: str, rest: list[str]) -> tuple[RequestInfo, ...]:
    """List, create, lint, read, change and delete objects, and verbs on one (suspend and resume of a cron workflow)."""
    if method == "POST" or rest[:1] == ["lint"]:
        return (_access("create", resource, namespace),)
    if not rest:
        return (_access("list" if method in ("GET", "HEAD") else _ALL, resource, namespace),)
    if len(rest) > 1:
        return (_access("patch", resource, namespace, rest[0]),)
    return (_access(_ITEM_VERBS.get(method, _ALL), resource, namespace, rest[0]),)


def _stream(rest: list[str]) -> tuple[RequestInfo, ...]:
    kind, namespace = rest[0] if rest else "", rest[1] if len(rest) > 1 else ""
    if kind == "events":
        return (_access("watch", "events", namespace, group=""),)
    if kind in _STREAMED and len(rest) > 2:  # logs of an event source or a sensor
        return (_access("get", "pods", namespace, group="", subresource="log"),)
    return (_access("watch", _STREAMED.get(kind, _ALL), namespace),)


def _event(namespace: str) -> tuple[RequestInfo, ...]:
    return (
        _access("list", "workfloweventbindings", namespace),
        _access("get", "workflowtemplates", namespace),
        _access("create", "workflows", namespace),
    )


def _archived(method: str, folder: str, rest: list[str], query: Mapping[str, str]) -> tuple[RequestInfo, ...]:
    """The archive: by uid, so that only `namespace` of the query says where one lies; none means everywhere.

    What is done again is named in a body, which is not read here: that is for those who may do it everywhere.
    """
    asked, selected = (
        query.get("namespace", ""),
        _field(query.get("listOptions.fieldSelector", ""), "metadata.namespace"),
    )
    namespace = "" if asked and selected and asked != selected else asked or selected
    if folder != "archived-workflows" or not rest:
        return (_access("list", "workflows", namespace),)
    if method == "DELETE":
        return (_access("delete", "workflows", namespace),)
    if method == "PUT":
        return _access("get", "workflows"), _access("create", "workflows")
    return (_access("get", "workflows", namespace),)


def _field(selector: str, name: str) -> str:
    for part in selector.split(","):
        key, _, value = part.partition("=")
        if key.strip() == name:
            return value.lstrip("=").strip()
    return ""


def is_long_running(path: str, query: Mapping[str, str]) -> bool:
    """Whether the answer is a stream that may go on for ever, or is as long as an artifact."""
    parts = [part for part in path.split("/") if part]
    if parts and (parts[0] in _ARTIFACTS or parts[0] == UPLOADS):
        return True
    if parts[:2] != ["api", "v1"] or len(parts) < 3:
        return False
    return parts[2] in ("stream", "workflow-events") or parts[-1] == "log" or "artifacts" in parts
