"""The endpoint file: secret, stable across restarts, and a port in use is said."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from setpoint.apis.errors import Unavailable
from setpoint.wiring.endpoint import endpoint_path, listen, read_endpoint, write_endpoint


def test_port_and_token_survive_a_restart(tmp_path: Path) -> None:
    with listen(tmp_path, 0) as sock:
        first = write_endpoint(tmp_path, sock)
    with listen(tmp_path, 0) as sock:
        second = write_endpoint(tmp_path, sock)
    assert second == first == read_endpoint(tmp_path)
    assert len(first.token) >= 32


def test_only_the_owner_reads_it_and_the_token_is_not_shown(tmp_path: Path) -> None:
    with listen(tmp_path, 0) as sock:
        endpoint = write_endpoint(tmp_path, sock)
    assert endpoint_path(tmp_path).stat().st_mode & 0o077 == 0
    assert endpoint.token not in repr(endpoint)


def test_a_wanted_port_in_use_is_refused_and_a_remembered_one_is_replaced(
    tmp_path: Path, bound_port: Callable[[], socket.socket]
) -> None:
    taken = bound_port().getsockname()[1]
    with pytest.raises(Unavailable, match=f"port {taken} .*--port"):
        listen(tmp_path, taken)
    with listen(tmp_path, 0) as sock:
        write_endpoint(tmp_path, sock)
        with listen(tmp_path, 0) as other:
            assert other.getsockname()[1] != sock.getsockname()[1]
