"""Data quality: the reference profile of a data set."""

from setpoint.core.quality._profile import BINS, QUANTILES, profile

__all__ = ["BINS", "QUANTILES", "profile"]
