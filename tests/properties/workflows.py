"""Random workflows: every composition that the engine knows, a few nodes each. Pods `block` until a test ends them.

A feature that arrives is added to `_calls` (what a step or task may carry), to `leaves` (templates without calls) or
to `workflows` (the spec); the machine and the properties then meet it in all combinations.
"""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import strategies as st

from setpoint.apis.argo import Workflow, WorkflowSpec
from setpoint.apis.meta import ObjectMeta
from tests.unit.core.workflow.driver import START, Cluster

LIMIT = 2
BLOCK: dict[str, Any] = {"image": "test", "command": ["block"]}
INNER = ("one", "two")
SEMAPHORE = {"name": "limits", "key": "furnaces"}


def leaves() -> list[dict[str, Any]]:
    """The templates that call no other."""
    out = {"name": "out", "valueFrom": {"path": "/tmp/out"}}
    backoff = {"duration": "5", "factor": 2, "cap": "7"}
    return [
        {"name": "say", "inputs": {"parameters": [{"name": "m", "default": "x"}]}, "container": BLOCK},
        {"name": "make", "container": BLOCK, "outputs": {"parameters": [out | {"globalName": "g"}]}},
        {"name": "safe", "container": BLOCK, "outputs": {"parameters": [_with_default(out)]}},
        {
            "name": "set",
            "containerSet": {"containers": [BLOCK | {"name": "a"}, BLOCK | {"name": "b", "dependencies": ["a"]}]},
        },
        {"name": "fetch", "http": {"url": "test:200/x"}},
        {"name": "missing", "http": {"url": "test:404/"}},
        {"name": "locked", "container": BLOCK, "synchronization": {"mutexes": [{"name": "one"}]}},
        {"name": "shared", "container": BLOCK, "synchronization": {"semaphores": [{"configMapKeyRef": SEMAPHORE}]}},
        {"name": "wait", "suspend": {}},
        {"name": "timed", "suspend": {"duration": "30s"}},
        {"name": "ask", "suspend": {}, "outputs": {"parameters": [{"name": "out", "valueFrom": {"supplied": {}}}]}},
        {"name": "retried", "retryStrategy": _strategy(retryPolicy="Always", backoff=backoff), "container": BLOCK},
        {"name": "failures", "retryStrategy": _strategy(), "container": BLOCK},
        {
            "name": "errors",
            "retryStrategy": _strategy(retryPolicy="OnError", expression="asInt(retries) < 1"),
            "container": BLOCK,
        },
    ]


def _with_default(output: dict[str, Any]) -> dict[str, Any]:
    return output | {"valueFrom": output["valueFrom"] | {"default": "d"}}


def _strategy(**more: Any) -> dict[str, Any]:
    return {"limit": LIMIT, **more}


def world(workflow: Workflow) -> Cluster:
    """A cluster that has what these workflows name."""
    return Cluster(workflow, config_maps={SEMAPHORE["name"]: {SEMAPHORE["key"]: "2"}})


LEAVES = tuple(str(leaf["name"]) for leaf in leaves())
WITH_OUTPUT = ("make", "safe", "ask")


@st.composite
def _calls(draw: st.DrawFn, name: str, templates: tuple[str, ...], prefix: str, before: list[str]) -> dict[str, Any]:
    """A step or task; `before` are the names whose outputs it may read."""
    made: dict[str, Any] = {"name": name, "template": draw(st.sampled_from(templates))}
    kind = draw(st.sampled_from(["plain", "plain", "items", "sequence", "empty", "when", "exit", "hook"]))
    if kind == "items":
        made["withItems"] = draw(st.lists(st.integers(0, 9), max_size=3))
    elif kind == "sequence":
        made["withSequence"] = {"start": draw(st.integers(0, 3)), "end": draw(st.integers(0, 3))}
    elif kind == "empty":
        made["withParam"] = "[]"
    elif kind == "when":
        made["when"] = draw(st.sampled_from(["true", "false", "1 == 1", "{{workflow.status}} == Running"]))
    elif kind == "exit":
        made["hooks"] = {"exit": {"template": draw(st.sampled_from(("say", "failures")))}}
    elif kind == "hook":
        wanted = draw(st.sampled_from(["Succeeded", "Failed"]))
        made["hooks"] = {"ended": {"template": "say", "expression": f'{prefix}["{name}"].status == "{wanted}"'}}
    if before and made["template"] == "say" and draw(st.booleans()):
        value = draw(st.sampled_from(["outputs.parameters.out", "status", "id"]))
        reference = f"{{{{{prefix}.{draw(st.sampled_from(before))}.{value}}}}}"
        made["arguments"] = {"parameters": [{"name": "m", "value": reference}]}
    return made


@st.composite
def _steps(draw: st.DrawFn, name: str, templates: tuple[str, ...]) -> dict[str, Any]:
    groups: list[list[dict[str, Any]]] = []
    for at in range(draw(st.integers(1, 3))):
        before = [call["name"] for group in groups for call in group]
        group = [draw(_calls(f"s{at}{i}", templates, "steps", before)) for i in range(draw(st.integers(1, 2)))]
        for call in group:
            if draw(st.booleans()):
                call["continueOn"] = {"failed": True, "error": draw(st.booleans())}
        groups.append(group)
    return {"name": name, "steps": groups}


@st.composite
def _dags(draw: st.DrawFn, name: str, templates: tuple[str, ...]) -> dict[str, Any]:
    tasks: list[dict[str, Any]] = []
    for at in range(draw(st.integers(1, 4))):
        before = [f"t{i}" for i in draw(st.lists(st.sampled_from(range(at)), max_size=2, unique=True))] if at else []
        task = draw(_calls(f"t{at}", templates, "tasks", before))
        if before:
            results = ["", ".Succeeded", ".Failed", ".Omitted", ".Skipped", ".Errored"]
            parts = [f"{other}{draw(st.sampled_from(results))}" for other in before]
            task["depends"] = draw(st.sampled_from([" && ", " || "])).join(parts)
        tasks.append(task)
    dag: dict[str, Any] = {"tasks": tasks}
    if draw(st.booleans()):
        dag["failFast"] = draw(st.booleans())
    return {"name": name, "dag": dag}


def _composed(name: str, templates: tuple[str, ...]) -> st.SearchStrategy[dict[str, Any]]:
    return st.one_of(_steps(name, templates), _dags(name, templates))


@st.composite
def workflows(draw: st.DrawFn, *, ordered: bool = True) -> Workflow:
    """A workflow of one or two levels.

    Args:
        draw: hypothesis.
        ordered: Whether it may hold what makes the tree depend on the order in which pods end: limits, template
            failFast, deadlines, memoized outputs, outputs under one global name.
    """
    inner = [draw(_composed(name, LEAVES)) for name in INNER]
    main = draw(_composed("main", (*LEAVES, *INNER)))
    if draw(st.booleans()):
        inner[0]["retryStrategy"] = {"limit": 1}
    spec: dict[str, Any] = {"entrypoint": "main", "templates": [main, *inner, *leaves()]}
    if draw(st.booleans()):
        spec["onExit"] = draw(st.sampled_from(["say", "retried", "one"]))
    if draw(st.integers(0, 2)) == 0:
        spec["hooks"] = {"up": {"template": "say", "expression": 'workflow.status == "Running"'}}
    if draw(st.integers(0, 2)) == 0:
        inner[1]["synchronization"] = {"mutexes": [{"name": "two"}]}
    if draw(st.integers(0, 4)) == 0:
        spec["templateDefaults"] = {"retryStrategy": {"limit": 1}}
    if ordered:
        _limit(draw, spec, [main, *inner])
    metadata = ObjectMeta(name="wf", namespace="default", uid="uid-1", creation_timestamp=START)
    return Workflow(metadata=metadata, spec=msgspec.convert(spec, WorkflowSpec))


def _limit(draw: st.DrawFn, spec: dict[str, Any], composed: list[dict[str, Any]]) -> None:
    for template in composed:
        if draw(st.integers(0, 2)) == 0:
            template["parallelism"] = draw(st.integers(1, 2))
        if draw(st.integers(0, 2)) == 0:
            template["failFast"] = True
    for template in spec["templates"]:
        if template["name"] in (*WITH_OUTPUT, "retried", "shared", INNER[0]) and draw(st.integers(0, 3)) == 0:
            template["memoize"] = {"key": template["name"], "maxAge": "1h", "cache": {"configMap": {"name": "cache"}}}
    if draw(st.booleans()):
        spec["parallelism"] = draw(st.integers(1, 3))
    if draw(st.integers(0, 4)) == 0:
        spec["activeDeadlineSeconds"] = draw(st.integers(0, 60))
