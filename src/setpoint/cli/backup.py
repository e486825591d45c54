"""`backup` and `restore`: a state directory as one file, and back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from setpoint import __version__
from setpoint.cli._context import HomeOption
from setpoint.wiring.backup import back_up, restore
from setpoint.wiring.settings import load_settings

backup_app = typer.Typer(add_completion=False)
restore_app = typer.Typer(add_completion=False)


@backup_app.command()
def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to write; there must be none yet.")],
    without_artifacts: Annotated[
        bool, typer.Option("--without-artifacts", help="Leave out the artifacts of workflows, the largest part.")
    ] = False,
    home: HomeOption = None,
) -> None:
    """Copy a state directory into one file: objects, journal, archive, artifacts, models, logs and keys.

    A control plane may be at work meanwhile. Keep the file safe: whoever has it has the keys.
    `setpoint backup plant.tar`, `setpoint backup plant.tar --without-artifacts`
    """
    settings = load_settings(home)
    made = back_up(settings, file, version=__version__, artifacts=not without_artifacts)
    typer.echo(f"{file}: {len(made.files)} files, {made.total_bytes / (1 << 20):.1f} MiB, of {settings.home}")


@restore_app.command("restore")
def restore_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What `setpoint backup` has written.")],
    home: HomeOption = None,
) -> None:
    """Make a state directory of a backup, in a directory that is not there yet, or empty.

    `setpoint restore plant.tar --home /srv/plant && setpoint up --home /srv/plant`
    """
    settings = load_settings(home)
    made = restore(file, settings.home)
    typer.echo(f"{settings.home}: {len(made.files)} files of {made.created}, made by setpoint {made.setpoint}")
