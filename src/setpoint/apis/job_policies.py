"""Parts of jobs whose values engines keep as JSON. Source: Kubernetes API reference, Job v1."""

from __future__ import annotations

from setpoint.apis.meta import Wire


class PodFailurePolicyOnExitCodesRequirement(Wire, frozen=True, kw_only=True):
    """Exit codes; `operator` is In or NotIn."""

    operator: str
    values: tuple[int, ...]
    container_name: str = ""


class PodFailurePolicyOnPodConditionsPattern(Wire, frozen=True, kw_only=True):
    """A condition of a pod."""

    type: str
    status: str = ""


class PodFailurePolicyRule(Wire, frozen=True, kw_only=True):
    """What a failed pod leads to; `action` is FailJob, FailIndex, Ignore or Count."""

    action: str
    on_exit_codes: PodFailurePolicyOnExitCodesRequirement | None = None
    on_pod_conditions: tuple[PodFailurePolicyOnPodConditionsPattern, ...] = ()


class PodFailurePolicy(Wire, frozen=True, kw_only=True):
    """What failed pods lead to: the first rule that fits."""

    rules: tuple[PodFailurePolicyRule, ...]


class SuccessPolicyRule(Wire, frozen=True, kw_only=True):
    """Which pods must have succeeded."""

    succeeded_count: int | None = None
    succeeded_indexes: str = ""


class SuccessPolicy(Wire, frozen=True, kw_only=True):
    """When a job has succeeded before all its pods have."""

    rules: tuple[SuccessPolicyRule, ...]


class UncountedTerminatedPods(Wire, frozen=True, kw_only=True):
    """Pods that have ended and are not counted yet."""

    failed: tuple[str, ...] = ()
    succeeded: tuple[str, ...] = ()
