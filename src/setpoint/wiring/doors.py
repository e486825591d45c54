"""The doors of a control plane: what listens, by which certificates, and what others are told of it.

Known before anything is served, so that a control plane of one command need not load its servers before somebody asks.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from socket import gethostname

from setpoint.adapters.access.certificates import ServerCertificate, given_certificate, made_certificate
from setpoint.adapters.access.peers import Peers
from setpoint.adapters.access.secret_files import is_private
from setpoint.ports.clock import Clock
from setpoint.wiring.endpoint import Endpoint, url_of, write_endpoint
from setpoint.wiring.listeners import Sockets
from setpoint.wiring.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificates:
    """For TLS on loopback, and for others; None: there is no such listener."""

    own: ServerCertificate | None = None
    public: ServerCertificate | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Doors:
    """Where the APIs listen, by which certificates, and what was told of it."""

    sockets: Sockets
    certificates: Certificates
    endpoint: Endpoint

    @property
    def lasting(self) -> bool:
        """Whether the control plane is for more than one command."""
        return self.sockets.secure is not None


def open_doors(settings: Settings, sockets: Sockets, clock: Clock) -> Doors:
    """Certificates where they are needed, and the endpoint file. Raises: InvalidSpec: The given ones are wrong."""
    found = certificates(settings, sockets, clock)
    return Doors(sockets=sockets, certificates=found, endpoint=announce(settings, sockets, found))


def certificates(settings: Settings, sockets: Sockets, clock: Clock) -> Certificates:
    """Those that the sockets need, made where they are not there. Raises: InvalidSpec: The given ones are wrong."""
    if sockets.secure is None:
        return Certificates()
    own = made_certificate(settings.home, names_of(settings), clock.now())
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
        host = next(iter(names_of(settings)), settings.address)
        more["public_url"] = url_of("https", sockets.public, host)
        more["public_argo_url"] = url_of("https", sockets.public_argo, host)
        more["public_ca_file"] = str(found.public.authority)
    endpoint = write_endpoint(settings.home, sockets.kubernetes, **more)
    if sockets.secure is not None:
        # it needs YAML, and no control plane of one command needs it
        from setpoint.wiring.kubeconfig import kubeconfig_path, make_kubeconfig, write_kubeconfig  # noqa: PLC0415

        write_kubeconfig(kubeconfig_path(settings.home), make_kubeconfig(endpoint))
    return endpoint


def trusts_loopback(settings: Settings) -> bool:
    """Whether a process of this user needs no token: nobody else may reach us, or read what we keep."""
    return not settings.require_token and settings.on_loopback and is_private(settings.home) and Peers().works()


def names_of(settings: Settings) -> tuple[str, ...]:
    """Names and addresses by which others reach the server: those that are given, else the address or the host."""
    given = settings.host_names.split()
    if settings.on_loopback:
        return tuple(given)
    everywhere = ip_address(settings.address).is_unspecified
    return (*given, gethostname() if everywhere else settings.address)
