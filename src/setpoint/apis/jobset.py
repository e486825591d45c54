"""JobSets as training runtimes hold them.

Source: jobset.x-k8s.io/v1alpha2, as trainer.kubeflow.org/v1alpha1 embeds it.
"""

from __future__ import annotations

import msgspec

from setpoint.apis.claims import PersistentVolumeClaimStatus
from setpoint.apis.job_policies import PodFailurePolicy, SuccessPolicy
from setpoint.apis.meta import ObjectMeta, Wire
from setpoint.apis.podspec.spec import PodTemplateSpec
from setpoint.apis.podspec.volumes import PersistentVolumeClaimSpec
from setpoint.apis.references import LabelSelector


class JobSpec(Wire, frozen=True, kw_only=True):
    """batch/v1 JobSpec, typed to the last field; the one of `apis.batch` is what the engine reads."""

    template: PodTemplateSpec
    active_deadline_seconds: int | None = None
    backoff_limit: int | None = None
    backoff_limit_per_index: int | None = None
    completion_mode: str | None = None
    completions: int | None = None
    managed_by: str | None = None
    manual_selector: bool | None = None
    max_failed_indexes: int | None = None
    parallelism: int | None = None
    pod_failure_policy: PodFailurePolicy | None = None
    pod_replacement_policy: str | None = None
    selector: LabelSelector | None = None
    success_policy: SuccessPolicy | None = None
    suspend: bool | None = None
    ttl_seconds_after_finished: int | None = None


class JobTemplateSpec(Wire, frozen=True, kw_only=True):
    """What jobs are made of."""

    metadata: ObjectMeta = ObjectMeta()
    spec: JobSpec | None = None


class DependsOn(Wire, frozen=True, kw_only=True):
    """Another group of jobs that must be Ready or Complete before."""

    name: str
    status: str


class ReplicatedJob(Wire, frozen=True, kw_only=True):
    """Equal jobs of one role."""

    name: str
    template: JobTemplateSpec
    depends_on: tuple[DependsOn, ...] = ()
    group_name: str = ""
    replicas: int | None = None


class Coordinator(Wire, frozen=True, kw_only=True):
    """Which pod the others turn to."""

    replicated_job: str
    job_index: int | None = None
    pod_index: int | None = None


class FailurePolicyRule(Wire, frozen=True, kw_only=True):
    """What a failed job leads to; `action` is FailJobSet, RestartJobSet, RestartJob and the like."""

    action: str
    name: str
    on_job_failure_message_patterns: tuple[str, ...] = ()
    on_job_failure_reasons: tuple[str, ...] = ()
    target_replicated_jobs: tuple[str, ...] = ()


class FailurePolicy(Wire, frozen=True, kw_only=True):
    """What failed jobs lead to."""

    max_restarts: int | None = None
    restart_strategy: str = ""
    rules: tuple[FailurePolicyRule, ...] = ()


class Network(Wire, frozen=True, kw_only=True):
    """How pods find each other."""

    enable_dns_hostnames: bool | None = msgspec.field(name="enableDNSHostnames", default=None)
    publish_not_ready_addresses: bool | None = None
    subdomain: str = ""


class StartupPolicy(Wire, frozen=True, kw_only=True):
    """In which order jobs start: AnyOrder or InOrder."""

    startup_policy_order: str


class JobSetSuccessPolicy(Wire, frozen=True, kw_only=True):
    """Which jobs must have succeeded; `operator` is All or Any."""

    operator: str
    target_replicated_jobs: tuple[str, ...] = ()


class VolumeRetentionPolicy(Wire, frozen=True, kw_only=True):
    """What becomes of claims: Delete or Retain."""

    when_deleted: str = ""


class VolumeClaimTemplate(Wire, frozen=True, kw_only=True):
    """A claim that is made for the set."""

    api_version: str = ""
    kind: str = ""
    metadata: ObjectMeta = ObjectMeta()
    spec: PersistentVolumeClaimSpec | None = None
    status: PersistentVolumeClaimStatus | None = None


class VolumeClaimPolicy(Wire, frozen=True, kw_only=True):
    """Claims that are made for the set, and what becomes of them."""

    retention_policy: VolumeRetentionPolicy | None = None
    templates: tuple[VolumeClaimTemplate, ...] = ()


class JobSetSpec(Wire, frozen=True, kw_only=True):
    """Groups of jobs that run together."""

    replicated_jobs: tuple[ReplicatedJob, ...] = ()
    coordinator: Coordinator | None = None
    failure_policy: FailurePolicy | None = None
    managed_by: str | None = None
    network: Network | None = None
    startup_policy: StartupPolicy | None = None
    success_policy: JobSetSuccessPolicy | None = None
    suspend: bool | None = None
    ttl_seconds_after_finished: int | None = None
    volume_claim_policies: tuple[VolumeClaimPolicy, ...] = ()


class JobSetTemplateSpec(Wire, frozen=True, kw_only=True):
    """What a JobSet is made of."""

    metadata: ObjectMeta = ObjectMeta()
    spec: JobSetSpec | None = None
