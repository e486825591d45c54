"""Who may reach the APIs of a control plane, and how: settings become guards, tokens and certificates."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from socket import gethostname

from setpoint.adapters.access.accounts import ServiceAccountTokens
from setpoint.adapters.access.audit_file import AuditFile
from setpoint.adapters.access.certificates import ServerCertificate, given_certificate, made_certificate
from setpoint.adapters.access.peers import Peers
from setpoint.adapters.access.people import PeopleFile
from setpoint.adapters.access.secret_files import FOLDER, SigningKey, is_private
from setpoint.engines.access import AccessView
from setpoint.ports.clock import Clock
from setpoint.ports.resources import ResourceApi
from setpoint.server.access import Access, AuditLevel, Authentication, Counters, Limits
from setpoint.wiring.endpoint import Endpoint, port_of, url_of, write_endpoint
from setpoint.wiring.kubeconfig import kubeconfig_path, make_kubeconfig, write_kubeconfig
from setpoint.wiring.listeners import Sockets
from setpoint.wiring.settings import Settings

_LOOK_SECONDS = 600.0
_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificates:
    """For TLS on loopback, and for others; None: there is no such listener."""

    own: ServerCertificate | None = None
    public: ServerCertificate | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entrance:
    """What guards, routes and engines need of all this."""

    access: Access
    view: AccessView
    tokens: ServiceAccountTokens


def certificates(settings: Settings, sockets: Sockets, clock: Clock) -> Certificates:
    """Those that the sockets need, made where they are not there. Raises: InvalidSpec: The given ones are wrong."""
    if sockets.secure is None:
        return Certificates()
    own = made_certificate(settings.home, _names(settings), clock.now())
    if sockets.public is None:
        return Certificates(own=own)
    public = given_certificate(settings.tls_cert, settings.tls_key) if settings.tls_cert else own
    return Certificates(own=own, public=public)


def announce(settings: Settings, sockets: Sockets, found: Certificates) -> Endpoint:
    """Write the endpoint file of all that listens, and the kubeconfig of a control plane that lasts."""
    more: dict[str, str | bool] = {"argo_url": url_of("http", sockets.argo), "open": trusts_loopback(settings)}
    if sockets.secure is not None and found.own is not None:
        more |= {"https_url": url_of("https", sockets.secure), "ca_file": str(found.own.authority)}
    if sockets.public is not None and sockets.public_argo is not None and found.public is not None:
        host = next(iter(_names(settings)), settings.address)
        more["public_url"] = url_of("https", sockets.public, host)
        more["public_argo_url"] = url_of("https", sockets.public_argo, host)
        more["public_ca_file"] = str(found.public.authority)
    endpoint = write_endpoint(settings.home, sockets.kubernetes, **more)
    if sockets.secure is not None:
        write_kubeconfig(kubeconfig_path(settings.home), make_kubeconfig(endpoint))
    return endpoint


def trusts_loopback(settings: Settings) -> bool:
    """Whether a process of this user needs no token: nobody else may reach us, or read what we keep."""
    return not settings.require_token and settings.on_loopback and is_private(settings.home) and Peers().works()


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


def _names(settings: Settings) -> tuple[str, ...]:
    """Names and addresses by which others reach the server: those that are given, else the address or the host."""
    given = settings.host_names.split()
    if settings.on_loopback:
        return tuple(given)
    everywhere = ip_address(settings.address).is_unspecified
    return (*given, gethostname() if everywhere else settings.address)


def _hosts(settings: Settings) -> frozenset[str]:
    found = (settings.address, *_names(settings))
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
            own = await asyncio.to_thread(made_certificate, settings.home, _names(settings), clock.now())
            if own.certificate.stat().st_mtime_ns != before:
                for context in contexts:
                    context.load_cert_chain(own.certificate, own.key)
        await asyncio.sleep(_LOOK_SECONDS)
