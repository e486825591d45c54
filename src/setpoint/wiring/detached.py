"""The control plane as a background process: finding it, starting it, ending it."""

from __future__ import annotations

import httpx

from setpoint.adapters import daemon
from setpoint.adapters.access.secret_files import make_private
from setpoint.wiring.endpoint import Endpoint, read_endpoint
from setpoint.wiring.settings import Settings

_START_SECONDS = 30.0
_END_SECONDS = 60.0


def running_endpoint(settings: Settings) -> Endpoint | None:
    """The endpoint of the control plane that is up, or None; somebody must answer there to our token."""
    endpoint = read_endpoint(settings.home)
    if endpoint is None:
        return None
    headers = {"authorization": f"Bearer {endpoint.token}"}
    try:
        answer = httpx.get(f"{endpoint.url}/whoami", headers=headers, timeout=5.0, trust_env=False)
    except httpx.TransportError:
        return None
    is_ours = answer.status_code == httpx.codes.OK and answer.json().get("pid") == endpoint.pid
    return endpoint if is_ours else None


def start_detached(settings: Settings) -> Endpoint:
    """Start it and return when it answers. Raises Unavailable or Timeout with the reason."""
    arguments = ["up", "--home", str(settings.home), "--port", str(settings.port), "--address", settings.address]

    def is_ready(pid: int) -> bool:
        endpoint = running_endpoint(settings)
        return endpoint is not None and endpoint.pid == pid

    make_private(settings.home)
    log = settings.home / "logs" / "control-plane.log"
    daemon.start(arguments, log=log, is_ready=is_ready, patience_seconds=_START_SECONDS)
    endpoint = read_endpoint(settings.home)
    assert endpoint is not None, "a process that answers has written its endpoint"  # noqa: S101
    return endpoint


def end_detached(endpoint: Endpoint) -> None:
    """End it and wait until it is gone. Raises Timeout if it does not go."""
    daemon.end(endpoint.pid, patience_seconds=_END_SECONDS)
