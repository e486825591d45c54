"""What a supervisor prepares and puts away around the life of its pod: images, logs, signals, the exit record."""

from __future__ import annotations

import os
import signal
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from setpoint.adapters.pods import records
from setpoint.adapters.pods.environments import search_path
from setpoint.adapters.pods.images import ResolvedImage, resolve
from setpoint.adapters.pods.logfile import LogWriter
from setpoint.adapters.pods.probes import prepare
from setpoint.adapters.pods.settings import PodSettings
from setpoint.ports.launcher import Container, PodExit, PodPhase, PodRequest


def resolve_images(
    settings: PodSettings, request: PodRequest, folder: Path, check: Callable[[], None]
) -> dict[str, tuple[ResolvedImage, str]]:
    """Image and PATH of every container; makes missing Python environments. `check` is called between."""
    home = Path(settings.home)
    log, found = folder / "environment.txt", {}
    for container in request.containers:
        image = resolve(settings.rules, container.image, container.command, container.args)
        found[container.name] = (image, search_path(image, home, log, check))
        prepare(container.probes)
    return found


def open_log(
    directory: int, request: PodRequest, settings: PodSettings, container: Container, *warnings: str
) -> LogWriter:
    """The log of a container that is about to start, with what is to be told first."""
    file, keep_tail = records.log_file(container.name), container.log_is_message
    log = LogWriter(directory, file, settings.log_bytes, keep_tail=keep_tail)
    if request.log_outputs:
        log.begin()
    for warning in filter(None, warnings):
        log.write(b"stderr", f"setpoint: {warning}\n".encode())
    return log


def listen() -> int:
    """A descriptor that TERM and the end of a child make readable."""
    read, write = os.pipe()
    for descriptor in (read, write):
        os.set_blocking(descriptor, False)
    signal.set_wakeup_fd(write, warn_on_full_buffer=False)
    return read


def write_exit(file: records.ExitFile, ended: PodExit, now: datetime) -> None:
    """Write the exit record; on a full disk a short one, which needs no room but what it has, again and again."""
    try:
        file.write(ended)
    except OSError as error:  # others may make room
        short = PodExit(phase=PodPhase.ERROR, message=f"wait: Error: {error.strerror}", finished_at=now)
        for pause in (0, *[1] * 60):
            time.sleep(pause)
            with suppress(OSError):
                file.write(short)
                break


def trace(directory: int) -> None:
    """Leave the traceback of a bug of ours in the pod's directory."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
    with suppress(OSError), os.fdopen(os.open(records.TRACE, flags, 0o600, dir_fd=directory), "w") as file:
        traceback.print_exc(file=file)
