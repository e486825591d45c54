"""Objects as the tables that `kubectl get` prints."""

from setpoint.core.tables.durations import human_duration
from setpoint.core.tables.table import make_table

__all__ = ["human_duration", "make_table"]
