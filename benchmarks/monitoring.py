"""The quality monitor on the plant: what it finds and when, what it raises in quiet weeks, and what it costs.

Beside it, on the same streams: Kolmogorov and Smirnov's test of each feature in each window (at 5 %, and with
Bonferroni's correction), and ADWIN of River on the squared distance from normal operation. Delays are hours of the
plant from the fault's onset to the end of the block or record that raised the alarm; five seeds each.
`python -m benchmarks.monitoring --write` writes docs/benchmarks/monitoring.md.
"""

from __future__ import annotations

import contextlib
import json
import statistics
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import ks_2samp
from tests.quality import BEGIN, PERIOD, TICK, labelled, simulate
from threadpoolctl import threadpool_limits

from benchmarks._monitoring_streams import (
    HOURS,
    SCHEDULES,
    SENSORS,
    Floats,
    Trained,
    answered,
    hours_after_onset,
    train,
)
from benchmarks.peers.__main__ import HERE, Program, _interpreter
from setpoint.core.monitors.finding import Severity
from setpoint.core.monitors.inputs import standardise
from setpoint.core.monitors.quality import Quality, judge_quality
from setpoint.core.monitors.quality_view import QualityRules
from setpoint.core.monitors.stream import Truth, Unpacked

PAGE = Path(__file__).resolve().parents[1] / "docs" / "benchmarks" / "monitoring.md"
RULES = QualityRules(false_alarm_days=30.0)
SEEDS = range(700, 705)
QUIET_SEEDS, QUIET_DAYS = range(900, 905), 70
KS_ROWS = 20  # an hour, as long as a block
ADWIN = Program("river_adwin.py", "river==0.22.0")
DELTA = 0.002  # River's default
_COST_ROWS, _ROUNDS = 100_000, 3


def run() -> dict[str, Any]:
    """All figures; some minutes."""
    with tempfile.TemporaryDirectory() as space, contextlib.redirect_stdout(sys.stderr), threadpool_limits(limits=1):
        trained = train(Path(space))
        faulty = {name: simulate(SEEDS, HOURS, schedule) for name, schedule in SCHEDULES.items()}
        quiet = simulate(QUIET_SEEDS, 24.0 * QUIET_DAYS)
        found = {name: _found(trained, name, rows) for name, rows in faulty.items()}
        result: dict[str, Any] = {
            "promise_days_between_false_alarms": RULES.false_alarm_days,
            "reference_blocks": trained.reference.inputs_calibration.blocks,
            "reference_rows": trained.reference.rows,
            "faults": found,
            "quiet": _quiet(trained, quiet),
            "concept_drift": _concept(trained),
            "ks": _ks(trained, faulty, quiet),
            "adwin": _adwin(trained, faulty, quiet, Path(space)),
            "cost": _cost(trained, quiet),
        }
    return result


def _judge(trained: Trained, records: Unpacked, truth: Truth | None = None) -> Quality:
    known = labelled(records.stream) if truth is None else truth
    return judge_quality(records, known, trained.reference.model, trained.reference, RULES)


def _found(trained: Trained, name: str, runs: Sequence[Floats]) -> dict[str, Any]:
    """Delays over the seeds, which decision was first, and how often the instrument's fault got its name."""
    delays, first, named, early = [], [], 0, 0
    for rows in runs:
        quality = _judge(trained, answered(trained, rows))
        alarms = []
        for decision in quality.decisions:
            hours = hours_after_onset(decision.ends[decision.watched.alarms])
            early += int((hours <= 0).sum())
            alarms += [(hour, decision.name) for hour in hours.tolist() if hour > 0]
        if alarms:
            hour, by = min(alarms)
            delays.append(hour)
            first.append(by)
        sensor = next(one for one in quality.findings if one.name == "sensor-fault")
        named += sensor.evidence.get("kind") == name and sensor.severity is Severity.ALARM
    return _delays(delays, len(runs), early) | {
        "first": max(set(first), key=first.count) if first else None,
        **({"named": named} if name in SENSORS else {}),
    }


def _delays(delays: Sequence[float], runs: int, early: int) -> dict[str, Any]:
    return {
        "found": len(delays),
        "runs": runs,
        "median_hours": round(statistics.median(delays), 2) if delays else None,
        "longest_hours": round(max(delays), 2) if delays else None,
        "alarms_before": early,
    }


def _quiet(trained: Trained, runs: Sequence[Floats]) -> dict[str, Any]:
    """Alarms of every decision in quiet weeks, each run of ten by itself."""
    by_run, by_decision = [], dict.fromkeys(("inputs", "instruments", "answers"), 0)
    for rows in runs:
        quality = _judge(trained, answered(trained, rows))
        counts = {decision.name: len(decision.watched.alarms) for decision in quality.decisions}
        by_run.append(sum(counts.values()))
        for name, count in counts.items():
            by_decision[name] += count
    days = QUIET_DAYS * len(runs)
    return {
        "days_each": QUIET_DAYS,
        "alarms_each": by_run,
        "promised_each_at_most": round(QUIET_DAYS / RULES.false_alarm_days, 2),
        "alarms": sum(by_run),
        "promised_at_most": round(days / RULES.false_alarm_days, 2),
        "by_decision": by_decision,
    }


def _concept(trained: Trained) -> dict[str, Any]:
    """Fault 4 comes and goes; from hour 20 on people call it 11 while the valve is further open than it usually was.

    Labels come 8 hours after the answers.
    """
    schedule = "; ".join(f"fault 4 from {hour} h to {hour + 8} h" for hour in range(4, 140, 16))
    delays, early, asked = [], 0, 0
    for rows in simulate(SEEDS, 144.0, schedule):
        records = answered(trained, rows)
        stream = records.stream
        at = (stream.plant_times - stream.plant_times[0]) / np.timedelta64(
            1, "h"
        ) + trained.reference.model.window * PERIOD / 3600
        faulty = ((at - 4) % 16 < 8) & (at >= 4)
        truth = np.where(faulty, "4", "0")
        valve = stream.rows[:, 50]  # xmv_10, the reactor's cooling water
        moved = faulty & (at >= 20) & (valve > np.median(valve[faulty]))
        said = stream.times + np.timedelta64(8, "h")
        before = Truth(labels=truth, said_at=said, unknown=())
        after = Truth(labels=np.where(moved, "11", truth), said_at=said, unknown=())
        early += _concept_alarm(trained, records, before) is not None
        seen = _concept_alarm(trained, records, after)
        asked += 1
        if seen is not None:
            delays.append(
                float((seen - stream.plant_times[0]) / np.timedelta64(1, "h"))
                - 20
                + trained.reference.model.window * PERIOD / 3600
            )
    return _delays(delays, asked, 0) | {"alarms_without_drift": early, "label_lag_hours": 8}


def _concept_alarm(trained: Trained, records: Unpacked, truth: Truth) -> np.datetime64 | None:
    """When it was known, by the clock of who labels."""
    quality = _judge(trained, records, truth)
    finding = next(one for one in quality.findings if one.name == "concept-drift")
    if finding.severity is not Severity.ALARM or finding.seen_at is None:
        return None
    return np.datetime64(finding.seen_at.replace(tzinfo=None), "us")


def _ks(trained: Trained, faulty: dict[str, list[Floats]], quiet: Sequence[Floats]) -> dict[str, Any]:
    """A test of each feature in each hour against the normal rows of the training data."""
    result: dict[str, Any] = {}
    for name, level in (("plain", 0.05), ("bonferroni", 0.05 / 52)):
        found = {}
        for fault, runs in faulty.items():
            alarms = [hours_after_onset(_moments(_ks_alarms(trained, rows, level))) for rows in runs]
            late = [float(hours[hours > 0].min()) for hours in alarms if (hours > 0).any()]
            found[fault] = _delays(late, len(runs), int(sum((hours <= 0).sum() for hours in alarms)))
        count = sum(len(_ks_alarms(trained, rows[:_TWO_DAYS], level)) for rows in quiet)
        result[name] = {"faults": found, "alarms_a_day": round(count / (2 * len(quiet)), 2)}
    return result


_TWO_DAYS = 2 * 480


def _ks_alarms(trained: Trained, rows: Floats, level: float) -> Floats:
    """Last row of each window in which any feature differs."""
    ends = []
    for begin in range(0, len(rows) - KS_ROWS + 1, KS_ROWS):
        window = rows[begin : begin + KS_ROWS]
        p = ks_2samp(np.nan_to_num(window), trained.normal, axis=0, method="asymp").pvalue
        if float(np.nanmin(p)) < level:
            ends.append(begin + KS_ROWS - 1)
    return np.array(ends, dtype=np.float64)


def _moments(rows: Floats) -> Any:
    return BEGIN + rows.astype(np.int64) * TICK


def _adwin(trained: Trained, faulty: dict[str, list[Floats]], quiet: Sequence[Floats], folder: Path) -> dict[str, Any]:
    """River's ADWIN on the squared distance from normal operation, record by record."""
    streams = {
        f"{name}/{index}": _distance(trained, rows) for name, runs in faulty.items() for index, rows in enumerate(runs)
    }
    streams |= {f"quiet/{index}": _distance(trained, rows) for index, rows in enumerate(quiet)}
    path = folder / "streams.json"
    path.write_text(json.dumps(streams))
    try:
        python = _interpreter("river", ADWIN)
        command = [python, str(HERE / "programs" / ADWIN.script), str(path), str(DELTA)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        return {"skipped": f"River is not here: {error}"}
    answer = json.loads(done.stdout)
    found = {}
    for name, runs in faulty.items():
        alarms = [
            hours_after_onset(_moments(np.array(answer["drifts"][f"{name}/{index}"]))) for index in range(len(runs))
        ]
        late = [float(hours[hours > 0].min()) for hours in alarms if (hours > 0).any()]
        found[name] = _delays(late, len(runs), int(sum((hours <= 0).sum() for hours in alarms)))
    count = sum(len(answer["drifts"][f"quiet/{index}"]) for index in range(len(quiet)))
    return {
        "faults": found,
        "alarms_a_day": round(count / (QUIET_DAYS * len(quiet)), 3),
        "values_per_second": round(answer["values"] / answer["seconds"]),
    }


def _distance(trained: Trained, rows: Floats) -> list[float]:
    """Logarithm of the squared distance in the directions in which normal operation varies by itself."""
    whitened = np.nan_to_num(standardise(trained.reference.inputs, rows)) @ np.array(
        trained.reference.inputs.directions
    )
    found: list[float] = np.log((whitened**2).mean(axis=1)).tolist()
    return found


def _cost(trained: Trained, quiet: Sequence[Floats]) -> dict[str, Any]:
    """Rows a second and memory of the judge over 100,000 rows of 52 features on one core, beside a test per window."""
    rows = np.concatenate(quiet)[:_COST_ROWS]
    records = answered(trained, rows)
    judged, tested = [], []
    for _ in range(_ROUNDS):
        begin = time.perf_counter()
        _judge(trained, records)
        judged.append(time.perf_counter() - begin)
        begin = time.perf_counter()
        _ks_alarms(trained, rows[: _COST_ROWS // 10], 0.05)
        tested.append(10 * (time.perf_counter() - begin))
    tracemalloc.start()
    _judge(trained, records)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    judge, test = statistics.median(judged), statistics.median(tested)
    return {
        "rows": len(rows),
        "features": rows.shape[1],
        "judge_seconds": round(judge, 2),
        "rows_per_second": round(len(rows) / judge),
        "ks_per_window_seconds": round(test, 2),
        "ks_to_judge_ratio": round(test / judge, 1),
        "wanted_rows_per_second": round(100_000 / 60),
        "peak_mib": round(peak / 2**20),
    }


def _page(result: dict[str, Any]) -> str:
    """The page in words and tables."""
    quiet, cost, concept = result["quiet"], result["cost"], result["concept_drift"]
    promise, blocks, rows = (
        result[name] for name in ("promise_days_between_false_alarms", "reference_blocks", "reference_rows")
    )
    lines = [
        "# The quality monitor on the plant",
        "",
        "Generated by `python -m benchmarks.monitoring --write`; do not edit. The Tennessee Eastman plant as it is",
        "built in, the pipeline's model trained on one simulated run per fault, five seeds for each fault, which",
        f"begins at hour 20. The promise is one false alarm in {promise:g} days of all decisions together; it rests on",
        f"{blocks} held-out blocks of {rows} rows of normal operation. Delays are hours of the plant to the alarm: a",
        "block is one hour, so 1 or 2 is the first that could be. KS: Kolmogorov and Smirnov's test of each of 52",
        "features in each hour, any of them at 5 %, and with Bonferroni's correction. ADWIN: River's, default delta",
        "0.002, on the logarithm of the squared distance from normal operation.",
        "",
        "## Faults found, with delay",
        "",
        "| fault | found | median h | longest h | first by | named | KS, h | KS Bonferroni, h | ADWIN, h |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    adwin = result["adwin"].get("faults", {})
    for name, found in result["faults"].items():
        plain, strict = (result["ks"][kind]["faults"][name] for kind in ("plain", "bonferroni"))
        lines.append(
            f"| {name} | {found['found']} of {found['runs']} | {found['median_hours']} | {found['longest_hours']} | "
            f"{found['first']} | {_of(found)} | {_pair(plain)} | {_pair(strict)} | {_pair(adwin.get(name))} |"
        )
    lines += [
        "",
        "`named`: the instrument's fault was called by its kind. A test that cries every hour finds everything at",
        "once: read its delays beside the next table.",
        "",
        "## Quiet weeks",
        "",
        f"{len(quiet['alarms_each'])} times {quiet['days_each']} days without a fault.",
        "",
        "| | alarms a day |",
        "|---|---|",
        f"| promised at most | {1 / promise:.3f} |",
        f"| Setpoint | {quiet['alarms'] / (quiet['days_each'] * len(quiet['alarms_each'])):.3f} |",
        f"| KS, any feature at 5 % | {result['ks']['plain']['alarms_a_day']} |",
        f"| KS, Bonferroni | {result['ks']['bonferroni']['alarms_a_day']} |",
        f"| ADWIN | {result['adwin'].get('alarms_a_day', 'not measured')} |",
        "",
        f"By ten weeks: {', '.join(map(str, quiet['alarms_each']))} alarms, {quiet['promised_each_at_most']} promised",
        f"at most; in all {quiet['alarms']} against {quiet['promised_at_most']}. By decision: "
        + ", ".join(f"{name} {count}" for name, count in quiet["by_decision"].items())
        + ".",
        "",
        "## Concept drift through late labels",
        "",
        "Fault 4 comes and goes; from hour 20 on people call it fault 11 whenever the cooling valve is further open",
        f"than its median. Labels come {concept['label_lag_hours']} hours after the answers. Found in",
        f"{concept['found']} of {concept['runs']} runs, median {concept['median_hours']} hours after the definition",
        f"changed, longest {concept['longest_hours']}; without the drift {concept['alarms_without_drift']} alarms.",
        "",
        "## Cost",
        "",
        f"{cost['rows']:,} rows of {cost['features']} features on one core: {cost['judge_seconds']} s, "
        f"{cost['rows_per_second']:,} rows a second",
        f"({cost['wanted_rows_per_second']:,} are wanted), at most {cost['peak_mib']} MiB beside the rows. Kolmogorov",
        f"and Smirnov's test per window takes {cost['ks_to_judge_ratio']} times as long.",
        "",
    ]
    return "\n".join(lines)


def _pair(found: dict[str, Any] | None) -> str:
    if found is None:
        return ""
    return f"{found['found']} of {found['runs']}, {found['median_hours']}" if found["found"] else "none"


def _of(found: dict[str, Any]) -> str:
    return f"{found['named']} of {found['runs']}" if "named" in found else ""


if __name__ == "__main__":
    figures = run()
    print(json.dumps(figures, indent=2))
    if "--write" in sys.argv[1:]:
        PAGE.write_text(_page(figures))
