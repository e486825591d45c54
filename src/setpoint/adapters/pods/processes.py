"""One container's process: started with a death pact, ended with all that came from it.

The child dies with its supervisor (PDEATHSIG), leads a process group of its own, has nothing open but its three
streams, and default signals. Whether `exec` worked is known before `start` returns.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from setpoint.adapters.pods import linux
from setpoint.adapters.pods.programs import Program

NOT_STARTED = 64  # what Argo's executor exits with when it cannot start the command
_HANDLED = (
    signal.SIGCHLD,
    signal.SIGTERM,
    signal.SIGUSR1,
    signal.SIGINT,
    signal.SIGHUP,
    signal.SIGPIPE,
    signal.SIGXFSZ,
)


class TurnInto(BaseException):
    """Unwinds a forked child to the top of its stack, where it becomes a Python program.

    It ends there as an interpreter ends: threads joined, exit handlers run, streams flushed.
    """

    def __init__(self, program: Program, environment: Mapping[str, str]) -> None:
        self.program = program
        self.environment = environment


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessSpec:
    """What to start. `join` puts the child under its limits, `enter` into its private root.

    With a `program` the child becomes that in place of an exec.
    """

    argv: tuple[str, ...]
    environment: Mapping[str, str]
    working_dir: str
    join: Callable[[], None] | None = None
    enter: Callable[[], None] | None = None
    program: Program | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """A running child and our ends of its streams; `error` says why it could not be started."""

    pid: int
    stdout: int
    stderr: int
    error: str


def start(spec: ProcessSpec) -> Started:
    """Fork and exec; returns when the child runs the command or has failed to.

    Raises: TurnInto, in the child only.
    """
    parent = os.getpid()
    out_read, out_write = os.pipe()
    err_read, err_write = os.pipe()
    note_read, note_write = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            _become(spec, parent, out_write, err_write, note_write)
        except TurnInto:
            raise
        except BaseException as error:  # noqa: BLE001 - the boundary of a forked child: it must not run on
            with suppress(OSError):
                os.write(note_write, str(error).encode(errors="replace"))
            os._exit(NOT_STARTED)
    for descriptor in (out_write, err_write, note_write):
        os.close(descriptor)
    note = b""
    while chunk := os.read(note_read, 4096):
        note += chunk
    os.close(note_read)
    for descriptor in (out_read, err_read):
        os.set_blocking(descriptor, False)
    return Started(pid=pid, stdout=out_read, stderr=err_read, error=note.decode(errors="replace"))


def _become(spec: ProcessSpec, parent: int, stdout: int, stderr: int, note: int) -> None:
    linux.die_with_parent(parent)
    os.setpgid(0, 0)
    signal.set_wakeup_fd(-1)
    for number in _HANDLED:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    null = os.open(os.devnull, os.O_RDONLY)
    for target, descriptor in enumerate((null, stdout, stderr)):
        os.dup2(descriptor, target)
    os.umask(0o022)
    if spec.join is not None:
        spec.join()
    if spec.enter is not None:
        spec.enter()
    os.chdir(spec.working_dir)
    if spec.program is not None:
        _close_all_but_streams()
        raise TurnInto(spec.program, spec.environment)
    os.execve(find_program(spec.argv[0], spec.environment), spec.argv, spec.environment)  # noqa: S606 - the user's command


def find_program(name: str, environment: Mapping[str, str]) -> str:
    """The file that `name` means on the PATH of the environment.

    Raises: FileNotFoundError in Argo's words.
    """
    if "/" in name:
        return name
    for folder in environment.get("PATH", "").split(":"):
        path = f"{folder or '.'}/{name}"
        if os.access(path, os.X_OK) and not Path(path).is_dir():
            return path
    raise FileNotFoundError(f'failed to find name in PATH: exec: "{name}": executable file not found in $PATH')


def _close_all_but_streams() -> None:
    for descriptor in [int(entry.name) for entry in Path("/proc/self/fd").iterdir()]:
        if descriptor > 2:
            with suppress(OSError):  # the descriptor of the listing itself
                os.close(descriptor)


def signal_group(pid: int, number: int) -> None:
    """Send a signal to the process group that the process leads; nothing if none is left."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


def kill_descendants() -> None:
    """KILL everything below the calling process, a subreaper, until nothing is left; reaps it all."""
    while True:
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        for pid in descendants(os.getpid()):
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        with suppress(ChildProcessError):
            os.waitpid(-1, 0)


def all_processes() -> list[int]:
    """Every pid of the host."""
    with os.scandir("/proc") as entries:
        return [int(entry.name) for entry in entries if entry.name.isdigit()]


def descendants(pid: int) -> list[int]:
    """All processes below `pid`, nearest first."""
    children: dict[int, list[int]] = {}
    for process in all_processes():
        with suppress(OSError, ValueError):
            text = Path(f"/proc/{process}/stat").read_bytes()
            parent = int(text[text.rindex(b")") + 4 :].split()[0])
            children.setdefault(parent, []).append(process)
    found = list(children.get(pid, ()))
    for process in found:
        found += children.get(process, ())
    return found
