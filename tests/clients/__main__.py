"""Runs sessions and says how each call went. Usage: `python -m tests.clients [--keep] [NAME ...]`.

All of them, unless some are named; then docs/clients.md is written. `--keep` stores what was recorded of each for
tests/replay. The exit code is 1 if a call went otherwise than its program says, 2 if a name is unknown.
"""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.clients.page import write_page
from tests.clients.sessions import Session, run_session
from tests.clients.table import CLIENTS
from tests.replay.client_recording import RECORDINGS, make_recording, save


def main(arguments: list[str]) -> int:
    """Run them, one after the other."""
    wanted = [name for name in arguments if not name.startswith("--")] or list(CLIENTS)
    if unknown := sorted(set(wanted) - set(CLIENTS)):
        print(f"unknown client {', '.join(unknown)} (allowed: {', '.join(CLIENTS)})", file=sys.stderr)
        return 2
    sessions = [_run(name, keep="--keep" in arguments) for name in wanted]
    if len(sessions) == len(CLIENTS):
        write_page(sessions)
    return 0 if all(session.ok for session in sessions) else 1


def _run(name: str, *, keep: bool) -> Session:
    with TemporaryDirectory(prefix="setpoint-clients-") as folder:
        session = run_session(CLIENTS[name], Path(folder).resolve())
        for line in session.lines:
            print(f"{name}: {line.call}: {'' if line.ok else 'WRONG: '}{line.result}", flush=True)
        if keep and session.seen and session.ok:
            save(RECORDINGS / f"{name}.json", make_recording(session.client.version(), session.seen, Path(folder)))
        return session


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
