"""A trial with the Python client: the typed API, custom objects, the dynamic client, watches, leader election."""

from __future__ import annotations

import threading
import time
from pathlib import Path

from kubernetes import client, config, dynamic, stream, utils, watch
from kubernetes.leaderelection import electionconfig, leaderelection
from kubernetes.leaderelection.resourcelock.leaselock import LeaseLock

from tests.clients.programs.said import call

NAMESPACE = "default"
VALVES = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "valves.plant.example.com"},
    "spec": {
        "group": "plant.example.com",
        "scope": "Namespaced",
        "names": {"plural": "valves", "singular": "valve", "kind": "Valve"},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "subresources": {"status": {}},
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "properties": {
                            "spec": {"type": "object", "properties": {"open": {"type": "integer", "maximum": 100}}},
                            "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
                        },
                    }
                },
            }
        ],
    },
}
MANIFESTS = """
apiVersion: v1
kind: ConfigMap
metadata: {name: from-file}
data: {a: "1"}
---
apiVersion: v1
kind: Service
metadata: {name: from-file}
spec: {selector: {app: x}, ports: [{port: 80}]}
"""


def main() -> None:
    """All of it, in order."""
    config.load_kube_config()
    discovery()
    typed()
    pods()
    jobs()
    custom_objects()
    dynamic_client()
    watches()
    election()
    files()


def discovery() -> None:
    with call("VersionApi.get_code") as said:
        said(client.VersionApi().get_code().git_version.partition("+")[0])
    with call("CoreApi.get_api_versions") as said:
        said(client.CoreApi().get_api_versions().versions)
    with call("ApisApi.get_api_versions") as said:
        said("batch" in [group.name for group in client.ApisApi().get_api_versions().groups])
    with call("CoreV1Api.get_api_resources") as said:
        said("pods" in [item.name for item in client.CoreV1Api().get_api_resources().resources])
    with call("CoreV1Api.list_node") as said:
        said(f"{len(client.CoreV1Api().list_node().items)} node")
    with call("CustomObjectsApi.list_cluster_custom_object (metrics)") as said:
        measured = client.CustomObjectsApi().list_cluster_custom_object("metrics.k8s.io", "v1beta1", "nodes")
        said(sorted(measured["items"][0]["usage"]))


def typed() -> None:
    core = client.CoreV1Api()
    body = client.V1ConfigMap(
        metadata=client.V1ObjectMeta(name="typed", labels={"app": "x"}), data={"a": "1"}, binary_data={"b": "AAE="}
    )
    with call("CoreV1Api.create_namespaced_config_map") as said:
        said(core.create_namespaced_config_map(NAMESPACE, body).metadata.name)
    with call("CoreV1Api.create_namespaced_config_map", refused="(409)"):
        core.create_namespaced_config_map(NAMESPACE, body)
    with call("CoreV1Api.create_namespaced_config_map(dry_run)") as said:
        dry = client.V1ConfigMap(metadata=client.V1ObjectMeta(generate_name="dry-"))
        said(core.create_namespaced_config_map(NAMESPACE, dry, dry_run="All").metadata.name.startswith("dry-"))
    with call("CoreV1Api.read_namespaced_config_map") as said:
        found = core.read_namespaced_config_map("typed", NAMESPACE)
        said(f"{found.data}, {found.metadata.creation_timestamp.tzinfo is not None}")
    with call("CoreV1Api.replace_namespaced_config_map") as said:
        stale = core.read_namespaced_config_map("typed", NAMESPACE)
        found.data["a"] = "2"
        said(core.replace_namespaced_config_map("typed", NAMESPACE, found).data)
    with call("CoreV1Api.replace_namespaced_config_map (stale)", refused="(409)"):
        core.replace_namespaced_config_map("typed", NAMESPACE, stale)
    with call("CoreV1Api.patch_namespaced_config_map") as said:
        said(core.patch_namespaced_config_map("typed", NAMESPACE, {"data": {"a": None, "c": "3"}}).data)
    with call("CoreV1Api.patch_namespaced_config_map (list: JSON patch)") as said:
        patch = [{"op": "replace", "path": "/data/c", "value": "4"}]
        said(core.patch_namespaced_config_map("typed", NAMESPACE, patch).data)
    with call("CoreV1Api.list_namespaced_config_map(label_selector)") as said:
        said([item.metadata.name for item in core.list_namespaced_config_map(NAMESPACE, label_selector="app=x").items])
    with call("CoreV1Api.list_config_map_for_all_namespaces(limit, _continue)") as said:
        core.create_namespaced_config_map(NAMESPACE, client.V1ConfigMap(metadata=client.V1ObjectMeta(name="other")))
        first = core.list_config_map_for_all_namespaces(limit=1)
        second = core.list_config_map_for_all_namespaces(limit=1, _continue=first.metadata._continue)
        said([item.metadata.name for item in first.items + second.items])
    with call("CoreV1Api.read_namespaced_config_map (absent)", refused="(404)"):
        core.read_namespaced_config_map("absent", NAMESPACE)
    with call("CoreV1Api.create_namespaced_secret") as said:
        secret = client.V1Secret(metadata=client.V1ObjectMeta(name="typed"), string_data={"k": "v"})
        said(core.create_namespaced_secret(NAMESPACE, secret).data)
    with call("CoreV1Api.delete_collection_namespaced_config_map") as said:
        said(core.delete_collection_namespaced_config_map(NAMESPACE, label_selector="app=x").kind)
    with call("AuthorizationV1Api.create_self_subject_access_review") as said:
        attributes = client.V1ResourceAttributes(verb="create", resource="pods", namespace=NAMESPACE)
        review = client.V1SelfSubjectAccessReview(
            spec=client.V1SelfSubjectAccessReviewSpec(resource_attributes=attributes)
        )
        said(client.AuthorizationV1Api().create_self_subject_access_review(review).status.allowed)
    with call("RbacAuthorizationV1Api.create_namespaced_role") as said:
        rule = client.V1PolicyRule(api_groups=[""], resources=["pods"], verbs=["get"])
        role = client.V1Role(metadata=client.V1ObjectMeta(name="typed"), rules=[rule])
        said(client.RbacAuthorizationV1Api().create_namespaced_role(NAMESPACE, role).rules[0].verbs)


def pods() -> None:
    core = client.CoreV1Api()
    container = client.V1Container(name="main", image="busybox", command=["sh", "-c", "echo one; echo two"])
    spec = client.V1PodSpec(containers=[container], restart_policy="Never")
    pod = client.V1Pod(metadata=client.V1ObjectMeta(name="typed", labels={"app": "pod"}), spec=spec)
    with call("CoreV1Api.create_namespaced_pod") as said:
        said(core.create_namespaced_pod(NAMESPACE, pod).metadata.name)
    with call("CoreV1Api.read_namespaced_pod_status until it has ended") as said:
        said(_until(lambda: core.read_namespaced_pod_status("typed", NAMESPACE).status.phase, "Succeeded"))
    with call("CoreV1Api.read_namespaced_pod_log") as said:
        said(core.read_namespaced_pod_log("typed", NAMESPACE).split())
    with call("CoreV1Api.read_namespaced_pod_log(tail_lines, timestamps)") as said:
        said(core.read_namespaced_pod_log("typed", NAMESPACE, tail_lines=1, timestamps=True).split()[1:])
    with call("watch.Watch.stream(read_namespaced_pod_log)") as said:
        said(list(watch.Watch().stream(core.read_namespaced_pod_log, name="typed", namespace=NAMESPACE)))
    with call("stream.stream(connect_get_namespaced_pod_exec)", refused="501"):
        stream.stream(core.connect_get_namespaced_pod_exec, "typed", NAMESPACE, command=["ls"], stdout=True)
    with call("CoreV1Api.list_namespaced_event") as said:
        said(core.list_namespaced_event(NAMESPACE).kind)
    with call("CoreV1Api.delete_namespaced_pod") as said:
        said(core.delete_namespaced_pod("typed", NAMESPACE, grace_period_seconds=1).metadata.name)


def jobs() -> None:
    batch = client.BatchV1Api()
    container = client.V1Container(name="main", image="busybox", command=["true"])
    template = client.V1PodTemplateSpec(
        metadata=client.V1ObjectMeta(labels={"app": "job"}),
        spec=client.V1PodSpec(containers=[container], restart_policy="Never"),
    )
    job = client.V1Job(
        api_version="batch/v1",
        kind="Job",
        metadata=client.V1ObjectMeta(name="typed"),
        spec=client.V1JobSpec(template=template, backoff_limit=1),
    )
    with call("BatchV1Api.create_namespaced_job") as said:
        said(batch.create_namespaced_job(NAMESPACE, job).metadata.name)
    with call("BatchV1Api.read_namespaced_job_status until it has succeeded") as said:
        said(_until(lambda: batch.read_namespaced_job_status("typed", NAMESPACE).status.succeeded, 1))
    with call("BatchV1Api.delete_namespaced_job(propagation_policy)") as said:
        said(batch.delete_namespaced_job("typed", NAMESPACE, propagation_policy="Foreground")["kind"])
    with call("BatchV1Api.create_namespaced_cron_job") as said:
        spec = client.V1CronJobSpec(
            schedule="0 0 1 1 *", suspend=True, job_template=client.V1JobTemplateSpec(spec=job.spec)
        )
        cron = client.V1CronJob(metadata=client.V1ObjectMeta(name="typed"), spec=spec)
        said(batch.create_namespaced_cron_job(NAMESPACE, cron).spec.schedule)
    with call("BatchV1Api.list_cron_job_for_all_namespaces") as said:
        said([item.spec.suspend for item in batch.list_cron_job_for_all_namespaces().items])
    with call("BatchV1Api.delete_namespaced_cron_job") as said:
        said(batch.delete_namespaced_cron_job("typed", NAMESPACE)["status"])


def custom_objects() -> None:
    custom = client.CustomObjectsApi()
    where = {"group": "plant.example.com", "version": "v1", "namespace": NAMESPACE, "plural": "valves"}
    extensions = client.ApiextensionsV1Api()
    with call("ApiextensionsV1Api.create_custom_resource_definition") as said:
        said(extensions.create_custom_resource_definition(VALVES).spec.names.kind)
    with call("ApiextensionsV1Api.read_custom_resource_definition_status until it is established") as said:
        said(_until(lambda: _established(extensions), "True"))
    valve = {"apiVersion": "plant.example.com/v1", "kind": "Valve", "metadata": {"name": "v"}, "spec": {"open": 10}}
    with call("CustomObjectsApi.create_namespaced_custom_object") as said:
        said(custom.create_namespaced_custom_object(**where, body=valve)["spec"])
    with call("CustomObjectsApi.create_namespaced_custom_object (invalid)", refused="(422)"):
        wrong = valve | {"metadata": {"name": "w"}, "spec": {"open": 101}}
        custom.create_namespaced_custom_object(**where, body=wrong)
    with call("CustomObjectsApi.patch_namespaced_custom_object") as said:
        said(custom.patch_namespaced_custom_object(**where, name="v", body={"spec": {"open": 20}})["spec"])
    with call("CustomObjectsApi.patch_namespaced_custom_object_status") as said:
        status = {"status": {"moved": True}}
        said(custom.patch_namespaced_custom_object_status(**where, name="v", body=status)["status"])
    with call("CustomObjectsApi.get_namespaced_custom_object") as said:
        said(custom.get_namespaced_custom_object(**where, name="v")["metadata"]["generation"])
    with call("CustomObjectsApi.list_namespaced_custom_object") as said:
        said(custom.list_namespaced_custom_object(**where)["kind"])
    with call("CustomObjectsApi.delete_namespaced_custom_object") as said:
        said(custom.delete_namespaced_custom_object(**where, name="v")["status"])
    workflow = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {"generateName": "custom-"},
        "spec": {
            "entrypoint": "main",
            "templates": [{"name": "main", "container": {"image": "busybox", "command": ["true"]}}],
        },
    }
    argo = {"group": "argoproj.io", "version": "v1alpha1", "namespace": NAMESPACE, "plural": "workflows"}
    with call("CustomObjectsApi.create_namespaced_custom_object (Workflow)") as said:
        name = custom.create_namespaced_custom_object(**argo, body=workflow)["metadata"]["name"]
        said(name.startswith("custom-"))
    with call("CustomObjectsApi.get_namespaced_custom_object (Workflow) until it has ended") as said:
        said(_until(lambda: _phase(custom.get_namespaced_custom_object(**argo, name=name)), "Succeeded"))


def dynamic_client() -> None:
    api = dynamic.DynamicClient(client.ApiClient())
    with call("DynamicClient.resources.get") as said:
        maps = api.resources.get(api_version="v1", kind="ConfigMap")
        valves = api.resources.get(api_version="plant.example.com/v1", kind="Valve")
        said(f"{maps.group_version}, {valves.group_version}")
    with call("DynamicClient.resources.search") as said:
        said([found.name for found in api.resources.search(kind="InferenceService") if "List" not in found.kind])
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "applied"}, "data": {"a": "1"}}
    with call("DynamicClient.server_side_apply") as said:
        said(maps.server_side_apply(body=body, namespace=NAMESPACE, field_manager="one").data.to_dict())
    with call("DynamicClient.server_side_apply (conflict)", refused="409"):
        maps.server_side_apply(body=body | {"data": {"a": "2"}}, namespace=NAMESPACE, field_manager="two")
    with call("DynamicClient.server_side_apply(force_conflicts)") as said:
        forced = maps.server_side_apply(
            body=body | {"data": {"a": "2"}}, namespace=NAMESPACE, field_manager="two", force_conflicts=True
        )
        said([entry.manager for entry in forced.metadata.managedFields])
    with call("DynamicClient.patch") as said:
        patched = maps.patch(
            name="applied", namespace=NAMESPACE, body={"data": {"b": "3"}}, content_type="application/merge-patch+json"
        )
        said(patched.data.to_dict())
    with call("DynamicClient.get(label_selector)") as said:
        said(len(maps.get(namespace=NAMESPACE, label_selector="none=such").items))
    with call("DynamicClient.watch") as said:
        events = list(maps.watch(namespace=NAMESPACE, timeout=1, name="applied"))
        said([(event["type"], event["object"].metadata.name) for event in events])
    with call("DynamicClient.delete") as said:
        said(maps.delete(name="applied", namespace=NAMESPACE).status)


def watches() -> None:
    core = client.CoreV1Api()
    listed = core.list_namespaced_config_map(NAMESPACE)
    seen: list[tuple[str, str]] = []
    began = threading.Event()

    def read() -> None:
        watching = watch.Watch()
        began.set()
        version = listed.metadata.resource_version
        for event in watching.stream(
            core.list_namespaced_config_map, NAMESPACE, resource_version=version, timeout_seconds=20
        ):
            seen.append((event["type"], event["object"].metadata.name))
            if event["type"] == "DELETED":
                watching.stop()

    with call("watch.Watch.stream(resource_version)") as said:
        reader = threading.Thread(target=read)
        reader.start()
        began.wait()
        core.create_namespaced_config_map(NAMESPACE, client.V1ConfigMap(metadata=client.V1ObjectMeta(name="seen")))
        core.patch_namespaced_config_map("seen", NAMESPACE, {"data": {"a": "1"}})
        core.delete_namespaced_config_map("seen", NAMESPACE)
        reader.join(30)
        said(seen)
    with call("watch.Watch.stream(timeout_seconds) ends by itself") as said:
        events = watch.Watch().stream(core.list_namespaced_secret, NAMESPACE, timeout_seconds=1)
        said([event["object"].metadata.name for event in events])
    with call("watch.Watch.stream (a version from the future)", refused="(410)"):
        list(watch.Watch().stream(core.list_namespaced_secret, NAMESPACE, resource_version="999999999"))
    with call("CoreV1Api.list_namespaced_secret (an unknown continue token)", refused="(410)"):
        core.list_namespaced_secret(NAMESPACE, _continue="nonsense")


def election() -> None:
    led: list[str] = []
    with call("leaderelection.LeaderElection.run (Lease)") as said:
        lock = LeaseLock("elected", NAMESPACE, "first")
        settings = electionconfig.Config(
            lock,
            lease_duration=3,
            renew_deadline=2,
            retry_period=1,
            onstarted_leading=lambda: led.append("first leads"),
            onstopped_leading=lambda: led.append("first has stopped"),
        )
        threading.Thread(target=leaderelection.LeaderElection(settings).run, daemon=True).start()
        _until(lambda: bool(led), True)
        lease = client.CoordinationV1Api().read_namespaced_lease("elected", NAMESPACE)
        said(f"{led}, held by {lease.spec.holder_identity}")


def files() -> None:
    Path("manifests.yaml").write_text(MANIFESTS)
    with call("utils.create_from_yaml") as said:
        made = utils.create_from_yaml(client.ApiClient(), "manifests.yaml", namespace=NAMESPACE)
        said([item.kind for items in made for item in (items if isinstance(items, list) else [items])])
    with call("utils.create_from_yaml (again)", refused="AlreadyExists"):
        utils.create_from_yaml(client.ApiClient(), "manifests.yaml", namespace=NAMESPACE)


def _established(extensions: client.ApiextensionsV1Api) -> str:
    found = extensions.read_custom_resource_definition_status("valves.plant.example.com")
    return next((item.status for item in found.status.conditions or [] if item.type == "Established"), "")


def _phase(workflow: dict[str, dict[str, str]]) -> str:
    return workflow.get("status", {}).get("phase", "")


def _until(look: object, wanted: object) -> object:
    """What is wanted, once it is there. AssertionError after 30 s."""
    deadline = time.monotonic() + 30
    while (found := look()) != wanted:  # type: ignore[operator]
        if time.monotonic() > deadline:
            raise AssertionError(f"still {found}, not {wanted}")
        time.sleep(0.1)
    return found


if __name__ == "__main__":
    main()
