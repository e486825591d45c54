"""Checks and generators of this repository; not part of the package."""
