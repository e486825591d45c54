"""What a template or call says besides its tasks, in a few words each, from wire values with known tags filled in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from setpoint.apis.argo import Call


def template_notes(tree: Mapping[str, Any]) -> Iterator[str]:
    """Facts of a template."""
    yield from _body_notes(tree)
    if "retryStrategy" in tree:
        yield _retry(tree["retryStrategy"])
    for key, words in (
        ("activeDeadlineSeconds", "at most {} s"),
        ("timeout", "at most {}"),
        ("pendingTimeout", "pending at most {}"),
        ("parallelism", "{} at a time"),
    ):
        if key in tree:
            yield words.format(tree[key])
    if tree.get("daemon"):
        yield "daemon"
    if memoize := tree.get("memoize"):
        yield f"memoized as {memoize.get('key', '')}"
    locks = tree.get("synchronization") or {}
    for lock in locks.get("mutexes") or ():
        yield f"mutex {lock.get('name', '')}"
    for lock in locks.get("semaphores") or ():
        ref = lock.get("configMapKeyRef") or {}
        yield f"semaphore {ref.get('name', '')}/{ref.get('key', '')}"


def _body_notes(tree: Mapping[str, Any]) -> Iterator[str]:
    """Facts of a leaf's body that its type alone does not say."""
    suspend = tree.get("suspend")
    if suspend is not None:
        yield f"goes on after {suspend['duration']}" if suspend.get("duration") else "waits to be resumed"
    if body := tree.get("containerSet"):
        yield f"containers {_names(body.get('containers'))}"
    if body := tree.get("http"):
        yield f"{body.get('method') or 'GET'} {body.get('url', '')}"
    if body := tree.get("resource"):
        yield str(body.get("action", ""))
    if tree.get("sidecars"):
        yield f"beside it {_names(tree['sidecars'])}"


def _names(items: Any) -> str:
    return ", ".join(item.get("name", "") for item in items or ())


def _retry(retry: Mapping[str, Any]) -> str:
    limit = retry.get("limit")
    said = "retries without limit" if limit is None else f"up to {limit} retries"
    policy = retry.get("retryPolicy") or ("Always" if retry.get("expression") else "OnFailure")
    said = f"{said} ({policy})"
    if backoff := retry.get("backoff"):
        said += f", first after {backoff.get('duration', '?')}"
    return f"{said} if {retry['expression']}" if retry.get("expression") else said


def call_notes(call: Call) -> Iterator[str]:
    """Facts of a step or task."""
    go_on = call.continue_on
    if go_on is not None and (go_on.failed or go_on.error):
        words = [name for name, value in (("Failed", go_on.failed), ("Error", go_on.error)) if value]
        yield f"{' or '.join(words)} counts as fine"
