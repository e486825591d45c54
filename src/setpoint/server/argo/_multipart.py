"""The one file of a form, as browsers and curl send it (multipart/form-data).

The body lies in a file already, of limited size; the part is copied out of it in pieces.
Source: RFC 7578, RFC 2046 section 5.1.
"""

from __future__ import annotations

import re
from typing import BinaryIO

from setpoint.apis.errors import InvalidSpec

MOST_HEADER_BYTES = 16 * 1024
_BOUNDARY = re.compile(r'boundary=(?:"([^"\r\n]{1,70})"|([^\s;,"]{1,70}))', re.IGNORECASE)
_FILE_NAME = re.compile(rb'filename="((?:[^"\\\r\n]|\\.)*)"', re.IGNORECASE)
_CHUNK_BYTES = 256 * 1024


def boundary_of(content_type: str) -> bytes:
    """What parts of a body lie between. Raises: InvalidSpec if the content type is another."""
    found = _BOUNDARY.search(content_type)
    if not content_type.lower().startswith("multipart/form-data") or found is None:
        reason = f"is {content_type[:50]!r}, and a form with one file is needed: multipart/form-data; boundary=..."
        raise InvalidSpec(reason, path="Content-Type")
    return b"--" + (found[1] or found[2]).encode()


def copy_file(body: BinaryIO, boundary: bytes, target: BinaryIO) -> str:
    """Copy the content of the first part that has a file name, and tell that name. Raises: InvalidSpec."""
    if body.readline(len(boundary) + 2).rstrip(b"\r\n") != boundary:
        raise InvalidSpec("the body is not a form: it does not begin with its boundary")
    while (headers := _headers(body)) is not None:
        named = _FILE_NAME.search(headers)
        last = _copy(body, b"\r\n" + boundary, target if named is not None else None)
        if named is not None:
            return named[1].decode(errors="replace")
        if last:
            break
    raise InvalidSpec("the form has no file in it: send one part with a filename")


def _headers(body: BinaryIO) -> bytes | None:
    """The header lines of a part; None at the end of the body."""
    lines: list[bytes] = []
    left = MOST_HEADER_BYTES
    while left > 0:
        line = body.readline(left)
        if not line:
            return None
        left -= len(line)
        if line in (b"\r\n", b"\n"):
            return b"".join(lines)
        lines.append(line)
    raise InvalidSpec(f"the headers of a part of the form are larger than {MOST_HEADER_BYTES} bytes")


def _copy(body: BinaryIO, mark: bytes, target: BinaryIO | None) -> bool:
    """Copy to the mark and stand behind its line; whether it was the last one. Raises: InvalidSpec without a mark."""
    kept = b""
    while chunk := body.read(_CHUNK_BYTES):
        kept += chunk
        at = kept.find(mark)
        if at >= 0:
            if target is not None:
                target.write(kept[:at])
            body.seek(at + len(mark) - len(kept), 1)
            return body.readline(4).startswith(b"--")
        safe = max(0, len(kept) - len(mark))
        if target is not None:
            target.write(kept[:safe])
        kept = kept[safe:]
    raise InvalidSpec("the form is cut off: its closing boundary is missing")
