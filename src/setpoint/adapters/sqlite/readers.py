"""Reading threads: short snapshots of the database that never wait for the writer.

Invariant: everything one job reads belongs to one version of the store.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from setpoint.adapters.sqlite.database import open_reader, translate
from setpoint.apis.errors import Unavailable

T = TypeVar("T")

_THREADS = 2


class Readers:
    """A few threads, each with a connection of its own."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._executor = ThreadPoolExecutor(_THREADS, thread_name_prefix="store-reader")
        self._local = threading.local()
        self._connections: list[sqlite3.Connection] = []
        self._closed = False

    @property
    def closed(self) -> bool:
        """Whether no more can be read."""
        return self._closed

    async def read(self, job: Callable[[sqlite3.Connection], T]) -> T:
        """Run the job on a snapshot.

        Raises:
            SetpointError: What the job raised; Unavailable if the store is closed or cannot be read.
        """
        if self._closed:
            raise Unavailable("the store is closed")
        return await asyncio.get_running_loop().run_in_executor(self._executor, self._snapshot, job)

    def _snapshot(self, job: Callable[[sqlite3.Connection], T]) -> T:
        try:
            connection = self._connection()
            connection.execute("BEGIN")
            try:
                return job(connection)
            finally:
                connection.rollback()
        except sqlite3.Error as error:
            raise translate(error, self._directory) from error

    def _connection(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = open_reader(self._directory)
            self._connections.append(connection)
        return connection

    def close(self) -> None:
        """End the threads after what they are reading."""
        self._closed = True
        self._executor.shutdown()
        while self._connections:
            self._connections.pop().close()
