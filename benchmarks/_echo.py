"""The floor of the serving benchmark: a bare ASGI application under the same server, which reads a body and answers."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

import uvicorn
import uvloop

ANSWER = b'{"model_name":"echo","outputs":[{"name":"label","shape":[1],"datatype":"BYTES","data":["0"]}]}'


async def app(
    scope: MutableMapping[str, Any],
    receive: Callable[[], Awaitable[MutableMapping[str, Any]]],
    send: Callable[[MutableMapping[str, Any]], Awaitable[None]],
) -> None:
    """Read the body, answer a constant."""
    while (await receive()).get("more_body"):
        pass
    length = str(len(ANSWER)).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", length)]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": ANSWER})


def main(port_file: Path) -> None:
    """Listen on a free port and write it to the file."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        app, http="httptools", ws="none", lifespan="off", access_log=False, log_level="warning", date_header=False
    )
    port_file.write_text(str(listener.getsockname()[1]))
    uvloop.run(uvicorn.Server(config).serve(sockets=[listener]))


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]))
    except (KeyboardInterrupt, asyncio.CancelledError):
        sys.exit(0)
