"""How the supervisors of one process start their mains: by a child forked ahead, or, the second time, without a fork.

A fork of an interpreter costs more than the command that most steps are: a page is copied for each that parent or
child touches. `posix_spawn` copies none, but what it starts can neither be bound to the life of its parent nor say
why it could not be started. For the first there is `setpriv`; for the second, only a program that was started here
before, and is the same file still, is started so.

Where a supervisor dies between the start of `setpriv` and the pact that makes main die with it, main is found by its
session (`adoption`), as what main itself starts is.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from setpoint.adapters.pods.processes import HANDLED, UMASK, Embryo, ProcessSpec, Started, conceive, find_program, start

_PACT = ("setpriv", "--pdeathsig", "KILL", "--")

_File = tuple[int, int, int, int]  # device, inode, both times of change


def find_setpriv() -> str | None:
    """The util-linux program that binds a process to its parent's life and becomes another; None if there is none."""
    path = shutil.which(_PACT[0])
    if path is None:
        return None
    null = [(os.POSIX_SPAWN_OPEN, descriptor, os.devnull, os.O_RDWR, 0) for descriptor in range(3)]
    try:
        pid = os.posix_spawn(path, (*_PACT, path, "--version"), {}, file_actions=null)
    except OSError:
        return None
    return path if os.waitpid(pid, 0)[1] == 0 else None


class Starter:
    """Starts processes for one supervisor's process, pod after pod."""

    def __init__(self, setpriv: str | None) -> None:
        self._setpriv = setpriv
        self._started: set[_File] = set()
        self._embryo: Embryo | None = None
        self._direct = False  # the last main was a program that can be started without a fork

    def prepare(self, own: int) -> None:
        """Before a pod comes: fork a child ahead, unless the next main is likely to need none.

        Raises: OSError; TurnInto, in the child only.
        """
        self._embryo = None
        if not self._direct:
            self._embryo = conceive(own)

    def drop_embryo(self) -> None:
        """The child forked ahead is of no use; it ends with the pod."""
        self._embryo = None

    def start_main(self, spec: ProcessSpec) -> Started:
        """Start the command of a main container; returns when it runs or has failed to.

        Raises: TurnInto, in the child only.
        """
        embryo, self._embryo = self._embryo, None
        file = self._file_of(spec)
        self._direct = file in self._started
        if embryo is None and self._direct:
            with suppress(OSError, ValueError):  # a fork will find out, and say it in the right words
                return self._spawn(spec)
        found = start(spec, embryo)
        if file is not None and not found.error:
            self._started.add(file)
            self._direct = True
        return found

    def _file_of(self, spec: ProcessSpec) -> _File | None:
        """The program file of a command that could be started without a fork."""
        if self._setpriv is None or spec.program is not None or spec.join is not None or spec.enter is not None:
            return None
        if any(name.startswith("LD_") for name in spec.environment):  # it would be heard by `setpriv` too
            return None
        try:
            path = Path(find_program(spec.argv[0], spec.environment))
            status = path.stat() if path.is_absolute() else None
        except (OSError, ValueError):
            return None
        return (status.st_dev, status.st_ino, status.st_mtime_ns, status.st_ctime_ns) if status is not None else None

    def _spawn(self, spec: ProcessSpec) -> Started:
        assert self._setpriv is not None  # noqa: S101 - else no program is known
        pipes = [os.pipe() for _ in range(2)]
        (stdout, out), (stderr, err) = pipes
        try:
            with _standing_in(spec.working_dir):
                pid = os.posix_spawn(
                    self._setpriv,
                    (*_PACT, *spec.argv),
                    spec.environment,
                    file_actions=(
                        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                        (os.POSIX_SPAWN_DUP2, out, 1),
                        (os.POSIX_SPAWN_DUP2, err, 2),
                    ),
                    setpgroup=0,
                    setsigmask=(),
                    setsigdef=HANDLED,
                )
        except BaseException:
            for descriptor in (stdout, stderr):
                os.close(descriptor)
            raise
        finally:
            for descriptor in (out, err):
                os.close(descriptor)
        for descriptor in (stdout, stderr):
            os.set_blocking(descriptor, False)
        return Started(pid=pid, stdout=stdout, stderr=stderr)


@contextmanager
def _standing_in(directory: str) -> Iterator[None]:
    """Its children begin there, with the umask that a container has."""
    here = os.open(".", os.O_PATH | os.O_CLOEXEC)
    mask = os.umask(UMASK)
    try:
        os.chdir(directory)
        yield
    finally:
        os.umask(mask)
        os.fchdir(here)
        os.close(here)
