"""What comes in and goes out of requests: bodies of limited size, query keys by type, objects and their creators.

Invariant: whatever a client sends, reading it either gives values that can be stored or raises InvalidSpec.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from setpoint.apis.argo import LABEL_CREATOR
from setpoint.apis.errors import InvalidSpec
from setpoint.apis.manifest import decode_object
from setpoint.apis.meta import Resource, render_wire

R = TypeVar("R", bound=Resource)

MAX_BODY_BYTES = 8 * 1024 * 1024
MAX_DEPTH = 100
_LARGEST = 1 << 63
_TRUE = frozenset({"1", "t", "T", "true", "TRUE", "True"})
_FALSE = frozenset({"", "0", "f", "F", "false", "FALSE", "False"})
_UNFIT = re.compile(r"[^-_.a-zA-Z0-9]")


async def read_body(request: Request, limit: int = MAX_BODY_BYTES) -> bytes:
    """The body. Raises: InvalidSpec if it is larger than the limit, of which no more is kept."""
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise InvalidSpec(f"the body is larger than {limit} bytes")
        chunks.append(chunk)
    return b"".join(chunks)


def read_json(raw: bytes) -> Any:
    """The value that a text of JSON is. Raises: InvalidSpec if it is none, or holds what cannot be stored."""
    try:
        value = msgspec.json.decode(raw)
    except RecursionError:
        raise InvalidSpec("the body is nested too deeply to be read") from None
    except (msgspec.DecodeError, ValueError) as error:  # UnicodeDecodeError is a ValueError
        raise InvalidSpec(f"the body is not JSON: {error}") from None
    _check(value)
    return value


async def json_object(request: Request) -> dict[str, Any]:
    """The body as a JSON object; an empty body is an empty one."""
    value = read_json(await read_body(request) or b"{}")
    if not isinstance(value, dict):
        raise InvalidSpec(f"the body is not a JSON object but {_kind(value)}")
    return value


def _check(value: Any) -> None:
    """Refuse depths that recursion does not reach and numbers that JSON writers of 64 bits do not take."""
    waiting: list[tuple[Any, int]] = [(value, 0)]
    while waiting:
        item, depth = waiting.pop()
        if isinstance(item, dict | list):
            if depth == MAX_DEPTH:
                raise InvalidSpec(f"the body is nested more than {MAX_DEPTH} levels deep")
            children = item.values() if isinstance(item, dict) else item
            waiting += [(child, depth + 1) for child in children if not isinstance(child, str)]
        elif isinstance(item, int) and not -_LARGEST <= item < _LARGEST:
            raise InvalidSpec("the body holds a whole number that does not fit into 64 bits")


def text_of(body: Mapping[str, Any], key: str) -> str:
    """A field that is text, empty if missing."""
    return str(_typed(body, key, str, ""))


def flag_of(body: Mapping[str, Any], key: str) -> bool:
    """A field that is true or false, false if missing."""
    return bool(_typed(body, key, bool, False))


def texts_of(body: Mapping[str, Any], key: str) -> list[str]:
    """A field that is a list of texts, empty if missing."""
    found: list[Any] = _typed(body, key, list, [])
    for item in found:
        if not isinstance(item, str):
            raise InvalidSpec(f"expected text, found {_kind(item)}", path=key)
    return found


def _typed(body: Mapping[str, Any], key: str, wanted: type, missing: Any) -> Any:
    value = body.get(key)
    if value is None:
        return missing
    if not isinstance(value, wanted):
        raise InvalidSpec(f"expected {_kind(missing)}, found {_kind(value)}", path=key)
    return value


def _kind(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true or false"
        case str():
            return "text"
        case int() | float():
            return "a number"
        case dict():
            return "an object"
        case _:
            return "a list"


class Query:
    """The query of a request, by type. Raises InvalidSpec that names the key."""

    def __init__(self, request: Request) -> None:
        self._given = request.query_params

    def text(self, key: str) -> str:
        """As it is; empty if missing."""
        return self._given.get(key, "")

    def flag(self, key: str) -> bool:
        """As Go reads it."""
        text = self.text(key)
        if text not in _TRUE | _FALSE:
            raise InvalidSpec(f"{text!r} is neither true nor false", path=key)
        return text in _TRUE

    def number(self, key: str) -> int | None:
        """A whole number that is not negative; None if missing."""
        text = self.text(key)
        if not text:
            return None
        if not re.fullmatch(r"[0-9]{1,18}", text):
            raise InvalidSpec(f"{text[:50]!r} is no whole number that is not negative", path=key)
        return int(text)

    def moment(self, key: str) -> datetime | None:
        """A time of RFC 3339; None if missing."""
        return read_moment(self.text(key), key)


def read_moment(text: str, path: str) -> datetime | None:
    """A time of RFC 3339, None for an empty text. Raises: InvalidSpec."""
    if not text:
        return None
    try:
        found = msgspec.convert(text.replace(" ", "+"), datetime)  # a plus sign in a query is a blank
    except (msgspec.ValidationError, ValueError):
        raise InvalidSpec(f"{text[:50]!r} is no time of RFC 3339", path=path) from None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def decoded(body: Mapping[str, Any], key: str, cls: type[R], namespace: str = "") -> R:
    """The object in a body, in the namespace of the path. Raises: InvalidSpec."""
    if body.get(key) is None:
        raise InvalidSpec(f"there is no {key} in the body", path=key)
    resource = decode_object(body[key], cls, (key,))
    if not cls.NAMESPACED:
        return resource
    found = resource.metadata.namespace
    if found not in ("", namespace):
        reason = f"the object is of namespace {found!r}, the path of {namespace!r}"
        raise InvalidSpec(reason, path=f"{key}.metadata.namespace")
    return resource.replace(metadata=resource.metadata.replace(namespace=namespace))


def created_by(resource: R, request: Request) -> R:
    """The object with the label of who asks for it; without the label, whoever wrote it, if nobody is known."""
    labels = {key: value for key, value in resource.metadata.labels.items() if not key.startswith(LABEL_CREATOR)}
    labels |= creator_labels(request)
    return resource.replace(metadata=resource.metadata.replace(labels=labels))


def creator_labels(request: Request) -> dict[str, str]:
    """The label of who asks, made to fit; none for the local user."""
    name = user_name(request)
    fit = _UNFIT.sub("-", name)[-63:].strip("-_.")
    return {LABEL_CREATOR: fit} if fit else {}


def user_name(request: Request) -> str:
    """Who asks; empty for the local user."""
    return str(getattr(request.scope.get("setpoint.user"), "name", "") or "")


def user_groups(request: Request) -> list[str]:
    """The groups of who asks."""
    return [str(group) for group in getattr(request.scope.get("setpoint.user"), "groups", ()) or ()]


async def authorize(request: Request, verb: str, resource: str, namespace: str, name: str) -> None:
    """Ask whoever authorizes requests, where only the object tells which namespace it is about.

    That is `setpoint.authorize` of the scope, a coroutine function of these four; without one everything is allowed.
    Raises: What it raises, such as Forbidden.
    """
    ask = request.scope.get("setpoint.authorize")
    if ask is not None:
        await ask(verb, resource, namespace, name)


def answer(value: Any) -> Response:
    """JSON that is built already."""
    return Response(msgspec.json.encode(value), media_type="application/json")


def answer_object(resource: Resource) -> Response:
    """One object."""
    return answer(render_wire(resource))


def rendered(resources: Sequence[Resource]) -> list[dict[str, Any]]:
    """Objects as JSON has them."""
    return [render_wire(resource) for resource in resources]
