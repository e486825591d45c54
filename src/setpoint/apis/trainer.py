"""trainer.kubeflow.org/v1alpha1: TrainJob and training runtimes; kept and shown, no engine acts on them.

Source: Kubeflow Trainer, API reference of trainer.kubeflow.org/v1alpha1.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from setpoint.apis.jobset import JobSetTemplateSpec
from setpoint.apis.meta import Condition, ObjectMeta, Resource, Wire
from setpoint.apis.podspec.containers import EnvVar, ResourceRequirements, VolumeMount
from setpoint.apis.podspec.scheduling import Affinity, PodSchedulingGate, Toleration
from setpoint.apis.podspec.security import PodSecurityContext, SecurityContext
from setpoint.apis.podspec.volumes import Volume
from setpoint.apis.references import LocalObjectReference

API_VERSION = "trainer.kubeflow.org/v1alpha1"


class TorchEnvTarget(Wire, frozen=True, kw_only=True):
    """Containers of a job that get the variables of torch."""

    container_names: tuple[str, ...]
    job_name: str


class TorchEnvInjection(Wire, frozen=True, kw_only=True):
    """Which containers get the variables of torch."""

    targets: tuple[TorchEnvTarget, ...] = ()


class TorchPolicy(Wire, frozen=True, kw_only=True):
    """How torch is started."""

    env_injection: TorchEnvInjection | None = None


class MPIPolicy(Wire, frozen=True, kw_only=True):
    """How MPI is started."""

    mpi_implementation: str = ""
    num_proc_per_node: int | None = None
    run_launcher_as_node: bool | None = None
    ssh_auth_mount_path: str = ""


class FluxPolicy(Wire, frozen=True, kw_only=True):
    """How Flux is started."""

    num_proc_per_node: int | None = None


class MLPolicy(Wire, frozen=True, kw_only=True):
    """How many nodes there are, and what starts them."""

    flux: FluxPolicy | None = None
    jax: dict[str, Any] | None = None
    mpi: MPIPolicy | None = None
    num_nodes: int | None = None
    torch: TorchPolicy | None = None
    xgboost: dict[str, Any] | None = None


class CoschedulingPolicy(Wire, frozen=True, kw_only=True):
    """Pods that are scheduled together."""

    schedule_timeout_seconds: int | None = None


class NetworkTopology(Wire, frozen=True, kw_only=True):
    """How far apart pods may be; `mode` is hard or soft."""

    highest_tier_allowed: int | None = None
    mode: str = ""


class VolcanoPolicy(Wire, frozen=True, kw_only=True):
    """Scheduling by Volcano."""

    network_topology: NetworkTopology | None = None


class PodGroupPolicy(Wire, frozen=True, kw_only=True):
    """Who schedules pods together."""

    coscheduling: CoschedulingPolicy | None = None
    volcano: VolcanoPolicy | None = None


class TrainingRuntimeSpec(Wire, frozen=True, kw_only=True):
    """How a framework's training jobs are made."""

    ml_policy: MLPolicy | None = None
    pod_group_policy: PodGroupPolicy | None = None
    template: JobSetTemplateSpec | None = None


class TrainingRuntime(Resource, frozen=True, kw_only=True):
    """How a framework's training jobs are made, for one namespace."""

    API_VERSION: ClassVar[str] = API_VERSION
    KIND: ClassVar[str] = "TrainingRuntime"
    PLURAL: ClassVar[str] = "trainingruntimes"

    spec: TrainingRuntimeSpec = TrainingRuntimeSpec()


class ClusterTrainingRuntime(Resource, frozen=True, kw_only=True):
    """How a framework's training jobs are made, for all namespaces."""

    API_VERSION: ClassVar[str] = API_VERSION
    KIND: ClassVar[str] = "ClusterTrainingRuntime"
    PLURAL: ClassVar[str] = "clustertrainingruntimes"
    NAMESPACED: ClassVar[bool] = False

    spec: TrainingRuntimeSpec = TrainingRuntimeSpec()


class RuntimeRef(Wire, frozen=True, kw_only=True):
    """The runtime that makes the job."""

    name: str
    api_group: str | None = None
    kind: str | None = None


class DatasetInitializer(Wire, frozen=True, kw_only=True):
    """Where data come from."""

    env: tuple[EnvVar, ...] = ()
    secret_ref: LocalObjectReference | None = None
    storage_uri: str = ""


class ModelInitializer(DatasetInitializer, frozen=True, kw_only=True):
    """Where the model to begin with comes from."""


class Initializer(Wire, frozen=True, kw_only=True):
    """What is fetched before training starts."""

    dataset: DatasetInitializer | None = None
    model: ModelInitializer | None = None


class Trainer(Wire, frozen=True, kw_only=True):
    """What is run, and on how many nodes."""

    args: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    env: tuple[EnvVar, ...] = ()
    image: str = ""
    num_nodes: int | None = None
    num_proc_per_node: int | None = None
    resources_per_node: ResourceRequirements | None = None


class ContainerPatch(Wire, frozen=True, kw_only=True):
    """What is other in a container."""

    name: str
    env: tuple[EnvVar, ...] = ()
    security_context: SecurityContext | None = None
    volume_mounts: tuple[VolumeMount, ...] = ()


class PodSpecPatch(Wire, frozen=True, kw_only=True):
    """What is other in the spec of pods."""

    affinity: Affinity | None = None
    containers: tuple[ContainerPatch, ...] = ()
    image_pull_secrets: tuple[LocalObjectReference, ...] = ()
    init_containers: tuple[ContainerPatch, ...] = ()
    node_selector: dict[str, str] = {}
    scheduling_gates: tuple[PodSchedulingGate, ...] = ()
    security_context: PodSecurityContext | None = None
    service_account_name: str = ""
    termination_grace_period_seconds: int | None = None
    tolerations: tuple[Toleration, ...] = ()
    volumes: tuple[Volume, ...] = ()


class PodTemplatePatch(Wire, frozen=True, kw_only=True):
    """What is other in pods."""

    metadata: ObjectMeta = ObjectMeta()
    spec: PodSpecPatch | None = None


class JobSpecPatch(Wire, frozen=True, kw_only=True):
    """What is other in the spec of jobs."""

    template: PodTemplatePatch | None = None


class JobTemplatePatch(Wire, frozen=True, kw_only=True):
    """What is other in jobs."""

    metadata: ObjectMeta = ObjectMeta()
    spec: JobSpecPatch | None = None


class ReplicatedJobPatch(Wire, frozen=True, kw_only=True):
    """What is other in the jobs of one role."""

    name: str
    template: JobTemplatePatch | None = None


class JobSetSpecPatch(Wire, frozen=True, kw_only=True):
    """What is other in the spec of the set."""

    replicated_jobs: tuple[ReplicatedJobPatch, ...] = ()


class JobSetTemplatePatch(Wire, frozen=True, kw_only=True):
    """What is other in the set."""

    metadata: ObjectMeta = ObjectMeta()
    spec: JobSetSpecPatch | None = None


class TrainingRuntimeSpecPatch(Wire, frozen=True, kw_only=True):
    """What is other in the runtime."""

    template: JobSetTemplatePatch | None = None


class RuntimePatch(Wire, frozen=True, kw_only=True):
    """What one manager wants other than the runtime says."""

    manager: str
    time: datetime | None = None
    training_runtime_spec: TrainingRuntimeSpecPatch | None = None


class TrainJobSpec(Wire, frozen=True, kw_only=True):
    """Which runtime trains what."""

    runtime_ref: RuntimeRef
    active_deadline_seconds: int | None = None
    initializer: Initializer | None = None
    managed_by: str | None = None
    runtime_patches: tuple[RuntimePatch, ...] = ()
    suspend: bool | None = None
    trainer: Trainer | None = None


class JobStatus(Wire, frozen=True, kw_only=True, omit_defaults=False):
    """How far the jobs of one role have come."""

    active: int
    failed: int
    name: str
    ready: int
    succeeded: int
    suspended: int


class Metric(Wire, frozen=True, kw_only=True):
    """A figure that training tells."""

    name: str
    value: str


class TrainerStatus(Wire, frozen=True, kw_only=True):
    """What training tells of itself."""

    estimated_remaining_seconds: int | None = None
    last_updated_time: datetime | None = None
    metrics: tuple[Metric, ...] = ()
    progress_percentage: int | None = None


class TrainJobStatus(Wire, frozen=True, kw_only=True):
    """How far training has come."""

    conditions: tuple[Condition, ...] = ()
    jobs_status: tuple[JobStatus, ...] = ()
    trainer_status: TrainerStatus | None = None


class TrainJob(Resource, frozen=True, kw_only=True):
    """One training, by a runtime."""

    API_VERSION: ClassVar[str] = API_VERSION
    KIND: ClassVar[str] = "TrainJob"
    PLURAL: ClassVar[str] = "trainjobs"

    spec: TrainJobSpec
    status: TrainJobStatus = TrainJobStatus()
