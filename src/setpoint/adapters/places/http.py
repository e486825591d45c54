"""Artifacts on web servers: an input is what GET answers, an output is sent by PUT. Source: Argo's HTTPArtifact."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import httpx

from setpoint.adapters.places.http_auth import access_token, certified
from setpoint.apis.errors import InvalidSpec, NotFound, Unavailable
from setpoint.apis.pods import ArtifactPlace

_SECONDS = 60.0
_REDIRECTS = 10


def fetch(place: ArtifactPlace, target: Path) -> None:
    """GET, redirects followed. Raises: NotFound, Unavailable, InvalidSpec."""
    with _answer(place, "GET") as answer:
        if answer.status_code == httpx.codes.NOT_FOUND:
            raise NotFound("Artifact", place.settings["url"])
        if not answer.is_success:
            raise Unavailable(f"loading file from {place.settings['url']} failed: {_status(answer)}")
        with target.open("wb") as file:
            for chunk in answer.iter_bytes():
                file.write(chunk)


def put(place: ArtifactPlace, source: Path) -> None:
    """PUT a file, sent again to where a redirect leads. Raises: InvalidSpec for a directory; Unavailable."""
    if source.is_dir():
        raise InvalidSpec("a directory cannot be sent to a web server: use an archive")
    with _answer(place, "PUT", source) as answer:
        if not answer.is_success:
            raise Unavailable(f"saving file {source.name} to {place.settings['url']} failed: {_status(answer)}")


@contextmanager
def _answer(place: ArtifactPlace, method: str, source: Path | None = None) -> Iterator[httpx.Response]:
    """The answer at the end of redirects. Headers and credentials are for the host that the manifest names alone.

    A redirect that would make another request of a PUT, without the file, is not followed.
    """
    address = place.settings["url"]
    try:
        url = httpx.URL(address)
        host = url.netloc
        with _client(place) as client:
            for _ in range(_REDIRECTS):
                answer = _send(client, method, url, source, own=url.netloc == host)
                further = answer.next_request
                if further is None or further.method != method:
                    with closing(answer):
                        yield answer
                    return
                answer.close()
                url = further.url
        raise Unavailable(f"{address}: more than {_REDIRECTS} redirects")
    except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
        raise InvalidSpec(f"{address!r} is no address: {error}") from error
    except httpx.TransportError as error:
        raise Unavailable(f"{address}: {error or type(error).__name__}") from error


def _send(client: httpx.Client, method: str, url: httpx.URL, source: Path | None, *, own: bool) -> httpx.Response:
    with ExitStack() as stack:
        content = stack.enter_context(source.open("rb")) if source is not None else None
        headers = {"Content-Length": str(source.stat().st_size)} if source is not None else None
        build = client.build_request if own else httpx.Request
        request = build(method, url, content=content, headers=headers)
        auth = httpx.USE_CLIENT_DEFAULT if own else None
        return client.send(request, auth=auth, stream=True, follow_redirects=False)


def _client(place: ArtifactPlace) -> httpx.Client:
    settings, headers = place.settings, dict(place.headers)
    auth, context = None, httpx.create_ssl_context()
    if settings.get("clientCert"):
        certified(context, settings["clientCert"], settings["clientKey"])
    elif settings.get("tokenURL"):
        headers["Authorization"] = access_token(settings, _SECONDS)
    if settings.get("username") and settings.get("password") and "Authorization" not in headers:
        auth = httpx.BasicAuth(settings["username"], settings["password"])
    return httpx.Client(headers=headers, auth=auth, timeout=_SECONDS, verify=context)


def _status(answer: httpx.Response) -> str:
    return f"{answer.status_code} {answer.reason_phrase}"
