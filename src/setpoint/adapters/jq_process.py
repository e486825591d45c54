"""Run by `JqProcess`: one jq program over one document, both from standard input, the results to standard output."""

from __future__ import annotations

import json
import resource
import sys

_MEMORY_BYTES = 1 << 30
_CPU_SECONDS = 30


def main() -> None:
    """Answer `{"results": [...]}` or `{"error": "..."}`."""
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (_CPU_SECONDS, _CPU_SECONDS))
    given = json.load(sys.stdin)
    try:
        import jq  # noqa: PLC0415  under the limits

        answer = {"results": jq.compile(given["program"]).input_value(given["document"]).all()}
    except (ImportError, ValueError, MemoryError) as error:
        answer = {"error": " ".join(str(error).split()) or type(error).__name__}
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main()
