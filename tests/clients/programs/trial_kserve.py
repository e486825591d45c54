"""A trial with KServe's client: an InferenceService with a real model, from creation to deletion."""

from __future__ import annotations

import os
import time

from kserve import (
    KServeClient,
    V1beta1InferenceService,
    V1beta1InferenceServiceSpec,
    V1beta1ModelFormat,
    V1beta1ModelSpec,
    V1beta1PredictorSpec,
    constants,
)
from kubernetes import client

from tests.clients.programs.said import call

NAMESPACE = "default"


def service(**metadata: object) -> V1beta1InferenceService:
    """The service as a user writes it."""
    model = V1beta1ModelSpec(
        model_format=V1beta1ModelFormat(name="mlflow"), storage_uri=os.environ["MODEL"], protocol_version="v2"
    )
    return V1beta1InferenceService(
        api_version=constants.KSERVE_V1BETA1,
        kind=constants.KSERVE_KIND_INFERENCESERVICE,
        metadata=client.V1ObjectMeta(name="reactor", namespace=NAMESPACE, **metadata),
        spec=V1beta1InferenceServiceSpec(predictor=V1beta1PredictorSpec(model=model)),
    )


def main() -> None:
    """All of it, in order."""
    served = KServeClient()
    with call("KServeClient.create") as said:
        made = served.create(service())
        said(f"{made['kind']} {made['metadata']['name']}")
    with call("KServeClient.create (again)", refused="(409)"):
        served.create(service())
    with call("KServeClient.create (invalid)", refused="(422)"):
        wrong = service()
        wrong.metadata.name = "wrong"
        wrong.spec.predictor.min_replicas = "many"
        served.create(wrong)
    with call("KServeClient.wait_isvc_ready") as said:
        served.wait_isvc_ready("reactor", namespace=NAMESPACE, timeout_seconds=60, polling_interval=1)
        said("ready")
    with call("KServeClient.is_isvc_ready") as said:
        said(served.is_isvc_ready("reactor", namespace=NAMESPACE))
    with call("KServeClient.get") as said:
        status = served.get("reactor", namespace=NAMESPACE)["status"]
        said(f"{sorted(item['type'] for item in status['conditions'])}, {status['url'].startswith('http')}")
    with call("KServeClient.get (all)") as said:
        said([item["metadata"]["name"] for item in served.get(namespace=NAMESPACE)["items"]])
    with call("KServeClient.get (watch)") as said:
        said(served.get("reactor", namespace=NAMESPACE, watch=True, timeout_seconds=10))
    with call("KServeClient.patch") as said:
        patched = served.patch("reactor", service(labels={"team": "blue"}))
        said(f"{patched['metadata']['labels']}, generation {patched['metadata']['generation']}")
    with call("KServeClient.replace") as said:
        replaced = served.replace("reactor", service(annotations={"note": "anew"}))
        said(replaced["metadata"]["annotations"])
    with call("KServeClient.wait_isvc_ready(watch)") as said:
        served.wait_isvc_ready("reactor", namespace=NAMESPACE, watch=True, timeout_seconds=30)
        said("ready")
    with call("KServeClient.delete") as said:
        said(served.delete("reactor", namespace=NAMESPACE)["kind"] in ("Status", "InferenceService"))
    with call("KServeClient.get (deleted)", refused="(404)"):
        for _ in range(100):
            served.get("reactor", namespace=NAMESPACE)
            time.sleep(0.2)
    with call("KServeClient.delete (absent)", refused="(404)"):
        served.delete("reactor", namespace=NAMESPACE)
    with call("KServeClient.create_inference_graph", refused="(404)"):
        served.api_instance.create_namespaced_custom_object(
            constants.KSERVE_GROUP, "v1alpha1", NAMESPACE, constants.KSERVE_PLURAL_INFERENCEGRAPH, {}
        )


if __name__ == "__main__":
    main()
