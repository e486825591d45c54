"""Labels from a file: every bad row is told, all at once, before anything is stored."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import polars as pl

from setpoint.adapters.labels import normalize
from setpoint.apis.errors import InvalidSpec
from setpoint.ports.predictions import Label

_COLUMNS = {"id", "label"}, {"asset", "begin", "end", "label"}
_SHOWN = 50


def parse_moment(text: str, path: str) -> datetime:
    """An ISO 8601 time, UTC if it names no zone. Raises: InvalidSpec."""
    try:
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise InvalidSpec(f"{text!r} is no time: write 2026-03-01T06:00 or 2026-03-01T06:00:00Z", path=path) from error


def read_labels(file: Path, *, author: str, at: datetime) -> list[Label]:
    """The labels of a .csv, .parquet or .json file.

    Raises:
        InvalidSpec: It cannot be read, has other columns, or rows that are no labels; each of these with its line.
    """
    rows = _rows(file)
    labels: list[Label] = []
    wrong: list[str] = []
    for number, row in enumerate(rows, start=2 if file.suffix == ".csv" else 1):
        try:
            labels.append(normalize(_label(row, author=author, at=at)))
        except InvalidSpec as error:
            wrong.append(
                f"{file}:{number}: {error.path}: {error.reason}" if error.path else f"{file}:{number}: {error}"
            )
    if wrong:
        more = [f"and {len(wrong) - _SHOWN} more"] if len(wrong) > _SHOWN else []
        raise InvalidSpec("\n".join([f"{len(wrong)} rows are no labels, nothing was added:", *wrong[:_SHOWN], *more]))
    return labels


def _rows(file: Path) -> list[dict[str, Any]]:
    try:
        match file.suffix:
            case ".csv":
                table = pl.read_csv(file, infer_schema=False)
            case ".parquet":
                table = pl.read_parquet(file)
            case ".json":
                rows = msgspec.json.decode(file.read_bytes(), type=list[dict[str, Any]])
                for row in rows:
                    _check_columns(set(row), file)
                return rows
            case _:
                raise InvalidSpec("labels come from a .csv, .parquet or .json file", path=str(file))
    except (OSError, pl.exceptions.PolarsError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        reason = str(error).splitlines()[0]
        raise InvalidSpec(f"cannot be read: {reason}", path=str(file)) from error
    _check_columns(set(table.columns), file)
    return table.to_dicts()


def _check_columns(found: set[str], file: Path) -> None:
    if found not in _COLUMNS:
        reason = f"has the columns {', '.join(sorted(found)) or 'none'}; they are id,label or asset,begin,end,label"
        raise InvalidSpec(reason, path=str(file))


def _label(row: dict[str, Any], *, author: str, at: datetime) -> Label:
    def text(name: str) -> str:
        value = row.get(name)
        return "" if value is None else str(value).strip()

    def moment(name: str) -> datetime | None:
        value = row.get(name)
        if isinstance(value, datetime):
            return value
        return parse_moment(text(name), name) if text(name) else None

    return Label(
        label=text("label"),
        author=author,
        at=at,
        inference_id=text("id"),
        asset=text("asset"),
        begin=moment("begin"),
        end=moment("end"),
    )
