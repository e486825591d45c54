"""The ports of components: what `setpoint component run` injects, on this machine and inside a cluster's pod."""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from setpoint.adapters.clock import SystemClock
from setpoint.adapters.labels import DirectoryLabels
from setpoint.adapters.prediction_log import DirectoryPredictionLog
from setpoint.adapters.table_cache import DirectoryTableCache
from setpoint.apis.errors import InvariantViolation
from setpoint.clients.connection import Address, connect
from setpoint.clients.kubernetes import KubernetesClient
from setpoint.components import Component
from setpoint.ports.clock import Clock
from setpoint.ports.predictions import LabelSource, PredictionLog
from setpoint.ports.registry import ModelRegistry
from setpoint.ports.resources import ResourceApi
from setpoint.ports.tables import TableCache
from setpoint.wiring.endpoint import read_endpoint
from setpoint.wiring.settings import Settings

_PATIENCE_SECONDS = 60.0  # a step outlives a restart of the control plane
_SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


def component_ports(settings: Settings, component: Component[..., Any]) -> dict[type, Any]:
    """Implementations of the ports that the component asks for, and of no others (MLflow takes a second to import)."""
    makers: dict[Any, Callable[[Settings], Any]] = {
        ModelRegistry: model_registry,
        ResourceApi: resource_api,
        Clock: lambda _: SystemClock(),
        PredictionLog: lambda settings: DirectoryPredictionLog(settings.home),
        LabelSource: label_source,
        TableCache: lambda settings: DirectoryTableCache(settings.home / "cache" / "tables"),
    }
    ports: dict[type, Any] = {}
    for port in component.ports:
        maker = makers.get(port.type)
        if maker is not None:
            ports[port.type] = maker(settings)
        elif not port.optional:
            raise InvariantViolation(f"nobody makes the port {port.type.__name__} of component {component.name}")
    return ports


def model_registry(settings: Settings) -> ModelRegistry:
    """MLflow by the settings' URI, else SQLite in the state directory."""
    from setpoint.adapters.mlflow_registry import MlflowRegistry  # noqa: PLC0415  MLflow is slow to import

    return MlflowRegistry(settings.home / "mlflow", uri=settings.mlflow_uri)


def label_source(settings: Settings) -> LabelSource:
    """The labels of the state directory."""
    return DirectoryLabels(settings.home)


def resource_api(settings: Settings) -> ResourceApi:
    """The control plane of the state directory if one was ever up, else the API server of the cluster we are in.

    Pods of this machine look as if they were in a cluster, and their service account may do less than components need.
    """
    if os.environ.get("KUBERNETES_SERVICE_HOST") and read_endpoint(settings.home) is None:
        return KubernetesClient(_in_cluster())

    def locate() -> Address | None:
        endpoint = read_endpoint(settings.home)
        return Address(url=endpoint.url, token=endpoint.token) if endpoint else None

    return KubernetesClient(connect(locate, patience_seconds=_PATIENCE_SECONDS))


def _in_cluster() -> httpx.AsyncClient:
    """By the pod's service account; the token is read anew for each request, since a cluster rotates it."""
    host, port = os.environ["KUBERNETES_SERVICE_HOST"], os.environ.get("KUBERNETES_SERVICE_PORT", "443")
    url = f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"
    context = ssl.create_default_context(cafile=str(_SERVICE_ACCOUNT / "ca.crt"))

    def locate() -> Address:
        return Address(url=url, token=(_SERVICE_ACCOUNT / "token").read_text().strip())

    return connect(
        locate, patience_seconds=_PATIENCE_SECONDS, inner=httpx.AsyncHTTPTransport(verify=context, trust_env=False)
    )
