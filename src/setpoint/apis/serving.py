"""serving.kserve.io: InferenceService (v1beta1), ServingRuntime and ClusterServingRuntime (v1alpha1).

Every field of the official schema is known by name, so that a legal manifest is read whole and an unknown field is
refused; those that mean nothing here yet stay untyped (`Any`), and `core.serving.validation` says of each whether it
is refused or ignored. Enum values are KServe's.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar

import msgspec

from setpoint.apis.meta import Condition, Resource, Wire


class ModelFormat(Wire, frozen=True, kw_only=True):
    """How the model's files are laid out."""

    name: str
    version: str | None = None


class EnvVar(Wire, frozen=True, kw_only=True):
    """v1 EnvVar; `value_from` is refused by validation."""

    name: str
    value: str = ""
    value_from: Any = None


class ModelSpec(Wire, frozen=True, kw_only=True):
    """`predictor.model`: which model, and the container fields KServe lets one override."""

    model_format: ModelFormat
    storage_uri: str = ""
    protocol_version: str = ""
    runtime: str = ""
    runtime_version: str = ""
    storage: Any = None
    confidential: Any = None
    args: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    env: tuple[EnvVar, ...] = ()
    env_from: tuple[Any, ...] = ()
    image: str = ""
    image_pull_policy: str = ""
    lifecycle: Any = None
    liveness_probe: Any = None
    name: str = ""
    ports: tuple[Any, ...] = ()
    readiness_probe: Any = None
    resize_policy: tuple[Any, ...] = ()
    resources: Any = None
    restart_policy: str = ""
    restart_policy_rules: tuple[Any, ...] = ()
    security_context: Any = None
    startup_probe: Any = None
    stdin: bool = False
    stdin_once: bool = False
    termination_message_path: str = ""
    termination_message_policy: str = ""
    tty: bool = False
    volume_devices: tuple[Any, ...] = ()
    volume_mounts: tuple[Any, ...] = ()
    working_dir: str = ""


class PredictorSpec(Wire, frozen=True, kw_only=True):
    """`spec.predictor`: the model, how it scales, and an inlined pod spec."""

    model: ModelSpec | None = None
    min_replicas: int | None = None
    max_replicas: int | None = None
    scale_target: int | None = None
    scale_metric: str = ""
    scale_metric_type: str = ""
    auto_scaling: Any = None
    container_concurrency: int | None = None
    timeout: int | None = None
    canary_traffic_percent: int | None = None
    logger: Any = None
    batcher: Any = None
    annotations: dict[str, str] = {}
    labels: dict[str, str] = {}
    deployment_strategy: Any = None
    storage_uris: tuple[Any, ...] = ()
    storage_container_name: str = ""
    name: str = ""
    worker_spec: Any = None
    # The frameworks' own predictors, which `model` replaced.
    huggingface: Any = None
    lightgbm: Any = None
    onnx: Any = None
    paddle: Any = None
    pmml: Any = None
    pytorch: Any = None
    sklearn: Any = None
    tensorflow: Any = None
    triton: Any = None
    xgboost: Any = None
    # The pod spec.
    active_deadline_seconds: int | None = None
    affinity: Any = None
    automount_service_account_token: bool | None = None
    containers: tuple[Any, ...] = ()
    dns_config: Any = None
    dns_policy: str = ""
    enable_service_links: bool | None = None
    host_aliases: tuple[Any, ...] = ()
    host_ipc: bool = msgspec.field(default=False, name="hostIPC")
    host_network: bool = False
    host_pid: bool = msgspec.field(default=False, name="hostPID")
    host_users: bool | None = None
    hostname: str = ""
    hostname_override: str = ""
    image_pull_secrets: tuple[Any, ...] = ()
    init_containers: tuple[Any, ...] = ()
    node_name: str = ""
    node_selector: dict[str, str] = {}
    os: Any = None
    overhead: dict[str, Any] = {}
    preemption_policy: str = ""
    priority: int | None = None
    priority_class_name: str = ""
    readiness_gates: tuple[Any, ...] = ()
    resource_claims: tuple[Any, ...] = ()
    resources: Any = None
    restart_policy: str = ""
    runtime_class_name: str = ""
    scheduler_name: str = ""
    scheduling_gates: tuple[Any, ...] = ()
    security_context: Any = None
    service_account: str = ""
    service_account_name: str = ""
    set_hostname_as_fqdn: bool | None = msgspec.field(default=None, name="setHostnameAsFQDN")
    share_process_namespace: bool | None = None
    subdomain: str = ""
    termination_grace_period_seconds: int | None = None
    tolerations: tuple[Any, ...] = ()
    topology_spread_constraints: tuple[Any, ...] = ()
    volumes: tuple[Any, ...] = ()


class InferenceServiceSpec(Wire, frozen=True, kw_only=True):
    """`spec`."""

    predictor: PredictorSpec
    transformer: Any = None
    explainer: Any = None
    canary: Any = None


class Addressable(Wire, frozen=True, kw_only=True):
    """An address that resolves."""

    url: str = ""
    name: str | None = None
    audience: str | None = None
    ca_certs: str | None = msgspec.field(default=None, name="CACerts")


class TrafficTarget(Wire, frozen=True, kw_only=True):
    """Which share goes to which revision."""

    revision_name: str = ""
    configuration_name: str = ""
    latest_revision: bool | None = None
    percent: int | None = None
    tag: str = ""
    url: str = ""


class ComponentStatus(Wire, frozen=True, kw_only=True):
    """`status.components.predictor`."""

    address: Addressable | None = None
    url: str = ""
    rest_url: str = ""
    grpc_url: str = ""
    latest_created_revision: str = ""
    latest_ready_revision: str = ""
    latest_rolledout_revision: str = ""
    previous_rolledout_revision: str = ""
    traffic: tuple[TrafficTarget, ...] = ()


class ModelState(StrEnum):
    """What a model of the service is doing."""

    PENDING = "Pending"
    STANDBY = "Standby"
    LOADING = "Loading"
    LOADED = "Loaded"
    FAILED_TO_LOAD = "FailedToLoad"


class TransitionStatus(StrEnum):
    """Where the change to the latest spec stands."""

    UP_TO_DATE = "UpToDate"
    IN_PROGRESS = "InProgress"
    BLOCKED_BY_FAILED_LOAD = "BlockedByFailedLoad"
    INVALID_SPEC = "InvalidSpec"


class FailureReason(StrEnum):
    """Why a model did not come up, or went away."""

    MODEL_LOAD_FAILED = "ModelLoadFailed"
    RUNTIME_UNHEALTHY = "RuntimeUnhealthy"
    RUNTIME_DISABLED = "RuntimeDisabled"
    NO_SUPPORTING_RUNTIME = "NoSupportingRuntime"
    RUNTIME_NOT_RECOGNIZED = "RuntimeNotRecognized"
    INVALID_PREDICTOR_SPEC = "InvalidPredictorSpec"


class ModelStates(Wire, frozen=True, kw_only=True, omit_defaults=False):
    """`status.modelStatus.states`."""

    active_model_state: ModelState = ModelState.PENDING
    target_model_state: ModelState = ModelState.PENDING


class ModelCopies(Wire, frozen=True, kw_only=True, omit_defaults=False):
    """`status.modelStatus.copies`."""

    failed_copies: int = 0
    total_copies: int = 0


class FailureInfo(Wire, frozen=True, kw_only=True):
    """`status.modelStatus.lastFailureInfo`."""

    reason: FailureReason
    message: str = ""
    exit_code: int | None = None
    location: str = ""
    model_revision_name: str = ""
    time: datetime | None = None


class ModelStatus(Wire, frozen=True, kw_only=True, omit_defaults=False):
    """`status.modelStatus`."""

    transition_status: TransitionStatus
    states: ModelStates | msgspec.UnsetType = msgspec.UNSET
    copies: ModelCopies | msgspec.UnsetType = msgspec.UNSET
    last_failure_info: FailureInfo | msgspec.UnsetType = msgspec.UNSET


class InferenceServiceStatus(Wire, frozen=True, kw_only=True):
    """`status`."""

    url: str = ""
    address: Addressable | None = None
    components: dict[str, ComponentStatus] = {}
    conditions: tuple[Condition, ...] = ()
    model_status: ModelStatus | None = None
    observed_generation: int = 0
    annotations: dict[str, str] = {}
    canary_statuses: tuple[Any, ...] = ()
    deployment_mode: str = ""
    serving_runtime_name: str = ""
    cluster_serving_runtime_name: str = ""

    @property
    def ready_revision(self) -> str:
        """The latest revision of the predictor that is ready; empty if there is none."""
        predictor = self.components.get("predictor")
        return predictor.latest_ready_revision if predictor is not None else ""

    def condition(self, kind: str) -> Condition | None:
        """The condition of that type, if there is one."""
        return next((item for item in self.conditions if item.type == kind), None)


class InferenceService(Resource, frozen=True, kw_only=True):
    """A model in service."""

    API_VERSION: ClassVar[str] = "serving.kserve.io/v1beta1"
    KIND: ClassVar[str] = "InferenceService"
    PLURAL: ClassVar[str] = "inferenceservices"
    SHORT_NAMES: ClassVar[tuple[str, ...]] = ("isvc",)

    spec: InferenceServiceSpec
    status: InferenceServiceStatus = InferenceServiceStatus()


class SupportedModelFormat(Wire, frozen=True, kw_only=True):
    """A format that a runtime takes."""

    name: str
    version: str | None = None
    auto_select: bool | None = None
    priority: int | None = None


class ServingRuntimeSpec(Wire, frozen=True, kw_only=True):
    """`spec` of both runtime kinds."""

    containers: tuple[dict[str, Any], ...]
    supported_model_formats: tuple[SupportedModelFormat, ...] = ()
    protocol_versions: tuple[str, ...] = ()
    multi_model: bool | None = None
    disabled: bool | None = None
    affinity: Any = None
    annotations: dict[str, str] = {}
    labels: dict[str, str] = {}
    built_in_adapter: Any = None
    grpc_data_endpoint: str = ""
    grpc_endpoint: str = ""
    http_data_endpoint: str = ""
    host_ipc: bool = msgspec.field(default=False, name="hostIPC")
    image_pull_secrets: tuple[Any, ...] = ()
    node_selector: dict[str, str] = {}
    replicas: int | None = None
    scheduler_name: str = ""
    storage_helper: Any = None
    tolerations: tuple[Any, ...] = ()
    volumes: tuple[Any, ...] = ()
    worker_spec: Any = None


class ServingRuntime(Resource, frozen=True, kw_only=True):
    """How a model format is served, for one namespace."""

    API_VERSION: ClassVar[str] = "serving.kserve.io/v1alpha1"
    KIND: ClassVar[str] = "ServingRuntime"
    PLURAL: ClassVar[str] = "servingruntimes"

    spec: ServingRuntimeSpec
    status: dict[str, Any] = {}


class ClusterServingRuntime(Resource, frozen=True, kw_only=True):
    """How a model format is served, for all namespaces."""

    API_VERSION: ClassVar[str] = "serving.kserve.io/v1alpha1"
    KIND: ClassVar[str] = "ClusterServingRuntime"
    PLURAL: ClassVar[str] = "clusterservingruntimes"
    NAMESPACED: ClassVar[bool] = False

    spec: ServingRuntimeSpec
    status: dict[str, Any] = {}
