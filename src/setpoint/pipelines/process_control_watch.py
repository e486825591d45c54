"""The monitors of a service, every quarter of an hour: what a plant keeps running after a deployment.

Each run judges the window since the last one beside the day before it. A monitor that finds something has Succeeded:
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
        templates=[_component("traffic-monitoring")],
    )
    given = [Parameter(name=item.name, value=f"{{{{workflow.parameters.{item.name}}}}}") for item in PARAMETERS]
    with cron, Steps(name="watch"):
        Step(name="traffic", template="traffic-monitoring", arguments=given)
    return cron


def _component(name: str) -> m.Template:
    template = m.Template.model_validate(components.template_of(components.load(name)))
    template.retry_strategy = RETRY
    return template
