"""What real clients asked is asked again of this version, and answered as it was: status, form, kinds and reasons."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest

from setpoint.wiring.control_plane import control_plane
from setpoint.wiring.settings import Settings
from tests.replay.client_recording import MACHINE, RECORDINGS, Recording, load
from tests.replay.client_replay import Differs, Replay
from tests.tiny_model import write_tiny_model

NAMES = sorted(path.stem for path in RECORDINGS.glob("*.json"))


@pytest.mark.parametrize("name", NAMES)
async def test_a_trial_is_answered_as_it_was(name: str, tmp_path: Path) -> None:
    recording = load(RECORDINGS / f"{name}.json")
    write_tiny_model(tmp_path / "scratch" / "model")
    async with control_plane(Settings(home=tmp_path / "home"), serve_stored=True) as plane:
        urls = {"kubernetes": plane.endpoint.url, "argo": plane.endpoint.argo_url}
        replay = Replay(urls, tmp_path, {MACHINE: socket.gethostname()})
        try:
            await asyncio.to_thread(_ask_all, replay, recording)
        finally:
            replay.close()


def _ask_all(replay: Replay, recording: Recording) -> None:
    for number, exchange in enumerate(recording.exchanges, start=1):
        try:
            replay.ask(exchange)
        except Differs as error:
            raise AssertionError(f"request {number}, {exchange.method} {exchange.target}: {error}") from error


def test_recordings_are_small_and_hold_no_secret_and_no_path() -> None:
    texts = {path.stem: path.read_text() for path in RECORDINGS.glob("*.json")}
    assert sum(len(text) for text in texts.values()) < 500_000
    for name, text in texts.items():
        assert "eyJhbGciOi" not in text, name
        assert "/tmp/setpoint-" not in text, name
        assert "uthorization:" not in text, name
