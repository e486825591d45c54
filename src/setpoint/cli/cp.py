"""`cp`: the output artifacts of a workflow's nodes as files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from setpoint.apis.argo import Artifact, NodeStatus, Workflow
from setpoint.apis.errors import InvalidSpec, NotFound
from setpoint.cli._context import ContextOption, HomeOption, NamespaceOption, WorkflowArgument, find_place, run_async
from setpoint.wiring.session import Need, Session

app = typer.Typer(add_completion=False)

PATTERN = "{namespace}/{workflowName}/{nodeId}/outputs/{artifactName}"


@app.command()
def cp(
    name: WorkflowArgument,
    directory: Annotated[Path, typer.Argument(metavar="DIRECTORY", help="Where to; made if it is not there.")],
    node_id: Annotated[str, typer.Option("--node-id", help="Of this node only.", show_default=False)] = "",
    template_name: Annotated[str, typer.Option("--template-name", help="Of this template only.")] = "",
    artifact_name: Annotated[str, typer.Option("--artifact-name", help="Artifacts of this name only.")] = "",
    path: Annotated[
        str,
        typer.Option("--path", help="Below the directory; {templateName} may stand in it too.", metavar="PATTERN"),
    ] = PATTERN,
    namespace: NamespaceOption = "",
    context: ContextOption = "",
    home: HomeOption = None,
) -> None:
    """Copy output artifacts of a workflow's nodes, as they are stored: packed ones packed.

    `setpoint cp @latest out/`, `setpoint cp hello out/ --artifact-name model --path "{artifactName}"`
    """
    place = find_place(home, namespace, context)

    async def main() -> None:
        async with place.open(Need.READ) as session:
            workflow = await session.verbs.get(place.namespace, name)
            chosen = [
                (node, item)
                for node, item in _artifacts(workflow)
                if node_id in ("", node.id)
                and template_name in ("", _template(node))
                and artifact_name in ("", item.name)
            ]
            if not chosen:
                raise NotFound("output artifact", artifact_name or "of these nodes", workflow.metadata.name)
            for node, item in chosen:
                target = directory / _below(path, workflow, node, item)
                typer.echo(f"{item.name}: {await _save(session, workflow, node, item, target)}")

    run_async(main)


def _artifacts(workflow: Workflow) -> Iterator[tuple[NodeStatus, Artifact]]:
    for node in workflow.status.nodes.values():
        for item in node.outputs.artifacts if node.outputs is not None else ():
            yield node, item


def _template(node: NodeStatus) -> str:
    return node.template_ref.template if node.template_ref is not None else node.template_name


def _below(pattern: str, workflow: Workflow, node: NodeStatus, item: Artifact) -> Path:
    """Where an artifact goes. Raises: InvalidSpec: It would leave the directory."""
    meta = workflow.metadata
    values = {
        "namespace": meta.namespace,
        "workflowName": meta.name,
        "nodeId": node.id,
        "templateName": _template(node),
        "artifactName": item.name,
    }
    for key, value in values.items():
        pattern = pattern.replace(f"{{{key}}}", value)
    found = Path(pattern)
    if found.is_absolute() or ".." in found.parts:
        raise InvalidSpec(f"{pattern!r} leads out of the directory", path="--path")
    return found


async def _save(session: Session, workflow: Workflow, node: NodeStatus, item: Artifact, folder: Path) -> Path:
    """Write the artifact below the folder, by the name of its object; whole or not at all."""
    meta, target = workflow.metadata, _target(item, folder)
    draft = target.with_name(f".{target.name}.part")
    try:
        with draft.open("wb") as file:
            async for chunk in session.verbs.node_artifact(meta.namespace, meta.name, node.id, item.name):
                file.write(chunk)
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)
    return target


def _target(item: Artifact, folder: Path) -> Path:
    """The file, its folder made."""
    key = item.s3.key if item.s3 is not None else ""
    name = key.rstrip("/").rpartition("/")[2]
    folder.mkdir(parents=True, exist_ok=True)
    return folder / (item.name if name in ("", ".", "..") else name)
