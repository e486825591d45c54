"""`convert`: manifests of older Argo in the present form."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from setpoint.apis.errors import InvalidSpec, Location
from setpoint.apis.manifest.rewrite import convert_text

app = typer.Typer(add_completion=False)


@app.command()
def convert(
    files: Annotated[list[str], typer.Argument(metavar="FILE...", help="Manifests, or - for stdin.")],
    write: Annotated[
        bool, typer.Option("--write", "-w", help="Write the files; else the result is printed.", show_default=False)
    ] = False,
) -> None:
    """Rewrite manifests of Argo 3.5 to 3.7: `schedule`, `mutex` and `semaphore` become lists. Comments stay.

    `setpoint convert old.yaml > new.yaml`, `setpoint convert --write workflows/*.yaml`
    """
    if write and "-" in files:
        raise InvalidSpec("standard input cannot be written back", path="--write")
    converted = [(file, text, convert_text(text, file)) for file in files for text in (_read(file),)]
    for index, (file, text, new) in enumerate(converted):
        if not write:
            typer.echo(("---\n" if index else "") + new, nl=not new.endswith("\n"))
        elif new != text:
            _replace(Path(file), new)
            typer.echo(f"{file} rewritten", err=True)
        else:
            typer.echo(f"{file} has the present form", err=True)


def _read(file: str) -> str:
    if file == "-":
        return sys.stdin.read()
    try:
        return Path(file).read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise InvalidSpec("there is no such file", location=Location(file=file)) from error
    except (IsADirectoryError, UnicodeDecodeError) as error:
        raise InvalidSpec("is not a YAML or JSON file", location=Location(file=file)) from error


def _replace(path: Path, text: str) -> None:
    """All of it or nothing; the file keeps its mode."""
    draft = path.with_name(f".{path.name}.part")
    draft.write_text(text, encoding="utf-8")
    draft.chmod(path.stat().st_mode & 0o7777)
    draft.replace(path)
