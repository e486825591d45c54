"""What clients asked, and the form of what they were told.

A recording holds requests as they were, and of each answer its status, its content type and its shape: names of keys,
kinds of values, and the few values that say what an object is or that later requests refer to. No text of an object is
in it. Ids are numbered in the order they appear, and what names this machine is replaced.
"""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import parse_qs, urlsplit

import msgspec

RECORDINGS = Path(__file__).with_name("clients")
FOLDER, MACHINE = "/replay", "the-machine"
KEPT = frozenset(
    {"kind", "apiVersion", "reason", "type", "code", "name", "uid", "resourceVersion", "continue", "generateName"}
)
"""Keys whose values are stored."""

_HEADERS = ("accept", "content-type", "user-agent", "upgrade", "impersonate-user", "impersonate-group")
_UNSEEN = re.compile(r"^/(openapi|version|api$|apis$|apis/[^/]+/[^/]+$|api/v1$)")
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_TOKEN = re.compile(r"eyJ[\w-]+\.[\w-]+\.[\w-]+")
_HASH = re.compile(r"(?<=\?)hash=\w+&?")
_MOST_EVENTS = 12


class SeenExchange(Protocol):
    """What the recorder has of a request; see `tests.clients.recorder.Seen`."""

    server: str
    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    status: int
    answer_headers: dict[str, str]
    answer: bytes
    early: int | None


class Exchange(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A request and the form of its answer.

    Args:
        server: `kubernetes` or `argo`.
        method: Of HTTP.
        target: Path and query.
        headers: Those that choose the form of the answer.
        body: JSON, or `{"latin-1": ...}` of anything else.
        status: Of HTTP; 0: there was no answer yet when the trial ended.
        media: Content type of the answer.
        shape: Of a JSON body; None where it is not looked at.
        events: Shapes of the first events of a watch, which came before anybody asked something else.
    """

    server: str = "kubernetes"
    method: str = "GET"
    target: str
    headers: dict[str, str] = {}
    body: Any = None
    status: int
    media: str = ""
    shape: Any = None
    events: tuple[Any, ...] = ()

    @property
    def is_watch(self) -> bool:
        """Whether its answer goes on and on."""
        return is_watch(self.target)


class Recording(msgspec.Struct, frozen=True):
    """One client's trial."""

    version: str
    exchanges: tuple[Exchange, ...]


def is_watch(target: str) -> bool:
    """Whether the answer is a stream of events."""
    query = parse_qs(urlsplit(target).query)
    return query.get("watch", ["false"])[0] in ("true", "1", "True") or "-events/" in target


def shape(value: Any, key: str = "") -> Any:
    """The form of a JSON value: scalars become one of their kind, but for those of `KEPT` keys."""
    if isinstance(value, dict):
        if key == "nodes":  # their ids are made of names that a server made
            return sorted(({"type": node.get("type", "")} for node in value.values()), key=str)
        return {name: shape(item, name) for name, item in value.items()}
    if isinstance(value, list):
        if key == "managedFields":
            return []
        if key == "columnDefinitions":
            return [{"name": item["name"]} for item in value]
        return [shape(item, "cell" if key == "cells" else "") for item in value]
    if key in KEPT:
        return value
    if isinstance(value, bool):
        return False
    return "" if isinstance(value, str) else value if value is None else 0


def make_recording(version: str, seen: Sequence[SeenExchange], folder: Path) -> Recording:
    """Of what passed; `folder` is where the trial was."""
    made = Recording(version, tuple(_exchange(item) for item in _telling(seen)))
    return msgspec.json.decode(_anonymous(msgspec.json.encode(made).decode(), folder), type=Recording)


def _telling(seen: Sequence[SeenExchange]) -> list[SeenExchange]:
    """Those to keep: of reads that are repeated without a write between, the last; none that a cache answers."""
    kept: list[SeenExchange] = []
    reads: dict[tuple[str, str, str], int] = {}
    for item in seen:
        if item.status in (0, 304):
            continue
        if item.method != "GET":
            reads.clear()
        elif not is_watch(item.target):
            key = (item.server, item.target, item.headers.get("accept", ""))
            if key in reads:
                kept[reads[key]].status = 0
            reads[key] = len(kept)
        kept.append(item)
    return [item for item in kept if item.status]


def save(path: Path, recording: Recording) -> None:
    """One line an exchange, so that a difference can be read."""
    lines = [json.dumps(msgspec.to_builtins(item), separators=(",", ":")) for item in recording.exchanges]
    head = f'{{"version":{json.dumps(recording.version)},"exchanges":[\n'
    path.parent.mkdir(exist_ok=True)
    path.write_text(head + ",\n".join(lines) + "\n]}\n", encoding="utf-8")


def load(path: Path) -> Recording:
    """What was saved."""
    return msgspec.json.decode(path.read_bytes(), type=Recording)


def _exchange(seen: SeenExchange) -> Exchange:
    media = seen.answer_headers.get("content-type", "").partition(";")[0]
    watch = is_watch(seen.target)
    return Exchange(
        server=seen.server,
        method=seen.method,
        target=_HASH.sub("", seen.target),
        headers={name: seen.headers[name] for name in _HEADERS if name in seen.headers},
        body=_body(seen.body),
        status=seen.status,
        media=media,
        shape=None if watch and seen.status == 200 else _answer(seen, media),
        events=_events(seen) if watch and media == "application/json" else (),
    )


def _body(content: bytes) -> Any:
    if not content:
        return None
    try:
        return json.loads(content)
    except ValueError:
        return {"latin-1": content.decode("latin-1")}  # so that ids in it are seen


def _answer(seen: SeenExchange, media: str) -> Any:
    if media != "application/json" or _UNSEEN.match(urlsplit(seen.target).path):
        return None
    try:
        return shape(json.loads(seen.answer))
    except ValueError:
        return None


def _events(seen: SeenExchange) -> tuple[Any, ...]:
    early = seen.answer if seen.early is None else seen.answer[: seen.early]
    lines = early.split(b"\n")[:-1][:_MOST_EVENTS]
    return tuple(shape(json.loads(line)) for line in lines if line.strip())


def _anonymous(text: str, folder: Path) -> str:
    text = text.replace(str(folder), FOLDER)
    machine = re.escape(socket.gethostname())
    text = re.sub(
        rf'(?<=")({machine})(?=[":_])|(?<=/nodes/)({machine})(?![\w-])|(?<=%3D)({machine})(?![\w-])', MACHINE, text
    )
    text = _TOKEN.sub("eyJ.no.token", text)
    ids: dict[str, str] = {}

    def numbered(found: re.Match[str]) -> str:
        return ids.setdefault(found[0], f"00000000-0000-0000-0000-{len(ids) + 1:012d}")

    return _UUID.sub(numbered, text)
