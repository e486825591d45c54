"""Limits of a pod's containers by cgroup, version 1 or 2, as far as this process may make any.

A pod gets a group with one below it per container, in the first place on the way from this process's own group to the
root where that is allowed. Version 2 wants groups with processes to have no groups below them; where it refuses for
that, the next place up is tried. The groups are noted in the pod's directory before they are made, so that whoever
cleans up after a dead supervisor finds them.
Source: Linux Documentation/admin-guide/cgroup-v1/memory.rst, cgroup-v2.rst; what runc and the kubelet set.
"""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

CGROUPS = "cgroups"
_PERIOD = 100_000
_UNLIMITED = 1 << 60
_PROC = Path("/proc/self")


@dataclass(frozen=True, slots=True, kw_only=True)
class Hierarchy:
    """Where one controller's groups are: this process's own group, and the mount it lies below."""

    version: int
    mount: Path
    own: Path

    @property
    def places(self) -> tuple[Path, ...]:
        """The own group and all above it."""
        above = [self.own, *self.own.parents]
        return tuple(above[: above.index(self.mount) + 1]) if self.mount in above else (self.mount,)


def find_hierarchy(controller: str, proc: Path = _PROC) -> Hierarchy | None:
    """The hierarchy of `memory` or `cpu`; None if the host mounts none."""
    try:
        mounts = [line.split() for line in (proc / "mountinfo").read_text().splitlines()]
        groups = [line.split(":", 2) for line in (proc / "cgroup").read_text().splitlines()]
    except OSError:
        return None
    for fields in mounts:
        at = fields.index("-")
        kind, options = fields[at + 1], fields[at + 3].split(",")
        mount = Path(fields[4].encode().decode("unicode_escape"))
        if kind == "cgroup" and controller in options:
            own = next((path for _, names, path in groups if controller in names.split(",")), "/")
            return Hierarchy(version=1, mount=mount, own=_below(mount, own, fields[3]))
        if kind == "cgroup2" and controller in _words(mount / "cgroup.controllers"):
            own = next((path for number, _, path in groups if number == "0"), "/")
            return Hierarchy(version=2, mount=mount, own=_below(mount, own, fields[3]))
    return None


def _below(mount: Path, group: str, root: str) -> Path:
    """The directory of a group, seen through a mount that shows the hierarchy from `root` down."""
    inside = group.removeprefix(root) if root != "/" else group
    return mount / inside.lstrip("/")


def _words(path: Path) -> list[str]:
    try:
        return path.read_text().split()
    except OSError:
        return []


def own_memory_limit() -> int | None:
    """The least limit of this process's own group and those above it; None without one."""
    found = find_hierarchy("memory")
    if found is None:
        return None
    name = "memory.max" if found.version == 2 else "memory.limit_in_bytes"
    words = [word for place in found.places for word in _words(place / name)[:1] if word.isdigit()]
    limits = [int(word) for word in words if int(word) < _UNLIMITED]
    return min(limits) if limits else None


@dataclass(slots=True)
class ContainerGroup:
    """The groups of one container, one per controller that is limited."""

    paths: list[Path]
    events: Path | None = None

    def join(self) -> None:
        """Move the calling process in."""
        for path in self.paths:
            (path / "cgroup.procs").write_text("0")

    @property
    def out_of_memory(self) -> bool:
        """Whether the kernel has killed a process of the container for its limit."""
        words = _words(self.events) if self.events is not None else []
        counts = dict(zip(words[::2], words[1::2], strict=False))
        return int(counts.get("oom_kill", 0)) > 0


@dataclass(slots=True)
class PodGroups:
    """The groups of one pod, made when first needed. `folder` is the pod's directory."""

    folder: Path
    memory_bytes: int | None = None
    cpu_milli: int | None = None
    _tops: dict[str, tuple[Hierarchy, Path] | None] = field(default_factory=dict)

    def limit(self, name: str, memory_bytes: int | None, cpu_milli: int | None) -> tuple[ContainerGroup, list[str]]:
        """The groups of a container, and the resources whose limit this host does not let us enforce."""
        group, refused = ContainerGroup([]), []
        for controller, amount, whole in (
            ("memory", memory_bytes, self.memory_bytes),
            ("cpu", cpu_milli, self.cpu_milli),
        ):
            if amount is None and whole is None:
                continue
            top = self._top(controller, whole)
            try:
                if top is None:
                    raise PermissionError
                hierarchy, place = top
                path = place / name
                path.mkdir(exist_ok=True)
                if amount is not None:
                    _set(path, controller, amount, hierarchy.version)
            except OSError:
                refused.append(controller)
                continue
            group.paths.append(path)
            if controller == "memory":
                group.events = path / ("memory.events" if hierarchy.version == 2 else "memory.oom_control")
        return group, refused

    def _top(self, controller: str, whole: int | None) -> tuple[Hierarchy, Path] | None:
        if controller not in self._tops:
            found = find_hierarchy(controller)
            top = _make(found, controller, group_name(self.folder), self.folder) if found is not None else None
            if top is not None and whole is not None:
                try:
                    _set(top, controller, whole, found.version if found is not None else 1)
                except OSError:
                    top = None
            self._tops[controller] = (found, top) if found is not None and top is not None else None
        return self._tops[controller]


def group_name(folder: Path) -> str:
    """The name of a pod's group; by its directory, since another state directory may have a pod of the same id."""
    return f"setpoint-{hashlib.sha256(str(folder).encode()).hexdigest()[:16]}"


def _make(found: Hierarchy, controller: str, name: str, folder: Path) -> Path | None:
    """The pod's group in the first place that lets it be made, limited, and joined."""
    for place in found.places:
        top = place / name
        try:
            with (folder / CGROUPS).open("a") as notes:
                notes.write(f"{top}\n")
            top.mkdir(exist_ok=True)
            if found.version == 2:
                for parent in (place, top):
                    if controller not in _words(parent / "cgroup.subtree_control"):
                        (parent / "cgroup.subtree_control").write_text(f"+{controller}")
            else:
                with suppress(OSError):  # always so on newer kernels, which refuse to be told
                    (top / "memory.use_hierarchy").write_text("1")
            trial = top / "trial"
            trial.mkdir(exist_ok=True)
            joined = _joins(trial)
            trial.rmdir()
            if joined:
                return top
            top.rmdir()
        except OSError:
            with suppress(OSError):
                top.rmdir()
    return None


def _joins(group: Path) -> bool:
    """Whether a process of ours can move in; tried by one that ends at once."""
    pid = os.fork()
    if pid == 0:
        try:
            (group / "cgroup.procs").write_text("0")
        except BaseException:  # noqa: BLE001 - a forked child must not run on
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def _set(group: Path, controller: str, amount: int, version: int) -> None:
    if controller == "memory" and version == 2:
        (group / "memory.max").write_text(str(amount))
        for name, value in (("memory.swap.max", "0"), ("memory.oom.group", "1")):
            with suppress(OSError):  # no swap on this host; an old kernel
                (group / name).write_text(value)
    elif controller == "memory":
        (group / "memory.limit_in_bytes").write_text(str(amount))
        with suppress(OSError):
            (group / "memory.memsw.limit_in_bytes").write_text(str(amount))
    elif version == 2:
        (group / "cpu.max").write_text(f"{_quota(amount)} {_PERIOD}")
    else:
        (group / "cpu.cfs_period_us").write_text(str(_PERIOD))
        (group / "cpu.cfs_quota_us").write_text(str(_quota(amount)))


def _quota(milli: int) -> int:
    return max(1000, milli * _PERIOD // 1000)


def remove_groups(folder: Path) -> None:
    """Remove the groups that were made for the pod; its processes have ended."""
    try:
        noted = (folder / CGROUPS).read_text().splitlines()
    except OSError:
        return
    for line in noted:
        top = Path(line)
        if top.name != group_name(folder):
            continue
        with suppress(OSError):
            for inner in [path for path in top.iterdir() if path.is_dir()]:
                inner.rmdir()
        with suppress(OSError):
            top.rmdir()
