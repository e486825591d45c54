"""A trial with Kubeflow's `TrainerClient`: TrainJob and its runtimes, which are kept here and not run yet."""

from __future__ import annotations

import warnings

from kubeflow.trainer import CustomTrainer, TrainerClient
from kubeflow.trainer.options import Labels, Name
from kubernetes import client, config

from tests.clients.programs.said import call

NAME = "torch-distributed"
GROUP = {"group": "trainer.kubeflow.org", "version": "v1alpha1"}


def runtime(kind: str, name: str) -> dict[str, object]:
    """A runtime as an administrator makes it."""
    container = {"name": "node", "image": "pytorch/pytorch:latest"}
    step = {"trainer.kubeflow.org/trainjob-ancestor-step": "trainer"}
    pods = {"metadata": {"labels": step}, "spec": {"template": {"spec": {"containers": [container]}}}}
    node = {"name": "node", "template": pods}
    return {
        "apiVersion": "trainer.kubeflow.org/v1alpha1",
        "kind": kind,
        "metadata": {"name": name, "labels": {"trainer.kubeflow.org/framework": "torch"}},
        "spec": {
            "mlPolicy": {"numNodes": 1, "torch": {"numProcPerNode": "auto"}},
            "template": {"spec": {"replicatedJobs": [node]}},
        },
    }


def train() -> None:
    """What a user trains."""
    print("trained")


def main() -> None:
    """All of it, in order."""
    warnings.simplefilter("ignore")
    config.load_kube_config()
    custom = client.CustomObjectsApi()
    with call("CustomObjectsApi.create_cluster_custom_object (ClusterTrainingRuntime)") as said:
        body = runtime("ClusterTrainingRuntime", NAME)
        said(custom.create_cluster_custom_object(**GROUP, plural="clustertrainingruntimes", body=body)["kind"])
    with call("CustomObjectsApi.create_namespaced_custom_object (TrainingRuntime)") as said:
        body = runtime("TrainingRuntime", "own")
        made = custom.create_namespaced_custom_object(
            **GROUP, namespace="default", plural="trainingruntimes", body=body
        )
        said(made["kind"])
    trainer = TrainerClient()
    with call("TrainerClient.list_runtimes") as said:
        said(sorted(found.name for found in trainer.list_runtimes()))
    with call("TrainerClient.get_runtime") as said:
        found = trainer.get_runtime(NAME)
        said(f"{found.name}: {found.trainer.framework}, {found.trainer.num_nodes} node")
    with call("TrainerClient.get_runtime (absent)", refused="Failed to get Runtime"):
        trainer.get_runtime("absent")
    with call("TrainerClient.train") as said:
        name = trainer.train(
            runtime=found,
            trainer=CustomTrainer(func=train, num_nodes=2, resources_per_node={"cpu": 1}),
            options=[Name("trained"), Labels({"team": "blue"})],
        )
        said(name)
    with call("TrainerClient.train (again)", refused="Failed to create TrainJob"):
        trainer.train(runtime=found, trainer=CustomTrainer(func=train), options=[Name("trained")])
    with call("TrainerClient.get_job") as said:
        job = trainer.get_job("trained")
        said(f"{job.name}: {job.status}, {job.num_nodes} nodes, {job.runtime.name}")
    with call("TrainerClient.list_jobs") as said:
        said([job.name for job in trainer.list_jobs()])
    with call("TrainerClient.list_jobs(runtime)") as said:
        said([job.name for job in trainer.list_jobs(runtime=trainer.get_runtime("own"))])
    with call("TrainerClient.wait_for_job_status(Created)") as said:
        said(trainer.wait_for_job_status("trained", status={"Created"}, timeout=5, polling_interval=1).status)
    with call("TrainerClient.wait_for_job_status (not reached)", refused="TimeoutError"):
        trainer.wait_for_job_status("trained", timeout=2, polling_interval=1)
    with call("TrainerClient.get_job_logs") as said:
        said(list(trainer.get_job_logs("trained")))
    with call("TrainerClient.get_job_events") as said:
        said(trainer.get_job_events("trained"))
    with call("TrainerClient.delete_job") as said:
        trainer.delete_job("trained")
        said([job.name for job in trainer.list_jobs()])
    with call("TrainerClient.get_job (deleted)", refused="Failed to get TrainJob"):
        trainer.get_job("trained")


if __name__ == "__main__":
    main()
