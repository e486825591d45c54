"""`get`, `delete`: objects of any kind; workflows by filters too."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

from setpoint.apis.argo import Workflow
from setpoint.apis.errors import InvalidSpec
from setpoint.apis.kinds import KINDS
from setpoint.apis.meta import Resource
from setpoint.cli._complete import target_names
from setpoint.cli._context import ContextOption, HomeOption, NamespaceOption, find_place, run_async
from setpoint.cli._outcome import NodeSelectorOption, narrowed
from setpoint.cli._output import Output, OutputOption, print_objects
from setpoint.cli._selection import (
    AllNamespacesOption,
    CompletedOption,
    FieldSelectorOption,
    Filters,
    OlderOption,
    PrefixOption,
    ResubmittedOption,
    SelectorOption,
    choose,
)
from setpoint.cli._tree import render_tree
from setpoint.ports.workflows import LATEST
from setpoint.wiring.session import Need, Session

Target = tuple[type[Resource], str]

_TARGET_HELP = "Kind defaults to workflow; @latest is the newest workflow."
_Target = Annotated[
    list[str],
    typer.Argument(metavar="[KIND] NAME... | KIND/NAME...", help=_TARGET_HELP, autocompletion=target_names),
]
_Targets = Annotated[
    list[str] | None,
    typer.Argument(metavar="[KIND] [NAME...] | KIND/NAME...", help=_TARGET_HELP, autocompletion=target_names),
]

get_app = typer.Typer(add_completion=False)
delete_app = typer.Typer(add_completion=False)


def parse_targets(words: list[str]) -> list[Target]:
    """`["x", "y"]`, `["wf", "x"]` or `["wf/x", "isvc/y"]` as kinds and names.

    Raises:
        InvalidSpec: A word that should be a kind is none, or a name is empty.
    """
    kind: type[Resource] = Workflow
    if len(words) > 1 and not any("/" in word for word in words) and _is_kind(words[0]):
        kind, words = KINDS.find(words[0]), words[1:]
    found: list[Target] = []
    for word in words:
        before, slash, name = word.rpartition("/")
        if not name or (slash and not before):
            raise InvalidSpec(f"{word!r} is not NAME, KIND NAME or KIND/NAME")
        found.append((KINDS.find(before) if slash else kind, name))
    return found


def _is_kind(word: str) -> bool:
    try:
        KINDS.find(word)
    except InvalidSpec:
        return False
    return True


async def find_object(session: Session, kind: type[Resource], namespace: str, name: str) -> Resource:
    """The object; what was deleted is not there any more, whatever the archive keeps. Raises: NotFound."""
    if kind is Workflow and name == LATEST:
        name = (await session.verbs.get(namespace, name)).metadata.name
    return await session.resources.get(kind, namespace if kind.NAMESPACED else "", name)


@get_app.command()
def get(
    target: _Target,
    output: OutputOption = Output.TABLE,
    node_selector: NodeSelectorOption = "",
    status: Annotated[str, typer.Option("--status", help="Phases of the nodes to show, by commas.")] = "",
    namespace: NamespaceOption = "",
    context: ContextOption = "",
    home: HomeOption = None,
) -> None:
    """Show objects; a workflow as its tree.

    `setpoint get process-control-x7k2p`, `setpoint get @latest --status Failed,Error`,
    `setpoint get isvc/process-control -o yaml`, `setpoint get wf hello --context plant`
    """
    targets, place = parse_targets(target), find_place(home, namespace, context)
    phases = tuple(filter(None, status.split(",")))

    async def main() -> None:
        async with place.open(Need.READ) as session:
            found = [await find_object(session, kind, place.namespace, name) for kind, name in targets]
            now = session.clock.now()
            if output is not Output.TABLE or not all(isinstance(item, Workflow) for item in found):
                print_objects(found, output, now=now, single=True)
                return
            for item in found:
                assert isinstance(item, Workflow)  # noqa: S101 - looked at above
                for line in render_tree(narrowed(item, node_selector, phases), now):
                    Console().print(line, soft_wrap=True)

    run_async(main)


@delete_app.command()
def delete(
    target: _Targets = None,
    all_: Annotated[bool, typer.Option("--all", help="All workflows of the namespace.")] = False,
    completed: CompletedOption = False,
    older: OlderOption = "",
    prefix: PrefixOption = "",
    resubmitted: ResubmittedOption = False,
    selector: SelectorOption = "",
    field_selector: FieldSelectorOption = "",
    all_namespaces: AllNamespacesOption = False,
    force: Annotated[bool, typer.Option("--force", help="Workflows that finalizers hold, too.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be deleted.")] = False,
    namespace: NamespaceOption = "",
    context: ContextOption = "",
    home: HomeOption = None,
) -> None:
    """Delete objects and what they own; workflows by filters too.

    `setpoint delete process-control-x7k2p`, `setpoint delete isvc/process-control`,
    `setpoint delete --completed --older 7d --dry-run`, `setpoint delete -l team=plant`
    """
    filters = Filters(
        selector=selector,
        fields=field_selector,
        prefix=prefix,
        older=older,
        completed=completed,
        resubmitted=resubmitted,
    )
    targets = parse_targets(target) if target else []
    if targets and (all_ or filters.given):
        raise InvalidSpec("give names or filters, not both")
    if not targets and not (all_ or filters.given):
        raise InvalidSpec("name what to delete, or give filters, or --all")
    place = find_place(home, namespace, context)

    async def main() -> None:
        async with place.open(Need.OWN) as session:
            wanted = [(kind, place.namespace, name) for kind, name in targets]
            if not targets:
                where = None if all_namespaces else place.namespace
                chosen = await choose(session.resources, where, filters, session.clock.now())
                wanted = [(Workflow, item.metadata.namespace, item.metadata.name) for item in chosen]
            for kind, where, name in wanted:
                await _delete(session, kind, where, name, force=force, dry_run=dry_run)
            if not wanted:
                typer.echo("no workflow is meant", err=True)

    run_async(main)


async def _delete(
    session: Session, kind: type[Resource], namespace: str, name: str, *, force: bool, dry_run: bool
) -> None:
    if kind is Workflow:
        if name == LATEST or dry_run:
            name = (await session.verbs.get(namespace, name)).metadata.name
        if not dry_run:
            await session.verbs.delete(namespace, name, force=force)
    elif dry_run:
        await session.resources.get(kind, namespace if kind.NAMESPACED else "", name)
    else:
        await session.resources.delete(kind, namespace if kind.NAMESPACED else "", name)
    typer.echo(f"{kind.KIND.lower()} {name!r} {'would be deleted' if dry_run else 'deleted'}")
