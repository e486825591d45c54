"""Our end of a zygote: starts the process, asks it for supervisors, starts it again when it is gone and needed."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import msgspec

from setpoint.adapters.pods.environments import SYSTEM_PATH
from setpoint.adapters.pods.preload import ENVIRONMENT
from setpoint.adapters.pods.records import ProcessIdentity
from setpoint.adapters.pods.settings import PodSettings
from setpoint.adapters.pods.zygote import PACKET_BYTES, Ended, Launch, Launched, Ready
from setpoint.apis.errors import Unavailable

_ANSWER_SECONDS = 30.0
_NEWS: msgspec.json.Decoder[Launched | Ended] = msgspec.json.Decoder(Launched | Ended)


class ZygoteProcess:
    """One helper process, started again when it is gone and needed."""

    def __init__(self, settings: PodSettings, *, warm: bool, on_end: Callable[[str], None]) -> None:
        """`on_end` hears the id of a pod whose exit record was just written; not of every one."""
        self._settings = settings
        self._on_end = on_end
        self._news: socket.socket | None = None
        self._is_warm = warm
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None
        self._reader: asyncio.Task[None] | None = None
        self._ready: asyncio.Future[Ready] | None = None
        self._answers: dict[str, list[asyncio.Future[Launched]]] = {}

    @property
    def begun(self) -> bool:
        """Whether the process was started and is not gone."""
        return self._socket is not None

    async def start(self) -> None:
        """Start the process unless it runs."""
        if self._socket is not None:
            return
        await self._reap()
        loop = asyncio.get_running_loop()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._close_news()
        self._news, told = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        with theirs, told:
            self._process = _spawn(theirs, told, self._settings, warm=self._is_warm)
        for one in (ours, self._news):
            one.setblocking(False)
        loop.add_reader(self._news, self._hear, self._news)
        self._socket = ours
        self._ready = loop.create_future()
        self._reader = loop.create_task(self._read(ours, self._ready))
        await loop.sock_sendall(ours, msgspec.json.encode(self._settings))

    async def ready(self) -> Ready:
        """What the process said when it had imported all.

        Raises: Unavailable if it died over it.
        """
        await self.start()
        assert self._ready is not None  # noqa: S101 - set by start
        return await asyncio.shield(self._ready)

    async def launch(self, pod_id: str) -> ProcessIdentity | None:
        """Have the pod claimed; by whom, or None if it had been before.

        Raises: Unavailable if the process died or does not answer; asking again is safe.
        """
        await self.ready()
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Launched] = loop.create_future()
        waiting = self._answers.setdefault(pod_id, [])
        waiting.append(answer)
        try:
            if self._socket is None:
                raise Unavailable("the process that starts pods ended")
            await loop.sock_sendall(self._socket, msgspec.json.encode(Launch(id=pod_id)))
            launched = await asyncio.wait_for(answer, _ANSWER_SECONDS)
        except (OSError, TimeoutError) as error:
            raise Unavailable(f"the process that starts pods does not answer: {error}") from error
        finally:
            waiting.remove(answer)
            if not waiting:
                self._answers.pop(pod_id, None)
        if launched.error:
            raise Unavailable(f"pod {pod_id} could not be claimed: {launched.error}")
        return launched.claimant

    async def close(self) -> None:
        """End of file for the process; it ends by itself, or by a signal if it still imports."""
        self._close_news()
        if self._reader is not None:
            self._reader.cancel()
            await asyncio.gather(self._reader, return_exceptions=True)
        if self._socket is not None:  # a task cancelled before its first turn has closed nothing
            self._socket.close()
            self._socket = None
        importing = self._ready is not None and (not self._ready.done() or self._ready.exception() is not None)
        if importing and self._process is not None:
            self._process.terminate()
        await self._reap()

    def _hear(self, news: socket.socket) -> None:
        with suppress(BlockingIOError):
            while packet := news.recv(PACKET_BYTES):
                told = _NEWS.decode(packet)
                if isinstance(told, Ended):
                    self._on_end(told.id)
                    continue
                for answer in self._answers.get(told.id, ()):
                    if not answer.done():
                        answer.set_result(told)

    def _close_news(self) -> None:
        news, self._news = self._news, None
        if news is not None:
            asyncio.get_running_loop().remove_reader(news)
            news.close()

    async def _read(self, connection: socket.socket, ready: asyncio.Future[Ready]) -> None:
        loop = asyncio.get_running_loop()
        try:
            packet = await loop.sock_recv(connection, PACKET_BYTES)
            if packet:
                ready.set_result(msgspec.json.decode(packet, type=Ready))
            while packet:
                packet = await loop.sock_recv(connection, PACKET_BYTES)
        except OSError:
            pass  # the same as its end of file
        finally:
            connection.close()
            self._socket = None
            self._fail(ready)

    def _fail(self, ready: asyncio.Future[Ready]) -> None:
        log = Path(self._settings.home) / "kubelet.log"
        error = f"the process that starts pods ended; {log} may say why"
        if not ready.done():
            ready.set_exception(Unavailable(error))
            ready.exception()  # nobody may be waiting for it
        for answers in self._answers.values():
            for answer in answers:
                if not answer.done():
                    answer.set_exception(Unavailable(error))

    async def _reap(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        try:
            await asyncio.to_thread(process.wait, _ANSWER_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            await asyncio.to_thread(process.wait)


def _spawn(
    connection: socket.socket, news: socket.socket, settings: PodSettings, *, warm: bool
) -> subprocess.Popen[bytes]:
    descriptors = (connection.fileno(), news.fileno())
    command = [sys.executable, "-P", "-m", "setpoint.adapters.pods.zygote", *map(str, descriptors)]
    environment = {"PATH": SYSTEM_PATH, "HOME": str(Path.home()), "LANG": "C.UTF-8"}
    if warm:
        command.append("--warm")
        environment |= ENVIRONMENT
    if settings.python_path:
        environment["PYTHONPATH"] = ":".join(settings.python_path)
    with (Path(settings.home) / "kubelet.log").open("ab") as log:
        return subprocess.Popen(  # noqa: S603 - fixed words, no shell
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=environment,
            pass_fds=descriptors,
            start_new_session=True,
            cwd="/",
        )
