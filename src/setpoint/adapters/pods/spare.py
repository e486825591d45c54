"""A private root made ahead of the pod that will live in it: most of what a pod costs, off the path of its start.

A spare root is what every main container's root begins with: the host's directories shown, scratch directories of its
own. It lies in `<home>/kubelet/spare/` until a pod takes it, by renaming the directory to its own place; mounts move
along. Two things would make it differ from a fresh one, and are looked at before: the host's mounts and top-level
directories must be those it was made from, and the pod must declare no top-level directory of the host.

Invariant: nobody deletes in a directory while a namespace of its own shows the host below it. The process that is in
that namespace never deletes; others see empty directories there, and remove only what is empty.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from setpoint.adapters.pods import linux, records
from setpoint.adapters.pods.isolation import PrivateRoot, enter_base_namespace


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Where the next pod's root is built: a namespace of its own, `base`, in which the host is still in sight.

    `spare` is the directory of a root that is made already; None if there is none.
    """

    base: int
    spare: Path | None = None


def set_stage(home: int, place: Path) -> Stage:
    """Move the calling process into a fresh copy of the namespace `home` and build a root there, without entering it.

    Raises: OSError if there is no right to, or no room for, a namespace.
    """
    linux.setns(home, linux.CLONE_NEWNS)
    drop_spare(place)  # the last pod had no use for it
    base = enter_base_namespace(user=False)
    root = PrivateRoot(directory=place)
    with suppress(OSError):  # no room for it: the pod makes its own, or finds out why not
        root.prepare()
        root.show_host()
        return Stage(base=base, spare=place)
    return Stage(base=base)


def take_spare(spare: Path, root: PrivateRoot) -> PrivateRoot:
    """The root, standing in the spare one if that fits and can be moved; else as it was."""
    if root.rewrite or any(path.count("/") == 1 and os.path.lexists(path) for path in root.declared):
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
