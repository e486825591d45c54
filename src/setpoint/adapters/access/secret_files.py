"""Files that only their owner may read: keys, certificates, tokens.

    <home>/access/                      mode 0700, each file 0600
        service-account.key             what tokens of service accounts are signed with
        tokens.json                     tokens of people, as hashes
        ca.key, ca.crt, server.key, server.crt, server.json
        accounts/<namespace>/<name>/    what a pod of that service account is shown

Invariant: a file is there as a whole or not at all, and was never readable by anybody else.
"""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path

FOLDER = "access"
_KEY = "service-account.key"
_KEY_BYTES = 32


def access_folder(home: Path) -> Path:
    """The directory, made if it is not there."""
    make_private(home)
    folder = home / FOLDER
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def is_private(home: Path) -> bool:
    """Whether the state directory is ours and nobody else may enter it."""
    found = home.stat()
    return found.st_uid == os.geteuid() and not stat.S_IMODE(found.st_mode) & 0o077


def make_private(home: Path) -> None:
    """Make the state directory for its owner alone; one that is there stays as it is."""
    home.mkdir(mode=0o700, parents=True, exist_ok=True)


def write_secret(path: Path, content: bytes, *, mode: int = 0o600) -> None:
    """Write or replace a file in one step."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


class SigningKey:
    """The key of the state directory; made when it is first needed to sign."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._key: bytes | None = None

    def known(self) -> bytes | None:
        """The key, None if nothing was ever signed."""
        if self._key is None:
            try:
                found = (self._home / FOLDER / _KEY).read_bytes()
            except FileNotFoundError:
                return None
            self._key = found if len(found) == _KEY_BYTES else None
        return self._key

    def made(self) -> bytes:
        """The key, made if it is not there."""
        found = self.known()
        if found is None:
            found = secrets.token_bytes(_KEY_BYTES)
            write_secret(access_folder(self._home) / _KEY, found)
            self._key = found
        return found
