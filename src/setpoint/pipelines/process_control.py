"""The lifecycle pipeline, written with Hera: process, train, evaluate, gate, deploy, monitor; with retry and catch.

How it ends. `monitor` is the only leaf of the DAG and runs after whatever put a version into service or kept one, so
its phase is the run's: a failed deployment whose rollback succeeded, or a failed training or evaluation after which the
champion was kept, ends Succeeded with the catch visible in the tree. Where it does not run, the verdict is that of the
branch which ended there: a failed data-processing or a failed catch ends Failed, a rejected version Succeeded. A person
who says no at the approval fails the gate, and the champion is kept. A monitor that fails does not fail the run.

With more than one partition, a plan and a pod for each part of it come before the data are processed, and again before
the model is judged; the step itself then joins what they left. See `_parts`.
"""

from __future__ import annotations

from collections.abc import Mapping

from hera.workflows import DAG, Parameter, Step, Steps, Suspend, Task, WorkflowTemplate
from hera.workflows import models as m
from hera.workflows.models import Template

from setpoint import components
from setpoint.pipelines import _parts as parts

NAME = "process-control"
DEFAULT_SOURCE = "plant://tep?runs=1"  # one run per fault, as the published benchmark has it

# Exit code 2 of a component means bad input: no attempt can mend it.
RETRY = m.RetryStrategy(
    limit=m.IntOrString(root="2"),
    retry_policy="Always",
    expression="asInt(lastRetry.exitCode) != 2",
    backoff=m.Backoff(duration="2s", factor=m.IntOrString(root="2"), max_duration="10m"),
)

# A step that was skipped has its producer's default as output, so who approved hangs on the step's phase.
_APPROVER = (
    "steps.approve.status == 'Skipped' ? 'the declared thresholds' : steps.approve.outputs.parameters['approved-by']"
)

PARAMETERS = (
    Parameter(name="source", value=DEFAULT_SOURCE, description="File, directory, glob or URL; plant://NAME simulates."),
    Parameter(name="recipe", value="auto", description="Shipped recipe, file, or inline YAML; auto picks one."),
    parts.PARTITIONS,
    Parameter(name="model-name", value=NAME, description="Name in the model registry."),
    Parameter(name="service", value=NAME, description="Name of the InferenceService."),
    Parameter(name="namespace", value="default", description="Where the service lives."),
    Parameter(name="window", value="40", description="Rows that the model sees at a time."),
    Parameter(name="trials", value="3", description="Settings that training tries."),
    Parameter(name="seed", value="1", description="Seed of training; same seed, same model."),
    Parameter(name="min-accuracy", value="0.5", description="The gate rejects below it."),
    Parameter(name="max-false-alarm-rate", value="0.15", description="The gate rejects above it."),
    Parameter(name="approval", value="auto", enum=["auto", "manual"], description="manual waits for a person."),
    Parameter(
        name="feed", value="", description="What is sent to the new version: file, plant://NAME; empty: holdout."
    ),
    Parameter(name="feed-schedule", value="", description="What happens in a plant meanwhile: `fault 4 from 1 h`."),
    Parameter(name="feed-speed", value="max", description="Times faster than the plant: a number, real-time or max."),
    Parameter(name="feed-samples", value="400", description="Rows that are sent; 0 for all."),
    Parameter(
        name="feed-label-after", value="1h", description="Labels follow their rows so long after; empty for none."
    ),
    Parameter(name="false-alarm-days", value="30", description="At most one false alarm of drift in so many days."),
)

# Which outputs of a step the whole run shows (and the exit handler reads): template -> artifact -> global name.
GLOBAL_ARTIFACTS: Mapping[str, Mapping[str, str]] = {
    "data-processing": {"report": "quality-report"},
    "model-evaluation": {"report": "evaluation-report", "parts": "evaluation-parts"},
    "traffic-monitoring": {"report": "traffic-report"},
    "quality-monitoring": {"report": "drift-report"},
    "run-summary": {"report": "report"},
}
GLOBAL_PARAMETERS: Mapping[str, Mapping[str, str]] = {"run-summary": {"summary": "summary"}}


def build() -> WorkflowTemplate:
    """The template as a Hera object; `to_yaml()` of it is what is shipped."""
    with WorkflowTemplate(
        name=NAME,
        entrypoint=NAME,
        on_exit="finish",
        arguments=list(PARAMETERS),
        labels={"app.kubernetes.io/name": NAME, "app.kubernetes.io/managed-by": "setpoint"},
        templates=[
            *(_component(name) for name in ("data-processing", "model-training", "model-evaluation")),
            *(template for name in ("data-processing", "model-evaluation") for template in _parts_of(name)),
            *(_component(name) for name in ("model-deployment", "model-rollback")),
            *(_component(name) for name in ("replay", "traffic-monitoring", "quality-monitoring")),
            _component("run-summary"),
        ],
    ) as template:
        _approval()
        _gate()
        _monitor()
        _in_parts()
        _main()
        _finish()
    return template


def _component(name: str) -> Template:
    """The component's own template, with retry, and global names for what the run shows."""
    body = components.template_of(components.load(name))
    for section, shown in (("artifacts", GLOBAL_ARTIFACTS), ("parameters", GLOBAL_PARAMETERS)):
        for item in body.get("outputs", {}).get(section, []):
            if item["name"] in shown.get(name, {}):
                item["globalName"] = shown[name][item["name"]]
    template = Template.model_validate(body)
    template.retry_strategy = RETRY
    return template


def _parts_of(name: str) -> tuple[Template, Template]:
    """Templates of a component's plan and part."""
    part = parts.at_place(_component(f"{name}-part"), "{{inputs.parameters.partition}}")
    return parts.at_place(_component(f"{name}-plan"), "plan"), parts.one_processor(part)


def _in_parts() -> None:
    parts.in_parts("process", "data-processing", _given("source", "recipe"))
    parts.in_parts(
        "evaluate",
        "model-evaluation",
        [*_given("model-name"), Parameter(name="version", value="{{inputs.parameters.version}}")],
        inputs=[Parameter(name="version"), m.Artifact(name="dataset")],
        shared=[m.Artifact(name="dataset", from_="{{inputs.artifacts.dataset}}")],
    )


def _approval() -> Suspend:
    """Waits until a person resumes it; who that was is an output."""
    return Suspend(
        name="approval",
        inputs=[Parameter(name="reasons")],
        outputs=[
            Parameter(
                name="approved-by",
                value_from=m.ValueFrom(supplied=m.SuppliedValueFrom(), default="unknown"),
                description="Who let the version into service.",
            )
        ],
    )


def _gate() -> Steps:
    """Passes a version on, after a person's yes where that is asked for."""
    with Steps(
        name="gate",
        inputs=[Parameter(name="verdict"), Parameter(name="reasons")],
        outputs=[
            Parameter(
                name="approved-by",
                value_from=m.ValueFrom(expression=_APPROVER),
            )
        ],
    ) as gate:
        Step(
            name="approve",
            template="approval",
            arguments=[Parameter(name="reasons", value="{{inputs.parameters.reasons}}")],
            when="'{{inputs.parameters.verdict}}' == 'promote' && '{{workflow.parameters.approval}}' == 'manual'",
        )
    return gate


def _monitor() -> Steps:
    """Feeds the version that was just deployed, then watches; what fails here is seen and changes nothing."""
    go_on = m.ContinueOn(failed=True, error=True)
    holdout = m.Artifact(name="holdout", optional=True)
    with Steps(name="monitor", inputs=[Parameter(name="deployed"), holdout]) as monitor:
        Step(
            name="feed",
            template="replay",
            when="'{{inputs.parameters.deployed}}' == 'Succeeded'",
            continue_on=go_on,
            arguments=[
                *_given("service", "namespace"),
                *(
                    Parameter(name=name, value=f"{{{{workflow.parameters.feed{given}}}}}")
                    for name, given in (
                        ("source", ""),
                        ("schedule", "-schedule"),
                        ("speed", "-speed"),
                        ("samples", "-samples"),
                        ("label-after", "-label-after"),
                    )
                ),
                m.Artifact(name="data", from_="{{inputs.artifacts.holdout}}", optional=True),
            ],
        )
        with monitor.parallel():
            Step(
                name="traffic",
                template="traffic-monitoring",
                continue_on=go_on,
                # What came before a deployment was asked of another version, at times of its own.
                arguments=[
                    *_given("service", "namespace"),
                    Parameter(name="baseline", value="0"),
                    Parameter(name="revision", value="current"),
                ],
            )
            Step(
                name="quality",
                template="quality-monitoring",
                continue_on=go_on,
                arguments=_given("service", "namespace", "false-alarm-days"),
            )
    return monitor


def _main() -> DAG:
    with DAG(name=NAME) as dag:
        _process()
        Task(
            name="train",
            template="model-training",
            depends="process",
            arguments=[
                *_given("model-name", "window", "trials", "seed"),
                Parameter(name="workflow-uid", value="{{workflow.uid}}"),
                _artifact("dataset", "process", "train"),
            ],
        )
        _evaluate()
        Task(
            name="gate",
            template="gate",
            depends="evaluate",
            arguments=[_from("verdict", "evaluate", "verdict"), _from("reasons", "evaluate", "reasons")],
        )
        Task(
            name="deploy",
            template="model-deployment",
            depends="gate",
            when="'{{tasks.evaluate.outputs.parameters.verdict}}' == 'promote'",
            arguments=[
                *_given("model-name", "service", "namespace"),
                _from("version", "train", "version"),
                _from("approved-by", "gate", "approved-by"),
            ],
        )
        _catches()
        Task(
            name="monitor",
            template="monitor",
            depends="deploy.Succeeded || rollback.Succeeded || keep-champion.Succeeded",
            arguments=[
                Parameter(name="deployed", value="{{tasks.deploy.status}}"),
                _artifact("holdout", "process", "holdout"),
            ],
        )
    return dag


def _process() -> None:
    Task(name="process-parts", template="process-parts", when=parts.SEVERAL)
    Task(
        name="process",
        template="data-processing",
        depends=parts.after_parts("process"),
        arguments=[*_given("source", "recipe"), parts.made_in_parts("process", "parts")],
    )


def _evaluate() -> None:
    version, dataset = _from("version", "train", "version"), _artifact("dataset", "process", "holdout")
    Task(
        name="evaluate-parts",
        template="evaluate-parts",
        depends="train",
        when=parts.SEVERAL,
        arguments=[version, dataset],
    )
    Task(
        name="evaluate",
        template="model-evaluation",
        depends=f"train && {parts.after_parts('evaluate')}",
        arguments=[
            *_given("model-name", "min-accuracy", "max-false-alarm-rate"),
            version,
            dataset,
            parts.made_in_parts("evaluate", "answers"),
        ],
    )


def _catches() -> None:
    """What is done about a failure; see the module's docstring for how it decides the run's end."""
    arguments = _given("model-name", "service", "namespace")
    Task(name="rollback", template="model-rollback", depends="deploy.Failed || deploy.Errored", arguments=arguments)
    failed = " || ".join(f"{task}.Failed || {task}.Errored" for task in ("train", "evaluate-parts", "evaluate", "gate"))
    Task(
        name="keep-champion",
        template="model-rollback",
        depends=f"({failed}) && rollback.Omitted",
        arguments=arguments,
    )


def _finish() -> Steps:
    """The exit handler: runs in every case, with what reports there are."""
    reports = {
        "quality": "quality-report",
        "evaluation": "evaluation-parts",
        "traffic": "traffic-report",
        "drift": "drift-report",
    }
    with Steps(name="finish") as finish:
        Step(
            name="summarize",
            template="run-summary",
            arguments=[
                Parameter(name="workflow", value="{{workflow.name}}"),
                Parameter(name="namespace", value="{{workflow.namespace}}"),
                Parameter(name="status", value="{{workflow.status}}"),
                *(
                    m.Artifact(name=name, from_=f"{{{{workflow.outputs.artifacts.{shown}}}}}", optional=True)
                    for name, shown in reports.items()
                ),
            ],
        )
    return finish


def _given(*names: str) -> list[Parameter]:
    """Arguments that are the run's own parameters."""
    return [Parameter(name=name, value=f"{{{{workflow.parameters.{name}}}}}") for name in names]


def _from(name: str, task: str, output: str) -> Parameter:
    return Parameter(name=name, value=f"{{{{tasks.{task}.outputs.parameters.{output}}}}}")


def _artifact(name: str, task: str, output: str) -> m.Artifact:
    return m.Artifact(name=name, from_=f"{{{{tasks.{task}.outputs.artifacts.{output}}}}}")
