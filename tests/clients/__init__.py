"""Programs of users, each written against a client library or tool as it is published, run against `setpoint up`.

`python -m tests.clients` runs them, writes docs/clients.md, and keeps the requests they made for tests/replay.
"""
