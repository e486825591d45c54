"""The route table: which service leads to which port, in one file that is replaced whole.

The control plane writes it, the gateway reads it; neither needs the other alive. A reader sees the former or the new
table, never half of one. The gateway looks at the file's identity (inode, size, time) before every request, which
costs a microsecond and makes a switch effective for the very next request.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import msgspec

from setpoint.apis.errors import Unavailable
from setpoint.apis.meta import Wire

ROUTES_FILE = "routes.json"
ADDRESS_FILE = "address.json"
PORT_FILE = "port"


class Route(Wire, frozen=True, kw_only=True):
    """Where one service's requests go. `port` None: nowhere at present, and `message` says why."""

    port: int | None = None
    revision: str = ""
    timeout_seconds: float = 300.0
    message: str = ""
    keep: str = "all"  # what of its requests is logged: all, request or response


class RouteTable(Wire, frozen=True, kw_only=True):
    """All routes, by `namespace/name`."""

    routes: dict[str, Route] = {}


class Address(Wire, frozen=True, kw_only=True):
    """Where the gateway listens; written by it once it does."""

    port: int
    pid: int
    url: str


class RouteFile:
    """The writer's side; one writer per state directory (the control plane, which holds the writer lease)."""

    def __init__(self, home: Path) -> None:
        """`home` is the state directory."""
        self._directory = home / "gateway"
        self._table = self._read()

    def set(
        self,
        key: str,
        *,
        port: int | None,
        revision: str = "",
        timeout_seconds: float = 300.0,
        message: str = "",
        keep: str = "all",
    ) -> None:
        """Make the route so; nothing is written if it is so already. Raises: Unavailable if the disk refuses."""
        route = Route(port=port, revision=revision, timeout_seconds=timeout_seconds, message=message, keep=keep)
        if self._table.routes.get(key) != route:
            self._write(self._table.routes | {key: route})

    def remove(self, key: str) -> None:
        """Drop the route; nothing if there is none."""
        if key in self._table.routes:
            self._write({name: route for name, route in self._table.routes.items() if name != key})

    def url(self, key: str) -> str:
        """The stable URL of a service; "" while no gateway has listened in this state directory."""
        try:
            address = msgspec.json.decode((self._directory / ADDRESS_FILE).read_bytes(), type=Address)
        except (FileNotFoundError, msgspec.MsgspecError):
            return ""
        return f"{address.url}/serving/{key}"

    def _read(self) -> RouteTable:
        with contextlib.suppress(FileNotFoundError, msgspec.MsgspecError):
            return msgspec.json.decode((self._directory / ROUTES_FILE).read_bytes(), type=RouteTable)
        return RouteTable()

    def _write(self, routes: dict[str, Route]) -> None:
        table = RouteTable(routes=routes)
        replace_file(self._directory / ROUTES_FILE, msgspec.json.encode(table))
        self._table = table


class RouteReader:
    """The gateway's side: the table as it is on disk now."""

    def __init__(self, home: Path) -> None:
        """The file need not exist yet."""
        self._path = str(home / "gateway" / ROUTES_FILE)
        self._seen: tuple[int, int, int] | None = None
        self._routes: dict[str, Route] = {}

    def get(self, key: str) -> Route | None:
        """The route of `namespace/name`, None if there is none."""
        try:
            stat = os.stat(self._path)  # noqa: PTH116  on every request: a Path's stat costs three times as much
        except FileNotFoundError:
            return None
        seen = (stat.st_ino, stat.st_size, stat.st_mtime_ns)
        if seen != self._seen:
            # A table that cannot be read is not ours: the former one stays, rather than cutting every service off.
            with contextlib.suppress(msgspec.MsgspecError, OSError):
                self._routes = msgspec.json.decode(Path(self._path).read_bytes(), type=RouteTable).routes
                self._seen = seen
        return self._routes.get(key)


def replace_file(path: Path, content: bytes) -> None:
    """Replace a file whole. Raises: Unavailable if the disk refuses."""
    partial = path.with_name(f"{path.name}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(content)
        partial.replace(path)
    except OSError as error:
        raise Unavailable(f"cannot write {path}: {error}") from error
