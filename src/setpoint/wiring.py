"""Builds the adapters, connects them to the engines, reads the settings (file < environment < flags)."""
