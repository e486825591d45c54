"""Every kind that the API server serves of its own: what `kubectl api-resources` lists.

The classes say names, scope and status; what a class does not say (categories, field selectors, columns of the table
that `kubectl get` prints, whether an engine acts on it) is in the tables here.
Source: Kubernetes API reference; the additionalPrinterColumns of Argo's, KServe's, Kubeflow's and Knative's CRDs.
"""

from __future__ import annotations

from typing import Any

import msgspec

from setpoint.apis import measurements, reviews
from setpoint.apis.apiextensions import CustomResourceDefinition
from setpoint.apis.definitions import Catalog, Column, ResourceDefinition
from setpoint.apis.kinds import KEPT_ONLY, SERVED, group_of
from setpoint.apis.meta import Resource

_AGE = Column(name="Age", path=".metadata.creationTimestamp", type="date")
_KEPT_ONLY = frozenset(KEPT_ONLY)

_CATEGORIES: dict[str, tuple[str, ...]] = {
    "Pod": ("all",),
    "Service": ("all",),
    "Job.batch": ("all",),
    "CronJob.batch": ("all",),
    "Service.serving.knative.dev": ("all", "knative", "serving"),
}
"""`kubectl get all` shows those of the category `all`; Argo's, KServe's and Kubeflow's kinds are in none."""

_OBJECT = ("kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath")
_FIELDS: dict[str, tuple[str, ...]] = {
    "Pod": (
        "spec.nodeName",
        "spec.restartPolicy",
        "spec.schedulerName",
        "spec.serviceAccountName",
        "spec.hostNetwork",
        "status.phase",
        "status.podIP",
        "status.nominatedNodeName",
    ),
    "Event": (
        *(f"involvedObject.{name}" for name in _OBJECT),
        "reason",
        "reportingComponent",
        "source",
        "type",
    ),
    "Secret": ("type",),
    "Namespace": ("status.phase",),
    "Node": ("spec.unschedulable",),
    "Job.batch": ("status.successful",),
}

_STATE = Column(name="State", path=".status.conditions[-1:].type")
_READY = ".status.conditions[?(@.type=='Ready')].status"
_COLUMNS: dict[str, tuple[Column, ...]] = {
    "Workflow.argoproj.io": (
        Column(name="Status", path=".status.phase", description="Where the workflow is"),
        Column(name="Age", path=".status.startedAt", type="date", description="Since when it runs"),
        Column(name="Message", path=".status.message", description="Why it is so"),
    ),
    "InferenceService.serving.kserve.io": (
        Column(name="URL", path=".status.url"),
        Column(name="Ready", path=_READY),
        Column(name="Prev", path=".status.components.predictor.traffic[?(@.tag=='prev')].percent", type="integer"),
        Column(
            name="Latest",
            path=".status.components.predictor.traffic[?(@.latestRevision==true)].percent",
            type="integer",
        ),
        Column(
            name="PrevRolledoutRevision",
            path=".status.components.predictor.traffic[?(@.tag=='prev')].revisionName",
        ),
        Column(
            name="LatestReadyRevision",
            path=".status.components.predictor.traffic[?(@.latestRevision==true)].revisionName",
        ),
        _AGE,
    ),
    "ServingRuntime.serving.kserve.io": (
        Column(name="Disabled", path=".spec.disabled", type="boolean"),
        Column(name="ModelType", path=".spec.supportedModelFormats[*].name"),
        Column(name="Containers", path=".spec.containers[*].name"),
        _AGE,
    ),
    "ClusterServingRuntime.serving.kserve.io": (
        Column(name="Disabled", path=".spec.disabled", type="boolean"),
        Column(name="ModelType", path=".spec.supportedModelFormats[*].name"),
        Column(name="Containers", path=".spec.containers[*].name"),
        _AGE,
    ),
    "PyTorchJob.kubeflow.org": (_STATE, _AGE),
    "TFJob.kubeflow.org": (_STATE, _AGE),
    "TrainJob.trainer.kubeflow.org": (_STATE, _AGE),
    "Service.serving.knative.dev": (
        Column(name="URL", path=".status.url"),
        Column(name="LatestCreated", path=".status.latestCreatedRevisionName"),
        Column(name="LatestReady", path=".status.latestReadyRevisionName"),
        Column(name="Ready", path=_READY),
        Column(name="Reason", path=".status.conditions[?(@.type=='Ready')].reason"),
    ),
}


def define(cls: type[Resource], **more: Any) -> ResourceDefinition:
    """The definition of a class, with what the tables say of it."""
    group, _, version = cls.API_VERSION.rpartition("/")
    key = f"{cls.KIND}.{group}" if group else cls.KIND
    known: dict[str, Any] = {
        "group": group_of(cls.API_VERSION),
        "version": version or cls.API_VERSION,
        "kind": cls.KIND,
        "plural": cls.PLURAL,
        "singular": cls.KIND.lower(),
        "list_kind": f"{cls.KIND}List",
        "short_names": cls.SHORT_NAMES,
        "categories": _CATEGORIES.get(key, ()),
        "namespaced": cls.NAMESPACED,
        "has_status": any(field.name == "status" for field in msgspec.structs.fields(cls)),
        "columns": _COLUMNS.get(key),
        "fields": _FIELDS.get(key, ()),
        "engine": cls not in _KEPT_ONLY,
        "cls": cls,
    }
    return ResourceDefinition(**(known | more))


CATALOG = Catalog(define(cls) for cls in SERVED if cls is not CustomResourceDefinition)
"""All kinds that are stored and have a class.

The definition of CustomResourceDefinition is not here but in `core.customresources`, with the checks that go beyond a
class; who serves puts it beside these.
"""

REVIEWS = Catalog(
    define(cls)
    for cls in (
        reviews.SelfSubjectAccessReview,
        reviews.SubjectAccessReview,
        reviews.LocalSubjectAccessReview,
        reviews.SelfSubjectRulesReview,
        reviews.SelfSubjectReview,
    )
)
"""Kinds that are only created, and answered at once. (A TokenRequest is created below a service account.)"""

MEASURED = Catalog(
    (
        define(measurements.PodMetrics, singular="", has_status=False),
        define(measurements.NodeMetrics, singular="", has_status=False),
    )
)
"""Kinds that are only read, and measured when somebody asks."""
