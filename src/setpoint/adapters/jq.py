"""`ports.jq.JqFilter` in a process of its own: no environment, bounded memory and time.

A program may loop for ever, fill the memory or read `$ENV`; in a process of its own it harms nobody and sees nothing.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from setpoint.apis.errors import InvalidSpec

_AT_ONCE = 4
_PROGRAM = Path(__file__).with_name("jq_process.py")


class JqProcess:
    """Starts a process for each run.

    Args:
        seconds: How long a run may take.
    """

    def __init__(self, seconds: float = 30.0) -> None:
        self._seconds = seconds
        self._gate = asyncio.Semaphore(_AT_ONCE)

    async def run(self, program: str, document: Any) -> list[Any]:
        """All results of the program over the document.

        Raises: InvalidSpec if it is no program, fails or was ended.
        """
        async with self._gate:
            return _results(program, await self._answer(program, document))

    async def _answer(self, program: str, document: Any) -> bytes:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-I",
            str(_PROGRAM),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env={},
        )
        try:
            async with asyncio.timeout(self._seconds):
                given = msgspec.json.encode({"program": program, "document": document})
                answer, _ = await process.communicate(given)
                return answer
        except TimeoutError:
            raise InvalidSpec(f"jq filter {program!r} took longer than {self._seconds:g} seconds") from None
        finally:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    process.kill()
                await process.wait()


def _results(program: str, answer: bytes) -> list[Any]:
    try:
        found = msgspec.json.decode(answer, type=dict[str, Any])
    except msgspec.DecodeError:
        raise InvalidSpec(f"jq filter {program!r} was ended: it took too much memory or time") from None
    if "error" in found:
        raise InvalidSpec(f"jq filter {program!r}: {found['error']}")
    results: list[Any] = found["results"]
    return results
