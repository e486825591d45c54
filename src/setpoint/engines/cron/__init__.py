"""Cron workflows are started when their schedules are due."""

from setpoint.engines.cron.cronjobs import CronJobEngine
from setpoint.engines.cron.engine import CronEngine

__all__ = ["CronEngine", "CronJobEngine"]
