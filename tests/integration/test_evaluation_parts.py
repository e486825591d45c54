"""model-evaluation in parts: the same bytes as in one piece, and each bad input once."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from setpoint.apis.errors import InvalidSpec
from setpoint.components import run_component
from setpoint.components.model_evaluation import EvaluatedModel, evaluate_model
from setpoint.components.model_evaluation.evaluation import answer, judged_windows
from setpoint.components.model_evaluation.in_parts import PlannedEvaluation, answer_part, plan_evaluation
from setpoint.components.model_evaluation.subjects import find
from setpoint.components.model_training import train_model
from setpoint.components.model_training.dataset import read_dataset
from setpoint.ports.registry import CHAMPION, ModelRegistry
from tests import labelled_data
from tests.registries import new_registry


class Plant:
    """A candidate (10 rows), a champion (14 rows), and held-out runs with holes and one that is too short."""

    def __init__(self, home: Path, registry: ModelRegistry) -> None:
        self.registry = registry
        train = labelled_data.write(home / "train", labelled_data.frame(rows=160))
        for window, algorithm in ((10, "lightgbm"), (14, "linear")):
            train_model(
                dataset=train,
                registry=registry,
                window=window,
                algorithm=algorithm,  # type: ignore[arg-type]  # one of the two texts
                trials=1,
                folds=2,
                model=home / "model",
                report=home / "training.json",
            )
        registry.set_alias("process-monitor", CHAMPION, "2")
        table = labelled_data.frame(runs=3, rows=50, onset=20, seed=9)
        draw = np.random.default_rng(3)
        holes = draw.random(table.height) < 0.01
        table = table.filter(~pl.Series(holes)).with_columns(
            pl.when(pl.Series(draw.random(int((~holes).sum())) > 0.02)).then("level").alias("level")
        )
        short = pl.col("run") == "leak-1"
        self.holdout = labelled_data.write(
            home / "holdout", pl.concat([table.filter(~short), table.filter(short).head(9)])
        )

    def plan(self, folder: Path, partitions: int) -> PlannedEvaluation:
        return plan_evaluation(
            dataset=self.holdout,
            registry=self.registry,
            version="1",
            partitions=partitions,
            plan=folder / "answers" / "plan",
        )

    def part(self, folder: Path, number: int, dataset: Path | None = None) -> None:
        answers = folder / "answers"
        answer_part(
            plan=answers / "plan",
            dataset=dataset or self.holdout,
            partition=number,
            part=answers / str(number),
        )

    def conclude(
        self, folder: Path, *, whole: bool = False, dataset: Path | None = None, version: str = "1"
    ) -> EvaluatedModel:
        return evaluate_model(
            dataset=dataset or self.holdout,
            registry=self.registry,
            version=version,
            replicates=20,
            answers=None if whole else folder / "answers",
            report=folder / "out" / "evaluation.html",
            figures=folder / "out" / "evaluation.json",
            exposition=folder / "out" / "evaluation.prom",
            parts=folder / "out" / "parts",
        )


@pytest.fixture(scope="module")
def plant(tmp_path_factory: pytest.TempPathFactory) -> Plant:
    return Plant(tmp_path_factory.mktemp("plant"), new_registry(tmp_path_factory))


@pytest.fixture(scope="module")
def whole(plant: Plant, tmp_path_factory: pytest.TempPathFactory) -> tuple[EvaluatedModel, dict[str, str]]:
    folder = tmp_path_factory.mktemp("whole")
    return plant.conclude(folder, whole=True), digests(folder)


def digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted((folder / "out").rglob("*"))
        if path.is_file()
    }


@pytest.mark.parametrize("partitions", [1, 2, 3, 7])
def test_any_number_of_parts_gives_the_bytes_of_one_piece(
    partitions: int, plant: Plant, whole: tuple[EvaluatedModel, dict[str, str]], tmp_path: Path
) -> None:
    planned = plant.plan(tmp_path, partitions)
    assert planned.partitions == (() if partitions == 1 else tuple(range(partitions)))
    for number in reversed(planned.partitions):
        plant.part(tmp_path, number)
    result = plant.conclude(tmp_path)
    assert (result, digests(tmp_path)) == whole
    assert result.champion_version == "2" and result.champion_accuracy > 0.5
    assert result.windows == planned.windows


def test_an_answer_depends_on_its_window_alone(plant: Plant) -> None:
    """Whatever rows are cut away around the windows, and with how many others they are asked."""
    data = read_dataset(plant.holdout)
    subjects = find(plant.registry, "process-monitor", "1", None, data).models()
    windows = judged_windows(data, subjects)
    asked = answer(data.values, data.names, windows.ends, subjects)
    draw = np.random.default_rng(11)
    for _ in range(8):
        first, last = sorted(draw.choice(len(windows.ends) + 1, 2, replace=False).tolist())
        begin = int(windows.ends[first]) - 13 - int(draw.integers(0, 5))
        begin = max(begin, 0)
        end = int(windows.ends[last - 1]) + 1
        names = sorted(data.names)
        values = data.values[begin:end][:, [data.names.index(name) for name in names]]
        some = answer(values, names, windows.ends[first:last] - begin, subjects)
        assert some.keys() == asked.keys() == {"candidate", "baseline", "champion"}
        for role, probabilities in some.items():
            assert np.array_equal(probabilities, asked[role][first:last]), role


def test_more_parts_than_runs_are_fewer_parts(plant: Plant, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert len(plant.plan(tmp_path, 50).partitions) == 8  # the run that is too short has no window
    assert "8 partitions in place of 50: there are no more runs\n" in capsys.readouterr().out


def test_a_single_run_is_one_piece_and_says_why(plant: Plant, tmp_path: Path) -> None:
    table = pl.read_parquet(plant.holdout / "data.parquet").filter(pl.col("run") == "leak-0")
    dataset = labelled_data.write(tmp_path / "one", table)
    planned = plan_evaluation(
        dataset=dataset, registry=plant.registry, version="1", partitions=4, plan=tmp_path / "answers" / "plan"
    )
    assert (planned.partitions, planned.reason) == ((), "there is a single run")
    assert plant.conclude(tmp_path, dataset=dataset).windows == planned.windows


# --- bad input --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("0", "partitions: 0 partitions: give 1 to 1000"),
        ("-1", "partitions: -1 partitions: give 1 to 1000"),
        ("few", "model-evaluation-plan.partitions: 'few' is not an integer"),
    ],
)
def test_a_number_that_nobody_means_is_one_clear_error(given: str, message: str, plant: Plant, tmp_path: Path) -> None:
    values = {"dataset": str(plant.holdout), "partitions": given, "plan": str(tmp_path / "plan")}
    with pytest.raises(InvalidSpec) as caught:
        run_component(plan_evaluation, values, ports={ModelRegistry: plant.registry})
    assert str(caught.value) == message
    assert not (tmp_path / "plan").exists()


def test_parts_that_do_not_fit_the_plan_are_told(plant: Plant, tmp_path: Path) -> None:
    with pytest.raises(InvalidSpec, match="make it with model-evaluation-plan"):
        plant.part(tmp_path, 0)
    plant.plan(tmp_path, 2)
    with pytest.raises(InvalidSpec, match=r"partition: 2 is no partition of this plan \(numbered 0 to 1\)"):
        plant.part(tmp_path, 2)
    plant.part(tmp_path, 0)
    with pytest.raises(InvalidSpec, match="partition 2 of 2 is not there"):
        plant.conclude(tmp_path)
    (tmp_path / "answers" / "0").rename(tmp_path / "answers" / "1")
    plant.part(tmp_path, 0)
    with pytest.raises(InvalidSpec, match=r"partition 2 of 2 has answers of shape .*: make it anew"):
        plant.conclude(tmp_path)
    (tmp_path / "answers" / "1" / "candidate.npy").write_bytes(b"cut")
    with pytest.raises(InvalidSpec, match="partition 2 of 2 cannot be read"):
        plant.conclude(tmp_path)
    with pytest.raises(InvalidSpec, match="is a plan for process-monitor version 1, not process-monitor 2"):
        plant.conclude(tmp_path, version="2")
    (tmp_path / "answers" / "plan" / "plan.json").write_text("{}")
    with pytest.raises(InvalidSpec, match=r"plan\.json: is no plan of "):
        plant.conclude(tmp_path)


def test_a_plan_is_for_its_own_data(plant: Plant, tmp_path: Path) -> None:
    plant.plan(tmp_path, 2)
    table = pl.read_parquet(plant.holdout / "data.parquet")
    other = labelled_data.write(tmp_path / "other", table.with_columns(pl.col("flow") + 1.0))
    for use in (lambda: plant.part(tmp_path, 0, dataset=other), lambda: plant.conclude(tmp_path, dataset=other)):
        with pytest.raises(InvalidSpec, match="is a plan for other data: plan again"):
            use()
