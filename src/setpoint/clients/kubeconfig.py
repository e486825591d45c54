"""Kubeconfig: which clusters a person can reach, and as whom.

Reading and merging only: who connects is `clients.cluster`. The environment is an argument. Files are merged as kubectl
does: the first that names a thing wins, a file that is not there is passed over, and paths in a file begin at the
file's own directory. Source: Kubernetes, "Organizing Cluster Access Using kubeconfig Files"; client-go Config v1.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from setpoint.apis.errors import InvalidSpec

IN_CLUSTER = "in-cluster"
"""The context of a pod's own service account, where there is none of that name."""

ARGO_EXTENSION = "setpoint.dev/argo-server"
"""Name of the extension of a cluster that says where its Argo Server is; `setpoint kubeconfig` writes it."""

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_LISTS = {"clusters": "cluster", "users": "user", "contexts": "context"}
_OLD_USERS = {"auth-provider": "an exec plugin replaces it"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecPlugin:
    """A program that prints credentials, see `clients.exec_credential`.

    `environment`: what is added to that of this process. `folder`: where a command with a slash begins.
    """

    command: str
    arguments: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    api_version: str = "client.authentication.k8s.io/v1"
    install_hint: str = ""
    provide_cluster_info: bool = False
    interactive: str = "IfAvailable"
    folder: Path = Path()


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterAccess:
    """How one cluster is reached, by one user; the repr shows no secret.

    Args:
        context: The name a person gives.
        server: URL of the API server.
        namespace: Of the context, `default` if it names none.
        authority: PEM of the certificates to trust; None means those of the system.
        verify: Whether the server's certificate is looked at.
        server_name: The name to expect in it; empty means that of the URL.
        proxy: URL of a proxy; empty for none.
        token: Bearer token; empty for none.
        token_file: Where it is read anew, as it is replaced now and then; it wins over `token`.
        certificate: PEM of the client's certificate; None for none.
        key: PEM of its key.
        basic: User name and password, None for none.
        headers: Who to act as.
        plugin: A program that knows the credentials.
        argo_server: URL of its Argo Server; empty if the kubeconfig does not tell.
    """

    context: str
    server: str
    namespace: str = "default"
    authority: bytes | None = None
    verify: bool = True
    server_name: str = ""
    proxy: str = ""
    token: str = ""
    token_file: Path | None = None
    certificate: bytes | None = None
    key: bytes | None = None
    basic: tuple[str, str] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    plugin: ExecPlugin | None = None
    argo_server: str = ""

    def __repr__(self) -> str:
        """Names only."""
        return f"ClusterAccess(context={self.context!r}, server={self.server!r})"


class Kubeconfig:
    """The merged contents of all files that the environment names."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        """Read them.

        Raises: InvalidSpec: A file is no kubeconfig, or may not be read.
        """
        self._environment = environment
        self._found: dict[str, dict[str, tuple[Mapping[str, Any], Path]]] = {key: {} for key in _LISTS}
        self.current = ""
        self.files = _files(environment)
        for path in self.files:
            self._read(path)

    @property
    def contexts(self) -> tuple[str, ...]:
        """The names of all contexts, in the order of the files."""
        names = tuple(self._found["contexts"])
        return names if IN_CLUSTER in names or not _is_in_cluster(self._environment) else (*names, IN_CLUSTER)

    def access(self, context: str) -> ClusterAccess:
        """How the cluster of a context is reached.

        Raises: InvalidSpec: There is no such context, or what it names is missing or wrong.
        """
        if context not in self._found["contexts"]:
            if context == IN_CLUSTER and _is_in_cluster(self._environment):
                return _in_cluster(self._environment)
            where = ", ".join(map(str, self.files)) or "no file"
            raise InvalidSpec(
                f"the kubeconfig ({where}) has no context {context!r}", path="--context", allowed=self.contexts
            )
        chosen, _ = self._found["contexts"][context]
        cluster, cluster_folder = self._named("clusters", str(chosen.get("cluster", "")), context)
        user_name = str(chosen.get("user") or "")
        user, user_folder = self._named("users", user_name, context) if user_name else ({}, Path())
        server = str(cluster.get("server") or "")
        if not server.startswith(("http://", "https://")):
            raise InvalidSpec(f"the cluster of context {context!r} has no server URL: {server!r}", path="--context")
        return ClusterAccess(
            context=context,
            server=server.rstrip("/"),
            namespace=str(chosen.get("namespace") or "default"),
            authority=_content(cluster, "certificate-authority", cluster_folder),
            verify=not cluster.get("insecure-skip-tls-verify"),
            server_name=str(cluster.get("tls-server-name") or ""),
            proxy=str(cluster.get("proxy-url") or ""),
            argo_server=_argo_server(cluster),
            **_credentials(user, user_folder, user_name),
        )

    def _named(self, kind: str, name: str, context: str) -> tuple[Mapping[str, Any], Path]:
        found = self._found[kind].get(name)
        if found is None:
            raise InvalidSpec(
                f"context {context!r} names the {_LISTS[kind]} {name!r}, which the kubeconfig does not have",
                allowed=tuple(self._found[kind]),
            )
        return found

    def _read(self, path: Path) -> None:
        try:
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidSpec(f"the kubeconfig {path} cannot be read: {error}") from error
        try:
            body = yaml.safe_load(text) or {}
        except yaml.YAMLError as error:
            raise InvalidSpec(f"the kubeconfig {path} is not YAML") from error
        if not isinstance(body, dict):
            raise InvalidSpec(f"{path} is no kubeconfig")
        self.current = self.current or str(body.get("current-context") or "")
        for kind, inner in _LISTS.items():
            for name, item in _entries(body.get(kind), inner, path):
                self._found[kind].setdefault(name, (item, path.parent.absolute()))


def _files(environment: Mapping[str, str]) -> tuple[Path, ...]:
    named = tuple(Path(part) for part in environment.get("KUBECONFIG", "").split(":") if part)
    return named or (Path(environment.get("HOME") or Path.home()) / ".kube" / "config",)


def _entries(items: Any, inner: str, path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for item in items or ():
        if not isinstance(item, dict) or not isinstance(item.get(inner) or {}, dict):
            raise InvalidSpec(f"{path} is no kubeconfig: {inner} is no mapping")
        yield str(item.get("name") or ""), item.get(inner) or {}


def _argo_server(cluster: Mapping[str, Any]) -> str:
    for item in cluster.get("extensions") or ():
        if isinstance(item, dict) and item.get("name") == ARGO_EXTENSION:
            body = item.get("extension")
            return str(body.get("url") or "") if isinstance(body, dict) else ""
    return ""


def _content(body: Mapping[str, Any], name: str, folder: Path) -> bytes | None:
    """What `NAME-data` holds, else the file that `NAME` names."""
    inline, named = body.get(f"{name}-data"), body.get(name)
    if inline:
        try:
            return base64.b64decode(str(inline), validate=True)
        except (binascii.Error, ValueError) as error:
            raise InvalidSpec(f"{name}-data of the kubeconfig is not base64") from error
    if not named:
        return None
    path = folder / str(named)
    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidSpec(f"{name} of the kubeconfig, {path}, cannot be read: {error.strerror}") from error


def _credentials(user: Mapping[str, Any], folder: Path, name: str) -> dict[str, Any]:
    for old, reason in _OLD_USERS.items():
        if old in user:
            raise InvalidSpec(f"user {name!r} of the kubeconfig has {old}, which is not known: {reason}")
    basic = (str(user["username"]), str(user.get("password") or "")) if user.get("username") else None
    found: dict[str, Any] = {
        "token": str(user.get("token") or ""),
        "token_file": folder / str(user["tokenFile"]) if user.get("tokenFile") else None,
        "certificate": _content(user, "client-certificate", folder),
        "key": _content(user, "client-key", folder),
        "basic": basic,
        "headers": _impersonation(user),
        "plugin": _plugin(user["exec"], folder, name) if "exec" in user else None,
    }
    if (found["certificate"] is None) is not (found["key"] is None):
        raise InvalidSpec(f"user {name!r} of the kubeconfig has a client certificate or a key, and not both")
    return found


def _impersonation(user: Mapping[str, Any]) -> dict[str, str]:
    if not user.get("as"):
        return {}
    found = {"Impersonate-User": str(user["as"])}
    groups = [str(group) for group in user.get("as-groups") or ()]
    if len(groups) > 1:
        raise InvalidSpec("as-groups of the kubeconfig names more than one group, which is not known here")
    return found | ({"Impersonate-Group": groups[0]} if groups else {})


def _plugin(body: Any, folder: Path, user: str) -> ExecPlugin:
    if not isinstance(body, dict) or not body.get("command"):
        raise InvalidSpec(f"exec of user {user!r} of the kubeconfig names no command")
    environment = {str(item["name"]): str(item.get("value") or "") for item in body.get("env") or ()}
    return ExecPlugin(
        command=str(body["command"]),
        arguments=tuple(str(item) for item in body.get("args") or ()),
        environment=environment,
        api_version=str(body.get("apiVersion") or ""),
        install_hint=str(body.get("installHint") or ""),
        provide_cluster_info=bool(body.get("provideClusterInfo")),
        interactive=str(body.get("interactiveMode") or "IfAvailable"),
        folder=folder,
    )


def _is_in_cluster(environment: Mapping[str, str]) -> bool:
    return bool(environment.get("KUBERNETES_SERVICE_HOST")) and (SERVICE_ACCOUNT / "token").exists()


def _in_cluster(environment: Mapping[str, str]) -> ClusterAccess:
    host, port = environment["KUBERNETES_SERVICE_HOST"], environment.get("KUBERNETES_SERVICE_PORT", "443")
    namespace = SERVICE_ACCOUNT / "namespace"
    return ClusterAccess(
        context=IN_CLUSTER,
        server=f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}",
        namespace=namespace.read_text(encoding="utf-8").strip() if namespace.exists() else "default",
        authority=(SERVICE_ACCOUNT / "ca.crt").read_bytes(),
        token_file=SERVICE_ACCOUNT / "token",
    )
