"""Tables of objects: columns and cells as kubectl prints them, for known kinds and for those of definitions."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from setpoint.apis.catalog import CATALOG
from setpoint.apis.definitions import Column, ResourceDefinition
from setpoint.core.tables import make_table

NOW = datetime(2026, 1, 1, 3, tzinfo=UTC)
MADE = "2026-01-01T00:00:00Z"


def by_key(key: str) -> ResourceDefinition:
    return next(item for item in CATALOG if item.key == key)


def row(key: str, **fields: Any) -> dict[str, Any]:
    """Cells of one object by the names of their columns."""
    item = {"metadata": {"name": "x", "creationTimestamp": MADE, **fields.pop("metadata", {})}, **fields}
    table = make_table(by_key(key), [item], NOW)
    names = [column["name"] for column in table["columnDefinitions"]]
    return dict(zip(names, table["rows"][0]["cells"], strict=True))


def narrow(key: str) -> list[str]:
    """Columns without `-o wide`."""
    columns = make_table(by_key(key), [], NOW)["columnDefinitions"]
    return [column["name"] for column in columns if column["priority"] == 0]


@pytest.mark.parametrize(
    ("key", "names"),
    [
        ("Pod", "Name Ready Status Restarts Age"),
        ("Job.batch", "Name Status Completions Duration Age"),
        ("CronJob.batch", "Name,Schedule,Timezone,Suspend,Active,Last Schedule,Age"),
        ("Service", "Name Type Cluster-IP External-IP Port(s) Age"),
        ("Namespace", "Name Status Age"),
        ("ConfigMap", "Name Data Age"),
        ("Secret", "Name Type Data Age"),
        ("ServiceAccount", "Name Secrets Age"),
        ("Event", "Last Seen,Type,Reason,Object,Message"),
        ("Role.rbac.authorization.k8s.io", "Name,Created At"),
        ("RoleBinding.rbac.authorization.k8s.io", "Name Role Age"),
        ("Lease.coordination.k8s.io", "Name Holder Age"),
        ("Node", "Name Status Roles Age Version"),
        ("Workflow.argoproj.io", "Name Status Age Message"),
        ("CronWorkflow.argoproj.io", "Name Age"),
        (
            "InferenceService.serving.kserve.io",
            "Name URL Ready Prev Latest PrevRolledoutRevision LatestReadyRevision Age",
        ),
        ("ServingRuntime.serving.kserve.io", "Name Disabled ModelType Containers Age"),
        ("PyTorchJob.kubeflow.org", "Name State Age"),
        ("TrainJob.trainer.kubeflow.org", "Name State Age"),
        ("Service.serving.knative.dev", "Name URL LatestCreated LatestReady Ready Reason"),
    ],
)
def test_columns_are_those_that_kubectl_shows(key: str, names: str) -> None:
    assert narrow(key) == names.split("," if "," in names else None)


def conditions(*names: str) -> list[dict[str, str]]:
    return [{"type": name, "status": "True"} for name in names]


@pytest.mark.parametrize(
    ("status", "metadata", "word"),
    [
        ({}, {}, "Running"),
        ({"conditions": conditions("Complete")}, {"deletionTimestamp": MADE}, "Complete"),
        ({"conditions": conditions("FailureTarget", "Failed")}, {}, "Failed"),
        ({"conditions": conditions("Suspended")}, {}, "Suspended"),
        ({"conditions": conditions("Suspended")}, {"deletionTimestamp": MADE}, "Terminating"),
        ({"conditions": [{"type": "Complete", "status": "False"}]}, {}, "Running"),
    ],
)
def test_the_state_of_a_job(status: Any, metadata: Any, word: str) -> None:
    assert row("Job.batch", spec={}, status=status, metadata=metadata)["Status"] == word


def test_a_job_in_one_line() -> None:
    status = {"succeeded": 2, "startTime": MADE, "completionTime": "2026-01-01T00:02:30Z"}
    containers = [{"name": "a", "image": "x"}, {"name": "b", "image": "y"}]
    spec = {"completions": 3, "template": {"spec": {"containers": containers}}}
    found = row("Job.batch", spec=spec, status=status)
    assert (found["Completions"], found["Duration"], found["Age"]) == ("2/3", "2m30s", "3h")
    assert (found["Containers"], found["Images"], found["Selector"]) == ("a,b", "x,y", "<none>")
    assert row("Job.batch", spec={"parallelism": 4})["Completions"] == "0/1 of 4"
    assert row("Job.batch", spec={})["Duration"] == ""
    assert row("Job.batch", spec={}, status={"startTime": MADE})["Duration"] == "3h"


@pytest.mark.parametrize(
    ("spec", "status", "outer"),
    [
        ({}, {}, "<none>"),
        ({"externalIPs": ["1.2.3.4"]}, {}, "1.2.3.4"),
        ({"type": "ExternalName", "externalName": "db.example.com"}, {}, "db.example.com"),
        ({"type": "LoadBalancer"}, {}, "<pending>"),
        ({"type": "LoadBalancer"}, {"loadBalancer": {"ingress": [{"ip": "5.6.7.8"}, {"hostname": "h"}]}}, "5.6.7.8,h"),
    ],
)
def test_where_a_service_can_be_reached(spec: Any, status: Any, outer: str) -> None:
    assert row("Service", spec=spec, status=status)["External-IP"] == outer


def test_a_service_in_one_line() -> None:
    ports = [{"port": 80}, {"port": 53, "nodePort": 30053, "protocol": "UDP"}]
    found = row("Service", spec={"ports": ports, "selector": {"app": "a"}})
    assert (found["Type"], found["Cluster-IP"]) == ("ClusterIP", "<none>")
    assert (found["Port(s)"], found["Selector"]) == ("80/TCP,53:30053/UDP", "app=a")


def test_a_claim_in_one_line() -> None:
    spec = {"accessModes": ["ReadWriteOnce", "ReadOnlyMany"], "storageClassName": "fast"}
    status = {"phase": "Pending", "capacity": {"storage": "1Gi"}}
    found = row("PersistentVolumeClaim", spec=spec, status=status)
    assert (found["Status"], found["Access Modes"], found["StorageClass"]) == ("Pending", "RWO,ROX", "fast")
    assert (found["Capacity"], found["VolumeAttributesClass"]) == ("1Gi", "<unset>")
    assert row("PersistentVolumeClaim", metadata={"deletionTimestamp": MADE})["Status"] == "Terminating"


def test_events_tell_when_they_were_seen_and_of_what() -> None:
    about = {"kind": "Pod", "name": "p"}
    found = row("Event", involvedObject=about, reason="Started", firstTimestamp=MADE, message=" well \n", count=3)
    assert (found["Last Seen"], found["First Seen"], found["Count"]) == ("3h", "3h", 3)
    assert (found["Object"], found["Message"], found["Name"]) == ("pod/p", "well", "x")
    series = {"count": 7, "lastObservedTime": "2026-01-01T02:59:00Z"}
    found = row("Event", involvedObject={"kind": "Node"}, eventTime=MADE, series=series, source={"host": "h"})
    assert (found["Last Seen"], found["First Seen"], found["Count"]) == ("60s", "3h", 7)
    assert (found["Object"], found["Source"], found["Type"]) == ("node", "h", "Normal")


def test_what_is_counted() -> None:
    assert row("ConfigMap", data={"a": "b"}, binaryData={"c": ""})["Data"] == 2
    assert row("Secret", data={"a": "b"})["Data"] == 1
    assert row("ServiceAccount")["Secrets"] == 0
    assert row("CronJob.batch", spec={"schedule": "@daily"}, status={"active": [{}, {}]})["Active"] == 2


def test_a_node_in_one_line() -> None:
    labels = {"node-role.kubernetes.io/worker": "", "node-role.kubernetes.io/control-plane": ""}
    status = {
        "conditions": conditions("Ready"),
        "addresses": [{"type": "InternalIP", "address": "10.0.0.1"}],
        "nodeInfo": {"kubeletVersion": "v1"},
    }
    found = row("Node", spec={"unschedulable": True}, status=status, metadata={"labels": labels})
    assert (found["Status"], found["Roles"]) == ("Ready,SchedulingDisabled", "control-plane,worker")
    assert (found["Version"], found["Internal-IP"], found["External-IP"]) == ("v1", "10.0.0.1", "<none>")
    assert row("Node")["Status"] == "Unknown"
    assert row("Node")["Roles"] == "<none>"


def test_bindings_name_those_they_bind() -> None:
    subjects = [{"kind": "User", "name": "a"}, {"kind": "ServiceAccount", "name": "b", "namespace": "n"}]
    found = row("RoleBinding.rbac.authorization.k8s.io", roleRef={"kind": "Role", "name": "r"}, subjects=subjects)
    assert (found["Role"], found["Users"], found["Groups"], found["ServiceAccounts"]) == ("Role/r", "a", "", "n/b")


def test_the_state_of_a_training_is_its_last_condition() -> None:
    found = row("PyTorchJob.kubeflow.org", status={"conditions": conditions("Created", "Running")})
    assert found["State"] == "Running"
    assert row("TrainJob.trainer.kubeflow.org")["State"] is None


def test_shares_of_an_inference_service() -> None:
    traffic = [{"latestRevision": True, "percent": 90, "revisionName": "b"}, {"tag": "prev", "percent": 10}]
    status = {"conditions": conditions("Ready"), "components": {"predictor": {"traffic": traffic}}}
    found = row("InferenceService.serving.kserve.io", status=status)
    assert (found["Ready"], found["Latest"], found["Prev"]) == ("True", 90, 10)
    assert (found["LatestReadyRevision"], found["PrevRolledoutRevision"]) == ("b", None)


def custom(*columns: Column) -> ResourceDefinition:
    return ResourceDefinition(group="example.com", version="v1", kind="Pump", plural="pumps", columns=columns or None)


PUMP: dict[str, Any] = {
    "metadata": {"name": "p", "creationTimestamp": MADE, "labels": {"a": "b"}},
    "spec": {"speed": 5, "ratio": 0.5, "on": False, "tags": ["a", "b"], "deep": {"x": 1}, "text": "5"},
}


@pytest.mark.parametrize(
    ("column", "cell"),
    [
        (Column(name="C", path=".spec.speed", type="integer"), 5),
        (Column(name="C", path=".spec.speed"), "5"),
        (Column(name="C", path=".spec.text", type="integer"), None),
        (Column(name="C", path=".spec.ratio", type="number"), 0.5),
        (Column(name="C", path=".spec.on", type="boolean"), False),
        (Column(name="C", path=".spec.on"), "false"),
        (Column(name="C", path=".spec.missing"), None),
        (Column(name="C", path=".spec.tags[*]"), "a,b"),
        (Column(name="C", path=".spec.tags[1]"), "b"),
        (Column(name="C", path=".metadata.creationTimestamp", type="date"), "3h"),
        (Column(name="C", path=".spec.text", type="date"), "<unknown>"),
        (Column(name="C", path="[[["), None),
    ],
)
def test_a_column_by_path(column: Column, cell: Any) -> None:
    assert make_table(custom(column), [PUMP], NOW)["rows"][0]["cells"] == ["p", cell]


def test_a_definition_without_columns_shows_the_age() -> None:
    table = make_table(custom(), [PUMP], NOW)
    assert [column["name"] for column in table["columnDefinitions"]] == ["Name", "Age"]
    assert table["rows"][0]["cells"] == ["p", "3h"]


def test_what_comes_with_a_row() -> None:
    rows = [make_table(custom(), [PUMP], NOW, include=what)["rows"][0] for what in ("None", "Metadata", "Object")]
    assert "object" not in rows[0]
    assert rows[1]["object"]["kind"] == "PartialObjectMetadata"
    assert rows[1]["object"]["metadata"] == PUMP["metadata"]
    assert rows[2]["object"] == PUMP


@pytest.mark.parametrize("definition", list(CATALOG), ids=lambda item: item.key)
def test_an_object_that_says_nothing_has_a_row_too(definition: ResourceDefinition) -> None:
    table = make_table(definition, [{"metadata": {"name": "x"}}], NOW)
    (found,) = table["rows"]
    assert len(found["cells"]) == len(table["columnDefinitions"])
    assert (table["kind"], table["apiVersion"]) == ("Table", "meta.k8s.io/v1")
