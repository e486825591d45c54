"""Keeps the catalog of kinds up to date with the CustomResourceDefinitions that are stored.

A definition counts once its names are accepted, and is told so by conditions; one that is deleted takes its objects
with it. Invariant: a kind is in the catalog before its definition says Established.
Source: apiextensions.k8s.io/v1, naming and finalizing controllers.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import msgspec

from setpoint.apis.definitions import Catalog, ResourceDefinition
from setpoint.apis.errors import Conflict, Expired, NotFound
from setpoint.core.customresources import CRD_DEFINITION, crd_status, definitions_of, terminating_status
from setpoint.ports.clock import Clock
from setpoint.ports.objects import Deletion, Json, ListQuery, ObjectApi

FINALIZER = "customresourcecleanup.apiextensions.k8s.io"

_log = logging.getLogger(__name__)


class CustomResourceEngine:
    """The kinds of this API server, those of its own and those of CustomResourceDefinitions."""

    def __init__(self, api: ObjectApi, own: Catalog, clock: Clock) -> None:
        """`own` are the kinds that need no definition."""
        self._api, self._clock = api, clock
        self._own = own.with_definitions([CRD_DEFINITION])
        self._kind = CRD_DEFINITION
        self._crds: dict[str, Json] = {}
        self._made: dict[str, tuple[Json, tuple[ResourceDefinition, ...]]] = {}  # by name, with what it was made of
        self.catalog = self._own

    async def load(self) -> str:
        """Read what is stored; returns the version to go on from."""
        page = await self._api.list(self._kind, ListQuery())
        self._crds = {}
        for document in page.documents:
            crd = msgspec.json.decode(document)
            self._crds[crd["metadata"]["name"]] = crd
        self._renew()
        return page.version

    async def run(self) -> None:
        """Follow the definitions for ever."""
        while True:
            version = await self.load()
            for crd in list(self._crds.values()):
                await self._settle(crd)
            try:
                async with aclosing(self._api.watch(self._kind, ListQuery(), since=version)) as events:
                    async for told in events:
                        if told.document:
                            await self._changed(told.type, msgspec.json.decode(told.document))
                            continue
                        for crd in list(self._crds.values()):  # from time to time: objects may have gone meanwhile
                            if "deletionTimestamp" in crd["metadata"]:
                                await self._settle(crd)
            except Expired:
                continue

    async def _changed(self, kind: str, crd: Json) -> None:
        name = crd["metadata"]["name"]
        if kind == "DELETED":
            self._crds.pop(name, None)
            self._made.pop(name, None)
        else:
            self._crds[name] = crd
        self._renew()
        if kind == "DELETED":  # a name may be free now that another definition was refused
            for other in list(self._crds.values()):
                if not _accepted(other.get("status") or {}):
                    await self._settle(other)
        else:
            await self._settle(crd)

    def _renew(self) -> None:
        """The catalog anew: definitions count in the order they were made; one whose names are taken does not."""
        found = list(self._own)
        groups: dict[str, list[Json]] = {}
        for crd in sorted(self._crds.values(), key=_age):
            groups.setdefault(crd["spec"]["group"], []).append(crd)
        for crds in groups.values():
            found += self._counting(crds)
        if found != list(self.catalog):
            self.catalog = Catalog(found)

    def _counting(self, crds: Iterable[Json]) -> list[ResourceDefinition]:
        """What counts of the definitions of one group, oldest first: names are taken within a group only."""
        found: list[ResourceDefinition] = []
        for crd in crds:
            if _accepted(crd_status(crd, [*self._own, *found], self._clock.now())):
                found += self._definitions(crd)
        return found

    def _definitions(self, crd: Json) -> tuple[ResourceDefinition, ...]:
        """Made once of each version of a definition: what is known of a kind is kept by the very object."""
        name = crd["metadata"]["name"]
        known = self._made.get(name)
        if known is None or known[0] is not crd:
            terminating = "deletionTimestamp" in crd["metadata"]
            made = tuple(replace(item, terminating=terminating) for item in definitions_of(crd))
            known = self._made[name] = (crd, made)
        return known[1]

    async def _settle(self, crd: Json) -> None:
        """Say what is true of a definition; take the objects of one that is deleted with it."""
        try:
            if "deletionTimestamp" in crd["metadata"]:
                await self._clear(crd)
                return
            group = [other for other in self._crds.values() if other["spec"]["group"] == crd["spec"]["group"]]
            older = [other for other in sorted(group, key=_age) if _age(other) < _age(crd)]
            status = crd_status(crd, [*self._own, *self._counting(older)], self._clock.now())
            if status != crd.get("status"):
                managed = {"metadata": crd["metadata"]}
                await self._api.update(self._kind, crd | managed | {"status": status}, subresource="status")
        except (Conflict, NotFound):
            return  # it was changed or is gone: the watch tells

    async def _clear(self, crd: Json) -> None:
        finalizers = crd["metadata"].get("finalizers", [])
        if FINALIZER not in finalizers:
            return
        status = terminating_status(crd, self._clock.now())
        if status != crd.get("status"):  # said first: from here on nothing new comes; the watch goes on with it
            await self._api.update(self._kind, crd | {"status": status}, subresource="status")
            return
        stored = next((item for item in definitions_of(crd) if item.storage), None)
        if stored is not None:
            page = await self._api.list(stored, ListQuery())
            for document in page.documents:
                metadata = msgspec.json.decode(document)["metadata"]
                try:
                    await self._api.delete(stored, metadata.get("namespace", ""), metadata["name"], Deletion())
                except NotFound:
                    continue
            left = await self._api.list(stored, ListQuery(limit=1))
            if left.documents:
                _log.info("%s waits for its objects' finalizers", crd["metadata"]["name"])
                return
        kept: dict[str, Any] = {key: value for key, value in crd["metadata"].items() if key != "finalizers"}
        rest = [item for item in finalizers if item != FINALIZER]
        await self._api.update(self._kind, crd | {"metadata": kept | ({"finalizers": rest} if rest else {})})


def _age(crd: Json) -> tuple[str, str]:
    return crd["metadata"].get("creationTimestamp", ""), crd["metadata"]["name"]


def _accepted(status: Json) -> bool:
    conditions = status.get("conditions", [])
    return any(item["type"] == "NamesAccepted" and item["status"] == "True" for item in conditions)
