"""The state of one workflow between two steps, and the frames that make a step cheap.

Durable are the nodes (rows), the status and the engine's small memory. Frames are derived: one per running group
(steps, step group, DAG, task group, retry), holding what would otherwise be counted or searched again at every event:
the next child to start, how many are open, which task waits for how many others. They are rebuilt top-down on load by
the very code that made them, which finds existing nodes by name instead of creating them.
Invariant: a frame exists for a node exactly while that node is a running group that has been entered.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Self

import msgspec
from immutables import Map

from setpoint.apis.argo import (
    Arguments,
    Artifact,
    ContinueOn,
    Inputs,
    LifecycleHook,
    Metrics,
    NodeStatus,
    Outputs,
    RetryStrategy,
    Template,
    TemplateRef,
    WorkflowSpec,
    WorkflowStatus,
)
from setpoint.apis.custom_metrics import MetricValue
from setpoint.core.expr import Depends, Places
from setpoint.core.workflow.commands import Command
from setpoint.core.workflow.locks import Claims

WORKFLOW = ""
"""Id of the pseudo-frame of the workflow itself."""


class EngineMemory(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the engine remembers of a workflow beside its status; small, written as one blob.

    `shutdown` is the strategy in force ("" for none). `seen_*` are the object's controls as last folded, so that only
    a change counts. `metrics` are the values of custom metrics that it has emitted.
    """

    shutdown: str = ""
    suspended: bool = False
    seen_shutdown: str = ""
    seen_suspend: bool = False
    metrics: tuple[MetricValue, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """A template found, defaults merged in; `tree` is it as builtins, `scope` where its own calls are looked up.

    `places` is where the tree has tags beside its inputs, `more_than_inputs` whether they name anything else.
    """

    template: Template
    tree: dict[str, Any]
    places: Places
    more_than_inputs: bool
    scope: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateCall:
    """One execution of a template, under the node name it will have.

    Args:
        name: Node name.
        template: Name of a template in the caller's scope, "" where a reference or an inline template says it.
        scope: The caller's template scope, e.g. `local/<workflow>`.
        owner: Id of the frame that waits for the node; `WORKFLOW` for entry and exit nodes.
        boundary: Id of the enclosing steps or DAG node, "" for none.
        variables: `steps.name` or `tasks.name` for the called template.
        absent: Arguments left out because they refer to an output that its skipped producer never made.
        capture: Whether something reads `outputs.result` of this call.
        deadline: When the attempts of a retry together have had their time; of the second and later ones.
        depth: Calls above this one, the entry's is 1.
    """

    name: str
    template: str = ""
    template_ref: TemplateRef | None = None
    inline: Template | None = None
    arguments: Arguments = field(default_factory=Arguments)
    scope: str
    owner: str = WORKFLOW
    boundary: str = ""
    variables: Mapping[str, str] = field(default_factory=dict)
    absent: frozenset[str] = frozenset()
    capture: bool = False
    on_exit: bool = False
    hooked: bool = False
    retried: bool = False
    deadline: datetime | None = None
    depth: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """A running node that calls no other: what has to be known when it ends.

    Args:
        owner: Id of the frame that waits for it.
        outputs: The outputs its template declares, tags filled in; artifacts with the location they are saved to.
        inputs: Its inputs, for the defaults of supplied outputs.
        due: When a suspend node ends by itself.
        action: Id of the command a resource node waits for.
        daemon: Whether it is to run until what is around it ends.
        waits: The call of a node that has not started because it waits for locks.
        pending_until: When it must have begun to run.
        until: When it must have ended; only of what the engine itself carries out.
    """

    owner: str
    outputs: Outputs
    inputs: Inputs
    on_exit: bool = False
    due: datetime | None = None
    action: str = ""
    daemon: bool = False
    waits: TemplateCall | None = None
    pending_until: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Child:
    """A planned child of a group: a call, or a node that is born ended (`skipped` or `error` holds its message)."""

    id: str
    call: TemplateCall
    label: str = ""
    exit_hook: LifecycleHook | None = None
    hooks: Mapping[str, LifecycleHook] = field(default_factory=dict)
    continue_on: ContinueOn | None = None
    skipped: str | None = None
    error: str | None = None


class Frame:
    """Base of frames: mutable inside one step, after a copy; their containers are immutable."""

    __slots__ = ("active", "attached", "call", "due", "hooked", "id", "open", "pods", "seq", "unsuccessful")
    RANK: ClassVar[int] = 0  # order among the frames of one call: what lies deeper is settled first

    def __init__(self, node: str, call: TemplateCall, *, seq: int) -> None:
        self.id = node
        self.call = call
        self.seq = seq
        self.pods = 0  # Pending or Running Pod nodes whose boundary this is
        self.active = 0  # Pending or Running Pod, Steps and DAG nodes whose boundary this is
        self.unsuccessful = 0  # those of them that Failed or Errored, ever
        self.open = 0  # children that have started and not ended, their exit nodes included
        self.hooked: Map[str, Child] = Map()  # children with hooks that are not done with
        self.due: list[str] = []  # those of them whose hooks are to be looked at
        self.attached: Map[str, str] = Map()  # hook or exit node that runs -> the child it is beside

    @property
    def depth(self) -> int:
        """Deeper frames are settled before those that wait for them."""
        return self.call.depth * 4 + self.RANK

    def copy(self) -> Self:
        """A copy to edit."""
        mine = object.__new__(type(self))
        for name in _slots(type(self)):
            setattr(mine, name, getattr(self, name))
        mine.due = list(self.due)
        return mine


_SLOTS: dict[type[Frame], tuple[str, ...]] = {}


def _slots(frame: type[Frame]) -> tuple[str, ...]:
    found = _SLOTS.get(frame)
    if found is None:
        found = _SLOTS[frame] = tuple(name for kind in frame.__mro__ for name in getattr(kind, "__slots__", ()))
    return found


class GroupFrame(Frame):
    """A step group or task group: children started in order, and how many of them are open."""

    __slots__ = ("children", "cursor", "index", "parent")
    RANK = 2

    children: tuple[Child, ...]
    index: Map[str, int]

    def __init__(self, node: str, call: TemplateCall, *, seq: int, parent: str, children: tuple[Child, ...]) -> None:
        super().__init__(node, call, seq=seq)
        self.parent = parent
        self.children = children
        self.index = Map({child.id: at for at, child in enumerate(children)})
        self.cursor = 0


class TemplateFrame(Frame):
    """A running template that calls others; `tree` has its inputs filled in."""

    __slots__ = ("resolved", "template", "tree")

    def __init__(
        self, node: str, call: TemplateCall, *, seq: int, resolved: Resolved, template: Template, tree: dict[str, Any]
    ) -> None:
        super().__init__(node, call, seq=seq)
        self.resolved = resolved
        self.template = template
        self.tree = tree


class StepsFrame(TemplateFrame):
    """Steps: the group that runs, and the variables of those before it."""

    __slots__ = ("absent", "artifacts", "captured", "group", "variables")
    RANK = 1

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.group = 0
        self.variables: Map[str, Any] = Map()
        self.absent: frozenset[str] = frozenset()
        self.artifacts: Map[str, Artifact] = Map()
        self.captured: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class DagPlan:
    """What a DAG's text says, worked out once.

    Args:
        order: Needed tasks, dependencies first, in the order targets (sorted) reach them.
        dependencies: Task to the tasks its condition names.
        dependants: The reverse, needed tasks only, in order.
        conditions: Task to its parsed condition; tasks without have none.
        targets: Target tasks, in sorted order or as given.
        trees: Task to its definition as builtins.
        names: Task to its node's name.
        ids: Task to its node's id.
        tasks: The reverse: node id to task.
    """

    order: Mapping[str, int]
    dependencies: Mapping[str, tuple[str, ...]]
    dependants: Mapping[str, tuple[str, ...]]
    conditions: Mapping[str, Depends]
    targets: tuple[str, ...]
    trees: Mapping[str, dict[str, Any]]
    names: Mapping[str, str]
    ids: Mapping[str, str]
    tasks: Mapping[str, str]


class DagFrame(TemplateFrame):
    """A DAG: per task the number of dependencies not settled yet, and the tasks that may start."""

    __slots__ = ("captured", "plan", "ready", "waiting")
    RANK = 1

    plan: DagPlan

    def __init__(self, *args: Any, plan: DagPlan, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.plan = plan
        self.waiting: Map[str, int] = Map()
        self.ready: tuple[str, ...] = ()
        self.captured: frozenset[str] = frozenset()


class RetryFrame(TemplateFrame):
    """A template under a retry strategy: how many attempts were made, and the one that runs or ran last."""

    __slots__ = ("attempts", "strategy")

    def __init__(self, *args: Any, strategy: RetryStrategy, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.strategy = strategy
        self.attempts = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeNames:
    """Which name holds which node id, planned nodes included; `wide` are the names that found theirs taken."""

    holders: Map[str, str] = field(default_factory=Map)
    wide: Map[str, str] = field(default_factory=Map)

    def hold(self, node: str, name: str, *, wide: bool) -> NodeNames:
        """With one more."""
        return NodeNames(holders=self.holders.set(node, name), wide=self.wide.set(name, node) if wide else self.wide)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowState:
    """One workflow. `status` holds no nodes; `blocked` are frames whose next child found no room.

    `daemons` are the nodes that run as daemons, attempts of a retry and the Retry node itself;
    `measured` are the running nodes whose template has metrics; `parting` what the pods would put out that were told to
    end, of nodes that have ended already, where artifacts are to be deleted.
    """

    status: WorkflowStatus = field(default_factory=WorkflowStatus)
    nodes: Map[str, NodeStatus] = field(default_factory=Map)
    names: NodeNames = field(default_factory=NodeNames)
    engine: EngineMemory = field(default_factory=EngineMemory)
    frames: Map[str, Frame] = field(default_factory=Map)
    leaves: Map[str, Leaf] = field(default_factory=Map)
    blocked: frozenset[str] = frozenset()
    daemons: frozenset[str] = frozenset()
    measured: Map[str, Metrics] = field(default_factory=Map)
    parting: Map[str, Outputs] = field(default_factory=Map)
    active_pods: int = 0
    seq: int = 0
    spec: WorkflowSpec | None = None
    variables: Map[str, Any] = field(default_factory=Map)
    artifacts: Map[str, Artifact] = field(default_factory=Map)
    memo: dict[tuple[str, ...], Resolved] = field(default_factory=dict, compare=False, repr=False)
    loaded: bool = False
    claims: Claims = field(default_factory=Claims)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What events led to: the next state, the orders, and what of the state is to be written.

    `labels` are for the Workflow object; None removes one. `folded` is the number of events.
    """

    state: WorkflowState
    commands: tuple[Command, ...] = ()
    changed: frozenset[str] = frozenset()
    deleted: frozenset[str] = frozenset()
    labels: Mapping[str, str | None] = field(default_factory=dict)
    refused: str = ""
    folded: int = 1
