"""What turned out to be true, in one append-only file per service, one line for each batch of statements.

Decides what is a new statement and which revision it is. Invariants: a batch is stored whole or not at all (its line
has an end or it is cut off by the next writer), and what was said is never changed, only followed by more.
"""

from __future__ import annotations

import fcntl
import logging
import os
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, TypeAlias

import msgspec

from setpoint.apis.errors import InvalidSpec, Unavailable
from setpoint.core.predictions.exchange import log_parts
from setpoint.ports.predictions import Label

Key: TypeAlias = tuple[str, str, datetime | None, datetime | None]

logger = logging.getLogger("setpoint.predictions")


class FileLabels:
    """`LabelSource` over `<home>/labels`."""

    def __init__(self, directory: Path) -> None:
        """The directory need not exist yet."""
        self._directory = directory

    def add(self, namespace: str, service: str, labels: Sequence[Label]) -> int:
        """See `LabelSource.add`. Several processes may add at a time."""
        batch = [normalize(label) for label in labels]
        path = self._path(namespace, service)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("a+b") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                file.seek(0)
                content = file.read()
                new = revise(latest(parse(content)), batch)
                if new:
                    _append(file, content, msgspec.json.encode(new) + b"\n")
        except OSError as error:
            raise Unavailable(f"labels cannot be stored in {path}: {error.strerror or error}") from error
        return len(new)

    def read(self, namespace: str, service: str) -> tuple[Label, ...]:
        """See `LabelSource.read`."""
        path = self._path(namespace, service)
        try:
            return tuple(latest(parse(path.read_bytes())).values())
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise Unavailable(f"labels cannot be read from {path}: {error.strerror or error}") from error

    def _path(self, namespace: str, service: str) -> Path:
        space, name = log_parts(namespace, service)
        return self._directory / space / f"{name}.jsonl"


def normalize(label: Label) -> Label:
    """The label with its times in UTC.

    Raises:
        InvalidSpec: It has no key or two, no text, or its interval is not one.
    """
    if not label.label:
        raise InvalidSpec("a label is a text that is not empty", path="label")
    whole = bool(label.asset) and label.begin is not None and label.end is not None
    some = bool(label.asset) or label.begin is not None or label.end is not None
    if bool(label.inference_id) == some:
        raise InvalidSpec("a label is of one inference id, or of an asset from `begin` to `end`", path="label")
    if some and not whole:
        missing = next(name for name in ("asset", "begin", "end") if not getattr(label, name))
        raise InvalidSpec(f"an interval has an asset, a begin and an end; {missing} is missing", path=missing)
    label = label.replace(begin=_utc(label.begin), end=_utc(label.end), at=_utc(label.at))
    if label.begin is not None and label.end is not None and label.end <= label.begin:
        raise InvalidSpec(f"the interval ends at {label.end}, not after its begin {label.begin}", path="end")
    return label


def key_of(label: Label) -> Key:
    """What the statement is about."""
    return label.inference_id, label.asset, label.begin, label.end


def latest(statements: Iterable[Label]) -> dict[Key, Label]:
    """The last statement about each key, in the order in which the keys were first spoken of."""
    found: dict[Key, Label] = {}
    for statement in statements:
        found[key_of(statement)] = statement
    return found


def revise(known: Mapping[Key, Label], batch: Iterable[Label]) -> list[Label]:
    """Those statements of the batch that are new, with their revisions.

    What is said again by the same author, with nothing in between, is not new; by another author it is.
    """
    current = dict(known)
    new: list[Label] = []
    for label in batch:
        key = key_of(label)
        before = current.get(key)
        if before is not None and (before.label, before.author) == (label.label, label.author):
            continue
        label = label.replace(revision=1 if before is None else before.revision + 1)
        current[key] = label
        new.append(label)
    return new


def parse(content: bytes) -> list[Label]:
    """The statements of a file; a torn last line is none, a damaged one is told and left out."""
    found: list[Label] = []
    whole = content[: content.rfind(b"\n") + 1]
    for number, line in enumerate(whole.splitlines(), start=1):
        try:
            found += msgspec.json.decode(line, type=list[Label])
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            logger.warning("labels, line %d: damaged and left out: %s", number, error)
    return found


def _append(file: BinaryIO, content: bytes, line: bytes) -> None:
    end = content.rfind(b"\n") + 1
    if end < len(content):
        file.truncate(end)  # half a batch of a writer that was killed
    try:
        file.write(line)
        file.flush()
        os.fsync(file.fileno())
    except OSError:
        os.ftruncate(file.fileno(), end)
        raise


def _utc(moment: datetime | None) -> datetime | None:
    if moment is None:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
