"""The Tennessee Eastman process: 50 states, 19 loops, 21 faults and 8 more; see docs/plant/tep.md."""

from setpoint.plant.tep._tennessee import Generator, Shutdown, TennesseeEastman, TepState

__all__ = ["Generator", "Shutdown", "TennesseeEastman", "TepState"]
