"""Which run of a cron workflow is due. Source: argo-workflows `workflow/cron`; SEMANTICS section 20."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from setpoint.apis.argo import CronWorkflow
from setpoint.core.cron.schedule import Schedule, parse_schedule

ANNOTATION_LAST_USED_SCHEDULE = "cronworkflows.argoproj.io/last-used-schedule"
_REACHES = tuple(timedelta(days=days) for days in (1 / 24, 1, 32, 366, 5 * 366))
"""How far back the latest run is sought, so that a long absence is not walked through run by run."""


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
    if schedule.every is not None:
        first = schedule.next(after)
        return None if first is None or first > now else first + (now - first) // schedule.every * schedule.every
    for reach in _REACHES:
        start = max(after, now - reach)
        latest, moment = None, schedule.next(start)
        while moment is not None and moment <= now:
            latest, moment = moment, schedule.next(moment)
        if latest is not None or start == after:
            return latest
    return None


def missed(cron: CronWorkflow, schedules: Sequence[Schedule], now: datetime) -> datetime | None:
    """The run that is to be made up for when a cron workflow is seen for the first time; None if there is none.

    Only the latest one of the first schedule that has one less than startingDeadlineSeconds old, and none after a
    change of the schedules.
    """
    last, deadline = cron.status.last_scheduled_time, cron.spec.starting_deadline_seconds
    if last is None or deadline is None:
        return None
    if cron.metadata.annotations.get(ANNOTATION_LAST_USED_SCHEDULE) != last_used_schedule(cron):
        return None
    reach = timedelta(seconds=deadline)
    found = (latest_due([one], last, now) for one in schedules)
    return next((moment for moment in found if moment is not None and now < moment + reach), None)
