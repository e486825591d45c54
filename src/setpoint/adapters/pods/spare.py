"""A private root made ahead of the pod that will live in it: most of what a pod costs, off the path of its start.

A spare root is what every main container's root begins with: the host's directories shown, scratch directories of its
own. It lies in `<home>/kubelet/spare/` until a pod takes it, by renaming the directory to its own place; mounts move
along. Two things would make it differ from a fresh one, and are looked at before: the host's mounts and top-level
directories must be those it was made from, and the pod must declare no top-level directory of the host.

An ended pod's root is put back to where it was taken from, and cleaned: to make thirty directories and to delete them
is much of what a short pod costs.

Invariant: nobody deletes in a directory that shows the host. Where a namespace of its own shows it there, others see
empty directories; who deletes looks at the mounts it sees.
"""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from setpoint.adapters.pods import linux, records
from setpoint.adapters.pods.isolation import PrivateRoot, enter_base_namespace


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Where the next pod's root is built: a namespace of its own, `base`, in which the host is still in sight.

    `spare` is the directory of a root that is made already; None if there is none. Where the host allows no namespaces
    there is no base, and the root is the directories that paths are rewritten to.
    """

    base: int | None = None
    spare: Path | None = None


def set_stage(home: int | None, place: Path) -> Stage:
    """Move the calling process into a fresh copy of the namespace `home` and build a root there, without entering it.

    What an earlier pod gave back at the place is used again. Without a home the process stays where it is.
    Raises: OSError if there is no right to, or no room for, a namespace.
    """
    if home is not None:
        linux.setns(home, linux.CLONE_NEWNS)
    usable = _clean(place, rewrite=home is None)
    base = enter_base_namespace(user=False) if home is not None else None
    root = PrivateRoot(directory=place, rewrite=home is None)
    with suppress(OSError):  # no room for it: the pod makes its own, or finds out why not
        if usable:
            root.prepare()
            if home is not None:
                root.show_host()
            return Stage(base=base, spare=place)
    return Stage(base=base)


def put_back(root: Path, place: Path) -> None:
    """An ended pod's root goes back to the place it was taken from, if it was, as it is."""
    with suppress(OSError):
        root.rename(place)


def _clean(place: Path, *, rewrite: bool) -> bool:
    """Leave of a root, seen from a namespace where it shows nothing of the host, what a new one has; if that can be.

    What shows something of the host is as it was made: the pod saw it covered. No link is followed.
    """
    root = PrivateRoot(directory=place, rewrite=rewrite)
    file_system = Path(root.file_system)
    scratch = (file_system / "tmp", file_system / "var" / "tmp" if rewrite else place / "var-tmp")
    try:
        if not os.path.lexists(place):
            return True
        if place.is_symlink() or file_system.is_symlink() or not file_system.is_dir() or not _as_made(file_system):
            return _delete(place, place)
        covered = {"var"} if rewrite else set(os.listdir("/")) - {"tmp"}  # noqa: PTH208 - names are all that is asked
        left = [Path(entry.path) for entry in os.scandir(place) if entry.path != str(file_system)]
        left += [Path(entry.path) for entry in os.scandir(file_system) if entry.name not in covered]
        var = file_system / "var"
        if rewrite and os.path.lexists(var):
            left += [var] if var.is_symlink() or not var.is_dir() else list(var.iterdir())
        return all((path in scratch and _is_new(path)) or _delete(path, place) for path in left)
    except OSError:  # such as a file that was made immutable
        return False


def _is_new(scratch: Path) -> bool:
    return scratch.is_dir() and not scratch.is_symlink() and _as_made(scratch) and not any(os.scandir(scratch))


def _as_made(directory: Path) -> bool:
    """Whether owner and access list are those that a directory has from us; the mode is set again."""
    return directory.stat().st_uid == os.geteuid() and not os.listxattr(directory)


def _delete(path: Path, place: Path) -> bool:
    if os.fsencode(place) in Path("/proc/self/mountinfo").read_bytes():
        return False
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()
    return True


def take_spare(spare: Path, root: PrivateRoot) -> PrivateRoot:
    """The root, standing in the spare one if that fits and can be moved; else as it was."""
    if not root.rewrite and any(path.count("/") == 1 and os.path.lexists(path) for path in root.declared):
        return root
    with suppress(OSError):
        root.directory.parent.mkdir(parents=True, exist_ok=True)
        spare.rename(root.directory)
        return replace(root, shown=True)
    return root


def host_view() -> tuple[bytes, frozenset[str]]:
    """What a root shows of the host: mounts and top-level names, as the calling process sees them."""
    with os.scandir("/") as entries:
        names = frozenset(entry.name for entry in entries)
    return Path("/proc/self/mountinfo").read_bytes(), names


def drop_spare(place: Path) -> None:
    """Remove a spare root that nobody took, from outside its namespace: empty directories, empty files, links."""
    for folder, subfolders, files in os.walk(place, topdown=False):
        for name in files:
            path = Path(folder, name)
            with suppress(OSError):
                if path.is_symlink() or not path.stat().st_size:
                    path.unlink()
        for name in subfolders:
            path = Path(folder, name)
            with suppress(OSError):
                path.unlink() if path.is_symlink() else path.rmdir()
    with suppress(OSError):
        place.rmdir()


def drop_old_spares(folder: Path) -> None:
    """Those of processes that were killed; each is named by its pid."""
    with suppress(FileNotFoundError):
        for place in folder.iterdir():
            if not place.name.isdigit() or records.start_ticks(int(place.name)) is None:
                drop_spare(place)
