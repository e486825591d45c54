"""The monitors of a service, every quarter of an hour: what a plant keeps running after a deployment.

Traffic is judged since the last run, beside the day before it; quality over the last day, which costs no promise: the
blocks that are looked at again are the same. A monitor that finds something has Succeeded:
the run fails only where a monitor could not look.
"""

from __future__ import annotations

from hera.workflows import CronWorkflow, Parameter, Step, Steps
from hera.workflows import models as m

from setpoint import components
from setpoint.pipelines.process_control import NAME as SERVICE
from setpoint.pipelines.process_control import RETRY

NAME = "process-control-watch"

PARAMETERS = (
    Parameter(name="service", value=SERVICE, description="Name of the InferenceService."),
    Parameter(name="namespace", value="default", description="Where the service lives."),
    Parameter(name="window", value="15m", description="What each run judges, back from now."),
    Parameter(name="baseline", value="24h", description="What is taken for usual, back from the window."),
    Parameter(name="availability", value="0.995", description="Share of requests to be answered without a fault."),
    Parameter(name="latency-seconds", value="0", description="The slowest hundredth; 0: judged by what was usual."),
    Parameter(name="nominal-period-seconds", value="0", description="Seconds between two requests; 0: learnt."),
    Parameter(name="quality-window", value="24h", description="What quality is judged on, back from now."),
    Parameter(name="false-alarm-days", value="30", description="At most one false alarm of drift in so many days."),
)

_TRAFFIC = (
    "service",
    "namespace",
    "window",
    "baseline",
    "availability",
    "latency-seconds",
    "nominal-period-seconds",
)


def build() -> CronWorkflow:
    """The CronWorkflow as a Hera object; `to_yaml()` of it is what is shipped."""
    cron = CronWorkflow(
        name=NAME,
        schedules=["*/15 * * * *"],
        concurrency_policy="Forbid",
        successful_jobs_history_limit=4,
        failed_jobs_history_limit=4,
        entrypoint="watch",
        arguments=list(PARAMETERS),
        labels={"app.kubernetes.io/name": NAME, "app.kubernetes.io/managed-by": "setpoint"},
        templates=[_component("traffic-monitoring"), _component("quality-monitoring")],
    )
    with cron, Steps(name="watch") as watch, watch.parallel():
        Step(name="traffic", template="traffic-monitoring", arguments=[_given(name) for name in _TRAFFIC])
        Step(
            name="quality",
            template="quality-monitoring",
            arguments=[
                _given("service"),
                _given("namespace"),
                _given("quality-window", "window"),
                _given("false-alarm-days"),
            ],
        )
    return cron


def _given(name: str, to: str = "") -> Parameter:
    return Parameter(name=to or name, value=f"{{{{workflow.parameters.{name}}}}}")


def _component(name: str) -> m.Template:
    template = m.Template.model_validate(components.template_of(components.load(name)))
    template.retry_strategy = RETRY
    return template
