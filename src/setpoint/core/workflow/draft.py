"""The private draft that one step edits: pure to callers, and no copy of 10,000 nodes per event.

Every change of a node goes through here, so that the counters (active pods, a boundary's active children), the list of
rows to write and the news for waiting frames cannot fall out of step with the nodes.
"""

from __future__ import annotations

import heapq
from collections import deque
from typing import Any, TypeVar, cast

from immutables import Map

from setpoint.apis.argo import (
    LABEL_COMPLETED,
    LABEL_PHASE,
    Metrics,
    NodeFlag,
    NodePhase,
    NodeStatus,
    NodeType,
    WorkflowPhase,
    WorkflowSpec,
)
from setpoint.apis.errors import InvariantViolation
from setpoint.apis.pods import parse_progress
from setpoint.core.workflow import ids
from setpoint.core.workflow.commands import Command, KillPod
from setpoint.core.workflow.context import StepContext
from setpoint.core.workflow.holding import HoldingTable, counts
from setpoint.core.workflow.locks import Claims
from setpoint.core.workflow.phases import Cause, check_node_move, check_workflow_move
from setpoint.core.workflow.progress import progress_in
from setpoint.core.workflow.state import (
    WORKFLOW,
    Frame,
    Leaf,
    RetryFrame,
    Step,
    TemplateCall,
    TemplateFrame,
    WorkflowState,
)

F = TypeVar("F", bound=Frame)
_COUNTED = frozenset({NodeType.POD, NodeType.STEPS, NodeType.DAG})


class BuildError(Exception):
    """A template could not be started or finished; the text is Argo's message. `node` has its phase already."""

    def __init__(self, message: str) -> None:
        self.message = message
        super().__init__(message)


def say_errored(d: Draft, node: str, message: str) -> None:
    """The node of a DAG task that could not be built says so in a cluster's words."""
    d.change(node, message=f"task '{d.need(node).name}' errored: {message}")


class Draft(HoldingTable):
    """A state under change. `ctx` is what the step may look at."""

    def __init__(self, state: WorkflowState, ctx: StepContext) -> None:
        super().__init__(state, ctx.workflow.metadata)
        self.before = state
        self.ctx = ctx
        self.now, self.uid = ctx.now, ctx.workflow.metadata.uid
        self.status = state.status
        self.done, self.total = parse_progress(state.status.progress) or (0, 0)
        self.engine, self.memo = state.engine, state.memo
        self.variables, self.artifacts = state.variables, state.artifacts
        self.active_pods, self.loaded = state.active_pods, state.loaded
        self.daemons = set(state.daemons)
        self.measured, self.parting = state.measured, state.parting
        self.to_measure: list[tuple[str, Metrics]] = []
        self.refused = ""
        self.labels: dict[str, str] = {}  # new ones of the object, beside those of the phase
        self.succeeded: dict[str, None] = {}  # by this event, in order
        self.ended: deque[tuple[str, str, str]] = deque()  # (owner, node, message if it is to be passed up)
        self.commands: dict[str, Command] = {}
        self.folded = 0
        self._spec = state.spec
        self._frames = state.frames.mutate()
        self._leaves = state.leaves.mutate()
        self._own: set[str] = set()  # frames already copied in this step
        self._blocked = set(state.blocked)
        self._dirty: set[str] = set()
        self._heap: list[tuple[int, int, str]] = []
        self._seq = state.seq

    def begin(self) -> None:
        """The next event: what counts for one event only is forgotten."""
        self.folded += 1
        self.phase_before = self.status.phase
        self.ambient = self.ctx.ambient(self._seq, len(self._nodes))
        self.loading = False  # nodes that run are taken up again, wherever in the order they stand
        self.left_open = False  # a group has ended before what is below it
        self.to_measure.clear()
        self.succeeded.clear()
        self.ended.clear()
        self._unlocked.clear()

    # --- what there is

    @property
    def spec(self) -> WorkflowSpec:
        """The spec in force, defaults and template reference merged, global tags filled in."""
        if self._spec is None:
            raise InvariantViolation(f"workflow {self.name!r} has no spec in force yet")
        return self._spec

    @spec.setter
    def spec(self, spec: WorkflowSpec) -> None:
        self._spec = spec

    @property
    def has_spec(self) -> bool:
        """Whether the spec in force is known."""
        return self._spec is not None

    @property
    def suspended(self) -> bool:
        """Whether nothing new may start; a shutdown lifts it, so that a suspended workflow can be stopped."""
        return self.engine.suspended and not self.engine.shutdown

    def shut_down(self, *, on_exit: bool) -> bool:
        """Whether a shutdown holds for a node; exit handlers go on under Stop."""
        return bool(self.engine.shutdown) and (not on_exit or self.engine.shutdown == "Terminate")

    def pod_name(self, node: NodeStatus) -> str:
        """The name of the pod of a node."""
        template = node.template_ref.template if node.template_ref is not None else node.template_name
        return ids.pod_name(self.name, template, node.id)

    def frame(self, node: str) -> Frame | None:
        """The frame of a running group, to read."""
        found: Frame | None = self._frames.get(node)
        return found

    def leaf(self, node: str) -> Leaf | None:
        """What was noted of a running leaf."""
        found: Leaf | None = self._leaves.get(node)
        return found

    def leaves(self) -> list[tuple[str, Leaf]]:
        """All running leaves, oldest node first."""
        found = self._leaves.finish()
        self._leaves = found.mutate()
        return sorted(found.items(), key=lambda item: (self.need(item[0]).started_at or self.now, item[0]))

    @property
    def leaf_count(self) -> int:
        """How many leaves run."""
        return len(self._leaves)

    def running_groups(self) -> list[str]:
        """Ids of the groups that have a frame, deepest first."""
        found = self._frames.finish()
        self._frames = found.mutate()
        return sorted(found, key=lambda frame: (-found[frame].depth, found[frame].seq))

    def entered(self, node: str) -> bool:
        """Whether the running node has its frame or leaf, so that it needs no entering."""
        return node in self._frames or node in self._leaves

    # --- frames

    def edit(self, frame: F) -> F:
        """A copy of the frame that this step may change; the same copy when asked again."""
        if frame.id in self._own:
            return cast("F", self._frames[frame.id])
        mine = frame.copy()
        self._frames[frame.id] = mine
        self._own.add(frame.id)
        return mine

    def enter_frame(self, frame: Frame) -> None:
        """Add the frame of a running group and have it assessed."""
        self._frames[frame.id] = frame
        self._own.add(frame.id)
        self.touch(frame.id)

    def enter_leaf(self, node: str, leaf: Leaf) -> None:
        """Note a running leaf."""
        self._leaves[node] = leaf

    def next_seq(self) -> int:
        """A number that grows; frames of one depth are assessed in its order."""
        self._seq += 1
        return self._seq

    def touch(self, frame: str) -> None:
        """Have the frame assessed in this step."""
        if frame not in self._dirty:
            self._dirty.add(frame)
            self._push(frame)

    def _push(self, frame: str) -> None:
        found = self._frames.get(frame)
        depth, seq = (found.depth, found.seq) if found is not None else (-1, 0)
        heapq.heappush(self._heap, (-depth, seq, frame))

    def pop_touched(self) -> str | None:
        """The deepest frame to assess, None when there is none left."""
        while self._heap:
            frame = heapq.heappop(self._heap)[2]
            if frame in self._dirty:
                self._dirty.discard(frame)
                if frame == WORKFLOW or frame in self._frames:
                    return frame
        return None

    def block(self, frame: str) -> None:
        """The frame has a child that found no room: have it assessed again when something ends."""
        self._blocked.add(frame)

    def unblock_all(self) -> None:
        """Something ended or a limit changed: all that wait for room look again."""
        waiting, self._blocked = self._blocked, set()
        for frame in waiting:
            self.touch(frame)

    def touch_all(self) -> None:
        """Have every frame assessed: a deadline or a shutdown concerns them all."""
        found = self._frames.finish()
        self._frames = found.mutate()
        for frame in found:
            self.touch(frame)
        self.touch(WORKFLOW)
        self._blocked.clear()

    def clear_runtime(self) -> None:
        """Forget all that is derived, to build it anew from the nodes."""
        self._frames = type(self.before.frames)().mutate()
        self._leaves = type(self.before.leaves)().mutate()
        self._own.clear()
        self._blocked.clear()
        self._dirty.clear()
        self._heap.clear()
        self.ended.clear()
        self.measured = Map()
        self.active_pods = sum(1 for node in self.all_nodes() if node.type is NodeType.POD and counts(node))
        self.claims = Claims.read(self.status.synchronization)
        self.read_names()
        self.recount()

    # --- nodes

    def init_node(
        self,
        call: TemplateCall,
        kind: NodeType,
        phase: NodePhase,
        *,
        message: str = "",
        **fields: Any,
    ) -> NodeStatus:
        """Make the node of a call. A node that is born ended gets its end at once; nobody is told."""
        boundary = self._nodes.get(call.boundary) if call.boundary else None
        waited = self._nodes.get(self.id_of(call.name)) if self.is_new(self.id_of(call.name)) else None
        flag = NodeFlag(hooked=call.hooked, retried=call.retried) if call.hooked or call.retried else None
        ref = call.template_ref
        node = NodeStatus(
            id=self.claim(call.name),
            name=call.name,
            display_name=ids.display_name(call.name, boundary.name if boundary is not None else None),
            type=kind,
            template_name="" if ref is not None else call.template,
            template_ref=ref,
            template_scope=call.scope,
            phase=phase,
            boundary_id=call.boundary,
            message=message,
            started_at=waited.started_at if waited is not None else self.now,
            finished_at=self.now if phase.fulfilled else None,
            progress=progress_in(kind, phase),
            node_flag=flag,
        ).replace(**fields)
        if node.id in self._nodes and waited is None:
            raise InvariantViolation(f"node {node.name!r} is there already")
        if waited is None:
            self._fresh.add(node.id)
        self._unlocked.discard(node.id)
        self.put(node)
        self._count(node, +1)
        return node

    def mark(
        self,
        node: str,
        phase: NodePhase,
        message: str | None = None,
        *,
        cause: Cause = Cause.FOLD,
        raised: str = "",
        **fields: Any,
    ) -> NodeStatus:
        """Move a node to a phase; an end drops its frame or leaf and tells the frame that waits for it.

        Args:
            node: Node id.
            phase: The new phase.
            message: The new message; None keeps the old one.
            cause: What makes an otherwise illegal move legal.
            raised: A building error that the owner has to hear of, not only that the node ended.
            fields: Further fields to change.
        """
        old = self.need(node)
        check_node_move(old.name, old.phase, phase, cause)
        ends = phase.fulfilled and not old.phase.fulfilled
        if ends:
            fields["daemoned"] = None
        new = old.replace(
            phase=phase,
            message=old.message if message is None else message,
            finished_at=self.now if ends else old.finished_at,
            progress=progress_in(old.type, phase, old.progress) or old.progress,
            **fields,
        )
        self.put(new)
        if ends:
            self.claims = self.claims.release(self.holder(node))
            for container in self.open_containers(node):
                self.mark(container.id, phase, new.message)
            owner = self.owner_of(node)
            self._count(old if old.synchronization_status is not None else new, -1)
            frame = self._frames.pop(node, None)
            self.left_open |= frame is not None and frame.open > 0
            self._leaves.pop(node, None)
            if phase is NodePhase.SUCCEEDED:
                self.succeeded[node] = None
            if owner is not None and old.fulfilled and not isinstance(self._frames.get(owner), RetryFrame):
                self.touch(owner)  # a daemon: it was told of when it was up
            elif owner is not None:
                self.ended.append((owner, node, raised))
            self.daemons.discard(node)
            if node in self.measured:
                self.to_measure.append((node, self.measured[node]))
                self.measured = self.measured.delete(node)
        elif old.phase is not phase:
            frame = self._frames.get(self.owner_of(node) or "")
            if frame is not None and node in frame.hooked:
                self.ended.append((frame.id, node, ""))
        return new

    def forget(self, node: str) -> None:
        """Drop the frame or leaf of a node whose owner is told in another way, or that is about to be entered."""
        self._frames.pop(node, None)
        self._leaves.pop(node, None)

    def open_below_ended(self) -> list[str]:
        """What runs although the group that waits for it has ended, deepest first."""
        leaves = [node for node, leaf in self.leaves() if not self._waited_for(leaf.owner)]
        return leaves + [node for node in self.running_groups() if not self._waited_for(self._frames[node].call.owner)]

    def _waited_for(self, owner: str) -> bool:
        return owner == WORKFLOW or owner in self._frames

    def owner_of(self, node: str) -> str | None:
        """The frame that waits for a running node; the nearest living one above if that has ended. None unknown."""
        frame = self._frames.get(node)
        leaf = self._leaves.get(node)
        owner: str | None = frame.call.owner if frame is not None else leaf.owner if leaf is not None else None
        if owner is None or owner == WORKFLOW or owner in self._frames:
            return owner
        above = self.need(node).boundary_id
        while above and above not in self._frames:
            found = self._nodes.get(above)
            above = found.boundary_id if found is not None else ""
        return above or WORKFLOW

    def _count(self, node: NodeStatus, sign: int) -> None:
        """Keep the counters: +1 for a new node, -1 for one that has just ended."""
        waits = node.synchronization_status is not None
        if node.type is NodeType.POD and not waits and (sign < 0 or not node.phase.fulfilled):
            self.active_pods += sign
        if node.boundary_id and node.type in _COUNTED and not waits:
            self._count_boundary(node, sign)
        if sign < 0:
            self.unblock_all()

    def _count_boundary(self, node: NodeStatus, sign: int) -> None:
        boundary = self._frames.get(node.boundary_id)
        if not isinstance(boundary, TemplateFrame) or (
            boundary.template.parallelism is None and not boundary.template.fail_fast
        ):
            return
        mine = self.edit(boundary)
        if sign < 0 or not node.phase.fulfilled:
            mine.active += sign
            mine.pods += sign if node.type is NodeType.POD else 0
        if node.failed_or_error:
            mine.unsuccessful += 1
        if mine.unsuccessful and mine.pods == 0:  # its failFast may end it now, whichever child was the last to end
            self.touch(mine.id)

    # --- orders, and the workflow itself

    def order(self, command: Command) -> None:
        """Give an order; the same id again is the same order."""
        self.commands[command.id] = command

    def kill(self, node: str, reason: str) -> None:
        """Order the end of a node's pod."""
        found = self.need(node)
        pod = ids.pod_id(self.uid, node, found.started_at)
        self.order(KillPod(id=ids.command_id(self.uid, node, pod, "kill"), node=node, pod=pod, reason=reason))

    def mark_workflow(self, phase: WorkflowPhase, message: str = "", *, cause: Cause = Cause.FOLD) -> None:
        """Move the workflow to a phase."""
        check_workflow_move(self.name, self.status.phase, phase, cause)
        if phase.completed:
            self.claims = Claims()
        self.status = self.status.replace(
            phase=phase,
            message=message,
            started_at=self.status.started_at or (None if phase is WorkflowPhase.PENDING else self.now),
            finished_at=self.now if phase.completed else None,
        )

    def freeze(self) -> Step:
        """The next state and what changed."""
        progress = f"{self.done}/{self.total}" if self.total else ""
        if progress != self.status.progress:
            self.status = self.status.replace(progress=progress)
        if self.claims is not self.before.claims:
            self.status = self.status.replace(synchronization=self.claims.record())
        state = WorkflowState(
            status=self.status,
            nodes=self.freeze_nodes(),
            names=self._names,
            engine=self.engine,
            frames=self._frames.finish(),
            leaves=self._leaves.finish(),
            blocked=frozenset(self._blocked),
            daemons=frozenset(self.daemons),
            measured=self.measured,
            parting=self.parting,
            active_pods=self.active_pods,
            seq=self._seq,
            spec=self._spec,
            variables=self.variables,
            artifacts=self.artifacts,
            memo=self.memo,
            loaded=self.loaded,
            claims=self.claims,
        )
        labels: dict[str, str | None] = dict(self.labels)
        if self.status.phase is not self.before.status.phase:
            labels[LABEL_PHASE] = self.status.phase.value
            labels[LABEL_COMPLETED] = "true" if self.status.phase.completed else "false"
        return Step(
            state=state,
            commands=tuple(self.commands.values()),
            changed=frozenset(self._changed),
            deleted=frozenset(self._deleted),
            labels=labels,
            refused=self.refused,
            folded=self.folded,
        )
