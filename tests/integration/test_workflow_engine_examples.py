"""The official examples of category `host` through the real engine and kubelet, against what a cluster makes of them.

An example whose features are not all supported is refused by lint; which those are is pinned in `REFUSED`, so that a
feature that arrives, or breaks, shows.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from setpoint.apis.argo import NodePhase, NodeStatus, NodeType, Workflow
from setpoint.apis.errors import AlreadyExists, InvalidSpec
from setpoint.apis.manifest import decode_document, load_documents
from setpoint.apis.meta import Resource
from setpoint.operations import workflows as verbs
from setpoint.operations.outputs import read_logs
from tests.conftest import SHARED
from tests.workflow_engine import Plane, running_plane

EXAMPLES = SHARED / "argo" / "examples"
EXPECTED = SHARED / "argo" / "expected.yaml"
AT_ONCE = 8
LONGEST_SECONDS = 4  # an example that takes longer is left to `make soak`

pytestmark = [pytest.mark.shared, pytest.mark.skipif(not EXPECTED.exists(), reason="no reference material")]


def records(*, longest: float) -> dict[str, dict[str, Any]]:
    """Examples that are one Workflow, runnable on the host without help, by file name."""
    files: dict[str, dict[str, Any]] = yaml.safe_load(EXPECTED.read_text())["files"]
    return {
        name: record
        for name, record in files.items()
        if record["category"] == "host"
        and record["kind"] == "Workflow"
        and record["phases"]
        and "interactive" not in record
        and record.get("seconds", 0) <= longest
        and not any(str(need).startswith("cmd:") for need in record.get("needs", ()))
    }


async def run_example(plane: Plane, name: str, record: dict[str, Any]) -> tuple[str, list[str]]:
    """What lint refuses ("" if nothing), and what differs from the expectation."""
    for need in record.get("needs", ()):
        if str(need).endswith(".yaml"):
            await create_all(plane, EXAMPLES / str(need))
    (workflow,) = [item for item in decoded(EXAMPLES / name) if isinstance(item, Workflow)]
    try:
        made = await verbs.submit(plane.resources, workflow)
    except InvalidSpec as error:
        return str(error), []
    try:
        ended = await plane.finished(made.metadata.name)
    except TimeoutError:
        stuck = await plane.get(made.metadata.name)
        open_nodes = [f"{n.name} {n.phase.value}" for n in stuck.status.nodes.values() if not n.fulfilled]
        return "", [f"does not end: {open_nodes}"]
    return "", differences(ended, record) + await log_differences(plane, ended, record)


def decoded(path: Path) -> list[Resource]:
    return [decode_document(document) for document in load_documents(path.read_text(), path.name)]


async def create_all(plane: Plane, path: Path) -> None:
    for resource in decoded(path):
        meta = resource.metadata
        if type(resource).NAMESPACED and not meta.namespace:
            resource = resource.replace(metadata=meta.replace(namespace="default"))
        with contextlib.suppress(AlreadyExists):
            await plane.resources.create(resource)


def differences(workflow: Workflow, record: dict[str, Any]) -> list[str]:
    """Where the workflow is not what the record says."""
    status = workflow.status
    nodes = list(status.nodes.values())
    found = []
    if status.phase.value not in record["phases"]:
        found.append(f"phase {status.phase.value}: {status.message} {[n.message for n in nodes if n.message]}")
    if "message" in record and not fits(record["message"], status.message):
        found.append(f"message {status.message!r}, expected {record['message']!r}")
    pods = [node for node in nodes if node.type is NodeType.POD]
    counted = {phase.value: n for phase in NodePhase if (n := sum(1 for p in pods if p.phase is phase))}
    allowed = record.get("pods_one_of") or ([record["pods"]] if "pods" in record else [])
    if allowed and counted not in allowed:
        found.append(f"pods {counted}, expected one of {allowed}")
    for kind, number in record.get("types", {}).items():
        if (seen := sum(1 for node in nodes if node.type.value == kind)) != number:
            found.append(f"{seen} nodes of type {kind}, expected {number}")
    for field, phase in (("skipped", NodePhase.SKIPPED), ("omitted", NodePhase.OMITTED)):
        if field in record and (seen := sum(1 for node in nodes if node.phase is phase)) != record[field]:
            found.append(f"{seen} nodes {field}, expected {record[field]}")
    shown = {node.display_name for node in nodes}
    found += [f"{name} has a node" for name in record.get("absent", ()) if name in shown]
    for name, wanted in record.get("nodes", {}).items():
        found += node_differences(workflow, name, wanted)
    outputs = {p.name: p.value for p in status.outputs.parameters} if status.outputs else {}
    for name, text in record.get("outputs", {}).items():
        if not fits(text, outputs.get(name)):
            found.append(f"global output {name} is {outputs.get(name)!r}, expected {text!r}")
    return found + order_differences(nodes, record.get("order", []))


def node_differences(workflow: Workflow, name: str, wanted: dict[str, Any]) -> list[str]:
    nodes = workflow.status.nodes.values()
    key = workflow.metadata.name if name == "(root)" else name
    found = [node for node in nodes if node.display_name == key]
    if not found:
        return [f"no node {name}"]
    problems = []
    for field in ("phase", "type", "message"):
        values = [str(getattr(node, field)) for node in found]
        if field in wanted and not any(fits(wanted[field], value) for value in values):
            problems.append(f"{name}.{field} is {values}, expected {wanted[field]!r}")
    outputs = found[-1].outputs
    if "result" in wanted and not fits(wanted["result"], outputs.result if outputs else None):
        problems.append(f"{name}.result is {outputs.result if outputs else None!r}, expected {wanted['result']!r}")
    for parameter, text in wanted.get("outputs", {}).items():
        value = next((p.value for p in outputs.parameters if p.name == parameter), None) if outputs else None
        if not fits(text, value):
            problems.append(f"{name}.outputs.{parameter} is {value!r}, expected {text!r}")
    return problems


def fits(wanted: Any, found: str | None) -> bool:
    if found is None:
        return False
    text = str(wanted)
    return re.search(text[3:], found) is not None if text.startswith("re:") else found == text


def order_differences(nodes: list[NodeStatus], order: list[str]) -> list[str]:
    if any(name.startswith("container:") for name in order):
        return []  # the order inside a pod is the kubelet's and tested there
    by_name = {node.display_name: node for node in nodes}
    problems = []
    for earlier, later in itertools.pairwise(order):
        for a in earlier.split("|"):
            for b in later.split("|"):
                first, second = by_name.get(a), by_name.get(b)
                if first is None or second is None:
                    problems.append(f"no node {a if first is None else b}")
                elif not (first.finished_at and second.started_at and first.finished_at <= second.started_at):
                    problems.append(f"{b} started before {a} ended")
    return problems


async def log_differences(plane: Plane, workflow: Workflow, record: dict[str, Any]) -> list[str]:
    problems = []
    for name, texts in record.get("logs", {}).items():
        container, shown = (name.removeprefix("container:"), "*") if name.startswith("container:") else ("main", name)
        nodes = workflow.status.nodes.values()
        wanted = "" if shown == "*" else next((node.id for node in nodes if node.display_name == shown), shown)
        lines = read_logs(
            plane.resources, plane.launcher, "default", workflow.metadata.name, wanted=wanted, container=container
        )
        log = "\n".join([line.content async for line in lines])
        for text in texts:
            held = re.search(text[3:], log, re.MULTILINE) if text.startswith("re:") else text in log
            if not held:
                problems.append(f"log of {name} lacks {text!r}: {log[:200]!r}")
    return problems


# Examples whose features are not all supported yet: file to a part of what lint says.
REFUSED: dict[str, str] = {}


async def test_examples_end_as_on_a_cluster(tmp_path: Path) -> None:
    found: dict[str, list[str]] = {}
    refused: dict[str, str] = {}
    gate = asyncio.Semaphore(AT_ONCE)

    async with running_plane(tmp_path) as plane:

        async def one(name: str, record: dict[str, Any]) -> None:
            async with gate:
                refusal, problems = await run_example(plane, name, record)
            if refusal:
                refused[name] = refusal
            if problems:
                found[name] = problems

        await asyncio.gather(*(one(name, record) for name, record in records(longest=LONGEST_SECONDS).items()))
    assert found == {}
    assert refused.keys() == REFUSED.keys(), refused
    assert all(part in refused[name] for name, part in REFUSED.items()), refused
