"""Tokens of people: made once, shown once, kept as SHA-256 hashes.

A token is 256 random bits, so that its hash needs no salt and no stretching. The control plane reads the file again
when it has changed; nobody needs to tell it.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import msgspec

from setpoint.adapters.access.secret_files import FOLDER, access_folder, write_secret
from setpoint.apis.errors import AlreadyExists, InvalidSpec, NotFound
from setpoint.apis.meta import Wire
from setpoint.core.access import AUTHENTICATED, User

_FILE = "tokens.json"
_PREFIX = "spt_"  # so that scanners of leaked secrets can find one
_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._@-]{0,126}[A-Za-z0-9])?")
_GROUP = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._@:/-]{0,126}[A-Za-z0-9])?")


class PersonToken(Wire, frozen=True, kw_only=True):
    """A person, and the hash of the token that was given to them."""

    name: str
    uid: str
    digest: str
    created: datetime
    groups: tuple[str, ...] = ()

    def __repr__(self) -> str:
        """Name and groups only."""
        return f"PersonToken({self.name!r}, groups={self.groups})"


class PeopleFile:
    """The tokens of a state directory; see `ports.access.People`."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._read: tuple[int, int, int] | None = None
        self._users: dict[str, User] = {}

    @property
    def _path(self) -> Path:
        return self._home / FOLDER / _FILE

    def find(self, digest: str) -> User | None:
        """See the port."""
        try:
            found = self._path.stat()
        except FileNotFoundError:
            return None
        version = (found.st_mtime_ns, found.st_ino, found.st_size)
        if version != self._read:
            self._users = {
                item.digest: User(name=item.name, uid=item.uid, groups=(*item.groups, AUTHENTICATED))
                for item in self.list()
            }
            self._read = version
        return self._users.get(digest)

    def list(self) -> tuple[PersonToken, ...]:
        """All, in the order they were made. Raises: InvalidSpec: The file cannot be read."""
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=tuple[PersonToken, ...])
        except FileNotFoundError:
            return ()
        except msgspec.DecodeError as error:
            raise InvalidSpec(f"{self._path} is no list of tokens ({error}); restore or remove it") from error

    def create(self, name: str, groups: Sequence[str], now: datetime) -> str:
        """A new person's token, which is not to be had again.

        Raises: InvalidSpec: A name is not allowed; AlreadyExists: the person has a token.
        """
        if not _NAME.fullmatch(name):
            raise InvalidSpec(f"{name!r} is no name of a person: letters, digits, and . _ @ - between", path="NAME")
        for group in groups:
            if not _GROUP.fullmatch(group):
                raise InvalidSpec(f"{group!r} is no name of a group", path="--groups")
        token = _PREFIX + secrets.token_urlsafe(32)
        with self._locked():
            there = self.list()
            if any(item.name == name for item in there):
                raise AlreadyExists("token", name)
            made = PersonToken(
                name=name,
                uid=secrets.token_hex(16),
                groups=tuple(dict.fromkeys(groups)),
                digest=hashlib.sha256(token.encode()).hexdigest(),
                created=now,
            )
            self._write((*there, made))
        return token

    def delete(self, name: str) -> None:
        """The token is worth nothing from now on. Raises: NotFound."""
        with self._locked():
            there = self.list()
            left = tuple(item for item in there if item.name != name)
            if len(left) == len(there):
                raise NotFound("token", name)
            self._write(left)

    def _write(self, items: Sequence[PersonToken]) -> None:
        write_secret(self._path, msgspec.json.format(msgspec.json.encode(list(items)), indent=2))

    @contextmanager
    def _locked(self) -> Iterator[None]:
        descriptor = os.open(access_folder(self._home) / ".tokens.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)
