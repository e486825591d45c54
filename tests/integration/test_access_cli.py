"""`up`, `kubeconfig` and `token` as a person uses them, with kubectl where there is one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

KUBECTL = shutil.which("kubectl", path="/usr/local/bin:/usr/bin:/bin")
needs_kubectl = pytest.mark.skipif(KUBECTL is None, reason="there is no kubectl on this host")


def setpoint(home: Path, *words: str, code: int = 0, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "setpoint", *words, "--home", str(home)],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"NO_COLOR": "1"} | environment,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def kubectl(config: Path, *words: str, code: int = 0) -> str:
    assert KUBECTL is not None
    environment = os.environ | {"KUBECONFIG": str(config), "HOME": str(config.parent)}
    done = subprocess.run([KUBECTL, *words], capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "home"
    setpoint(tmp_path / "home", "down")


def test_up_says_the_one_line_and_no_secret(home: Path) -> None:
    said = setpoint(home, "up", "--detach")
    config = home / "kubeconfig"
    assert said.splitlines()[1] == f"export KUBECONFIG={config}"
    assert setpoint(home, "up", "--detach").splitlines()[1] == f"export KUBECONFIG={config}"
    assert config.stat().st_mode & 0o777 == 0o600
    assert home.stat().st_mode & 0o777 == 0o700
    assert setpoint(home, "kubeconfig") == config.read_text()
    merged = home.parent / "merged"
    setpoint(home, "kubeconfig", "--merge", "--into", str(merged))
    assert yaml.safe_load(merged.read_text())["contexts"][0]["name"] == "setpoint"
    token = yaml.safe_load((home / "run" / "endpoint.json").read_text())["token"]
    for log in (home / "logs").iterdir():
        assert token not in log.read_text()


@needs_kubectl
@pytest.mark.parametrize("free", [True, False])
def test_kubectl_finds_its_way(home: Path, free: bool) -> None:
    setpoint(home, "up", "--detach", SETPOINT_REQUIRE_TOKEN="no" if free else "yes")
    config = home / "kubeconfig"
    assert kubectl(config, "get", "--raw", "/healthz") == "ok"
    assert "Server Version: v1." in kubectl(config, "version")
    assert "setpoint:admin" in kubectl(config, "auth", "whoami") or free
    assert kubectl(config, "auth", "can-i", "delete", "configmaps").strip() == "yes"


@needs_kubectl
def test_people_have_tokens_and_roles(home: Path) -> None:
    setpoint(home, "up", "--detach")
    anna = home.parent / "anna"
    setpoint(home, "token", "create", "anna", "--role", "viewer", "--kubeconfig", str(anna))
    setpoint(home, "token", "create", "anna", code=2)
    setpoint(home, "token", "create", "bert", "--role", "king", code=2)
    assert "No resources found" in kubectl(anna, "get", "configmaps")
    refused = kubectl(anna, "get", "secrets", code=1)
    assert 'User "anna" cannot list resource "secrets" in API group "" in the namespace "default"' in refused
    assert kubectl(anna, "auth", "can-i", "create", "workflows.argoproj.io", code=1).strip() == "no"
    assert setpoint(home, "token", "list").split("\t")[0] == "anna"
    setpoint(home, "token", "delete", "anna")
    assert "Unauthorized" in kubectl(anna, "get", "configmaps", code=1)
    assert "anna" not in kubectl(home / "kubeconfig", "get", "rolebindings", "-A")


def test_tokens_can_be_made_before_anything_is_up(home: Path) -> None:
    token = setpoint(home, "token", "create", "anna", "--groups", "a,b", "--role", "editor").strip()
    assert token.startswith("spt_")
    assert setpoint(home, "token", "list").split("\t")[1] == "a,b"
    setpoint(home, "kubeconfig", code=1)
    assert token not in (home / "access" / "tokens.json").read_text()
