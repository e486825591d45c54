"""metrics.k8s.io/v1beta1: what machines and pods use now; measured when somebody asks, never stored.

Source: k8s.io/metrics, pkg/apis/metrics/v1beta1.
"""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from setpoint.apis.meta import Resource, Wire
from setpoint.apis.shapes import Quantity

API_VERSION = "metrics.k8s.io/v1beta1"


class ContainerMetrics(Wire, frozen=True, kw_only=True):
    """What one container uses."""

    name: str
    usage: dict[str, Quantity]


class PodMetrics(Resource, frozen=True, kw_only=True):
    """What the containers of a pod use, as a mean over `window` (Go duration text)."""

    API_VERSION: ClassVar[str] = API_VERSION
    KIND: ClassVar[str] = "PodMetrics"
    PLURAL: ClassVar[str] = "pods"

    timestamp: datetime
    window: str
    containers: tuple[ContainerMetrics, ...]


class NodeMetrics(Resource, frozen=True, kw_only=True):
    """What a machine uses, as a mean over `window` (Go duration text)."""

    API_VERSION: ClassVar[str] = API_VERSION
    KIND: ClassVar[str] = "NodeMetrics"
    PLURAL: ClassVar[str] = "nodes"
    NAMESPACED: ClassVar[bool] = False

    timestamp: datetime
    window: str
    usage: dict[str, Quantity]
