"""The status of an InferenceService in KServe's words, and the backend its route leads to.

Decides how replicas and failures read to people and to clients of KServe: condition types, model states, revisions.
Invariant: Ready is True exactly when the revision of the present generation serves; `url` stays once it is known,
because a former revision may go on serving behind it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import msgspec

from setpoint.apis.errors import InvalidSpec
from setpoint.apis.meta import Condition
from setpoint.apis.serving import (
    Addressable,
    ComponentStatus,
    FailureInfo,
    FailureReason,
    InferenceService,
    InferenceServiceStatus,
    ModelCopies,
    ModelState,
    ModelStates,
    ModelStatus,
    TrafficTarget,
    TransitionStatus,
)
from setpoint.core.serving.plan import Seen, ServingState

READY, PREDICTOR_READY, INGRESS_READY = "Ready", "PredictorReady", "IngressReady"
LATEST_READY = "LatestDeploymentReady"
STATE_ANNOTATION = "serving.setpoint.dev/state"
DEPLOYMENT_MODE = "Standard"
STOPPED = "services were stopped; it starts again when it is changed, or with `setpoint up`"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A condition before it has a time."""

    status: str
    reason: str = ""
    message: str = ""


_TRUE = Verdict(status="True")
_AT_REST = ModelStatus(
    transition_status=TransitionStatus.UP_TO_DATE,
    states=ModelStates(active_model_state=ModelState.STANDBY, target_model_state=ModelState.STANDBY),
    copies=ModelCopies(),
)


def load_state(status: InferenceServiceStatus) -> ServingState:
    """What the engine stored with the status; the empty state if nothing was."""
    text = status.annotations.get(STATE_ANNOTATION)
    return msgspec.json.decode(text, type=ServingState) if text else ServingState()


def make_status(
    service: InferenceService,
    state: ServingState,
    *,
    problems: tuple[InvalidSpec, ...],
    url: str,
    serving: bool,
    now: datetime,
    stopped: bool = False,
) -> InferenceServiceStatus:
    """The whole status.

    Args:
        service: The object; its present status gives the times of conditions that do not change.
        state: After the plan.
        problems: Why the present spec cannot be served; empty if it can.
        url: Where the gateway shows the service; "" while the gateway is not up (the former URL stays shown).
        serving: Whether the route leads to a live server.
        now: The present.
        stopped: The servers were ended on purpose.
    """
    ingress = _ingress_verdict(url, state)
    url = url or service.status.url
    predictor = _predictor_verdict(state, problems, serving=serving)
    if stopped:
        predictor = Verdict(status="False", reason="Stopped", message=STOPPED)
    latest = _latest_verdict(state, problems)
    verdicts = {
        INGRESS_READY: ingress,
        LATEST_READY: latest,
        PREDICTOR_READY: predictor,
        READY: next((item for item in (predictor, ingress) if item.status != "True"), _TRUE),
    }
    shown = url if state.active is not None else ""
    return InferenceServiceStatus(
        url=shown,
        address=Addressable(url=shown) if shown else None,
        components={"predictor": _component(state, shown)},
        conditions=tuple(_condition(service.status, kind, verdict, now) for kind, verdict in verdicts.items()),
        model_status=_AT_REST if stopped else _model_status(state, problems, now, serving=serving),
        observed_generation=service.metadata.generation,
        annotations=dict(service.status.annotations) | {STATE_ANNOTATION: msgspec.json.encode(state).decode()},
        deployment_mode=DEPLOYMENT_MODE,
        serving_runtime_name="setpoint-modelserver",
    )


def same_status(one: InferenceServiceStatus, other: InferenceServiceStatus) -> bool:
    """Whether nothing but times differs."""
    return _timeless(one) == _timeless(other)


def serving_replica_port(state: ServingState, seen: Mapping[str, Seen], active_pod: str) -> int | None:
    """The port that the route leads to: the active replica's, while its pod lives; else None."""
    if state.active is None or state.active.ready_at is None:
        return None
    look = seen.get(active_pod, Seen())
    return None if look.ended or not look.found else look.port


def _predictor_verdict(state: ServingState, problems: tuple[InvalidSpec, ...], *, serving: bool) -> Verdict:
    if problems:
        return Verdict(status="False", reason="InvalidPredictorSpec", message="; ".join(map(str, problems)))
    latest = _latest_verdict(state, problems)
    if latest.status != "True":
        return latest
    if not serving:
        failure = state.failure.message if state.failure else "its server is being started again"
        return Verdict(status="False", reason="RuntimeUnhealthy", message=failure)
    return _TRUE


def _latest_verdict(state: ServingState, problems: tuple[InvalidSpec, ...]) -> Verdict:
    if problems:
        return Verdict(status="False", reason="InvalidPredictorSpec", message="; ".join(map(str, problems)))
    candidate = state.candidate
    if candidate is None:
        return _TRUE if state.active is not None else Verdict(status="Unknown", reason="Pending")
    keeps = f"; {state.active.revision} keeps serving" if state.active is not None else ""
    if state.failure is not None and state.failure.model_revision_name == candidate.revision:
        message = f"{candidate.revision} failed {candidate.failures} time(s): {state.failure.message}{keeps}"
        return Verdict(status="False", reason="LatestDeploymentFailed", message=message)
    return Verdict(status="Unknown", reason="Deploying", message=f"{candidate.revision} is starting{keeps}")


def _ingress_verdict(url: str, state: ServingState) -> Verdict:
    if not url:
        return Verdict(status="Unknown", reason="GatewayNotReady", message="the gateway is not up yet")
    if state.active is None:
        return Verdict(status="Unknown", reason="NoReadyRevision", message="no revision has been ready yet")
    return _TRUE


def _component(state: ServingState, url: str) -> ComponentStatus:
    latest = state.candidate or state.active
    active = state.active
    if active is None:
        return ComponentStatus(latest_created_revision=latest.revision if latest else "")
    target = TrafficTarget(revision_name=active.revision, latest_revision=state.candidate is None, percent=100, url=url)
    return ComponentStatus(
        url=url,
        rest_url=url,
        latest_created_revision=latest.revision if latest else "",
        latest_ready_revision=active.revision,
        latest_rolledout_revision=active.revision,
        traffic=(target,),
    )


def _model_status(
    state: ServingState, problems: tuple[InvalidSpec, ...], now: datetime, *, serving: bool
) -> ModelStatus:
    failure = state.failure
    failing = failure is not None and state.candidate is not None
    if state.active is not None:
        active = ModelState.LOADED if serving else ModelState.LOADING
    else:
        active = ModelState.FAILED_TO_LOAD if failing else ModelState.PENDING
    coming = ModelState.FAILED_TO_LOAD if failing else ModelState.LOADING
    target = active if state.candidate is None else coming
    transition = TransitionStatus.UP_TO_DATE
    if problems:
        transition = TransitionStatus.INVALID_SPEC
        failure = FailureInfo(
            reason=FailureReason.INVALID_PREDICTOR_SPEC, message="; ".join(map(str, problems)), time=now
        )
    elif failing:
        transition = TransitionStatus.BLOCKED_BY_FAILED_LOAD
    elif state.candidate is not None or not serving:
        transition = TransitionStatus.IN_PROGRESS
    return ModelStatus(
        transition_status=transition,
        states=ModelStates(active_model_state=active, target_model_state=target),
        copies=ModelCopies(failed_copies=1 if failing else 0, total_copies=1 if serving else 0),
        last_failure_info=failure if failure is not None else msgspec.UNSET,
    )


def _condition(before: InferenceServiceStatus, kind: str, verdict: Verdict, now: datetime) -> Condition:
    old = before.condition(kind)
    kept = old is not None and old.status == verdict.status and old.last_transition_time is not None
    return Condition(
        type=kind,
        status=verdict.status,
        reason=verdict.reason,
        message=verdict.message,
        last_transition_time=old.last_transition_time if kept and old is not None else now,
    )


def _timeless(status: InferenceServiceStatus) -> InferenceServiceStatus:
    model = status.model_status
    if model is not None and not isinstance(model.last_failure_info, msgspec.UnsetType):
        model = model.replace(last_failure_info=model.last_failure_info.replace(time=None))
    conditions = tuple(item.replace(last_transition_time=None) for item in status.conditions)
    return status.replace(conditions=conditions, model_status=model)
