from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from setpoint.apis.argo import Backoff, NodePhase, NodeStatus, NodeType, Outputs, RetryStrategy
from setpoint.apis.errors import InvalidSpec
from setpoint.core.workflow.retry import Attempts, Verdict, decide

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


def attempts(
    count: int, *, phase: NodePhase = NodePhase.FAILED, message: str = "bad", code: str | None = "1", age: float = 0
) -> Attempts:
    last = NodeStatus(
        id="n",
        name="n(0)",
        type=NodeType.POD,
        phase=phase,
        message=message,
        started_at=NOW - timedelta(seconds=age + 2),
        finished_at=NOW - timedelta(seconds=age),
        outputs=Outputs(exit_code=code) if code else None,
    )
    return Attempts(first_started=NOW - timedelta(seconds=100), last=last, count=count)


def verdict(strategy: RetryStrategy, made: Attempts, **world: Any) -> Verdict:
    found: dict[str, Any] = {"now": NOW, "shutdown": "", "deadline": None}
    return decide(strategy, made, **found | world)


AGAIN = Verdict()
BACKOFF = RetryStrategy(limit=5, backoff=Backoff(duration="10", factor=2, cap="30s"))


@pytest.mark.parametrize(
    ("strategy", "made", "expected"),
    [
        (RetryStrategy(limit=1), attempts(1, phase=NodePhase.SUCCEEDED), Verdict(NodePhase.SUCCEEDED)),
        (RetryStrategy(limit=1), attempts(1), AGAIN),
        (RetryStrategy(limit="1"), attempts(2), Verdict(NodePhase.FAILED, "No more retries left")),
        (RetryStrategy(limit=0), attempts(1), Verdict(NodePhase.FAILED, "No more retries left")),
        (RetryStrategy(), attempts(1000), AGAIN),
        (RetryStrategy(limit=1), attempts(1, phase=NodePhase.ERROR), Verdict(NodePhase.ERROR, "bad")),
        (RetryStrategy(limit=1, retry_policy="OnError"), attempts(1), Verdict(NodePhase.FAILED, "bad")),
        (RetryStrategy(limit=1, retry_policy="OnError"), attempts(1, phase=NodePhase.ERROR), AGAIN),
        (RetryStrategy(limit=1, retry_policy="Always"), attempts(1, phase=NodePhase.ERROR), AGAIN),
        (RetryStrategy(limit=1, retry_policy="OnTransientError"), attempts(1), Verdict(NodePhase.FAILED, "bad")),
        (
            RetryStrategy(limit=1, retry_policy="OnTransientError"),
            attempts(1, message="dial tcp: i/o timeout"),
            AGAIN,
        ),
        (RetryStrategy(limit=9, expression="asInt(lastRetry.exitCode) == 1"), attempts(1), AGAIN),
        (
            RetryStrategy(limit=9, expression="lastRetry.exitCode == '-1'"),
            attempts(1, code=None, phase=NodePhase.ERROR),
            AGAIN,
        ),
        (
            RetryStrategy(limit=9, expression="asInt(lastRetry.exitCode) > 1"),
            attempts(1),
            Verdict(NodePhase.FAILED, "retryStrategy.expression evaluated to false"),
        ),
    ],
)
@pytest.mark.rule(
    "retry.limit",
    "retry.policy-on-failure",
    "retry.policy-on-error",
    "retry.policy-on-transient",
    "retry.policy-always",
    "retry.expression",
)
def test_what_follows_an_attempt(strategy: RetryStrategy, made: Attempts, expected: Verdict) -> None:
    assert verdict(strategy, made) == expected


@pytest.mark.parametrize(("count", "wait"), [(1, 10), (2, 20), (3, 30), (5, 30)])
@pytest.mark.rule("retry.backoff-cap", "retry.backoff")
def test_the_wait_grows_by_the_factor_up_to_the_cap(count: int, wait: int) -> None:
    found = verdict(BACKOFF, attempts(count))
    assert found == Verdict(message=f"Backoff for {wait} seconds", wait_until=NOW + timedelta(seconds=wait))
    assert verdict(BACKOFF, attempts(count, age=wait)) == AGAIN


@pytest.mark.rule("retry.backoff-without-limit")
def test_without_limit_the_wait_is_skipped() -> None:
    assert verdict(RetryStrategy(backoff=Backoff(duration="10")), attempts(1)) == AGAIN


@pytest.mark.rule("retry.check-order")
def test_the_wait_comes_before_policy_and_after_the_limit_there_is_none() -> None:
    never = RetryStrategy(limit=2, retry_policy="OnError", backoff=Backoff(duration="10"))
    assert verdict(never, attempts(1)).wait_until is not None
    assert verdict(BACKOFF, attempts(6)) == Verdict(NodePhase.FAILED, "No more retries left")


@pytest.mark.rule("retry.backoff-max-duration")
def test_the_longest_duration_counts_from_the_first_start() -> None:
    over = RetryStrategy(limit=5, backoff=Backoff(duration="10", max_duration="99"))
    assert verdict(over, attempts(1)) == Verdict(NodePhase.FAILED, "Max duration limit exceeded")
    soon = RetryStrategy(limit=5, backoff=Backoff(duration="10", max_duration="105"))
    assert verdict(soon, attempts(1)) == Verdict(NodePhase.FAILED, "Backoff would exceed max duration limit")


@pytest.mark.rule("retry.check-order")
def test_shutdown_and_deadline_come_first() -> None:
    assert verdict(BACKOFF, attempts(1), shutdown="Stop") == Verdict(NodePhase.FAILED, "Stopped with strategy 'Stop'")
    for ago in (0, 1):  # at the deadline too: what runs then is ended by it
        found = verdict(BACKOFF, attempts(1), deadline=NOW - timedelta(seconds=ago))
        assert found.phase is NodePhase.FAILED
        assert found.message.startswith("retry exceeded workflow deadline")
    assert verdict(RetryStrategy(limit=1), attempts(1), deadline=NOW + timedelta(seconds=1)) == AGAIN


@pytest.mark.parametrize(
    "strategy",
    [RetryStrategy(limit=1, backoff=Backoff()), RetryStrategy(limit="many"), RetryStrategy(expression="1 +")],
)
def test_a_strategy_that_cannot_be_followed_is_an_error(strategy: RetryStrategy) -> None:
    with pytest.raises(InvalidSpec):
        verdict(strategy, attempts(1))
