"""Keeps the catalog of kinds up to date with the CustomResourceDefinitions that are stored.

A definition counts once its names are accepted, and is told so by conditions; one that is deleted takes its objects
with it. Invariant: a kind is in the catalog before its definition says Established.
Source: apiextensions.k8s.io/v1, naming and finalizing controllers.
"""

from __future__ import annotations

import logging
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import msgspec

from setpoint.apis.definitions import Catalog
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
        else:
            self._crds[name] = crd
        self._renew()
        if kind == "DELETED":  # a name may be free now that another definition was refused
            for other in list(self._crds.values()):
                await self._settle(other)
        else:
            await self._settle(crd)

    def _renew(self) -> None:
        """The catalog anew: definitions count in the order they were made; one whose names are taken does not."""
        catalog = self._own
        for crd in sorted(self._crds.values(), key=_age):
            if _accepted(crd_status(crd, catalog, self._clock.now())):
                terminating = "deletionTimestamp" in crd["metadata"]
                catalog = catalog.with_definitions(
                    replace(item, terminating=terminating) for item in definitions_of(crd)
                )
        if [item for item in catalog] != [item for item in self.catalog]:
            self.catalog = catalog

    async def _settle(self, crd: Json) -> None:
        """Say what is true of a definition; take the objects of one that is deleted with it."""
        try:
            if "deletionTimestamp" in crd["metadata"]:
                await self._clear(crd)
                return
            others = self._own
            for other in sorted(self._crds.values(), key=_age):
                if other["metadata"]["name"] == crd["metadata"]["name"]:
                    break
                if _accepted(crd_status(other, others, self._clock.now())):
                    others = others.with_definitions(definitions_of(other))
            status = crd_status(crd, others, self._clock.now())
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
