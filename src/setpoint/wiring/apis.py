"""The APIs of a control plane, served: each at its sockets, behind its guard."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from prometheus_client import CollectorRegistry

from setpoint.apis.kinds import KINDS
from setpoint.engines.access import store_defaults
from setpoint.server.access import ARGO, KUBERNETES, AccessHooks, ReviewRoutes
from setpoint.server.argo import ArgoRoutes
from setpoint.server.kubernetes import KubernetesRoutes
from setpoint.server.metrics import metrics_route
from setpoint.wiring.access import Entrance, entrance, keep_fresh
from setpoint.wiring.doors import Doors
from setpoint.wiring.http import Listener, guarded_app, serve
from setpoint.wiring.substrate import Served, Substrate


@asynccontextmanager
async def apis_up(substrate: Substrate, doors: Doors, registry: CollectorRegistry) -> AsyncIterator[Served]:
    """Answer at all doors for as long as the context lasts."""
    settings, resources, clock = substrate.settings, substrate.store.resources, substrate.clock
    if doors.lasting:
        await store_defaults(resources)
    async with (
        entrance(settings, doors.endpoint, resources, clock) as gate,
        serve(_listeners(substrate, doors, gate, registry)) as contexts,
    ):
        fresh = partial(keep_fresh, settings, gate.tokens, contexts, doors.certificates, clock)
        yield Served(tokens=gate.tokens, keep_fresh=fresh)


def _listeners(substrate: Substrate, doors: Doors, gate: Entrance, registry: CollectorRegistry) -> list[Listener]:
    """Each API at each of its sockets."""
    store, sockets, found = substrate.store, doors.sockets, doors.certificates
    kubernetes = guarded_app(
        [
            *ReviewRoutes(AccessHooks(gate.view, gate.tokens)).routes(),
            *KubernetesRoutes(store.resources, KINDS).routes(),
            metrics_route(registry),
        ],
        gate.access,
        KUBERNETES,
    )
    argo = guarded_app(ArgoRoutes(substrate.verbs, store.resources, substrate.clock).routes(), gate.access, ARGO)
    listeners = [Listener(sock=sockets.kubernetes, app=kubernetes), Listener(sock=sockets.argo, app=argo)]
    for sock, app, certificate in (
        (sockets.secure, kubernetes, found.own),
        (sockets.public, kubernetes, found.public),
        (sockets.public_argo, argo, found.public),
    ):
        if sock is not None:
            listeners.append(Listener(sock=sock, app=app, certificate=certificate))
    return listeners
