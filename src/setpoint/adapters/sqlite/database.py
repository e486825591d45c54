"""The database file: how it is opened, brought to the present schema, and how its errors read.

Only this package imports sqlite3. Statements live in named files under `sql/`, schema steps in numbered files under
`migrations/`, which only go forward. Invariant: every failure of SQLite leaves here as one error of the tree.
"""

from __future__ import annotations

import os
import re
import sqlite3
from functools import cache
from importlib import resources
from pathlib import Path

from setpoint.apis.errors import InvalidSpec, InvariantViolation, SetpointError, Unavailable

FILE_NAME = "store.db"

_BUSY_SECONDS = 10.0
_CACHE_KIBIBYTES = 16 * 1024
_CHECKPOINT_PAGES = (
    8000  # a checkpoint waits for the disk twice: at SQLite's 1000 it was a tenth of a busy engine's time
)
_LARGEST_JOURNAL_BYTES = 64 * 1024 * 1024
_PRIMARY_CODE = 0xFF  # SQLite's extended codes keep the primary one in the low byte
_NAMED = re.compile(r"^-- name: (\w+)\n(.*?);\s*$", re.DOTALL | re.MULTILINE)


class DiskFull(Unavailable):
    """Nothing more can be written. What was acknowledged before is safe."""


@cache
def statements(name: str) -> dict[str, str]:
    """The statements of `sql/<name>.sql` by name."""
    text = resources.files(__package__).joinpath("sql", f"{name}.sql").read_text(encoding="utf-8")
    return dict(_NAMED.findall(text))


@cache
def migrations() -> tuple[str, ...]:
    """All schema steps; step n of the files is element n - 1."""
    folder = resources.files(__package__).joinpath("migrations")
    found = sorted((int(item.name[:4]), item) for item in folder.iterdir() if item.name.endswith(".sql"))
    if [number for number, _ in found] != list(range(1, len(found) + 1)):
        raise InvariantViolation("the migrations are not numbered from 0001 without a gap")
    return tuple(item.read_text(encoding="utf-8") for _, item in found)


def open_writer(directory: Path, *, outlives_power: bool = False) -> sqlite3.Connection:
    """The one writing connection, on a schema brought to the present version.

    Args:
        directory: Where the file is.
        outlives_power: Each commit waits for the disk, so that it outlives a crash of the machine too.

    Raises:
        InvalidSpec: If a newer version of Setpoint wrote the file.
        Unavailable: If it cannot be opened, read or written.
    """
    path = directory / FILE_NAME
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))  # the -wal and -shm files take its mode
        connection = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    except (OSError, sqlite3.Error) as error:
        raise translate(error, path) from error
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        # A killed process loses nothing under NORMAL; see docs/adr/0001.
        connection.execute(f"PRAGMA synchronous = {'FULL' if outlives_power else 'NORMAL'}")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute(f"PRAGMA cache_size = -{_CACHE_KIBIBYTES}")
        connection.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
        connection.execute(f"PRAGMA journal_size_limit = {_LARGEST_JOURNAL_BYTES}")
        _migrate(connection, path)
    except (sqlite3.Error, SetpointError) as error:
        connection.close()
        raise translate(error, path) from error
    return connection


def open_reader(directory: Path) -> sqlite3.Connection:
    """A connection that only reads; each read is a transaction of its own (see `snapshot`)."""
    path = directory / FILE_NAME
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=ro",
        uri=True,
        timeout=_BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,
    )
    connection.execute("PRAGMA query_only = ON")
    connection.execute(f"PRAGMA cache_size = -{_CACHE_KIBIBYTES}")
    return connection


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    (present,) = connection.execute("PRAGMA user_version").fetchone()
    steps = migrations()
    if present > len(steps):
        raise InvalidSpec(
            f"{path} was written by a newer version of Setpoint (schema {present}, this one knows {len(steps)}): "
            "use that version, or another state directory"
        )
    for number in range(present + 1, len(steps) + 1):
        try:
            connection.executescript(f"BEGIN IMMEDIATE;\n{steps[number - 1]}\nPRAGMA user_version = {number};\nCOMMIT;")
        except sqlite3.Error:
            if connection.in_transaction:
                connection.rollback()
            raise


def translate(error: Exception, path: Path) -> SetpointError:
    """The error of the tree that says what a failure of SQLite or of the file system means."""
    if isinstance(error, SetpointError):
        return error
    if isinstance(error, OSError):
        return Unavailable(f"the store {path} cannot be opened: {error.strerror or error}")
    code = getattr(error, "sqlite_errorcode", 0) & _PRIMARY_CODE
    match code:
        case sqlite3.SQLITE_FULL:
            return DiskFull(f"the disk that holds {path} is full: free some space; nothing acknowledged is lost")
        case sqlite3.SQLITE_IOERR | sqlite3.SQLITE_READONLY | sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_PERM:
            return Unavailable(f"the store {path} cannot be read or written: {error}")
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return Unavailable(f"the store {path} is locked by another program")
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            return Unavailable(f"the store {path} is damaged ({error}): restore a copy, or use another state directory")
        case _:
            return InvariantViolation(f"the store {path} refused a statement: {error}")
