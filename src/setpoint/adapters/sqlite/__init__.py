"""The resource API and the workflow journal over one SQLite file; see docs/adr/0001."""

from setpoint.adapters.sqlite.lease import LeaseHeld
from setpoint.adapters.sqlite.store import SqliteStore

__all__ = ["LeaseHeld", "SqliteStore"]
