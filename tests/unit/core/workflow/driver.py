"""A synchronous driver of `step`: no loop, no disk, a clock that jumps to what is due, pods that are scripts.

Pods run images named `test`; the command is a list of words:
    echo TEXT ...        result TEXT, exit 0
    set NAME=VALUE ...   output parameters, the first value as result; NAME alone leaves it out
    exit N               ends with that code, which is the result too
    fail N NAME=VALUE    ends with that code and has output parameters
    error MESSAGE        phase Error
    flaky N              exit 1 on the first N launches of the same node name without attempt number, then 0
    block                runs until killed or released
    serve                is ready at once, as a daemon, and runs until killed or released

An http template's url is `test:STATUS/BODY` (no status: no answer), a data template's key the list, separated by
commas, and what is in a plugin template's `test` what the plugin reports.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from setpoint.apis.argo import NodePhase, NodeStatus, Outputs, Workflow, WorkflowSpec
from setpoint.apis.http import HttpReply
from setpoint.apis.manifest import decode_document, load_documents
from setpoint.apis.pods import ContainerEnd, PodExit, PodPhase, PodRequest
from setpoint.core.workflow import (
    ActionCommand,
    ActionReported,
    Cache,
    CancelAction,
    ClaimsMade,
    Command,
    ContextMissing,
    DeleteClaims,
    Event,
    ExecutePlugin,
    KillPod,
    Kind,
    LaunchPod,
    Library,
    LocksChanged,
    LockTable,
    MakeClaims,
    PodEnded,
    PodReady,
    PodStarted,
    ProcessData,
    SaveCacheEntry,
    SendRequest,
    SetTimer,
    Step,
    StepContext,
    TimerFired,
    WorkflowLoaded,
    WorkflowStarted,
    WorkflowState,
    decode_command,
    step,
)
from setpoint.core.workflow.data_template import result_text, transform
from setpoint.core.workflow.http_template import judge_reply
from setpoint.core.workflow.locks import Lock
from setpoint.core.workflow.memoize import CACHE_LABEL, CACHE_VALUE
from setpoint.core.workflow.state import EngineMemory

START = datetime(2026, 1, 1, tzinfo=UTC)
HEAD = """
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {name: wf}
spec:
  entrypoint: main
  templates:
"""
"""What a manifest begins with; its templates follow."""


def workflow(text: str) -> Workflow:
    """The Workflow of a manifest, as the store would hand it out."""
    documents = load_documents(text, "test.yaml")
    resource = decode_document(documents[0])
    assert isinstance(resource, Workflow)
    metadata = resource.metadata.replace(
        uid="uid-1", namespace="default", creation_timestamp=START, name=resource.metadata.name or "wf"
    )
    return resource.replace(metadata=metadata)


@dataclass
class Cluster:
    """A workflow, its state, and the world that carries out its orders."""

    workflow: Workflow
    templates: Mapping[str, WorkflowSpec] = field(default_factory=dict)
    cluster_templates: Mapping[str, WorkflowSpec] = field(default_factory=dict)
    config_maps: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    now: datetime = START
    state: WorkflowState = field(default_factory=WorkflowState)
    library: Library = field(default_factory=Library)
    launched: dict[str, LaunchPod] = field(default_factory=dict)
    running: dict[str, LaunchPod] = field(default_factory=dict)
    started: list[str] = field(default_factory=list)
    killed: list[str] = field(default_factory=list)
    timers: dict[str, SetTimer] = field(default_factory=dict)
    actions: dict[str, ActionCommand] = field(default_factory=dict)
    asked_claims: dict[str, MakeClaims] = field(default_factory=dict)
    volume_claims: dict[str, str] = field(default_factory=dict)  # name to the owner's uid
    events: deque[Event] = field(default_factory=deque)
    attempts: dict[str, int] = field(default_factory=dict)
    peak: int = 0
    last: Step | None = None
    locks: LockTable = field(default_factory=LockTable)
    caches: dict[str, Cache] = field(default_factory=dict)
    log: list[tuple[datetime, Event]] = field(default_factory=list)
    replays: bool = False  # nobody is woken: what woke the workflow is among the events that are folded again

    def fold(self, event: Event) -> Step:
        """One event through `step`, fetching what it asks for; orders are taken as from the journal, by JSON."""
        self.now += timedelta(milliseconds=1)
        self.log.append((self.now, event))
        while True:
            ctx = StepContext(now=self.now, workflow=self.workflow, library=self.library, locks=self.locks)
            try:
                result = step(self.state, event, ctx)
                break
            except ContextMissing as missing:
                self._fetch(missing)
        before, self.state = self.state.claims, result.state
        self.last = result
        metadata = self.workflow.metadata
        labels = {key: value for key, value in {**metadata.labels, **result.labels}.items() if value is not None}
        self.workflow = self.workflow.replace(metadata=metadata.replace(labels=labels))
        for command in result.commands:
            self.carry_out(command)
        self._tell_of_locks(before.held)
        return result

    def _tell_of_locks(self, before: Mapping[Lock, frozenset[str]]) -> None:
        """What a cluster's lock manager does: note the claims, and wake who waits for what was let go."""
        claims, meta = self.state.claims, self.workflow.metadata
        key = f"{meta.namespace}/{meta.name}"
        self.locks = self.locks.put(claims.claimant(key, self.workflow.spec.priority or 0, meta.creation_timestamp))
        if (
            not self.replays
            and claims.waits
            and any(holders - claims.held.get(lock, frozenset()) for lock, holders in before.items())
        ):
            self.fold(LocksChanged())

    def _fetch(self, missing: ContextMissing) -> None:
        held = self.library
        if missing.kind is Kind.WORKFLOW_TEMPLATE:
            found = {**held.workflow_templates, missing.name: self.templates.get(missing.name)}
            self.library = Library(
                workflow_templates=found,
                cluster_workflow_templates=held.cluster_workflow_templates,
                config_maps=held.config_maps,
            )
        elif missing.kind is Kind.CLUSTER_WORKFLOW_TEMPLATE:
            found = {**held.cluster_workflow_templates, missing.name: self.cluster_templates.get(missing.name)}
            self.library = Library(
                workflow_templates=held.workflow_templates,
                cluster_workflow_templates=found,
                config_maps=held.config_maps,
            )
        elif missing.kind is Kind.CACHE:
            self.library = replace(held, caches={**held.caches, missing.name: self.caches.get(missing.name)})
        else:
            maps = {**held.config_maps, missing.name: self.config_maps.get(missing.name)}
            self.library = Library(
                workflow_templates=held.workflow_templates,
                cluster_workflow_templates=held.cluster_workflow_templates,
                config_maps=maps,
            )

    def carry_out(self, command: Command) -> None:
        """Do what an order says, once per id."""
        command = decode_command(msgspec.json.encode(command))
        match command:
            case LaunchPod():
                if command.id not in self.launched:
                    self.launched[command.id] = command
                    self.running[command.id] = command
                    self.peak = max(self.peak, len(self.running))
                    self.started.append(command.node)
            case KillPod():
                self.killed.append(command.pod)
                self.running.pop(command.pod, None)
            case SetTimer():
                self.timers[command.id] = command
            case SaveCacheEntry():
                held = self.caches.get(command.cache, Cache(labels={CACHE_LABEL: CACHE_VALUE}))
                self.caches[command.cache] = replace(held, data={**held.data, command.key: command.entry})
                self.library = replace(self.library, caches={})
            case CancelAction():
                self.actions.pop(command.command, None)
            case MakeClaims():
                self.asked_claims[command.id] = command
            case DeleteClaims():
                for name in command.names:
                    self.volume_claims.pop(name, None)
            case _:
                self.actions[command.id] = command

    def _make_claims(self, command: MakeClaims) -> ClaimsMade:
        for claim in command.claims:
            name = claim["metadata"]["name"]
            if self.volume_claims.setdefault(name, self.workflow.metadata.uid) != self.workflow.metadata.uid:
                return ClaimsMade(error=f"{name} pvc already exists with different ownerreference")
        return ClaimsMade()

    def run(self, *, limit: int = 10_000) -> Cluster:
        """Start the workflow, if need be, and go on until it ends or only waits for somebody."""
        if not self.state.status.phase:
            self.fold(WorkflowStarted())
        for _ in range(limit):
            if self.done:
                return self
            if not self.turn():
                return self
        raise AssertionError("the workflow goes on and on")

    def turn(self) -> bool:
        """One event, of a pod that can end or the timer due next; False if nothing can happen by itself."""
        for pod_id, launch in self.running.items():
            node = self.state.nodes[launch.node]
            if launch.request.main.command == ("serve",) and not node.daemoned:
                self.fold(PodReady(node=launch.node, pod=pod_id, ip="127.0.0.1"))
                return True
            end = self.outcome(launch)
            if end is not None:
                self.fold(PodStarted(node=launch.node, pod=pod_id))
                self.running.pop(pod_id, None)
                self.fold(PodEnded(node=launch.node, pod=pod_id, exit=end))
                return True
        for key, order in self.asked_claims.items():
            del self.asked_claims[key]
            self.fold(self._make_claims(order))
            return True
        for action in self.actions.values():
            answer = _answer(action)
            if answer is not None:
                del self.actions[action.id]
                self.fold(answer)
                return True
        if self.timers:
            timer = min(self.timers.values(), key=lambda item: item.at)
            del self.timers[timer.id]
            self.now = max(self.now, timer.at)
            self.fold(TimerFired(timer=timer.id, kind=timer.kind, node=timer.node))
            return True
        return False

    def outcome(self, launch: LaunchPod) -> PodExit | None:
        """How the pod ends; None while it runs."""
        request = launch.request
        if request.fellows or request.main.dependencies:
            return _set_outcome(request)
        words = [*request.main.command, *request.main.args]
        verb, rest = (words[0], words[1:]) if words else ("", [])
        if request.main.source is not None:
            verb, _, text = request.main.source.partition(" ")
            rest = [text]
        if verb in ("block", "serve"):
            return None
        if verb == "exit":
            return _exit(request, int(rest[0]), result=rest[0])
        if verb == "fail":
            given = dict(item.split("=", 1) for item in rest[1:])
            return _exit(request, int(rest[0]), values=given)
        if verb == "flaky":
            base = re.sub(r"\(\d+\)$", "", self.state.nodes[launch.node].name)
            self.attempts[base] = self.attempts.get(base, 0) + 1
            return _exit(request, 1 if self.attempts[base] <= int(rest[0]) else 0)
        if verb == "error":
            return PodExit(phase=PodPhase.ERROR, message=" ".join(rest))
        values = dict(item.split("=", 1) for item in rest if "=" in item) if verb == "set" else {}
        result = next(iter(values.values()), "") if verb == "set" else " ".join(rest)
        return _exit(request, 0, result=result, values=values)

    def release(self, node: str) -> None:
        """Let a blocked pod end well."""
        pod_id = next(key for key, launch in self.running.items() if self.state.nodes[launch.node].name == node)
        launch = self.running.pop(pod_id)
        self.fold(PodEnded(node=launch.node, pod=pod_id, exit=_exit(launch.request, 0)))

    def end_pod(self, pod_id: str, code: int, values: Mapping[str, str] | None = None) -> PodEnded:
        """Let a running pod end with a code and output parameters, without the verb of its command; its event."""
        event = self.end_of(pod_id, code, values)
        del self.running[pod_id]
        self.fold(event)
        return event

    def end_of(self, pod_id: str, code: int, values: Mapping[str, str] | None = None) -> PodEnded:
        """The event that such an end would be."""
        launch = self.running[pod_id]
        return PodEnded(node=launch.node, pod=pod_id, exit=_exit(launch.request, code, values=values))

    def fold_again(self, moment: datetime, event: Event) -> None:
        """Fold what was folded at a moment, here or in a real engine."""
        if isinstance(event, WorkflowLoaded):
            self.forget()
        self.now = moment - timedelta(milliseconds=1)
        self.fold(event)

    def restart(self) -> None:
        """Forget all that is not durable, and load again."""
        self.forget()
        self.fold(WorkflowLoaded())

    def forget(self) -> None:
        """Keep of the state what is durable."""
        self.state = WorkflowState(
            status=self.state.status, nodes=self.state.nodes, engine=self.state.engine or EngineMemory()
        )
        self.library = Library()

    @property
    def done(self) -> bool:
        """Whether the workflow has ended."""
        return self.state.status.phase.completed

    @property
    def phase(self) -> str:
        """The workflow's phase."""
        return self.state.status.phase.value

    @property
    def message(self) -> str:
        """The workflow's message."""
        return self.state.status.message

    def node(self, name: str) -> NodeStatus:
        """The node of a name."""
        return next(node for node in self.state.nodes.values() if node.name == name)

    def tree(self) -> dict[str, str]:
        """Node name to `Type Phase`, in name order."""
        nodes = sorted(self.state.nodes.values(), key=lambda node: node.name)
        return {node.name: f"{node.type.value} {node.phase.value}" for node in nodes}

    def launch_of(self, name: str) -> LaunchPod:
        """The last launch of the node of a name."""
        node = self.node(name)
        return [launch for launch in self.launched.values() if launch.node == node.id][-1]

    def words(self, name: str) -> list[str]:
        """Command and arguments of a node's pod."""
        main = self.launch_of(name).request.main
        return [*main.command, *main.args]


def _answer(action: ActionCommand) -> ActionReported | None:
    """How an action ends; None while it goes on."""
    phase, message, outputs = NodePhase.SUCCEEDED, "", Outputs()
    match action:
        case SendRequest(http=http):
            status, _, body = http.url.removeprefix("test:").partition("/")
            if not status.isdigit():
                return None
            phase, message = judge_reply(http, HttpReply(status=int(status), body=body.encode()))
            outputs = Outputs(result=body)
        case ProcessData(data=data):
            paths = data.source.artifact_paths
            keys = paths.s3.key.split(",") if paths is not None and paths.s3 is not None else []
            outputs = Outputs(result=result_text(transform(data, keys)))
        case ExecutePlugin(template=template):
            told = template["plugin"]["test"]
            return msgspec.convert({"node": action.node, "command": action.id, **told}, ActionReported)
        case _:
            return None
    return ActionReported(node=action.node, command=action.id, phase=phase, message=message, outputs=outputs)


def _set_outcome(request: PodRequest) -> PodExit | None:
    """A pod of several containers: `exit N`, `block`, and for main also `set` and `echo`."""
    ends: dict[str, ContainerEnd] = {}
    containers = (request.main, *request.fellows)
    if any(item.command[0] == "block" for item in containers):
        return None
    while len(ends) < len(containers):
        for item in containers:
            if item.name in ends or not set(item.dependencies) <= ends.keys():
                continue
            code = next((ends[name].exit_code for name in item.dependencies if ends[name].exit_code), 0)
            code = code or (int(item.command[1]) if item.command[0] == "exit" else 0)
            message = f"{item.name}: Error (exit code {code})" if code else ""
            ends[item.name] = ContainerEnd(exit_code=code, message=message)
    bad = sorted(name for name, end in ends.items() if end.exit_code)
    words = request.main.command
    values = dict(item.split("=", 1) for item in words[1:] if "=" in item)
    end = _exit(request, 0, result=" ".join(words[1:]), values=values)
    if bad:
        end = PodExit(phase=PodPhase.FAILED, message=ends[bad[0]].message)
    return end.replace(exit_code=ends[request.main.name].exit_code, containers=ends)


def _exit(request: PodRequest, code: int, *, result: str = "", values: Mapping[str, str] | None = None) -> PodExit:
    values = values or {}
    parameters: dict[str, str] = {}
    if code:
        parameters = {item.name: values[item.name] for item in request.parameter_outputs if item.name in values}
        message = f"main: Error (exit code {code})"
        return PodExit(phase=PodPhase.FAILED, message=message, exit_code=code, parameters=parameters)
    for item in request.parameter_outputs:
        value = values.get(item.name, item.default)
        if value is None:
            message = f"wait: Error (exit code 64): {item.path} is missing"
            return PodExit(phase=PodPhase.ERROR, message=message, exit_code=0)
        parameters[item.name] = value
    return PodExit(
        phase=PodPhase.SUCCEEDED,
        exit_code=0,
        result=result if request.capture_result else None,
        parameters=parameters,
        artifacts=tuple(item.name for item in request.artifact_outputs),
    )


def run(text: str, **world: Any) -> Cluster:
    """A manifest, run to its end."""
    return Cluster(workflow(text), **world).run()
