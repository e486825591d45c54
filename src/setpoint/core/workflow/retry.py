"""Retries: whether a bad attempt is followed by another, when, and what the Retry node becomes.

The order of the checks is a cluster's, quirks included: the wait comes before policy and limit, and without a limit
it is skipped. Source: argo-workflows `processNodeRetries`; SEMANTICS section 14.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from setpoint.apis.argo import NodePhase, NodeStatus, RetryPolicy, RetryStrategy
from setpoint.apis.errors import InvalidSpec
from setpoint.core.expr import Ambient, ExpressionError, Scope, evaluate_condition
from setpoint.core.workflow import ids
from setpoint.core.workflow.commands import SetTimer, TimerKind
from setpoint.core.workflow.draft import BuildError, Draft
from setpoint.core.workflow.durations import humanize, parse_duration
from setpoint.core.workflow.ending import workflow_deadline
from setpoint.core.workflow.execute import start_attempt
from setpoint.core.workflow.state import RetryFrame

_TRANSIENT = re.compile(
    r"exceeded quota|etcdserver: request timed out|connection reset by peer|connection refused|i/o timeout|"
    r"no such host|TLS handshake timeout|net/http: timeout|Client\.Timeout|unexpected EOF|too many requests|"
    r"server is currently unable to handle the request|the object has been modified",
    re.IGNORECASE,
)
_PATIENT = (RetryPolicy.ALWAYS, RetryPolicy.ON_ERROR, RetryPolicy.ON_TRANSIENT_ERROR)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What follows an ended attempt: the node's end, or a wait, or (neither) a further attempt."""

    phase: NodePhase | None = None
    message: str = ""
    wait_until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempts:
    """The attempts so far, all ended."""

    first_started: datetime
    last: NodeStatus
    count: int


def decide(
    strategy: RetryStrategy, attempts: Attempts, *, now: datetime, shutdown: str, deadline: datetime | None
) -> Verdict:
    """What follows the last attempt.

    Raises: InvalidSpec for a strategy that cannot be followed (bad duration, limit or expression).
    """
    last = attempts.last
    if not last.failed_or_error:
        return Verdict(NodePhase.SUCCEEDED if last.phase is NodePhase.SUCCEEDED else last.phase)
    if shutdown:
        return Verdict(last.phase, f"Stopped with strategy '{shutdown}'")
    if deadline is not None and now >= deadline:
        return Verdict(last.phase, f"retry exceeded workflow deadline {deadline:%Y-%m-%d %H:%M:%S +0000 UTC}")
    limit = _limit(strategy)
    waiting = _backoff(strategy, attempts, limit, now)
    if waiting is not None:
        return waiting
    if not _policy_allows(strategy, last):
        return Verdict(last.phase, last.message)
    if limit is not None and attempts.count > limit:
        return Verdict(last.phase, "No more retries left")
    if strategy.expression and not evaluate_condition(
        strategy.expression, Scope(expression_variables(attempts)).environment, ambient=Ambient(now=now)
    ):
        return Verdict(last.phase, "retryStrategy.expression evaluated to false")
    return Verdict()


def _limit(strategy: RetryStrategy) -> int | None:
    if strategy.limit is None or strategy.limit == "":
        return None
    try:
        return int(strategy.limit)
    except ValueError:
        raise InvalidSpec(f"retryStrategy.limit must be a whole number, found {strategy.limit!r}") from None


def _backoff(strategy: RetryStrategy, attempts: Attempts, limit: int | None, now: datetime) -> Verdict | None:
    backoff = strategy.backoff
    if backoff is None:
        return None
    phase = attempts.last.phase
    over = None
    if backoff.max_duration:
        over = attempts.first_started + parse_duration(backoff.max_duration)
        if now > over:
            return Verdict(phase, "Max duration limit exceeded")
    if not backoff.duration:
        raise InvalidSpec("no base duration specified for retryStrategy")
    wait = _wait(strategy, attempts.count)
    due = (attempts.last.finished_at or now) + wait
    if over is not None and due > over:
        return Verdict(phase, "Backoff would exceed max duration limit")
    if now < due and limit is not None and attempts.count <= limit:
        return Verdict(message=f"Backoff for {humanize(wait)}", wait_until=due)
    return None


def _wait(strategy: RetryStrategy, attempts: int) -> timedelta:
    """Duration * factor ** (attempts - 1), at most `cap`; factor missing or 0: constant."""
    backoff = strategy.backoff
    assert backoff is not None  # noqa: S101 (the caller has looked)
    wait = parse_duration(backoff.duration)
    factor = int(backoff.factor) if backoff.factor not in (None, "") else 0
    cap = parse_duration(backoff.cap) if backoff.cap else timedelta(days=3650)
    if factor > 0 and wait:
        steps = min(attempts - 1, 64)
        wait = cap if factor**steps > cap / wait else wait * factor**steps
    return min(wait, cap)


def _policy_allows(strategy: RetryStrategy, last: NodeStatus) -> bool:
    match strategy.effective_policy:
        case RetryPolicy.ALWAYS:
            return True
        case RetryPolicy.ON_ERROR:
            return last.phase is NodePhase.ERROR
        case RetryPolicy.ON_TRANSIENT_ERROR:
            return bool(_TRANSIENT.search(last.message))
        case RetryPolicy.ON_FAILURE:
            return last.phase is NodePhase.FAILED


def _exit_code(node: NodeStatus, unknown: str) -> str:
    return node.outputs.exit_code if node.outputs is not None and node.outputs.exit_code is not None else unknown


def _seconds(node: NodeStatus) -> str:
    """Whole seconds from start to end: an official example calls `asInt` on it."""
    if node.started_at is None or node.finished_at is None:
        return "0"
    return str(int((node.finished_at - node.started_at).total_seconds()))


def expression_variables(attempts: Attempts) -> dict[str, str]:
    """What `retryStrategy.expression` sees."""
    return {
        "retries": str(attempts.count - 1),
        "lastRetry.exitCode": _exit_code(attempts.last, "-1"),
        "lastRetry.status": attempts.last.phase.value,
        "lastRetry.duration": _seconds(attempts.last),
        "lastRetry.message": attempts.last.message,
    }


def tag_variables(last: NodeStatus | None, number: int) -> Mapping[str, str]:
    """What tags of attempt `number` see of the attempt before."""
    return {
        "retries": str(number),
        "lastRetry.exitCode": _exit_code(last, "0") if last is not None else "0",
        "lastRetry.status": last.phase.value if last is not None else "",
        "lastRetry.duration": _seconds(last) if last is not None else "0",
        "lastRetry.message": last.message if last is not None else "",
    }


def assess_retry(d: Draft, retry: RetryFrame) -> None:
    """Look at the last attempt: wait for it, end with it, wait, or make another."""
    frame = d.edit(retry)
    while True:
        while d.node(d.id_of(f"{frame.call.name}({frame.attempts})")) is not None:
            frame.attempts += 1
        last = d.need(d.id_of(f"{frame.call.name}({frame.attempts - 1})")) if frame.attempts else None
        number = frame.attempts
        if last is not None and not last.phase.fulfilled:
            if d.entered(last.id):
                return
            number -= 1  # take it up again
        elif last is not None and not _goes_on(d, frame, last):
            return
        before = d.need(d.id_of(f"{frame.call.name}({number - 1})")) if number else None
        if before is not None and number == frame.attempts and _spins(d, frame, before):
            return
        try:
            if not start_attempt(d, frame, number, tag_variables(before, number), _attempts_deadline(d, frame, number)):
                d.block(frame.id)
            return
        except BuildError as error:
            if frame.strategy.effective_policy not in _PATIENT:
                d.mark(frame.id, NodePhase.ERROR, error.message, raised=error.message)
                return


def _attempts_deadline(d: Draft, frame: RetryFrame, number: int) -> datetime | None:
    """`backoff.maxDuration` counts from the first attempt's start and bounds all later ones."""
    backoff = frame.strategy.backoff
    if not number or backoff is None or not backoff.max_duration:
        return None
    first = d.need(d.id_of(f"{frame.call.name}(0)")).started_at or d.now
    return first + parse_duration(backoff.max_duration)


def _spins(d: Draft, frame: RetryFrame, before: NodeStatus) -> bool:
    """Attempts without limit that take no time at all would never let the step end: the next one waits a second."""
    if frame.strategy.limit is not None or before.started_at != d.now:
        return False
    _wake(d, frame, d.now + timedelta(seconds=1))
    return True


def _wake(d: Draft, frame: RetryFrame, at: datetime) -> None:
    timer = ids.command_id(d.uid, frame.id, at.isoformat(), TimerKind.BACKOFF)
    d.order(SetTimer(id=timer, at=at, kind=TimerKind.BACKOFF, node=frame.id))


def attempt_ended(d: Draft, frame: RetryFrame, raised: str) -> None:
    """An attempt has ended; a building error ends the Retry node too unless its policy covers errors."""
    if raised and frame.strategy.effective_policy not in _PATIENT:
        d.mark(frame.id, NodePhase.ERROR, raised, raised=raised)
    else:
        d.touch(frame.id)


def _goes_on(d: Draft, frame: RetryFrame, last: NodeStatus) -> bool:
    """Whether another attempt is due now; else the node has its end, or waits with a timer set."""
    first = d.need(d.id_of(f"{frame.call.name}(0)"))
    attempts = Attempts(first_started=first.started_at or d.now, last=last, count=frame.attempts)
    shutdown = d.engine.shutdown if d.shut_down(on_exit=frame.call.on_exit) else ""
    deadline = None if frame.call.on_exit else workflow_deadline(d)
    try:
        verdict = decide(frame.strategy, attempts, now=d.now, shutdown=shutdown, deadline=deadline)
    except (InvalidSpec, ExpressionError, ValueError) as error:
        d.mark(frame.id, NodePhase.ERROR, str(error), raised=str(error), outputs=last.outputs)
        return False
    if verdict.phase is not None:
        d.mark(frame.id, verdict.phase, verdict.message, outputs=last.outputs)
        return False
    node = d.need(frame.id)
    if verdict.message != node.message:
        d.change(frame.id, message=verdict.message)
    if verdict.wait_until is None:
        return True
    _wake(d, frame, verdict.wait_until)
    return False
