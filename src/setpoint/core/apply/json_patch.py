"""JSON patch, RFC 6902: a list of operations on a document, all of them or none. Pure.

What a patch can make of a document is bounded, as it is by an API server: its operations by number, and what it copies
by size, since each copy may double the document.
Source: RFC 6902; RFC 6901 for pointers; apiserver, jsonPatcher and AccumulatedCopySizeLimit.
"""

from __future__ import annotations

import copy
from typing import Any, Final

import jsonpatch
import jsonpointer
import msgspec

from setpoint.apis.errors import InvalidSpec, Malformed, TooLarge
from setpoint.core.apply.typed import same

MOST_OPERATIONS: Final = 10_000
MOST_COPIED_BYTES: Final = 3 * 1024 * 1024
_OPERATIONS = ("add", "remove", "replace", "move", "copy", "test")
_ERRORS = (jsonpatch.JsonPatchException, jsonpointer.JsonPointerException, TypeError, KeyError, IndexError, ValueError)


def apply_json_patch(document: Any, patch: Any) -> Any:
    """What the document becomes; it is not changed itself.

    Raises:
        Malformed: The patch is none; the path names the operation.
        TooLarge: It has more than 10,000 operations.
        InvalidSpec: An operation cannot be done, such as a test that fails or a path that is not there; or it copies
            more than 3 MiB. The path names the operation.
    """
    _check(patch)
    result, copied = copy.deepcopy(document), 0
    for index, operation in enumerate(patch):
        try:
            if operation["op"] == "copy":
                copied += len(msgspec.json.encode(jsonpointer.resolve_pointer(result, operation["from"])))
                if copied > MOST_COPIED_BYTES:
                    raise InvalidSpec(f"a patch copies at most {MOST_COPIED_BYTES} bytes", path=f"[{index}]")
            if operation["op"] == "test":
                _test(result, operation, index)
            else:
                result = jsonpatch.JsonPatch([operation]).apply(result, in_place=True)
        except _ERRORS as error:
            text = _told(error)
            raise InvalidSpec(
                f"{operation['op']} cannot be done at {operation['path']!r}: {text}", path=f"[{index}]"
            ) from None
    return result


def _told(error: Exception) -> str:
    """What went wrong. A pointer's error shows the value it was looked for in, and that may be a Secret's."""
    if isinstance(error, jsonpointer.JsonPointerException):
        return "there is no such path"
    return str(error.args[0]) if error.args else type(error).__name__


def _check(patch: Any) -> None:
    if not isinstance(patch, list):
        raise Malformed("a JSON patch is a list of operations")
    if len(patch) > MOST_OPERATIONS:
        raise TooLarge(f"the allowed maximum operations in a JSON patch is {MOST_OPERATIONS}, got {len(patch)}")
    for index, operation in enumerate(patch):
        if not isinstance(operation, dict) or operation.get("op") not in _OPERATIONS:
            raise Malformed("is no operation of a JSON patch", path=f"[{index}].op", allowed=_OPERATIONS)
        _check_pointer(operation.get("path"), f"[{index}].path")
        if operation["op"] in ("move", "copy"):
            _check_pointer(operation.get("from"), f"[{index}].from")
        if operation["op"] in ("add", "replace", "test") and "value" not in operation:
            raise Malformed("is required", path=f"[{index}].value")


def _check_pointer(pointer: Any, path: str) -> None:
    if not isinstance(pointer, str):
        raise Malformed("is required", path=path)
    try:
        jsonpointer.JsonPointer(pointer)
    except jsonpointer.JsonPointerException as error:
        raise Malformed(f"is no JSON pointer: {error}", path=path) from None


def _test(document: Any, operation: dict[str, Any], index: int) -> None:
    found = jsonpointer.resolve_pointer(document, operation["path"])
    if not same(found, operation["value"]):
        raise InvalidSpec(f"the test of {operation['path']!r} failed: another value is there", path=f"[{index}]")
