"""The prediction log of a state directory: Parquet segments, and spools that are not yet converted.

Decides which files make one picture while the gateway writes and the converter works. Invariant: a request is in the
result once, whatever form it has at the moment; a damaged file costs what is in it and a note, never the read.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from setpoint.adapters.prediction_segments import CLOSED, CONVERTED, DROPPED, OPEN, SCHEMA, read_spool
from setpoint.apis.errors import InvalidSpec, Unavailable
from setpoint.core.predictions.exchange import log_parts

_ATTEMPTS = 8
_ORDER = (CONVERTED, CLOSED, OPEN)  # of two files of one stem, the first is the truth

logger = logging.getLogger("setpoint.predictions")


class DirectoryPredictionLog:
    """`PredictionLog` over `<home>/predictions`."""

    def __init__(self, directory: Path) -> None:
        """The directory need not exist yet."""
        self._directory = directory

    def read(
        self,
        namespace: str,
        service: str,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        columns: Sequence[str] | None = None,
    ) -> pl.DataFrame:
        """See `PredictionLog.read`; times are aware, in UTC.

        Raises:
            InvalidSpec: Names that are none, or a column that the log does not have.
            Unavailable: The directory cannot be read.
        """
        wanted = list(SCHEMA) if columns is None else list(columns)
        for name in wanted:
            if name not in SCHEMA:
                raise InvalidSpec(f"the prediction log has no column {name!r}", path="columns", allowed=tuple(SCHEMA))
        directory = self._directory.joinpath(*log_parts(namespace, service))
        taken = list(dict.fromkeys([*wanted, "time"]))
        for _ in range(_ATTEMPTS):
            try:
                tables = [_read(path, taken, _utc(since), _utc(until)) for path in _files(directory)]
                break
            except FileNotFoundError:
                continue  # converted, closed or removed since it was listed
            except OSError as error:
                raise Unavailable(f"the prediction log {directory} cannot be read: {error}") from error
        else:
            raise Unavailable(f"the prediction log {directory} changes all the time; try again")
        empty = pl.DataFrame(schema={name: SCHEMA[name] for name in taken})
        return pl.concat([empty, *tables]).sort("time", maintain_order=True).select(wanted)

    def dropped(self, namespace: str, service: str) -> int:
        """See `PredictionLog.dropped`."""
        try:
            return int((self._directory.joinpath(*log_parts(namespace, service)) / DROPPED).read_text())
        except (FileNotFoundError, ValueError):
            return 0
        except OSError as error:
            raise Unavailable(f"the prediction log cannot be read: {error}") from error


def _files(directory: Path) -> list[Path]:
    """One file of each stem, in order of time. Listed until two lists agree: a rename may hide a file from one."""
    former: set[str] | None = None
    while True:
        try:
            found = {path.name for path in directory.iterdir() if path.suffix in _ORDER}
        except FileNotFoundError:
            return []
        if found == former:
            break
        former = found
    chosen: dict[str, Path] = {}
    for path in sorted((directory / name for name in found), key=lambda path: _ORDER.index(path.suffix)):
        chosen.setdefault(path.stem, path)
    return [chosen[stem] for stem in sorted(chosen)]


def _read(path: Path, columns: list[str], since: datetime | None, until: datetime | None) -> pl.DataFrame:
    if path.suffix != CONVERTED:
        return _between(read_spool(path).lazy(), since, until).select(columns).collect()
    try:
        return _between(pl.scan_parquet(path, glob=False), since, until).select(columns).collect()
    except FileNotFoundError:
        raise
    except (pl.exceptions.PolarsError, OSError) as error:
        if not path.exists():
            raise FileNotFoundError(path) from error
        logger.warning("segment %s is damaged and left out: %s", path, error)
        return pl.DataFrame(schema={name: SCHEMA[name] for name in columns})


def _between(table: pl.LazyFrame, since: datetime | None, until: datetime | None) -> pl.LazyFrame:
    if since is not None:
        table = table.filter(pl.col("time") >= since)
    return table if until is None else table.filter(pl.col("time") < until)


def _utc(moment: datetime | None) -> datetime | None:
    if moment is None:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
