"""Which run of a cron workflow is due. Source: argo-workflows `workflow/cron`; SEMANTICS section 20."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from setpoint.apis.argo import CronWorkflow
from setpoint.core.cron.schedule import Schedule, parse_schedule

ANNOTATION_LAST_USED_SCHEDULE = "cronworkflows.argoproj.io/last-used-schedule"
_MOST_RUNS = 1000  # looked through for the latest missed one, per schedule


def schedules_of(cron: CronWorkflow) -> tuple[Schedule, ...]:
    """The parsed schedules. Raises: ScheduleError."""
    return tuple(parse_schedule(text, cron.spec.timezone) for text in cron.spec.schedules)


def last_used_schedule(cron: CronWorkflow) -> str:
    """The schedules as one text, kept as an annotation: runs of an older schedule are not made up for."""
    zone = f"CRON_TZ={cron.spec.timezone} " if cron.spec.timezone else ""
    return ",".join(f"{zone}{text}" for text in cron.spec.schedules)


def next_due(schedules: Sequence[Schedule], after: datetime) -> datetime | None:
    """The first moment after `after` of any schedule."""
    return min((moment for one in schedules if (moment := one.next(after)) is not None), default=None)


def latest_due(schedules: Sequence[Schedule], after: datetime, now: datetime) -> datetime | None:
    """The last moment in (after, now] of any schedule."""
    found = [moment for one in schedules if (moment := _latest(one, after, now)) is not None]
    return max(found, default=None)


def _latest(schedule: Schedule, after: datetime, now: datetime) -> datetime | None:
    latest = None
    moment = schedule.next(after)
    for _ in range(_MOST_RUNS):
        if moment is None or moment > now:
            break
        latest = moment
        moment = schedule.next(moment)
    return latest


def missed(cron: CronWorkflow, schedules: Sequence[Schedule], now: datetime) -> datetime | None:
    """The run that is to be made up for when a cron workflow is seen for the first time; None if there is none.

    Only the latest one, only if startingDeadlineSeconds reaches back to it, and none after a change of the schedule.
    """
    last, deadline = cron.status.last_scheduled_time, cron.spec.starting_deadline_seconds
    if last is None or deadline is None:
        return None
    if cron.metadata.annotations.get(ANNOTATION_LAST_USED_SCHEDULE) != last_used_schedule(cron):
        return None
    reach = now - timedelta(seconds=deadline)
    return latest_due(schedules, max(last, reach - timedelta(seconds=1)), now)
