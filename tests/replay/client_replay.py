"""Asking a control plane again what a client asked once, and holding its answers against those of then.

Values that differ from run to run (ids, versions, names and tokens that a server makes) are learned by walking the
recorded and the present answer side by side, and put into later requests.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx

from tests.replay.client_recording import FOLDER, Exchange, shape

_PATIENCE_SECONDS = 10.0
_WATCH_SECONDS = 1.0
_PAUSE_SECONDS = 0.05
_LOOSE = frozenset({"status"})
"""Below it engines write when they get to it: what was there must come, more may be there."""

_FREE = frozenset({"managedFields", "cells", "conditions", "finalizers", "containerStatuses", "active", "startTime"})
"""What of an object depends on how far an engine has come."""

_VERSIONS = frozenset({"resourceVersion"})
_VERSION_PATH = "/metadata/resourceVersion"


class Differs(AssertionError):
    """An answer is not what it was."""


@dataclass
class Known:
    """What recorded values are at present."""

    texts: dict[str, str] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    folder: str = ""

    def learn(self, then: Any, now: Any, key: str = "") -> None:
        """Walk both; where they have another value in the same place, remember it."""
        if isinstance(then, dict) and isinstance(now, dict):
            for name in then.keys() & now.keys():
                self.learn(then[name], now[name], name)
        elif isinstance(then, list) and isinstance(now, list):
            for one, other in _paired(then, now):
                self.learn(one, other)
        elif isinstance(then, str) and isinstance(now, str) and then:
            if key in _VERSIONS:
                self.versions[then] = now
            elif key in ("uid", "name", "continue") and then != now:
                self.texts[then] = now

    def text(self, text: str) -> str:
        """A recorded text as it is at present."""
        if self.folder:
            text = text.replace(FOLDER, self.folder)
        if not self.texts:
            return text
        names = "|".join(re.escape(name) for name in sorted(self.texts, key=len, reverse=True))
        return re.sub(rf"(?<![\w-])(?:{names})(?![\w-])", lambda found: self.texts[found[0]], text)

    def packed(self, text: str) -> str:
        """A message of protobuf: what is put in has the length of what is taken out."""
        for then, now in self.texts.items():
            if len(then) == len(now):
                text = text.replace(then, now)
        return text

    def target(self, target: str) -> str:
        """Path and query."""
        parts = urlsplit(target)
        query = [(name, self._value(name, value)) for name, value in parse_qsl(parts.query, keep_blank_values=True)]
        return self.text(parts.path) + (f"?{urlencode(query)}" if query else "")

    def body(self, value: Any, key: str = "") -> Any:
        """A JSON value."""
        if isinstance(value, dict):
            if value.get("path") == _VERSION_PATH:
                return value | {"value": self._value("resourceVersion", value.get("value", ""))}
            return {self.text(name): self.body(item, name) for name, item in value.items()}
        if isinstance(value, list):
            return [self.body(item) for item in value]
        return self._value(key, value) if isinstance(value, str) else value

    def _value(self, name: str, value: str) -> str:
        return self.versions.get(value, value) if name in _VERSIONS else self.text(value)


class Replay:
    """One client's requests against a control plane."""

    def __init__(self, urls: dict[str, str], folder: Path, known: dict[str, str]) -> None:
        self._http = {name: httpx.Client(base_url=url, trust_env=False, timeout=30) for name, url in urls.items()}
        self._known = Known(texts=dict(known), folder=str(folder))
        self._deleted: set[str] = set()  # that were asked to go; until when they are seen is no matter of the client's

    def close(self) -> None:
        """Cut the connections."""
        for http in self._http.values():
            http.close()

    def ask(self, exchange: Exchange) -> None:
        """Ask, and again if it may take a moment. Raises: Differs."""
        if exchange.is_watch and exchange.status == 200:
            self._watch(exchange)
            return
        versions = list(_versions_in(exchange.body))
        waits = exchange.method == "GET" or exchange.status >= 400 or versions
        began = time.monotonic()
        while True:
            if exchange.status < 400 and any(version not in self._known.versions for version in versions):
                self._learn_versions(exchange, versions)
            answer = self._http[exchange.server].send(self._built(exchange))
            try:
                self._compare(exchange, answer)
                return
            except Differs:
                absent = answer.status_code == 404  # such as a kind whose definition is not established yet
                if time.monotonic() > began + (_PATIENCE_SECONDS if waits or absent else 0):
                    raise
            for version in versions:  # an engine was quicker
                self._known.versions.pop(version, None)
            time.sleep(_PAUSE_SECONDS)

    def _learn_versions(self, exchange: Exchange, versions: list[str]) -> None:
        """A version that the client had from an event which was not waited for here: that of the object as it is."""
        path = urlsplit(self._known.target(exchange.target)).path.removesuffix("/status")
        present = self._http[exchange.server].get(path).json()
        for version in versions:
            self._known.versions[version] = present.get("metadata", {}).get("resourceVersion", "")

    def _built(self, exchange: Exchange) -> httpx.Request:
        content: bytes | None = None
        match exchange.body:
            case None:
                pass
            case {"latin-1": str(text)}:
                content = self._known.packed(text).encode("latin-1")
            case body:
                content = json.dumps(self._known.body(body)).encode()
        headers = exchange.headers | ({"connection": "Upgrade"} if "upgrade" in exchange.headers else {})
        http, target = self._http[exchange.server], self._known.target(exchange.target)
        return http.build_request(exchange.method, target, headers=headers, content=content)

    def _compare(self, exchange: Exchange, answer: httpx.Response) -> None:
        media = answer.headers.get("content-type", "").partition(";")[0]
        path = answer.url.path
        if exchange.method == "GET" and answer.status_code == 404 and path in self._deleted:
            return
        if (answer.status_code, media) != (exchange.status, exchange.media):
            raise Differs(f"{answer.status_code} {media}, not {exchange.status} {exchange.media}: {answer.text[:500]}")
        if exchange.method == "DELETE":
            self._deleted.add(path)
        if exchange.shape is None:
            return
        present = answer.json()
        gone = "Status" in (present.get("kind"), exchange.shape.get("kind"))  # else an engine has yet to let go of it
        if exchange.method == "DELETE" and gone and present["kind"] != exchange.shape["kind"]:
            return
        differences = list(_differences(exchange.shape, shape(present), "", loose=exchange.method != "GET"))
        if differences:
            raise Differs("; ".join(differences[:5]))
        self._known.learn(exchange.shape, present)

    def _watch(self, exchange: Exchange) -> None:
        """The first events; those may have been merged with what came before, so none is waited for very long."""
        request = self._built(exchange)
        request.extensions["timeout"] = httpx.Timeout(_WATCH_SECONDS).as_dict()
        answer = self._http[exchange.server].send(request, stream=True)
        try:
            self._events(exchange, answer)
        except httpx.ReadTimeout:
            return
        finally:
            answer.close()

    def _events(self, exchange: Exchange, answer: httpx.Response) -> None:
        media = answer.headers.get("content-type", "").partition(";")[0]
        if (answer.status_code, media) != (exchange.status, exchange.media):
            raise Differs(f"{answer.status_code} {media}, not {exchange.status} {exchange.media}")
        left = list(exchange.events)
        if not left:
            return
        for line in answer.iter_lines():
            event = json.loads(line)
            then = left[0]
            if event["type"] == then["type"]:
                self._known.learn(then["object"], event["object"])
                kinds = [(item["object"].get("kind"), item["object"].get("apiVersion")) for item in (then, event)]
                if kinds[0] != kinds[1]:
                    raise Differs(f"the event is of {kinds[1]}, not {kinds[0]}")
                left.pop(0)
            if not left:
                return


def _versions_in(body: Any) -> Iterator[str]:
    """Versions that a write names as its precondition."""
    if isinstance(body, dict) and isinstance(metadata := body.get("metadata"), dict):
        yield from (version for version in [metadata.get("resourceVersion")] if version)
    elif isinstance(body, list):
        yield from (item["value"] for item in body if isinstance(item, dict) and item.get("path") == _VERSION_PATH)


def _paired(then: list[Any], now: list[Any]) -> Iterator[tuple[Any, Any]]:
    """Objects of the same name, Events of the same reason, else those in the same place."""
    if all(isinstance(item, dict) and "involvedObject" in item for item in then + now):
        then, now = (sorted(items, key=lambda item: str(item.get("reason"))) for items in (then, now))
    names = {_name(item): item for item in now if _name(item)}
    for place, item in enumerate(then):
        if _name(item) in names:
            yield item, names[_name(item)]
        elif place < len(now):
            yield item, now[place]


def _name(item: Any) -> str:
    if not isinstance(item, dict):
        return ""
    metadata = item.get("metadata") or (item.get("object") or {}).get("metadata") or {}
    name: str = metadata.get("name", "")
    return name


def _differences(then: Any, now: Any, path: str, *, loose: bool) -> Iterator[str]:
    """Where the form of an answer is another one."""
    key = path.rpartition(".")[2]
    if key in _FREE:
        return
    if isinstance(then, dict) and isinstance(now, dict):
        below = path.partition(".")[2].split(".")[0] in _LOOSE or key in _LOOSE
        if not (below and loose):
            yield from (f"{path}.{name} is missing" for name in sorted(then.keys() - now.keys() - _FREE))
        if not below:
            yield from (f"{path}.{name} is new" for name in sorted(now.keys() - then.keys() - _FREE - _LOOSE))
        for name in sorted(then.keys() & now.keys()):
            yield from _differences(then[name], now[name], f"{path}.{name}", loose=loose)
    elif isinstance(then, list) and isinstance(now, list):
        if len(then) != len(now):
            yield f"{path} has {len(now)} items, not {len(then)}"
        for one, other in _paired(then, now):
            yield from _differences(one, other, f"{path}[]", loose=loose)
    elif type(then) is not type(now) or (key in ("kind", "apiVersion", "reason", "code") and then != now):
        yield f"{path} is {now!r}, not {then!r}"
