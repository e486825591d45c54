"""Cron workflows are started when their schedules are due."""

from setpoint.engines.cron.engine import CronEngine

__all__ = ["CronEngine"]
