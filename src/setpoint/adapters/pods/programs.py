"""Python programs that a fork of a running interpreter can be, in place of a fresh one.

To start an interpreter takes longer than most steps have to do. What a fork would do otherwise than a fresh one is
either put right here or makes it start afresh: options but `-u` and `-c`, variables that are read at the start, another
interpreter, limits. What stays different: modules of Setpoint and of the standard library are in `sys.modules`
already, the seed of `hash` is that of the process it was forked from, and `/proc/<pid>/cmdline` is not the program's.
Source: docs.python.org, "Command line and environment"; CPython 3.11, Modules/main.c and Python/pylifecycle.c.
"""

from __future__ import annotations

import builtins
import gc
import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from importlib.machinery import BuiltinImporter, SourceFileLoader
from pathlib import Path
from types import ModuleType

import msgspec

_READ_AT_START = ("PYTHON", "LD_", "MALLOC_", "GLIBC_", "LANG", "LC_", "HOME")
_OWN = frozenset({"PYTHONUNBUFFERED", "LANG", "HOME"})  # those every container gets, as this process did


class EntryPoint(msgspec.Struct, frozen=True, tag=True):
    """The console script of an installed package: `module:function`."""

    name: str
    argv: tuple[str, ...]

    def run(self) -> object:
        """Call the function."""
        module, _, name = self.name.partition(":")
        return getattr(import_module(module), name)()

    def finish(self) -> None:
        """Nothing: its packages close what they open."""


_known: frozenset[str] = frozenset()
"""Modules that were imported before the program was."""


class Script(msgspec.Struct, frozen=True, tag=True):
    """A script, or what stood behind `-c`, which is UTF-8 whatever it says.

    `executable` is the interpreter it would be run by.
    """

    argv: tuple[str, ...]
    source: bytes
    executable: str

    def run(self) -> object:
        """Be `__main__`. An uncaught exception is shown as the interpreter shows it, without what runs it here."""
        global _known
        _known = frozenset(sys.modules)
        for number, action in ((signal.SIGINT, signal.default_int_handler), (signal.SIGPIPE, signal.SIG_IGN)):
            signal.signal(number, action)
        with suppress(AttributeError):  # not on this system
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        time.tzset()
        sys.executable = self.executable
        main = _main_module("" if self.argv[0] == "-c" else self.argv[0])
        source = self.source.decode("utf-8", "surrogateescape") if self.argv[0] == "-c" else self.source
        try:
            code = compile(source, getattr(main, "__file__", "<string>"), "exec", dont_inherit=True)
        except (SyntaxError, ValueError) as error:
            sys.excepthook(type(error), error.with_traceback(None), None)
            return 1
        try:
            exec(code, main.__dict__)  # noqa: S102 - the user's program, in a process of its own
        except SystemExit:
            raise
        except BaseException as error:  # noqa: BLE001 - the top of a program
            trace = error.__traceback__.tb_next if error.__traceback__ is not None else None
            sys.excepthook(type(error), error.with_traceback(trace), trace)
            if isinstance(error, KeyboardInterrupt):
                signal.signal(signal.SIGINT, signal.SIG_DFL)
                os.kill(os.getpid(), signal.SIGINT)
            return 1
        return 0

    def finish(self) -> None:
        """Let go of what the program made, so that files are flushed and finalizers run; the imported stays."""
        modules = [module for name, module in tuple(sys.modules.items()) if name not in _known]
        for module in (sys.modules["__main__"], *modules):
            names = getattr(module, "__dict__", {})
            for name in sorted(names, key=lambda name: not (name.startswith("_") and not name.startswith("__"))):
                if name != "__builtins__":
                    names[name] = None
        gc.collect()


Program = EntryPoint | Script
"""What a forked child turns into at the bottom of its stack: `run`, then, after its exit handlers, `finish`."""


def script_of(argv: Sequence[str], environment: Mapping[str, str], program: str, working_dir: str) -> Script | None:
    """What a fork of this interpreter can run in place of `program` with these arguments; None if it must be started.

    Args:
        argv: Words of the command, the program's name first.
        environment: All its variables.
        program: The file that the first word was found to be.
        working_dir: Where relative paths start.
    """
    if not _is_this_interpreter(program) or _started_otherwise(environment):
        return None
    words = list(argv[1:])
    while words and words[0] == "-u":
        words.pop(0)
    source = b""
    if len(words) >= 2 and words[0] == "-c":
        source, words = os.fsencode(words[1]), ["-c", *words[2:]]
    elif words and not words[0].startswith("-") and not words[0].endswith(".pyc"):
        with suppress(OSError):  # the interpreter says what is wrong with it
            path = Path(working_dir, words[0])
            source = path.read_bytes() if path.is_file() else b""
    if not source or b"\0" in source:
        return None
    return Script(argv=tuple(words), source=source, executable=program)


def _is_this_interpreter(program: str) -> bool:
    own = Path(sys.executable)
    with suppress(OSError):
        return Path(program).parent == own.parent and Path(program).samefile(own)
    return False


def _started_otherwise(environment: Mapping[str, str]) -> bool:
    for name, value in environment.items():
        if name.startswith(_READ_AT_START) and not (name in _OWN and value == os.environ.get(name, "1")):
            return True
    return False


def _main_module(file: str) -> ModuleType:
    """A fresh `__main__`, with the path that a program of that file, or of none, finds its modules on."""
    main = sys.modules["__main__"] = ModuleType("__main__")
    main.__dict__.update(__builtins__=builtins, __annotations__={})
    if file:
        main.__file__ = str(Path.cwd() / file)
        main.__loader__ = SourceFileLoader("__main__", main.__file__)
        main.__dict__["__cached__"] = None
        sys.path.insert(0, str(Path(os.path.realpath(file)).parent))
    else:
        main.__loader__ = BuiltinImporter
        sys.path.insert(0, "")
    return main
