"""Every trial with a real client goes as its program says. Their environments are made first, so it is asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.clients.table import CLIENTS
from tests.clients.trials import run_trial


@pytest.mark.clients
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", CLIENTS)
def test_a_trial_goes_as_its_program_says(name: str, tmp_path: Path) -> None:
    trial = run_trial(CLIENTS[name], tmp_path)
    assert [line for line in trial.lines if not line.ok] == []
    assert trial.ok, trial.trouble


def test_every_client_is_pinned() -> None:
    for client in CLIENTS.values():
        assert client.version()
        assert all("==" in line for line in client.requirements.read_text().split())
