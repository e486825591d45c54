"""A trial with Kubeflow's `TrainingClient`: PyTorchJob and TFJob, which are kept here and not run yet."""

from __future__ import annotations

from kubeflow.training import (
    KubeflowOrgV1PyTorchJob,
    KubeflowOrgV1PyTorchJobSpec,
    KubeflowOrgV1ReplicaSpec,
    KubeflowOrgV1RunPolicy,
    TrainingClient,
)
from kubernetes import client

from tests.clients.programs.said import call


def replicas(count: int) -> KubeflowOrgV1ReplicaSpec:
    """Of one role."""
    container = client.V1Container(name="pytorch", image="pytorch/pytorch:latest", command=["true"])
    return KubeflowOrgV1ReplicaSpec(
        replicas=count,
        restart_policy="OnFailure",
        template=client.V1PodTemplateSpec(spec=client.V1PodSpec(containers=[container])),
    )


def job(name: str) -> KubeflowOrgV1PyTorchJob:
    """A master and two workers."""
    return KubeflowOrgV1PyTorchJob(
        api_version="kubeflow.org/v1",
        kind="PyTorchJob",
        metadata=client.V1ObjectMeta(name=name, namespace="default"),
        spec=KubeflowOrgV1PyTorchJobSpec(
            run_policy=KubeflowOrgV1RunPolicy(clean_pod_policy="None"),
            pytorch_replica_specs={"Master": replicas(1), "Worker": replicas(2)},
        ),
    )


def train(rate: float) -> None:
    """What a user trains."""
    print(rate)


def main() -> None:
    """All of it, in order."""
    training = TrainingClient(namespace="default")
    with call("TrainingClient.create_job(job)") as said:
        training.create_job(job("trained"))
        said("created")
    with call("TrainingClient.create_job(job) (again)", refused="Failed to create PyTorchJob"):
        training.create_job(job("trained"))
    with call("TrainingClient.create_job(train_func)") as said:
        training.create_job(
            name="from-function",
            train_func=train,
            parameters={"rate": 0.1},
            num_workers=2,
            job_kind="PyTorchJob",
            base_image="pytorch/pytorch:latest",
        )
        said("created")
    with call("TrainingClient.create_job(job_kind=TFJob)") as said:
        training.create_job(
            name="flow",
            train_func=train,
            parameters={"rate": 0.1},
            num_workers=1,
            job_kind="TFJob",
            base_image="tensorflow/tensorflow:latest",
        )
        said("created")
    with call("TrainingClient.get_job") as said:
        found = training.get_job("trained")
        said(sorted(found.spec.pytorch_replica_specs))
    with call("TrainingClient.get_job (absent)", refused="Failed to get PyTorchJob"):
        training.get_job("absent")
    with call("TrainingClient.list_jobs") as said:
        said([item.metadata.name for item in training.list_jobs()])
    with call("TrainingClient.list_jobs(job_kind=TFJob)") as said:
        said([item.metadata.name for item in training.list_jobs(job_kind="TFJob")])
    with call("TrainingClient.get_job_conditions") as said:
        said([item.type for item in training.get_job_conditions("trained")])
    for question in ("created", "running", "restarting", "succeeded", "failed"):
        with call(f"TrainingClient.is_job_{question}") as said:
            said(getattr(training, f"is_job_{question}")("trained"))
    with call("TrainingClient.wait_for_job_conditions (not reached)", refused="TimeoutError"):
        training.wait_for_job_conditions("trained", wait_timeout=2, polling_interval=1)
    with call("TrainingClient.get_job_pod_names") as said:
        said(training.get_job_pod_names("trained"))
    with call("TrainingClient.get_job_pods(is_master)") as said:
        said(training.get_job_pods("trained", is_master=True))
    with call("TrainingClient.update_job") as said:
        found.spec.pytorch_replica_specs["Worker"].replicas = 3
        training.update_job(found, "trained")
        said(training.get_job("trained").spec.pytorch_replica_specs["Worker"].replicas)
    with call("TrainingClient.delete_job") as said:
        for name, kind in (("trained", "PyTorchJob"), ("from-function", "PyTorchJob"), ("flow", "TFJob")):
            training.delete_job(name, job_kind=kind)
        said(training.list_jobs())
    with call("TrainingClient.delete_job (absent)", refused="Failed to delete PyTorchJob"):
        training.delete_job("trained")


if __name__ == "__main__":
    main()
