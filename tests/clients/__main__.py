"""Runs trials and says how each call went. Usage: `python -m tests.clients [--keep] [NAME ...]`.

All of them, unless some are named; then docs/clients.md is written. `--keep` stores what was recorded of each for
tests/replay. The exit code is 1 if a call went otherwise than its program says, 2 if a name is unknown.
"""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.clients.page import write_page
from tests.clients.table import CLIENTS
from tests.clients.trials import Trial, run_trial
from tests.replay.client_recording import RECORDINGS, make_recording, save


def main(arguments: list[str]) -> int:
    """Run them, one after the other."""
    wanted = [name for name in arguments if not name.startswith("--")] or list(CLIENTS)
    if unknown := sorted(set(wanted) - set(CLIENTS)):
        print(f"unknown client {', '.join(unknown)} (allowed: {', '.join(CLIENTS)})", file=sys.stderr)
        return 2
    trials = [_run(name, keep="--keep" in arguments) for name in wanted]
    if len(trials) == len(CLIENTS):
        write_page(trials)
    return 0 if all(trial.ok for trial in trials) else 1


def _run(name: str, *, keep: bool) -> Trial:
    with TemporaryDirectory(prefix="setpoint-clients-") as folder:
        trial = run_trial(CLIENTS[name], Path(folder).resolve())
        for line in trial.lines:
            print(f"{name}: {line.call}: {'' if line.ok else 'WRONG: '}{line.result}", flush=True)
        if keep and trial.seen and trial.ok:
            save(RECORDINGS / f"{name}.json", make_recording(trial.client.version(), trial.seen, Path(folder)))
        return trial


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
