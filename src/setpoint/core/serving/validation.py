"""What of an InferenceService is done on one machine: the one table of refused and of ignored fields.

Decides by the manifest alone. Used by `lint`, by submission and by the engine, so that all three say the same.
Invariant: a legal field is either honoured, refused with its path (its absence would change the answers or the load a
user gets), or named in a warning (it steers placement or rights, which one machine does not have).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from setpoint.apis.errors import Forbidden, InvalidSpec, NotSupported
from setpoint.apis.serving import InferenceService, ModelSpec, PredictorSpec
from setpoint.core.serving.storage import local_path

FORMATS = ("mlflow", "setpoint")
RUNTIMES = ("setpoint-modelserver", "kserve-mlserver")  # the second is KServe's default for mlflow
PROTOCOLS = ("v2",)

_UNSET: tuple[object, ...] = (None, "", (), {}, False)
_NAME = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?\Z")
_ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")

_REFUSED_PREDICTORS = (
    "huggingface",
    "lightgbm",
    "onnx",
    "paddle",
    "pmml",
    "pytorch",
    "sklearn",
    "tensorflow",
    "triton",
    "xgboost",
)
_REFUSED_PREDICTOR_FIELDS = {
    "canary_traffic_percent": "canary traffic",
    "batcher": "the batcher",
    "storage_uris": "several storage URIs",
    "worker_spec": "several nodes",
    "containers": "a custom predictor container",
    "init_containers": "init containers",
    "volumes": "volumes",
    "container_concurrency": "a hard concurrency limit",
    "active_deadline_seconds": "a deadline of the server",
    "host_aliases": "host aliases",
}
_REFUSED_MODEL_FIELDS = {
    "storage": "storage by key",
    "confidential": "confidential models",
    "args": "arguments of the server",
    "command": "another command",
    "image": "another image",
    "env_from": "environment from objects",
    "lifecycle": "lifecycle hooks",
    "liveness_probe": "another liveness probe",
    "readiness_probe": "another readiness probe",
    "startup_probe": "a startup probe",
    "volume_mounts": "volume mounts",
    "volume_devices": "volume devices",
    "working_dir": "another working directory",
}
LOG_MODES = ("all", "request", "response")
_LOGGER_FIELDS = ("mode", "url", "metadataHeaders", "metadataAnnotations", "storage")  # KServe's LoggerSpec
_IGNORED_PREDICTOR_FIELDS = (
    "affinity",
    "node_selector",
    "node_name",
    "tolerations",
    "topology_spread_constraints",
    "scheduler_name",
    "scheduling_gates",
    "priority",
    "priority_class_name",
    "preemption_policy",
    "runtime_class_name",
    "resources",
    "overhead",
    "resource_claims",
    "service_account",
    "service_account_name",
    "automount_service_account_token",
    "image_pull_secrets",
    "security_context",
    "auto_scaling",
    "scale_target",
    "scale_metric",
    "scale_metric_type",
    "deployment_strategy",
    "dns_policy",
    "dns_config",
    "host_network",
    "host_ipc",
    "host_pid",
    "host_users",
    "hostname",
    "hostname_override",
    "subdomain",
    "os",
    "readiness_gates",
    "restart_policy",
    "enable_service_links",
    "set_hostname_as_fqdn",
    "share_process_namespace",
    "storage_container_name",
)
_IGNORED_MODEL_FIELDS = (
    "resources",
    "image_pull_policy",
    "ports",
    "resize_policy",
    "restart_policy",
    "restart_policy_rules",
    "security_context",
    "runtime_version",
    "stdin",
    "stdin_once",
    "termination_message_path",
    "termination_message_policy",
    "tty",
)


def check_inference_service(service: InferenceService) -> tuple[InvalidSpec, ...]:
    """Everything that keeps the object from being served here, each with its field's path; empty if all is well."""
    return tuple(_problems(service))


def warnings_of(service: InferenceService) -> tuple[str, ...]:
    """Paths of fields that are legal and mean nothing on one machine: `spec.predictor.nodeSelector`, ..."""
    predictor = service.spec.predictor
    found = [_path(name) for name in _IGNORED_PREDICTOR_FIELDS if getattr(predictor, name) not in _UNSET]
    if predictor.max_replicas not in (None, 0, 1):
        found.append(_path("max_replicas"))
    if predictor.model is not None:
        model = predictor.model
        found += [_path(name, "model") for name in _IGNORED_MODEL_FIELDS if getattr(model, name) not in _UNSET]
    if isinstance(predictor.logger, dict):
        found += [f"{_path('logger')}.{name}" for name in _LOGGER_FIELDS[1:] if predictor.logger.get(name)]
    return tuple(sorted(found))


def log_mode(service: InferenceService) -> str:
    """What of the service's requests is written into the prediction log: all, request or response."""
    logger = service.spec.predictor.logger
    mode = logger.get("mode") if isinstance(logger, dict) else None
    return mode if mode in LOG_MODES else "all"


def _logger_problems(logger: object) -> Iterator[InvalidSpec]:
    if logger is None:
        return
    if not isinstance(logger, dict):
        yield InvalidSpec("is a mapping with `mode`", path=_path("logger"))
        return
    for name in logger:
        if name not in _LOGGER_FIELDS:
            yield InvalidSpec("unknown field", path=f"{_path('logger')}.{name}", allowed=_LOGGER_FIELDS)
    if logger.get("mode", "all") not in LOG_MODES:
        yield InvalidSpec(f"{logger['mode']!r} is no mode", path=f"{_path('logger')}.mode", allowed=LOG_MODES)


def _problems(service: InferenceService) -> Iterator[InvalidSpec]:
    if not _NAME.match(service.metadata.name):
        yield InvalidSpec(
            f"{service.metadata.name!r} is no service name: lower-case letters, digits, dashes, a letter first",
            path="metadata.name",
        )
    for field in ("transformer", "explainer", "canary"):
        if getattr(service.spec, field) is not None:
            yield NotSupported(f"{field} is not done on one machine yet", path=f"spec.{field}")
    predictor = service.spec.predictor
    yield from _predictor_problems(predictor)
    if predictor.model is not None:
        yield from _model_problems(predictor.model)


def _predictor_problems(predictor: PredictorSpec) -> Iterator[InvalidSpec]:
    if predictor.min_replicas == 0:
        yield NotSupported("scaling to zero is not done yet; leave it out or write 1", path=_path("min_replicas"))
    elif predictor.min_replicas not in (None, 1):
        yield NotSupported("one server per service for now", path=_path("min_replicas"), allowed=("1",))
    if predictor.timeout is not None and predictor.timeout <= 0:
        yield InvalidSpec("a timeout is a positive number of seconds", path=_path("timeout"))
    yield from _logger_problems(predictor.logger)
    if predictor.model is None and not any(getattr(predictor, name) for name in _REFUSED_PREDICTORS):
        yield InvalidSpec("is missing: name modelFormat and storageUri", path=_path("model"))
    for name in _REFUSED_PREDICTORS:
        if getattr(predictor, name) is not None:
            yield NotSupported("use predictor.model with a modelFormat", path=_path(name), allowed=FORMATS)
    for name, what in _REFUSED_PREDICTOR_FIELDS.items():
        if getattr(predictor, name) not in (None, (), 0 if name == "container_concurrency" else None):
            yield NotSupported(f"{what}: not done on one machine yet", path=_path(name))


def _model_problems(model: ModelSpec) -> Iterator[InvalidSpec]:
    if model.model_format.name not in FORMATS:
        yield NotSupported(
            f"format {model.model_format.name!r} has no runtime here",
            path=_path("model_format.name", "model"),
            allowed=FORMATS,
        )
    if model.protocol_version not in ("", *PROTOCOLS):
        yield NotSupported(
            f"protocol {model.protocol_version!r}", path=_path("protocol_version", "model"), allowed=PROTOCOLS
        )
    if model.runtime not in ("", *RUNTIMES):
        yield NotSupported(f"runtime {model.runtime!r}", path=_path("runtime", "model"), allowed=RUNTIMES)
    for name, what in _REFUSED_MODEL_FIELDS.items():
        if getattr(model, name) not in (None, (), ""):
            yield NotSupported(f"{what}: not done on one machine yet", path=_path(name, "model"))
    for index, variable in enumerate(model.env):
        where = f"{_path('env', 'model')}[{index}]"
        if variable.value_from is not None:
            yield NotSupported("values from other objects are not read yet", path=f"{where}.valueFrom")
        if not _ENV_NAME.match(variable.name):
            yield InvalidSpec(f"{variable.name!r} is no name of an environment variable", path=f"{where}.name")
    if model.storage is None:
        try:
            local_path(model.storage_uri, path=_path("storage_uri", "model"))
        except InvalidSpec as error:
            yield error
        except Forbidden as error:
            yield InvalidSpec(str(error), path=_path("storage_uri", "model"))


def _path(field: str, *inner: str) -> str:
    """The wire path of a predictor's field: snake_case to camelCase, as the types do it."""
    parts = (*inner, *field.split("."))
    wire = ["".join((head, *(word.capitalize() for word in rest))) for head, *rest in (p.split("_") for p in parts)]
    special = {"hostIpc": "hostIPC", "hostPid": "hostPID", "setHostnameAsFqdn": "setHostnameAsFQDN"}
    return ".".join(("spec.predictor", *(special.get(name, name) for name in wire)))
