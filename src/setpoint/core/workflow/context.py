"""What a step may look at beside the state: the moment, the object, and what others have stored.

The core does no I/O. Where it needs a template of another object or a config map that the shell has not handed over
yet, it raises `ContextMissing`; the shell fetches the thing (or notes that there is none) and folds the same event
again, which is safe because a step that raised has changed nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from setpoint.apis.argo import Workflow, WorkflowSpec
from setpoint.core.expr import Ambient
from setpoint.core.workflow.locks import Lock, LockTable


class Kind(StrEnum):
    """Kinds of things a step may need from outside."""

    WORKFLOW_TEMPLATE = "WorkflowTemplate"
    CLUSTER_WORKFLOW_TEMPLATE = "ClusterWorkflowTemplate"
    CONFIG_MAP = "ConfigMap"
    CACHE = "Cache"


class ContextMissing(Exception):
    """The step needs an object that the library does not hold yet."""

    def __init__(self, kind: Kind, name: str) -> None:
        self.kind = kind
        self.name = name
        super().__init__(f"{kind.value} {name!r} is needed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cache:
    """A config map whose labels or annotations count: one that holds outputs, or describes repositories."""

    data: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Library:
    """Objects of the workflow's namespace (and cluster templates), by name; None says that there is none.

    Config maps of another namespace go by `NAMESPACE/NAME`.
    """

    workflow_templates: Mapping[str, WorkflowSpec | None] = field(default_factory=dict)
    cluster_workflow_templates: Mapping[str, WorkflowSpec | None] = field(default_factory=dict)
    config_maps: Mapping[str, Mapping[str, str] | None] = field(default_factory=dict)
    caches: Mapping[str, Cache | None] = field(default_factory=dict)
    defaults: WorkflowSpec | None = None

    def template_spec(self, name: str, *, cluster: bool) -> WorkflowSpec | None:
        """The spec of a template object, None if there is no such object. Raises: ContextMissing."""
        kind = Kind.CLUSTER_WORKFLOW_TEMPLATE if cluster else Kind.WORKFLOW_TEMPLATE
        shelf = self.cluster_workflow_templates if cluster else self.workflow_templates
        if name not in shelf:
            raise ContextMissing(kind, name)
        return shelf[name]

    def config_map(self, name: str) -> Mapping[str, str] | None:
        """The data of a config map, None if there is no such object. Raises: ContextMissing."""
        if name not in self.config_maps:
            raise ContextMissing(Kind.CONFIG_MAP, name)
        return self.config_maps[name]

    def cache(self, name: str) -> Cache | None:
        """A config map as a cache, None if there is no such object. Raises: ContextMissing."""
        if name not in self.caches:
            raise ContextMissing(Kind.CACHE, name)
        return self.caches[name]


@dataclass(frozen=True, slots=True, kw_only=True)
class StepContext:
    """All that a step knows of the world.

    Args:
        now: The moment the event is folded at, UTC.
        workflow: The object; its status is not read.
        library: What has been fetched so far.
        locks: Claims of all workflows; this one's own are in its state.
        admission: Locks that the workflow takes before it begins, see `admission_locks`.
        pod_environment: Variables every pod gets from the substrate, such as the address of the API.
    """

    now: datetime
    workflow: Workflow
    library: Library = field(default_factory=Library)
    locks: LockTable = field(default_factory=LockTable)
    admission: tuple[Lock, ...] = ()
    pod_environment: Mapping[str, str] = field(default_factory=dict)

    def ambient(self, seq: int, nodes: int) -> Ambient:
        """The moment, and numbers that look random: the same event folded again into that state draws the same ones.

        Args:
            seq: The state's, before the event.
            nodes: How many there are before it, so that two events of one moment draw others.
        """
        seed = f"{self.workflow.metadata.uid} {self.now.isoformat()} {seq} {nodes}"
        return Ambient(now=self.now, seed=seed.encode())
