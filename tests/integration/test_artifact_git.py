"""Artifacts in real git repositories: on the disk, behind a web server, and by ssh."""

from __future__ import annotations

import base64
import os
import subprocess
from pathlib import Path

import pytest

from setpoint.adapters import places
from setpoint.apis.core import Secret
from setpoint.apis.errors import InvalidSpec, Unavailable
from setpoint.apis.meta import ObjectMeta
from setpoint.apis.pods import ArtifactPlace
from tests.git_server import git_server
from tests.workflow_engine import Plane, node, running_plane

pytestmark = pytest.mark.rule("artifacts.locations")

WORKFLOW = """
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {{name: wf}}
spec:
  entrypoint: main
  templates:
  - name: main
    inputs: {{artifacts: [{{name: data, path: /tmp/data, git: {{{repository}}}}}]}}
    container: {{image: busybox, command: [cp, /tmp/data/limits.txt, /tmp/out]}}
    outputs: {{parameters: [{{name: out, valueFrom: {{path: /tmp/out}}}}]}}
"""


async def what_main_read(plane: Plane, repository: str) -> str | None:
    workflow = await plane.run(WORKFLOW.format(repository=repository))
    outputs = node(workflow, "wf").outputs
    assert outputs is not None, workflow.status.message
    return outputs.parameters[0].value


def git(folder: Path, *words: str) -> None:
    own = {"GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b", "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@b"}
    subprocess.run(["git", "-C", str(folder), *words], check=True, capture_output=True, env=os.environ | own)


def make_repository(folder: Path) -> str:
    folder.mkdir()
    git(folder, "init", "--quiet", "--initial-branch=main")
    for text, tag in (("old", "v1"), ("new", "v2")):
        (folder / "limits.txt").write_text(text)
        git(folder, "add", ".")
        git(folder, "commit", "--quiet", "-m", text)
        git(folder, "tag", tag)
    return f"file://{folder}"


@pytest.mark.parametrize(
    ("extra", "expected"),
    [("", "new"), (", revision: v1", "old"), (", depth: 1, branch: main, singleBranch: true", "new")],
)
async def test_git(tmp_path: Path, extra: str, expected: str) -> None:
    repository = make_repository(tmp_path / "repository")
    async with running_plane(tmp_path / "home", visible=(str(tmp_path),)) as plane:
        assert await what_main_read(plane, f"repo: '{repository}'{extra}") == expected


@pytest.mark.parametrize("repository", ["ext::sh -c true", "--upload-pack=true", ""])
def test_git_runs_no_commands_of_a_manifest(tmp_path: Path, repository: str) -> None:
    with pytest.raises(InvalidSpec, match="is no git repository"):
        places.fetch(ArtifactPlace(kind="git", settings={"repo": repository}), tmp_path / "x")


def test_a_revision_that_git_does_not_know(tmp_path: Path) -> None:
    settings = {"repo": make_repository(tmp_path / "repository"), "revision": "v9"}
    with pytest.raises((InvalidSpec, Unavailable), match="v9"):
        places.fetch(ArtifactPlace(kind="git", settings=settings), tmp_path / "x")


@pytest.mark.rule("artifacts.git-auth")
async def test_a_user_and_a_password_of_secrets(tmp_path: Path) -> None:
    (tmp_path / "served").mkdir()
    make_repository(tmp_path / "served" / "limits")
    with git_server(tmp_path / "served", "me", "pw:1") as url:
        async with running_plane(tmp_path / "home") as plane:
            data = {key: base64.b64encode(value.encode()).decode() for key, value in (("u", "me"), ("p", "pw:1"))}
            await plane.resources.create(Secret(metadata=ObjectMeta(name="creds", namespace="default"), data=data))
            secrets = "usernameSecret: {name: creds, key: u}, passwordSecret: {name: creds, key: p}"
            assert await what_main_read(plane, f"repo: '{url}/limits', {secrets}") == "new"


@pytest.mark.rule("artifacts.git-auth")
@pytest.mark.parametrize("settings", [{}, {"username": "me", "password": "wrong"}])
def test_without_the_right_password_nothing_is_cloned_or_asked_for(tmp_path: Path, settings: dict[str, str]) -> None:
    make_repository(tmp_path / "limits")
    with git_server(tmp_path, "me", "pw") as url:
        place = ArtifactPlace(kind="git", settings={"repo": f"{url}/limits", **settings})
        with pytest.raises(Unavailable, match=r"git: fatal: (could not read Username|Authentication failed)") as caught:
            places.fetch(place, tmp_path / "x")
        assert "wrong" not in str(caught.value)


SSH = """#!/bin/sh
# Stands for the program that reaches another host: notes how it was called, and runs the command here.
printf '%s\n' "$@" > {folder}/words
while [ $# -gt 1 ]; do
  if [ "$1" = -i ]; then stat -c %a "$2" > {folder}/mode; cat "$2" > {folder}/key; fi
  shift
done
exec sh -c "$1"
"""


@pytest.mark.rule("artifacts.git-auth")
@pytest.mark.parametrize("careless", [False, True])
def test_a_private_key_goes_to_ssh_by_a_file_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, careless: bool
) -> None:
    make_repository(tmp_path / "limits")
    program = tmp_path / "bin" / "ssh"
    program.parent.mkdir()
    program.write_text(SSH.format(folder=tmp_path))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    settings = {"repo": f"ssh://git@plant.example{tmp_path}/limits", "sshPrivateKey": "a key"}
    if careless:
        settings["insecureIgnoreHostKey"] = "true"
    places.fetch(ArtifactPlace(kind="git", settings=settings), tmp_path / "back")
    assert (tmp_path / "back" / "limits.txt").read_text() == "new"
    words = (tmp_path / "words").read_text().split("\n")
    assert {"git@plant.example", "BatchMode=yes", "IdentitiesOnly=yes"} <= set(words)
    assert ("StrictHostKeyChecking=no" in words) is careless
    assert ((tmp_path / "key").read_text(), (tmp_path / "mode").read_text()) == ("a key\n", "600\n")
    assert not Path(words[words.index("-i") + 1]).exists()
