"""batch/v1 Job and CronJob, as engines read them; annotations say what the API takes beyond that.

Source: Kubernetes API reference, Job v1, CronJob v1.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, ClassVar

import msgspec

from setpoint.apis import podspec
from setpoint.apis.argo.pod_spec import PodSpec
from setpoint.apis.core import ObjectReference
from setpoint.apis.job_policies import PodFailurePolicy, SuccessPolicy, UncountedTerminatedPods
from setpoint.apis.meta import ObjectMeta, Resource, Wire
from setpoint.apis.references import LabelSelector
from setpoint.apis.shapes import shape


class JobCondition(Wire, frozen=True, kw_only=True):
    """One condition: `Complete`, `Failed` or `Suspended`."""

    type: str
    status: str = msgspec.field(default_factory=lambda: "True")  # stores of before have none; written always
    reason: str = ""
    message: str = ""
    last_probe_time: datetime | None = None
    last_transition_time: datetime | None = None


class JobStatus(Wire, frozen=True, kw_only=True, forbid_unknown_fields=False):
    """How far a job has come. The sum of the counters is how many pods were made.

    Ours alone are `deleted`, pods that count as none, because the job was suspended or its failure policy says so; and
    `indexes`, the completion index of each pod by its number.
    """

    active: int = 0
    succeeded: int = 0
    failed: int = 0
    deleted: int = 0
    indexes: tuple[int, ...] = ()
    completed_indexes: str = ""
    failed_indexes: str | None = None
    ready: int | None = None
    terminating: int | None = None
    uncounted_terminated_pods: Annotated[dict[str, Any], shape(UncountedTerminatedPods)] | None = None
    start_time: datetime | None = None
    completion_time: datetime | None = None
    conditions: tuple[JobCondition, ...] = ()

    def has(self, kind: str) -> bool:
        """Whether that condition holds."""
        return any(item.type == kind and item.status == "True" for item in self.conditions)

    @property
    def finished(self) -> bool:
        """Whether nothing will change any more."""
        return self.has("Complete") or self.has("Failed")


class PodTemplate(Wire, frozen=True, kw_only=True):
    """What a pod is made of. A pod of one machine has no metadata that anybody asks for."""

    metadata: Annotated[dict[str, Any], shape(ObjectMeta)] = {}
    spec: Annotated[PodSpec, shape(podspec.PodSpec)] = PodSpec()


class JobSpec(Wire, frozen=True, kw_only=True):
    """What is to be done, how often and how many at a time."""

    template: PodTemplate
    parallelism: int | None = None
    completions: int | None = None
    backoff_limit: int | None = None
    active_deadline_seconds: int | None = None
    ttl_seconds_after_finished: int | None = None
    suspend: bool | None = None
    completion_mode: str | None = None
    selector: Annotated[dict[str, Any], shape(LabelSelector)] | None = None
    manual_selector: bool | None = None
    managed_by: str | None = None
    pod_replacement_policy: str | None = None
    pod_failure_policy: Annotated[dict[str, Any], shape(PodFailurePolicy)] | None = None
    success_policy: Annotated[dict[str, Any], shape(SuccessPolicy)] | None = None
    backoff_limit_per_index: int | None = None
    max_failed_indexes: int | None = None


class Job(Resource, frozen=True, kw_only=True):
    """batch/v1 Job: pods that run to their end."""

    API_VERSION: ClassVar[str] = "batch/v1"
    KIND: ClassVar[str] = "Job"
    PLURAL: ClassVar[str] = "jobs"

    spec: JobSpec
    # By a factory, so that it is written even if nothing is in it: clients read fields of it as soon as there is a job.
    status: JobStatus = msgspec.field(default_factory=JobStatus)


class JobTemplate(Wire, frozen=True, kw_only=True):
    """What a job of a cron job is made of."""

    spec: JobSpec
    metadata: ObjectMeta = ObjectMeta()


class CronJobSpec(Wire, frozen=True, kw_only=True):
    """When jobs are started, and how many are kept."""

    schedule: str
    job_template: JobTemplate
    time_zone: str | None = None
    concurrency_policy: str = "Allow"
    starting_deadline_seconds: int | None = None
    suspend: bool | None = None
    successful_jobs_history_limit: int | None = None
    failed_jobs_history_limit: int | None = None


class CronJobStatus(Wire, frozen=True, kw_only=True, forbid_unknown_fields=False):
    """Jobs that run, and when one was last started and last succeeded."""

    active: tuple[Annotated[dict[str, Any], shape(ObjectReference)], ...] = ()
    last_schedule_time: datetime | None = None
    last_successful_time: datetime | None = None


class CronJob(Resource, frozen=True, kw_only=True):
    """batch/v1 CronJob: jobs on a schedule."""

    API_VERSION: ClassVar[str] = "batch/v1"
    KIND: ClassVar[str] = "CronJob"
    PLURAL: ClassVar[str] = "cronjobs"
    SHORT_NAMES: ClassVar[tuple[str, ...]] = ("cj",)

    spec: CronJobSpec
    status: CronJobStatus = msgspec.field(default_factory=CronJobStatus)
