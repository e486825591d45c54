"""Caches of memoized templates: config maps with one entry per key."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from setpoint.apis.core import ConfigMap
from setpoint.apis.errors import AlreadyExists, NotFound
from setpoint.apis.meta import ObjectMeta
from setpoint.core.workflow import Cache, Command, Library, SaveCacheEntry
from setpoint.core.workflow.memoize import CACHE_LABEL, CACHE_VALUE
from setpoint.ports.resources import ResourceApi


def with_entries(library: Library, commands: Iterable[Command]) -> Library:
    """The library with the entries that are about to be saved, where it holds their cache."""
    caches = dict(library.caches)
    for order in commands:
        if isinstance(order, SaveCacheEntry) and order.cache in caches:
            cache = caches[order.cache] or Cache(labels={CACHE_LABEL: CACHE_VALUE})
            caches[order.cache] = replace(cache, data={**cache.data, order.key: order.entry})
    return library if caches == library.caches else replace(library, caches=caches)


async def save_entry(resources: ResourceApi, namespace: str, order: SaveCacheEntry) -> None:
    """Write the entry; the cache is made and labelled if there is none.

    Raises: Transient: The store cannot be reached.
    """
    patch = {"metadata": {"labels": {CACHE_LABEL: CACHE_VALUE}}, "data": {order.key: order.entry}}
    while True:
        try:
            await resources.patch(ConfigMap, namespace, order.cache, patch)
            return
        except NotFound:
            meta = ObjectMeta(name=order.cache, namespace=namespace, labels={CACHE_LABEL: CACHE_VALUE})
            try:
                await resources.create(ConfigMap(metadata=meta, data={order.key: order.entry}))
                return
            except AlreadyExists:
                continue
