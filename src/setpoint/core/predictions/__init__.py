"""The prediction log: exchanges as they went over the wire, and the table that monitors read."""

PROBE_CLIENT = "setpoint-probe"
"""How Setpoint's own checks of a service call themselves: neither traffic nor data of the plant."""
