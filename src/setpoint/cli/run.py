"""`run`: a manifest to its end, on the control plane that is up or on one of its own."""

from __future__ import annotations

import asyncio
import shlex
import shutil
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from setpoint.apis.argo import CronWorkflow, Workflow
from setpoint.apis.batch import Job
from setpoint.apis.errors import InvalidSpec, NotFound, Unavailable
from setpoint.apis.meta import Resource
from setpoint.apis.pod import Pod
from setpoint.apis.serving import InferenceService
from setpoint.cli._context import (
    EXIT_INTERRUPTED,
    ContextOption,
    HomeOption,
    NamespaceOption,
    ParameterOption,
    Place,
    find_place,
    parse_parameters,
    run_async,
)
from setpoint.cli._jobs import follow_job
from setpoint.cli._manifests import Manifest, read_manifest
from setpoint.cli._output import Output, OutputOption
from setpoint.cli._pods import follow_pod, make_room
from setpoint.cli._report import finish
from setpoint.cli._serving import follow_service, is_ready
from setpoint.cli._validation import check
from setpoint.cli._watch import follow, make_view
from setpoint.core.cron import run_now
from setpoint.core.workflow.artifact_gc import GC_ERROR
from setpoint.wiring.detached import running_endpoint
from setpoint.wiring.session import Need, Session
from setpoint.wiring.settings import Settings

LABEL_RUN = "setpoint.dev/run"  # the same command finds the run that it began before it was killed
ATTENDED = "setpoint.dev/attended"  # its end has been told to a person

_GONE_SECONDS = 10.0
_LOOK_SECONDS = 0.05

app = typer.Typer(add_completion=False)


@app.command()
def run(
    target: Annotated[str, typer.Argument(metavar="FILE|NAME", help="Manifest, - for stdin, or a shipped template.")],
    parameter: ParameterOption = None,
    output: OutputOption = Output.TABLE,
    artifact: Annotated[
        list[str] | None,
        typer.Option("--artifact", metavar="NAME=FILE", help="Save an output artifact of the workflow to a file."),
    ] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Leave services and a control plane running.")] = False,
    namespace: NamespaceOption = "",
    context: ContextOption = "",
    home: HomeOption = None,
) -> None:
    """Run a manifest or a shipped pipeline to its end; the exit code says how it went.

    `setpoint run process-control`, `setpoint run hello.yaml -p message=hi`, `setpoint run hello.yaml -o json`,
    `setpoint run hello.yaml --context plant`
    """
    place = find_place(home, namespace, context)
    if keep and place.cluster is not None:
        raise InvalidSpec("services of a cluster stay up by themselves: --keep is for this machine", path="--keep")
    parameters = parse_parameters(parameter)
    manifest = read_manifest(target, parameters, namespace=place.namespace)
    command = _Run(
        manifest=manifest,
        parameters=tuple(parameters),
        place=place,
        output=output,
        artifacts=parse_parameters(artifact),
        keep=keep,
        visible=tuple(value for value in parameters.values() if value.startswith("/") and Path(value).exists()),
    )
    raise typer.Exit(run_async(command.main))


@dataclass(slots=True, kw_only=True)
class _Run:
    """One invocation: creates what the manifest holds, follows it, tells how it ended."""

    manifest: Manifest
    parameters: tuple[str, ...]
    place: Place
    output: Output
    artifacts: dict[str, str]
    keep: bool
    visible: tuple[str, ...]  # data that parameters name is shown to pods even if it lies below /tmp
    interrupted: bool = field(default=False, init=False)

    async def main(self) -> int:
        """The exit code. A control plane of somebody else that goes away meanwhile is followed by one of our own."""
        peer: int | None = None
        settings, served = self.place.settings, False
        while True:
            try:
                async with self.place.open(Need.OWN, keep=self.keep, visible=self.visible) as session:
                    peer = session.peer
                    code = await self._follow(session)
                    served = session.owns and await _serves(session, self.place.namespace)
                break
            except Unavailable:
                if peer is None or ((still := running_endpoint(settings)) is not None and still.pid == peer):
                    raise  # the one we borrowed is there and refuses
                peer = None
        if served and self.output in (Output.TABLE, Output.WIDE):
            typer.echo(after_word(settings, kept=self.keep))
        return code

    async def _follow(self, session: Session) -> int:
        """To the end, with Ctrl-C and SIGTERM handled."""
        following = asyncio.ensure_future(self._to_the_end(session))
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._interrupt, session, following)
        try:
            return await following
        except asyncio.CancelledError:
            return EXIT_INTERRUPTED
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)

    def _interrupt(self, session: Session, following: asyncio.Future[int]) -> None:
        """The first Ctrl-C stops the workflows (exit handlers run) and pods, the second gives up waiting for them."""
        if self.interrupted:
            following.cancel()
            return
        self.interrupted = True
        typer.echo("stopping (Ctrl-C again: leave at once)", err=True)
        self._stopping = asyncio.ensure_future(self._stop_all(session))

    async def _to_the_end(self, session: Session) -> int:
        created = self._created
        if not created:
            await check(
                self.manifest,
                session.resources,
                namespace=self.place.namespace,
                parameters=self.parameters,
                here=self.place.cluster is None,
            )
            created = [await self._begin(session, resource) for resource in self._runs(session)]
            self._created = created
        quiet = self.output not in (Output.TABLE, Output.WIDE)
        console = Console(stderr=False)
        self._workflows = [item for item in created if isinstance(item, Workflow)]
        self._pods = [item for item in created if isinstance(item, Pod)]
        ended: list[Resource] = []
        for item in created:
            if isinstance(item, Workflow):
                with make_view(console, session.clock.now, quiet=quiet) as view:
                    ended.append(await follow(session.resources, item, view))
            elif isinstance(item, InferenceService):
                ended.append(await follow_service(session.resources, item, quiet=quiet))
            elif isinstance(item, Job):
                ended.append(await follow_job(session.resources, item, quiet=quiet))
            elif isinstance(item, Pod):
                ended.append(await follow_pod(session.resources, item, quiet=quiet))
            else:
                ended.append(item)
        if not quiet or self.manifest.shipped:
            ended = [item for item in ended if isinstance(item, Workflow | InferenceService | Job | Pod)] or ended
        code = await finish(session, ended, self.output, single=len(self.manifest.resources) == 1 or len(ended) == 1)
        for workflow in (item for item in ended if isinstance(item, Workflow)):
            await self._save_artifacts(session, workflow)
            if self.place.cluster is not None:  # nobody goes on there with a run that was interrupted
                continue
            patch = {"metadata": {"annotations": {ATTENDED: "true"}}}
            with suppress(NotFound):  # its time to live was short
                await session.resources.patch(Workflow, workflow.metadata.namespace, workflow.metadata.name, patch)
        return EXIT_INTERRUPTED if self.interrupted else code

    def _runs(self, session: Session) -> list[Resource]:
        """What to create, in order; a CronWorkflow without a Workflow beside it runs once, now."""
        resources = _in_order(self.manifest.resources)
        if any(isinstance(item, Workflow) for item in resources):
            return resources
        for item in resources:
            if isinstance(item, CronWorkflow):
                typer.echo(f"running {item.metadata.name} once; its schedules hold after `setpoint submit`", err=True)
        now = session.clock.now()
        return [run_now(item, now) if isinstance(item, CronWorkflow) else item for item in resources]

    async def _begin(self, session: Session, resource: Resource) -> Resource:
        if isinstance(resource, Pod):
            await make_room(session.resources, resource)
        if not isinstance(resource, Workflow):
            return await session.apply(resource)
        if session.owns and (former := await _unattended(session, self.manifest.key, resource)) is not None:
            typer.echo(f"going on with {former.metadata.name}, which was interrupted", err=True)
            return former
        await _make_room(session, resource)
        metadata = resource.metadata
        labels = {**metadata.labels, LABEL_RUN: self.manifest.key}
        return await session.verbs.submit(resource.replace(metadata=metadata.replace(labels=labels)))

    async def _stop_all(self, session: Session) -> None:
        for workflow in self._workflows:
            current = await session.resources.get(Workflow, workflow.metadata.namespace, workflow.metadata.name)
            if not current.status.completed:
                await session.verbs.stop(
                    current.metadata.namespace, current.metadata.name, message="stopped by the keyboard"
                )

        for pod in self._pods:
            with suppress(NotFound):
                await session.resources.delete(Pod, pod.metadata.namespace, pod.metadata.name, uid=pod.metadata.uid)

    async def _save_artifacts(self, session: Session, workflow: Workflow) -> None:
        for name, target in self.artifacts.items():
            path = Path(target)
            present = workflow.status.outputs is not None and any(
                item.name == name for item in workflow.status.outputs.artifacts
            )
            if not present:
                typer.echo(f"warning: the workflow has no output artifact {name!r}", err=True)
                continue
            draft = path.with_name(f".{path.name}.part")
            with draft.open("wb") as file:
                async for chunk in session.verbs.artifact(workflow.metadata.namespace, workflow.metadata.name, name):
                    file.write(chunk)
            draft.replace(path)
            if self.output in (Output.TABLE, Output.WIDE):
                typer.echo(f"{name}: {path}")

    _created: list[Resource] = field(default_factory=list, init=False)
    _workflows: list[Workflow] = field(default_factory=list, init=False)
    _pods: list[Pod] = field(default_factory=list, init=False)
    _stopping: asyncio.Future[None] | None = field(default=None, init=False)


async def _serves(session: Session, namespace: str) -> bool:
    """Whether a service is up."""
    services = await session.resources.list(InferenceService, namespace)
    return any(is_ready(item) for item in services.items)


def after_word(settings: Settings, *, kept: bool) -> str:
    """What becomes of the services now, with the line to type."""
    program = "setpoint" if shutil.which("setpoint") else sys.argv[0]
    home = "" if settings.home == Path.home() / ".setpoint" else f" --home {shlex.quote(str(settings.home))}"
    if kept:
        return f"services stay up; stop them by: {program} down{home}"
    return f"services have stopped; serve them again by: {program} up{home}"


def _in_order(resources: Sequence[Resource]) -> list[Resource]:
    """What others refer to comes first, runs come last; else as in the file."""
    rank: dict[type[Resource], int] = {Workflow: 2, Pod: 2, InferenceService: 1}
    return sorted(resources, key=lambda item: rank.get(type(item), 0))


async def _make_room(session: Session, wanted: Workflow) -> None:
    """Delete a finished run that `run` made under the same fixed name; one that still runs is left alone."""
    name, namespace = wanted.metadata.name, wanted.metadata.namespace
    try:
        former = await session.resources.get(Workflow, namespace, name) if name else None
    except NotFound:
        return
    if former is not None and former.status.completed and LABEL_RUN in former.metadata.labels:
        typer.echo(f"replacing the finished run {name!r}", err=True)
        with suppress(NotFound):  # it was about to go
            await session.resources.delete(Workflow, namespace, name, uid=former.metadata.uid)
        if former.metadata.finalizers:
            await _gone(session, former)


async def _gone(session: Session, former: Workflow) -> None:
    """Wait for a run that its artifacts hold. Raises: Unavailable: They cannot be deleted, or not soon."""
    meta, found = former.metadata, former
    try:
        async with asyncio.timeout(_GONE_SECONDS):
            while found.metadata.uid == meta.uid:
                await asyncio.sleep(_LOOK_SECONDS)
                found = await session.resources.get(Workflow, meta.namespace, meta.name)
    except NotFound:
        return
    except TimeoutError:
        reason = "".join(f": {item.message}" for item in found.status.conditions if item.type == GC_ERROR)
        raise Unavailable(f"the finished run {meta.name!r} is still being deleted{reason}") from None


async def _unattended(session: Session, key: str, wanted: Workflow) -> Workflow | None:
    """A run of the same command whose end nobody was told, because its process was killed."""
    found = await session.resources.list(Workflow, wanted.metadata.namespace, selector=f"{LABEL_RUN}={key}")
    open_runs = [
        item
        for item in found.items
        if ATTENDED not in item.metadata.annotations
        and wanted.metadata.name in ("", item.metadata.name)
        and wanted.metadata.generate_name == item.metadata.generate_name
    ]
    return max(open_runs, key=lambda item: str(item.metadata.creation_timestamp), default=None)
