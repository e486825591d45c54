"""The library of a workflow as it grows; caches of memoized templates: config maps with one entry per key."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from setpoint.apis.argo import WorkflowSpec
from setpoint.apis.core import ConfigMap
from setpoint.apis.errors import AlreadyExists, NotFound
from setpoint.apis.meta import ObjectMeta
from setpoint.core.workflow import Cache, Command, ContextMissing, Kind, Library, SaveCacheEntry
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


def shelved(
    held: Library,
    missing: ContextMissing,
    *,
    spec: WorkflowSpec | None = None,
    config_map: Mapping[str, str] | None = None,
    cache: Cache | None = None,
) -> Library:
    """The library with the thing that was missing; None notes that there is none."""
    match missing.kind:
        case Kind.CONFIG_MAP:
            return replace(held, config_maps={**held.config_maps, missing.name: config_map})
        case Kind.CACHE:
            return replace(held, caches={**held.caches, missing.name: cache})
        case Kind.WORKFLOW_TEMPLATE:
            return replace(held, workflow_templates={**held.workflow_templates, missing.name: spec})
        case Kind.CLUSTER_WORKFLOW_TEMPLATE:
            return replace(held, cluster_workflow_templates={**held.cluster_workflow_templates, missing.name: spec})
