"""What an autoscaler looks at. Source: Kubernetes API reference, autoscaling/v2 MetricSpec."""

from __future__ import annotations

from setpoint.apis.meta import Wire
from setpoint.apis.references import LabelSelector
from setpoint.apis.shapes import Quantity


class MetricTarget(Wire, frozen=True, kw_only=True):
    """The value that is aimed at; `type` is Utilization, Value or AverageValue."""

    type: str
    average_utilization: int | None = None
    average_value: Quantity | None = None
    value: Quantity | None = None


class MetricIdentifier(Wire, frozen=True, kw_only=True):
    """The name of a metric, and labels of its series."""

    name: str
    selector: LabelSelector | None = None


class CrossVersionObjectReference(Wire, frozen=True, kw_only=True):
    """An object, of whatever version."""

    kind: str
    name: str
    api_version: str = ""


class ResourceMetricSource(Wire, frozen=True, kw_only=True):
    """A resource such as cpu, of all containers of a pod."""

    name: str
    target: MetricTarget


class ContainerResourceMetricSource(Wire, frozen=True, kw_only=True):
    """A resource such as cpu, of one container."""

    container: str
    name: str
    target: MetricTarget


class PodsMetricSource(Wire, frozen=True, kw_only=True):
    """A metric that pods tell."""

    metric: MetricIdentifier
    target: MetricTarget


class ExternalMetricSource(Wire, frozen=True, kw_only=True):
    """A metric from outside."""

    metric: MetricIdentifier
    target: MetricTarget


class ObjectMetricSource(Wire, frozen=True, kw_only=True):
    """A metric of one object."""

    described_object: CrossVersionObjectReference
    metric: MetricIdentifier
    target: MetricTarget


class MetricSpec(Wire, frozen=True, kw_only=True):
    """One metric; `type` says which of the others is set."""

    type: str
    container_resource: ContainerResourceMetricSource | None = None
    external: ExternalMetricSource | None = None
    object: ObjectMetricSource | None = None
    pods: PodsMetricSource | None = None
    resource: ResourceMetricSource | None = None
