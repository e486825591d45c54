"""Any workflow, any order of events: what must hold whatever happens. A fake cluster drives `step`.

The rules are those of the engine's contract: ended phases absorb, repeated events change nothing, at most `parallelism`
pods run, every launched pod is ended or killed at completion, retries stay within their limit, the workflow ends
exactly when no node is open, and what the rows hold is enough to go on from.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from immutables import Map

from setpoint.apis.argo import NodePhase, NodeStatus, NodeType, Workflow, WorkflowStatus
from setpoint.core.workflow import (
    ActionReported,
    Command,
    ControlsChanged,
    EngineMemory,
    Event,
    LaunchPod,
    PodEnded,
    PodLost,
    PodStarted,
    ProgressReported,
    ResumeRequested,
    RetryRequested,
    SetRequested,
    SetTimer,
    StepContext,
    StopRequested,
    SuspendRequested,
    TimerFired,
    TimerKind,
    WorkflowStarted,
    WorkflowState,
    decode_event,
    fnv1a,
    pod_id,
    step,
    steps,
)
from tests.properties.workflows import LIMIT, workflows, world
from tests.unit.core.workflow.driver import Cluster


def without_caches(state: WorkflowState) -> dict[str, Any]:
    """All that a state holds but what it only remembers to be quick; frames by what they wait for."""
    held = {name: getattr(state, name) for name in state.__dataclass_fields__ if name not in ("memo", "frames")}
    return held | {"frames": {key: (frame.open, frame.depth, frame.seq) for key, frame in state.frames.items()}}


class WorkflowMachine(RuleBasedStateMachine):
    """Events in any order, from a cluster that starts, ends, loses and repeats."""

    def __init__(self) -> None:
        super().__init__()
        self.cluster: Cluster | None = None
        self.past: list[Event] = []
        self.ended: dict[str, NodePhase] = {}

    @property
    def world(self) -> Cluster:
        assert self.cluster is not None
        return self.cluster

    @initialize(workflow=workflows())
    def start(self, workflow: Workflow) -> None:
        self.cluster = world(workflow)
        self.world.fold(WorkflowStarted())

    def active_pods(self) -> list[NodeStatus]:
        """Pods that have been asked for and not ended: those that wait for a lock have not."""
        pods = (node for node in self.world.state.nodes.values() if node.type is NodeType.POD and not node.fulfilled)
        return [node for node in pods if not node.message.startswith("Waiting for ")]

    def choose(self, at: int) -> tuple[str, LaunchPod] | None:
        running = sorted(self.world.running.items())
        return running[at % len(running)] if running else None

    @rule(at=st.integers(0, 20), code=st.sampled_from([0, 0, 0, 1, 2]), whole=st.booleans())
    def pod_ends(self, at: int, code: int, whole: bool) -> None:
        """Well, badly, or (not whole) well without the output that it declares."""
        chosen = self.choose(at)
        if chosen is not None:
            self.past.append(self.world.end_pod(chosen[0], code, {"out": str(at)} if whole else {}))

    @rule(codes=st.lists(st.sampled_from([0, 0, 0, 1, 2]), min_size=2, max_size=6))
    def pods_end_together(self, codes: list[int]) -> None:
        """Folded together, events lead to what they lead to one after another."""
        world = self.world
        pods = sorted(world.running.items())[: len(codes)]
        starts = [PodStarted(node=launch.node, pod=pod) for pod, launch in pods]
        ends = [world.end_of(pod, code) for (pod, _), code in zip(pods, codes, strict=False)]
        events: list[Event] = [*starts, *ends]
        if not events:
            return
        ctx = StepContext(now=world.now, workflow=world.workflow, library=world.library, locks=world.locks)
        together = steps(world.state, events, ctx)
        state, orders, changed = world.state, list[Command](), set[str]()
        for event in events[: together.folded]:
            one = step(state, event, ctx)
            state, orders, changed = one.state, [*orders, *one.commands], (changed | one.changed) - one.deleted
        assert without_caches(state) == without_caches(together.state)
        assert {order.id: order for order in orders} == {order.id: order for order in together.commands}
        assert changed == together.changed
        for event in events:
            if isinstance(event, PodEnded):
                world.running.pop(event.pod, None)
            world.fold(event)
        self.past += ends

    @rule(at=st.integers(0, 20))
    def pod_starts(self, at: int) -> None:
        chosen = self.choose(at)
        if chosen is not None:
            self.world.fold(PodStarted(node=chosen[1].node, pod=chosen[0]))

    @rule(at=st.integers(0, 20), done=st.integers(0, 9), total=st.integers(0, 9))
    def pod_reports(self, at: int, done: int, total: int) -> None:
        chosen = self.choose(at)
        if chosen is not None:
            self.world.fold(ProgressReported(node=chosen[1].node, pod=chosen[0], progress=f"{done}/{total}"))

    @rule(at=st.integers(0, 20), phase=st.sampled_from(["Running", "Succeeded", "Failed", "Error"]))
    def action_is_reported(self, at: int, phase: str) -> None:
        actions = sorted(self.world.actions.items())
        if actions:
            key, action = actions[at % len(actions)]
            event = ActionReported(node=action.node, command=key, phase=NodePhase(phase), message=phase)
            self.world.fold(event)
            if event.phase.fulfilled:
                self.world.actions.pop(key, None)
                self.past.append(event)

    @rule(at=st.integers(0, 20))
    def pod_is_lost(self, at: int) -> None:
        chosen = self.choose(at)
        if chosen is not None:
            del self.world.running[chosen[0]]
            self.world.fold(PodLost(node=chosen[1].node, pod=chosen[0]))

            self.past.append(PodLost(node=chosen[1].node, pod=chosen[0]))

    @precondition(lambda self: self.past)
    @rule(at=st.integers(0, 20), kind=st.sampled_from(["again", "started", "lost", "progress"]))
    def a_late_event_changes_nothing(self, at: int, kind: str) -> None:
        before = self.world.state
        late = self.past[at % len(self.past)]
        if isinstance(late, PodEnded | PodLost):
            if kind == "started":
                late = PodStarted(node=late.node, pod=late.pod)
            elif kind == "lost":
                late = PodLost(node=late.node, pod=late.pod)
            elif kind == "progress":
                late = ProgressReported(node=late.node, pod=late.pod, progress="1/2")
        result = self.world.fold(late)
        assert result.commands == ()
        assert result.changed == frozenset()
        assert self.world.state.nodes == before.nodes

    @rule(node=st.sampled_from(["", "wf", "wf-1", "nobody"]))
    def events_for_nobody_change_nothing(self, node: str) -> None:
        before = self.world.state
        for event in (PodStarted(node=node, pod="p"), PodLost(node=node, pod="p")):
            result = self.world.fold(event)
            assert (result.commands, result.changed) == ((), frozenset())
        assert self.world.state.nodes == before.nodes

    def next_timer(self) -> SetTimer:
        return min(self.world.timers.values(), key=lambda item: (item.at, item.id))

    @rule()
    def timer_fires(self) -> None:
        if self.world.timers:
            timer = self.next_timer()
            del self.world.timers[timer.id]
            self.world.now = max(self.world.now, timer.at)
            event = TimerFired(timer=timer.id, kind=timer.kind, node=timer.node)
            self.world.fold(event)
            if timer.kind is TimerKind.SUSPEND:  # the others look at the moment: again, they act on what is new
                self.past.append(event)

    @rule(selector=st.sampled_from(["", "", "displayName=s00", "templateName=wait", "phase=Failed", "nonsense"]))
    def resumed(self, selector: str) -> None:
        self.world.fold(ResumeRequested(selector=selector))

    @rule(value=st.sampled_from(["", "v"]), phase=st.sampled_from(["", "Succeeded", "Failed", "Error", "Running"]))
    def values_are_set(self, value: str, phase: str) -> None:
        outputs = {"out": value} if value else {}
        self.world.fold(SetRequested(selector="templateName=ask", outputs=outputs, phase=phase))

    @rule(shutdown=st.sampled_from(["", "", "", "Stop"]), suspend=st.booleans())
    def object_is_edited(self, shutdown: str, suspend: bool) -> None:
        self.world.fold(ControlsChanged(shutdown=shutdown if len(self.past) > 3 else "", suspend=suspend))

    @rule()
    def suspended(self) -> None:
        self.world.fold(SuspendRequested())

    @precondition(lambda self: self.cluster is not None and len(self.past) > 3)
    @rule(strategy=st.sampled_from(["Stop", "Terminate"]))
    def stopped(self, strategy: str) -> None:
        self.world.fold(StopRequested(strategy=strategy))

    @precondition(lambda self: self.cluster is not None and self.world.done)
    @rule(successful=st.booleans(), selector=st.sampled_from(["", "templateName=say", "name=wf[0]"]))
    def retried(self, successful: bool, selector: str) -> None:
        result = self.world.fold(RetryRequested(restart_successful=successful, selector=selector))
        if not result.refused:
            self.ended.clear()

    @rule()
    def engine_restarts(self) -> None:
        """What is durable, through JSON and back, gives the same state; nothing new is made by loading."""
        while self.world.timers and self.next_timer().at <= self.world.now + timedelta(seconds=1):
            self.timer_fires()  # what is due may start when the engine loads, so it is let happen before
        state = self.world.state
        rows = {key: msgspec.json.encode(node) for key, node in state.nodes.items()}
        status = msgspec.json.decode(msgspec.json.encode(state.status), type=WorkflowStatus)
        engine = msgspec.json.decode(msgspec.json.encode(state.engine), type=EngineMemory)
        nodes = Map({key: msgspec.json.decode(row, type=NodeStatus) for key, row in rows.items()})
        assert nodes == state.nodes
        self.world.state = WorkflowState(status=status, nodes=nodes, engine=engine)
        self.world.restart()
        assert dict(self.world.state.nodes) == dict(nodes)
        assert self.world.state.active_pods == state.active_pods
        assert self.world.state.leaves == state.leaves
        assert set(self.world.state.frames) == set(state.frames)

    def teardown(self) -> None:
        """What was folded, read back from JSON, leads to what is stored."""
        if self.cluster is not None:
            again = replay(self.world)
            assert dict(again.state.nodes) == dict(self.world.state.nodes)
            assert again.state.status == self.world.state.status
            assert again.state.engine == self.world.state.engine
            assert set(again.launched) == set(self.world.launched)

    @invariant()
    def ended_phases_absorb(self) -> None:
        """What has ended stays, unless a person retries it or the hook of a task cannot be judged."""
        if self.cluster is None:
            return
        nodes = self.world.state.nodes
        for key, phase in self.ended.items():
            assert nodes[key].phase is phase, nodes[key].name
        self.ended.update({key: node.phase for key, node in nodes.items() if node.fulfilled})

    @invariant()
    def at_most_parallelism_pods_run(self) -> None:
        if self.cluster is None:
            return
        limit = self.world.workflow.spec.parallelism
        active = self.active_pods()
        assert self.world.state.active_pods == len(active)
        assert limit is None or len(active) <= limit

    @invariant()
    def every_active_pod_was_launched(self) -> None:
        if self.cluster is None:
            return
        for node in self.active_pods():
            assert pod_id("uid-1", node.id, node.started_at) in self.world.running

    @invariant()
    def ends_exactly_when_nothing_is_open(self) -> None:
        if self.cluster is None:
            return
        state = self.world.state
        open_nodes = [node.name for node in state.nodes.values() if not node.fulfilled]
        if state.status.completed:
            assert open_nodes == []
            assert not self.world.running
            assert not state.leaves and not state.frames
        elif not state.engine.suspended:
            assert open_nodes != []
            assert state.leaves or self.world.timers
            open_actions = {leaf.action for leaf in state.leaves.values() if leaf.action}
            assert open_actions == self.world.actions.keys()

    @invariant()
    def retries_stay_within_the_limit(self) -> None:
        if self.cluster is None:
            return
        for node in self.world.state.nodes.values():
            if node.type is NodeType.RETRY:
                attempts = [child for child in node.children if _is_attempt(self.world.state.nodes[child])]
                assert len(attempts) <= LIMIT + 1
                assert len(set(attempts)) == len(attempts)

    @invariant()
    def progress_is_the_sum_over_the_pods_inside(self) -> None:
        if self.cluster is None:
            return
        nodes = self.world.state.nodes.values()
        assert self.world.state.status.progress == _sum(node for node in nodes if node.type in LEAF_TYPES)
        for group in nodes:
            if group.type in INSIDE:
                inside = [node for node in nodes if node.type in LEAF_TYPES and _is_inside(node, group)]
                assert group.progress == _sum(inside), group.name

    @invariant()
    def every_link_leads_to_a_node(self) -> None:
        if self.cluster is None:
            return
        nodes = self.world.state.nodes
        for node in nodes.values():
            assert all(child in nodes for child in node.children), node.name


LEAF_TYPES = (NodeType.POD, NodeType.CONTAINER, NodeType.HTTP, NodeType.SUSPEND)
INSIDE = {
    NodeType.STEPS: "[",
    NodeType.STEP_GROUP: ".",
    NodeType.DAG: ".",
    NodeType.TASK_GROUP: "(",
    NodeType.RETRY: "(",
}


def _is_inside(node: NodeStatus, group: NodeStatus) -> bool:
    """By names alone: the exit handler and the hooks of the group are beside it."""
    rest = node.name.removeprefix(group.name)
    beside = rest == ".onExit" or rest.startswith((".onExit[", ".onExit(", ".onExit.", ".hooks."))
    return node.name.startswith(group.name + INSIDE[group.type]) and not beside


def _sum(nodes: Iterable[NodeStatus]) -> str:
    pairs = [tuple(map(int, node.progress.split("/"))) for node in nodes]
    assert all(0 <= done <= total for done, total in pairs)
    return f"{sum(pair[0] for pair in pairs)}/{sum(pair[1] for pair in pairs)}" if pairs else ""


def _is_attempt(node: NodeStatus) -> bool:
    return node.node_flag is not None and node.node_flag.retried


TestWorkflowMachine = WorkflowMachine.TestCase
TestWorkflowMachine.settings = settings(
    max_examples=40, stateful_step_count=30, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)  # the same on every machine; `make soak` looks for new ones


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_many_more_workflows_and_orders_of_events() -> None:
    many = settings(TestWorkflowMachine.settings, max_examples=2000, stateful_step_count=50, derandomize=False)
    run_state_machine_as_test(WorkflowMachine, settings=many)


def replay(cluster: Cluster) -> Cluster:
    """A cluster that folds what another one has folded, at the same moments, event by event from JSON."""
    again = Cluster(cluster.workflow, config_maps=cluster.config_maps, replays=True)
    for moment, event in cluster.log:
        again.fold_again(moment, decode_event(msgspec.json.encode(event)))
    return again


CODES = st.lists(st.sampled_from([0, 0, 0, 1]), min_size=1, max_size=12)
MANY = settings(max_examples=30, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


@given(workflow=workflows(), codes=CODES)
@MANY
def test_ends_and_a_restart_after_every_event_changes_nothing(workflow: Workflow, codes: list[int]) -> None:
    calm, restarted = (driven(workflow, codes, restarts=restarts) for restarts in (False, True))
    assert outcome(calm) == outcome(restarted)


@given(workflow=workflows(ordered=False), codes=CODES, draw=st.randoms(use_true_random=False))
@MANY
def test_the_order_in_which_pods_end_and_repeated_events_do_not_matter(
    workflow: Workflow, codes: list[int], draw: Random
) -> None:
    calm, wild = driven(workflow, codes), driven(workflow, codes, draw=draw)
    assert outcome(calm) == outcome(wild)


def outcome(cluster: Cluster) -> Any:
    nodes = cluster.state.nodes
    edges = {node.name: {nodes[child].name for child in node.children} for node in nodes.values()}
    return cluster.phase, cluster.tree(), edges


def driven(workflow: Workflow, codes: list[int], *, restarts: bool = False, draw: Random | None = None) -> Cluster:
    """To the end; a pod's code depends on its node's name alone. With `draw` in any order, each event twice."""
    cluster = world(workflow)
    cluster.fold(WorkflowStarted())
    for _ in range(2000):
        if cluster.done:
            return cluster
        if restarts:
            cluster.restart()
        if cluster.running:
            by_name = sorted(cluster.running, key=lambda key: cluster.state.nodes[cluster.running[key].node].name)
            key = draw.choice(by_name) if draw is not None else by_name[0]
            code = codes[fnv1a(cluster.state.nodes[cluster.running[key].node].name) % len(codes)]
            event = cluster.end_pod(key, code, {"out": "v"})
            if draw is not None:
                cluster.fold(event)
        elif cluster.actions or cluster.timers:
            cluster.turn()
        else:
            cluster.fold(ResumeRequested())
    raise AssertionError("the workflow goes on and on")


def test_phases_of_the_tree_are_argos() -> None:
    assert {phase.value for phase in NodePhase} == {
        "Pending",
        "Running",
        "Succeeded",
        "Skipped",
        "Failed",
        "Error",
        "Omitted",
    }
