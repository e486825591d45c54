"""Objects that come in."""
