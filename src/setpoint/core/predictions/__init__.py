"""The prediction log: exchanges as they went over the wire, and the table that monitors read."""
