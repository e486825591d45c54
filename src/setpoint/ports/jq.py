"""Running jq programs, which users write, away from the process that asks."""

from __future__ import annotations

from typing import Any, Protocol


class JqFilter(Protocol):
    """A program is without environment and files, and is ended when it takes too long or too much."""

    async def run(self, program: str, document: Any) -> list[Any]:
        """All results of the program over the document.

        Raises: InvalidSpec if it is no program, fails or was ended.
        """
        ...
