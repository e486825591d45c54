"""The cstr plant and recorded data, replayed to a small model behind a real control plane."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from setpoint.adapters.clock import SystemClock
from setpoint.adapters.labels import DirectoryLabels
from setpoint.adapters.prediction_log import DirectoryPredictionLog
from setpoint.adapters.sqlite import SqliteStore
from setpoint.apis.errors import InvalidSpec, NotFound, Unavailable
from setpoint.apis.meta import ObjectMeta
from setpoint.cli import main
from setpoint.components.replay import replay_data
from setpoint.components.replay.sources import Row, open_source
from setpoint.components.replay.windows import LateLabels, Windows
from setpoint.core.features import FeatureSpec, fit
from setpoint.core.models import InputColumn, LinearWeights, ModelDocument, ModelKind, golden_of, load, model_files
from setpoint.plant import PLANTS, Run
from setpoint.ports.predictions import Label
from tests.serving_plane import control_plane

WINDOW = 6
CSTR = PLANTS["cstr"]
PERIOD = CSTR.sample_period_seconds
COLUMNS = tuple(variable.name for variable in CSTR.variables)[::-1]  # another order than the plant's
CLASSES = ("normal", *(fault.name for fault in CSTR.faults))


def _records(count: int, seed: int = 5) -> pl.DataFrame:
    run = Run(plant=CSTR, seed=seed)
    return run.frame(run.advance(run.start(), count)[1])


def write_cstr_model(directory: Path) -> Path:
    values = _records(60).select(COLUMNS).to_numpy().astype(np.float64)
    windows = np.stack([values[end - WINDOW : end] for end in range(WINDOW, 60)])
    features = fit(FeatureSpec(columns=COLUMNS, window=WINDOW), windows)
    width, random = len(features.feature_center), np.random.default_rng(1)
    weights = LinearWeights(
        coefficients=tuple(tuple(row) for row in random.normal(size=(len(CLASSES), width)).tolist()),
        intercepts=tuple(random.normal(size=len(CLASSES)).tolist()),
    )
    document = ModelDocument(
        kind=ModelKind.LINEAR,
        classes=CLASSES,
        normal_label="normal",
        target="label",
        features=features,
        columns=tuple(InputColumn(name=name) for name in COLUMNS),
        sample_period_seconds=PERIOD,
        data_checksum="",
        seed=1,
    )
    model = load(model_files(document, weights, golden_of(windows[:0], (), np.zeros((0, len(CLASSES))))))
    labels, probabilities = model.predict(windows[:2])
    directory.mkdir(parents=True)
    for name, content in model_files(document, weights, golden_of(windows[:2], tuple(labels), probabilities)).items():
        (directory / name).write_bytes(content)
    return directory


async def test_a_plant_and_recorded_data_reach_the_service_as_windows(tmp_path: Path) -> None:
    home = tmp_path / "home"
    log, labels = DirectoryPredictionLog(home), DirectoryLabels(home)
    model = write_cstr_model(tmp_path / "model")
    async with control_plane(home) as plane:
        await plane.put(model.as_uri())
        await plane.ready()
        fault = CSTR.faults[0].name
        ports: dict[str, Any] = {"resources": plane.resources, "labels": labels, "clock": SystemClock()}
        late = f"{round(10 * PERIOD)}s"
        result = await replay_data(
            service="reactor",
            source="plant://cstr?seed=3",
            schedule=f"fault {fault} from {20 * PERIOD / 3600:g} h",
            samples=50,
            label_after=late,
            **ports,
        )
        assert (result.sent, result.answered, result.refused) == (50 - WINDOW + 1, 50 - WINDOW + 1, 0)
        for _ in range(300):
            if (rows := log.read("default", "reactor").filter(verb="infer")).height >= result.sent:
                break
            await asyncio.sleep(0.05)
        expected = _records(50, seed=3).select(COLUMNS).head(WINDOW).to_numpy().astype(np.float64)
        first = rows.row(0, named=True)
        assert first["inputs"] == expected.ravel().tolist()
        assert (first["client"], first["asset"]) == ("setpoint-replay", "cstr-3")
        times = rows["event_time"].to_list()
        assert times[0] == datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=WINDOW * PERIOD)
        assert set(np.diff(times)) == {timedelta(seconds=PERIOD)}
        known = labels.read("default", "reactor")
        assert {label.label for label in known} == {"normal", fault}
        assert max(label.end for label in known if label.end) <= times[-1] - timedelta(seconds=9 * PERIOD)
        assert result.labels == len(known)

        # Recorded data through the command, with a gap that no window may cross.
        table = _records(40)
        file = tmp_path / "run.csv"
        pl.concat([table[:15], table[20:]]).write_csv(file)
        service = await plane.get()
        with SqliteStore(home / "store", SystemClock()) as store:  # where the command looks
            stored = await store.resources.create(
                service.replace(metadata=ObjectMeta(name="reactor", namespace="default"))
            )
            await store.resources.update_status(stored.replace(status=service.status))
        words = ["replay", "reactor", str(file), "--client", "historian"]
        environment = os.environ | {"SETPOINT_HOME": str(home)}
        done = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-m", "setpoint", *words],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        windows = 15 - WINDOW + 1 + 20 - WINDOW + 1
        assert done.returncode == 0, done.stderr
        assert f"35 rows, {windows} windows sent, {windows} answered" in done.stdout
        for _ in range(300):
            if (clients := log.read("default", "reactor").filter(client="historian", verb="infer")).height >= windows:
                break
            await asyncio.sleep(0.05)
        assert clients.height == windows

        with pytest.raises(NotFound):
            await replay_data(service="nobody", source=str(file), **ports)
        table.drop(COLUMNS[0]).write_csv(file)
        with pytest.raises(InvalidSpec, match="not in the source"):
            await replay_data(service="reactor", source=str(file), **ports)
        table.head(WINDOW - 1).write_csv(file)
        with pytest.raises(Unavailable, match="none of 0 windows"):
            await replay_data(service="reactor", source=str(file), **ports)


def _row(minute: int, *values: float, asset: str = "a", label: str = "0") -> Row:
    time = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minute)
    return Row(asset=asset, time=time, values=np.array(values or (float(minute),)), label=label)


def test_windows_cross_no_asset_no_hole_and_no_empty_row() -> None:
    windows = Windows(2, 60.0)
    pushed = [_row(0), _row(1), _row(3), _row(4), _row(5, np.nan), _row(6), _row(7), _row(8, asset="b"), _row(9)]
    found = [window.ravel().tolist() for row in pushed if (window := windows.push(row)) is not None]
    assert found == [[0.0, 1.0], [3.0, 4.0], [6.0, 7.0]]


def test_labels_come_late_and_never_overlap() -> None:
    late, now = LateLabels(timedelta(minutes=5), 60.0, author="x"), datetime(2026, 1, 1, tzinfo=UTC)
    found: list[Label] = []
    for minute in range(60):
        new = late.push(_row(minute, label="" if minute == 30 else str(minute // 25)), now)
        assert all(label.end is not None and label.end <= _row(minute - 4).time for label in new)
        found += new
    found += late.finish(now)
    spans = [(label.begin, label.end, label.label) for label in found]
    assert spans == sorted(spans, key=lambda span: span[0] or now)
    covered = [m for m in range(60) for b, e, _ in spans if b is not None and e is not None and b <= _row(m).time < e]
    assert covered == [minute for minute in range(55) if minute != 30]


def test_a_processed_data_set_is_read_by_its_schema(tmp_path: Path) -> None:
    frame = pl.DataFrame({"r": ["x", "x"], "t": [0, 1], "y": ["0", None], "b": [1.0, 2.0], "a": [3, None]})
    frame.write_parquet(tmp_path / "data.parquet")
    roles = {"r": "run", "t": "time", "y": "target", "b": "feature", "a": "feature"}
    columns = [{"name": name, "role": role} for name, role in roles.items()]
    (tmp_path / "schema.json").write_text(json.dumps({"columns": columns, "sample_period_seconds": 60}))
    source = open_source(str(tmp_path))
    assert (source.columns, source.count, source.period_seconds) == (("b", "a"), 2, 60.0)
    one, two = source.rows(["a", "b"], 60.0)
    assert (one.asset, one.label, one.values.tolist()) == ("x", "0", [3.0, 1.0])
    assert (two.time - one.time, two.label, bool(np.isnan(two.values[0]))) == (timedelta(seconds=60), "", True)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["absent.parquet"], "no such file or directory"),
        (["plant://moon"], "there is no plant 'moon'"),
        (["plant://cstr"], "never ends"),
        (["plant://cstr?runs=3"], "no setting 'runs'"),
        (["plant://cstr?hours=x"], "hours a number"),
        (["plant://cstr?hours=1", "--schedule", "nonsense"], "nonsense"),
        (["plant://cstr?hours=1", "--speed", "fast"], "'fast' is no speed"),
        (["plant://cstr?hours=1", "--label-after", "soon"], "'soon' is no duration"),
        (["plant://cstr?hours=1", "--client", "a\nb"], "is no name of a client"),
        (["plant://cstr?hours=1"], "not found"),
    ],
)
def test_bad_words(tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], told: str) -> None:
    assert main(["replay", "reactor", *words, "--home", str(tmp_path / "home")]) == 2
    error = capsys.readouterr().err
    assert told in error
    assert "Traceback" not in error
