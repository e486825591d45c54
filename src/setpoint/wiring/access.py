"""Who may reach the APIs of a control plane, to do what: settings become guards, tokens and their renewal."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass

from setpoint.adapters.access.accounts import ServiceAccountTokens
from setpoint.adapters.access.audit_file import AuditFile
from setpoint.adapters.access.certificates import made_certificate
from setpoint.adapters.access.peers import Peers
from setpoint.adapters.access.people import PeopleFile
from setpoint.adapters.access.secret_files import FOLDER, SigningKey
from setpoint.engines.access import AccessView
from setpoint.ports.clock import Clock
from setpoint.ports.resources import ResourceApi
from setpoint.server.access import Access, AuditLevel, Authentication, Counters, Limits
from setpoint.wiring.doors import Certificates, names_of
from setpoint.wiring.endpoint import Endpoint, port_of
from setpoint.wiring.settings import Settings

_LOOK_SECONDS = 60.0
_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Entrance:
    """What guards, routes and engines need of all this."""

    access: Access
    view: AccessView
    tokens: ServiceAccountTokens


@asynccontextmanager
async def entrance(
    settings: Settings, endpoint: Endpoint, resources: ResourceApi, clock: Clock
) -> AsyncIterator[Entrance]:
    """The parts, alive for as long as the context lasts."""
    with ExitStack() as stack:
        audit = None
        if settings.audit_mb:
            path = settings.home / "logs" / "audit.jsonl"
            audit = AuditFile(path, megabytes=settings.audit_mb)
            stack.callback(audit.close)
        key = SigningKey(settings.home)
        async with AccessView(resources, clock) as view:
            authentication = Authentication(
                own_token=endpoint.token,
                key=key.known,
                people=PeopleFile(settings.home),
                source=view,
                trusts=Peers().is_own if endpoint.open else None,
                clock=clock,
            )
            rate = float(settings.requests_per_second)
            limits = Limits(body_bytes=settings.max_body_mb * _MIB, rate=rate, burst=2 * rate)
            access = Access(
                authentication=authentication,
                source=view,
                counters=Counters(limits),
                audit=audit,
                level=AuditLevel(settings.audit),
                clock=clock,
                hosts=_hosts(settings),
            )
            tokens = ServiceAccountTokens(
                home=settings.home,
                key=key,
                source=view,
                clock=clock,
                authority=settings.home / FOLDER / "ca.crt",
                port=port_of(endpoint.https_url),
                automounts=view.automounts,
            )
            yield Entrance(access=access, view=view, tokens=tokens)


def _hosts(settings: Settings) -> frozenset[str]:
    found = (settings.address, *names_of(settings))
    return frozenset(f"[{name}]" if ":" in name else name.lower() for name in found)


async def keep_fresh(
    settings: Settings,
    tokens: ServiceAccountTokens,
    contexts: Sequence[ssl.SSLContext],
    found: Certificates,
    clock: Clock,
) -> None:
    """Renew tokens of pods and the own certificate while the control plane runs; never ends."""
    while True:
        await tokens.renew()
        if found.own is not None:
            before = found.own.certificate.stat().st_mtime_ns
            own = await asyncio.to_thread(made_certificate, settings.home, names_of(settings), clock.now())
            if own.certificate.stat().st_mtime_ns != before:
                for context in contexts:
                    context.load_cert_chain(own.certificate, own.key)
        await asyncio.sleep(_LOOK_SECONDS)
