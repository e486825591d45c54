"""The commands that argo has for each kind of template: create, get, list, delete, update, lint.

A module of a kind makes its group by `add_commands` and adds what only that kind has.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from setpoint.apis.errors import InvalidSpec
from setpoint.apis.meta import Resource
from setpoint.cli._context import ContextOption, HomeOption, NamespaceOption, Place, find_place, run_async
from setpoint.cli._manifests import Manifest, read_manifest
from setpoint.cli._output import Output, OutputOption, print_objects
from setpoint.cli._selection import AllNamespacesOption, SelectorOption
from setpoint.cli._validation import check
from setpoint.cli.lint import LintOutput, LintOutputOption, LintTargets, lint_files
from setpoint.wiring.session import Need, Session

FilesArgument = Annotated[list[str], typer.Argument(metavar="FILE...", help="Manifests, or - for stdin.")]
StrictOption = Annotated[
    bool, typer.Option("--strict/--no-strict", help="Refuse fields that the kind does not have; else leave them out.")
]
NamesArgument = Annotated[list[str], typer.Argument(metavar="NAME...", help="Names.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredKind:
    """One kind, as its group of commands has it.

    Args:
        kind: The class; others in a manifest are refused.
        group: The words before a command, for examples.
        change: What `create` does to an object first.
    """

    kind: type[Resource]
    group: str
    change: Callable[[Resource], Resource] = lambda resource: resource

    def namespace(self, place: Place) -> str:
        """Where its objects are; "" for a kind without namespaces."""
        return place.namespace if self.kind.NAMESPACED else ""

    async def write(self, place: Place, manifests: Sequence[Manifest], *, replace: bool) -> list[Resource]:
        """Create the objects of the manifests, or replace those there are. Raises: NotFound, AlreadyExists."""
        written = []
        async with place.open(Need.READ) as session:
            for manifest in manifests:
                await check(
                    manifest,
                    session.resources,
                    namespace=place.namespace,
                    parameters=(),
                    here=place.cluster is None,
                )
            for manifest in manifests:
                for item in manifest.resources:
                    written.append(await self._write(session, item, replace=replace))
        return written

    async def _write(self, session: Session, item: Resource, *, replace: bool) -> Resource:
        if not replace:
            return await session.resources.create(self.change(item))
        meta = item.metadata
        present = await session.resources.get(self.kind, meta.namespace, meta.name)
        version = meta.resource_version or present.metadata.resource_version
        return await session.resources.update(item.replace(metadata=meta.replace(resource_version=version)))

    def read(self, targets: Sequence[str], place: Place, *, strict: bool) -> list[Manifest]:
        """The manifests of the files. Raises: InvalidSpec: They hold something of another kind."""
        manifests = [read_manifest(target, {}, namespace=place.namespace, strict=strict) for target in targets]
        for manifest in manifests:
            for item in manifest.resources:
                if not isinstance(item, self.kind):
                    raise InvalidSpec(f"{manifest.name} holds a {item.KIND}, and {self.group} is for {self.kind.KIND}s")
        return manifests

    def put(self, targets: Sequence[str], place: Place, output: Output, *, strict: bool, replace: bool) -> None:
        """Store what the files hold, or put it in place of what is stored, and say so."""
        manifests = self.read(targets, place, strict=strict)
        written = run_async(lambda: self.write(place, manifests, replace=replace))
        self.tell(written, output, "updated" if replace else "created")

    def tell(self, written: Sequence[Resource], output: Output, verb: str) -> None:
        """Say what was done."""
        if output in (Output.TABLE, Output.WIDE):
            for item in written:
                typer.echo(f"{item.KIND.lower()} {item.metadata.name!r} {verb}")
        else:
            print_objects(written, output, single=True)


def add_commands(app: typer.Typer, about: StoredKind, *, listing: bool = True) -> None:
    """Give the group the commands of its kind; `listing`: `list` among them."""
    _add_writing(app, about)
    _add_reading(app, about)
    if listing:
        _add_list(app, about)


def _add_writing(app: typer.Typer, about: StoredKind) -> None:
    kind = about.kind.KIND

    @app.command(help=f"Store {kind}s of manifests.\n\n`setpoint {about.group} create templates.yaml`")
    def create(
        targets: FilesArgument,
        strict: StrictOption = True,
        output: OutputOption = Output.TABLE,
        namespace: NamespaceOption = "",
        context: ContextOption = "",
        home: HomeOption = None,
    ) -> None:
        about.put(targets, find_place(home, namespace, context), output, strict=strict, replace=False)

    @app.command(help=f"Replace {kind}s that are stored.\n\n`setpoint {about.group} update templates.yaml`")
    def update(
        targets: FilesArgument,
        strict: StrictOption = True,
        output: OutputOption = Output.TABLE,
        namespace: NamespaceOption = "",
        context: ContextOption = "",
        home: HomeOption = None,
    ) -> None:
        about.put(targets, find_place(home, namespace, context), output, strict=strict, replace=True)

    @app.command(help=f"Delete {kind}s.\n\n`setpoint {about.group} delete NAME`, `setpoint {about.group} delete --all`")
    def delete(
        names: Annotated[list[str] | None, typer.Argument(metavar="[NAME...]", help="Names.")] = None,
        all_: Annotated[bool, typer.Option("--all", help="All of the namespace.")] = False,
        namespace: NamespaceOption = "",
        context: ContextOption = "",
        home: HomeOption = None,
    ) -> None:
        if bool(names) is all_:
            raise InvalidSpec("give names, or --all")
        place = find_place(home, namespace, context)

        async def main() -> None:
            async with place.open(Need.READ) as session:
                where = about.namespace(place)
                wanted = list(names or ())
                if all_:
                    found = await session.resources.list(about.kind, where or None)
                    wanted = [item.metadata.name for item in found.items]
                for name in wanted:
                    await session.resources.delete(about.kind, where, name)
                    typer.echo(f"{kind.lower()} {name!r} deleted")

        run_async(main)


def _add_reading(app: typer.Typer, about: StoredKind) -> None:
    kind = about.kind.KIND

    @app.command(help=f"Show {kind}s.\n\n`setpoint {about.group} get NAME -o yaml`")
    def get(
        names: NamesArgument,
        output: OutputOption = Output.TABLE,
        namespace: NamespaceOption = "",
        context: ContextOption = "",
        home: HomeOption = None,
    ) -> None:
        place = find_place(home, namespace, context)

        async def main() -> None:
            async with place.open(Need.READ) as session:
                where = about.namespace(place)
                found: list[Any] = [await session.resources.get(about.kind, where, name) for name in names]
                print_objects(found, output, now=session.clock.now(), single=True)

        run_async(main)

    @app.command(help=f"Check {kind}s of manifests.\n\n`setpoint {about.group} lint templates/`")
    def lint(
        targets: LintTargets,
        output: LintOutputOption = LintOutput.TEXT,
        namespace: NamespaceOption = "",
        context: ContextOption = "",
        home: HomeOption = None,
    ) -> None:
        lint_files(targets, output, find_place(home, namespace, context), kinds=[about.kind])


def _add_list(app: typer.Typer, about: StoredKind) -> None:
    @app.command("list", help=f"List {about.kind.KIND}s.\n\n`setpoint {about.group} list`")
    def list_(
        selector: SelectorOption = "",
        output: OutputOption = Output.TABLE,
        all_namespaces: AllNamespacesOption = False,
        namespace: NamespaceOption = "",
        context: ContextOption = "",
        home: HomeOption = None,
    ) -> None:
        place = find_place(home, namespace, context)

        async def main() -> None:
            async with place.open(Need.READ) as session:
                where = None if all_namespaces else about.namespace(place) or None
                found = await session.resources.list(about.kind, where, selector=selector)
                print_objects(found.items, output, now=session.clock.now(), namespaces=all_namespaces)

        run_async(main)
