"""`lint`: check manifests without running them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from setpoint.apis.errors import InvalidSpec, Location
from setpoint.apis.manifest import Document, load_documents
from setpoint.cli._output import Output, OutputOption, render_document
from setpoint.cli._validation import EXIT_INVALID, as_wire, tell
from setpoint.operations.lint import Report
from setpoint.operations.lint import lint as lint_documents

app = typer.Typer(add_completion=False)

_SUFFIXES = (".yaml", ".yml", ".json")


@app.command()
def lint(
    targets: Annotated[list[str], typer.Argument(metavar="FILE|DIR...", help="Manifests, or - for stdin.")],
    output: OutputOption = Output.TABLE,
) -> None:
    """Check manifests without running them: every problem with file, line, column and field path.

    `setpoint lint wf.yaml`, `setpoint lint manifests/ -o json`
    """
    report, count = Report(), 0
    documents: list[Document] = []
    for name, text in (item for target in targets for item in _texts(target)):
        count += 1
        try:
            documents += load_documents(text, name)
        except InvalidSpec as error:  # the other files are still worth checking
            report += Report(errors=(error,))
    report += lint_documents(documents)
    if output in (Output.JSON, Output.YAML):
        findings = [as_wire(item, "error") for item in report.errors]
        findings += [as_wire(item, "warning") for item in report.warnings]
        typer.echo(render_document(findings, output))
    else:
        tell(report)
        if report.ok:
            typer.echo(f"{count} file{'s' if count != 1 else ''} checked, no error")
    if not report.ok:
        raise typer.Exit(EXIT_INVALID)


def _texts(target: str) -> list[tuple[str, str]]:
    """Name and text of each file meant."""
    if target == "-":
        return [("<stdin>", sys.stdin.read())]
    path = Path(target)
    files = sorted(item for item in path.rglob("*") if item.suffix in _SUFFIXES) if path.is_dir() else [path]
    if not files:
        raise InvalidSpec(f"holds no file ending in {', '.join(_SUFFIXES)}", location=Location(file=target))
    try:
        return [(str(item), item.read_text(encoding="utf-8")) for item in files]
    except FileNotFoundError as error:
        raise InvalidSpec("there is no such file", location=Location(file=str(error.filename))) from error
    except UnicodeDecodeError as error:
        raise InvalidSpec("is not a text file", location=Location(file=target)) from error
