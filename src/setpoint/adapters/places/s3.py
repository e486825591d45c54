"""Artifacts in S3 buckets, by obstore, which is an extra. Source: Argo's S3Artifact."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from setpoint.apis.errors import Forbidden, InvalidSpec, NotFound, NotSupported, Unavailable
from setpoint.apis.pods import ArtifactPlace

if TYPE_CHECKING:
    from obstore.store import S3Store


def fetch(place: ArtifactPlace, target: Path) -> None:
    """The object at the key, else the tree of the objects below it. Raises: NotFound, Unavailable, NotSupported."""
    store, obstore = _store(place)
    key = _key(place)
    try:
        try:
            answer = obstore.get(store, key)
        except FileNotFoundError:
            _fetch_tree(store, obstore, key, target)
            return
        with target.open("wb") as file:
            for chunk in answer.stream():
                file.write(chunk)
    except (FileNotFoundError, NotFound) as error:
        raise NotFound("Artifact", f"s3://{place.settings.get('bucket')}/{key}") from error
    except (InvalidSpec, OSError):
        raise
    except Exception as error:  # noqa: BLE001  obstore's errors have no base of their own; no credential is told
        raise Unavailable(f"s3://{place.settings.get('bucket')}/{key} cannot be read: {type(error).__name__}") from None


def _fetch_tree(store: S3Store, obstore: Any, key: str, target: Path) -> None:
    prefix = key.rstrip("/") + "/"
    found = [item["path"] for chunk in obstore.list(store, prefix) for item in chunk]
    if not found:
        raise NotFound("Artifact", key)
    for path in found:
        name = path.removeprefix(prefix)
        if not name or any(part in ("", ".", "..") for part in name.split("/")):
            raise InvalidSpec(f"the object {path!r} has no place below a directory")
        file = target / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(bytes(obstore.get(store, path).bytes()))


def put(place: ArtifactPlace, source: Path) -> None:
    """A file as the object at the key, a directory as objects below it.

    Raises: Forbidden for a link out of the directory; Unavailable; NotSupported.
    """
    store, obstore = _store(place)
    key = _key(place)
    try:
        if source.is_file():
            obstore.put(store, key, source)
            return
        top = source.resolve()
        for path in sorted(source.rglob("*")):
            if not path.resolve().is_relative_to(top):
                raise Forbidden(f"link {path} leads out of the directory that is to be stored")
            if path.is_file():
                obstore.put(store, f"{key.rstrip('/')}/{path.relative_to(source).as_posix()}", path)
    except (OSError, Forbidden):
        raise
    except Exception as error:  # noqa: BLE001  as above
        where = f"s3://{place.settings.get('bucket')}/{key}"
        raise Unavailable(f"{where} cannot be written: {type(error).__name__}") from None


def _key(place: ArtifactPlace) -> str:
    key = place.settings.get("key", "")
    if not key:
        raise InvalidSpec("an s3 artifact with a bucket of its own needs a key")
    return key


def _store(place: ArtifactPlace) -> tuple[S3Store, Any]:
    try:
        import obstore  # noqa: PLC0415
        from obstore.store import S3Store  # noqa: PLC0415
    except ImportError:
        raise NotSupported("artifacts in s3 need obstore: pip install 'setpoint[s3]'") from None
    settings = place.settings
    config: dict[str, Any] = {"region": settings.get("region") or "us-east-1"}
    endpoint = settings.get("endpoint", "")
    if endpoint:
        scheme = "http" if settings.get("insecure") else "https"
        config["endpoint"] = endpoint if "://" in endpoint else f"{scheme}://{endpoint}"
    names = {"accessKey": "access_key_id", "secretKey": "secret_access_key", "sessionToken": "session_token"}
    config |= {name: settings[key] for key, name in names.items() if settings.get(key)}
    options: Any = {"allow_http": bool(settings.get("insecure"))}
    return S3Store(
        settings.get("bucket", ""), client_options=options, virtual_hosted_style_request=False, **config
    ), obstore
