"""The command line; the only place that prints for people.

Exit codes: 0 Succeeded, 1 Failed or Error, 2 invalid input, 130 stopped by Ctrl-C.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from setpoint import __version__
from setpoint.apis import errors
from setpoint.cli._app import LazyGroup

__all__ = ["main"]

EXIT_FAILED, EXIT_INVALID = 1, 2
COLLECT_EVERY = 200_000
"""New containers between two searches for garbage. At Python's 700, the searches are a tenth of every start."""

app = typer.Typer(
    cls=LazyGroup,
    no_args_is_help=True,
    add_completion=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"setpoint {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Run Argo Workflow and KServe manifests on this machine: no cluster, no containers.

    Try `setpoint run process-control` (the shipped pipeline on the built-in plant),
    `setpoint run hello.yaml -p name=world` (any Argo Workflow), or
    `setpoint up --detach` and `setpoint list` (a control plane that stays).
    """


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; what a caller may meet is said in one line, never a traceback.

    Args:
        argv: The words after `setpoint`; None takes those of this process.
    """
    gc.set_threshold(COLLECT_EVERY)
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        typer.main.get_command(app)(arguments, prog_name="setpoint")
    except SystemExit as leave:
        return leave.code if isinstance(leave.code, int) else EXIT_FAILED
    except errors.Transient as error:
        return _say(error, EXIT_FAILED)
    except errors.InvariantViolation as error:
        return _say(f"this is a bug of Setpoint, please report it: {error}", EXIT_FAILED)
    except errors.SetpointError as error:
        return _say(error, EXIT_INVALID)
    except BrokenPipeError:
        return EXIT_FAILED
    except OSError as error:
        return _say(error, EXIT_FAILED)
    return 0


def _say(message: object, code: int) -> int:
    typer.echo(f"error: {message}", err=True)
    return code
