"""An authority of the state directory's own and the server's certificate by it; both EC P-256.

The names of the server and its end of time are written beside the certificate, so that a start that finds them right
needs no look into it, which would take longer than all the rest. Source: RFC 5280.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from setpoint.adapters.access.secret_files import access_folder, write_secret
from setpoint.apis.errors import InvalidSpec
from setpoint.apis.meta import Wire

_AUTHORITY_LIFETIME = timedelta(days=3650)
_SERVER_LIFETIME, _EARLY = timedelta(days=365), timedelta(days=60)
_STANDARD_NAMES = (
    "localhost",
    "127.0.0.1",
    "::1",
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerCertificate:
    """Files of the server's certificate and key, and of the authority by which a client knows it.

    `renewable`: it is made here, and made again before it ends.
    """

    certificate: Path
    key: Path
    authority: Path
    renewable: bool = True


class _Written(Wire, frozen=True, kw_only=True):
    names: tuple[str, ...]
    renew_after: datetime
    authority_ends: datetime


def given_certificate(certificate: str, key: str) -> ServerCertificate:
    """The files that a person names; a client knows the server by the same file.

    Raises: InvalidSpec: They are not there, or do not belong together.
    """
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:
        reason = f"certificate {certificate!r} and key {key!r} cannot be used: {error.strerror or error}"
        raise InvalidSpec(reason, path="settings.tls_cert") from error
    return ServerCertificate(certificate=Path(certificate), key=Path(key), authority=Path(certificate), renewable=False)


def made_certificate(home: Path, names: Sequence[str], now: datetime) -> ServerCertificate:
    """The state directory's own, made where it is not there, is for other names, or ends soon."""
    folder = access_folder(home)
    found = ServerCertificate(certificate=folder / "server.crt", key=folder / "server.key", authority=folder / "ca.crt")
    wanted = tuple(dict.fromkeys((*_STANDARD_NAMES, socket.gethostname(), *names)))
    written = _written(folder)
    if written is not None and written.names == wanted and now < written.renew_after and found.certificate.exists():
        return found
    _make(folder, wanted, now, written)
    return found


def _written(folder: Path) -> _Written | None:
    try:
        return msgspec.json.decode((folder / "server.json").read_bytes(), type=_Written)
    except (FileNotFoundError, msgspec.DecodeError):
        return None


def _make(folder: Path, names: tuple[str, ...], now: datetime, written: _Written | None) -> None:
    from setpoint.adapters.access.authority import Pair, issue_server, make_authority  # noqa: PLC0415  see there

    authority_ends = written.authority_ends if written is not None else now
    files = folder / "ca.crt", folder / "ca.key"
    if now + _SERVER_LIFETIME < authority_ends and all(file.exists() for file in files):
        authority = Pair(certificate=files[0].read_bytes(), key=files[1].read_bytes())
    else:
        authority = make_authority(f"setpoint {socket.gethostname()}", now, _AUTHORITY_LIFETIME)
        authority_ends = now + _AUTHORITY_LIFETIME
        write_secret(files[1], authority.key)
        write_secret(files[0], authority.certificate)
    server = issue_server(authority, names, now, _SERVER_LIFETIME)
    write_secret(folder / "server.key", server.key)
    write_secret(folder / "server.crt", server.certificate)
    note = _Written(names=names, renew_after=now + _SERVER_LIFETIME - _EARLY, authority_ends=authority_ends)
    write_secret(folder / "server.json", msgspec.json.encode(note))
