"""HTTP clients of a cluster and of its Argo Server, with the credentials of a kubeconfig.

Tokens that come from files or plugins are asked for at each request, so that one which was replaced is never used
longer than it is good.
"""

from __future__ import annotations

import base64
import os
import ssl
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from setpoint.apis.errors import InvalidSpec
from setpoint.clients.connection import Address, connect
from setpoint.clients.exec_credential import PluginCredentials
from setpoint.clients.kubeconfig import ClusterAccess

_TRUE = ("true", "1", "t", "yes")
_BEARER = "bearer "


def connect_cluster(access: ClusterAccess, now: Callable[[], datetime]) -> httpx.AsyncClient:
    """A client of the cluster's Kubernetes API; close it with `aclose`.

    Raises: InvalidSpec: Certificates or the plugin are wrong; Unavailable: The plugin failed.
    """
    plugin = PluginCredentials(access.plugin, _cluster_info(access), now) if access.plugin is not None else None
    first = plugin.present() if plugin is not None else None
    certificate = (access.certificate or b"", access.key or b"") if access.certificate else None
    if first is not None and first.certificate and first.key:
        certificate = (first.certificate, first.key)
    inner = httpx.AsyncHTTPTransport(
        verify=_tls(access.authority, verify=access.verify, certificate=certificate),
        proxy=access.proxy or None,
        trust_env=False,
    )

    def locate() -> Address:
        return Address(
            url=access.server,
            token=plugin.present().token if plugin is not None else _token(access),
            headers={**access.headers, **_basic(access.basic)},
            server_name=access.server_name,
        )

    return connect(locate, inner=inner)


def connect_argo_server(
    access: ClusterAccess, environment: Mapping[str, str], now: Callable[[], datetime]
) -> httpx.AsyncClient | None:
    """A client of the Argo Server that the environment names, else the kubeconfig; None if neither does.

    `ARGO_SERVER` is HOST:PORT or a URL. Without `ARGO_TOKEN` the credentials of the context are used.
    Source: Argo Workflows, "Argo Server: Access the API from outside", environment variables of the CLI.

    Raises: InvalidSpec: The variables make no sense.
    """
    named = environment.get("ARGO_SERVER", "")
    if not named and not access.argo_server:
        return None
    url = _argo_url(named, environment) if named else access.argo_server
    lenient = _flag(environment, "ARGO_INSECURE_SKIP_VERIFY") or _flag(environment, "ARGO_INSECURE_SKIP_TLS_VERIFY")
    trusted = None if named else access.authority  # an address of its own has a certificate of its own
    inner = httpx.AsyncHTTPTransport(
        verify=_tls(trusted, verify=not lenient and (bool(named) or access.verify), certificate=None), trust_env=False
    )
    given = environment.get("ARGO_TOKEN", "")
    plugin = PluginCredentials(access.plugin, _cluster_info(access), now) if access.plugin and not given else None

    def locate() -> Address:
        if given and not given.lower().startswith(_BEARER):
            return Address(url=url, token="", headers={"authorization": given})
        token = given[len(_BEARER) :] if given else (plugin.present().token if plugin is not None else _token(access))
        return Address(url=url, token=token)

    return connect(locate, inner=inner)


def bearer_token(access: ClusterAccess, now: Callable[[], datetime]) -> str:
    """The token of the context's user, empty for none. Raises: As `connect_cluster`."""
    if access.plugin is not None:
        return PluginCredentials(access.plugin, _cluster_info(access), now).present().token
    return _token(access)


def _argo_url(named: str, environment: Mapping[str, str]) -> str:
    """The URL that ARGO_SERVER, ARGO_SECURE and ARGO_BASE_HREF mean together."""
    if "://" not in named:
        secure = _flag(environment, "ARGO_SECURE") if environment.get("ARGO_SECURE") else True
        named = f"{'https' if secure else 'http'}://{named}"
    try:
        parts = urlsplit(named)
        sound = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        sound = False
    if not sound:
        raise InvalidSpec(f"{named!r} is no address of an Argo Server: write HOST:PORT", path="ARGO_SERVER")
    below = environment.get("ARGO_BASE_HREF", "").strip("/")
    return named.rstrip("/") + (f"/{below}" if below else "")


def _flag(environment: Mapping[str, str], name: str) -> bool:
    return environment.get(name, "").lower() in _TRUE


def _token(access: ClusterAccess) -> str:
    if access.token_file is None:
        return access.token
    try:
        return access.token_file.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise InvalidSpec(f"the token file {access.token_file} cannot be read: {error.strerror}") from error


def _basic(pair: tuple[str, str] | None) -> dict[str, str]:
    if pair is None:
        return {}
    return {"authorization": f"Basic {base64.b64encode(':'.join(pair).encode()).decode()}"}


def _tls(authority: bytes | None, *, verify: bool, certificate: tuple[bytes, bytes] | None) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cadata=authority.decode("ascii") if authority else None)
    except (ssl.SSLError, UnicodeDecodeError, ValueError) as error:
        raise InvalidSpec("the certificate authority of the cluster is no PEM") from error
    if not verify:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if certificate is not None:
        _load(context, *certificate)
    return context


def _load(context: ssl.SSLContext, certificate: bytes, key: bytes) -> None:
    """The ssl module reads files only: one for our eyes alone, gone at once."""
    descriptor, name = tempfile.mkstemp(prefix="setpoint-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(certificate.rstrip() + b"\n" + key)
        context.load_cert_chain(name)
    except (ssl.SSLError, ValueError) as error:
        raise InvalidSpec("the client certificate and key of the kubeconfig do not fit, or are no PEM") from error
    finally:
        with suppress(OSError):
            Path(name).unlink()


def _cluster_info(access: ClusterAccess) -> dict[str, object]:
    """What a plugin that asks for it is told."""
    found: dict[str, object] = {"server": access.server}
    if access.authority is not None:
        found["certificate-authority-data"] = base64.b64encode(access.authority).decode()
    if not access.verify:
        found["insecure-skip-tls-verify"] = True
    if access.server_name:
        found["tls-server-name"] = access.server_name
    return found
