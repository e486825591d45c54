"""What is known to have been true, in a state directory: a file of JSON lines per service, added to and never changed.

Invariant: a line that was returned from `add` is read back; a line that is cut off by a kill is not there. Several
processes may add at a time: the file is locked meanwhile.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from setpoint.apis.errors import InvalidSpec, Unavailable
from setpoint.core.monitors.label import Label, check_label, latest, revise

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Label).decode


class DirectoryLabels:
    """Implements `ports.predictions.LabelSource` over `<home>/labels/NAMESPACE/SERVICE.jsonl`."""

    def __init__(self, home: Path) -> None:
        """Nothing need be there yet."""
        self._directory = home / "labels"

    def add(self, namespace: str, service: str, labels: Sequence[Label]) -> int:
        """See `LabelSource.add`."""
        for label in labels:
            check_label(label)
        path = self._path(namespace, service)
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                data = path.read_bytes()
                new = revise(_parse(data), labels)
                text = b"".join(_encode(label) + b"\n" for label in new)
                if data and not data.endswith(b"\n"):
                    text = b"\n" + text  # what a kill cut off stays a line of its own
                _write_all(descriptor, text, len(data))
            finally:
                os.close(descriptor)
        except OSError as error:
            raise Unavailable(f"labels cannot be stored in {path}: {error.strerror or error}") from error
        return len(new)

    def read(self, namespace: str, service: str) -> tuple[Label, ...]:
        """See `LabelSource.read`."""
        path = self._path(namespace, service)
        try:
            return latest(_parse(path.read_bytes()))
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise Unavailable(f"labels cannot be read from {path}: {error.strerror or error}") from error

    def _path(self, namespace: str, service: str) -> Path:
        for name in (namespace, service):
            if not name or "/" in name or name.startswith("."):
                raise InvalidSpec(f"{name!r} is no name of a service or namespace")
        return self._directory / namespace / f"{service}.jsonl"


def _parse(data: bytes) -> list[Label]:
    found = []
    for line in data.splitlines():
        with suppress(msgspec.MsgspecError, UnicodeDecodeError):
            found.append(_decode(line))
    return found


def _write_all(descriptor: int, text: bytes, size: int) -> None:
    """All of it or nothing."""
    try:
        if os.write(descriptor, text) != len(text):
            raise OSError(28, "no room")
        os.fsync(descriptor)
    except OSError:
        os.ftruncate(descriptor, size)
        raise
