"""Pure parts of resource templates: conditions, jsonPath outputs, patches."""

from __future__ import annotations

from typing import Any

import pytest

from setpoint.apis.argo import Workflow
from setpoint.apis.core import ConfigMap
from setpoint.apis.errors import InvalidSpec
from setpoint.apis.meta import ObjectMeta
from setpoint.engines.workflow import resource_patch as patches
from setpoint.engines.workflow.conditions import failed_requirement, holds, read_condition
from setpoint.engines.workflow.resource_outputs import jsonpath_text

OBJECT: dict[str, Any] = {
    "metadata": {"name": "x", "labels": {"a.b/c": "d"}},
    "status": {
        "phase": "Running",
        "succeeded": 3,
        "ready": True,
        "text": "3",
        "conditions": [{"type": "A", "status": "True"}, {"type": "B", "status": "False"}],
    },
}

CONDITIONS = {
    "status.phase == Running": True,
    "status.phase = Running": True,
    "status.phase != Running": False,
    "status.phase in (Failed, Running)": True,
    "status.phase notin (Failed, Running)": False,
    "status.succeeded > 2": True,
    "status.succeeded > 3": False,
    "status.succeeded < 4": True,
    "status.phase > 2": False,
    "status.ready == true": True,
    "status.none == x": False,
    "status.none != x": True,
    "status.none": False,
    "!status.none": True,
    "status.phase": True,
    "status.phase == Running, status.succeeded > 2": True,
    "status.phase == Running, status.succeeded > 9": False,
    "status.conditions.1.status == False": True,
    "": True,
}


@pytest.mark.rule("leaf.resource-conditions")
@pytest.mark.parametrize("text", list(CONDITIONS))
def test_a_condition_is_a_label_selector_over_paths(text: str) -> None:
    assert holds(read_condition(text, "success"), OBJECT) is CONDITIONS[text]


SHOWN = {
    "status.phase in (Running, Error)": "status.phase in (Error,Running)",
    "status.phase == Running": "status.phase==Running",
    "status.phase = Running": "status.phase=Running",
    "status.succeeded > 9, status.succeeded > 2": "status.succeeded>2",
    "status.phase == Failed": "",
}


@pytest.mark.parametrize("text", list(SHOWN))
def test_any_failure_condition_counts_and_is_named_as_kubernetes_prints_it(text: str) -> None:
    assert failed_requirement(read_condition(text, "fail"), OBJECT) == SHOWN[text]


def test_a_condition_that_is_none_is_told_with_its_kind() -> None:
    with pytest.raises(InvalidSpec, match=r"fail condition 'a ==== b' failed to parse"):
        read_condition("a ==== b", "fail")


PATHS = {
    "{.metadata.name}": "x",
    "{$.metadata.name}": "x",
    "{@.metadata.name}": "x",
    "{metadata.name}": "x",
    "name={.metadata.name}!": "name=x!",
    "{.status.succeeded}{'\\n'}{.status.ready}": "3\ntrue",
    "{.status.conditions[*].type}": "A B",
    "{.status.conditions[0].type}": "A",
    '{.status.conditions[?(@.type=="B")].status}': "False",
    "{.status.conditions[1]}": '{"status":"False","type":"B"}',
    "{.metadata.labels['a.b/c']}": "d",
    "{.none.at.all}": "",
    '{range .status.conditions[*]}{.type}={.status}{"\\n"}{end}': "A=True\nB=False\n",
    "{range .status.conditions[*]}{@.type} of {$.metadata.name};{end}": "A of x;B of x;",
    "{range .none[*]}{.type}{end}": "",
    ".metadata.name": ".metadata.name",
    "": "",
}


@pytest.mark.rule("leaf.resource-outputs")
@pytest.mark.parametrize("template", list(PATHS))
def test_a_json_path_is_a_template_of_kubectl(template: str) -> None:
    assert jsonpath_text(template, OBJECT) == PATHS[template]


@pytest.mark.parametrize("template", ["{.a", "{range .items[*]}{.a}", "{.a}{end}", "{.a[}"])
def test_a_path_that_cannot_be_read_is_an_error(template: str) -> None:
    with pytest.raises(InvalidSpec):
        jsonpath_text(template, OBJECT)


def config_map(**data: str) -> ConfigMap:
    return ConfigMap(metadata=ObjectMeta(name="c", namespace="default"), data=data)


def test_apply_takes_away_what_the_manifest_has_no_more() -> None:
    held = patches.with_last_applied(config_map(a="1", b="2"))
    held = held.replace(data={**held.data, "theirs": "x"})
    patch = patches.apply_patch(config_map(a="3"), held)
    assert patch["data"] == {"a": "3", "b": None}


def test_a_strategic_merge_is_for_built_in_kinds() -> None:
    patches.check_merge(ConfigMap, "strategic")
    patches.check_merge(Workflow, "merge")
    with pytest.raises(InvalidSpec, match=r"not supported by argoproj.io/v1alpha1, Kind=Workflow"):
        patches.check_merge(Workflow, "strategic")


def test_a_json_patch_changes_in_order_or_not_at_all() -> None:
    operations = [
        {"op": "test", "path": "/data/a", "value": "1"},
        {"op": "replace", "path": "/data/a", "value": "2"},
        {"op": "add", "path": "/metadata/labels", "value": {"x": "y"}},
        {"op": "copy", "from": "/data/a", "path": "/data/b"},
    ]
    patched = patches.json_patched(config_map(a="1"), operations)
    assert (patched["data"], patched["metadata"]["labels"]) == ({"a": "2", "b": "2"}, {"x": "y"})
    with pytest.raises(InvalidSpec, match="JSON patch cannot be applied"):
        patches.json_patched(config_map(a="9"), operations)
    with pytest.raises(InvalidSpec, match="must be a list"):
        patches.json_patched(config_map(), {"data": {}})
