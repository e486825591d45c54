"""Whatever the plant sends, the judge of quality says something legal: no column and no stream makes it fall over."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
from hypothesis import given, settings
from hypothesis import strategies as st

from setpoint.core.monitors.blocks import cut
from setpoint.core.monitors.calibration import p_values
from setpoint.core.monitors.finding import RANK
from setpoint.core.monitors.inputs import score_inputs
from tests.quality import CLASSES, judge, labelled, records, reference

Floats = npt.NDArray[np.float64]

KINDS = ("noise", "constant", "missing", "steps", "huge", "tiny")


def column(kind: str, count: int, draw: np.random.Generator) -> Floats:
    """A column of a plant, odd ones among them."""
    noise = draw.normal(size=count)
    match kind:
        case "constant":
            return np.full(count, 7.0)
        case "missing":
            return np.where(draw.uniform(size=count) < 0.9, np.nan, noise)
        case "steps":
            return np.repeat(noise, 5)[:count]
        case "huge":
            return 1e12 + 1e9 * noise
        case "tiny":
            return 1e-15 * noise
    return noise


@given(
    st.lists(st.sampled_from(KINDS), min_size=1, max_size=4),
    st.integers(0, 10_000),
    st.integers(1, 150),
    st.sampled_from(["same", "other", "gone", "far"]),
    st.booleans(),
    st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_every_stream_is_judged(kinds: list[str], seed: int, count: int, now: str, timed: bool, said: bool) -> None:
    draw = np.random.default_rng(seed)
    normal = reference(
        [np.stack([column(kind, 200, draw) for kind in kinds], axis=1) for _ in range(3)], columns=len(kinds)
    )
    rows = np.stack([column(kind, count, draw) for kind in kinds], axis=1)
    if now == "other":
        rows = np.roll(rows, 1, axis=1) + 3.0
    elif now == "gone":
        rows[count // 2 :] = np.nan
    elif now == "far":
        rows *= 1e9
    stream = records(rows, truth=draw.integers(0, 3, count), seed=seed, right=draw.uniform())
    if seed % 3 == 0:  # a model that is quite sure
        certain = np.zeros((count, 3))
        certain[:, seed % 2] = 1.0
        stream = replace(stream, probabilities=certain, labels=np.full(count, CLASSES[seed % 2]))
    names: list[str] = []
    if said:
        names = np.where(draw.uniform(size=count) < 0.5, np.array(CLASSES)[draw.integers(0, 3, count)], "").tolist()
    found = judge(stream, normal, labelled(stream, names), timed=timed)
    assert found.records == count
    for one in found.findings:
        assert one.severity in RANK
        assert one.message
        assert one.value is None or np.isfinite(one.value)
    for decision in found.decisions:
        assert len(decision.watched.values) <= count // normal.block + 1
        assert np.isfinite(decision.watched.values).all()
    performance = found.performance
    for estimate in (performance.accuracy, performance.recall, performance.auc):
        assert estimate is None or 0.0 <= estimate.low <= estimate.high <= 1.0
    assert performance.expected is None or 0.0 <= performance.expected.low <= performance.expected.high <= 1.0
    blocks = cut(np.zeros(count, dtype=np.int64), np.arange(count), normal.block)
    p = p_values(normal.inputs_calibration, score_inputs(normal.inputs, blocks.of(rows)), blocks.follows)
    assert ((p > 0) & (p <= 1)).all()
