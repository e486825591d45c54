"""A private root for one container: what it sees at which path, and how that view is built.

Two modes. `namespace`: a mount namespace whose root is a directory of the pod, with the host's top-level
directories shown in it, an own /tmp, and own directories for every declared path. `rewrite`, where the host
allows no namespaces: declared paths are mapped to the pod's directory in the text of the command.
Invariant in both: a declared path never reads or writes the host's file of that name, and no two pods share one.

A declared path inside a directory that the host has (`/mnt/out`, `/usr/share/x`) shadows that directory: an overlay
whose upper side is the pod's, or, where overlayfs is refused, an own directory with the host's entries shown in it.
A root can be built again in its directory: the command of a container that is run anew finds what it left there.
Paths that must stay the host's (state directory, interpreter) are shown again on top of whatever hides them.
"""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

import msgspec

from setpoint.adapters.pods import linux
from setpoint.apis.errors import InvalidSpec
from setpoint.apis.meta import Wire

_KERNEL = ("/proc", "/sys", "/dev")  # never shadowed: what is declared there is the kernel's
_SCRATCH = ("/tmp", "/var/tmp", "/dev/shm")  # noqa: S108 - named because they are replaced
_NOT_SHOWN = frozenset({"tmp", "lost+found"})
# Host directories that a script names for many reasons: never mapped as a whole in rewrite mode.
_SYSTEM = re.compile(r"/(bin|boot|dev|etc|home|lib\d*|opt|proc|root|run|sbin|srv|sys|usr|var)(/[^/]*)?")


class Isolation(StrEnum):
    """How the private root is made."""

    AUTO = "auto"  # namespace if the host allows it, else rewrite
    NAMESPACE = "namespace"
    REWRITE = "rewrite"


class IsolationReport(Wire, frozen=True, kw_only=True):
    """What this host allows, and why."""

    mode: Isolation
    reason: str
    user_namespace: bool = False
    overlay: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Bind:
    """A directory or file of the host shown at `path`."""

    source: str
    path: str
    read_only: bool = False


@dataclass(frozen=True, kw_only=True)
class PrivateRoot:
    """The view of one container. `directory` is its own place on the host's disk.

    Args:
        directory: Holds `fs` (what becomes `/`) and the shadows.
        declared: Absolute normal paths that are the container's own, whatever the host has there.
        binds: Volumes.
        kept: Host paths that stay the host's own, readable and writable, even inside a declared path.
        working_dir: Where the process starts; made if the host has no such directory.
        shown: The host is shown in `fs` already, in the namespace of the calling process.
    """

    directory: Path
    declared: tuple[str, ...] = ()
    binds: tuple[Bind, ...] = ()
    kept: tuple[str, ...] = ()
    working_dir: str = "/"
    overlay: bool = False
    rewrite: bool = False
    shown: bool = False
    _done: set[str] = field(default_factory=set, compare=False)

    @property
    def file_system(self) -> str:
        """The directory that is, or stands for, `/`."""
        return str(self.directory / "fs")

    def locate(self, path: str) -> Path:
        """Where the calling process finds a path of the container; before `enter`, only in rewrite mode."""
        absolute = normal_path(path)
        if not self.rewrite:
            return Path(absolute)
        for virtual, real in self._mapping.items():
            if is_below(absolute, virtual):
                return Path(real + absolute[len(virtual) :])
        on_host = absolute != "/" and Path(absolute).exists()
        return Path(absolute if on_host else self.file_system + absolute)

    def render(self, text: str) -> str:
        """Text of the container with its paths as they are for the process; the same text in namespace mode."""
        if not self.rewrite:
            return text
        return self._pattern.sub(lambda match: self._mapping[match.group()], text)

    def excluded(self, path: str) -> tuple[str, ...]:
        """Host paths shown inside a declared path: no part of what the container made there."""
        absolute = normal_path(path)
        return tuple(kept for kept in self.kept if is_below(kept, absolute))

    def prepare(self) -> None:
        """Make the directories on disk; needs no privilege."""
        if not self.shown:
            self._make_place()
        for bind in self.binds:
            if not Path(bind.source).exists():
                raise InvalidSpec(f"volume for {bind.path}: {bind.source} does not exist on this host")
        if self.rewrite:
            for path in self.declared:
                self.locate(path).parent.mkdir(parents=True, exist_ok=True)
            self.locate(self.working_dir).mkdir(parents=True, exist_ok=True)

    def _make_place(self) -> None:
        file_system = Path(self.file_system)
        file_system.mkdir(parents=True, exist_ok=True)
        file_system.chmod(0o755)
        scratch = ["/tmp"] if not self.rewrite else ["/tmp", "/var/tmp"]  # noqa: S108 - the container's own
        for path in scratch:
            own = Path(self.file_system + path)
            own.mkdir(parents=True, exist_ok=True)
            own.chmod(0o1777)

    def show_host(self) -> None:
        """The part of `enter` that is the same for all containers; after it the root counts as `shown`."""
        _Builder(self).show()

    def enter(self) -> None:
        """Make this the root of the calling process, which must be alone in a mount namespace of its own."""
        if self.rewrite:
            return
        _Builder(self).build()
        linux.change_root(self.file_system)
        for path in self.declared:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(self.working_dir).mkdir(parents=True, exist_ok=True)

    @cached_property
    def _mapping(self) -> Mapping[str, str]:
        """Virtual prefix -> real prefix, longest first."""
        own = {path: self.file_system + path for path in ("/tmp", "/var/tmp")}  # noqa: S108 - the container's own
        for path in self.declared:
            if any(is_below(path, bind.path) for bind in self.binds):
                continue
            own[path] = self.file_system + path
            parent = str(PurePosixPath(path).parent)
            if parent != "/" and not _SYSTEM.fullmatch(parent) and not is_below(parent, *_KERNEL):
                own[parent] = self.file_system + parent
        own |= {bind.path: bind.source for bind in self.binds}
        own |= {path: path for path in self.kept}
        return dict(sorted(own.items(), key=lambda item: -len(item[0])))

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        names = "|".join(re.escape(virtual) for virtual in self._mapping)
        return re.compile(rf"(?<![\w./-])(?:{names})(?![\w.-])")


class _Builder:
    """Builds one private root below its `fs` directory, parents before children."""

    def __init__(self, root: PrivateRoot) -> None:
        self.root = root
        self.new = root.file_system
        self.shadows: dict[str, set[str]] = {}  # host directory -> names in it that are hidden

    def show(self) -> None:
        linux.bind(self.new, self.new)
        self._show_host()
        self._own_scratch()

    def build(self) -> None:
        if not self.root.shown:
            self.show()
        for path in (*self.root.declared, self.root.working_dir, *(bind.path for bind in self.root.binds)):
            self._plan_shadow(path)
        for path, action in sorted(self._actions(), key=lambda item: item[0].count("/")):
            if isinstance(action, Bind):
                self._bind(action)
            else:
                self._shadow(path, action)

    def _show_host(self) -> None:
        there = set(os.listdir(self.new))  # noqa: PTH208 - names are all that is asked for
        with os.scandir("/") as entries:
            for entry in entries:
                if entry.name in _NOT_SHOWN or entry.path in self.root.declared:
                    continue
                target = self.new + entry.path
                # A directory that this user may not enter cannot be shown, nor would the user see anything in it.
                with suppress(PermissionError):
                    self._show(entry, target, there=entry.name in there)

    @staticmethod
    def _show(entry: os.DirEntry[str], target: str, *, there: bool = False) -> None:
        if entry.is_symlink():
            with suppress(FileExistsError):
                Path(target).symlink_to(Path(entry.path).readlink())
        elif entry.is_dir(follow_symlinks=False):
            if not there:
                Path(target).mkdir(exist_ok=True)
            linux.bind(entry.path, target)
        elif entry.is_file(follow_symlinks=False):
            if not there:
                Path(target).touch()
            linux.bind(entry.path, target)

    def _own_scratch(self) -> None:
        if Path("/var/tmp").is_dir():  # noqa: S108 - replaced by the container's own
            own = self.root.directory / "var-tmp"
            own.mkdir(exist_ok=True)
            own.chmod(0o1777)
            linux.bind(str(own), self.new + "/var/tmp")  # noqa: S108 - replaced
        if Path("/dev/shm").is_dir():  # noqa: S108 - replaced by the container's own
            flags = linux.MS_NOSUID | linux.MS_NODEV
            linux.mount("tmpfs", self.new + "/dev/shm", "tmpfs", flags, "mode=1777")  # noqa: S108 - replaced

    def _plan_shadow(self, path: str) -> None:
        """Find the directory of the host that must be shadowed so that `path` is the container's own."""
        declared = path in self.root.declared
        own = (*_SCRATCH, *(other for other in self.root.declared if other != path))
        volumes = tuple(bind.path for bind in self.root.binds if bind.path != path)
        if path == "/" or is_below(path, *own, *volumes, *_KERNEL) or (not declared and Path(path).exists()):
            return
        parent = PurePosixPath(path).parent
        while not Path(parent).is_dir():
            parent = parent.parent
        if str(parent) != "/":
            hidden = self.shadows.setdefault(str(parent), set())
            if declared and str(parent) == str(PurePosixPath(path).parent):
                hidden.add(PurePosixPath(path).name)

    def _actions(self) -> Iterable[tuple[str, Bind | set[str]]]:
        yield from self.shadows.items()
        covered = (*_SCRATCH, *self.root.declared, *self.shadows)
        kept = [path for path in self.root.kept if is_below(path, *covered)]
        if self.shadows:
            kept += [path for path in _mount_points() if is_below(path, *self.shadows) and path not in self.shadows]
        for path in dict.fromkeys(kept):
            if Path(path).exists() and path not in self.root.declared:
                yield path, Bind(source=path, path=path)
        for bind in self.root.binds:
            yield bind.path, bind

    def _bind(self, bind: Bind) -> None:
        target = Path(self.new + bind.path)
        if Path(bind.source).is_dir():
            target.mkdir(parents=True, exist_ok=True)
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.touch()
        linux.bind(bind.source, str(target), read_only=bind.read_only)

    def _shadow(self, path: str, hidden: set[str]) -> None:
        place = self.root.directory / "shadow" / str(len(self.root._done))
        self.root._done.add(path)
        upper, work = place / "upper", place / "work"
        upper.mkdir(parents=True, exist_ok=True)
        work.mkdir(exist_ok=True)
        upper.chmod(stat.S_IMODE(Path(path).stat().st_mode) | 0o700)
        if self.root.overlay:
            for name in hidden:
                if os.path.lexists(f"{path}/{name}") and not os.path.lexists(upper / name):
                    os.mknod(upper / name, stat.S_IFCHR, 0)  # a whiteout, as overlayfs writes it
            # Refused in a user namespace for a directory in which the host has mounted something.
            with suppress(OSError):
                _mount_overlay(path, str(upper), str(work), self.new + path)
                return
            upper = place / "shown"
            upper.mkdir(exist_ok=True)
        with os.scandir(path) as entries:
            for entry in entries:
                if entry.name not in hidden:
                    with suppress(PermissionError):
                        self._show(entry, f"{upper}/{entry.name}")
        linux.bind(str(upper), self.new + path)


def normal_path(path: str) -> str:
    """Absolute, without `.`, `..` and doubled slashes; a relative path counts from `/`."""
    return os.path.normpath("/" + path.lstrip("/"))


def is_below(path: str, *parents: str) -> bool:
    """Whether the path is one of the parents or lies in one; `/` holds everything."""
    return any(path == parent or path.startswith(parent.rstrip("/") + "/") for parent in parents)


def enter_base_namespace(*, user: bool) -> int:
    """Give the calling process a mount namespace of its own that looks like the host; a descriptor to come back."""
    if user:
        linux.map_own_ids()
    linux.unshare(linux.CLONE_NEWNS)
    linux.make_mounts_private()
    return os.open("/proc/self/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)


def probe(scratch: Path) -> IsolationReport:
    """Try a private root in the calling process, which is spoilt by it: for a process that ends then."""
    user = False
    try:
        try:
            enter_base_namespace(user=False)
        except PermissionError:
            user = True
            enter_base_namespace(user=True)
        overlay = _probe_overlay(scratch)
        root = PrivateRoot(directory=scratch / "probe", kept=(str(scratch),))
        root.prepare()
        root.enter()
    except OSError as error:
        return IsolationReport(
            mode=Isolation.REWRITE, reason=f"the host allows no private root: {error.strerror or error}"
        )
    how = "user and mount namespace" if user else "mount namespace"
    shadow = "overlayfs" if overlay else "bind mounts"
    return IsolationReport(
        mode=Isolation.NAMESPACE,
        reason=f"{how}; host directories are shadowed by {shadow}",
        user_namespace=user,
        overlay=overlay,
    )


def choose(wanted: Isolation, found: IsolationReport) -> IsolationReport:
    """The mode to run with.

    Raises: InvalidSpec if namespaces are demanded and not to be had.
    """
    if wanted is Isolation.REWRITE and found.mode is not Isolation.REWRITE:
        return IsolationReport(mode=Isolation.REWRITE, reason="asked for by the settings")
    if wanted is Isolation.NAMESPACE and found.mode is not Isolation.NAMESPACE:
        raise InvalidSpec(f"isolation by namespace is demanded, but {found.reason}", path="isolation")
    return found


def isolation_report(wanted: Isolation = Isolation.AUTO) -> IsolationReport:
    """What pods would get on this host; tried out in a process of its own."""
    with TemporaryDirectory() as scratch:
        command = [sys.executable, "-m", __name__, scratch]
        answer = subprocess.run(command, capture_output=True, check=False)  # noqa: S603 - fixed words, no shell
    if answer.returncode != 0:
        return IsolationReport(mode=Isolation.REWRITE, reason="the trial of a private root ended with an error")
    return choose(wanted, msgspec.json.decode(answer.stdout, type=IsolationReport))


def _probe_overlay(scratch: Path) -> bool:
    for name in ("upper", "work", "merged"):
        (scratch / name).mkdir()
    try:
        os.mknod(scratch / "upper" / "bin", stat.S_IFCHR, 0)
        _mount_overlay("/usr", *(str(scratch / name) for name in ("upper", "work", "merged")))
        return not (scratch / "merged" / "bin").exists()
    except OSError:
        return False


def _mount_overlay(lower: str, upper: str, work: str, target: str) -> None:
    """Overlay; `userxattr` is needed in a user namespace, harmless for root, unknown to old kernels.

    `volatile` because unmounting would else write the whole file system below `upper` to the disk: nothing of a private
    root outlives its pod.
    """
    escape = str.maketrans({"\\": "\\\\", ",": "\\,", ":": "\\:"})
    parts = (f"{key}={path.translate(escape)}" for key, path in (("lowerdir", lower), ("upperdir", upper)))
    data = ",".join((*parts, f"workdir={work.translate(escape)}"))
    for options in (",userxattr,volatile", ",userxattr"):
        with suppress(OSError):
            linux.mount("overlay", target, "overlay", data=data + options)
            return
    linux.mount("overlay", target, "overlay", data=data)


def _mount_points() -> list[str]:
    """Mount points of the calling process's namespace; octal escapes undone."""
    lines = Path("/proc/self/mountinfo").read_bytes().splitlines()
    return [line.split()[4].decode("unicode_escape") for line in lines]


def main() -> None:
    """Print the report as JSON; the process is of no other use afterwards."""
    print(json.dumps(msgspec.to_builtins(probe(Path(sys.argv[1])))))


if __name__ == "__main__":
    main()
