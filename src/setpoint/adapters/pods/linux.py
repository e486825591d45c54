"""The few Linux calls that Python 3.11 does not wrap, by ctypes; every failure is an OSError with the path.

Knows nothing of pods. All calls act on the calling process, which must have one thread only where the kernel
asks for it (`unshare` of a user namespace, `setns`).
Source: man pages prctl(2), unshare(2), setns(2), mount(2), pivot_root(2); uapi/linux/{prctl,mount,sched}.h.
"""

from __future__ import annotations

import ctypes
import os
import signal
from pathlib import Path

CLONE_NEWNS = 0x00020000
CLONE_NEWUSER = 0x10000000

MS_RDONLY = 0x1
MS_NOSUID = 0x2
MS_NODEV = 0x4
MS_NOEXEC = 0x8
MS_REMOUNT = 0x20
MS_NOATIME = 0x400
MS_NODIRATIME = 0x800
MS_BIND = 0x1000
MS_REC = 0x4000
MS_PRIVATE = 0x40000
MS_RELATIME = 0x200000
MNT_DETACH = 0x2

_PR_SET_PDEATHSIG = 1
_PR_SET_NAME = 15
_PR_SET_CHILD_SUBREAPER = 36

_PIVOT_ROOT_NUMBERS = {"x86_64": 155, "aarch64": 41, "riscv64": 41, "ppc64le": 203, "s390x": 217}

PIVOTS = os.uname().machine in _PIVOT_ROOT_NUMBERS
"""Whether `change_root` is one for every process of the namespace, not for the calling one alone."""

# statvfs flags that a remount inside a user namespace must repeat, or the kernel refuses it.
_LOCKED_FLAGS = (
    (os.ST_NOSUID, MS_NOSUID),
    (os.ST_NODEV, MS_NODEV),
    (os.ST_NOEXEC, MS_NOEXEC),
    (os.ST_NOATIME, MS_NOATIME),
    (os.ST_NODIRATIME, MS_NODIRATIME),
    (os.ST_RELATIME, MS_RELATIME),
)

_libc = ctypes.CDLL(None, use_errno=True)
_libc.mount.argtypes = [ctypes.c_char_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_ulong, ctypes.c_char_p]
_libc.syscall.restype = ctypes.c_long


def _check(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def die_with_parent(parent: int) -> None:
    """KILL for the calling process when its parent ends; it ends at once if the parent is gone already."""
    _check(_libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0), "prctl PDEATHSIG")
    if os.getppid() != parent:
        os._exit(137)


def become_subreaper() -> None:
    """Orphans among the descendants become children of the calling process, not of init."""
    _check(_libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), "prctl CHILD_SUBREAPER")


def set_process_name(name: str) -> None:
    """Name shown by `ps -o comm`, cut to 15 bytes by the kernel."""
    _check(_libc.prctl(_PR_SET_NAME, name.encode()[:15], 0, 0, 0), "prctl NAME")


def unshare(flags: int) -> None:
    """Move the calling process into new namespaces."""
    _check(_libc.unshare(flags), "unshare")


def setns(descriptor: int, kind: int) -> None:
    """Move the calling process into the namespace behind a /proc/*/ns descriptor."""
    _check(_libc.setns(descriptor, kind), "setns")


def mount(source: str, target: str, kind: str = "", flags: int = 0, data: str = "") -> None:
    """Mount a file system, or change a mount, as the flags say."""
    result = _libc.mount(
        source.encode(), target.encode(), kind.encode() or None, flags, data.encode() if data else None
    )
    _check(result, f"mount {source} on {target}")


def bind(source: str, target: str, *, read_only: bool = False) -> None:
    """Show `source` with all mounted below it at `target`, which must exist and be of its kind."""
    mount(source, target, flags=MS_BIND | MS_REC)
    if read_only:
        kept = os.statvfs(target).f_flag
        locked = sum(flag for status, flag in _LOCKED_FLAGS if kept & status)
        mount("none", target, flags=MS_BIND | MS_REMOUNT | MS_RDONLY | locked)


def make_mounts_private() -> None:
    """No mount of this namespace reaches another one, nor the other way round."""
    mount("none", "/", flags=MS_REC | MS_PRIVATE)


def change_root(new_root: str) -> None:
    """Make the mount point `new_root` the root, drop the old one from sight, and go to `/`."""
    os.chdir(new_root)
    number = _PIVOT_ROOT_NUMBERS.get(os.uname().machine)
    if number is None:
        os.chroot(".")
    else:
        # Old root stacked on the new one, then detached: needs no directory for the old root (pivot_root(2)).
        _check(_libc.syscall(ctypes.c_long(number), b".", b"."), f"pivot_root to {new_root}")
        _check(_libc.umount2(b".", MNT_DETACH), "umount of the old root")
    os.chdir("/")


def map_own_ids() -> None:
    """In a fresh user namespace: the process's user and group stay what they are."""
    uid, gid = os.geteuid(), os.getegid()
    unshare(CLONE_NEWUSER)
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1")
    Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1")
