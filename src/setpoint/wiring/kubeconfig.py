"""Kubeconfig: how kubectl and every other client of a cluster finds this control plane.

On a loopback that is trusted there is nothing secret in it; else it holds a token, and clients go by TLS, for they send
no token without. Source: Kubernetes API reference, client-go Config v1.
"""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import yaml

from setpoint.adapters.access.secret_files import write_secret
from setpoint.apis.errors import InvalidSpec
from setpoint.clients.kubeconfig import ARGO_EXTENSION
from setpoint.wiring.endpoint import Endpoint

NAME = "setpoint"
_LISTS = ("clusters", "users", "contexts")


def kubeconfig_path(home: Path) -> Path:
    """The file of a state directory."""
    return home / "kubeconfig"


def make_kubeconfig(endpoint: Endpoint) -> dict[str, Any]:
    """Of the local admin."""
    argo = endpoint.argo_url
    if endpoint.open or not endpoint.https_url:
        return _config(endpoint.url, "", "" if endpoint.open else endpoint.token, argo)
    return _config(endpoint.https_url, endpoint.ca_file, endpoint.token, argo)


def make_person_kubeconfig(endpoint: Endpoint, token: str) -> dict[str, Any]:
    """Of somebody with a token of their own, by the address that others reach if there is one.

    Raises: InvalidSpec: No control plane was ever up, so that there is no address over TLS.
    """
    url, authority = endpoint.public_url or endpoint.https_url, endpoint.public_ca_file or endpoint.ca_file
    if not url:
        raise InvalidSpec("no control plane with TLS is known; start one by `setpoint up --detach`")
    argo = endpoint.public_argo_url if endpoint.public_url else endpoint.argo_url
    return _config(url, authority, token, argo)


def write_kubeconfig(path: Path, config: dict[str, Any]) -> None:
    """For the owner's eyes alone."""
    write_secret(path, render_kubeconfig(config).encode())


def render_kubeconfig(config: dict[str, Any]) -> str:
    """As YAML."""
    text: str = yaml.safe_dump(config, sort_keys=False)
    return text


def merge_kubeconfig(path: Path, config: dict[str, Any]) -> None:
    """Put our entries into a kubeconfig that may have others, and make our context the current one.

    Raises: InvalidSpec: The file is no kubeconfig.
    """
    try:
        there = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except FileNotFoundError:
        there = {}
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InvalidSpec(f"{path} cannot be read as YAML; nothing was changed") from error
    if not isinstance(there, dict) or not all(isinstance(there.get(key) or [], list) for key in _LISTS):
        raise InvalidSpec(f"{path} is no kubeconfig; nothing was changed")
    for key in _LISTS:
        others = [item for item in there.get(key) or [] if not (isinstance(item, dict) and item.get("name") == NAME)]
        there[key] = [*others, *config[key]]
    whole = {"apiVersion": "v1", "kind": "Config", **there, "current-context": NAME}
    write_kubeconfig(path.resolve(), whole)


def _config(url: str, authority: str, token: str, argo: str) -> dict[str, Any]:
    cluster: dict[str, Any] = {"server": url}
    if argo:  # other clients pass it over; `setpoint --context` finds the verbs of Argo there
        cluster["extensions"] = [{"name": ARGO_EXTENSION, "extension": {"url": argo}}]
    if authority:
        cluster["certificate-authority-data"] = base64.b64encode(Path(authority).read_bytes()).decode()
    context = {"cluster": NAME, "user": NAME, "namespace": "default"}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": NAME, "cluster": cluster}],
        "users": [{"name": NAME, "user": {"token": token} if token else {}}],
        "contexts": [{"name": NAME, "context": context}],
        "current-context": NAME,
    }
