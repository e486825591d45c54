"""Any workflow, any order of events: what must hold whatever happens. A fake cluster drives `step`.

The rules are those of the engine's contract: ended phases absorb, repeated events change nothing, at most `parallelism`
pods run, every launched pod is ended or killed at completion, retries stay within their limit, the workflow ends
exactly when no node is open, and what the rows hold is enough to go on from.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from immutables import Map

from setpoint.apis.argo import NodePhase, NodeStatus, NodeType, Workflow, WorkflowSpec, WorkflowStatus
from setpoint.apis.meta import ObjectMeta
from setpoint.apis.pods import PodExit, PodPhase
from setpoint.core.workflow import (
    EngineMemory,
    LaunchPod,
    PodEnded,
    PodLost,
    PodStarted,
    ProgressReported,
    ResumeRequested,
    RetryRequested,
    SetTimer,
    StopRequested,
    SuspendRequested,
    TimerFired,
    WorkflowStarted,
    WorkflowState,
    fnv1a,
    pod_id,
)
from tests.unit.core.workflow.driver import START, Cluster

LIMIT = 2
SAY: dict[str, Any] = {"name": "say", "container": {"image": "test", "command": ["block"]}}
WAIT: dict[str, Any] = {"name": "wait", "suspend": {}}
RETRIED: dict[str, Any] = {
    "name": "retried",
    "retryStrategy": {"limit": LIMIT, "backoff": {"duration": "5"}, "retryPolicy": "Always"},
    "container": {"image": "test", "command": ["block"]},
}
LEAVES = ("say", "wait", "retried")


@st.composite
def calls(draw: st.DrawFn, name: str, templates: tuple[str, ...]) -> dict[str, Any]:
    made: dict[str, Any] = {"name": name, "template": draw(st.sampled_from(templates))}
    kind = draw(st.sampled_from(["plain", "plain", "loop", "when", "continue", "hook"]))
    if kind == "loop":
        made["withItems"] = draw(st.lists(st.integers(0, 9), max_size=3))
    elif kind == "when":
        made["when"] = draw(st.sampled_from(["true", "false", "1 == 1"]))
    elif kind == "hook":
        made["hooks"] = {"exit": {"template": "say"}}
    return made


@st.composite
def steps(draw: st.DrawFn, name: str, templates: tuple[str, ...]) -> dict[str, Any]:
    groups = []
    for at in range(draw(st.integers(1, 3))):
        group = [draw(calls(f"s{at}{i}", templates)) for i in range(draw(st.integers(1, 2)))]
        for call in group:
            if draw(st.booleans()):
                call["continueOn"] = {"failed": True, "error": draw(st.booleans())}
        groups.append(group)
    return {"name": name, "steps": groups}


@st.composite
def dags(draw: st.DrawFn, name: str, templates: tuple[str, ...]) -> dict[str, Any]:
    tasks: list[dict[str, Any]] = []
    for at in range(draw(st.integers(1, 4))):
        task = draw(calls(f"t{at}", templates))
        before = draw(st.lists(st.sampled_from(range(at)), max_size=2, unique=True)) if at else []
        if before:
            results = ["", ".Succeeded", ".Failed", ".Omitted", ".Skipped", ".Errored"]
            parts = [f"t{other}{draw(st.sampled_from(results))}" for other in before]
            task["depends"] = draw(st.sampled_from([" && ", " || "])).join(parts)
        tasks.append(task)
    return {"name": name, "dag": {"tasks": tasks}}


@st.composite
def workflows(draw: st.DrawFn) -> Workflow:
    inner = [draw(st.one_of(steps(name, LEAVES), dags(name, LEAVES))) for name in ("one", "two")]
    if draw(st.booleans()):
        inner[0]["retryStrategy"] = {"limit": 1}
    if draw(st.booleans()):
        inner[1]["parallelism"] = draw(st.integers(1, 2))
    main = draw(st.one_of(steps("main", (*LEAVES, "one", "two")), dags("main", (*LEAVES, "one", "two"))))
    spec: dict[str, Any] = {"entrypoint": "main", "templates": [main, *inner, SAY, WAIT, RETRIED]}
    if draw(st.booleans()):
        spec["parallelism"] = draw(st.integers(1, 3))
    if draw(st.booleans()):
        spec["onExit"] = draw(st.sampled_from(["say", "one"]))
    metadata = ObjectMeta(name="wf", namespace="default", uid="uid-1", creation_timestamp=START)
    return Workflow(metadata=metadata, spec=msgspec.convert(spec, WorkflowSpec))


class WorkflowMachine(RuleBasedStateMachine):
    """Events in any order, from a cluster that starts, ends, loses and repeats."""

    def __init__(self) -> None:
        super().__init__()
        self.cluster: Cluster | None = None
        self.past: list[PodEnded] = []

    @property
    def world(self) -> Cluster:
        assert self.cluster is not None
        return self.cluster

    @initialize(workflow=workflows())
    def start(self, workflow: Workflow) -> None:
        self.cluster = Cluster(workflow)
        self.world.fold(WorkflowStarted())

    def choose(self, at: int) -> tuple[str, LaunchPod] | None:
        running = sorted(self.world.running.items())
        return running[at % len(running)] if running else None

    @rule(at=st.integers(0, 20), code=st.sampled_from([0, 0, 0, 1, 2]))
    def pod_ends(self, at: int, code: int) -> None:
        chosen = self.choose(at)
        if chosen is None:
            return
        key, launch = chosen
        del self.world.running[key]
        end = PodExit(
            phase=PodPhase.FAILED if code else PodPhase.SUCCEEDED,
            message=f"main: Error (exit code {code})" if code else "",
            exit_code=code,
        )
        event = PodEnded(node=launch.node, pod=key, exit=end)
        self.past.append(event)
        self.world.fold(event)

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

    @rule(at=st.integers(0, 20))
    def pod_is_lost(self, at: int) -> None:
        chosen = self.choose(at)
        if chosen is not None:
            del self.world.running[chosen[0]]
            self.world.fold(PodLost(node=chosen[1].node, pod=chosen[0]))

    @precondition(lambda self: self.past)
    @rule(at=st.integers(0, 20))
    def a_late_event_changes_nothing(self, at: int) -> None:
        before = self.world.state
        result = self.world.fold(self.past[at % len(self.past)])
        assert result.commands == ()
        assert result.changed == frozenset()
        assert self.world.state.nodes == before.nodes

    def next_timer(self) -> SetTimer:
        return min(self.world.timers.values(), key=lambda item: (item.at, item.id))

    @rule()
    def timer_fires(self) -> None:
        if self.world.timers:
            timer = self.next_timer()
            del self.world.timers[timer.id]
            self.world.now = max(self.world.now, timer.at)
            self.world.fold(TimerFired(timer=timer.id, kind=timer.kind, node=timer.node))

    @rule()
    def resumed(self) -> None:
        self.world.fold(ResumeRequested())

    @rule()
    def suspended(self) -> None:
        self.world.fold(SuspendRequested())

    @precondition(lambda self: self.cluster is not None and len(self.past) > 3)
    @rule(strategy=st.sampled_from(["Stop", "Terminate"]))
    def stopped(self, strategy: str) -> None:
        self.world.fold(StopRequested(strategy=strategy))

    @precondition(lambda self: self.cluster is not None and self.world.done)
    @rule()
    def retried(self) -> None:
        self.world.fold(RetryRequested())

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

    @invariant()
    def at_most_parallelism_pods_run(self) -> None:
        if self.cluster is None:
            return
        limit = self.world.workflow.spec.parallelism
        active = [n for n in self.world.state.nodes.values() if n.type is NodeType.POD and not n.fulfilled]
        assert self.world.state.active_pods == len(active)
        assert limit is None or len(active) <= limit

    @invariant()
    def every_active_pod_was_launched(self) -> None:
        if self.cluster is None:
            return
        for node in self.world.state.nodes.values():
            if node.type is NodeType.POD and not node.fulfilled:
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

    @invariant()
    def retries_stay_within_the_limit(self) -> None:
        if self.cluster is None:
            return
        for node in self.world.state.nodes.values():
            if node.type is NodeType.RETRY:
                attempts = [child for child in node.children if _is_attempt(self.world.state.nodes[child])]
                assert len(attempts) <= LIMIT + 1

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


LEAF_TYPES = (NodeType.POD, NodeType.SUSPEND)
INSIDE = {
    NodeType.STEPS: "[",
    NodeType.STEP_GROUP: ".",
    NodeType.DAG: ".",
    NodeType.TASK_GROUP: "(",
    NodeType.RETRY: "(",
}


def _is_inside(node: NodeStatus, group: NodeStatus) -> bool:
    """By names alone: the workflow's exit handler and the exit hook of the group come after it."""
    after = f"{group.name}.onExit"
    return node.name.startswith(group.name + INSIDE[group.type]) and not (
        node.name == after or node.name.startswith((f"{after}[", f"{after}(", f"{after}."))
    )


def _sum(nodes: Iterable[NodeStatus]) -> str:
    pairs = [tuple(map(int, node.progress.split("/"))) for node in nodes]
    assert all(0 <= done <= total for done, total in pairs)
    return f"{sum(pair[0] for pair in pairs)}/{sum(pair[1] for pair in pairs)}" if pairs else ""


def _is_attempt(node: NodeStatus) -> bool:
    return node.node_flag is not None and node.node_flag.retried


TestWorkflowMachine = WorkflowMachine.TestCase
TestWorkflowMachine.settings = settings(
    max_examples=80, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)


@given(workflow=workflows(), seed=st.lists(st.sampled_from([0, 0, 0, 1]), min_size=80, max_size=80))
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_ends_and_a_restart_after_every_event_changes_nothing(workflow: Workflow, seed: list[int]) -> None:
    trees = []
    for restarts in (False, True):
        cluster = Cluster(workflow)
        _drive(cluster, list(seed), restarts=restarts)
        assert cluster.done
        trees.append((cluster.phase, cluster.message, cluster.tree()))
    assert trees[0] == trees[1]


def _drive(cluster: Cluster, codes: list[int], *, restarts: bool) -> None:
    cluster.fold(WorkflowStarted())
    for _ in range(2000):
        if cluster.done:
            return
        if restarts:
            cluster.restart()
        if cluster.running:
            key, launch = min(cluster.running.items(), key=lambda item: cluster.state.nodes[item[1].node].name)
            del cluster.running[key]
            code = codes[fnv1a(cluster.state.nodes[launch.node].name) % len(codes)]  # the same in any order
            phase = PodPhase.FAILED if code else PodPhase.SUCCEEDED
            cluster.fold(PodEnded(node=launch.node, pod=key, exit=PodExit(phase=phase, exit_code=code)))
        elif cluster.timers:
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
