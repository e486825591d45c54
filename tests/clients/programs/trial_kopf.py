"""A trial with an operator written with kopf: a kind of its own, and what becomes of its objects."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kubernetes import client, config

from tests.clients.programs.said import call

WHERE = {"group": "plant.example.com", "version": "v1", "namespace": "default", "plural": "tanks"}
NUMBER = {"type": "integer", "minimum": 0}
FREE = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
TANKS = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "tanks.plant.example.com"},
    "spec": {
        "group": "plant.example.com",
        "scope": "Namespaced",
        "names": {"plural": "tanks", "singular": "tank", "kind": "Tank"},
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
                            "spec": {"type": "object", "properties": {"level": NUMBER, "height": NUMBER}},
                            "status": FREE,
                        },
                    }
                },
            }
        ],
    },
}


def main() -> None:
    """All of it, in order."""
    config.load_kube_config()
    custom = client.CustomObjectsApi()
    with call("CustomResourceDefinition of the operator") as said:
        client.ApiextensionsV1Api().create_custom_resource_definition(TANKS)
        said("created")
    program = Path(__file__).with_name("kopf_operator.py")
    with Path("operator.log").open("wb") as log:
        command = [sys.executable, "-m", "kopf", "run", str(program), "--namespace", "default", "--verbose"]
        operator = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            objects(custom)
        finally:
            operator.terminate()
    with call("kopf run ends when it is told") as said:
        said(f"exit code {operator.wait(timeout=30)}")


def objects(custom: client.CustomObjectsApi) -> None:
    """What becomes of them."""

    def tank(name: str = "one") -> dict[str, Any]:
        found: dict[str, Any] = custom.get_namespaced_custom_object(**WHERE, name=name)
        return found

    with call("kopf.on.create: status by a patch, result of the handler, finalizer") as said:
        custom.create_namespaced_custom_object(**WHERE, body=_tank("one", 3))
        found = _until(tank, lambda found: found.get("status", {}).get("fill"))
        said(f"{found['status']['level']}, {found['status']['fill']}, {found['metadata']['finalizers']}")
    with call("kopf.timer") as said:
        said(_until(tank, lambda found: found["status"].get("checked"))["status"]["checked"])
    with call("kopf.on.update: the difference, a label by a patch") as said:
        custom.patch_namespaced_custom_object(**WHERE, name="one", body={"spec": {"level": 5}})
        found = _until(tank, lambda found: found["status"].get("change/spec.level"))
        result = found["status"]["change/spec.level"]
        said(f"{found['status']['level']}, {result}, {found['metadata']['labels']}")
    with call("kopf.warn, kopf.PermanentError: an Event of type Warning") as said:
        custom.create_namespaced_custom_object(**WHERE, body=_tank("two", 20))
        core = client.CoreV1Api()

        def events() -> list[str]:
            listed = core.list_namespaced_event("default", field_selector="involvedObject.name=two").items
            return [event.message for event in listed if event.type == "Warning"]

        said(_until(events, bool))
    with call("kopf.on.event") as said:
        body = client.V1ConfigMap(metadata=client.V1ObjectMeta(name="seen", labels={"tank": "one"}))
        client.CoreV1Api().create_namespaced_config_map("default", body)
        log = _until(lambda: Path("operator.log").read_text(), lambda text: "ADDED seen" in text)
        said("ADDED seen" in log)
    with call("kopf.on.delete: the finalizer holds the object until it is drained") as said:
        for name in ("one", "two"):
            custom.delete_namespaced_custom_object(**WHERE, name=name)
        left = _until(lambda: custom.list_namespaced_custom_object(**WHERE)["items"], lambda items: not items)
        said(f"{left}, {'drained one of default' in Path('operator.log').read_text()}")
    with call("the log of the operator has no error but the one that it made") as said:
        errors = [line for line in Path("operator.log").read_text().splitlines() if "ERROR" in line]
        said([line.partition("] ")[2] for line in errors if "higher than the tank" not in line])


def _tank(name: str, level: int) -> dict[str, Any]:
    spec = {"level": level, "height": 10}
    return {"apiVersion": "plant.example.com/v1", "kind": "Tank", "metadata": {"name": name}, "spec": spec}


def _until(look: Callable[[], Any], holds: Callable[[Any], Any]) -> Any:
    """What is there once it holds. AssertionError after 30 s."""
    deadline = time.monotonic() + 30
    while not holds(found := look()):
        if time.monotonic() > deadline:
            raise AssertionError(f"still {found}; {Path('operator.log').read_text()[-2000:]}")
        time.sleep(0.2)
    return found


if __name__ == "__main__":
    main()
