"""Artifacts in S3 buckets, by obstore, which is an extra. Source: Argo's S3Artifact."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from setpoint.adapters.places.s3_bucket import DEFAULT_REGION, create_bucket, endpoint_of
from setpoint.adapters.places.s3_credentials import with_credentials
from setpoint.apis.errors import Forbidden, InvalidSpec, NotFound, NotSupported, SetpointError, Unavailable
from setpoint.apis.pods import ArtifactPlace

if TYPE_CHECKING:
    from obstore.store import S3Store

_CREDENTIALS = {"accessKey": "access_key_id", "secretKey": "secret_access_key", "sessionToken": "session_token"}
_SALT_BYTES = 8


def fetch(place: ArtifactPlace, target: Path) -> None:
    """The object at the key, else the tree of the objects below it. Raises: NotFound, Unavailable, NotSupported."""
    bucket = _Bucket(place)
    with _told(place, "read"):
        try:
            answer = bucket.obstore.get(bucket.at(bucket.key), bucket.key)
        except FileNotFoundError:
            _fetch_tree(bucket, target)
            return
        with target.open("wb") as file:
            for chunk in answer.stream():
                file.write(chunk)


def _fetch_tree(bucket: _Bucket, target: Path) -> None:
    prefix = bucket.key.rstrip("/") + "/"
    found = bucket.below()
    if not found:
        raise FileNotFoundError(bucket.key)
    for path in found:
        name = path.removeprefix(prefix)
        if not name or any(part in ("", ".", "..") for part in name.split("/")):
            raise InvalidSpec(f"the object {path!r} has no place below a directory")
        file = target / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(bytes(bucket.obstore.get(bucket.at(path), path).bytes()))


def put(place: ArtifactPlace, source: Path) -> None:
    """A file as the object at the key, a directory as objects below it; the bucket is made if that is wanted.

    Raises: Forbidden for a link out of the directory; Unavailable; NotSupported.
    """
    bucket = _Bucket(place)
    with _told(place, "written"):
        if place.settings.get("createBucket"):
            create_bucket(bucket.place)
        if source.is_file():
            bucket.obstore.put(bucket.at(bucket.key), bucket.key, source)
            return
        top = source.resolve()
        for path in sorted(source.rglob("*")):
            if not path.resolve().is_relative_to(top):
                raise Forbidden(f"link {path} leads out of the directory that is to be stored")
            if path.is_file():
                key = f"{bucket.key.rstrip('/')}/{path.relative_to(source).as_posix()}"
                bucket.obstore.put(bucket.at(key), key, path)


def keys(place: ArtifactPlace) -> tuple[str, ...]:
    """The keys of the objects below the place's key, in their order; without a key of all in the bucket.

    Raises: NotFound if there is nothing; Unavailable; NotSupported.
    """
    bucket = _Bucket(place, whole=True)
    with _told(place, "listed"):
        found = bucket.below()
        if not found and bucket.key:
            bucket.obstore.head(bucket.at(bucket.key), bucket.key)
        return tuple(sorted(found))


def delete(place: ArtifactPlace) -> None:
    """Remove the object at the key and those below it; nothing if there are none. Raises: Unavailable, NotSupported."""
    bucket = _Bucket(place)
    with _told(place, "deleted"):
        for key in [bucket.key.rstrip("/"), *bucket.below()]:
            bucket.obstore.delete(bucket.plain, key)


@contextmanager
def _told(place: ArtifactPlace, what: str) -> Iterator[None]:
    """The errors of obstore as ours: they have no base of their own, and may tell credentials."""
    where = f"s3://{place.settings.get('bucket')}/{place.settings.get('key', '')}"
    try:
        yield
    except FileNotFoundError as error:
        raise NotFound("Artifact", where) from error
    except (SetpointError, OSError):
        raise
    except Exception as error:  # noqa: BLE001  see above
        raise Unavailable(f"{where} cannot be {what}: {type(error).__name__}") from None


class _Bucket:
    """The bucket of a place. Objects that a customer's key encrypts have a key each, derived from their own."""

    def __init__(self, place: ArtifactPlace, *, whole: bool = False) -> None:
        self.key = place.settings.get("key", "")
        if not self.key and not whole:
            raise InvalidSpec("an s3 artifact with a bucket of its own needs a key")
        if bool(place.settings.get("accessKey")) != bool(place.settings.get("secretKey")):
            raise InvalidSpec("an s3 artifact needs both accessKeySecret and secretKeySecret, or neither")
        self._settings = with_credentials(place.settings)
        self.obstore: ModuleType = _obstore()
        self.place = place.replace(settings=self._settings)
        self.plain = self._store()

    def at(self, key: str) -> S3Store:
        """The store that reads and writes the object at `key`."""
        encryption = self._settings.get("encryption")
        if encryption == "customer":
            config = {"server_side_encryption": "sse-c", "sse_customer_key_base64": self._customer_key(key)}
        elif encryption == "kms":
            config = {"server_side_encryption": "aws:kms", "sse_kms_key_id": self._settings["kmsKeyId"]}
        elif encryption:
            config = {"server_side_encryption": "AES256"}
        else:
            return self.plain
        return self._store(**config)

    def below(self) -> list[str]:
        """Keys below the place's, but for the empty objects `.../` by which some tools mark a directory."""
        prefix = self.key.rstrip("/") + "/" if self.key else None
        found = [(item["path"], item["size"]) for chunk in self.obstore.list(self.plain, prefix) for item in chunk]
        empty = {path for path, size in found if not size}
        marks = empty - self._files({path.rpartition("/")[0] for path in empty})
        return sorted({path for path, size in found if size or path not in marks})

    def _files(self, directories: Iterable[str]) -> set[str]:
        """The objects right below these prefixes; obstore tells the key `a/` from `a` by this listing alone."""
        found = set[str]()
        for one in directories:  # its own mark is listed too
            listing = self.obstore.list_with_delimiter(self.plain, f"{one}/" if one else None)
            found |= {item["path"] for item in listing["objects"] if item["path"] != one}
        return found

    def _customer_key(self, key: str) -> str:
        """As Argo derives it, so that each reads what the other has written."""
        from cryptography.hazmat.primitives.kdf.argon2 import Argon2id  # noqa: PLC0415  slow to load, seldom needed

        salt = f"{self._settings.get('bucket', '')}{key}".encode()
        if len(salt) < _SALT_BYTES:
            raise InvalidSpec(f"serverSideCustomerKeySecret needs bucket and key of {_SALT_BYTES} bytes together")
        derive = Argon2id(salt=salt, length=32, iterations=1, lanes=4, memory_cost=64 * 1024).derive
        return base64.b64encode(derive(self._settings["serverSideCustomerKey"].encode())).decode()

    def _store(self, **encryption: str) -> S3Store:
        from obstore.store import S3Store  # noqa: PLC0415

        settings = self._settings
        config: dict[str, Any] = {"region": settings.get("region") or DEFAULT_REGION, **encryption}
        if settings.get("endpoint"):
            config["endpoint"] = endpoint_of(settings)
        config |= {name: settings[key] for key, name in _CREDENTIALS.items() if settings.get(key)}
        options: Any = {"allow_http": bool(settings.get("insecure"))}
        if settings.get("ca"):
            options["root_certificate"] = settings["ca"]
        return S3Store(settings.get("bucket", ""), client_options=options, virtual_hosted_style_request=False, **config)


def _obstore() -> ModuleType:
    try:
        import obstore  # noqa: PLC0415
    except ImportError:
        raise NotSupported("artifacts in s3 need obstore: pip install 'setpoint[s3]'") from None
    return obstore
