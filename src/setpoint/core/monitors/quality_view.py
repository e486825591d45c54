"""Records that are judged, as the checks of quality look at them: in blocks, in order, beside the reference."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from setpoint.core.monitors.blocks import cut, within
from setpoint.core.monitors.finding import Finding, Severity
from setpoint.core.monitors.inputs import standardise
from setpoint.core.monitors.reference import BLOCK, ModelFacts, Reference
from setpoint.core.monitors.sequential import Detector, Watched, watch
from setpoint.core.monitors.stream import Stream, Truth, Unpacked, as_datetime

Floats = npt.NDArray[np.float64]
Indexes = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
Times = npt.NDArray[np.datetime64]

DECISIONS = 4  # inputs, sensors, answers, errors: each gets its part of the promise
_DAY = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityRules:
    """What is promised: at most one false alarm in so many days, of all decisions together; the level of intervals."""

    false_alarm_days: float = 30.0
    alpha: float = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One anytime-valid test over blocks in order of time: its log e-values, and the limit that raises an alarm."""

    name: str
    blocks: Indexes  # those of the view that it rests on, in order of time, (b,)
    ends: Times  # plant's time of each block's last record, (b,)
    p_values: Floats  # of k scores, (b, k); none where it rests on something else
    watched: Watched
    horizon: float  # blocks

    @property
    def alarm(self) -> int | None:
        """The first block at which it was reached."""
        return int(self.watched.alarms[0]) if len(self.watched.alarms) else None

    @property
    def onset(self) -> int:
        """Block at which the likely begin lies."""
        return int(self.watched.onsets[0]) if len(self.watched.onsets) else 0

    @property
    def leading(self) -> int:
        """The score that told most, from the onset to the alarm."""
        assert self.alarm is not None, "there was an alarm"  # noqa: S101  (callers look)
        return int(np.log(self.p_values[self.onset : self.alarm + 1]).sum(axis=0).argmin())

    def finding(
        self, name: str, message: str, severity: Severity = Severity.OK, *, subject: str = "", **more: Any
    ) -> Finding:
        """What it comes to: the highest e-value beside the limit."""
        highest = float(np.exp(self.watched.values.max())) if len(self.watched.values) else 0.0
        return Finding(
            name=name,
            message=message,
            severity=severity,
            subject=subject,
            value=highest,
            threshold=self.horizon,
            **more,
        )


class View:
    """Records of one window of observation beside the reference of the version that answered them."""

    def __init__(
        self, unpacked: Unpacked, truth: Truth, model: ModelFacts, reference: Reference | None, rules: QualityRules
    ) -> None:
        """Records are in order of asset and plant's time, as `stream.unpack` gives them."""
        self.stream: Stream = unpacked.stream
        self.unpacked, self.truth = unpacked, truth
        self.model, self.rules = model, rules
        self._reference = reference
        self.block = BLOCK if reference is None else reference.block
        self.assets, codes = np.unique(self.stream.assets, return_inverse=True)
        self.codes: Indexes = codes.reshape(-1).astype(np.int64)
        self.told = unpacked.timed * 2 > len(self.stream)  # else records are taken as they came
        self.blocks = cut(self.codes, self._slots(), self.block)
        # Records are in order of time within an asset: a block's first is the least, its last the greatest number.
        records = self.blocks.records
        self.begins: Times = self.stream.plant_times[np.where(records >= 0, records, len(self.stream)).min(axis=1)]
        self.ends: Times = self.stream.plant_times[records.max(axis=1)]
        self.order: Indexes = np.argsort(self.ends, kind="stable")

    @property
    def has_reference(self) -> bool:
        """Whether there is something to compare with."""
        return self._reference is not None

    @property
    def reference(self) -> Reference:
        """What training wrote; ask `has_reference` first."""
        assert self._reference is not None, "the caller looked"  # noqa: S101  (has_reference)
        return self._reference

    @cached_property
    def values(self) -> Floats:
        """Records in blocks, (b, size, d)."""
        return self.blocks.of(self.stream.rows)

    @cached_property
    def standard(self) -> Floats:
        """As `values`, in standard deviations of normal operation."""
        return standardise(self.reference.inputs, self.values)

    @cached_property
    def alarm_scores(self) -> Floats:
        """1 - P(normal) of each record, (n,)."""
        scores: Floats = 1.0 - self.stream.probabilities[:, self.model.normal]
        return scores

    @property
    def detector(self) -> Detector:
        """One that keeps a decision's part of the promise; assets are watched by it together."""
        a_day = _DAY / (self.model.sample_period_seconds * self.block) * max(1, len(self.assets))
        return Detector(horizon=max(2.0, self.rules.false_alarm_days * a_day * DECISIONS))

    def decide(self, name: str, p_values: Floats) -> Decision:
        """The decision that rests on the p-values of the blocks, (b, k).

        An asset's first block in view tells nothing: who looked earlier knows the block before it. So evidence is never
        more than that of somebody who has looked all the time, and to look again and again costs no promise.
        """
        first = np.concatenate([[True], np.diff(self.blocks.groups) != 0])
        judged = np.where(first[:, None], 1.0, p_values)[self.order]
        return self.decision(name, self.order, watch(judged, self.detector), judged)

    def decision(self, name: str, blocks: Indexes, watched: Watched, p_values: Floats | None = None) -> Decision:
        """The decision that a detector has made of some blocks, which are in order of time."""
        rests = np.zeros((len(blocks), 0)) if p_values is None else p_values
        return Decision(
            name=name,
            blocks=blocks,
            ends=self.ends[blocks],
            p_values=rests,
            watched=watched,
            horizon=self.detector.horizon,
        )

    def since(self, decision: Decision) -> tuple[Indexes, Mask]:
        """What is to be blamed on an alarm: blocks of its asset from the onset on, and records of them, (n,)."""
        assert decision.alarm is not None, "there was an alarm"  # noqa: S101  (callers look)
        group = self.blocks.groups[decision.blocks[decision.alarm]]
        later = decision.blocks[decision.onset :]
        blocks = later[self.blocks.groups[later] == group]
        records = (self.codes == group) & (self.stream.plant_times >= self.begins[blocks].min())
        return blocks, records

    def asset_of(self, decision: Decision) -> str:
        """The asset at which the alarm was raised; empty if there is one only."""
        if decision.alarm is None or len(self.assets) < 2:
            return ""
        return str(self.assets[self.blocks.groups[decision.blocks[decision.alarm]]])

    def moments(self, decision: Decision) -> tuple[datetime, datetime]:
        """(likely begin, when the alarm was raised), of the plant's time."""
        assert decision.alarm is not None, "there was an alarm"  # noqa: S101  (callers look)
        begin, seen = decision.blocks[decision.onset], decision.blocks[decision.alarm]
        return as_datetime(self.begins[begin]), as_datetime(self.ends[seen])

    def _slots(self) -> Indexes:
        """Places on the plant's clock; without it, places in the order in which records came."""
        if self.told:
            ticks = (self.stream.plant_times - np.datetime64(0, "us")).astype(np.int64)
            slots: Indexes = np.rint(ticks / (self.model.sample_period_seconds * 1e6)).astype(np.int64)
            return slots
        return within(self.codes)
