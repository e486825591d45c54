"""The quality monitor on the plant: what is wrong has its name, quiet weeks stay quiet, nothing is invented."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import numpy as np
import pytest

from setpoint.apis.errors import InvalidSpec
from setpoint.core.monitors.finding import Finding, Severity
from setpoint.core.monitors.quality import Quality, judge_quality
from setpoint.core.monitors.quality_view import QualityRules
from setpoint.core.monitors.reference import Reference, parse_reference
from setpoint.core.monitors.stream import Truth
from tests.quality import BEGIN, CLASSES, PERIOD, judge, labelled, records, reference, simulate, unpacked

# Who simulates the plant compiles it first: one worker does so for all such tests.
pytestmark = pytest.mark.xdist_group("tep")
ONSET = BEGIN + np.timedelta64(20, "h")


@pytest.fixture(scope="module")
def normal() -> Reference:
    """Ten days of normal operation."""
    return reference(simulate(range(500, 510), 24.0))


def test_one_record_of_before_does_not_hide_another_unit(normal: Reference) -> None:
    """The block of the onset may begin with a reading that was still right."""
    (rows,) = simulate([700], 40.0, "sensor xmeas_9 unit degF from 20.05 h")
    found = finding(judge(records(rows), normal), "sensor-fault")
    assert (found.subject, found.evidence["kind"]) == ("xmeas_9", "unit")


def finding(quality: Quality, name: str) -> Finding:
    return next(one for one in quality.findings if one.name == name)


def bad(quality: Quality) -> set[str]:
    return {one.name for one in quality.findings if one.severity in (Severity.WARNING, Severity.ALARM)}


def test_quiet_weeks_stay_quiet(normal: Reference) -> None:
    """Ten days of six plants: 60 days, at most 2 alarms by the promise."""
    alarms = 0
    for seed, rows in zip(range(900, 906), simulate(range(900, 906), 240.0), strict=True):
        quality = judge(records(rows, seed=seed), normal)
        alarms += sum(len(decision.watched.alarms) for decision in quality.decisions)
    assert alarms <= 2
    assert quality.promise is not None
    assert quality.promise.measured_alarms == 0
    assert quality.promise.measured_days == pytest.approx(10.0)


@pytest.mark.parametrize(
    ("schedule", "column", "kind"),
    [
        ("sensor xmeas_9 stuck from 20 h", "xmeas_9", "stuck"),
        ("sensor xmeas_9 ramp 0.05 per h from 20 h", "xmeas_9", "ramp"),
        ("sensor xmeas_9 drop-out 0.3 from 20 h", "xmeas_9", "drop-out"),
        ("sensor xmeas_9 unit degF from 20 h", "xmeas_9", "unit"),
        ("sensor xmeas_1 noise 4 from 20 h", "xmeas_1", "noise"),
        ("sensor xmeas_7 delay 1 h from 20 h", "xmeas_7", "delay"),
    ],
)
def test_a_broken_instrument_is_named(normal: Reference, schedule: str, column: str, kind: str) -> None:
    named, late = 0, []
    for seed, rows in zip(range(3), simulate(range(700, 703), 44.0, schedule), strict=True):
        found = finding(judge(records(rows, seed=seed), normal), "sensor-fault")
        named += (found.subject, found.evidence.get("kind")) == (column, kind)
        assert found.severity is not Severity.OK
        assert found.seen_at is not None
        late.append((np.datetime64(found.seen_at.replace(tzinfo=None)) - ONSET) / np.timedelta64(1, "h"))
    assert named >= 2
    assert all(0 < hours <= 8 for hours in late)
    if kind == "unit":
        assert "degC to degF" in found.message


@pytest.mark.parametrize("fault", [1, 4, 13])
def test_a_fault_of_the_plant_moves_the_inputs(normal: Reference, fault: int) -> None:
    (rows,) = simulate([700], 40.0, f"fault {fault} from 20 h")
    found = finding(judge(records(rows), normal), "covariate-drift")
    assert found.severity is Severity.ALARM  # the model goes on saying normal
    assert found.since is not None
    assert found.seen_at is not None
    assert abs((np.datetime64(found.since.replace(tzinfo=None)) - ONSET) / np.timedelta64(1, "h")) <= 3
    assert 0 < (np.datetime64(found.seen_at.replace(tzinfo=None)) - ONSET) / np.timedelta64(1, "h") <= 5
    psi = [value for name, value in found.evidence.items() if name.startswith("psi ")]
    assert len(psi) == 3
    assert isinstance(psi[0], float)
    assert psi[0] > 0.25


def test_a_fault_that_the_model_knows_is_a_warning(normal: Reference) -> None:
    (rows,) = simulate([700], 40.0, "fault 1 from 20 h")
    truth = np.where(np.arange(len(rows)) >= 400, 1, 0)
    quality = judge(records(rows, truth=truth), normal)
    drift, output = finding(quality, "covariate-drift"), finding(quality, "output-drift")
    assert drift.severity is output.severity is Severity.WARNING
    assert "The model calls it leak" in drift.message
    assert drift.harmful
    assert output.evidence["score"] == "more-alarming"


def test_answers_that_freeze_are_an_alarm(normal: Reference) -> None:
    (rows,) = simulate([700], 40.0)
    stream = records(rows)
    probabilities = stream.probabilities.copy()
    probabilities[400:] = (0.9999, 0.00005, 0.00005)
    quality = judge(
        replace(stream, probabilities=probabilities, labels=np.where(np.arange(800) >= 400, "normal", stream.labels)),
        normal,
    )
    found = finding(quality, "output-drift")
    assert found.severity is Severity.ALARM
    assert found.evidence["score"] in ("frozen", "less-alarming")


def test_concept_drift_comes_with_the_labels(normal: Reference) -> None:
    """From hour 20 on half of what the model calls a leak is called stiction by the people who look."""
    (rows,) = simulate([700], 100.0)
    truth = np.arange(len(rows)) // 100 % 2
    stream = records(rows, truth=truth)
    names = np.array(CLASSES)[truth]
    calm = judge(stream, normal, labelled(stream, names.tolist()))
    assert "concept-drift" not in bad(calm)
    half = (np.arange(len(rows)) >= 400) & (truth == 1) & (np.arange(len(rows)) % 2 == 0)
    moved = judge(stream, normal, labelled(stream, np.where(half, "stiction", names).tolist()))
    found = finding(moved, "concept-drift")
    assert found.severity is Severity.ALARM
    assert (found.evidence["truth"], found.evidence["answered"]) == ("stiction", "leak")
    assert found.since is not None
    assert found.seen_at is not None
    seen = np.datetime64(found.seen_at.replace(tzinfo=None))
    assert np.timedelta64(8, "h") < seen - ONSET < np.timedelta64(60, "h")  # labels came 8 h after the answers
    assert not {"covariate-drift", "sensor-fault"} & bad(moved)


def test_intervals_hold_what_is_true_and_lag_and_coverage_are_told(normal: Reference) -> None:
    (rows,) = simulate([700], 100.0)
    truth = np.arange(len(rows)) // 100 % 3
    stream = records(rows, truth=truth, right=0.9)
    names = np.array(CLASSES)[truth]
    quality = judge(stream, normal, labelled(stream, np.where(np.arange(len(rows)) % 4, names, "").tolist()))
    performance = quality.performance
    assert performance.coverage == pytest.approx(0.75)
    assert performance.lag_seconds == pytest.approx(8 * 3600)
    for estimate in (performance.accuracy, performance.recall, performance.auc):
        assert estimate is not None
        assert estimate.low <= 0.9 <= estimate.high
        assert estimate.high - estimate.low < 0.5
    assert performance.expected is not None
    assert performance.expected.low <= 0.9 <= performance.expected.high
    assert sum(cohort.labelled for cohort in quality.cohorts) == performance.labelled == 1500
    assert "No label has come" not in " ".join(quality.notes)


def test_looking_again_at_a_later_hour_shows_the_same_blocks(normal: Reference) -> None:
    """A monitor that looks every hour at the last day raises nothing that one look at all would not."""
    (rows,) = simulate([905], 24.0 * 10)
    stream = records(rows)
    whole = {decision.name: decision for decision in judge(stream, normal).decisions}
    for begin in range(0, len(rows) - 480, 400):
        part = judge(stream.take(np.arange(begin + 7, begin + 480)), normal)
        for decision in part.decisions:
            at = np.isin(whole[decision.name].ends, decision.ends)
            assert (decision.watched.values <= whole[decision.name].watched.values[at] + 1e-9).all()


def test_what_is_missing_is_said_and_nothing_invented(normal: Reference) -> None:
    (rows,) = simulate([700], 40.0)
    stream = records(rows)
    nothing = judge(stream.take(np.zeros(0, dtype=np.int64)), normal)
    assert nothing.notes == ("No record was answered in this window: nothing is judged.",)
    assert nothing.decisions == ()

    few = judge(stream.take(np.arange(7)), normal)
    assert "7 records make no whole block of 20" in few.notes[0]
    assert few.performance.accuracy is None

    unlabelled = judge(stream, normal)
    assert "No label has come" in " ".join(unlabelled.notes)
    assert {"accuracy", "recall", "auc", "concept-drift", "labels"} & {one.name for one in unlabelled.findings} == set()

    unknown = Truth(labels=labelled(stream).labels, said_at=labelled(stream).said_at, unknown=("r-9", "r-8"))
    assert "2 labels are of requests that are not in this window or not in the log (r-9, r-8)" in " ".join(
        judge(stream, normal, unknown).notes
    )

    bare = judge_quality(unpacked(stream), labelled(stream, ["normal"] * 800), normal.model, None, QualityRules())
    assert "no reference profile" in " ".join(bare.notes)
    assert (bare.decisions, bare.promise, bare.effects) == ((), None, None)
    assert bare.performance.accuracy is not None  # labels need no reference

    untimed = judge(stream, normal, timed=False)
    assert "event_time" in " ".join(untimed.notes)
    assert len(untimed.decisions) == 3


def test_a_gap_is_told_and_what_lies_beside_it_judged(normal: Reference) -> None:
    (rows,) = simulate([700], 40.0)
    keep = (np.arange(800) < 300) | (np.arange(800) >= 395)
    quality = judge(records(rows).take(keep), normal)
    found = finding(quality, "log-gap")
    assert found.severity is Severity.WARNING
    assert (found.evidence["missing"], found.evidence["gaps"]) == (95, 1)
    assert len(quality.decisions[0].ends) == 15 + 20  # hour 15 to 20 is lost, the blocks beside it are whole


def test_a_missing_record_does_not_move_where_a_change_began(normal: Reference) -> None:
    """A block with an empty slot begins with its own first record, not with the first of all."""
    (rows,) = simulate([700], 40.0, "fault 1 from 20 h")
    found = finding(judge(records(rows).take(np.arange(800) % 20 != 7), normal), "covariate-drift")
    assert found.since is not None
    assert abs(np.datetime64(found.since.replace(tzinfo=None)) - ONSET) <= np.timedelta64(1, "h")


def test_clocks_that_are_apart_and_classes_nobody_knows(normal: Reference) -> None:
    runs = simulate([700, 701, 702], 10.0)
    streams = [records(rows, asset=f"plant-{index}") for index, rows in enumerate(runs)]
    streams[2] = replace(streams[2], plant_times=streams[2].plant_times - np.timedelta64(2, "h"))
    whole = type(streams[0])(
        **{name: np.concatenate([getattr(one, name) for one in streams]) for name in streams[0].__slots__}
    )
    names = ["normal"] * 595 + ["sabotage"] * 5
    quality = judge(whole, normal, labelled(whole, names))
    clock = finding(quality, "clock")
    assert (clock.severity, clock.subject, clock.value) == (Severity.WARNING, "plant-2", 7200.0)
    unknown = finding(quality, "unknown-class")
    assert (unknown.severity, unknown.subject, unknown.value) == (Severity.WARNING, "sabotage", 5.0)
    assert quality.performance.labelled == 595
    late = replace(whole, times=whole.times + np.timedelta64(900, "h"))
    assert "were measured 9" in " ".join(judge(late, normal).notes)


def test_the_reference_is_plain_numbers_and_equal_for_equal_data(normal: Reference) -> None:
    data = msgspec.json.encode(normal)
    assert parse_reference(data) == normal
    assert data == msgspec.json.encode(reference(simulate(range(500, 510), 24.0)))
    with pytest.raises(InvalidSpec, match=r"reference.json of the model directory cannot be read"):
        parse_reference(b'{"columns": 3}')
    with pytest.raises(InvalidSpec, match="blocks of 4 rows of normal operation are too few"):
        reference([simulate([1], 2.0)[0]])
    assert PERIOD * normal.block == 3600
    assert (normal.rows, normal.stretches) == (4800, 10)
