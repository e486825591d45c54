"""`report`: the page of a run, from its artifacts or made from what there is."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import webbrowser
from collections import deque
from pathlib import Path
from typing import Annotated

import typer

from setpoint.apis.argo import Workflow
from setpoint.apis.errors import InvalidSpec, SetpointError, Unavailable
from setpoint.cli._context import ContextOption, HomeOption, NamespaceOption, WorkflowArgument, find_place, run_async
from setpoint.cli._report import failed_pods
from setpoint.wiring.session import Need, Session

app = typer.Typer(add_completion=False)

_ARTIFACT = "report"
_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_TAIL_LINES = 15
_PDF_SECONDS = 120


@app.command()
def report(
    name: WorkflowArgument,
    output: Annotated[
        str, typer.Option("-o", "--output", metavar="FILE", help="Where to write; - for stdout.", show_default=False)
    ] = "",
    open_: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
    pdf: Annotated[
        Path | None, typer.Option("--pdf", metavar="FILE", help="Also as PDF; needs Chromium.", show_default=False)
    ] = None,
    namespace: NamespaceOption = "",
    context: ContextOption = "",
    home: HomeOption = None,
) -> None:
    """Write the report of a run: one page that needs no network. Written to RUN.html unless `-o` says where.

    `setpoint report @latest --open`, `setpoint report process-control-x7k2p -o report.html`
    """
    if open_ and output == "-":
        raise InvalidSpec("--open needs a file, and -o - writes none", path="--open")
    browser = _browser() if pdf is not None else ""
    place = find_place(home, namespace, context)

    async def main() -> tuple[str, bytes]:
        async with place.open(Need.READ) as session:
            workflow = await session.verbs.get(place.namespace, name)
            return workflow.metadata.name, await _page(session, workflow)

    found, page = run_async(main)
    if pdf is not None:
        _print_pdf(browser, page, pdf)
        typer.echo(f"pdf: {pdf}", err=output == "-")
    if output == "-":
        typer.echo(page.decode(), nl=False)
        return
    if pdf is not None and not output and not open_:
        return
    target = Path(output or f"{found}.html")
    _write(target, page)
    typer.echo(f"report: {target}")
    if open_ and not webbrowser.open(target.resolve().as_uri()):
        typer.echo("warning: no browser was found to open it", err=True)


async def _page(session: Session, workflow: Workflow) -> bytes:
    """The stored page of the run; without one, a page made from the Workflow."""
    from setpoint.components.run_summary.page import is_page  # noqa: PLC0415  (start-up: jinja2)

    outputs = workflow.status.outputs
    if outputs is not None and any(item.name == _ARTIFACT for item in outputs.artifacts):
        namespace, name = workflow.metadata.namespace, workflow.metadata.name
        try:
            page = b"".join([chunk async for chunk in session.verbs.artifact(namespace, name, _ARTIFACT)])
        except SetpointError as error:  # collected, or a directory of another pipeline's
            typer.echo(f"note: the stored report cannot be read, made anew: {error}", err=True)
        else:
            if is_page(page):
                return page
    return await _made(session, workflow)


async def _made(session: Session, workflow: Workflow) -> bytes:
    from setpoint.components.run_summary.component import versions  # noqa: PLC0415  (start-up: jinja2)
    from setpoint.components.run_summary.facts import facts_of  # noqa: PLC0415
    from setpoint.components.run_summary.page import render_page  # noqa: PLC0415

    status = workflow.status
    facts = facts_of(workflow, status=status.phase.value, now=status.finished_at or session.clock.now())
    logs: dict[str, str] = {}
    for node in failed_pods(workflow):
        tail: deque[str] = deque(maxlen=_TAIL_LINES)
        try:
            async for line in session.verbs.logs(workflow.metadata.namespace, workflow.metadata.name, pod_name=node.id):
                tail.append(line.content)
        except SetpointError as error:
            tail.append(f"(its log cannot be read: {error})")
        shown = node.display_name or node.name
        parents = [item.display_name for item in status.nodes.values() if node.id in item.children]
        step = next((item for item in parents if facts.step(item)), shown) if not facts.step(shown) else shown
        logs[step] = "\n".join(tail)
    return render_page(facts, versions=versions(), logs=logs).encode()


def _write(target: Path, page: bytes) -> None:
    draft = target.with_name(f".{target.name}.part")
    try:
        draft.write_bytes(page)
        draft.replace(target)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise InvalidSpec(f"{target} cannot be written: {error.strerror or error}", path="--output") from error


def _browser() -> str:
    found = next((path for name in _BROWSERS if (path := shutil.which(name))), None)
    if found is None:
        raise InvalidSpec(
            "a PDF needs Chromium, and none of "
            + ", ".join(_BROWSERS)
            + " is on the PATH; print the page from a browser",
            path="--pdf",
        )
    return found


def _print_pdf(browser: str, page: bytes, target: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="setpoint-report-") as space:
        source, drawn = Path(space) / "report.html", Path(space) / "report.pdf"
        source.write_bytes(page)
        command = [browser, "--headless", "--disable-gpu", "--no-pdf-header-footer", f"--user-data-dir={space}/profile"]
        if os.geteuid() == 0:  # Chromium's sandbox refuses root
            command.append("--no-sandbox")
        command += [f"--print-to-pdf={drawn}", source.as_uri()]
        try:
            ended = subprocess.run(command, capture_output=True, timeout=_PDF_SECONDS, check=False)  # noqa: S603
        except (OSError, subprocess.TimeoutExpired) as error:
            raise Unavailable(f"{browser} did not print the page: {error}") from error
        if not drawn.is_file():
            last = ended.stderr.decode(errors="replace").strip().splitlines()[-1:] or ["no message"]
            raise Unavailable(f"{browser} did not print the page: {last[0]}")
        _write(target, drawn.read_bytes())
