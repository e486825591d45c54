"""What a launcher and its helper processes are told; wiring fills it, JSON carries it."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from typing import cast

import msgspec

from setpoint.adapters.pods.images import ImageRule, default_rules
from setpoint.adapters.pods.isolation import Isolation
from setpoint.apis.errors import InvalidSpec
from setpoint.apis.meta import Wire
from setpoint.ports.artifacts import ArtifactStore
from setpoint.ports.launcher import Retention

_LOG_BYTES = 64 * 1024 * 1024


class StoreFactory(Wire, frozen=True, kw_only=True):
    """How a supervisor makes its artifact store: `module:callable` and keyword arguments."""

    factory: str
    arguments: dict[str, str] = {}

    def make(self) -> ArtifactStore:
        """Import and call the factory."""
        module, _, name = self.factory.partition(":")
        return cast("ArtifactStore", getattr(import_module(module), name)(**self.arguments))


class PodSettings(Wire, frozen=True, kw_only=True):
    """Settings of the kubelet.

    Args:
        home: The state directory; pods lie in `pods/`, made environments in `environments/`.
        store: The artifact store of the supervisors; None puts a directory `artifacts/` into the state directory.
        isolation: Forced, or as good as the host allows.
        images: Rules in front of the shipped image table.
        entry_points: Console scripts that a warm process may call: command name -> `module:function`.
        preload: Modules that the warm process imports before it forks; none: no warm process.
        environment: Variables of every container, below those of the container itself.
        python_path: Directories that Setpoint's own steps import from, besides what is installed.
        visible: Host paths that pods see even below /tmp.
        log_bytes: A container's log is cut into two files of at most this size; the older one is dropped.
        cgroups: Whether the limits of containers are kept by control groups where the host allows; else by looking.
        capacity: What pods may request of this machine, in place of what it has.
        retention: What of an ended pod's private root is kept.
        warm_patience_seconds: How long a Python step waits for a warm process that imports already.
        warm_on_demand: Begin to import when the first such step comes, not at once; for launchers with a short life.
    """

    home: str
    store: StoreFactory | None = None
    isolation: Isolation = Isolation.AUTO
    images: tuple[ImageRule, ...] = ()
    entry_points: dict[str, str] = {}
    preload: tuple[str, ...] = ()
    environment: dict[str, str] = {}
    python_path: tuple[str, ...] = ()
    visible: tuple[str, ...] = ()
    log_bytes: int = _LOG_BYTES
    cgroups: bool = True
    capacity: dict[str, str] = {}
    retention: Retention = Retention.LOGS
    warm_patience_seconds: float = 10.0
    warm_on_demand: bool = False

    @property
    def pods(self) -> Path:
        """Directory of the pods."""
        return Path(self.home) / "pods"

    @property
    def rules(self) -> tuple[ImageRule, ...]:
        """The image table, the user's rules first."""
        return (*self.images, *default_rules())

    @property
    def kept(self) -> tuple[str, ...]:
        """Host paths that no declared path may hide: state, interpreter, this package."""
        package = Path(__file__).parents[3]
        stored = [path for path in self.store.arguments.values() if path.startswith("/")] if self.store else []
        paths = (self.home, *stored, sys.prefix, sys.base_prefix, str(package), *self.python_path, *self.visible)
        return tuple(dict.fromkeys(str(Path(path)) for path in paths))

    def make_store(self) -> ArtifactStore:
        """The artifact store as a supervisor sees it."""
        default = StoreFactory(
            factory="setpoint.adapters.artifacts:LocalArtifactStore",
            arguments={"root": str(Path(self.home) / "artifacts")},
        )
        return (self.store or default).make()


def read_image_rules(text: str, *, file: str) -> tuple[ImageRule, ...]:
    """Rules from a TOML text with `[[image]]` tables, fields as in `ImageRule` in camelCase.

    Raises: InvalidSpec naming file and field.
    """
    try:
        table = msgspec.toml.decode(text.encode(), type=dict[str, tuple[ImageRule, ...]])
    except msgspec.DecodeError as error:
        raise InvalidSpec(f"{file}: image table: {error}", path="image") from error
    if unknown := set(table) - {"image"}:
        raise InvalidSpec(f"{file}: unknown table {sorted(unknown)[0]!r}", path="image", allowed=("image",))
    return table.get("image", ())
