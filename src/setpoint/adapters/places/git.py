"""Artifacts in git repositories, cloned by the host's git. Source: Argo's GitArtifact.

No shell, no question at a terminal; credentials go by the environment or a file of the clone's own, never by the
command line. Repositories by `ext::` and the like, which run commands, are refused.
"""

from __future__ import annotations

import base64
import os
import re
import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from setpoint.apis.errors import InvalidSpec, NotFound, Unavailable
from setpoint.apis.pods import ArtifactPlace

_SECONDS = 600
_REPOSITORY = re.compile(r"(https?|ssh|git|file)://.+|[\w.-]+@[\w.-]+:.+|/.+")


def fetch(place: ArtifactPlace, target: Path) -> None:
    """Clone, then check the revision out; the result is the working tree with its `.git`.

    Raises: InvalidSpec: No repository, or a revision git does not know. NotFound, Unavailable: git's own words.
    """
    settings = place.settings
    repository = settings.get("repo", "")
    if not _REPOSITORY.fullmatch(repository):
        raise InvalidSpec(f"{repository!r} is no git repository: expected https://, ssh://, git@HOST: or a path")
    if shutil.which("git") is None:
        raise Unavailable("this machine has no git: install it to load artifacts from repositories")
    with TemporaryDirectory(prefix="setpoint-git-") as scratch:
        environment = _environment(settings, Path(scratch))
        options = [f"--depth={int(settings['depth'])}"] if settings.get("depth") else []
        if settings.get("branch"):
            options.append(f"--branch={settings['branch']}")
        if settings.get("singleBranch"):
            options.append("--single-branch")
        _git(["clone", "--quiet", *options, "--", repository, str(target)], environment)
        for ref in settings.get("fetch", "").splitlines():
            _git(["-C", str(target), "fetch", "--quiet", *options[:1], "origin", "--", ref], environment)
        if settings.get("revision"):
            _git(["-C", str(target), "checkout", "--quiet", _revision(settings["revision"]), "--"], environment)
        if not settings.get("disableSubmodules"):
            modules = ["submodule", "update", "--quiet", "--init", "--recursive"]
            _git(["-C", str(target), *modules, *options[:1] * bool(settings.get("depth"))], environment)


def _revision(text: str) -> str:
    if text.startswith("-"):
        raise InvalidSpec(f"{text!r} is no git revision")
    return text


def _environment(settings: dict[str, str], scratch: Path) -> dict[str, str]:
    found = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    local = settings.get("repo", "").startswith(("/", "file:"))
    # A repository elsewhere must not name directories of this machine as its submodules.
    found |= {"GIT_TERMINAL_PROMPT": "0", "GIT_ALLOW_PROTOCOL": "file" if local else "git:http:https:ssh"}
    config: list[tuple[str, str]] = [("safe.directory", "*")]
    if settings.get("username") or settings.get("password"):
        pair = f"{settings.get('username', '')}:{settings.get('password', '')}".encode()
        config.append(("http.extraHeader", f"Authorization: Basic {base64.b64encode(pair).decode()}"))
    if settings.get("insecureSkipTLS"):
        config.append(("http.sslVerify", "false"))
    for index, (key, value) in enumerate(config):
        found |= {f"GIT_CONFIG_KEY_{index}": key, f"GIT_CONFIG_VALUE_{index}": value}
    found["GIT_CONFIG_COUNT"] = str(len(config))
    ssh = ["ssh", "-o", "BatchMode=yes"]
    if settings.get("sshPrivateKey"):
        private = scratch / "key"
        private.touch(mode=0o600)
        private.write_text(settings["sshPrivateKey"].rstrip("\n") + "\n")
        ssh += ["-i", str(private), "-o", "IdentitiesOnly=yes"]
    if settings.get("insecureIgnoreHostKey"):
        ssh += ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"]
    found["GIT_SSH_COMMAND"] = " ".join(ssh)  # words of our own, without blanks
    return found


def _git(words: list[str], environment: dict[str, str]) -> None:
    try:
        done = subprocess.run(  # noqa: S603  no shell; what the user gives is checked or stands behind `--`
            ["git", *words],  # noqa: S607  the host's own
            env=environment,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise Unavailable(f"git did not end within {_SECONDS} seconds") from error
    if done.returncode == 0:
        return
    said = (done.stderr.strip().splitlines() or ["git failed"])[-1]
    if "not found" in said or "does not exist" in said:
        raise NotFound("Repository", said)
    if "did not match any" in said or "unknown revision" in said:
        raise InvalidSpec(f"git: {said}")
    raise Unavailable(f"git: {said}")
