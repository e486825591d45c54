"""What to do next for one InferenceService: observations in, new state and actions out.

Two replicas at most: `active` serves, `candidate` is to take over. The candidate becomes active when it is ready, and
not before; whatever happens to it until then, the active one is left alone. A replica whose pod ends is started again
under a new attempt after a growing delay; a former active one is ended after a short drain.
Pure and level-triggered: the actions follow from state and observations alone, and doing one twice does no harm.
Invariant: an action never touches the active replica's pod while that pod answers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeAlias

from setpoint.apis.meta import Wire
from setpoint.apis.serving import FailureInfo, FailureReason
from setpoint.core.serving.revisions import Replica

UNREACHABLE = "it does not answer its readiness probe"


class Retired(Wire, frozen=True, kw_only=True):
    """A pod that no longer serves and is to be ended at `kill_at`."""

    pod_id: str
    revision: str
    grace_seconds: float
    kill_at: datetime


class ServingState(Wire, frozen=True, kw_only=True):
    """All the engine remembers of a service; stored with its status."""

    active: Replica | None = None
    candidate: Replica | None = None
    retired: tuple[Retired, ...] = ()
    failure: FailureInfo | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What was observed of a pod. A pod that was never launched, or is unknown, is not `found`."""

    found: bool = False
    ended: bool = False
    port: int | None = None
    ready: bool = False
    exit_code: int | None = None
    message: str = ""  # why it ended, with the log's last lines


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Times of the engine."""

    start_deadline: timedelta = timedelta(seconds=60)  # from launch to ready
    unhealthy_after: timedelta = timedelta(seconds=20)  # not answering for so long means restart
    backoff_first: timedelta = timedelta(seconds=1)
    backoff_most: timedelta = timedelta(seconds=60)
    stable_after: timedelta = timedelta(seconds=60)  # ready for so long forgets earlier failures
    drain: timedelta = timedelta(seconds=1)  # between the route's switch and the end of the former server
    poll_starting: timedelta = timedelta(milliseconds=150)
    poll_serving: timedelta = timedelta(seconds=2)

    def backoff(self, failures: int) -> timedelta:
        """The delay after so many failures in a row."""
        factor = 1 << min(failures - 1, 20)
        return min(self.backoff_first * factor, self.backoff_most)


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """Start this attempt's pod."""

    replica: Replica


@dataclass(frozen=True, slots=True, kw_only=True)
class Kill:
    """End the pod."""

    pod_id: str
    grace_seconds: float
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Forget:
    """Remove an ended pod's directory, and its revision's files unless `revision` is in use ("" then)."""

    pod_id: str
    revision: str = ""


Action: TypeAlias = Launch | Kill | Forget


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The next state, what to do (in order, after the state is stored), and when to look again."""

    state: ServingState
    actions: tuple[Action, ...]
    look_again: timedelta


@dataclass(slots=True)
class _Draft:
    """The plan in the making."""

    pod_id: Callable[[Replica], str]
    seen: Mapping[str, Seen]
    now: datetime
    limits: Limits
    actions: list[Action] = field(default_factory=list)
    retired: list[Retired] = field(default_factory=list)
    failure: FailureInfo | None = None

    def look(self, replica: Replica) -> Seen:
        return self.seen.get(self.pod_id(replica), Seen())

    def retire(self, replica: Replica, *, after: timedelta) -> None:
        """End the replica's pod after the drain; nothing if it was never launched."""
        if replica.launched_at is not None:
            self.retired.append(
                Retired(
                    pod_id=self.pod_id(replica),
                    revision=replica.revision,
                    grace_seconds=replica.server.grace_seconds,
                    kill_at=self.now + after,
                )
            )


def make_plan(
    state: ServingState,
    wanted: Replica | None,
    seen: Mapping[str, Seen],
    *,
    now: datetime,
    limits: Limits,
    pod_id: Callable[[Replica], str],
) -> Plan:
    """One step towards the wanted revision.

    Args:
        state: What was stored last.
        wanted: The revision of the present spec; None if the spec cannot be served (what serves goes on).
        seen: Observations by pod id, of all pods in `state`.
        now: The present.
        limits: Times.
        pod_id: The id of a replica's pod.
    """
    draft = _Draft(pod_id=pod_id, seen=seen, now=now, limits=limits, failure=state.failure)
    draft.retired.extend(state.retired)
    active, candidate = _aim(draft, state, wanted)
    if candidate is not None:
        candidate = _advance(draft, candidate, serving=False)
        if candidate.ready_at is not None:
            if active is not None:
                draft.retire(active, after=limits.drain)
            active, candidate = candidate, None
            draft.failure = None
    elif active is not None:
        active = _advance(draft, active, serving=True)
    if candidate is not None and active is not None:
        active = _advance(draft, active, serving=True)
    _end_retired(draft, {replica.revision for replica in (active, candidate) if replica is not None})
    new = ServingState(active=active, candidate=candidate, retired=tuple(draft.retired), failure=draft.failure)
    return Plan(state=new, actions=tuple(draft.actions), look_again=_look_again(new, draft))


def make_shutdown(
    state: ServingState, seen: Mapping[str, Seen], pod_id: Callable[[Replica], str]
) -> tuple[Action, ...]:
    """End every pod of the service; empty when all have ended and nothing is left to forget.

    `seen` must cover `pods_of(state, ...)`.
    """
    actions: list[Action] = []
    pods = [(item.pod_id, item.revision, item.grace_seconds) for item in state.retired]
    for replica in (state.active, state.candidate):
        if replica is None:
            continue
        attempts = range(max(1, replica.attempt - 1), replica.attempt + 1)
        for attempt in attempts:
            pods.append((pod_id(replica.replace(attempt=attempt)), replica.revision, replica.server.grace_seconds))
    for identity, revision, grace in pods:
        look = seen.get(identity, Seen())
        if look.found and not look.ended:
            actions.append(Kill(pod_id=identity, grace_seconds=grace, reason="the InferenceService was deleted"))
        elif look.found:
            actions.append(Forget(pod_id=identity, revision=revision))
    return tuple(actions)


def make_stopped(state: ServingState) -> ServingState:
    """The state after all pods were ended on purpose: the same revisions, each to be started by a next attempt."""

    def again(replica: Replica | None) -> Replica | None:
        if replica is None or replica.launched_at is None:
            return replica
        return replica.replace(
            attempt=replica.attempt + 1,
            launched_at=None,
            not_before=None,
            ready_at=None,
            unready_since=None,
            failures=0,
        )

    return state.replace(active=again(state.active), candidate=again(state.candidate), retired=(), failure=None)


def pods_of(state: ServingState, pod_id: Callable[[Replica], str]) -> tuple[str, ...]:
    """Ids of all pods that may exist: of both replicas (this attempt and the one before) and of the retired."""
    found = [item.pod_id for item in state.retired]
    for replica in (state.active, state.candidate):
        if replica is not None:
            attempts = range(max(1, replica.attempt - 1), replica.attempt + 1)
            found += [pod_id(replica.replace(attempt=attempt)) for attempt in attempts]
    return tuple(found)


def _aim(draft: _Draft, state: ServingState, wanted: Replica | None) -> tuple[Replica | None, Replica | None]:
    """Active and candidate for the wanted revision; a superseded candidate is retired at once."""
    active, candidate = state.active, state.candidate
    if wanted is None:
        return active, candidate
    current = candidate or active
    if current is not None and current.hash == wanted.hash:
        renewed = current.replace(generation=wanted.generation)
        return (active, renewed) if candidate is not None else (renewed, None)
    if candidate is not None:
        draft.retire(candidate, after=timedelta())
        draft.failure = None
    if active is not None and active.hash == wanted.hash:
        # Back to what serves already: no second server, no interruption.
        return active.replace(generation=wanted.generation), None
    return active, wanted


def _advance(draft: _Draft, replica: Replica, *, serving: bool) -> Replica:
    """Launch, watch, or start again one replica."""
    look = draft.look(replica)
    if replica.launched_at is None:
        if replica.not_before is not None and draft.now < replica.not_before:
            return replica
        replica = replica.replace(launched_at=draft.now, not_before=None)
        draft.actions.append(Launch(replica=replica))
        return replica
    if not look.found:
        # Stored, but the launch itself was lost with the control plane: the same id is launched now.
        draft.actions.append(Launch(replica=replica))
        return replica
    if look.ended:
        if replica.attempt > 1:
            # The pod that failed just now is kept for its log, the one before it is not.
            draft.actions.append(Forget(pod_id=draft.pod_id(replica.replace(attempt=replica.attempt - 1))))
        return _failed(draft, replica, look.message or "it ended", look.exit_code, serving=serving)
    if look.ready:
        ready_at = replica.ready_at or draft.now
        stable = draft.now - ready_at >= draft.limits.stable_after
        if stable and draft.failure is not None and draft.failure.model_revision_name == replica.revision:
            draft.failure = None
        return replica.replace(ready_at=ready_at, unready_since=None, failures=0 if stable else replica.failures)
    if replica.ready_at is None:
        if draft.now - replica.launched_at < draft.limits.start_deadline:
            return replica
        seconds = draft.limits.start_deadline.total_seconds()
        draft.retire(replica, after=timedelta())
        return _failed(draft, replica, f"it was not ready within {seconds:g} s", None, serving=serving)
    since = replica.unready_since or draft.now
    if draft.now - since < draft.limits.unhealthy_after:
        return replica.replace(unready_since=since)
    draft.retire(replica, after=timedelta())
    return _failed(draft, replica, UNREACHABLE, None, serving=serving)


def _failed(draft: _Draft, replica: Replica, message: str, exit_code: int | None, *, serving: bool) -> Replica:
    """The next attempt after a failure, with its delay. A candidate fetches its model anew, an active one keeps it."""
    failures = replica.failures + 1
    was_ready = replica.ready_at is not None
    draft.failure = FailureInfo(
        reason=FailureReason.RUNTIME_UNHEALTHY if was_ready or serving else FailureReason.MODEL_LOAD_FAILED,
        message=message,
        exit_code=exit_code,
        model_revision_name=replica.revision,
        time=draft.now,
    )
    attempt = replica.attempt + 1
    return replica.replace(
        attempt=attempt,
        model=replica.model if serving else attempt,
        failures=failures,
        not_before=draft.now + draft.limits.backoff(failures),
        launched_at=None,
        ready_at=None,
        unready_since=None,
    )


def _end_retired(draft: _Draft, revisions: set[str]) -> None:
    kept = []
    for item in draft.retired:
        look = draft.seen.get(item.pod_id)
        if look is not None and (look.ended or not look.found):
            files = "" if item.revision in revisions else item.revision
            draft.actions.append(Forget(pod_id=item.pod_id, revision=files))
            continue
        if draft.now >= item.kill_at:
            draft.actions.append(Kill(pod_id=item.pod_id, grace_seconds=item.grace_seconds, reason="replaced"))
        kept.append(item)
    draft.retired = kept


def _look_again(state: ServingState, draft: _Draft) -> timedelta:
    replicas = [replica for replica in (state.active, state.candidate) if replica is not None]
    waits = [draft.limits.poll_serving]
    for replica in replicas:
        if replica.not_before is not None:
            waits.append(max(replica.not_before - draft.now, draft.limits.poll_starting))
        elif replica.ready_at is None or replica.unready_since is not None:
            waits.append(draft.limits.poll_starting)
    if state.retired:
        waits.append(draft.limits.poll_starting)
    return min(waits)
