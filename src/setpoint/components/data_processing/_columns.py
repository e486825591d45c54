"""Which raw column is what, and the columns that are wanted as one table of all files.

Decides roles by names and reads what has one; changes no value. Invariant: what a file gives does not depend on which
files are read beside it, so that a source may be read in parts: numbers of any type are Float64 and keys texts before
files are put together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from setpoint.apis.errors import InvalidSpec
from setpoint.components._component import nearest
from setpoint.components.data_processing._names import FILE, ORIGIN, PLACE
from setpoint.components.data_processing._recipe import Recipe, SourceSpec, TimeSpec
from setpoint.components.data_processing._scan import Origin, scan


@dataclass(frozen=True, slots=True, kw_only=True)
class Roles:
    """Which raw column is what; empty text: there is none."""

    time: str
    run: str
    target: str
    features: tuple[str, ...]

    @property
    def keys(self) -> list[str]:
        """The columns that say what a record is, without those that say what was measured."""
        return [name for name in (self.time, self.run, self.target) if name]


def assign_roles(names: Sequence[str], recipe: Recipe, time: TimeSpec, *, where: str) -> Roles:
    """Who is who among raw columns.

    Raises:
        InvalidSpec: A column that the recipe names is not there (nearest name given); no feature is left.
    """
    demand(time.column, names, "time", where)
    target = recipe.target.column if recipe.target else ""
    if len(recipe.sources) == 1:
        demand(recipe.run.column, names, "run", where)
        demand(target, names, "target", where)
        for name in recipe.columns:
            if not any(sign in name for sign in "*?["):
                demand(name, names, f"columns.{name}", where)
    taken = {time.column, recipe.run.column, target}
    specs = {name: recipe.column(name) for name in names if name not in taken}
    features = tuple(name for name, spec in specs.items() if (spec.role or "feature") == "feature")
    if not features and (len(recipe.sources) == 1 or target not in names):
        raise InvalidSpec("no feature column is left", path=where)
    return Roles(
        time=time.column,
        run=recipe.run.column if recipe.run.column in names else "",
        target=target if target in names else "",
        features=features,
    )


def demand(wanted: str, names: Sequence[str], role: str, where: str) -> None:
    """Raises InvalidSpec if a column that is wanted is not there."""
    if wanted and wanted not in names:
        near = nearest(wanted, list(names))
        hint = f"; did you mean {near!r}?" if near else ""
        raise InvalidSpec(f"{role} column {wanted!r} is not in the data{hint}", path=where, allowed=tuple(names)[:20])


def common_columns(origins: Sequence[Origin], spec: SourceSpec) -> list[str]:
    """The columns of the first file, which every other one must have too.

    Raises:
        InvalidSpec: A file has others.
    """
    first = _columns(origins[0], spec)
    for origin in origins[1:]:
        other = _columns(origin, spec)
        if set(other) != set(first):
            odd = sorted(set(first) ^ set(other))
            raise InvalidSpec(f"columns differ from those of {origins[0].name}: {', '.join(odd[:6])}", path=origin.name)
    return first


def check_target(groups: Sequence[tuple[Sequence[Origin], SourceSpec]], recipe: Recipe) -> None:
    """Raises InvalidSpec if the label column, or the run column, is in none of several sources."""
    if len(recipe.sources) == 1 or any(spec.long is not None for _, spec in groups):
        return
    names = [name for origins, spec in groups for name in _columns(origins[0], spec)]
    wanted = {"target": recipe.target.column if recipe.target else "", "run": recipe.run.column}
    for role, name in wanted.items():
        if name and name not in names:
            raise InvalidSpec(f"{role} column {name!r} is in none of the sources", path=role)


def collect(
    origins: Sequence[Origin],
    spec: SourceSpec,
    texts: Sequence[str],
    features: Sequence[str] = (),
    *,
    run: str = "",
    places: bool = False,
) -> pl.DataFrame:
    """One streaming pass over all files, needed columns only, rows in the order of the files.

    Args:
        origins: What to read.
        spec: How it is written.
        texts: Columns that are left as they are written.
        features: Columns of measurements: Float64 where the file has numbers, else as they are written.
        run: The one among the texts that tells runs apart: run 3.0 is run 3.
        places: Whether to add ORIGIN and PLACE: the number of the file among the origins, and of the record in it.

    Raises:
        InvalidSpec: A file that is no table, or files whose columns are of kinds that do not go together.
    """
    wanted = list(dict.fromkeys([*texts, *features]))
    raw_texts = [*texts, *(old for old, new in spec.rename.items() if new in texts)]

    def joined(*, as_text: bool) -> pl.DataFrame:
        frames = []
        for number, origin in enumerate(origins):
            frame = scan(origin, spec, texts=raw_texts, as_text=as_text).select(FILE, *wanted)
            if places:
                frame = frame.with_row_index(PLACE).with_columns(pl.lit(number, pl.UInt32).alias(ORIGIN))
            frames.append(frame.with_columns(_same_kind(frame.collect_schema(), features, run)))
        return pl.concat(frames, how="vertical_relaxed").collect(engine="streaming")

    try:
        return joined(as_text=False)
    except pl.exceptions.ComputeError:
        pass  # a text further down in a column whose head was numbers
    except pl.exceptions.SchemaError as error:
        raise _other_kinds(error, origins[0].name) from None
    try:
        return joined(as_text=True)
    except pl.exceptions.ComputeError as error:
        reason = str(error).splitlines()[0]
        raise InvalidSpec(f"cannot be read as a table: {reason}", path=origins[0].name) from None
    except pl.exceptions.SchemaError as error:
        raise _other_kinds(error, origins[0].name) from None


def _other_kinds(error: Exception, name: str) -> InvalidSpec:
    reason = str(error).splitlines()[0]
    return InvalidSpec(f"a column is of another kind in another file: {reason}", path=name)


def _same_kind(kinds: pl.Schema, features: Sequence[str], run: str) -> list[pl.Expr]:
    """What files may write in several ways, in one."""
    casts = {name: pl.col(name).cast(pl.Float64) for name in kinds if kinds[name].is_float()}
    casts |= {name: pl.col(name).cast(pl.Float64) for name in features if _is_number(kinds[name])}
    if run and kinds[run].is_float():
        casts[run] = pl.col(run).cast(pl.Int64, strict=False)
    return list(casts.values())


def _is_number(kind: pl.DataType) -> bool:
    return kind.is_numeric() or kind == pl.Boolean


def _columns(origin: Origin, spec: SourceSpec) -> list[str]:
    return [name for name in scan(origin, spec).collect_schema().names() if name != FILE]
