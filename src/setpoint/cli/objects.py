"""`get`, `list`, `delete`: objects of any kind."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

from setpoint.apis.argo import Workflow
from setpoint.apis.errors import InvalidSpec
from setpoint.apis.kinds import KINDS
from setpoint.apis.meta import Resource
from setpoint.cli._context import HomeOption, NamespaceOption, run_async
from setpoint.cli._output import Output, OutputOption, print_objects
from setpoint.cli._tree import render_tree
from setpoint.wiring.session import Need, Session, open_session
from setpoint.wiring.settings import load_settings

_Target = Annotated[list[str], typer.Argument(metavar="[KIND] NAME | KIND/NAME", help="Kind defaults to workflow.")]


def parse_target(words: list[str]) -> tuple[type[Resource], str]:
    """`["x"]`, `["wf", "x"]` or `["wf/x"]` as kind and name.

    Raises:
        InvalidSpec: Something else, or an unknown kind.
    """
    match words:
        case [word] if "/" in word:
            kind, _, name = word.partition("/")
            return KINDS.find(kind), name
        case [name]:
            return Workflow, name
        case [kind, name]:
            return KINDS.find(kind), name
    raise InvalidSpec(f"{' '.join(words)!r} is not NAME, KIND NAME or KIND/NAME")


get_app = typer.Typer(add_completion=False)
list_app = typer.Typer(add_completion=False)
delete_app = typer.Typer(add_completion=False)


@get_app.command()
def get(
    target: _Target,
    output: OutputOption = Output.TABLE,
    namespace: NamespaceOption = "default",
    home: HomeOption = None,
) -> None:
    """Show one object; a workflow as its tree.

    `setpoint get process-control-x7k2p`, `setpoint get isvc/process-control -o yaml`
    """
    kind, name = parse_target(target)

    async def main() -> None:
        async with open_session(load_settings(home), Need.READ) as session:
            found = await session.resources.get(kind, namespace if kind.NAMESPACED else "", name)
            now = session.clock.now()
            if isinstance(found, Workflow) and output is Output.TABLE:
                for line in render_tree(found, now):
                    Console().print(line, soft_wrap=True)
            else:
                print_objects([found], output, now=now, single=True)

    run_async(main)


@list_app.command(name="list")
def list_(
    kind: Annotated[str, typer.Argument(help="A kind, its plural or short name.")] = "workflows",
    output: OutputOption = Output.TABLE,
    namespace: NamespaceOption = "default",
    all_namespaces: Annotated[bool, typer.Option("-A", "--all-namespaces", help="Of all namespaces.")] = False,
    selector: Annotated[str, typer.Option("-l", "--selector", help="Label selector, as a=b,c!=d.")] = "",
    home: HomeOption = None,
) -> None:
    """List objects of a kind.

    `setpoint list`, `setpoint list isvc -A`, `setpoint list wf -l workflows.argoproj.io/phase=Failed -o name`
    """
    wanted = KINDS.find(kind)

    async def main() -> None:
        async with open_session(load_settings(home), Need.READ) as session:
            where = None if all_namespaces or not wanted.NAMESPACED else namespace
            found = await session.resources.list(wanted, where, selector=selector)
            print_objects(found.items, output, now=session.clock.now(), namespaces=all_namespaces)

    run_async(main)


@delete_app.command()
def delete(target: _Target, namespace: NamespaceOption = "default", home: HomeOption = None) -> None:
    """Delete an object and what it owns.

    `setpoint delete process-control-x7k2p`, `setpoint delete isvc/process-control`
    """
    kind, name = parse_target(target)

    async def main() -> None:
        async with open_session(load_settings(home), Need.OWN) as session:
            await _delete(session, kind, namespace if kind.NAMESPACED else "", name)

    run_async(main)


async def _delete(session: Session, kind: type[Resource], namespace: str, name: str) -> None:
    await session.resources.delete(kind, namespace, name)
    typer.echo(f"{kind.KIND.lower()} {name!r} deleted")
