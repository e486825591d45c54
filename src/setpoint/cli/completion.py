"""`completion`: the script by which a shell completes commands, options and names."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

app = typer.Typer(add_completion=False)


class Shell(StrEnum):
    """Shells that are known."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


@app.command()
def completion(shell: Annotated[Shell, typer.Argument(help="bash, zsh or fish.")]) -> None:
    """Print the script that completes commands, options, contexts, kinds and names of workflows.

    `setpoint completion bash >> ~/.bashrc`, `setpoint completion fish > ~/.config/fish/completions/setpoint.fish`
    """
    from typer._completion_shared import get_completion_script  # noqa: PLC0415  only here

    typer.echo(get_completion_script(prog_name="setpoint", complete_var="_SETPOINT_COMPLETE", shell=shell.value))
