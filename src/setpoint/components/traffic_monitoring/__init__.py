"""Component traffic-monitoring: says whether requests come, and are answered, as they should."""

from setpoint.components.traffic_monitoring.component import TrafficVerdict, monitor_traffic

__all__ = ["TrafficVerdict", "monitor_traffic"]
