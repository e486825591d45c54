"""The prediction log of a state directory, read: Parquet files, and the exchanges that are not yet in one."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from setpoint.apis.errors import InvalidSpec, Unavailable
from setpoint.core.predictions.exchange import unpack
from setpoint.ports.predictions import PREDICTION_COLUMNS

if TYPE_CHECKING:
    import polars as pl

_log = logging.getLogger(__name__)
_PARQUET, _CLOSED, _OPEN = ".parquet", ".closed", ".open"
_TRIES = 5


class DirectoryPredictionLog:
    """Implements `ports.predictions.PredictionLog` over `<home>/predictions/NAMESPACE/SERVICE`."""

    def __init__(self, home: Path) -> None:
        """Nothing need be there yet."""
        self._directory = home / "predictions"

    def read(
        self,
        namespace: str,
        service: str,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        columns: Sequence[str] | None = None,
    ) -> pl.DataFrame:
        """See `PredictionLog.read`. A file that is damaged is left out, with a line in the process's log."""
        import polars as pl  # noqa: PLC0415  the control plane wires this and never reads a log

        from setpoint.core.predictions.table import SCHEMA  # noqa: PLC0415  the same

        for name in columns or ():
            if name not in PREDICTION_COLUMNS:
                raise InvalidSpec(f"the log has no column {name!r}", allowed=tuple(PREDICTION_COLUMNS))
        parts = [pl.DataFrame(schema=SCHEMA), *self._parts(self._service(namespace, service))]
        table = pl.concat(parts).sort("time", maintain_order=True)
        if since is not None:
            table = table.filter(pl.col("time") >= since)
        if until is not None:
            table = table.filter(pl.col("time") < until)
        return table.select(columns) if columns is not None else table

    def dropped(self, namespace: str, service: str) -> int:
        """See `PredictionLog.dropped`."""
        try:
            return int((self._service(namespace, service) / "dropped").read_text())
        except (OSError, ValueError):
            return 0

    def _service(self, namespace: str, service: str) -> Path:
        for name in (namespace, service):
            if not name or "/" in name or name.startswith("."):
                raise InvalidSpec(f"{name!r} is no name of a service or namespace")
        return self._directory / namespace / service

    def _parts(self, directory: Path) -> list[pl.DataFrame]:
        """All files as tables. One that turns into Parquet meanwhile is read as that: its name stays."""
        found: dict[str, pl.DataFrame] = {}
        for _ in range(_TRIES):
            missed = False
            for stem, path in _files(directory).items():
                if stem in found:
                    continue
                table = self._table(path)
                if table is None:
                    missed = True
                else:
                    found[stem] = table
            if not missed:
                break
        return [found[stem] for stem in sorted(found)]

    def _table(self, path: Path) -> pl.DataFrame | None:
        """None if it is not there any more."""
        import polars as pl  # noqa: PLC0415  see `read`

        from setpoint.core.predictions.table import SCHEMA, to_table  # noqa: PLC0415  see `read`

        try:
            if path.suffix != _PARQUET:
                return to_table(unpack(path.read_bytes()))
            return pl.read_parquet(path).select(pl.col(name).cast(kind) for name, kind in SCHEMA.items())
        except FileNotFoundError:
            return None
        except pl.exceptions.PolarsError as error:
            _log.warning("%s is damaged and left out: %s", path, error)
            return pl.DataFrame(schema=SCHEMA)
        except OSError as error:
            raise Unavailable(f"{path} cannot be read: {error.strerror or error}") from error


def _files(directory: Path) -> dict[str, Path]:
    """The file to read for each stem: Parquet before a closed file before an open one."""
    chosen: dict[str, Path] = {}
    rank = (_PARQUET, _CLOSED, _OPEN)
    with suppress(FileNotFoundError):
        for path in sorted(directory.iterdir()):
            if path.suffix in rank:
                before = chosen.get(path.stem)
                if before is None or rank.index(path.suffix) < rank.index(before.suffix):
                    chosen[path.stem] = path
    return chosen
