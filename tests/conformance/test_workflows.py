"""Our own manifests, one or more per rule, with the exact tree a cluster makes of them.

A file in `manifests/` holds the expectation first, then the objects. `expect` lists every node: name without the
workflow's (the root is `.`) to `[type, phase]` or `[type, phase, message]`; `commands` what a pod was told to run;
`do` what a person does once nothing goes on by itself: a request, `release` of a blocked pod, `free` of another
workflow's claims (`others` are those there are at first), `config` of a map, or nothing but a look at what it `sees`
meanwhile, the workflow itself under its name; `volume_claims` those at the end, name to owner; `rules` the ids in
`rules.yaml` of what the manifest shows.
Every manifest also runs with the engine restarted after every event, and must give the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from setpoint.apis.argo import (
    ClusterWorkflowTemplate,
    NodeStatus,
    Outputs,
    Workflow,
    WorkflowSpec,
    WorkflowTemplate,
)
from setpoint.apis.core import ConfigMap, PersistentVolumeClaim
from setpoint.apis.manifest import decode_document, load_documents
from setpoint.core.workflow import (
    Cache,
    Claimant,
    ControlsChanged,
    Library,
    LocksChanged,
    Request,
    WorkflowStarted,
    decode_request,
    node_id,
)
from tests.unit.core.workflow.driver import START, Cluster

MANIFESTS = sorted(Path(__file__).with_name("manifests").glob("*.yaml"))


def load(path: Path) -> tuple[dict[str, Any], Cluster]:
    head, _, text = path.read_text().partition("\n---\n")
    found: dict[str, Any] = yaml.safe_load(head)
    workflows: list[Workflow] = []
    templates, cluster_templates, config_maps, caches = {}, {}, {}, {}
    claims: dict[str, str] = {}
    for document in load_documents(text, path.name):
        resource = decode_document(document)
        match resource:
            case Workflow():
                meta = resource.metadata.replace(uid="uid-1", namespace="default", creation_timestamp=START)
                workflows.append(resource.replace(metadata=meta))
            case WorkflowTemplate():
                templates[resource.metadata.name] = resource.spec
            case ClusterWorkflowTemplate():
                cluster_templates[resource.metadata.name] = resource.spec
            case PersistentVolumeClaim():
                claims[resource.metadata.name] = resource.metadata.owner_references[0].uid
            case ConfigMap():
                config_maps[resource.metadata.name] = resource.data
                caches[resource.metadata.name] = Cache(
                    data=resource.data,
                    labels=resource.metadata.labels,
                    annotations=resource.metadata.annotations,
                )
    (workflow,) = workflows
    cluster = Cluster(workflow, templates=templates, cluster_templates=cluster_templates, config_maps=config_maps)
    cluster.caches = caches
    cluster.volume_claims = claims
    for other in found.get("others", ()):
        cluster.locks = cluster.locks.put(msgspec.convert(other, Claimant))
    return found, cluster


def play(expected: dict[str, Any], cluster: Cluster, *, restarts: bool) -> None:
    cluster.fold(WorkflowStarted())
    for action in [*expected.get("do", []), None]:
        while not cluster.done:
            if restarts:
                cluster.restart()
            if not cluster.turn():
                break
        if action is not None:
            act(cluster, action)


def act(cluster: Cluster, action: dict[str, Any]) -> None:
    if "release" in action:
        cluster.release(full_name(cluster, action["release"]))
        return
    if "free" in action:
        cluster.locks = cluster.locks.put(Claimant(key=action["free"]))
        cluster.fold(LocksChanged())
        return
    if "config" in action:
        cluster.config_maps, cluster.library = action["config"], Library()
        cluster.fold(LocksChanged())
        return
    if "sees" in action:
        look(cluster, action["sees"])
        return
    if "replace_templates" in action:
        cluster.templates = dict.fromkeys(cluster.templates, WorkflowSpec(templates=()))
        return
    if "forget" in action:  # a config map is deleted
        cluster.config_maps = {key: data for key, data in cluster.config_maps.items() if key != action["forget"]}
        cluster.library = Library()
        cluster.fold(ControlsChanged())  # a pass in which nothing else happens
        return
    request: Request = decode_request(msgspec.json.encode(action))
    result = cluster.fold(request)
    assert result.refused == action.get("refused", "")


def look(cluster: Cluster, sees: dict[str, list[str]]) -> None:
    status = cluster.state.status
    for name, wanted in sees.items():
        if name == cluster.workflow.metadata.name:
            assert [status.phase.value, status.message][: len(wanted)] == wanted
        else:
            node = cluster.node(full_name(cluster, name))
            assert [node.type.value, node.phase.value, node.message][: len(wanted)] == wanted, name


def full_name(cluster: Cluster, name: str) -> str:
    root = cluster.workflow.metadata.name
    return root if name == "." else f"{root}{name}"


def with_ids(cluster: Cluster, text: str) -> str:
    """Messages name children by id: `ID(name)` stands for that of the node of that name."""
    root = cluster.workflow.metadata.name
    return re.sub(r"ID\((.*)\)", lambda match: node_id(root, root + match[1]), text)


def check(expected: dict[str, Any], cluster: Cluster) -> None:
    root = cluster.workflow.metadata.name
    seen: dict[str, list[str]] = {}
    for node in cluster.state.nodes.values():
        name = node.name.removeprefix(root) or "."
        seen[name] = [node.type.value, node.phase.value] + ([node.message] if node.message else [])
    assert seen == {key: [with_ids(cluster, part) for part in value] for key, value in expected["expect"].items()}
    status = cluster.state.status
    assert [status.phase.value, status.message] == [with_ids(cluster, part) for part in [*expected["workflow"], ""][:2]]
    for kind, look in OF_A_NODE.items():
        for name, wanted in expected.get(kind, {}).items():
            assert look(cluster, cluster.node(full_name(cluster, name))) == wanted, (kind, name)
    for kind, total in OF_THE_WHOLE.items():
        if kind in expected:
            assert total(cluster) == expected[kind], kind
    labels = cluster.workflow.metadata.labels
    assert {name: labels.get(name) for name in expected.get("labels", {})} == expected.get("labels", {})
    for name, seconds in expected.get("deadlines", {}).items():
        deadline = cluster.launch_of(full_name(cluster, name)).request.deadline
        assert (deadline and int((deadline - START).total_seconds())) == seconds, name
    if "metrics" in expected:
        values = {
            f"{item.name}{{{','.join(f'{key}={value}' for key, value in item.labels)}}}": item.value
            for item in cluster.state.engine.metrics
        }
        assert values == expected["metrics"]
    if "conditions" in expected:
        assert {item.type: item.message for item in status.conditions} == expected["conditions"]
    if "hooked" in expected:
        hooked = (node.id for node in cluster.state.nodes.values() if node.node_flag and node.node_flag.hooked)
        assert sorted(names(cluster, hooked)) == sorted(expected["hooked"])
    if "order" in expected:
        started = names(cluster, cluster.started)
        assert [name for name in started if name in expected["order"]] == expected["order"]


def names(cluster: Cluster, ids: Iterable[str]) -> list[str]:
    return [cluster.state.nodes[node].name.removeprefix(cluster.workflow.metadata.name) or "." for node in ids]


def parameters(outputs: Outputs | None) -> dict[str, str | None]:
    return {item.name: item.value for item in (outputs.parameters if outputs else ())}


def caches(cluster: Cluster) -> dict[str, dict[str, list[Any]]]:
    """Cache and key to the node that an entry is of, and its outputs."""
    entries = {
        name: {key: msgspec.json.decode(text) for key, text in cache.data.items()}
        for name, cache in cluster.caches.items()
    }
    return {
        name: {key: [*names(cluster, [entry["nodeID"]]), entry.get("outputs")] for key, entry in found.items()}
        for name, found in entries.items()
    }


OF_A_NODE: dict[str, Callable[[Cluster, NodeStatus], Any]] = {
    "commands": lambda cluster, node: cluster.words(node.name),
    "outputs": lambda _, node: parameters(node.outputs),
    "results": lambda _, node: node.outputs.result if node.outputs else None,
    "children": lambda cluster, node: names(cluster, node.children),
    "outbound": lambda cluster, node: names(cluster, node.outbound_nodes),
    "shown": lambda _, node: node.display_name,
    "launches": lambda cluster, node: sum(launch.node == node.id for launch in cluster.launched.values()),
}
OF_THE_WHOLE: dict[str, Callable[[Cluster], Any]] = {
    "global": lambda cluster: parameters(cluster.state.status.outputs),
    "volume_claims": lambda cluster: cluster.volume_claims,
    "peak": lambda cluster: cluster.peak,
    "caches": caches,
    "seconds": lambda cluster: int((cluster.now - START).total_seconds()),
}


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.stem)
@pytest.mark.parametrize("restarts", [False, True], ids=["undisturbed", "restarted"])
def test_manifest(path: Path, restarts: bool) -> None:
    expected, cluster = load(path)
    play(expected, cluster, restarts=restarts)
    check(expected, cluster)
    assert not [node.name for node in cluster.state.nodes.values() if not node.fulfilled]
