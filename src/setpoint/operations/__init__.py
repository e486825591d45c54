"""Verbs shared by the command line and the servers: submit, lint, retry, stop, resume, delete, logs."""
