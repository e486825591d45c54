"""`lint`: check manifests without running them."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from setpoint.apis.argo import TemplateCatalog, TemplateLayers, TemplateSource
from setpoint.apis.errors import InvalidSpec, Location
from setpoint.apis.kinds import KINDS
from setpoint.apis.manifest import Document, decode_document, load_documents
from setpoint.apis.meta import Resource
from setpoint.cli._context import ContextOption, HomeOption, NamespaceOption, Place, find_place
from setpoint.cli._findings import as_wire, findings, github_line, tell
from setpoint.cli._manifests import MANIFEST_SUFFIXES
from setpoint.cli._output import Output, render_document
from setpoint.cli._stored import StoredTemplates
from setpoint.cli._validation import EXIT_INVALID
from setpoint.operations.lint import Report
from setpoint.operations.lint import lint as lint_documents

app = typer.Typer(add_completion=False)


class LintOutput(StrEnum):
    """Values of `-o`."""

    TEXT = "text"
    JSON = "json"
    YAML = "yaml"
    GITHUB = "github"


LintTargets = Annotated[list[str], typer.Argument(metavar="FILE|DIR...", help="Manifests, or - for stdin.")]
LintOutputOption = Annotated[
    LintOutput,
    typer.Option("-o", "--output", help="text, json, yaml, or github (annotations).", show_default=False),
]


@app.command()
def lint(
    targets: LintTargets,
    output: LintOutputOption = LintOutput.TEXT,
    kinds: Annotated[str, typer.Option("--kinds", help="Kinds to check, by commas; all if not given.")] = "",
    offline: Annotated[bool, typer.Option("--offline", help="Templates that are stored do not count.")] = False,
    namespace: NamespaceOption = "",
    context: ContextOption = "",
    home: HomeOption = None,
) -> None:
    """Check manifests without running them: every problem with file, line, column and field path.

    Templates of all files given know each other; those that are stored are known too, here or in the cluster.
    `setpoint lint wf.yaml`, `setpoint lint manifests/ -o json`, `setpoint lint wf.yaml --context plant`
    """
    wanted = [KINDS.find(word.strip()) for word in kinds.split(",") if word.strip()]
    lint_files(targets, output, find_place(home, namespace, context), kinds=wanted, offline=offline)


def lint_files(
    targets: Sequence[str],
    output: LintOutput,
    place: Place,
    *,
    kinds: Sequence[type[Resource]] = (),
    offline: bool = False,
) -> None:
    """Check the files, tell what is wrong in the wanted form, and leave with exit code 2 if anything is.

    Args:
        targets: Files and directories.
        output: The form.
        place: Whose stored templates are known. What only this machine cannot do is right for a cluster.
        kinds: Which are checked; none means all. Templates of the others are known still.
        offline: No stored templates.
    """
    report = Report()
    documents: list[Document] = []
    sources = {name: text for target in targets for name, text in _texts(target)}
    for name, text in sources.items():
        try:
            documents += load_documents(text, name)
        except InvalidSpec as error:  # the other files are still worth checking
            report += Report(errors=(error,))
    stored: TemplateSource = TemplateCatalog() if offline else StoredTemplates(place)
    names = {kind.KIND for kind in kinds}
    others = [document for document in documents if names and document.kind not in names]
    chosen = [document for document in documents if not names or document.kind in names]
    report += lint_documents(chosen, TemplateLayers(_catalog(others), stored))
    if place.cluster is not None:
        report = Report(errors=report.invalid, warnings=report.warnings)
    match output:
        case LintOutput.TEXT:
            tell(report, sources)
            typer.echo(_summary(report, len(sources)), err=not report.ok)
        case LintOutput.GITHUB:
            for severity, finding in findings(report):
                typer.echo(github_line(severity, finding))
        case LintOutput.JSON | LintOutput.YAML:
            typer.echo(render_document([as_wire(*item) for item in findings(report)], Output(output.value)))
    if not report.ok:
        raise typer.Exit(EXIT_INVALID)


def _catalog(documents: Sequence[Document]) -> TemplateCatalog:
    """Templates of documents that are not checked; what cannot be read is none."""
    found = []
    for document in documents:
        with suppress(InvalidSpec):
            found.append(decode_document(document))
    return TemplateCatalog.of(found)


def _summary(report: Report, files: int) -> str:
    said = [_count(len(report.errors), "error") if report.errors else "no error"]
    said += [_count(len(report.warnings), "warning")] if report.warnings else []
    return f"{_count(files, 'file')} checked, {', '.join(said)}"


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"


def _texts(target: str) -> list[tuple[str, str]]:
    """Name and text of each file meant."""
    if target == "-":
        return [("<stdin>", sys.stdin.read())]
    path = Path(target)
    files = [path]
    if path.is_dir():
        files = sorted(item for item in path.rglob("*") if item.suffix in MANIFEST_SUFFIXES and not _hidden(item, path))
    if not files:
        raise InvalidSpec(f"holds no file ending in {', '.join(MANIFEST_SUFFIXES)}", location=Location(file=target))
    return [(str(item), _read(item)) for item in files]


def _hidden(file: Path, below: Path) -> bool:
    """Whether it lies in a directory such as `.git`, or is hidden itself."""
    return any(part.startswith(".") for part in file.relative_to(below).parts)


def _read(file: Path) -> str:
    place = Location(file=str(file))
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise InvalidSpec("there is no such file", location=place) from error
    except UnicodeDecodeError as error:
        raise InvalidSpec("is not a text file", location=place) from error
    except PermissionError as error:
        raise InvalidSpec("may not be read by this user", location=place) from error
