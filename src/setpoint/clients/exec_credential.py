"""Credentials that a program prints: the exec plugins of a kubeconfig.

The program is run without a shell, with what the kubeconfig says and nothing else; what it writes on stderr is shown.
Source: Kubernetes, "client-go credential plugins", client.authentication.k8s.io/v1.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from setpoint.apis.errors import InvalidSpec, Unavailable
from setpoint.clients.kubeconfig import ExecPlugin

_VERSIONS = ("client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1")
_INTERACTIVE = ("Never", "IfAvailable", "Always")
_SECONDS = 120.0  # somebody may have to log in by a browser
_EARLY = timedelta(seconds=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """What a plugin gave; None and empty for what it did not. The repr shows no secret."""

    token: str = ""
    certificate: bytes | None = None
    key: bytes | None = None
    expires: datetime | None = None

    def __repr__(self) -> str:
        """The moment only."""
        return f"Credential(expires={self.expires})"


class _Status(msgspec.Struct, rename="camel"):
    token: str = ""
    client_certificate_data: str = ""
    client_key_data: str = ""
    expiration_timestamp: datetime | None = None


class _Printed(msgspec.Struct, rename="camel"):
    api_version: str = ""
    kind: str = ""
    status: _Status | None = None


class PluginCredentials:
    """Asks the plugin when it has to, and keeps the answer as long as it is good.

    Args:
        plugin: The program.
        cluster: What the plugin is told of the cluster, if it wants to know.
        now: The moment, aware.
    """

    def __init__(self, plugin: ExecPlugin, cluster: dict[str, Any], now: Callable[[], datetime]) -> None:
        self._plugin, self._cluster, self._now = plugin, cluster, now
        self._kept: Credential | None = None

    def present(self) -> Credential:
        """Credentials that are still good. Raises: InvalidSpec: The plugin is wrong; Unavailable: It failed."""
        kept = self._kept
        if kept is None or (kept.expires is not None and kept.expires - _EARLY <= self._now()):
            self._kept = kept = ask(self._plugin, self._cluster)
        return kept


def ask(plugin: ExecPlugin, cluster: dict[str, Any]) -> Credential:
    """Run the plugin once. Raises: InvalidSpec: It cannot be run as it is described; Unavailable: It failed."""
    if plugin.api_version not in _VERSIONS:
        raise InvalidSpec(f"{plugin.api_version!r} of an exec plugin is not known", allowed=_VERSIONS)
    if plugin.interactive not in _INTERACTIVE:
        raise InvalidSpec(f"interactiveMode {plugin.interactive!r} is not known", allowed=_INTERACTIVE)
    on_terminal = sys.stdin is not None and sys.stdin.isatty()
    if plugin.interactive == "Always" and not on_terminal:
        raise Unavailable(f"the credential plugin {plugin.command!r} wants a terminal, and standard input is none")
    interactive = plugin.interactive != "Never" and on_terminal
    spec: dict[str, Any] = {"interactive": interactive}
    if plugin.provide_cluster_info:
        spec["cluster"] = cluster
    told = {"apiVersion": plugin.api_version, "kind": "ExecCredential", "spec": spec}
    environment = {**os.environ, **plugin.environment, "KUBERNETES_EXEC_INFO": msgspec.json.encode(told).decode()}
    command = str(plugin.folder / plugin.command) if "/" in plugin.command else plugin.command
    try:
        done = subprocess.run(  # noqa: S603 - the kubeconfig is the person's own, and no shell reads it
            [command, *plugin.arguments],
            env=environment,
            stdin=None if interactive else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            timeout=_SECONDS,
            check=False,
        )
    except FileNotFoundError as error:
        hint = f": {plugin.install_hint}" if plugin.install_hint else ""
        raise InvalidSpec(f"the credential plugin {plugin.command!r} is not installed{hint}") from error
    except OSError as error:
        raise InvalidSpec(f"the credential plugin {plugin.command!r} cannot be run: {error.strerror}") from error
    except subprocess.TimeoutExpired as error:
        raise Unavailable(f"the credential plugin {plugin.command!r} gave nothing in {_SECONDS:.0f} s") from error
    if done.returncode:
        raise Unavailable(f"the credential plugin {plugin.command!r} failed with exit code {done.returncode}")
    return _credential(done.stdout, plugin)


def _credential(printed: bytes, plugin: ExecPlugin) -> Credential:
    try:
        found = msgspec.json.decode(printed, type=_Printed)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Unavailable(f"what the credential plugin {plugin.command!r} printed is no ExecCredential") from error
    status = found.status
    if found.kind != "ExecCredential" or found.api_version != plugin.api_version or status is None:
        raise Unavailable(
            f"the credential plugin {plugin.command!r} printed no ExecCredential of {plugin.api_version} with a status"
        )
    if not status.token and not (status.client_certificate_data and status.client_key_data):
        raise Unavailable(f"the credential plugin {plugin.command!r} gave neither a token nor a certificate with key")
    expires = status.expiration_timestamp
    return Credential(
        token=status.token,
        certificate=status.client_certificate_data.encode() or None,
        key=status.client_key_data.encode() or None,
        expires=expires if expires is None or expires.tzinfo else expires.replace(tzinfo=UTC),
    )
