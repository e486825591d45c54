"""Random workflows full of hooks, exit nodes, daemons and retries: a restart at every event gives the same tree."""

from __future__ import annotations

from random import Random
from typing import Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from setpoint.core.workflow import StopRequested, WorkflowStarted
from tests.unit.core.workflow.driver import Cluster, workflow

MOST_EVENTS = 2000
PHASES = ("Pending", "Running", "Succeeded", "Failed", "Error")
LEAVES: list[dict[str, Any]] = [
    {"name": "ok", "container": {"image": "test", "command": ["echo", "hi"]}},
    {"name": "bad", "container": {"image": "test", "command": ["exit", "1"]}},
    {"name": "lost", "container": {"image": "test", "command": ["error", "lost"]}},
    {"name": "flaky", "retryStrategy": {"limit": 2}, "container": {"image": "test", "command": ["flaky", "1"]}},
    {"name": "served", "daemon": True, "container": {"image": "test", "command": ["serve"]}},
    {"name": "pair", "steps": [[{"name": "p", "template": "ok"}], [{"name": "q", "template": "ok"}]]},
]
NAMES = [leaf["name"] for leaf in LEAVES]


def hooks_of(r: Random, kind: str, name: str, *, loop: bool) -> dict[str, Any]:
    hooks: dict[str, Any] = {}
    status = f'{kind}["{name}"].status'
    if r.random() < 0.4:
        hooks["exit"] = {"template": r.choice(NAMES)}
        if r.random() < 0.3 and not loop:
            hooks["exit"]["expression"] = f'{status} == "{r.choice(("Succeeded", "Failed"))}"'
    if r.random() < 0.5 and not (kind == "steps" and loop):
        hooks["beside"] = {"template": r.choice(NAMES), "expression": f'{status} == "{r.choice(PHASES)}"'}
    return hooks


def call(r: Random, kind: str, name: str, inner: list[str]) -> dict[str, Any]:
    made: dict[str, Any] = {"name": name, "template": r.choice(NAMES + inner)}
    loop = r.random() < 0.25
    if loop:
        made["withItems"] = list(range(r.randint(1, 3)))
    made["hooks"] = hooks_of(r, kind, name, loop=loop)
    if kind == "steps" and r.random() < 0.4:
        made["continueOn"] = {"failed": True, "error": r.random() < 0.5}
    if r.random() < 0.1:
        made["when"] = "false"
    return made


def steps(r: Random, inner: list[str]) -> list[list[dict[str, Any]]]:
    groups, width = r.randint(1, 3), r.randint(1, 2)
    return [[call(r, "steps", f"a{at}{place}", inner) for place in range(width)] for at in range(groups)]


def dag(r: Random, inner: list[str]) -> dict[str, Any]:
    tasks: list[dict[str, Any]] = []
    for at in range(r.randint(1, 5)):
        task = call(r, "tasks", f"t{at}", inner)
        if tasks and r.random() < 0.8:
            before = r.choice(tasks)["name"]
            task["depends"] = r.choice([before, f"{before}.Failed || {before}.Errored", f"!{before}.Failed"])
        tasks.append(task)
    return {"tasks": tasks, "failFast": r.random() < 0.5}


def manifest(r: Random) -> str:
    inner = ["s1", "d1"]
    main = {"steps": steps(r, inner)} if r.random() < 0.5 else {"dag": dag(r, inner)}
    again = {"retryStrategy": {"limit": 1}} if r.random() < 0.2 else {}
    templates = [
        {"name": "main", **main},
        {"name": "s1", "steps": steps(r, []), **again},
        {"name": "d1", "dag": dag(r, [])},
        *LEAVES,
    ]
    spec: dict[str, Any] = {"entrypoint": "main", "templates": templates}
    if r.random() < 0.3:
        spec["onExit"] = r.choice(NAMES)
    if r.random() < 0.4:
        spec["hooks"] = {"w": {"template": "bad", "expression": f'workflow.status == "{r.choice(PHASES[1:])}"'}}
    if r.random() < 0.2:
        spec["activeDeadlineSeconds"] = 5
    found = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": {"name": "wf"}, "spec": spec}
    return yaml.safe_dump(found)


def play(text: str, *, restarts: bool, stop_after: int) -> tuple[str, str, dict[str, tuple[str, str, str]]]:
    cluster = Cluster(workflow(text))
    cluster.fold(WorkflowStarted())
    for count in range(1, MOST_EVENTS):
        if not cluster.done and count == stop_after:
            cluster.fold(StopRequested())
        if not cluster.done and restarts:
            cluster.restart()
        if cluster.done or not cluster.turn():
            break
    nodes = cluster.state.nodes.values()
    tree = {node.name: (node.type.value, node.phase.value, node.message) for node in nodes}
    return cluster.phase, cluster.message, tree


@settings(max_examples=60, deadline=None)
@given(r=st.randoms(use_true_random=False), stop_after=st.sampled_from([0, 0, 2, 4, 6]))
def test_a_restart_at_every_event_gives_the_same_tree(r: Random, stop_after: int) -> None:
    text = manifest(r)
    undisturbed = play(text, restarts=False, stop_after=stop_after)
    assert undisturbed[0] in ("Succeeded", "Failed", "Error")
    assert undisturbed == play(text, restarts=True, stop_after=stop_after)
    assert all(phase not in ("Pending", "Running") for _, phase, _ in undisturbed[2].values())
