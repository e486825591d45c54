"""Component quality-monitoring: says whether a model still sees what it was trained on, and is still right."""

from setpoint.components.quality_monitoring.component import QualityVerdict, monitor_quality

__all__ = ["QualityVerdict", "monitor_quality"]
