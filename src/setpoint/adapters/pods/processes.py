"""One container's process: started with a death pact, ended with all that came from it.

The child dies with its supervisor (PDEATHSIG), leads a process group of its own, has nothing open but its three
streams, and default signals. Whether `exec` worked is known before `start` returns.
"""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import msgspec

from setpoint.adapters.pods import linux
from setpoint.adapters.pods.last_word import LastWord, is_alone
from setpoint.adapters.pods.programs import Program

UMASK = 0o022
NOT_STARTED = 64  # what Argo's executor exits with when it cannot start the command
HANDLED = (
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

    def __init__(self, program: Program, environment: Mapping[str, str], last: LastWord) -> None:
        self.program = program
        self.environment = environment
        self.last = last


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
    """A running child and our ends of its streams; `error` says why it could not be started.

    One that is a program says its exit code at `last` when it is done.
    """

    pid: int
    stdout: int
    stderr: int
    last: LastWord | None = None
    error: str = ""


class _Order(msgspec.Struct, frozen=True):
    """What an embryo becomes."""

    argv: tuple[str, ...]
    environment: Mapping[str, str]
    working_dir: str
    program: Program | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Embryo:
    """A child forked ahead, in our namespaces, that waits to be told what it is; our ends of its pipes."""

    pid: int
    order: int
    note: int
    stdout: int
    stderr: int
    last: LastWord


def conceive(own: int) -> Embryo:
    """Fork a child ahead of its time. It ends when nobody can tell it any more what to be.

    The descriptor `own` is the parent's alone: who writes there must find out when the parent is gone.

    Raises: OSError; TurnInto, in the child only.
    """
    parent = os.getpid()
    last = LastWord()
    pipes = [os.pipe() for _ in range(4)]  # order, note, stdout, stderr
    try:
        pid = os.fork()
    except OSError:
        for descriptor in (end for pipe in pipes for end in pipe):
            os.close(descriptor)
        raise
    (order, tell), (told, note), (stdout, out), (stderr, err) = pipes
    if pid == 0:
        for descriptor in (tell, own):
            os.close(descriptor)
        with _reporting(note):
            _separate(parent, out, err)
            text = _read_all(order)
            if not text:
                os._exit(0)
            _become(msgspec.json.decode(text, type=_Order), last)
    for descriptor in (order, note, out, err):
        os.close(descriptor)
    return Embryo(pid=pid, order=tell, note=told, stdout=stdout, stderr=stderr, last=last)


def start(spec: ProcessSpec, embryo: Embryo | None = None) -> Started:
    """Start the command; returns when it runs or has failed to.

    An embryo is told to be it, unless the child has to do something first that cannot be told.
    Raises: TurnInto, in the child only.
    """
    order = _Order(spec.argv, spec.environment, spec.working_dir, spec.program)
    if embryo is None or spec.join is not None or spec.enter is not None:
        return _start_afresh(spec, order)
    try:
        text = msgspec.json.encode(order)
    except UnicodeEncodeError:  # a path of this host that is no text
        return _start_afresh(spec, order)
    with suppress(BrokenPipeError):  # somebody killed it
        while text:
            text = text[os.write(embryo.order, text) :]
    os.close(embryo.order)
    return _started(embryo.pid, embryo.note, embryo.stdout, embryo.stderr, embryo.last)


def _start_afresh(spec: ProcessSpec, order: _Order) -> Started:
    parent = os.getpid()
    last = LastWord()
    (told, note), (stdout, out), (stderr, err) = (os.pipe() for _ in range(3))
    pid = os.fork()
    if pid == 0:
        with _reporting(note):
            _separate(parent, out, err)
            if spec.join is not None:
                spec.join()
            if spec.enter is not None:
                spec.enter()
            _become(order, last)
    for descriptor in (note, out, err):
        os.close(descriptor)
    return _started(pid, told, stdout, stderr, last)


def _started(pid: int, note: int, stdout: int, stderr: int, last: LastWord) -> Started:
    error = _read_all(note).decode(errors="replace")
    os.close(note)
    for descriptor in (stdout, stderr):
        os.set_blocking(descriptor, False)
    return Started(pid=pid, stdout=stdout, stderr=stderr, last=last, error=error)


def _read_all(descriptor: int) -> bytes:
    text = b""
    while chunk := os.read(descriptor, 1 << 16):
        text += chunk
    return text


@contextmanager
def _reporting(note: int) -> Iterator[None]:
    """The boundary of a forked child: it must not run on, and says what was wrong."""
    try:
        yield
    except TurnInto:
        raise
    except BaseException as error:  # noqa: BLE001 - see above
        with suppress(OSError):
            os.write(note, str(error).encode(errors="replace"))
    os._exit(NOT_STARTED)


def _separate(parent: int, stdout: int, stderr: int) -> None:
    """A process group of its own that dies with its parent, default signals, the streams."""
    linux.die_with_parent(parent)
    os.setpgid(0, 0)
    signal.set_wakeup_fd(-1)
    for number in HANDLED:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    null = os.open(os.devnull, os.O_RDONLY)
    for target, descriptor in enumerate((null, stdout, stderr)):
        os.dup2(descriptor, target)
    os.umask(UMASK)


def _become(order: _Order, last: LastWord) -> NoReturn:
    """Raises: TurnInto; OSError if there is no such program or directory."""
    os.chdir(order.working_dir)
    if order.program is not None:
        _close_all_but_streams()
        gc.freeze()  # what the supervisor leaves is not collected: it would close numbers that mean something else then
        last.take()
        raise TurnInto(order.program, order.environment, last)
    program = find_program(order.argv[0], order.environment)
    os.execve(program, order.argv, order.environment)  # noqa: S606 - the user's command


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


def kill_descendants(leaving: int | None = None) -> None:
    """KILL everything below the calling process, a subreaper, until nothing is left but one that leaves; reaps it."""
    while True:
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        if leaving is not None and is_alone(leaving, frozenset()):
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
