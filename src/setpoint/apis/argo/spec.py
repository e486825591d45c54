"""The spec of a workflow, shared by Workflow, WorkflowTemplate, ClusterWorkflowTemplate and CronWorkflow.

Source: argoproj.io/v1alpha1 WorkflowSpec, CronWorkflowSpec.
"""

from __future__ import annotations

from typing import Any

import msgspec

from setpoint.apis.argo.artifacts import Arguments, Metadata, WorkflowArtifactGC
from setpoint.apis.argo.containers import Volume
from setpoint.apis.argo.leaves import ExecutorConfig, Metrics, ResourceRequirements, Synchronization
from setpoint.apis.argo.retry import RetryStrategy
from setpoint.apis.argo.template import LifecycleHook, Template
from setpoint.apis.meta import ObjectMeta, Wire


class WorkflowTemplateRef(Wire, frozen=True, kw_only=True):
    """The WorkflowTemplate (or ClusterWorkflowTemplate) whose spec a workflow takes over."""

    name: str = ""
    cluster_scope: bool = False


class TTLStrategy(Wire, frozen=True, kw_only=True):
    """When a finished workflow is deleted; the more specific wins. `after_failure` means Failed, not Error."""

    seconds_after_completion: int | None = None
    seconds_after_success: int | None = None
    seconds_after_failure: int | None = None


class PodGC(Wire, frozen=True, kw_only=True):
    """When finished pods are deleted."""

    strategy: str = ""
    label_selector: dict[str, Any] | None = None
    delete_delay_duration: str = ""


class VolumeClaimGC(Wire, frozen=True, kw_only=True):
    """When the claims a workflow made are deleted."""

    strategy: str = ""


class LabelValueFrom(Wire, frozen=True, kw_only=True):
    """A label whose value is an expression."""

    expression: str


class WorkflowMetadata(Wire, frozen=True, kw_only=True):
    """Labels and annotations put on the workflow object itself."""

    annotations: dict[str, str] = {}
    labels: dict[str, str] = {}
    labels_from: dict[str, LabelValueFrom] = {}


class ArtifactRepositoryRef(Wire, frozen=True, kw_only=True):
    """The config map entry that describes the artifact repository."""

    config_map: str = ""
    key: str = ""


class WorkflowSpec(Wire, frozen=True, kw_only=True):
    """What a workflow does. `entrypoint` names the template that starts."""

    entrypoint: str = ""
    arguments: Arguments = Arguments()
    templates: tuple[Template, ...] = ()
    template_defaults: Template | None = None
    workflow_template_ref: WorkflowTemplateRef | None = None
    on_exit: str = ""
    hooks: dict[str, LifecycleHook] = {}
    retry_strategy: RetryStrategy | None = None
    active_deadline_seconds: int | None = None
    parallelism: int | None = None
    suspend: bool | None = None
    shutdown: str = ""
    volumes: tuple[Volume, ...] = ()
    volume_claim_templates: tuple[dict[str, Any], ...] = ()
    volume_claim_gc: VolumeClaimGC | None = msgspec.field(name="volumeClaimGC", default=None)
    ttl_strategy: TTLStrategy | None = None
    pod_gc: PodGC | None = msgspec.field(name="podGC", default=None)
    synchronization: Synchronization | None = None
    workflow_metadata: WorkflowMetadata | None = None
    pod_metadata: Metadata | None = None
    archive_logs: bool | None = None
    artifact_gc: WorkflowArtifactGC | None = msgspec.field(name="artifactGC", default=None)
    artifact_repository_ref: ArtifactRepositoryRef | None = None
    metrics: Metrics | None = None

    affinity: dict[str, Any] | None = None
    automount_service_account_token: bool | None = None
    dns_config: dict[str, Any] | None = None
    dns_policy: str = ""
    executor: ExecutorConfig | None = None
    executor_plugins: tuple[dict[str, Any], ...] = ()
    host_aliases: tuple[dict[str, Any], ...] = ()
    host_network: bool | None = None
    image_pull_secrets: tuple[dict[str, Any], ...] = ()
    node_selector: dict[str, str] = {}
    pod_disruption_budget: dict[str, Any] | None = None
    pod_priority_class_name: str = ""
    pod_resources: ResourceRequirements | None = None
    pod_spec_patch: str = ""
    priority: int | None = None
    resource_claims: tuple[dict[str, Any], ...] = ()
    scheduler_name: str = ""
    security_context: dict[str, Any] | None = None
    service_account_name: str = ""
    tolerations: tuple[dict[str, Any], ...] = ()

    def template(self, name: str) -> Template | None:
        """The template of that name, None without."""
        return next((item for item in self.templates if item.name == name), None)

    @property
    def exit_hook(self) -> LifecycleHook | None:
        """What runs after the entry node: `onExit` wins over `hooks.exit`."""
        return LifecycleHook(template=self.on_exit) if self.on_exit else self.hooks.get("exit")

    @property
    def lifecycle_hooks(self) -> dict[str, LifecycleHook]:
        """The hooks that run while the workflow does, each on its expression: all but `exit`."""
        return {name: hook for name, hook in self.hooks.items() if name != "exit"}


class StopStrategy(Wire, frozen=True, kw_only=True):
    """Stops a cron workflow for good once the expression is true."""

    expression: str = ""


class CronWorkflowSpec(Wire, frozen=True, kw_only=True):
    """When and how a workflow is started again and again."""

    workflow_spec: WorkflowSpec
    schedules: tuple[str, ...] = ()
    timezone: str = ""
    concurrency_policy: str = ""
    starting_deadline_seconds: int | None = None
    suspend: bool = False
    when: str = ""
    stop_strategy: StopStrategy | None = None
    successful_jobs_history_limit: int | None = None
    failed_jobs_history_limit: int | None = None
    workflow_metadata: ObjectMeta | None = None
