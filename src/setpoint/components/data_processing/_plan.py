"""The plan of a run in parts: all that is decided over the whole source, and which part reads what.

Decides recipe, roles, how time is written, the period, and where runs are parted; reads keys and never a measurement.
Invariant: parts that keep to the plan and are joined in its order give what one piece gives, to the byte. Where that
cannot be promised the plan has no partitions, and says why.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import polars as pl

from setpoint import __version__
from setpoint.apis.errors import InvalidSpec, Unavailable
from setpoint.components.data_processing._columns import Roles, assign_roles, check_target, common_columns
from setpoint.components.data_processing._export import check_names, sha256
from setpoint.components.data_processing._infer import chosen_recipe
from setpoint.components.data_processing._integrate import declared_or_found
from setpoint.components.data_processing._keys import BLOCK_BYTES, Keys, read_keys
from setpoint.components.data_processing._ledger import Ledger
from setpoint.components.data_processing._names import ORIGIN, PLACE, RUN, TIME
from setpoint.components.data_processing._order import cut_at_gaps, in_order, with_run, with_time
from setpoint.components.data_processing._plants import simulation
from setpoint.components.data_processing._recipe import Recipe, SourceSpec, TimeSpec
from setpoint.components.data_processing._scan import Origin, decimal_of
from setpoint.components.data_processing._sources import Piece, open_sources
from setpoint.components.data_processing._streams import grouped
from setpoint.core.partitions import check_count, cut

PLAN_FILE = "plan.json"


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """The parameters that plan and conclusion must agree on."""

    source: str
    recipe: str
    target: str


class Partition(msgspec.Struct, frozen=True, kw_only=True):
    """Runs next to each other, and where their records are."""

    runs: tuple[str, ...]
    pieces: tuple[Piece, ...]

    @property
    def words(self) -> str:
        """Which runs and files, for people."""
        runs = f"run {self.runs[0]}" if len(self.runs) == 1 else f"runs {self.runs[0]} to {self.runs[-1]}"
        names = list(dict.fromkeys(piece.name for piece in self.pieces))
        return f"{runs} of {', '.join(names[:4])}{' ...' if len(names) > 4 else ''}"


class Decided(msgspec.Struct, frozen=True, kw_only=True):
    """What a part cannot find out from its own records."""

    roles: Roles
    decimal: str
    time: TimeSpec
    period_seconds: float


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """`decided` and `partitions` are empty where the source is processed in one piece, `reason` says why.

    `inputs`: sha256 by file; empty for simulated tables, whose runs are digested by the parts.
    """

    written_by: str
    asked: Asked
    max_download_bytes: int
    recipe: Recipe
    notes: tuple[str, ...]
    inputs: dict[str, str] = {}
    decided: Decided | None = None
    partitions: tuple[Partition, ...] = ()
    reason: str = ""


def make_plan(asked: Asked, wanted: int, *, max_download_bytes: int, block_bytes: int = BLOCK_BYTES) -> Plan:
    """Plan a run in at most `wanted` parts.

    Args:
        asked: What to process.
        wanted: How many parts.
        max_download_bytes: Of each address.
        block_bytes: About how much of the files is held at a time.

    Raises:
        InvalidSpec: The number, source, recipe or keys are wrong, with what and where.
        Unavailable: An address does not answer.
    """
    check_count(wanted)
    with open_sources(asked.source, max_download_bytes=max_download_bytes, outlines=True) as origins:
        recipe, notes = chosen_recipe(asked.recipe, origins, asked.target)
        plan = Plan(
            written_by=f"setpoint {__version__}",
            asked=asked,
            max_download_bytes=max_download_bytes,
            recipe=recipe,
            notes=tuple(notes),
        )
        groups = grouped(origins, recipe)
        check_target(groups, recipe)
        reason = "one is asked for" if wanted == 1 else _why_whole(origins, [spec for _, spec in groups], recipe)
        if reason:
            return msgspec.structs.replace(plan, reason=reason)
        known = _decide(origins, groups[0][1], recipe, block_bytes)
        runs, order = known.frame.group_by(RUN).len(), known.order
        counts = dict(zip(runs[RUN], runs["len"], strict=True))
        ranges = cut([counts[run] for run in order], wanted, together=known.together)
        if len(ranges) == 1:
            reason = (
                "there is a single run" if len(order) == 1 else "the runs cannot be told apart before they are read"
            )
            return msgspec.structs.replace(plan, reason=reason)
        return msgspec.structs.replace(
            plan,
            inputs={origin.name: sha256(origin.path) if origin.path is not None else "" for origin in origins},
            decided=known.decided,
            partitions=tuple(_partition(origins, known, order[a:b]) for a, b in ranges),
        )


def write_plan(plan: Plan, folder: Path) -> None:
    """Write it into a directory.

    Raises:
        Unavailable: It cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / PLAN_FILE).write_bytes(msgspec.json.format(msgspec.json.encode(plan), indent=1) + b"\n")
    except OSError as error:
        raise Unavailable(f"the plan cannot be written to {folder}: {error.strerror or error}") from error


def read_plan(folder: Path) -> Plan:
    """The plan in a directory.

    Raises:
        InvalidSpec: There is none, or it is not one of this version.
    """
    path = folder / PLAN_FILE
    try:
        return msgspec.json.decode(path.read_bytes(), type=Plan)
    except OSError as error:
        reason = f"cannot be read ({error.strerror or error}): make it with data-processing-plan"
        raise InvalidSpec(reason, path=str(path)) from None
    except msgspec.DecodeError as error:
        raise InvalidSpec(f"is no plan of {__version__}: {error}; make it anew", path=str(path)) from None


def _why_whole(origins: Sequence[Origin], specs: Sequence[SourceSpec], recipe: Recipe) -> str:
    """What of the declarations keeps the source in one piece; empty if nothing does."""
    if any(origin.path is None and simulation(origin.address).kinds for origin in origins):
        return "defects are drawn over a whole table"
    if len(specs) > 1:
        return "several sources are joined in time"
    if specs[0].long is not None:
        return "a historian's long form is read tag by tag"
    if not recipe.run.column and not recipe.run.by_file:
        return "no column and no file tells runs apart"
    if recipe.frozen is not None and recipe.period_seconds is None:
        return "frozen rows are dropped before the period is found: declare period_seconds"
    return ""


@dataclass(frozen=True, slots=True)
class _Known:
    """What the keys tell. `frame` has RUN, ORIGIN, PLACE and the run's column of all records."""

    decided: Decided
    keys: Keys
    frame: pl.DataFrame
    order: list[str]  # runs
    together: list[tuple[int, int]]  # first and last of runs that are not parted


def _decide(origins: Sequence[Origin], spec: SourceSpec, recipe: Recipe, block_bytes: int) -> _Known:
    time = spec.time or recipe.time
    roles = assign_roles(common_columns(origins, spec), recipe, time, where=origins[0].name)
    check_names(roles.features, recipe.target.column if recipe.target else "")
    ledger = Ledger()
    texts = [name for name in (roles.time, roles.run) if name]
    keys = read_keys(origins, spec, texts, run=roles.run, block_bytes=block_bytes)
    keyed = with_run(keys.frame, roles.run, recipe)
    timed = with_time(keyed, roles.time, time, ledger)
    # Runs whose records all lack a time come last: they have no rows, but their records are counted.
    order = pl.concat([timed[RUN], keyed[RUN]]).unique(maintain_order=True).to_list()
    formats = sorted(ledger.time.formats)
    decided = Decided(
        roles=roles,
        decimal=decimal_of(origins[0], spec),
        time=msgspec.structs.replace(time, format=formats[0]) if formats else time,
        period_seconds=_period(timed, time, recipe),
    )
    together = []
    if ledger.time.ambiguous and time.ambiguous == "order":
        together += _sharing_a_file(keyed, order)
    if recipe.run.gap_seconds is not None:
        together += _named_alike(order)
    return _Known(decided, keys, keyed, order, together)


def _period(timed: pl.DataFrame, time: TimeSpec, recipe: Recipe) -> float:
    if recipe.period_seconds is None and timed.schema[TIME] != pl.Int64:
        timed = in_order(timed.select(RUN, TIME), time, (), Ledger())
        if recipe.run.gap_seconds is not None:
            timed = cut_at_gaps(timed, recipe.run.gap_seconds)
    return declared_or_found(timed, recipe)


def _sharing_a_file(keyed: pl.DataFrame, order: Sequence[str]) -> list[tuple[int, int]]:
    """A clock that goes back tells by the order of the records in the file, so a file is read by one hand."""
    places = keyed.select(ORIGIN, pl.col(RUN).cast(pl.Enum(order)).to_physical().alias("at"))
    spans = places.group_by(ORIGIN).agg(pl.col("at").min().alias("first"), pl.col("at").max().alias("last"))
    return [(int(first), int(last)) for first, last in spans.select("first", "last").rows()]


def _named_alike(order: Sequence[str]) -> list[tuple[int, int]]:
    """A run `a` that is cut at gaps becomes `a`, `a/2`, ...: another run of such a name would be joined with it."""
    at = {run: index for index, run in enumerate(order)}
    pairs = []
    for run, index in at.items():
        base, slash, number = run.rpartition("/")
        if slash and number.isdigit() and base in at:
            pairs.append((min(index, at[base]), max(index, at[base])))
    return pairs


def _partition(origins: Sequence[Origin], known: _Known, runs: Sequence[str]) -> Partition:
    mine = known.frame.filter(pl.col(RUN).is_in(runs))
    spans = mine.group_by(ORIGIN).agg(pl.col(PLACE).min().alias("first"), pl.col(PLACE).max().alias("last"))
    pieces = []
    for number, first, last in spans.sort(ORIGIN).rows():
        origin, rows = origins[number], (int(first), int(last) - int(first) + 1)
        if origin.path is None:
            names = mine.filter(pl.col(ORIGIN) == number)[known.decided.roles.run].cast(pl.String)
            runs_of = tuple(names.unique(maintain_order=True).to_list())
            pieces.append(Piece(name=origin.name, address=origin.address, runs=runs_of))
            continue
        size, span = origin.path.stat().st_size, known.keys.span(origin, number, *rows)
        piece = Piece(name=origin.name, address=origin.address, size=size, rows=rows)
        pieces.append(piece if span is None else msgspec.structs.replace(piece, rows=None, span=span))
    return Partition(runs=tuple(runs), pieces=tuple(pieces))
