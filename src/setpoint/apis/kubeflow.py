"""kubeflow.org/v1: PyTorchJob and TFJob; kept and shown, no engine acts on them.

Source: Kubeflow Training Operator, API reference of kubeflow.org/v1.
"""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from setpoint.apis.meta import Resource, Wire
from setpoint.apis.metric_specs import MetricSpec
from setpoint.apis.podspec.spec import PodTemplateSpec
from setpoint.apis.references import LabelSelector
from setpoint.apis.shapes import Quantity

API_VERSION = "kubeflow.org/v1"


class ReplicaSpec(Wire, frozen=True, kw_only=True):
    """Equal pods of one role; `restartPolicy` is Always, OnFailure, Never or ExitCode."""

    replicas: int | None = None
    restart_policy: str = ""
    template: PodTemplateSpec | None = None


class SchedulingPolicy(Wire, frozen=True, kw_only=True):
    """How pods are scheduled together."""

    min_available: int | None = None
    min_resources: dict[str, Quantity] = {}
    priority_class: str = ""
    queue: str = ""
    schedule_timeout_seconds: int | None = None


class RunPolicy(Wire, frozen=True, kw_only=True):
    """How long a job may take, how often it may fail, and what is left of it."""

    active_deadline_seconds: int | None = None
    backoff_limit: int | None = None
    clean_pod_policy: str | None = None
    managed_by: str | None = None
    scheduling_policy: SchedulingPolicy | None = None
    suspend: bool | None = None
    ttl_seconds_after_finished: int | None = None


class RDZVConf(Wire, frozen=True, kw_only=True):
    """A setting of the rendezvous."""

    key: str = ""
    value: str = ""


class ElasticPolicy(Wire, frozen=True, kw_only=True):
    """How many workers there may be, and how they find each other."""

    max_replicas: int | None = None
    max_restarts: int | None = None
    metrics: tuple[MetricSpec, ...] = ()
    min_replicas: int | None = None
    n_proc_per_node: int | None = None
    rdzv_backend: str | None = None
    rdzv_conf: tuple[RDZVConf, ...] = ()
    rdzv_host: str | None = None
    rdzv_id: str | None = None
    rdzv_port: int | None = None
    standalone: bool | None = None


class JobCondition(Wire, frozen=True, kw_only=True):
    """One condition: Created, Running, Restarting, Succeeded, Suspended or Failed."""

    type: str
    status: str
    last_transition_time: datetime | None = None
    last_update_time: datetime | None = None
    message: str = ""
    reason: str = ""


class ReplicaStatus(Wire, frozen=True, kw_only=True):
    """How far the pods of one role have come."""

    active: int | None = None
    failed: int | None = None
    label_selector: LabelSelector | None = None
    selector: str = ""
    succeeded: int | None = None


class JobStatus(Wire, frozen=True, kw_only=True):
    """How far the job has come."""

    completion_time: datetime | None = None
    conditions: tuple[JobCondition, ...] = ()
    last_reconcile_time: datetime | None = None
    replica_statuses: dict[str, ReplicaStatus] = {}
    start_time: datetime | None = None


class PyTorchJobSpec(Wire, frozen=True, kw_only=True):
    """The pods of a training by torch: Master and Worker."""

    pytorch_replica_specs: dict[str, ReplicaSpec]
    elastic_policy: ElasticPolicy | None = None
    nproc_per_node: str | None = None
    run_policy: RunPolicy | None = None


class PyTorchJob(Resource, frozen=True, kw_only=True):
    """A training by torch, on several pods."""

    API_VERSION: ClassVar[str] = API_VERSION
    KIND: ClassVar[str] = "PyTorchJob"
    PLURAL: ClassVar[str] = "pytorchjobs"

    spec: PyTorchJobSpec | None = None
    status: JobStatus = JobStatus()


class TFJobSpec(Wire, frozen=True, kw_only=True):
    """The pods of a training by TensorFlow: Chief, PS, Worker, Evaluator."""

    tf_replica_specs: dict[str, ReplicaSpec]
    enable_dynamic_worker: bool | None = None
    run_policy: RunPolicy | None = None
    success_policy: str | None = None


class TFJob(Resource, frozen=True, kw_only=True):
    """A training by TensorFlow, on several pods."""

    API_VERSION: ClassVar[str] = API_VERSION
    KIND: ClassVar[str] = "TFJob"
    PLURAL: ClassVar[str] = "tfjobs"

    spec: TFJobSpec | None = None
    status: JobStatus = JobStatus()
