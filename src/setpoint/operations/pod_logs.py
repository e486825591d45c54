"""The log of a container of a Pod, as a kubelet answers `GET .../pods/NAME/log`.

Lines are passed on as they are read: neither a large log nor one that is followed for days is ever held in memory.
Source: kubernetes pkg/registry/core/pod `LogLocation`; pkg/kubelet `validateContainerLogStatus`; v1 PodLogOptions.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from setpoint.apis.errors import Malformed
from setpoint.apis.pod import DEFAULT_CONTAINER, ContainerStatus, Pod, launch_of
from setpoint.ports.launcher import Launcher, LogLine
from setpoint.ports.resources import ResourceApi

_CHUNK_BYTES = 64 * 1024


class LogRefused(Malformed):
    """There is no such log, or not yet; a cluster answers with HTTP 400 and this message."""


async def pod_log(
    resources: ResourceApi,
    launcher: Launcher,
    namespace: str,
    name: str,
    *,
    now: datetime,
    container: str = "",
    follow: bool = False,
    tail_lines: int | None = None,
    since_seconds: int | None = None,
    since_time: datetime | None = None,
    timestamps: bool = False,
    previous: bool = False,
    limit_bytes: int | None = None,
) -> AsyncIterator[bytes]:
    """Pieces of the log, whole lines each but for the last one of a limit.

    Args:
        resources: Where the Pod is.
        launcher: Where its log is.
        namespace: Of the Pod.
        name: Of the Pod.
        now: The moment.
        container: Whose log; empty means the only one, or the one that the Pod's annotation names.
        follow: Go on until the container's pod has ended.
        tail_lines: At most so many lines of what there is already.
        since_seconds: Lines not older than that at `now`.
        since_time: Lines not older than that moment.
        timestamps: Put the time before each line.
        previous: Of the process before the last restart.
        limit_bytes: End after so many bytes.

    Raises:
        NotFound: No such Pod, or nothing is left of its log.
        LogRefused: No such container, or it has not started.
    """
    _check(tail_lines, since_seconds, since_time, limit_bytes)
    pod = await resources.get(Pod, namespace, name)
    wanted = container_of(pod, container)
    _check_started(pod, wanted, previous=previous)
    since = since_time
    if since_seconds is not None:
        since = now - timedelta(seconds=since_seconds)
    launch = launch_of(pod.metadata)
    left = limit_bytes
    lines = launcher.logs(launch, container=wanted, follow=follow, previous=previous, tail=tail_lines)
    async with aclosing(cast("Any", lines)) as read:  # all implementations are generators
        async for piece in _pieces(read, since, timestamps=timestamps, at_once=follow):
            if left is not None:
                yield piece[:left]
                left -= len(piece)
                if left <= 0:
                    return
            else:
                yield piece


def container_of(pod: Pod, wanted: str = "") -> str:
    """The container that is meant. Raises: LogRefused, if there is none of that name, or several and none is named."""
    names = [item.name or "main" for item in pod.spec.containers]
    inits = [item.name for item in pod.spec.init_containers]
    if wanted:
        if wanted not in (*names, *inits):
            raise LogRefused(f"container {wanted} is not valid for pod {pod.metadata.name}")
        return wanted
    default = pod.metadata.annotations.get(DEFAULT_CONTAINER, "")
    if default in names:
        return default
    if len(names) == 1:
        return names[0]
    message = f"a container name must be specified for pod {pod.metadata.name}, choose one of: [{' '.join(names)}]"
    raise LogRefused(message + (f" or one of the init containers: [{' '.join(inits)}]" if inits else ""))


def _check(
    tail_lines: int | None, since_seconds: int | None, since_time: datetime | None, limit_bytes: int | None
) -> None:
    if tail_lines is not None and tail_lines < 0:
        raise LogRefused("must be greater than or equal to 0", path="tailLines")
    if limit_bytes is not None and limit_bytes < 1:
        raise LogRefused("must be greater than 0", path="limitBytes")
    if since_seconds is not None and since_seconds < 1:
        raise LogRefused("must be greater than 0", path="sinceSeconds")
    if since_seconds is not None and since_time is not None:
        raise LogRefused("at most one of sinceTime or sinceSeconds may be specified", path="sinceTime")


def _check_started(pod: Pod, container: str, *, previous: bool) -> None:
    """Raises: LogRefused if there is no such process of the container yet."""
    status, name = _status_of(pod, container), pod.metadata.name
    if previous:
        if status is None or status.last_state.terminated is None:
            raise LogRefused(f'previous terminated container "{container}" in pod "{name}" not found')
        return
    if status is None:
        raise LogRefused(f'container "{container}" in pod "{name}" is not available')
    waiting = status.state.waiting
    if waiting is not None and status.last_state.terminated is None:
        reason = waiting.reason or "ContainerCreating"
        raise LogRefused(f'container "{container}" in pod "{name}" is waiting to start: {reason}')


def _status_of(pod: Pod, container: str) -> ContainerStatus | None:
    among = (*pod.status.container_statuses, *pod.status.init_container_statuses)
    return next((item for item in among if item.name == container), None)


async def _pieces(
    lines: AsyncIterator[LogLine], since: datetime | None, *, timestamps: bool, at_once: bool
) -> AsyncIterator[bytes]:
    """Lines as bytes: one by one where somebody waits for each, else many together."""
    held: list[bytes] = []
    size = 0
    async for line in lines:
        for text in _texts(line, since, timestamps=timestamps):
            held.append(text)
            size += len(text)
        if held and (at_once or size >= _CHUNK_BYTES):
            yield b"".join(held)
            held, size = [], 0
    if held:
        yield b"".join(held)


def _texts(line: LogLine, since: datetime | None, *, timestamps: bool) -> Iterator[bytes]:
    if since is not None and line.time is not None and line.time < since:
        return
    head = f"{rfc3339_nano(line.time)} " if timestamps and line.time is not None else ""
    yield f"{head}{line.content}\n".encode()


def rfc3339_nano(moment: datetime) -> str:
    """A time as Go writes it: UTC, no zeros at the end of the fraction.

    >>> rfc3339_nano(datetime(2026, 1, 31, 12, 0, 0, 120000, tzinfo=UTC))
    '2026-01-31T12:00:00.12Z'
    """
    text = moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f").rstrip("0").rstrip(".")
    return f"{text}Z"
