"""Objects of an S3 store as local files: one object, everything below a prefix, or what a pattern matches.

Decides which keys are meant and what went wrong; the protocol is obstore's. Credentials, region and endpoint are those
of the standard AWS environment variables, read by obstore itself. Invariant: no value of a credential and no text of
a server goes into a message; an error names the address, the endpoint's host and the server's error code.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import timedelta
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from setpoint.apis.errors import Forbidden, InvalidSpec, NotSupported, SetpointError, Unavailable

if TYPE_CHECKING:
    from obstore.store import S3Store

_SIGNS = re.compile(r"[*?\[]")
_CODE = re.compile(r"<Code>([A-Za-z]{1,64})</Code>")
_PASSING = ("InternalError", "OperationAborted", "RequestTimeout", "ServiceUnavailable", "SlowDown")
_ENDPOINT_VARIABLES = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")
# Where credentials can come from without asking the metadata service of a cloud's virtual machine, which elsewhere
# answers only by running into time limits.
_CREDENTIALS = (
    ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"),
    ("AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN"),
    ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",),
    ("AWS_CONTAINER_CREDENTIALS_FULL_URI",),
    ("AWS_SKIP_SIGNATURE",),
)
_CHUNK_BYTES = 4 * 1024 * 1024
_CLIENT = {"connect_timeout": "5s", "read_timeout": "30s", "timeout": "1h"}
_RETRIES = {"max_retries": 2, "retry_timeout": timedelta(seconds=20)}


def fetch(address: str, folder: Path, *, limit: int, suffixes: Collection[str]) -> dict[str, Path]:
    """Download what `s3://bucket/key`, `s3://bucket/prefix/` or `s3://bucket/*.csv` means.

    Args:
        address: `*`, `?` and `[...]` match within one part of the key, `**` any number of parts.
        folder: Where the files go, each in a directory of its own.
        limit: Most bytes of all objects together.
        suffixes: Endings of the objects that count below a prefix; an object or pattern may have any.

    Returns:
        Local files by address, in the order of their keys.

    Raises:
        InvalidSpec: No such bucket or key, nothing matches, more than the limit, no credentials in the environment.
        Forbidden: The store refuses these credentials.
        Unavailable: The endpoint does not answer or fails.
        NotSupported: obstore is not installed.
    """
    parts = urlsplit(address, allow_fragments=False)
    bucket, key = parts.netloc, address.split("://", 1)[1].partition("/")[2]
    if not bucket:
        raise InvalidSpec("names no bucket: write s3://bucket/key", path=address)
    if not any(all(os.environ.get(name) for name in names) for names in _CREDENTIALS):
        raise InvalidSpec(
            "no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment of the control plane "
            "(for a public bucket AWS_SKIP_SIGNATURE=true)",
            path=address,
        )
    with _told_apart(address):
        store = _open(bucket)
        found = _keys(store, key, suffixes)
        if not found:
            data = f"no such object, and no data below that prefix ({', '.join(suffixes)})"
            what = "no object matches" if _SIGNS.search(key) else data
            raise InvalidSpec(f"{what}; endpoint {_endpoint()}", path=address)
        if sum(found.values()) > limit:
            raise InvalidSpec(
                f"{sum(found.values())} bytes, more than the limit of {limit} (size-limit-mb)", path=address
            )
        files: dict[str, Path] = {}
        for number, name in enumerate(sorted(found)):
            target = folder / str(number) / PurePosixPath(name).name
            target.parent.mkdir()
            limit -= _download(store, name, target, limit, f"s3://{bucket}/{name}")
            files[f"s3://{bucket}/{name}"] = target
        return files


def _open(bucket: str) -> S3Store:
    try:
        # Optional, and it starts threads when it is first used: a warm process must not have it loaded.
        from obstore.store import S3Store  # noqa: PLC0415
    except ImportError:
        raise NotSupported("reading s3:// needs obstore: pip install 'setpoint[s3]'", path="source") from None
    client: Any = _CLIENT | {"allow_http": _endpoint_url().startswith("http://")}
    retries: Any = _RETRIES
    return S3Store(bucket, client_options=client, retry_config=retries)


def _keys(store: S3Store, key: str, suffixes: Collection[str]) -> dict[str, int]:
    """Sizes of the objects that are meant, by key."""
    import obstore  # noqa: PLC0415  as above

    pattern = _SIGNS.search(key)
    if key and not pattern and not key.endswith("/"):
        try:
            return {key: obstore.head(store, key)["size"]}
        except FileNotFoundError:
            pass  # then it may be a prefix, or the bucket may be missing: listing tells
    prefix = key[: pattern.start()].rpartition("/")[0] if pattern else key.rstrip("/")
    wanted = key.split("/")
    found: dict[str, int] = {}
    for chunk in obstore.list(store, prefix or None):
        for item in chunk:
            name = PurePosixPath(item["path"])
            if pattern:
                chosen = _matches(name.parts, wanted)
            else:
                chosen = name.suffix.lower() in suffixes and not name.name.startswith(".")
            if chosen:
                found[item["path"]] = item["size"]
    return found


def _matches(parts: tuple[str, ...], wanted: list[str]) -> bool:
    if not wanted:
        return not parts
    if wanted[0] == "**":
        return any(_matches(parts[skipped:], wanted[1:]) for skipped in range(len(parts) + 1))
    return bool(parts) and fnmatchcase(parts[0], wanted[0]) and _matches(parts[1:], wanted[1:])


def _download(store: S3Store, key: str, target: Path, limit: int, address: str) -> int:
    import obstore  # noqa: PLC0415  as above

    written = 0
    with target.open("wb") as file:
        for chunk in obstore.get(store, key).stream(min_chunk_size=_CHUNK_BYTES):
            written += len(chunk)
            if written > limit:
                raise InvalidSpec("more than the limit left (size-limit-mb): it grew while it was read", path=address)
            file.write(chunk)
    return written


@contextmanager
def _told_apart(address: str) -> Iterator[None]:
    """Errors of obstore as ours. Its texts quote the server, and so are only searched for the error code."""
    try:
        yield
    except SetpointError:
        raise
    except Exception as error:
        if type(error).__module__.partition(".")[0] != "obstore" and not isinstance(error, FileNotFoundError):
            raise  # a full disk, a bug
        found = _CODE.search(str(error))
        raise _as_ours(error, found[1] if found else "", address) from None


def _as_ours(error: Exception, code: str, address: str) -> SetpointError:
    endpoint = _endpoint()
    if code == "NoSuchBucket":
        return InvalidSpec(f"no such bucket on {endpoint}", path=address)
    if isinstance(error, FileNotFoundError):
        return InvalidSpec(f"no such object on {endpoint}", path=address)
    if code in _PASSING:
        return Unavailable(f"{address} cannot be read: {endpoint} answers {code}")
    if code or type(error).__name__ in ("PermissionDeniedError", "UnauthenticatedError"):
        return Forbidden(
            f"{address}: {endpoint} refuses access ({code or 'no reason given'}): check AWS_ACCESS_KEY_ID, "
            "AWS_SECRET_ACCESS_KEY, AWS_REGION and the rights of that key"
        )
    if "redirect" in str(error):
        return InvalidSpec(f"the bucket is in another region than AWS_REGION says, or not on {endpoint}", path=address)
    return Unavailable(f"{address} cannot be read: {endpoint} does not answer (endpoint by AWS_ENDPOINT_URL)")


def _endpoint_url() -> str:
    return next((os.environ[name] for name in _ENDPOINT_VARIABLES if os.environ.get(name)), "")


def _endpoint() -> str:
    """Host and port for messages: a URL can carry a password."""
    url = _endpoint_url()
    return urlsplit(url).netloc.rpartition("@")[2] or url if url else "Amazon S3"
