"""What an API server answers without storing anything: measurements, reviews, tokens, logs; handed in by the wiring."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Mapping
from typing import Any, Protocol

from setpoint.ports.objects import Json


class VirtualKind(Protocol):
    """Objects of a kind that are made when somebody asks."""

    async def __call__(self, namespace: str | None) -> list[Json]:
        """Those of a namespace, or all."""
        ...


class Review(Protocol):
    """A kind that is only created, and answered: what may I do, who am I."""

    def __call__(self, document: Json, namespace: str, user: Any, /) -> Awaitable[Json]:
        """The document with its status."""
        ...


class Subcreate(Protocol):
    """A subresource that is only created, such as a service account's token."""

    def __call__(self, namespace: str, name: str, document: Json, user: Any, /) -> Awaitable[Json]:
        """The document with its status. Raises: NotFound."""
        ...


class PodLog(Protocol):
    """The log of a pod."""

    def __call__(self, namespace: str, name: str, query: Mapping[str, str]) -> AsyncIterator[bytes]:
        """Pieces of it, as `kubectl logs` prints them. Raises: NotFound, InvalidSpec before the first piece."""
        ...
