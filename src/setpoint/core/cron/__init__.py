"""Cron workflows: when a schedule is due, and what is to be done with a cron workflow now. Pure."""

from setpoint.core.cron.children import Child, Tally, child_of, outdated, reference_to, run_now, tally
from setpoint.core.cron.conditions import ends, may_run
from setpoint.core.cron.due import (
    ANNOTATION_LAST_USED_SCHEDULE,
    last_used_schedule,
    latest_due,
    missed,
    next_due,
    schedules_of,
)
from setpoint.core.cron.schedule import Schedule, ScheduleError, parse_schedule

__all__ = [
    "ANNOTATION_LAST_USED_SCHEDULE",
    "Child",
    "Schedule",
    "ScheduleError",
    "Tally",
    "child_of",
    "ends",
    "last_used_schedule",
    "latest_due",
    "may_run",
    "missed",
    "next_due",
    "outdated",
    "parse_schedule",
    "reference_to",
    "run_now",
    "schedules_of",
    "tally",
]
