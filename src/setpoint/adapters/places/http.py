"""Artifacts on web servers: an input is what GET answers, an output is sent by PUT. Source: Argo's HTTPArtifact."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx

from setpoint.apis.errors import InvalidSpec, NotFound, Unavailable
from setpoint.apis.pods import ArtifactPlace

_SECONDS = 60.0
_REDIRECTS = 10


def fetch(place: ArtifactPlace, target: Path) -> None:
    """GET, redirects followed. Raises: NotFound, Unavailable, InvalidSpec."""
    with _client(place) as client:
        try:
            with _get(client, place) as answer:
                if answer.status_code == httpx.codes.NOT_FOUND:
                    raise NotFound("Artifact", place.settings["url"])
                if answer.is_error:
                    raise Unavailable(f"loading file from {place.settings['url']} failed: {_status(answer)}")
                with target.open("wb") as file:
                    for chunk in answer.iter_bytes():
                        file.write(chunk)
        except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
            raise InvalidSpec(f"{place.settings['url']!r} is no address: {error}") from error
        except httpx.TransportError as error:
            raise Unavailable(f"{place.settings['url']}: {error or type(error).__name__}") from error


def put(place: ArtifactPlace, source: Path) -> None:
    """PUT a file. Raises: InvalidSpec for a directory; Unavailable."""
    if source.is_dir():
        raise InvalidSpec("a directory cannot be sent to a web server: use an archive")
    with _client(place) as client, source.open("rb") as file:
        try:
            length = {"Content-Length": str(source.stat().st_size)}
            answer = client.put(place.settings["url"], content=file, headers=length)
        except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
            raise InvalidSpec(f"{place.settings['url']!r} is no address: {error}") from error
        except httpx.TransportError as error:
            raise Unavailable(f"{place.settings['url']}: {error or type(error).__name__}") from error
    if answer.is_error:
        raise Unavailable(f"saving file {source.name} to {place.settings['url']} failed: {_status(answer)}")


@contextmanager
def _get(client: httpx.Client, place: ArtifactPlace) -> Iterator[httpx.Response]:
    """The answer at the end of redirects. Headers and credentials are for the host that the manifest names alone."""
    request = client.build_request("GET", place.settings["url"])
    host = request.url.netloc
    for _ in range(_REDIRECTS):
        auth = httpx.USE_CLIENT_DEFAULT if request.url.netloc == host else None
        answer = client.send(request, auth=auth, stream=True, follow_redirects=False)
        if answer.next_request is None:
            with closing(answer):
                yield answer
            return
        answer.close()
        url = answer.next_request.url
        request = client.build_request("GET", url) if url.netloc == host else httpx.Request("GET", url)
    raise Unavailable(f"{place.settings['url']}: more than {_REDIRECTS} redirects")


def _client(place: ArtifactPlace) -> httpx.Client:
    user = place.settings.get("username")
    auth = httpx.BasicAuth(user, place.settings.get("password", "")) if user is not None else None
    return httpx.Client(headers=place.headers, auth=auth, timeout=_SECONDS)


def _status(answer: httpx.Response) -> str:
    return f"{answer.status_code} {answer.reason_phrase}"
