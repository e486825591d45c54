"""Artifacts that lie in stores of their own: on web servers, in git repositories, in S3 buckets."""

from __future__ import annotations

from pathlib import Path

from setpoint.apis.errors import InvalidSpec
from setpoint.apis.pods import ArtifactPlace


def fetch(place: ArtifactPlace, target: Path) -> None:
    """Put what lies at the place at a path that is not there yet.

    Raises: NotFound: There is nothing. InvalidSpec: The place makes no sense. Unavailable: It cannot be reached.
    """
    match place.kind:  # imported where it is used: most pods use none
        case "http":
            from setpoint.adapters.places import http  # noqa: PLC0415

            http.fetch(place, target)
        case "git":
            from setpoint.adapters.places import git  # noqa: PLC0415

            git.fetch(place, target)
        case "s3":
            from setpoint.adapters.places import s3  # noqa: PLC0415

            s3.fetch(place, target)
        case _:
            raise InvalidSpec(f"artifacts of kind {place.kind!r} are not known")


def put(place: ArtifactPlace, source: Path) -> None:
    """Store a file, or a directory as a tree, at the place.

    Raises: InvalidSpec: Nothing can be stored there. Unavailable: It cannot be reached.
    """
    match place.kind:
        case "http":
            from setpoint.adapters.places import http  # noqa: PLC0415

            http.put(place, source)
        case "s3":
            from setpoint.adapters.places import s3  # noqa: PLC0415

            s3.put(place, source)
        case _:
            raise InvalidSpec(f"nothing can be stored in {place.kind}")


def keys(place: ArtifactPlace) -> tuple[str, ...]:
    """The keys of the objects below the place, as a directory, in their order.

    Raises: NotFound: There are none. InvalidSpec: Such a place has no keys. Unavailable: It cannot be reached.
    """
    if place.kind != "s3":
        raise InvalidSpec(f"what lies in {place.kind} cannot be listed: use s3")
    from setpoint.adapters.places import s3  # noqa: PLC0415

    return s3.keys(place)


def delete(place: ArtifactPlace) -> None:
    """Remove the object or tree at the place; nothing if there is none.

    Raises: InvalidSpec: Nothing can be deleted there. Unavailable: It cannot be reached.
    """
    if place.kind != "s3":
        raise InvalidSpec(f"what lies in {place.kind} cannot be deleted")
    from setpoint.adapters.places import s3  # noqa: PLC0415

    s3.delete(place)
