"""Component model-evaluation: judges a model version on held-out runs and says promote or reject."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from setpoint.apis.errors import InvalidSpec, Unavailable
from setpoint.components import Input, Output, component, say
from setpoint.ports.registry import ModelRegistry

if TYPE_CHECKING:
    from setpoint.components.model_evaluation.evaluation import Evaluation, Floats, Subjects, Windows
    from setpoint.components.model_evaluation.subjects import Judged

_STAGES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluatedModel:
    """What an evaluation reports; figures are on held-out runs.

    Attributes:
        verdict: promote or reject.
        reasons: The checks that failed, or all of them if none did.
        model_name: Name in the registry.
        version: The version that was judged.
        champion_version: The version in service that it was compared with; empty if there is none.
        accuracy: Share of windows with the right label.
        accuracy_interval: Its interval, as text.
        recall: Mean over classes of the share found.
        recall_interval: Its interval, as text.
        precision: Mean over classes of the share of answers that are right.
        auc: Mean over classes of the area under the ROC curve.
        auc_interval: Its interval, as text.
        pr_auc: Mean over classes of the average precision.
        baseline_accuracy: Accuracy of the linear baseline on the same windows.
        baseline_recall: Recall of the linear baseline.
        baseline_auc: ROC AUC of the linear baseline.
        champion_accuracy: Accuracy of the champion on the same windows; NaN if there is none.
        false_alarm_rate: Share of normal windows above the alarm limit.
        false_alarm_rate_interval: Its interval, as text.
        detection_rate: Share of faulty windows above the alarm limit.
        windows: Windows judged.
    """

    verdict: str
    reasons: str
    model_name: str
    version: str
    champion_version: str
    accuracy: float
    accuracy_interval: str
    recall: float
    recall_interval: str
    precision: float
    auc: float
    auc_interval: str
    pr_auc: float
    baseline_accuracy: float
    baseline_recall: float
    baseline_auc: float
    champion_accuracy: float
    false_alarm_rate: float
    false_alarm_rate_interval: str
    detection_rate: float
    windows: int


@component("model-evaluation", description="Judge a model version on held-out runs: promote or reject, and why.")
def evaluate_model(
    *,
    dataset: Annotated[Path, Input("Processed held-out data: data.parquet and schema.json")],
    registry: ModelRegistry,
    model_name: Annotated[str, "Name in the registry"] = "process-monitor",
    version: Annotated[str, "Version to judge; empty means the newest. Not used where `model` is given"] = "",
    min_accuracy: Annotated[float, "Least accuracy"] = 0.5,
    min_recall: Annotated[float, "Least macro recall"] = 0.0,
    min_auc: Annotated[float, "Least macro ROC AUC"] = 0.8,
    max_false_alarm_rate: Annotated[float, "Highest share of normal windows in alarm"] = 0.15,
    max_loss_to_champion: Annotated[float, "How far accuracy may lie below the champion's on the same windows"] = 0.02,
    max_loss_to_baseline: Annotated[
        float, "How far accuracy may lie below the linear baseline's on the same windows"
    ] = 0.05,
    replicates: Annotated[int, "Bootstrap replicates"] = 200,
    block_length: Annotated[int, "Rows per bootstrap block; 0 means twice the window"] = 0,
    seed: Annotated[int, "Of the bootstrap"] = 1,
    model: Annotated[Path | None, Input("A model directory, in place of a version", optional=True)] = None,
    answers: Annotated[
        Path | None,
        Input("What model-evaluation-plan and -part made, in place of answering the windows", optional=True),
    ] = None,
    report: Annotated[Path, Output("The page with plots")] = Path("evaluation.html"),
    figures: Annotated[Path, Output("The figures as JSON")] = Path("evaluation.json"),
    exposition: Annotated[Path, Output("The figures in Prometheus text format")] = Path("evaluation.prom"),
    parts: Annotated[Path, Output("For other pages: report.json and plots/*.svg")] = Path("evaluation-parts"),
) -> EvaluatedModel:
    """Judge a model on runs that training never saw, beside the champion and its linear baseline.

    Raises:
        InvalidSpec: The data do not fit the model, or a threshold is no ratio.
        NotFound: No such version.
        Unavailable: The registry cannot be reached or the outputs cannot be written.
    """
    # Imported here: matplotlib, polars and scikit-learn take seconds that listing components must not cost.
    from setpoint.components.model_evaluation.evaluation import Settings, judge  # noqa: PLC0415  (start-up)
    from setpoint.core.metrics import GateRules, check_rules  # noqa: PLC0415  (start-up)

    rules = GateRules(
        min_accuracy=min_accuracy,
        min_recall=min_recall,
        min_roc_auc=min_auc,
        max_false_alarm_rate=max_false_alarm_rate,
        max_loss_to_champion=max_loss_to_champion,
        max_loss_to_baseline=max_loss_to_baseline,
    )
    check_rules(rules)
    answered = None if answers is None else _from_parts(answers, dataset, model_name, version)
    answered = answered or _in_one_piece(dataset, registry, model_name, version, model)
    judged, subjects = answered.judged, answered.subjects
    say("judge, bootstrap", 3, _STAGES)
    found = judge(
        answered.windows,
        answered.probabilities,
        subjects,
        champion_name=judged.champion_name,
        rules=rules,
        settings=Settings(replicates=replicates, block_length=block_length, seed=seed),
        notes=judged.notes,
    )
    say("draw and write", 4, _STAGES)
    _export(found, answered, model_name, (report, figures, exposition), parts)
    if model is None:
        tags = {"setpoint.verdict": found.decision.verdict.value, "setpoint.holdout_checksum": answered.checksum}
        registry.tag(model_name, judged.version, tags)
    say(f"{found.decision.verdict.value}: {found.decision.reasons}", 5, _STAGES)
    return _result(found, model_name, judged.version, judged.champion_version)


@dataclass(frozen=True, slots=True)
class _Answered:
    """What is judged: from one piece or from parts."""

    windows: Windows
    probabilities: Mapping[str, Floats]
    judged: Judged
    subjects: Subjects
    checksum: str


def _in_one_piece(dataset: Path, registry: ModelRegistry, name: str, version: str, model: Path | None) -> _Answered:
    from setpoint.components.model_evaluation.evaluation import answer, judged_windows  # noqa: PLC0415  (start-up)
    from setpoint.components.model_evaluation.subjects import find  # noqa: PLC0415  (start-up)
    from setpoint.components.model_training.dataset import read_dataset  # noqa: PLC0415  (start-up)

    data = read_dataset(dataset)
    say("get models", 1, _STAGES)
    judged = find(registry, name, version, model, data)
    subjects = judged.models()
    say("answer the held-out windows", 2, _STAGES)
    windows = judged_windows(data, subjects)
    return _Answered(windows, answer(data.values, data.names, windows.ends, subjects), judged, subjects, data.checksum)


def _from_parts(folder: Path, dataset: Path, name: str, version: str) -> _Answered | None:
    """None where the plan has no partitions.

    Raises:
        InvalidSpec: It is the plan of another model or of other data, or a part is missing.
    """
    from setpoint.components.model_evaluation.parts import PLAN, joined  # noqa: PLC0415  (start-up)
    from setpoint.components.model_evaluation.plan import check_data, read_plan  # noqa: PLC0415  (start-up)
    from setpoint.components.model_training.dataset import read_checksum  # noqa: PLC0415  (start-up)

    plan, windows, judged = read_plan(folder / PLAN)
    check_data(plan, read_checksum(dataset), folder / PLAN)
    if (plan.model_name, version or plan.version) != (name, plan.version):
        raise InvalidSpec(
            f"is a plan for {plan.model_name} version {plan.version}, not {name} {version}".rstrip(),
            path=str(folder / PLAN),
        )
    if not plan.partitions:
        say(f"in one piece: {plan.reason}")
        return None
    say(f"join the answers of {len(plan.partitions)} partitions", 2, _STAGES)
    subjects = judged.models()
    return _Answered(windows, joined(folder, plan, subjects), judged, subjects, plan.checksum)


def _export(found: Evaluation, answered: _Answered, name: str, targets: tuple[Path, Path, Path], parts: Path) -> None:
    from setpoint.components.model_evaluation import exports  # noqa: PLC0415  (start-up: matplotlib)
    from setpoint.components.model_evaluation.subjects import digest  # noqa: PLC0415  (start-up)

    candidate, version = answered.subjects.candidate, answered.judged.version
    checksums = {"model": digest(answered.judged.candidate)}
    if answered.judged.champion:
        checksums["champion"] = digest(answered.judged.champion)
    checksums |= {"training_data": candidate.document.data_checksum, "holdout_data": answered.checksum}
    document = exports.to_document(found, candidate, name=name, version=version, checksums=checksums)
    drawn = exports.draw(found, candidate)
    contents = (
        exports.to_page(found, candidate, document, drawn).encode(),
        exports.to_json(document),
        exports.to_prometheus(found, candidate, name=name, version=version),
    )
    try:
        for target, content in zip(targets, contents, strict=True):
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        (parts / "plots").mkdir(parents=True, exist_ok=True)
        (parts / "report.json").write_bytes(contents[1])
        for plot, svg in drawn.items():
            (parts / "plots" / f"{plot}.svg").write_text(svg, encoding="utf-8")
    except OSError as error:
        raise Unavailable(f"the evaluation cannot be written: {error.strerror or error}") from error


def _result(found: Evaluation, name: str, version: str, champion_version: str) -> EvaluatedModel:
    figures, baseline, nothing = found.intervals, found.baseline, float("nan")
    return EvaluatedModel(
        verdict=found.decision.verdict.value,
        reasons=found.decision.reasons,
        model_name=name,
        version=version,
        champion_version=champion_version,
        accuracy=figures["accuracy"].estimate,
        accuracy_interval=str(figures["accuracy"]),
        recall=figures["recall"].estimate,
        recall_interval=str(figures["recall"]),
        precision=figures["precision"].estimate,
        auc=figures["roc_auc"].estimate,
        auc_interval=str(figures["roc_auc"]),
        pr_auc=figures["pr_auc"].estimate,
        baseline_accuracy=baseline.report.accuracy if baseline else nothing,
        baseline_recall=baseline.report.recall if baseline else nothing,
        baseline_auc=baseline.report.roc_auc if baseline else nothing,
        champion_accuracy=found.champion.report.accuracy if found.champion else nothing,
        false_alarm_rate=figures["false_alarm_rate"].estimate,
        false_alarm_rate_interval=str(figures["false_alarm_rate"]),
        detection_rate=figures["detection_rate"].estimate,
        windows=len(found.labels),
    )
