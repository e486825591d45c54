"""Data quality: the reference profile of a data set."""

from setpoint.core.quality._profile import BINS, QUANTILES, describe, starts

__all__ = ["BINS", "QUANTILES", "describe", "starts"]
