"""A control plane of its own in a folder: `setpoint up --detach`, as a person starts it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from setpoint.wiring.endpoint import Endpoint, read_endpoint

_TIMEOUT_SECONDS = 90


@contextmanager
def control_plane(home: Path, *, secure: bool = False) -> Iterator[Endpoint]:
    """It is up as long as the block lasts; `secure`: loopback wants TLS and a token too."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SETPOINT_")}
    environment |= {"SETPOINT_REQUIRE_TOKEN": "true"} if secure else {}
    _setpoint(environment, "up", "--detach", "--home", str(home))
    try:
        endpoint = read_endpoint(home)
        assert endpoint is not None
        yield endpoint
    finally:
        _setpoint(environment, "down", "--home", str(home))


def _setpoint(environment: dict[str, str], *arguments: str) -> None:
    command = [sys.executable, "-m", "setpoint", *arguments]
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=_TIMEOUT_SECONDS, check=False
    )
    assert done.returncode == 0, f"setpoint {' '.join(arguments)}: {done.stdout}{done.stderr}"
