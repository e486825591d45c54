"""JSON patch, RFC 6902: a list of operations on a document, all of them or none.

Source: RFC 6902; RFC 6901 for pointers.
"""

from __future__ import annotations

from typing import Any

import jsonpatch
import jsonpointer

from setpoint.apis.errors import InvalidSpec, Malformed

MOST_OPERATIONS = 10_000
_OPERATIONS = ("add", "remove", "replace", "move", "copy", "test")


def apply_json_patch(document: Any, patch: Any) -> Any:
    """What the document becomes; it is not changed itself.

    Raises:
        Malformed: The patch is none.
        InvalidSpec: An operation cannot be done, such as a test that fails or a path that is not there; or the result
            grows beyond all bounds.
    """
    if not isinstance(patch, list) or len(patch) > MOST_OPERATIONS:
        raise Malformed(f"a JSON patch is a list of at most {MOST_OPERATIONS} operations")
    copies = 0
    for index, operation in enumerate(patch):
        if not isinstance(operation, dict) or operation.get("op") not in _OPERATIONS:
            raise Malformed("is no operation of a JSON patch", path=f"[{index}].op", allowed=_OPERATIONS)
        if not isinstance(operation.get("path"), str):
            raise Malformed("is required", path=f"[{index}].path")
        copies += operation["op"] == "copy"
    if copies > 20:  # each may double the document
        raise InvalidSpec("a JSON patch copies at most 20 times")
    try:
        return jsonpatch.JsonPatch(patch).apply(document)
    except jsonpatch.JsonPatchTestFailed as error:
        raise InvalidSpec(f"a test of the patch failed: {error}") from None
    except (jsonpatch.JsonPatchException, jsonpointer.JsonPointerException, TypeError, KeyError) as error:
        raise InvalidSpec(f"the patch cannot be applied: {error}") from None
