"""Recorded logs fold to what was stored: those of a real engine now, and those that earlier versions have left."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from tests.replay.recording import LOGS, Log, forty, record, replay


def check(log: Log) -> None:
    cluster = replay(log)
    assert dict(cluster.state.nodes) == log.nodes
    assert cluster.state.status == log.status
    assert cluster.done


@pytest.mark.rule("machine.replay")
@pytest.mark.parametrize("path", sorted(LOGS.glob("*.json")), ids=lambda path: path.stem)
def test_a_kept_log_folds_to_what_was_stored(path: Path) -> None:
    check(msgspec.json.decode(path.read_bytes(), type=Log))


async def test_what_an_engine_folds_leads_to_what_it_stores(tmp_path: Path) -> None:
    log = await record(forty(tmp_path), tmp_path / "home")
    check(msgspec.json.decode(msgspec.json.encode(log), type=Log))
