"""How a client shows a web server who it is, beside basic credentials: a certificate, or a token it has been granted.

Source: Argo's HTTPAuth; RFC 6749, sections 2.3.1 (a client's own credentials) and 4.4 (what it is granted for them).
"""

from __future__ import annotations

import ssl
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import parse_qs, parse_qsl, quote_plus

import httpx

from setpoint.apis.errors import Forbidden, InvalidSpec, Unavailable


def certified(context: ssl.SSLContext, certificate: str, key: str) -> None:
    """Have the context show a certificate, both as PEM. Raises: InvalidSpec: They are none, or no pair."""
    with TemporaryDirectory(prefix="setpoint-tls-") as folder:  # of the user alone; the library reads files only
        files = Path(folder) / "certificate", Path(folder) / "key"
        for file, text in zip(files, (certificate, key), strict=True):
            file.write_text(text)
        try:
            context.load_cert_chain(*files)
        except (ssl.SSLError, OSError) as error:
            raise InvalidSpec(f"http.auth.clientCert holds no certificate with its key: {error}") from None


def access_token(settings: dict[str, str], seconds: float) -> str:
    """The value of the header `Authorization` that the token server grants for the client's id and secret.

    Raises: Forbidden: It grants none. Unavailable: It cannot be reached. InvalidSpec: Its address is none.
    """
    address, client = settings["tokenURL"], (settings.get("clientID", ""), settings.get("clientSecret", ""))
    form: dict[str, Any] = {**parse_qs(settings.get("endpointParams", ""), keep_blank_values=True)}
    form["grant_type"] = "client_credentials"
    if settings.get("scopes"):
        form["scope"] = settings["scopes"]
    named = {"client_id": client[0], "client_secret": client[1]}
    basic = httpx.BasicAuth(quote_plus(client[0]), quote_plus(client[1]))
    try:
        answer = httpx.post(address, data=form, auth=basic, timeout=seconds)
        if not answer.is_success:  # some servers look for them in the form alone
            answer = httpx.post(address, data=form | named, timeout=seconds)
    except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
        raise InvalidSpec(f"http.auth.oauth2: the address of the token server is none: {error}") from error
    except httpx.TransportError as error:
        raise Unavailable(f"http.auth.oauth2: {address}: {error or type(error).__name__}") from error
    granted = _granted(answer) if answer.is_success else {}
    if not granted.get("access_token"):
        raise Forbidden(f"http.auth.oauth2: {address} grants no token: {answer.status_code} {answer.reason_phrase}")
    kind = str(granted.get("token_type") or "Bearer")
    return f"{'Bearer' if kind.lower() == 'bearer' else kind} {granted['access_token']}"


def _granted(answer: httpx.Response) -> dict[str, Any]:
    try:
        found = answer.json()
    except ValueError:
        found = dict(parse_qsl(answer.text))
    return found if isinstance(found, dict) else {}
