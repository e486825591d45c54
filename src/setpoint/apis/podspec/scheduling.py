"""Where a pod may and should run. Source: Kubernetes API reference, v1 PodSpec."""

from __future__ import annotations

from setpoint.apis.meta import Wire
from setpoint.apis.references import LabelSelector


class NodeSelectorRequirement(Wire, frozen=True, kw_only=True):
    """One condition; `operator` is In, NotIn, Exists, DoesNotExist, Gt or Lt."""

    key: str
    operator: str
    values: tuple[str, ...] = ()


class NodeSelectorTerm(Wire, frozen=True, kw_only=True):
    """Conditions that hold together, on labels and on fields of a node."""

    match_expressions: tuple[NodeSelectorRequirement, ...] = ()
    match_fields: tuple[NodeSelectorRequirement, ...] = ()


class NodeSelector(Wire, frozen=True, kw_only=True):
    """Nodes that satisfy one of the terms."""

    node_selector_terms: tuple[NodeSelectorTerm, ...]


class PreferredSchedulingTerm(Wire, frozen=True, kw_only=True):
    """Nodes that count more, by `weight` from 1 to 100."""

    preference: NodeSelectorTerm
    weight: int


class NodeAffinity(Wire, frozen=True, kw_only=True):
    """Nodes that a pod needs or likes."""

    preferred_during_scheduling_ignored_during_execution: tuple[PreferredSchedulingTerm, ...] = ()
    required_during_scheduling_ignored_during_execution: NodeSelector | None = None


class PodAffinityTerm(Wire, frozen=True, kw_only=True):
    """Pods to be near to, or far from; `topologyKey` is the label that says what near is."""

    topology_key: str
    label_selector: LabelSelector | None = None
    match_label_keys: tuple[str, ...] = ()
    mismatch_label_keys: tuple[str, ...] = ()
    namespace_selector: LabelSelector | None = None
    namespaces: tuple[str, ...] = ()


class WeightedPodAffinityTerm(Wire, frozen=True, kw_only=True):
    """A term with a weight from 1 to 100."""

    pod_affinity_term: PodAffinityTerm
    weight: int


class PodAffinity(Wire, frozen=True, kw_only=True):
    """Pods that a pod wants to be near to."""

    preferred_during_scheduling_ignored_during_execution: tuple[WeightedPodAffinityTerm, ...] = ()
    required_during_scheduling_ignored_during_execution: tuple[PodAffinityTerm, ...] = ()


class PodAntiAffinity(Wire, frozen=True, kw_only=True):
    """Pods that a pod wants to be far from."""

    preferred_during_scheduling_ignored_during_execution: tuple[WeightedPodAffinityTerm, ...] = ()
    required_during_scheduling_ignored_during_execution: tuple[PodAffinityTerm, ...] = ()


class Affinity(Wire, frozen=True, kw_only=True):
    """Which nodes and which other pods draw a pod or push it off."""

    node_affinity: NodeAffinity | None = None
    pod_affinity: PodAffinity | None = None
    pod_anti_affinity: PodAntiAffinity | None = None


class Toleration(Wire, frozen=True, kw_only=True):
    """Taints that a pod bears; `operator` is Exists or Equal."""

    effect: str = ""
    key: str = ""
    operator: str = ""
    toleration_seconds: int | None = None
    value: str = ""


class TopologySpreadConstraint(Wire, frozen=True, kw_only=True):
    """How evenly pods are spread; `whenUnsatisfiable` is DoNotSchedule or ScheduleAnyway."""

    max_skew: int
    topology_key: str
    when_unsatisfiable: str
    label_selector: LabelSelector | None = None
    match_label_keys: tuple[str, ...] = ()
    min_domains: int | None = None
    node_affinity_policy: str = ""
    node_taints_policy: str = ""


class PodReadinessGate(Wire, frozen=True, kw_only=True):
    """A further condition that a pod must have to be ready."""

    condition_type: str


class PodSchedulingGate(Wire, frozen=True, kw_only=True):
    """Keeps a pod from being scheduled while it is there."""

    name: str


class PodResourceClaim(Wire, frozen=True, kw_only=True):
    """A claim on devices that containers may use by its name."""

    name: str
    resource_claim_name: str = ""
    resource_claim_template_name: str = ""
