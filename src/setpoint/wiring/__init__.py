"""Builds the adapters, connects them to the engines, reads the settings (file < environment < flags).

The only package that knows adapters and engines both; the command line asks it for a `Session`.
"""
