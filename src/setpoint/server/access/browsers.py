"""Guards against browsers: any page may send requests to loopback, and a name of its own may point there.

DNS rebinding is stopped by the Host header, forged requests by Origin, Sec-Fetch-Site and the content types that a page
may send without asking. No answer carries a CORS header. Source: Fetch standard (simple requests), Fetch Metadata.
"""

from __future__ import annotations

from collections.abc import Mapping

from setpoint.server.access.refusals import Refusal

LOOPBACK_HOSTS = frozenset({"127.0.0.1", "localhost", "[::1]"})
_SIMPLE_TYPES = frozenset({"text/plain", "application/x-www-form-urlencoded", "multipart/form-data"})
_FORM = "multipart/form-data"
_NO_UPGRADE = (
    "the connection is not upgraded: exec, attach and port-forward are not done here; a pod is a set of processes of "
    "this machine, which its own tools reach"
)
_OWN_SITES = frozenset({"same-origin", "none"})


def check_browser(
    method: str, scheme: str, headers: Mapping[str, str], hosts: frozenset[str], *, upload: bool = False
) -> None:
    """Refuse what only a page of somebody else sends.

    Args:
        method: Of HTTP.
        scheme: http or https, as the request came.
        headers: By lower-case name.
        hosts: Names and addresses that are this server's, beside those of loopback.
        upload: A form with a file is what is wanted; a page that sends one names its origin.

    Raises: Refusal: With what is wrong.
    """
    host = headers.get("host", "")
    if _without_port(host) not in LOOPBACK_HOSTS | hosts:
        raise Refusal(403, "Forbidden", f"host {host[:100]!r} is not this machine")
    if "upgrade" in headers.get("connection", "").lower():
        raise Refusal(501, "NotImplemented", _NO_UPGRADE)
    origin = headers.get("origin")
    if origin is not None and origin != f"{scheme}://{host}":
        raise Refusal(403, "Forbidden", f"requests of pages of {origin[:100]!r} are refused")
    site = headers.get("sec-fetch-site", "none")
    opens_page = method == "GET" and headers.get("sec-fetch-mode") == "navigate"
    if site not in _OWN_SITES and not (opens_page and headers.get("sec-fetch-dest") == "document"):
        raise Refusal(403, "Forbidden", "requests of pages of other sites are refused")
    media = headers.get("content-type", "").partition(";")[0].strip().lower()
    if method not in ("GET", "HEAD", "OPTIONS") and media in _SIMPLE_TYPES and not (upload and media == _FORM):
        raise Refusal(415, "UnsupportedMediaType", f"content type {media!r} is refused: send application/json")


def _without_port(host: str) -> str:
    name = host if host.endswith("]") else host.rpartition(":")[0] or host
    return name.lower()
