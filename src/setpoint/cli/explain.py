"""`explain`: what a workflow would do, as text, picture or JSON, without running it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.text import Text

from setpoint.apis.argo import CronWorkflow, TemplateCatalog, TemplateLayers, TemplateSource, Workflow, WorkflowTemplate
from setpoint.apis.errors import InvalidSpec, Location
from setpoint.apis.meta import Resource
from setpoint.cli._context import (
    ContextOption,
    HomeOption,
    NamespaceOption,
    ParameterOption,
    find_place,
    parse_parameters,
)
from setpoint.cli._findings import tell
from setpoint.cli._manifests import Manifest, read_manifest
from setpoint.cli._stored import StoredTemplates
from setpoint.cli._validation import EXIT_INVALID
from setpoint.core.explain import Case, Explanation, Items, Task, draw
from setpoint.core.explain import explain as explain_workflow
from setpoint.operations.lint import Report, lint_resource

app = typer.Typer(add_completion=False)

_SHOWN_CASES = 8
_LONGEST = 100


class ExplainOutput(StrEnum):
    """Values of `-o`."""

    TEXT = "text"
    SVG = "svg"
    JSON = "json"


@app.command()
def explain(
    target: Annotated[str, typer.Argument(metavar="FILE|NAME", help="Manifest, - for stdin, or a shipped template.")],
    parameter: ParameterOption = None,
    output: Annotated[
        ExplainOutput, typer.Option("-o", "--output", help="text, svg or json.", show_default=False)
    ] = ExplainOutput.TEXT,
    namespace: NamespaceOption = "",
    context: ContextOption = "",
    home: HomeOption = None,
) -> None:
    """Show what a workflow would do without running it: which tasks, how many, with which arguments.

    `setpoint explain wf.yaml -p message=hi`, `setpoint explain process-control -o svg > process-control.svg`
    """
    place = find_place(home, namespace, context)
    manifest = read_manifest(target, parse_parameters(parameter), namespace=place.namespace)
    own = TemplateCatalog.of(manifest.resources)
    templates = TemplateLayers(own, StoredTemplates(place))
    _refuse(manifest, templates)
    workflows = list(_workflows(manifest.resources))
    if not workflows:
        raise InvalidSpec("holds no workflow with an entrypoint", location=Location(file=manifest.name))
    explained = [explain_workflow(workflow, templates, kind=kind) for kind, workflow in workflows]
    match output:
        case ExplainOutput.SVG:
            typer.echo(draw(explained), nl=False)
        case ExplainOutput.JSON:
            body = explained[0] if len(explained) == 1 else explained
            typer.echo(msgspec.json.format(msgspec.json.encode(body), indent=2).decode())
        case ExplainOutput.TEXT:
            console = Console()
            for number, item in enumerate(explained):
                console.print(*([""] if number else []), *render(item), sep="\n", soft_wrap=True)


def _refuse(manifest: Manifest, templates: TemplateSource) -> None:
    """Leave with exit code 2 if lint finds anything that a cluster refuses too."""
    report = Report()
    for resource, document in zip(manifest.resources, manifest.documents, strict=True):
        report += lint_resource(resource, templates, document=document)
    if report.invalid:
        tell(Report(errors=report.invalid), {manifest.name: manifest.text})
        raise typer.Exit(EXIT_INVALID)


def _workflows(resources: Sequence[Resource]) -> Iterator[tuple[str, Workflow]]:
    """(kind, workflow) of all that runs; of templates only where nothing else is there."""
    runs = [item for item in resources if isinstance(item, Workflow | CronWorkflow)]
    for item in runs or resources:
        if isinstance(item, Workflow):
            yield item.KIND, item
        elif isinstance(item, CronWorkflow):
            yield item.KIND, Workflow(metadata=item.metadata, spec=item.spec.workflow_spec)
        elif isinstance(item, WorkflowTemplate) and item.spec.entrypoint:
            yield item.KIND, Workflow(metadata=item.metadata, spec=item.spec)


def render(item: Explanation) -> list[Text]:
    """Lines for people: a head, the parameters, the tree, and what runs at the end."""
    head = Text(item.name, style="bold")
    head.append(f"  {item.kind}", style="dim")
    lines = [head]
    for name, value in item.parameters.items():
        lines.append(Text(f"  {name} = ", style="dim").append("?" if value is None else _short(value)))
    lines += _tree(item.entry, "", "", "")
    for handler in item.handlers:
        lines += _tree(handler, "", "", "on ")
    return lines


def _tree(task: Task, first: str, rest: str, before: str) -> Iterator[Text]:
    """The task's line, its details, and what is below it; `first` and `rest` are the rails of its lines."""
    below = [("", child) for child in task.tasks] + [("on ", handler) for handler in task.handlers]
    yield Text(first, style="dim") + _title(task, before)
    rail = rest + ("│ " if below else "  ")
    for detail in _details(task):
        yield Text(rail + "  ", style="dim") + detail
    for index, (word, child) in enumerate(below):
        last = index == len(below) - 1
        yield from _tree(child, rest + ("└─" if last else "├─"), rest + ("  " if last else "│ "), word)


def _title(task: Task, before: str) -> Text:
    style = "dim" if task.runs is False else ""
    text = Text(f"{before}{task.name}", style=style or "bold")
    if task.items is not None:
        text.append(f" {task.items.times}", style="cyan")
    template = f"  {task.template}" if task.template and task.template != task.name else ""
    text.append(f"{template}  {task.type or 'template decided while it runs'}", style="dim")
    if task.again:
        text.append("  (again, see above)", style="dim")
    if task.after or task.depends:
        text.append(f"  after {task.depends or ', '.join(task.after)}", style="dim")
    if task.runs is False:
        text.append("  does not run", style="yellow")
    return text


def _details(task: Task) -> Iterator[Text]:
    if task.when:
        verdict = {True: "true", False: "false", None: "decided while it runs"}[task.runs]
        yield Text(f"if {_short(task.when)}  ", style="yellow").append(f"({verdict})", style="dim")
    if task.items is not None:
        yield from _loop(task.items)
    for name, value in task.arguments.items():
        yield Text(f"{name} = ", style="dim").append(_short(value))
    if task.notes:
        yield Text(", ".join(task.notes), style="dim")


def _loop(items: Items) -> Iterator[Text]:
    yield Text(f"for each item of {_short(items.source)}", style="cyan")
    for case in items.cases[:_SHOWN_CASES]:
        yield _case(case)
    count = items.count or 0
    if count > _SHOWN_CASES:
        yield Text(f"  … {count - _SHOWN_CASES} more", style="dim")


def _case(case: Case) -> Text:
    said = ", ".join(f"{name} = {_short(value)}" for name, value in case.arguments.items())
    text = Text(f"  {case.name}", style="dim" if case.runs is False else "")
    text.append(f"  {said}" if said else "", style="dim")
    return text.append("  does not run", style="yellow") if case.runs is False else text


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"
