"""What the monitors are tried on: a trained model, and streams of the simulated plant that it answers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from tests.quality import BEGIN, TICK, unpacked

from setpoint.components.data_processing import process_data
from setpoint.components.model_training import train_model
from setpoint.components.model_training.dataset import read_dataset
from setpoint.core import models
from setpoint.core.monitors.reference import REFERENCE_FILE, Reference, parse_reference
from setpoint.core.monitors.stream import Stream, Unpacked
from setpoint.notebook import open_registry

Floats = npt.NDArray[np.float64]

ONSET_HOURS, HOURS = 20.0, 44.0
FAULTS = (1, 2, 4, 5, 6, 7, 8, 11, 13, 14)
SENSORS = {
    "stuck": "sensor xmeas_9 stuck from 20 h",
    "ramp": "sensor xmeas_9 ramp 0.05 per h from 20 h",
    "drop-out": "sensor xmeas_9 drop-out 0.3 from 20 h",
    "unit": "sensor xmeas_9 unit degF from 20 h",
    "noise": "sensor xmeas_9 noise 3 from 20 h",
    "delay": "sensor xmeas_7 delay 1 h from 20 h",
}
SCHEDULES = {f"idv-{number}": f"fault {number} from 20 h" for number in FAULTS} | SENSORS


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """A model version, its reference, and the normal rows of its training data, (n, 52)."""

    model: models.Model
    reference: Reference
    normal: Floats


def train(folder: Path) -> Trained:
    """The pipeline's model, trained on one simulated run per fault, as `setpoint run process-control` does."""
    process_data(
        source="plant://tep?runs=1", train=folder / "train", holdout=folder / "holdout", report=folder / "report"
    )
    registry = open_registry(folder / "home")
    train_model(
        dataset=folder / "train", registry=registry, model=folder / "model", report=folder / "training.json", trials=1
    )
    files = {path.name: path.read_bytes() for path in (folder / "model").iterdir()}
    data = read_dataset(folder / "train")
    return Trained(
        model=models.load(files),
        reference=parse_reference(files[REFERENCE_FILE]),
        normal=data.values[data.labels == data.normal],
    )


def answered(trained: Trained, rows: Floats, *, asset: str = "plant") -> Unpacked:
    """The records that the model answers, asked about a second after they were measured."""
    ends = np.arange(trained.reference.model.window - 1, len(rows))
    labels, probabilities = trained.model.answer(trained.model.transform.rows(rows, ends))
    count, times = len(ends), BEGIN + ends * TICK
    stream = Stream(
        ids=np.char.add("r", ends.astype(np.str_)),
        times=times + np.timedelta64(1, "s"),
        plant_times=times,
        assets=np.full(count, asset),
        versions=np.full(count, "1"),
        rows=rows[ends],
        labels=np.array(labels),
        probabilities=probabilities,
    )
    return unpacked(stream)


def hours_after_onset(moments: npt.NDArray[np.datetime64]) -> Floats:
    """Hours since the fault began."""
    since: Floats = (moments - BEGIN) / np.timedelta64(1, "h") - ONSET_HOURS
    return since
