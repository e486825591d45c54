"""Where a model comes from: which storage URIs mean a directory of this machine.

Decides by the URI's text alone; whether the directory is there is for the fetch step to find out.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

from setpoint.apis.errors import Forbidden, InvalidSpec, NotSupported

MODEL_FILES = ("MLmodel", "model.json")  # one of them marks a model directory


def local_path(uri: str, *, path: str = "storageUri") -> PurePosixPath:
    """The absolute directory that a storage URI names: `file:///dir`, or a plain absolute path.

    Args:
        uri: As written in the manifest.
        path: The field's path, for messages.

    Raises: InvalidSpec for no URI at all or a relative path; NotSupported for another scheme; Forbidden for `..`.
    """
    if not uri:
        raise InvalidSpec("is empty; give the model's directory, such as file:///models/reactor/3", path=path)
    parts = urlsplit(uri)
    if parts.scheme not in ("", "file"):
        raise NotSupported(
            f"{parts.scheme}:// is not fetched on one machine", path=path, allowed=("file:///dir", "/dir")
        )
    if parts.scheme == "file" and parts.netloc not in ("", "localhost"):
        raise InvalidSpec(f"{uri!r} names the host {parts.netloc!r}; write file:///dir with three slashes", path=path)
    text = unquote(parts.path) if parts.scheme == "file" else uri
    directory = PurePosixPath(text)
    if not directory.is_absolute():
        raise InvalidSpec(f"{uri!r} is a relative path; a server may run in another directory", path=path)
    if ".." in directory.parts or "\0" in text:
        raise Forbidden(f"{uri!r} must not contain '..'")
    return directory
