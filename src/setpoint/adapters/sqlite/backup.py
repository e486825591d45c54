"""A copy of a SQLite file at one instant, also while another process writes to it; and what its schema is."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from setpoint.adapters.sqlite.database import FILE_NAME, migrations, translate
from setpoint.apis.errors import Unavailable

__all__ = ["FILE_NAME", "copy_database", "latest_schema", "relocate", "schema_of"]

_BUSY_SECONDS = 30.0


def copy_database(source: Path, target: Path) -> None:
    """Copy all that was committed, by SQLite's own backup: a file with its write-ahead log is no copy.

    Raises: Unavailable: The file cannot be read, or the copy not written.
    """
    try:
        with (
            closing(
                sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True, timeout=_BUSY_SECONDS)
            ) as reader,
            closing(sqlite3.connect(target, timeout=_BUSY_SECONDS)) as writer,
        ):
            reader.backup(writer)  # one transaction: what is committed meanwhile is not in it
            writer.execute("PRAGMA journal_mode = DELETE")  # whole in one file; who opens it chooses anew
    except sqlite3.Error as error:
        raise translate(error, source) from error


def schema_of(path: Path) -> int:
    """The version of the schema of a store's file, looked through for damage.

    Raises: Unavailable: It is damaged, or no SQLite file.
    """
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
            if verdict != "ok":
                raise Unavailable(f"the store {path} is damaged: {verdict}")
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            return int(version)
    except sqlite3.Error as error:
        raise translate(error, path) from error


def latest_schema() -> int:
    """The version of the schema that this version of Setpoint writes."""
    return len(migrations())


def relocate(path: Path, old: str, new: str) -> None:
    """In all texts of a database that begin with a directory, as a path or a `file:` URL, put another in its place.

    Raises: Unavailable: The file cannot be written.
    """
    try:
        with closing(sqlite3.connect(path)) as connection, connection:
            for table, column in _text_columns(connection):
                for head in ("", "file://"):
                    before, after = f"{head}{old}", f"{head}{new}"
                    connection.execute(  # names come from the database's own schema
                        f'UPDATE "{table}" SET "{column}" = ? || substr("{column}", ?) '  # noqa: S608
                        f'WHERE substr("{column}", 1, ?) IN (?) AND typeof("{column}") = \'text\'',
                        (after + "/", len(before) + 2, len(before) + 1, before + "/"),
                    )
    except sqlite3.Error as error:
        raise translate(error, path) from error


def _text_columns(connection: sqlite3.Connection) -> list[tuple[str, str]]:
    tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    found = []
    for table in tables:
        for _, column, kind, *_ in connection.execute("SELECT * FROM pragma_table_info(?)", (table,)):
            if any(word in str(kind).upper() for word in ("CHAR", "TEXT", "CLOB")):
                found.append((table, column))
    return found
