"""Templates: the nodes' definitions, with the steps and DAG tasks that call other templates.

These types refer to each other (a step may hold an inline template), so they share a module. A legal template has
exactly one type; that and all other rules across fields are lint's, the types only say which fields there are.
Source: argoproj.io/v1alpha1 Template, WorkflowStep, DAGTask, DAGTemplate, LifecycleHook, TemplateRef.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from setpoint.apis.argo.artifacts import Arguments, ArtifactLocation, Inputs, Metadata, Outputs
from setpoint.apis.argo.containers import Container, ContainerSetTemplate, ScriptTemplate, UserContainer, Volume
from setpoint.apis.argo.leaves import (
    HTTP,
    Data,
    ExecutorConfig,
    Memoize,
    Metrics,
    ResourceRequirements,
    ResourceTemplate,
    SuspendTemplate,
    Synchronization,
)
from setpoint.apis.argo.retry import RetryStrategy
from setpoint.apis.argo.scalars import IntOrString
from setpoint.apis.meta import Wire


class TemplateType(StrEnum):
    """The types of a template; the value is the field that holds it."""

    CONTAINER = "container"
    CONTAINER_SET = "containerSet"
    SCRIPT = "script"
    RESOURCE = "resource"
    SUSPEND = "suspend"
    HTTP = "http"
    DATA = "data"
    STEPS = "steps"
    DAG = "dag"
    PLUGIN = "plugin"


_TYPE_FIELDS = tuple(
    ("container_set" if kind is TemplateType.CONTAINER_SET else kind.value, kind) for kind in TemplateType
)


class TemplateRef(Wire, frozen=True, kw_only=True):
    """A template of a WorkflowTemplate, or of a ClusterWorkflowTemplate with `cluster_scope`."""

    name: str = ""
    template: str = ""
    cluster_scope: bool = False


class ContinueOn(Wire, frozen=True, kw_only=True):
    """Which phases of a step or task count as fine for what follows; `failed` does not cover Error."""

    error: bool = False
    failed: bool = False


class Sequence(Wire, frozen=True, kw_only=True):
    """Numbers to loop over: `count` from `start`, or `start` to `end`; `format` is printf's."""

    count: IntOrString | None = None
    start: IntOrString | None = None
    end: IntOrString | None = None
    format: str = ""


class LifecycleHook(Wire, frozen=True, kw_only=True):
    """A template run when an expression turns true; the hook named `exit` needs none."""

    template: str = ""
    template_ref: TemplateRef | None = None
    arguments: Arguments = Arguments()
    expression: str = ""


class Call(Wire, frozen=True, kw_only=True):
    """What a step and a DAG task share: a call of a template, once or per item."""

    name: str = ""
    template: str = ""
    template_ref: TemplateRef | None = None
    inline: Template | None = None
    arguments: Arguments = Arguments()
    when: str = ""
    with_items: tuple[Any, ...] | None = None
    with_param: str = ""
    with_sequence: Sequence | None = None
    continue_on: ContinueOn | None = None
    hooks: dict[str, LifecycleHook] = {}
    on_exit: str = ""

    @property
    def loops(self) -> bool:
        """Whether it expands to a node per item."""
        return self.with_items is not None or bool(self.with_param) or self.with_sequence is not None

    @property
    def exit_hook(self) -> LifecycleHook | None:
        """What runs after the node: `onExit` wins over `hooks.exit`."""
        return LifecycleHook(template=self.on_exit) if self.on_exit else self.hooks.get("exit")

    @property
    def lifecycle_hooks(self) -> dict[str, LifecycleHook]:
        """The hooks that run while the node does, each on its expression: all but `exit`."""
        return {name: hook for name, hook in self.hooks.items() if name != "exit"}


class WorkflowStep(Call, frozen=True, kw_only=True):
    """One step of a parallel group."""


class DAGTask(Call, frozen=True, kw_only=True):
    """One task of a DAG; either `depends` or `dependencies`."""

    depends: str = ""
    dependencies: tuple[str, ...] = ()


class DAGTemplate(Wire, frozen=True, kw_only=True):
    """Tasks and their dependencies. `fail_fast` None means true."""

    tasks: tuple[DAGTask, ...]
    target: str = ""
    fail_fast: bool | None = None


class Template(Wire, frozen=True, kw_only=True):
    """A unit of work or a composition of others; exactly one of the fields of `TemplateType` is set."""

    name: str = ""
    container: Container | None = None
    container_set: ContainerSetTemplate | None = None
    script: ScriptTemplate | None = None
    resource: ResourceTemplate | None = None
    suspend: SuspendTemplate | None = None
    http: HTTP | None = None
    data: Data | None = None
    steps: tuple[tuple[WorkflowStep, ...], ...] | None = None
    dag: DAGTemplate | None = None
    plugin: dict[str, Any] | None = None

    inputs: Inputs = Inputs()
    outputs: Outputs = Outputs()
    retry_strategy: RetryStrategy | None = None
    active_deadline_seconds: IntOrString | None = None
    timeout: str = ""
    pending_timeout: str = ""
    parallelism: int | None = None
    fail_fast: bool | None = None
    daemon: bool | None = None
    memoize: Memoize | None = None
    synchronization: Synchronization | None = None

    volumes: tuple[Volume, ...] = ()
    init_containers: tuple[UserContainer, ...] = ()
    sidecars: tuple[UserContainer, ...] = ()
    archive_location: ArtifactLocation | None = None

    annotations: dict[str, str] = {}
    metadata: Metadata = Metadata()
    metrics: Metrics | None = None
    affinity: dict[str, Any] | None = None
    automount_service_account_token: bool | None = None
    executor: ExecutorConfig | None = None
    host_aliases: tuple[dict[str, Any], ...] = ()
    node_selector: dict[str, str] = {}
    pod_resources: ResourceRequirements | None = None
    pod_spec_patch: str = ""
    priority_class_name: str = ""
    resource_claims: tuple[dict[str, Any], ...] = ()
    scheduler_name: str = ""
    security_context: dict[str, Any] | None = None
    service_account_name: str = ""
    tolerations: tuple[dict[str, Any], ...] = ()

    @property
    def types(self) -> tuple[TemplateType, ...]:
        """The types given; a legal template has one."""
        return tuple(kind for field, kind in _TYPE_FIELDS if getattr(self, field) is not None)

    @property
    def type(self) -> TemplateType | None:
        """The first type given, None if there is none."""
        return next((kind for field, kind in _TYPE_FIELDS if getattr(self, field) is not None), None)

    @property
    def is_leaf(self) -> bool:
        """Whether it calls no other template."""
        return self.steps is None and self.dag is None

    @property
    def is_pod(self) -> bool:
        """Whether it runs as a pod: container, containerSet, script, resource or data."""
        return any(
            body is not None for body in (self.container, self.container_set, self.script, self.resource, self.data)
        )

    @property
    def main(self) -> Container | None:
        """The main container of a container or script template."""
        return self.container if self.container is not None else self.script

    @property
    def mains(self) -> tuple[Container, ...]:
        """The containers whose end is the pod's, `main` first where there is one; none if the engine itself acts.

        Those of a set have its volume mounts too.
        """
        if self.main is not None:
            return (self.main.replace(name="main"),)
        if self.container_set is None:
            return ()
        shared = self.container_set.volume_mounts
        found = [item.replace(volume_mounts=(*item.volume_mounts, *shared)) for item in self.container_set.containers]
        return tuple(sorted(found, key=lambda item: item.name != "main"))

    @property
    def calls(self) -> tuple[Call, ...]:
        """All steps or tasks, in the order written."""
        if self.steps is not None:
            return tuple(step for group in self.steps for step in group)
        return tuple(self.dag.tasks) if self.dag is not None else ()
