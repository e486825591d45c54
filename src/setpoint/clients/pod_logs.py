"""Logs of pods over the Kubernetes API, line by line. Source: Kubernetes API reference, `GET pods/NAME/log`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC
from urllib.parse import quote

import httpx

from setpoint.apis.errors import Unavailable
from setpoint.clients.kubernetes import raise_error
from setpoint.clients.pod_glance import PodGlance
from setpoint.ports.workflows import LogOptions


class PodLogClient:
    """Reads logs from the API server behind an HTTP client."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    async def lines(
        self, namespace: str, pod: str, *, container: str, follow: bool, options: LogOptions
    ) -> AsyncIterator[str]:
        """The lines of a container, as the options choose them; `grep` and `selector` are not looked at.

        Raises: NotFound, InvalidSpec (no such container, or not yet), Forbidden, Unavailable.
        """
        path = f"/api/v1/namespaces/{quote(namespace, safe='')}/pods/{quote(pod, safe='')}/log"
        query = _query(options) | {"container": container, "follow": "true" if follow else "false"}
        timeout = httpx.Timeout(30.0, read=None)
        try:
            async with self._http.stream("GET", path, params=query, timeout=timeout) as answer:
                if answer.is_error:
                    await answer.aread()
                    raise_error(answer, PodGlance)
                async for line in answer.aiter_lines():
                    yield line
        except httpx.TransportError as error:
            raise Unavailable(f"the log of pod {pod!r} was cut off: {error or type(error).__name__}") from error


def _query(options: LogOptions) -> dict[str, str]:
    since = options.since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if options.since is not None else ""
    found = {
        "sinceTime": since,
        "tailLines": "" if options.tail_lines is None else str(options.tail_lines),
        "limitBytes": "" if options.limit_bytes is None else str(options.limit_bytes),
        "timestamps": "true" if options.timestamps else "",
        "previous": "true" if options.previous else "",
    }
    return {key: text for key, text in found.items() if text}
