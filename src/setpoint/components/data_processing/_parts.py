"""One partition: its records become clean rows in a directory; and all such directories become one table again.

Decides what a part hands over: rows, counts, and where values were taken away. Invariant: whatever needs all records to
be judged is counted here and judged where the parts are joined.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
import polars as pl

from setpoint.apis.errors import InvalidSpec
from setpoint.components.data_processing._conclude import Clean
from setpoint.components.data_processing._digests import joined_digest, run_digests
from setpoint.components.data_processing._export import staged
from setpoint.components.data_processing._integrate import (
    HELD_NOTE,
    check_records,
    finish,
    integrate,
    microseconds,
    steps_of,
)
from setpoint.components.data_processing._ledger import Counts, Ledger
from setpoint.components.data_processing._names import TIME
from setpoint.components.data_processing._numbers import check_texts
from setpoint.components.data_processing._plan import Decided, Plan, read_plan
from setpoint.components.data_processing._rows import Rows, key_columns, rows_of
from setpoint.components.data_processing._sources import open_pieces
from setpoint.components.data_processing._streams import grouped, read_table
from setpoint.core.partitions import check_number
from setpoint.ports.tables import TableCache

PLAN = "plan"  # directory of the plan, beside those of the parts, which are named by their numbers
TABLE, REMOVED, COUNTS = "table.parquet", "removed.parquet", "part.json"
FILES = frozenset({TABLE, REMOVED, COUNTS})
_ROW_GROUP = 65_536


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a part beside its rows.

    `steps`: the shortest and longest time between records of a run before they were brought to one rate, in
    microseconds; None without any. `digests`: of the runs of simulated tables, by table.
    """

    number: int
    rows: int
    steps: tuple[int, int] | None
    digests: dict[str, list[str]]
    counts: Counts


def process_partition(plan: Plan, number: int, target: Path, cache: TableCache | None) -> Part:
    """Clean one partition into a directory, which appears whole or not at all.

    Raises:
        InvalidSpec: There is no such partition; what its files hold is wrong, with the partition and them.
        Unavailable: An address does not answer, or the output cannot be written.
    """
    check_number(number, len(plan.partitions) if plan.decided is not None else 0, plan.reason)
    assert plan.decided is not None, "it has partitions"  # noqa: S101  (check_number)
    partition = plan.partitions[number]
    try:
        return _process(plan, plan.decided, number, target, cache)
    except InvalidSpec as error:
        where = f"partition {number + 1} of {len(plan.partitions)} ({partition.words})"
        raise InvalidSpec(
            f"{error.reason}; in {where}", path=error.path, location=error.location, allowed=error.allowed
        ) from None


def _process(plan: Plan, decided: Decided, number: int, target: Path, cache: TableCache | None) -> Part:
    partition, recipe, ledger = plan.partitions[number], plan.recipe, Ledger()
    with open_pieces(partition.pieces, max_download_bytes=plan.max_download_bytes, cache=cache) as origins:
        ((_, spec),) = grouped(origins, recipe)
        stream = read_table(
            origins,
            spec,
            recipe,
            ledger,
            roles=decided.roles,
            decimal=decided.decimal,
            time=decided.time,
            runs=partition.runs,
        )
        digests = {one.name: run_digests(one.table.collect()) for one in origins if one.table is not None}
    table, _ = integrate([stream], recipe, ledger, period=decided.period_seconds)
    rows = rows_of(finish(table, stream.features, recipe, ledger), stream.features)
    part = Part(
        number=number,
        rows=rows.height,
        steps=_extremes(stream.frame),
        digests=digests,
        counts=ledger.counts(),
    )
    with staged(target) as (stage,):
        # Read once and thrown away: quick to write matters more than small.
        rows.table.sink_parquet(stage / TABLE, compression="lz4", row_group_size=_ROW_GROUP, statistics=False)
        if ledger.removed:
            frames = [points.with_columns(pl.lit(name).alias("column")) for name, points in ledger.removed.items()]
            pl.concat(frames).write_parquet(stage / REMOVED, compression="lz4")
        (stage / COUNTS).write_bytes(msgspec.json.encode(part))
    return part


def joined(folder: Path) -> Clean:
    """The parts below a directory as one clean table, whose columns stay on disk until they are asked for.

    Raises:
        InvalidSpec: A part is missing or is not one of the plan; a column is text over all parts.
    """
    plan = read_plan(folder / PLAN)
    parts = [_read(folder / str(number), number, len(plan.partitions)) for number in range(len(plan.partitions))]
    if plan.decided is None or not parts:
        raise InvalidSpec(f"is a plan without partitions: {plan.reason}", path=str(folder / PLAN))
    features, period = plan.decided.roles.features, plan.decided.period_seconds
    ledger = Ledger()
    for part in parts:
        ledger.add_counts(part.counts)
    check_texts(ledger.texts, plan.recipe)
    ledger.removed = _removed(folder, len(parts))
    table = pl.concat([pl.scan_parquet(folder / str(part.number) / TABLE) for part in parts])
    keys = table.select(key_columns(table.collect_schema().names())).collect()
    held = HELD_NOTE in ledger.notes
    ledger.notes = list(plan.notes)
    if keys.schema[TIME] != pl.Int64 and not _steady(parts, period):
        check_records(keys.height, period)
        ledger.notes += [HELD_NOTE] if held else []
    inputs = dict(plan.inputs)
    for name, known in plan.inputs.items():
        inputs[name] = known or joined_digest(line for part in parts for line in part.digests.get(name, []))
    return Clean(
        source=plan.asked.source,
        inputs=inputs,
        recipe=plan.recipe,
        period_seconds=period,
        rows=Rows(keys=keys, features=features, table=table),
        ledger=ledger,
    )


def _read(folder: Path, number: int, count: int) -> Part:
    path = folder / COUNTS
    try:
        part = msgspec.json.decode(path.read_bytes(), type=Part)
    except OSError as error:
        reason = f"partition {number + 1} of {count} is not there ({error.strerror or error}): run data-processing-part"
        raise InvalidSpec(reason, path=str(path)) from None
    except msgspec.DecodeError as error:
        raise InvalidSpec(f"is no part of a run ({error}): make it anew", path=str(path)) from None
    if part.number != number:
        raise InvalidSpec(f"holds partition {part.number + 1}, not {number + 1} of {count}", path=str(path))
    return part


def _extremes(frame: pl.DataFrame) -> tuple[int, int] | None:
    """The shortest and longest step; None of sample numbers, or where no run has two records."""
    if frame.schema[TIME] == pl.Int64:
        return None
    steps = steps_of(frame)
    least, most = steps.min(), steps.max()
    return (least, most) if isinstance(least, int) and isinstance(most, int) else None


def _steady(parts: Sequence[Part], period: float) -> bool:
    """Whether all records of all parts came at the period, so that none was brought to it."""
    steps = {step for part in parts if part.steps for step in part.steps}
    return steps == {microseconds(period)}


def _removed(folder: Path, count: int) -> dict[str, pl.DataFrame]:
    paths = [folder / str(number) / REMOVED for number in range(count)]
    frames = [pl.read_parquet(path) for path in paths if path.is_file()]
    if not frames:
        return {}
    whole = pl.concat(frames)
    names = whole["column"].unique(maintain_order=True).to_list()
    return {name: whole.filter(pl.col("column") == name).drop("column") for name in names}
