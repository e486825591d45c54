"""The floor of creating: the same HTTP server, which decodes what it is sent and stores it in SQLite, in batches.

Usage: `python -m benchmarks._floor FILE`; prints its port. Each answer waits until its row is on disk.
"""

from __future__ import annotations

import asyncio
import queue
import socket
import sqlite3
import sys
import threading

import msgspec
import uvicorn
from starlette.types import Receive, Scope, Send


class _Store:
    """One thread that writes; a batch is what waits."""

    def __init__(self, path: str) -> None:
        self._queue: queue.SimpleQueue[tuple[bytes, asyncio.AbstractEventLoop, asyncio.Future[None]]] = (
            queue.SimpleQueue()
        )
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = FULL")
        self._connection.execute("CREATE TABLE object (id INTEGER PRIMARY KEY, json BLOB)")
        threading.Thread(target=self._write, daemon=True).start()

    async def put(self, body: bytes) -> None:
        loop = asyncio.get_running_loop()
        done = loop.create_future()
        self._queue.put((body, loop, done))
        await done

    def _write(self) -> None:
        while True:
            batch = [self._queue.get()]
            while not self._queue.empty():
                batch.append(self._queue.get())
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.executemany("INSERT INTO object (json) VALUES (?)", [(item[0],) for item in batch])
            self._connection.execute("COMMIT")
            for _, loop, done in batch:
                loop.call_soon_threadsafe(done.set_result, None)


def main() -> None:
    """Serve until killed."""
    store = _Store(sys.argv[1])

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        body = b""
        more = True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        await store.put(msgspec.json.encode(msgspec.json.decode(body)))
        await send({"type": "http.response.start", "status": 201, "headers": [(b"content-type", b"application/json")]})
        await send({"type": "http.response.body", "body": body})

    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    sock.bind(("127.0.0.1", 0))
    sock.listen(512)
    print(sock.getsockname()[1], flush=True)
    config = uvicorn.Config(app, log_level="warning", access_log=False, lifespan="off")
    asyncio.run(uvicorn.Server(config).serve(sockets=[sock]))


if __name__ == "__main__":
    main()
