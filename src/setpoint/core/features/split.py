"""Which rows train and which rows judge: folds of runs, or of contiguous blocks of time with a gap between them.

Decides the fold of every row; knows nothing of features or models. Invariant: no row of a training window lies
within `gap` rows of a validation window of the same stretch, so that neither overlap nor autocorrelation leaks.
Source: Racine (2000), "Consistent cross-validatory model-selection for dependent data: hv-block cross-validation".
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from setpoint.apis.errors import InvalidSpec
from setpoint.core.features.windows import HOLE, Indexes, Mask, spans, window_ends


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockSplit:
    """Fold of every row. `by_run`: whole runs make the folds, so that no gap is needed."""

    fold: Indexes  # (n,), HOLE for rows in no stretch
    stretch: Indexes  # (n,)
    folds: int
    gap: int
    by_run: bool

    def training_parts(self, fold: int) -> Indexes:
        """Stretch of the rows that may train when `fold` judges, `HOLE` for all others (its rows and the gap)."""
        held = self.fold == fold
        blocked = held if self.by_run else _widen(held, self.stretch, self.gap)
        return np.where(blocked | (self.stretch == HOLE), HOLE, _numbered(self.stretch, blocked))

    def validation_parts(self, fold: int) -> Indexes:
        """Stretch of the rows that judge in `fold`, `HOLE` for all others."""
        held = self.fold == fold
        return np.where(held & (self.stretch != HOLE), _numbered(self.stretch, ~held), HOLE)


def split_blocks(
    stretch: Indexes, runs: Indexes, labels: Indexes, *, window: int, folds: int, gap: int | None = None
) -> BlockSplit:
    """Cut the rows into folds.

    By run where every label occurs in at least `folds` runs; else every stretch of one label within a run is cut
    into `folds` contiguous blocks. Neighbouring stretches are numbered forwards and backwards in turn, so that the
    two blocks at a change of label share a fold and the windows over the change are judged and trained too.

    Args:
        stretch: Stretch of each row as `windows.stretches` numbers them, shape (n,).
        runs: Code of the run of each row, shape (n,).
        labels: Code of the label of each row, shape (n,).
        window: Rows per window.
        folds: How many folds, at least 2.
        gap: Rows left out between training and judging rows; None is the window plus one.

    Raises:
        InvalidSpec: Fewer than 2 folds, a gap not longer than the window, or blocks shorter than a window.
    """
    gap = window + 1 if gap is None else gap
    if folds < 2:
        raise InvalidSpec(f"{folds} folds do not split anything: at least 2", path="folds")
    if gap <= window:
        raise InvalidSpec(f"a gap of {gap} rows leaks: it must be longer than the window of {window}", path="gap")
    inside = stretch != HOLE
    by_run = _runs_per_label(runs[inside], labels[inside]) >= folds
    fold = _folds_of_runs(runs, labels, folds) if by_run else _folds_of_blocks(stretch, labels, folds)
    split = BlockSplit(
        fold=np.where(inside, fold, HOLE), stretch=stretch, folds=folds, gap=0 if by_run else gap, by_run=by_run
    )
    _refuse_empty(split, labels, window)
    return split


def _runs_per_label(runs: Indexes, labels: Indexes) -> int:
    """The smallest number of runs in which a label occurs."""
    pairs = np.unique(np.stack([labels, runs], axis=1), axis=0) if len(runs) else np.zeros((0, 2), dtype=np.int64)
    return int(np.unique(pairs[:, 0], return_counts=True)[1].min()) if len(pairs) else 0


def _folds_of_runs(runs: Indexes, labels: Indexes, folds: int) -> Indexes:
    """Deal the runs out, those with the rarest label first, each to the fold that has least of its labels."""
    codes = np.unique(runs)
    held = {code: frozenset(np.unique(labels[runs == code]).tolist()) for code in codes.tolist()}
    spread: dict[int, int] = {}
    for kinds in held.values():
        for kind in kinds:
            spread[kind] = spread.get(kind, 0) + 1
    load = [dict.fromkeys(spread, 0) for _ in range(folds)]
    chosen: dict[int, int] = {}
    for code in sorted(held, key=lambda item: (min(spread[kind] for kind in held[item]), -len(held[item]), item)):
        rarest = sorted(held[code], key=lambda kind: (spread[kind], kind))
        best = min(range(folds), key=lambda index: ([load[index][kind] for kind in rarest], index))
        chosen[code] = best
        for kind in held[code]:
            load[best][kind] += 1
    return np.array([chosen[code] for code in runs.tolist()], dtype=np.int64)


def _folds_of_blocks(stretch: Indexes, labels: Indexes, folds: int) -> Indexes:
    fold = np.full(len(stretch), HOLE, dtype=np.int64)
    for start, stop in spans(stretch):
        offset = int(stretch[start])
        for position, (left, right) in enumerate(spans(labels[start:stop])):
            order = np.arange(folds) if position % 2 == 0 else np.arange(folds)[::-1]
            length = right - left
            block = (order + offset) % folds
            fold[start + left : start + right] = block[np.arange(length) * folds // length]
    return fold


def _widen(held: Mask, stretch: Indexes, gap: int) -> Mask:
    """The held rows and all rows of their stretch that are at most `gap` rows away."""
    wide = np.zeros_like(held)
    for start, stop in spans(stretch):
        near = np.convolve(held[start:stop].astype(np.int64), np.ones(2 * gap + 1, dtype=np.int64))
        wide[start:stop] = near[gap : gap + stop - start] > 0
    return wide


def _numbered(stretch: Indexes, blocked: Mask) -> Indexes:
    """A number that changes wherever the stretch or the blocking does."""
    change = np.zeros(len(stretch), dtype=np.int64)
    if len(stretch):
        change[1:] = (np.diff(stretch) != 0) | (blocked[1:] != blocked[:-1])
    return np.cumsum(change)


def _refuse_empty(split: BlockSplit, labels: npt.NDArray[np.int64], window: int) -> None:
    for fold in range(split.folds):
        for parts in (split.training_parts(fold), split.validation_parts(fold)):
            if not len(window_ends(parts, window)):
                raise InvalidSpec(
                    f"the runs are too short: cut into {split.folds} blocks with a gap of {split.gap} rows, no window "
                    f"of {window} rows is left; give longer or more runs, fewer folds or a shorter window",
                    path="window",
                )
