"""A trial with kubectl: what people type, on objects of the cluster, of engines, and of a kind of their own."""

from __future__ import annotations

import threading

from tests.clients.programs.kubectl import kubectl, write

SETTINGS = """
apiVersion: v1
kind: ConfigMap
metadata: {name: settings, labels: {team: blue}}
data: {level: "LEVEL"}
"""
PUMPS = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: pumps.plant.example.com}
spec:
  group: plant.example.com
  scope: Namespaced
  names: {plural: pumps, singular: pump, kind: Pump, shortNames: [pu]}
  versions:
  - name: v1
    served: true
    storage: true
    subresources: {status: {}, scale: {specReplicasPath: .spec.replicas, statusReplicasPath: .status.replicas}}
    additionalPrinterColumns: [{name: Speed, type: integer, jsonPath: .spec.speed}]
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec:
            type: object
            required: [speed]
            properties:
              speed: {type: integer, minimum: 0, description: Turns per second}
              replicas: {type: integer}
          status: {type: object, properties: {replicas: {type: integer}}}
"""
PUMP = "{apiVersion: plant.example.com/v1, kind: Pump, metadata: {name: one}, spec: {speed: SPEED, replicas: 1}}"
KUSTOMIZATION = """
namePrefix: site-
labels: [{pairs: {site: north}}]
resources: [settings.yaml]
configMapGenerator: [{name: made, literals: [a=b]}]
"""
WORKFLOW = """
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {generateName: hello-, labels: {trial: kubectl}}
spec:
  entrypoint: main
  templates: [{name: main, container: {image: busybox, command: [echo, hello]}}]
"""


def main() -> None:
    """All of it, in order."""
    discovery()
    config_maps()
    applying()
    listing()
    changing()
    pods()
    jobs()
    workflows()
    access()
    custom_resources()
    kustomize()
    deleting()


def discovery() -> None:
    kubectl("version --client", says=r"v1\.\d+\.\d+")
    kubectl("version", says="Server Version: v1.32.0")
    kubectl("api-versions", says="^argoproj.io/v1alpha1$")
    kubectl("api-resources", says="^workflows +wf +argoproj.io/v1alpha1 +true +Workflow$")
    kubectl("api-resources --namespaced=false -o name", says="^clusterworkflowtemplates.argoproj.io$")
    kubectl("cluster-info", says="Kubernetes control plane.* is running at")
    kubectl("explain pod.spec.containers.image", says="FIELD: image <string>")
    kubectl("explain workflow.spec --recursive", says=r"entrypoint\s<string>")
    kubectl("explain nosuch", code=1, says="the server doesn't have a resource type")
    kubectl("get --raw /readyz", says="^ok")
    kubectl("get nodes", says="Ready")
    kubectl("describe node", says="^  cpu: ")
    kubectl("get namespaces", says="^default +Active")


def config_maps() -> None:
    kubectl("create namespace plant", says="created")
    kubectl("create configmap first --from-literal=x=1", says="configmap/first created")
    kubectl("create configmap first --from-literal=x=1", code=1, says=r'configmaps "first" already exists')
    kubectl("create configmap dry --from-literal=x=1 --dry-run=server -o name", says="^configmap/dry$")
    kubectl("get configmap dry", code=1, says=r'configmaps "dry" not found')
    kubectl("create secret generic key --from-literal=password=none", says="secret/key created")
    kubectl("describe secret key", says="password: +4 bytes")
    kubectl("get secret key", says="Opaque")
    kubectl(
        "create -f -",
        given="{apiVersion: v1, kind: ConfigMap, metadata: {name: Not A Name}}",
        code=1,
        says='The ConfigMap "Not A Name" is invalid: metadata.name',
    )
    kubectl(
        "create -f -",
        given="{apiVersion: v1, kind: ConfigMap, metadata: {name: odd}, dataa: {}}",
        code=1,
        says='unknown field "dataa"',
    )


def applying() -> None:
    manifest = write("settings.yaml", SETTINGS.replace("LEVEL", "1"))
    kubectl(f"diff -f {manifest}", code=1, says=r'^\+  level: "1"')
    kubectl(f"apply -f {manifest}", says="configmap/settings created")
    kubectl(f"apply -f {manifest}", says="configmap/settings unchanged")
    write("settings.yaml", SETTINGS.replace("LEVEL", "2"))
    kubectl(f"diff -f {manifest}", code=1, says=r'^\+  level: "2"')
    kubectl(f"apply -f {manifest}", says="configmap/settings configured")
    kubectl("apply view-last-applied configmap settings", says='level: "2"')
    kubectl(f"apply --server-side --field-manager=first -f {manifest}", says="serverside-applied")
    write("settings.yaml", SETTINGS.replace("LEVEL", "3"))
    kubectl(f"apply --server-side --field-manager=second -f {manifest}", code=1, says="Apply failed with .* conflicts?")
    kubectl(f"apply --server-side --field-manager=second --force-conflicts -f {manifest}", says="serverside-applied")
    kubectl("get configmap settings -o yaml --show-managed-fields", says="manager: second")
    kubectl(f"apply --server-side --dry-run=server --field-manager=second -f {manifest}", says="server dry run")


def listing() -> None:
    kubectl("get configmaps", says="^settings +1 ")
    kubectl("get configmaps -o wide --show-labels", says="team=blue")
    kubectl("get configmap settings -o yaml", says="^kind: ConfigMap")
    kubectl("get configmap settings -o json", says='"level": "3"')
    kubectl("get configmap settings -o jsonpath={.data.level}", says="^3$")
    kubectl("get configmaps -o custom-columns=N:.metadata.name,L:.data.level", says="^settings +3")
    kubectl("get configmaps -o name", says="^configmap/settings$")
    kubectl("get configmaps -l team=blue -o name", says="^configmap/settings$")
    kubectl("get configmaps -l 'team notin (blue),!no' -o name", says="^configmap/first$")
    kubectl("get configmaps --field-selector metadata.name=first -o name", says="^configmap/first$")
    kubectl("get configmaps --chunk-size=1 -o name", says="^configmap/settings$")
    kubectl("get configmaps,namespaces -A", says="^ +namespace/plant")
    kubectl("get configmaps --sort-by=.metadata.name", says="^first ")
    kubectl("get pods --field-selector status.nosuch=1", code=1, says="field label not supported: status.nosuch")
    kubectl("get configmaps -l 'not a selector'", code=1, says="selector")
    kubectl("get all", says="")
    kubectl("describe configmap settings", says="^level:")


def changing() -> None:
    kubectl("label configmap settings tier=low", says="labeled")
    kubectl("label configmap settings tier=high", code=1, says="already has a value")
    kubectl("label --overwrite configmap settings tier=high", says="labeled")
    kubectl("label configmap settings tier-", says="unlabeled")
    kubectl("annotate configmap settings note='by hand'", says="annotated")
    kubectl("""patch configmap settings -p '{"data":{"a":"1"}}'""", says="patched")
    kubectl("""patch configmap settings --type=merge -p '{"data":{"a":null}}'""", says="patched")
    kubectl("""patch configmap settings --type=json -p '[{"op":"add","path":"/data/b","value":"1"}]'""", says="patched")
    kubectl(
        """patch configmap settings --type=json -p '[{"op":"test","path":"/data/b","value":"2"}]'""",
        code=1,
        says="test",
    )
    kubectl("edit configmap settings", environment={"KUBE_EDITOR": "sed -i s/b:/c:/"}, says="edited")
    kubectl("get configmap settings -o jsonpath={.data.c}", says="^1$")
    kubectl("replace -f settings.yaml", says="replaced")
    kubectl("create service clusterip front --tcp=80", says="service/front created")
    kubectl("get service front", says="ClusterIP")


def pods() -> None:
    kubectl("run one --image=busybox --restart=Never -- sh -c 'echo first; echo second'", says="pod/one created")
    kubectl("wait pod/one --for=jsonpath={.status.phase}=Succeeded --timeout=30s", says="condition met")
    kubectl("get pods -o wide", says="^one +0/1 +Completed +0")
    kubectl("describe pod one", says="Reason: +Completed")
    kubectl("logs one", says="^first\nsecond$")
    kubectl("logs one --tail=1 --timestamps", says="second$")
    kubectl("logs -f one -c one --since=10m", says="^first\nsecond$")
    kubectl("logs -l run=one --prefix", says=r"\[pod/one/one\] first")
    kubectl("logs one -c other", code=1, says="container other is not valid for pod one")
    kubectl("logs nosuch", code=1, says='pods "nosuch" not found')
    kubectl("run two --image=busybox --restart=Never --labels=app=two -- sleep 60", says="pod/two created")
    kubectl("wait pod/two --for=condition=Ready --timeout=30s", says="condition met")
    kubectl("exec two -- ls", code=1, says="exec, attach and port-forward are not done here")
    kubectl("port-forward pod/two :80", code=1, says="exec, attach and port-forward are not done here")
    kubectl("top pods", says="^two ")
    kubectl("top nodes", says="CPU")
    kubectl("events", says="")
    kubectl("""patch pod two -p '{"metadata":{"labels":{"app":"2"}}}'""", says="patched")
    kubectl(
        """patch pod two -p '{"spec":{"containers":[{"name":"two","command":["x"]}]}}'""",
        code=1,
        says="pod updates may not change fields other than",
    )
    _watched("get pods two --watch-only -o name", "delete pod two --grace-period=1")
    kubectl("wait pod/two --for=delete --timeout=30s", says="")
    kubectl("get pod two", code=1, says='pods "two" not found')


def _watched(watch: str, act: str) -> None:
    """A watch beside a change, for a while."""
    watching = threading.Thread(target=kubectl, args=(f"{watch} --request-timeout=4s",), kwargs={"says": "pod/two"})
    watching.start()
    threading.Event().wait(1)
    kubectl(act, says="deleted")
    watching.join()


def jobs() -> None:
    kubectl("create job once --image=busybox -- echo done", says="job.batch/once created")
    kubectl("wait job/once --for=condition=complete --timeout=30s", says="condition met")
    kubectl("logs job/once", says="^done")
    kubectl("get jobs", says="^once +Complete +1/1")
    kubectl("describe job once", says="1 Succeeded")
    kubectl(
        "create cronjob nightly --image=busybox --schedule='0 0 1 1 *' -- date", says="cronjob.batch/nightly created"
    )
    kubectl("create job by-hand --from=cronjob/nightly", says="job.batch/by-hand created")
    kubectl("wait job/by-hand --for=condition=complete --timeout=30s", says="condition met")
    kubectl("set env cronjob/nightly LEVEL=1", says="env updated")
    kubectl("""patch cronjob nightly -p '{"spec":{"suspend":true}}'""", says="patched")
    kubectl("get cronjobs", says="^nightly .* True ")
    kubectl("delete cronjob nightly --cascade=foreground", says="deleted")
    kubectl("delete job once --cascade=orphan", says="deleted")


def workflows() -> None:
    kubectl("create -f - -o name", given=WORKFLOW, says="workflow.argoproj.io/hello-")
    kubectl(
        "wait workflow -l trial=kubectl --for=jsonpath={.status.phase}=Succeeded --timeout=30s", says="condition met"
    )
    kubectl("get workflows", says="Succeeded")
    kubectl("create -f -", given=WORKFLOW.replace("entrypoint: main", "entrypoint: none"), code=1, says="none")
    kubectl("describe workflows -l trial=kubectl", says="Entrypoint: +main")
    kubectl("delete workflows --all", says="deleted")


def access() -> None:
    kubectl("create serviceaccount reader", says="created")
    kubectl("create role reader --verb=get,list --resource=configmaps", says="created")
    kubectl("create rolebinding reader --role=reader --serviceaccount=default:reader", says="created")
    kubectl("create clusterrole watcher --verb=watch --resource=nodes", says="created")
    kubectl("create clusterrolebinding watcher --clusterrole=watcher --user=somebody", says="created")
    kubectl("create token reader --duration=1h", says=r"^eyJ")
    user = "--as=system:serviceaccount:default:reader"
    kubectl(f"auth can-i get configmaps {user}", says="^yes$")
    kubectl(f"auth can-i delete configmaps {user}", code=1, says="^no$")
    kubectl(f"get configmaps -o name {user}", says="^configmap/settings$")
    kubectl(f"delete configmap settings {user}", code=1, says="Forbidden.*cannot delete resource")
    kubectl(f"auth can-i --list {user}", says=r"^configmaps .*\[get list\]")
    kubectl("auth whoami", says="system:masters")
    kubectl("describe rolebinding reader", says="ServiceAccount +reader +default")


def custom_resources() -> None:
    kubectl(f"apply -f {write('pumps.yaml', PUMPS)}", says="created")
    kubectl("wait crd/pumps.plant.example.com --for=condition=Established --timeout=10s", says="condition met")
    manifest = write("pump.yaml", PUMP.replace("SPEED", "3"))
    kubectl(f"apply -f {manifest}", says="pump.plant.example.com/one created")
    kubectl("get pu", says="^one +3")
    kubectl("explain pump.spec.speed", says="Turns per second")
    kubectl("scale pump one --replicas=3", says="scaled")
    kubectl("get pump one -o jsonpath={.spec.replicas}", says="^3$")
    kubectl("""patch pump one --subresource=status --type=merge -p '{"status":{"replicas":3}}'""", says="patched")
    kubectl("get pump one --subresource=status -o jsonpath={.status.replicas}", says="^3$")
    write("pump.yaml", PUMP.replace("SPEED", "-3"))
    kubectl(f"apply -f {manifest}", code=1, says="spec.speed in body should be greater than or equal to 0")
    write("pump.yaml", PUMP.replace("SPEED", "fast"))
    kubectl(f"apply -f {manifest}", code=1, says='spec.speed: Invalid value: "string"')
    kubectl("delete crd pumps.plant.example.com", says="deleted")
    kubectl("get pumps", code=1, says="could not find the requested resource|doesn't have a resource type")


def kustomize() -> None:
    write("settings.yaml", SETTINGS.replace("LEVEL", "1"))
    write("kustomization.yaml", KUSTOMIZATION)
    kubectl("apply -k .", says="configmap/site-settings created")
    kubectl("get -k . -o name", says="^configmap/site-settings$")
    kubectl("delete -k .", says='configmap "site-settings" deleted')


def deleting() -> None:
    kubectl("delete configmap nosuch", code=1, says='configmaps "nosuch" not found')
    kubectl("delete configmap nosuch --ignore-not-found", says="")
    kubectl("delete configmap settings --dry-run=server", says="server dry run")
    kubectl("replace --force -f settings.yaml", says="replaced")
    kubectl("delete configmaps --all --wait=false", says='configmap "settings" deleted')
    kubectl("delete jobs,pods,services --all", says='pod "one" deleted')
    kubectl("delete namespace plant", says='namespace "plant" deleted')


if __name__ == "__main__":
    main()
