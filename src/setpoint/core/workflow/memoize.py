"""Memoized templates: outputs taken from a cache instead of running, and kept in it after success.

A cache is a config map with one entry per key. Looked up when a node is made, after its locks are obtained; with a
retry strategy it is the Retry node that is looked up. Source: argo-workflows `workflow/controller/cache`; SEMANTICS
section 16.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta

import msgspec

from setpoint.apis.argo import MemoizationStatus, NodePhase, NodeStatus, NodeType, Outputs, Template
from setpoint.apis.errors import InvalidSpec
from setpoint.apis.meta import Wire
from setpoint.core.workflow import ids
from setpoint.core.workflow.commands import SaveCacheEntry
from setpoint.core.workflow.context import Cache
from setpoint.core.workflow.draft import BuildError, Draft
from setpoint.core.workflow.durations import parse_duration
from setpoint.core.workflow.leaves import node_fields
from setpoint.core.workflow.outputs import publish_outputs
from setpoint.core.workflow.state import Leaf, TemplateCall
from setpoint.core.workflow.synchronization import node_type

CACHE_LABEL = "workflows.argoproj.io/configmap-type"
CACHE_VALUE = "Cache"
CACHE_BYTES = 1 << 20
_KEY = re.compile(r"[a-zA-Z0-9][-a-zA-Z0-9]*")


class CacheEntry(Wire, frozen=True, kw_only=True):
    """What a cache holds under a key, as Argo writes it."""

    node_id: str = msgspec.field(name="nodeID", default="")
    outputs: Outputs | None = None
    creation_timestamp: datetime
    last_hit_timestamp: datetime


def recall(d: Draft, call: TemplateCall, template: Template) -> MemoizationStatus | None:
    """Look a node up that is about to be made; on a hit it is made, Succeeded.

    Returns: What the node says of it; None for a template that is not memoized.
    Raises: BuildError: Key, age, cache or entry are bad. ContextMissing: The cache has to be fetched first.
    """
    memoize, node_id = template.memoize, d.id_of(call.name)
    if memoize is None or not d.is_new(node_id):
        return None
    name = str((memoize.cache or {}).get("configMap", {}).get("name", ""))
    status = MemoizationStatus(hit=False, key=memoize.key, cache_name=name)
    entry = _entry(d, status)
    if entry is None or _is_outdated(entry, memoize.max_age, d.now):
        return status
    status = status.replace(hit=True)
    outputs = entry.outputs
    d.init_node(call, node_type(template), NodePhase.PENDING, memoization_status=status, **node_fields(template))
    leaf = Leaf(owner=call.owner, outputs=template.outputs, inputs=template.inputs, on_exit=call.on_exit)
    d.enter_leaf(node_id, leaf)
    d.mark(node_id, NodePhase.SUCCEEDED, outputs=outputs)
    publish_outputs(d, outputs)
    _save(d, node_id, status, entry.replace(last_hit_timestamp=d.now.replace(microsecond=0)), "hit")
    return status


def _entry(d: Draft, status: MemoizationStatus) -> CacheEntry | None:
    if not _KEY.fullmatch(status.key):
        raise BuildError(f"invalid cache key: {status.key}")
    fresh = [entry for key, _, entry in _fresh(d) if (key.cache_name, key.key) == (status.cache_name, status.key)]
    if fresh:
        return fresh[-1]
    cache = d.ctx.library.cache(status.cache_name)
    if cache is None:
        return None
    if problem := _unlabelled(cache):
        raise BuildError(problem)
    text = cache.data.get(status.key, "")
    try:
        return msgspec.json.decode(text, type=CacheEntry) if text else None
    except msgspec.DecodeError as error:
        raise BuildError(f"malformed cache entry: could not unmarshal JSON; unable to parse: {error}") from error


def _unlabelled(cache: Cache) -> str:
    label = cache.labels.get(CACHE_LABEL)
    if label is None:
        return f"memoization configmap doesn't have {CACHE_LABEL} label, refusing to use it"
    if label != CACHE_VALUE:
        return f"memoization configmap doesn't have label {CACHE_LABEL} = {CACHE_VALUE}, refusing to use it"
    return ""


def _is_outdated(entry: CacheEntry, max_age: str, now: datetime) -> bool:
    if not max_age:
        return False
    try:
        age: timedelta = parse_duration(max_age, bare_seconds=False)
    except InvalidSpec as error:
        kind = "missing unit in" if max_age.lstrip("+-").replace(".", "", 1).isdecimal() else "invalid"
        raise BuildError(f'invalid maxAge: time: {kind} duration "{max_age}"') from error
    return entry.creation_timestamp + age < now


def obstacle(d: Draft, node: NodeStatus, outputs: Outputs | None) -> str:
    """Why the outputs of a node cannot be kept; "" if they can, or need not be. Raises: ContextMissing."""
    status = node.memoization_status
    if status is None or status.hit:
        return ""
    cache = d.ctx.library.cache(status.cache_name)
    if cache is None:
        return ""
    size = sum(len(key) + len(text.encode()) for key, text in cache.data.items() if key != status.key)
    if size + len(_text(_new_entry(d, node.id, outputs)).encode()) > CACHE_BYTES:
        return (
            f'error creating cache entry: ConfigMap "{status.cache_name}" is invalid: []: Too long: may not be more '
            f"than {CACHE_BYTES} bytes"
        )
    return _unlabelled(cache)


def remember(d: Draft) -> bool:
    """Order that the outputs of the nodes which succeeded in this step are kept. Returns: whether there are any."""
    entries = list(_fresh(d))
    for status, node, entry in entries:
        _save(d, node, status, entry, "save")
    return bool(entries)


def _fresh(d: Draft) -> Iterator[tuple[MemoizationStatus, str, CacheEntry]]:
    """What this step adds to caches: (where, node, entry)."""
    for node_id in d.succeeded:
        node = d.need(node_id)
        status = node.memoization_status
        if status is None or status.hit or node.type is NodeType.SUSPEND or node.phase is not NodePhase.SUCCEEDED:
            continue
        source = node_id
        if node.type is NodeType.RETRY:
            source = next((child for child in reversed(d.children(node_id)) if child in d.succeeded), node_id)
        yield status, node_id, _new_entry(d, source, node.outputs)


def _new_entry(d: Draft, node: str, outputs: Outputs | None) -> CacheEntry:
    now = d.now.replace(microsecond=0)
    return CacheEntry(node_id=node, outputs=outputs, creation_timestamp=now, last_hit_timestamp=now)


def _text(entry: CacheEntry) -> str:
    return msgspec.json.encode(entry).decode()


def _save(d: Draft, node: str, status: MemoizationStatus, entry: CacheEntry, verb: str) -> None:
    order = ids.command_id(d.uid, node, (d.need(node).started_at or d.now).isoformat(), "memoize", verb)
    d.order(SaveCacheEntry(id=order, node=node, cache=status.cache_name, key=status.key, entry=_text(entry)))
