"""What lint found, for people (with the line it is about), for programs, and for GitHub's annotations."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import typer

from setpoint.apis.errors import InvalidSpec, Location
from setpoint.operations.lint import Report

_WORD = re.compile(r"[^\s:,\[\]{}]+")
_WIDTH = 110
_STYLES = {"error": typer.colors.RED, "warning": typer.colors.YELLOW}

Sources = Mapping[str, str]
"""Name of a file, as findings give it, to its text."""


def findings(report: Report) -> list[tuple[str, InvalidSpec]]:
    """(severity, finding): errors first, each in the order of the files."""
    return [*(("error", item) for item in report.errors), *(("warning", item) for item in report.warnings)]


def tell(report: Report, sources: Sources) -> None:
    """All findings on stderr, each with the line it is about where that is known."""
    lines = {name: text.splitlines() for name, text in sources.items()}
    for severity, finding in findings(report):
        typer.secho(severity, fg=_STYLES[severity], bold=True, nl=False, err=True)
        typer.echo(f": {finding}", err=True)
        for line in excerpt(finding.location, lines):
            typer.secho(line, dim=True, err=True)


def excerpt(place: Location | None, sources: Mapping[str, list[str]]) -> Iterator[str]:
    """The line with its number, and a mark below what is meant; nothing if the place is not known.

    >>> list(excerpt(Location(file="f", line=2, column=3), {"f": ["a:", "  b: 1"]}))
    ['    2 |   b: 1', '      |   ^']
    """
    if place is None or place.line is None or place.column is None:
        return
    lines = sources.get(place.file, [])
    if place.line > len(lines):
        return
    line, at = lines[place.line - 1].replace("\t", " "), place.column - 1
    word = _WORD.match(line, at)
    length = len(word[0]) if word else 1
    if len(line) > _WIDTH:  # JSON on one line: a window around the place
        start = max(0, min(at - _WIDTH // 3, len(line) - _WIDTH))
        line, at = line[start : start + _WIDTH], at - start
    yield f"{place.line:5} | {line}"
    yield f"{'':5} | {' ' * at}{'^' * min(length, _WIDTH - at)}"


def as_wire(severity: str, finding: InvalidSpec) -> dict[str, object]:
    """A finding for programs."""
    place = finding.location
    return {
        "severity": severity,
        "file": place.file if place else "",
        "line": place.line if place else None,
        "column": place.column if place else None,
        "path": finding.path,
        "reason": finding.reason,
        "allowed": list(finding.allowed),
    }


def github_line(severity: str, finding: InvalidSpec) -> str:
    """A workflow command of GitHub Actions, which shows the finding at its line of a pull request.

    >>> github_line("error", InvalidSpec("50% wrong", path="a", location=Location(file="f,1.yaml", line=2, column=3)))
    '::error file=f%2C1.yaml,line=2,col=3,title=a::50%25 wrong'
    """
    place = finding.location
    known = {
        "file": place.file if place else None,
        "line": place.line if place else None,
        "col": place.column if place else None,
        "title": finding.path or "manifest",
    }
    properties = ",".join(f"{key}={_property(str(value))}" for key, value in known.items() if value is not None)
    allowed = f" (allowed: {', '.join(finding.allowed)})" if finding.allowed else ""
    return f"::{severity} {properties}::{_data(finding.reason + allowed)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
