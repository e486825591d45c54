"""What a Job needs next, for any history of its pods."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from setpoint.apis.batch import Job
from setpoint.apis.pods import PodExit, PodPhase
from setpoint.core.jobs import SUSPENDED, JobPlan, made, plan_job, pod_metadata_of, with_selector

START = datetime(2026, 1, 1, tzinfo=UTC)


def job(**spec: Any) -> Job:
    template = {"spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": "busybox"}]}}
    return msgspec.convert({"metadata": {"name": "j"}, "spec": {"template": template, **spec}}, Job)


def ended(*, well: bool, at: datetime = START) -> PodExit:
    return PodExit(phase=PodPhase.SUCCEEDED if well else PodPhase.FAILED, finished_at=at)


def run(found: Job, outcomes: list[bool]) -> tuple[JobPlan, int]:
    """The last plan when pods end in the order they were made, one at a time; and the most that ran at once."""
    now, exits, most = START, list[PodExit | None](), 0
    while True:
        plan = plan_job(found, exits, now)
        assert list(plan.start) == list(range(len(exits), made(plan.status))) or plan.status.finished
        found = found.replace(status=plan.status)
        if plan.status.finished:
            return plan, most
        exits += [None] * len(plan.start)
        running = [number for number, exit_ in enumerate(exits) if exit_ is None]
        most = max(most, len(running))
        if running:
            now += timedelta(seconds=1)
            exits[running[0]] = ended(well=outcomes.pop() if outcomes else True, at=now)
        else:
            assert plan.again is not None
            now += plan.again


@given(st.integers(0, 5), st.integers(1, 4), st.integers(0, 3), st.lists(st.booleans(), max_size=12))
def test_a_job_ends_as_its_pods_say(completions: int, parallelism: int, limit: int, outcomes: list[bool]) -> None:
    asked = job(completions=completions, parallelism=parallelism, backoffLimit=limit)
    plan, most = run(asked, list(outcomes))
    status = plan.status
    assert most <= min(parallelism, completions)
    if status.has("Complete"):
        assert (status.succeeded, status.active, status.failed <= limit) == (completions, 0, True)
        assert status.completion_time is not None
        assert not plan.end
    else:
        assert status.failed == limit + 1
        assert [item.reason for item in status.conditions] == ["BackoffLimitExceeded"]
        assert len(plan.end) == status.active
    again = plan_job(asked.replace(status=status), [ended(well=True)] * made(status), START)
    assert again.status.conditions == status.conditions
    assert not again.start


def test_a_work_queue_is_done_when_one_has_succeeded_and_all_have_ended() -> None:
    asked = job(parallelism=3)
    first = plan_job(asked, [], START)
    assert first.start == (0, 1, 2)
    asked = asked.replace(status=first.status)
    second = plan_job(asked, [None, ended(well=True), None], START)
    assert (second.start, second.status.finished) == ((), False)
    last = plan_job(asked, [ended(well=False), ended(well=True), ended(well=True)], START)
    assert last.status.has("Complete")
    wire = msgspec.to_builtins(last.status)["conditions"]  # `kubectl wait` reads the status: it is never left out
    assert [(item["type"], item["status"]) for item in wire] == [("Complete", "True")]


def test_a_failed_pod_is_made_anew_after_a_while_that_grows() -> None:
    asked = job()
    for failures, seconds in ((1, 10), (2, 20), (3, 40)):
        status = asked.status.replace(failed=failures, start_time=START)
        exits = [ended(well=False)] * failures
        assert plan_job(asked.replace(status=status), exits, START).again == timedelta(seconds=seconds)
        later = plan_job(asked.replace(status=status), exits, START + timedelta(seconds=seconds))
        assert later.start == (failures,)


def test_the_deadline_ends_what_runs() -> None:
    asked = job(activeDeadlineSeconds=5)
    asked = asked.replace(status=plan_job(asked, [], START).status)
    assert plan_job(asked, [None], START + timedelta(seconds=4)).again == timedelta(seconds=1)
    late = plan_job(asked, [None], START + timedelta(seconds=5))
    assert late.end == (0,)
    assert [item.reason for item in late.status.conditions] == ["DeadlineExceeded"]


def test_suspended_waits_and_goes_on() -> None:
    asked = job(suspend=True)
    waiting = plan_job(asked, [], START)
    assert (waiting.start, waiting.status.has("Suspended"), waiting.status.start_time) == ((), True, None)
    on = job().replace(status=waiting.status)
    assert plan_job(on, [], START).start == (0,)
    assert plan_job(on, [], START).status.conditions == ()


def test_pods_that_a_suspension_ends_count_as_none() -> None:
    asked = job(backoffLimit=0, activeDeadlineSeconds=5)
    running = plan_job(asked, [], START)
    asked = asked.replace(status=running.status)
    held = asked.replace(spec=asked.spec.replace(suspend=True))
    plan = plan_job(held, [None], START)
    assert (plan.end, plan.status.active, plan.status.has("Suspended"), plan.status.start_time) == ((0,), 1, True, None)
    gone = PodExit(phase=PodPhase.FAILED, message=SUSPENDED, finished_at=START)
    plan = plan_job(held.replace(status=plan.status), [gone], START)
    assert (plan.status.active, plan.status.failed, made(plan.status)) == (0, 0, 1)
    late = START + timedelta(seconds=60)
    plan = plan_job(asked.replace(status=plan.status), [gone], late)
    assert (plan.start, plan.status.start_time, plan.status.conditions) == ((1,), late, ())


def test_time_to_live() -> None:
    asked = job(ttlSecondsAfterFinished=60, completions=0)
    asked = asked.replace(status=plan_job(asked, [], START).status)
    assert plan_job(asked, [], START).again == timedelta(seconds=60)
    assert plan_job(asked, [], START + timedelta(seconds=60)).expired


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"completionMode": "Indexed"}, "spec.completions: Required value"),
        ({"completionMode": "Numbered"}, "spec.completionMode: Unsupported value"),
        (
            {"podFailurePolicy": {"rules": [{"action": "Fail"}]}},
            "spec.podFailurePolicy.rules[0].action: Unsup",
        ),
        ({"backoffLimitPerIndex": 1}, "spec.backoffLimitPerIndex: Invalid value"),
        ({"template": {"spec": {"containers": [{"name": "a"}]}}}, "restartPolicy: Required value"),
        ({"template": {"spec": {"restartPolicy": "Never"}}}, "containers: Required value"),
    ],
)
def test_what_is_not_done_fails_and_says_so(spec: dict[str, Any], words: str) -> None:
    plan = plan_job(job(**spec), [], START)
    (condition,) = plan.status.conditions
    assert (condition.type, plan.start) == ("Failed", ())
    assert words in condition.message


def failed(code: int) -> PodExit:
    return PodExit(phase=PodPhase.FAILED, exit_code=code, finished_at=START)


LATER = START + timedelta(hours=1)


def test_indexes_are_numbered_and_a_failed_one_is_tried_again() -> None:
    asked = job(completionMode="Indexed", completions=3, parallelism=2)
    plan = plan_job(asked, [], START)
    assert (plan.start, plan.status.indexes) == ((0, 1), (0, 1))
    exits = [failed(1), ended(well=True)]
    plan = plan_job(asked.replace(status=plan.status), exits, LATER)
    assert (plan.start, plan.status.indexes, plan.status.completed_indexes) == ((2, 3), (0, 1, 0, 2), "1")
    exits += [ended(well=True), ended(well=True)]
    plan = plan_job(asked.replace(status=plan.status), exits, LATER)
    assert (plan.status.has("Complete"), plan.status.completed_indexes) == (True, "0-2")


def test_an_index_has_a_limit_of_its_own() -> None:
    asked = job(completionMode="Indexed", completions=2, parallelism=2, backoffLimitPerIndex=0)
    asked = asked.replace(status=plan_job(asked, [], START).status)
    plan = plan_job(asked, [failed(1), None], LATER)
    assert (plan.start, plan.status.failed_indexes) == ((), "0")
    plan = plan_job(asked, [failed(1), ended(well=True)], LATER)
    assert [(item.type, item.reason) for item in plan.status.conditions] == [("Failed", "FailedIndexes")]
    strict = asked.replace(spec=msgspec.structs.replace(asked.spec, max_failed_indexes=0))
    plan = plan_job(strict, [failed(1), None], LATER)
    assert [item.reason for item in plan.status.conditions] == ["MaxFailedIndexesExceeded"]
    assert plan.end == (1,)


@pytest.mark.parametrize(
    ("rule", "reason", "count"),
    [
        ({"action": "FailJob", "onExitCodes": {"operator": "In", "values": [42]}}, ["PodFailurePolicy"], (1, 0)),
        ({"action": "FailJob", "onExitCodes": {"operator": "NotIn", "values": [42]}}, [], (1, 0)),
        ({"action": "Ignore", "onExitCodes": {"operator": "In", "values": [42]}}, [], (0, 1)),
        ({"action": "FailJob", "onPodConditions": [{"type": "DisruptionTarget"}]}, [], (1, 0)),
    ],
)
def test_a_failure_policy_judges_by_exit_codes(rule: dict[str, Any], reason: list[str], count: tuple[int, int]) -> None:
    asked = job(podFailurePolicy={"rules": [rule]})
    asked = asked.replace(status=plan_job(asked, [], START).status)
    plan = plan_job(asked, [failed(42)], LATER)
    assert [item.reason for item in plan.status.conditions] == reason
    assert (plan.status.failed, plan.status.deleted) == count


@pytest.mark.parametrize(
    ("rule", "met"),
    [({"succeededIndexes": "0"}, True), ({"succeededCount": 1}, True), ({"succeededIndexes": "1-2"}, False)],
)
def test_a_success_policy_ends_a_job_early(rule: dict[str, Any], met: bool) -> None:
    asked = job(completionMode="Indexed", completions=3, parallelism=3, successPolicy={"rules": [rule]})
    asked = asked.replace(status=plan_job(asked, [], START).status)
    plan = plan_job(asked, [ended(well=True), None, None], LATER)
    assert plan.status.has("Complete") is met
    assert plan.end == ((1, 2) if met else ())


def test_the_pods_of_a_job_are_found_by_its_selector() -> None:
    asked = job()
    asked = with_selector(asked.replace(metadata=asked.metadata.replace(uid="u")))
    assert asked.spec.selector == {"matchLabels": {"batch.kubernetes.io/controller-uid": "u"}}
    assert asked.spec.selector["matchLabels"].items() <= pod_metadata_of(asked).labels.items()
    assert with_selector(asked) is asked
    own = job(manualSelector=True, selector={"matchLabels": {"a": "b"}})
    assert with_selector(own) is own
