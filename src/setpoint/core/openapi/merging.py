"""How lists of the known types merge: what tells their items apart, and what a strategic merge patch does with them.

One table by the field's name, since Kubernetes gives equal fields equal keys, with what a single type does otherwise.
Source: Kubernetes API reference, patchMergeKey, listType and listMapKey; Argo's and KServe's CRDs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple


class _List(NamedTuple):
    keys: tuple[str, ...]
    patch_key: str = ""
    strategies: str = "merge"


_BY_NAME: Mapping[str, _List] = {
    "containers": _List(("name",), "name"),
    "initContainers": _List(("name",), "name"),
    "ephemeralContainers": _List(("name",), "name"),
    "volumes": _List(("name",), "name", "merge,retainKeys"),
    "imagePullSecrets": _List(("name",), "name"),
    "hostAliases": _List(("ip",), "ip"),
    "topologySpreadConstraints": _List(("topologyKey", "whenUnsatisfiable"), "topologyKey"),
    "schedulingGates": _List(("name",), "name"),
    "resourceClaims": _List(("name",), "name", "merge,retainKeys"),
    "env": _List(("name",), "name"),
    "ports": _List(("containerPort", "protocol"), "containerPort"),
    "volumeMounts": _List(("mountPath",), "mountPath"),
    "volumeDevices": _List(("devicePath",), "devicePath"),
    "conditions": _List(("type",), "type"),
}
_BY_TYPE: Mapping[tuple[str, str], _List | None] = {
    ("ServiceSpec", "ports"): _List(("port", "protocol"), "port"),
    ("LoadBalancerIngress", "ports"): None,
    ("ServiceAccount", "secrets"): _List(("name",), "name"),
    ("ServiceAccount", "imagePullSecrets"): None,
    ("ResourceRequirements", "claims"): _List(("name",), ""),
    ("JobStatus", "conditions"): _List((), "type"),
    ("PodStatus", "podIPs"): _List(("ip",), "ip"),
    ("PodStatus", "hostIPs"): _List((), "ip"),
    ("PodStatus", "resourceClaimStatuses"): _List(("name",), "name", "merge,retainKeys"),
    ("ContainerStatus", "volumeMounts"): _List(("mountPath",), "mountPath"),
    ("ContainerStatus", "allocatedResourcesStatus"): _List(("name",), "name"),
    ("ResourceStatus", "resources"): _List(("resourceID",), ""),
    ("NodeStatus", "addresses"): _List(("type",), "type"),
    ("ObjectMeta", "ownerReferences"): _List(("uid",), "uid"),
    ("TrainJobSpec", "runtimePatches"): _List(("manager",), ""),
    ("TrainJobStatus", "jobsStatus"): _List(("name",), ""),
    ("TorchEnvInjection", "targets"): _List(("jobName",), ""),
    ("JobSetSpec", "replicatedJobs"): _List(("name",), ""),
    ("JobSetSpecPatch", "replicatedJobs"): _List(("name",), ""),
    ("ReplicatedJob", "dependsOn"): _List(("name",), ""),
    ("ContainerPatch", "volumeMounts"): _List(("name",), ""),
    ("RevisionSpec", "containers"): None,
    ("RevisionSpec", "initContainers"): None,
    ("RevisionSpec", "hostAliases"): None,
    ("RevisionSpec", "topologySpreadConstraints"): None,
    ("JSONSchemaProps", "x-kubernetes-validations"): _List(("rule",), "rule"),
}
_SETS = frozenset(
    {
        ("ContainerRestartRuleOnExitCodes", "values"),
        ("NodeSpec", "podCIDRs"),
        ("PodFailurePolicyOnExitCodesRequirement", "values"),
        ("TorchEnvTarget", "containerNames"),
        ("UncountedTerminatedPods", "failed"),
        ("UncountedTerminatedPods", "succeeded"),
    }
)
_ATOMIC_FIELDS = frozenset({("PodSpec", "nodeSelector"), ("ServiceSpec", "selector")})
_ATOMIC_ON = ("setpoint.apis.argo",)
"""Kinds of CRDs that say nothing of their lists' items: all of them are replaced as a whole."""

_ALSO_IN_ARGO = frozenset(
    {"Container", "UserContainer", "ScriptTemplate", "ContainerNode", "PodSpec", "PodContainer", "ResourceRequirements"}
)


ATOMIC_MAPS = frozenset(
    {
        "ConfigMapKeySelector",
        "FileKeySelector",
        "LabelSelector",
        "LocalObjectReference",
        "NodeSelector",
        "NodeSelectorTerm",
        "ObjectFieldSelector",
        "ObjectReference",
        "OwnerReference",
        "ResourceFieldSelector",
        "RoleRef",
        "SecretKeySelector",
        "Subject",
        "TypedLocalObjectReference",
    }
)
"""Types whose values are replaced as a whole when they are applied."""

DEFAULTS: Mapping[tuple[str, str], str] = {("ContainerPort", "protocol"): "TCP", ("ServicePort", "protocol"): "TCP"}
"""What a field is where nothing is written, though its type keeps that apart; keys of lists go by it."""


def merging_of(module: str, cls: str, field: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    """The extensions of a field, none for what is no list that merges.

    Args:
        module: Where its type is.
        cls: The name of its type.
        field: Its name on the wire.
        schema: Its own schema.
    """
    if (cls, field) == ("ObjectMeta", "finalizers"):
        return {"x-kubernetes-list-type": "set", "x-kubernetes-patch-strategy": "merge"}
    if (cls, field) in _ATOMIC_FIELDS:
        return {"x-kubernetes-map-type": "atomic"}
    if schema.get("type") != "array":
        return {}
    if (cls, field) in _SETS:
        return {"x-kubernetes-list-type": "set"}
    rule = _BY_TYPE.get((cls, field), _BY_NAME.get(field))
    if rule is None or (module.startswith(_ATOMIC_ON) and cls not in _ALSO_IN_ARGO):
        return {"x-kubernetes-list-type": "atomic"}
    known: dict[str, Any] = {}
    if rule.keys:
        known |= {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": list(rule.keys)}
    else:
        known |= {"x-kubernetes-list-type": "atomic"}
    if rule.patch_key:
        known |= {"x-kubernetes-patch-merge-key": rule.patch_key, "x-kubernetes-patch-strategy": rule.strategies}
    return known
