"""Tables kept as Parquet files in a directory, each vouched for by a digest beside it."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

_log = logging.getLogger(__name__)


class DirectoryTableCache:
    """`KEY.parquet` with `KEY.sha256`. Several processes may share the directory: files appear whole.

    Args:
        directory: Made when the first table is kept.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def table(self, key: str, make: Callable[[], pl.DataFrame]) -> pl.DataFrame:
        """See `TableCache`."""
        found = self._read(key)
        if found is not None:
            return found
        made = make()
        import polars as pl  # noqa: PLC0415  the control plane wires this and never reads a table

        try:
            self._keep(key, made)
        except (OSError, pl.exceptions.PolarsError) as error:  # polars has its own error for a full disk
            _log.warning("the table is not kept in %s: %s", self._directory, error)
        return made

    def _read(self, key: str) -> pl.DataFrame | None:
        import polars as pl  # noqa: PLC0415  the control plane wires this and never reads a table

        path, digest = self._paths(key)
        try:
            if _sha256(path) != digest.read_text().strip():
                return None
            return pl.read_parquet(path)
        except (OSError, UnicodeDecodeError, pl.exceptions.PolarsError):
            return None

    def _keep(self, key: str, made: pl.DataFrame) -> None:
        path, digest = self._paths(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f".{path.name}.{os.getpid()}.part")
        try:
            made.write_parquet(part)
            words = _sha256(part)
            digest.unlink(missing_ok=True)  # an old digest beside a new table, or the reverse, only costs a new table
            part.replace(path)
            part.write_text(words)
            part.replace(digest)
        finally:
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)

    def _paths(self, key: str) -> tuple[Path, Path]:
        return self._directory / f"{key}.parquet", self._directory / f"{key}.sha256"


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
