"""Lists read page by page: what is left of each is kept as it was, so that all pages are of one version.

A reader that dawdles, or too many of them, is told that its token has expired, as an API server does after compaction.
Invariant: what is kept never exceeds the limit by more than one list.
"""

from __future__ import annotations

import secrets
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta

from setpoint.apis.errors import Expired
from setpoint.ports.clock import Clock
from setpoint.ports.objects import ListQuery, Page

KEPT_BYTES = 128 * 1024 * 1024
KEPT_FOR = timedelta(minutes=5)


class _TokenExpired(Expired):
    def __init__(self, kind: str) -> None:
        super().__init__(kind, found="", wanted="")
        self.args = ("The provided continue parameter is too old to display a consistent list result: list again",)


@dataclass(frozen=True, slots=True)
class _Rest:
    kind: str
    namespace: str | None
    documents: list[bytes]
    version: str
    size: int
    until: datetime


class Pages:
    """The rests of lists by token."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._rests: OrderedDict[str, _Rest] = OrderedDict()
        self._size = 0

    def first(self, kind: str, query: ListQuery, documents: list[bytes], version: str) -> Page:
        """The first page of a list; all of it if no limit is set."""
        self._forget_old()
        return self._page(kind, query, documents, version)

    def go_on(self, kind: str, query: ListQuery) -> Page:
        """The page that a token stands for. A token may be used again for as long as its list is kept.

        Raises: Expired if the token is not known any more, or belongs to another list.
        """
        self._forget_old()
        rest = self._rests.get(query.after)
        if rest is None or (rest.kind, rest.namespace) != (kind, query.namespace):
            raise _TokenExpired(kind)
        return self._page(kind, query, rest.documents, rest.version)

    def _page(self, kind: str, query: ListQuery, documents: list[bytes], version: str) -> Page:
        if not query.limit or len(documents) <= query.limit:
            return Page(documents=documents, version=version)
        rest = documents[query.limit :]
        token = self._keep(kind, query, rest, version)
        return Page(documents=documents[: query.limit], version=version, token=token, remaining=len(rest))

    def _keep(self, kind: str, query: ListQuery, rest: list[bytes], version: str) -> str:
        size = sum(map(len, rest))
        while self._rests and self._size + size > KEPT_BYTES:
            self._size -= self._rests.popitem(last=False)[1].size
        token = secrets.token_urlsafe(18)
        self._rests[token] = _Rest(kind, query.namespace, rest, version, size, self._clock.now() + KEPT_FOR)
        self._size += size
        return token

    def _forget_old(self) -> None:
        now = self._clock.now()
        while self._rests:
            token, rest = next(iter(self._rests.items()))
            if rest.until > now:
                return
            del self._rests[token]
            self._size -= rest.size
