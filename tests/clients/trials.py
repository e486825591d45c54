"""Running a trial: the program as a process of its own, against a fresh control plane."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import yaml

from setpoint.wiring.endpoint import Endpoint, port_of
from tests.clients.control_plane import control_plane
from tests.clients.environments import FOLDER, python_of
from tests.clients.recorder import Seen, recorder
from tests.clients.table import PROGRAMS, ROOT, Client
from tests.tiny_model import write_tiny_model

_TIMEOUT_SECONDS = 300


@dataclass(frozen=True, slots=True)
class Line:
    """A call, as the trial told of it."""

    call: str
    ok: bool
    result: str


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of one trial; `seen` is empty if nothing was recorded."""

    client: Client
    lines: tuple[Line, ...]
    seen: tuple[Seen, ...]
    trouble: str

    @property
    def ok(self) -> bool:
        """Whether every call went as its program says."""
        return bool(self.lines) and not self.trouble and all(line.ok for line in self.lines)


def run_trial(client: Client, folder: Path) -> Trial:
    """The trial in an empty folder."""
    python = python_of(client)
    home, work = folder / "home", folder / "scratch"
    work.mkdir(parents=True)
    (work / "model").parent.mkdir(exist_ok=True)
    write_tiny_model(work / "model")
    with control_plane(home, secure=client.secure) as endpoint, recorder() as taken:
        environment = _environment(home, work, endpoint)
        if not client.secure:
            relays = {
                "kubernetes": taken.relay("kubernetes", port_of(endpoint.url)),
                "argo": taken.relay("argo", port_of(endpoint.argo_url)),
            }
            _redirect(Path(environment["KUBECONFIG"]), relays["kubernetes"])
            environment["ARGO_SERVER"] = f"127.0.0.1:{relays['argo']}"
        command = [python, str(PROGRAMS / client.program)]
        done = subprocess.run(
            command, env=environment, cwd=work, capture_output=True, text=True, timeout=_TIMEOUT_SECONDS, check=False
        )
        lines = tuple(Line(**json.loads(text)) for text in done.stdout.splitlines() if text.startswith('{"call"'))
        trouble = done.stderr[-3000:] if done.returncode else ""
        if trouble:
            print(trouble, file=sys.stderr)
        return Trial(client, lines, tuple(taken.seen), trouble)


def _environment(home: Path, work: Path, endpoint: Endpoint) -> dict[str, str]:
    """As a person's shell would have it, and where the tools and files of the trial are."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SETPOINT_", "PYTHON", "KUBE"))}
    config = work / "kubeconfig"
    config.write_bytes((home / "kubeconfig").read_bytes())
    return kept | {
        "PYTHONPATH": str(ROOT),
        "KUBECONFIG": str(config),
        "KUBECTL": str(FOLDER / "kubectl" / "bin" / "kubectl"),
        "ARGO_SERVER": endpoint.argo_url.removeprefix("http://"),
        "MODEL": str(work / "model"),
        "HOME": str(work),
    }


def _redirect(config: Path, port: int) -> None:
    """Have the kubeconfig name the relay."""
    document = yaml.safe_load(config.read_text())
    document["clusters"][0]["cluster"]["server"] = f"http://127.0.0.1:{port}"
    config.write_text(yaml.safe_dump(document))
