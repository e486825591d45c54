"""Settings: one frozen object, from the state directory's `setpoint.toml` < environment < flags.

No other module reads the environment for settings.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from setpoint.apis.errors import InvalidSpec, Location

_HANDED_ON = ("AWS_", "MLFLOW_TRACKING_")
ISOLATION_MODES = ("auto", "namespace", "rewrite")
DURABILITIES = ("process", "power")
AUDIT_LEVELS = ("writes", "all")
_TRUE, _FALSE = ("true", "1", "yes", "on"), ("false", "0", "no", "off", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a person can choose. Environment names are `SETPOINT_` and the field in capitals."""

    home: Path
    """State directory: store, pods, artifacts, models, logs. One control plane at a time works in it."""

    mlflow_uri: str = ""
    """MLflow tracking and registry server; empty means SQLite in the state directory."""

    isolation: str = "auto"
    """How a pod gets its own root: `namespace`, `rewrite`, or `auto` for the best this host allows."""

    images: str = ""
    """A TOML file with further entries of the image table; empty means none."""

    capacity: str = ""
    """What pods may request of this machine, such as `cpu=8,memory=32Gi`; empty means what it has."""

    executor_plugins: str = ""
    """Base URLs of executor plugins on loopback, separated by blanks; they carry out `plugin` templates."""

    parallelism: int = 0
    """How many workflows run at once; others wait, by priority, then age. 0: as many as there are."""

    namespace_parallelism: int = 0
    """The same in each namespace."""

    workflow_defaults: str = ""
    """A YAML file, from the state directory on: `metadata` and `spec` that lie below every workflow; empty: none."""

    address: str = "127.0.0.1"
    """Where the APIs listen. Any address but one of loopback wants TLS and a token from everybody."""

    port: int = 0
    """Port of the Kubernetes API; 0 picks a free one and keeps it for the state directory."""

    argo_port: int = 0
    """Port of the Argo Server API; 0 as above."""

    https_port: int = 0
    """Port of the Kubernetes API over TLS on loopback, as pods see it; 0 as above."""

    tls_cert: str = ""
    """PEM file of the server's certificate, with those above it, for other addresses; empty: an own one is made."""

    tls_key: str = ""
    """PEM file of its key."""

    host_names: str = ""
    """Further names by which this server is reached, separated by blanks; requests to any other name are refused."""

    require_token: bool = False
    """Whether loopback wants a token too."""

    max_body_mb: int = 3
    """The largest request, in MiB."""

    requests_per_second: int = 2000
    """What one user may ask; twice as many at once after a pause."""

    audit: str = "writes"
    """What the audit log keeps: `writes` (and what was refused) or `all`."""

    audit_mb: int = 64
    """Size of one file of the audit log in MiB; three older ones are kept. 0: no audit log."""

    durability: str = "process"
    """What an acknowledged write outlives: the end of the `process`, or of `power` too, and then waits for the disk."""

    archive_ttl_days: int = 30
    """Days that a workflow which has ended stays in the archive, also after its object has gone. 0: for ever."""

    prediction_log_mb: int = 512
    """What is kept of each service's requests and answers, in MiB; 0: nothing."""

    @property
    def plugin_addresses(self) -> tuple[str, ...]:
        """The executor plugins, in the order they are asked."""
        return tuple(self.executor_plugins.split())

    @property
    def on_loopback(self) -> bool:
        """Whether nobody from elsewhere can reach the APIs."""
        return is_loopback(self.address)


def load_settings(
    home: Path | None = None, *, environment: Mapping[str, str] | None = None, **flags: str | int | bool | None
) -> Settings:
    """The settings in force.

    Args:
        home: The flag `--home`; None means `SETPOINT_HOME`, else `~/.setpoint`.
        environment: For tests; None means that of the process.
        flags: Values given on the command line; None means not given.

    Raises:
        InvalidSpec: A file or value is wrong; says which.
    """
    env = os.environ if environment is None else environment
    where = home or Path(env.get("SETPOINT_HOME") or Path.home() / ".setpoint")
    values: dict[str, Any] = _read_file(where.expanduser().absolute() / "setpoint.toml")
    known = {field.name: type(field.default) for field in fields(Settings) if field.name != "home"}
    for name in known:
        if (text := env.get(f"SETPOINT_{name.upper()}")) is not None:
            values[name] = text
        if flags.get(name) is not None:
            values[name] = flags[name]
    for name, wanted in known.items():
        if name in values:
            values[name] = _convert(name, values[name], wanted)
    settings = Settings(home=where.expanduser().absolute(), **values)
    if settings.isolation not in ISOLATION_MODES:
        raise InvalidSpec(
            f"{settings.isolation!r} is no isolation mode", path="settings.isolation", allowed=ISOLATION_MODES
        )
    if settings.durability not in DURABILITIES:
        raise InvalidSpec(f"{settings.durability!r} is no durability", path="settings.durability", allowed=DURABILITIES)
    for name, what, least in (
        ("parallelism", "workflows", 0),
        ("namespace_parallelism", "workflows", 0),
        ("prediction_log_mb", "MiB", 0),
        ("audit_mb", "MiB", 0),
        ("max_body_mb", "MiB", 1),
        ("requests_per_second", "requests", 1),
        ("archive_ttl_days", "days", 0),
    ):
        if (found := getattr(settings, name)) < least:
            raise InvalidSpec(f"{found} is no number of {what}: {least} or more", path=f"settings.{name}")
    _check_access(settings)
    for address in settings.plugin_addresses:
        if not _on_loopback(address):
            raise InvalidSpec(
                f"{address!r} is no address of an executor plugin: write http://127.0.0.1:PORT",
                path="settings.executor_plugins",
            )
    return settings


def _check_access(settings: Settings) -> None:
    if settings.audit not in AUDIT_LEVELS:
        raise InvalidSpec(f"{settings.audit!r} is no audit level", path="settings.audit", allowed=AUDIT_LEVELS)
    if bool(settings.tls_cert) != bool(settings.tls_key):
        raise InvalidSpec("tls_cert and tls_key belong together", path="settings.tls_cert")
    if settings.address != "localhost":
        try:
            ip_address(settings.address)
        except ValueError as error:
            reason = f"{settings.address!r} is no address to listen at: write 127.0.0.1, 0.0.0.0 or one of this host"
            raise InvalidSpec(reason, path="settings.address") from error


def is_loopback(address: str) -> bool:
    """Whether an address is this machine's own, as others cannot reach it."""
    return address == "localhost" or ip_address(address).is_loopback


def _on_loopback(address: str) -> bool:
    """Whether it is an http URL of this machine: what a template holds goes to no other."""
    try:
        url = urlsplit(address)
        return url.scheme == "http" and url.hostname in ("127.0.0.1", "::1", "localhost") and url.port is not None
    except ValueError:
        return False


def component_environment(settings: Settings, environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """What components must know of this process: stores, registry, and the credentials of both. Never to be written."""
    env = os.environ if environment is None else environment
    found = {name: value for name, value in env.items() if name.startswith(_HANDED_ON) and value}
    return found | ({"SETPOINT_MLFLOW_URI": settings.mlflow_uri} if settings.mlflow_uri else {})


def _read_file(path: Path) -> dict[str, Any]:
    try:
        values = tomllib.loads(path.read_text())
    except FileNotFoundError:
        return {}
    except NotADirectoryError as error:
        raise InvalidSpec("the state directory is a file; name a directory", path=str(path.parent)) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidSpec(f"is not TOML: {error}", location=Location(file=str(path))) from error
    known = tuple(field.name for field in fields(Settings) if field.name != "home")
    for name in values:
        if name not in known:
            raise InvalidSpec("unknown setting", path=name, location=Location(file=str(path)), allowed=known)
    return values


def _convert(name: str, value: Any, wanted: type) -> Any:
    if wanted is bool:
        text = str(value).strip().lower()
        if text not in _TRUE + _FALSE:
            raise InvalidSpec(f"{value!r} is neither true nor false", path=f"settings.{name}")
        return text in _TRUE
    try:
        return wanted(value)
    except (TypeError, ValueError) as error:
        raise InvalidSpec(f"{value!r} is not of type {wanted.__name__}", path=f"settings.{name}") from error
