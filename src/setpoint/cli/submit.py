"""`submit`: hand manifests to the control plane and return."""

from __future__ import annotations

from typing import Annotated

import typer

from setpoint.apis.argo import CronWorkflow, Workflow
from setpoint.cli._context import HomeOption, NamespaceOption, ParameterOption, parse_parameters, run_async
from setpoint.cli._manifests import read_manifest
from setpoint.cli._output import Output, OutputOption, print_objects
from setpoint.cli._validation import check
from setpoint.wiring.session import Need, open_session
from setpoint.wiring.settings import load_settings

app = typer.Typer(add_completion=False)


@app.command()
def submit(
    targets: Annotated[list[str], typer.Argument(metavar="FILE|NAME...", help="Manifests or shipped templates.")],
    parameter: ParameterOption = None,
    output: OutputOption = Output.TABLE,
    namespace: NamespaceOption = "default",
    home: HomeOption = None,
) -> None:
    """Hand manifests to the control plane that is up (`setpoint up --detach`) and return.

    `setpoint submit nightly.yaml`, `setpoint submit process-control -p approval=manual -o name`
    """
    parameters = parse_parameters(parameter)
    manifests = [read_manifest(target, parameters, namespace=namespace) for target in targets]

    async def main() -> None:
        async with open_session(load_settings(home), Need.RUNNING) as session:
            for manifest in manifests:
                await check(manifest, session.resources, namespace=namespace, parameters=tuple(parameters))
            created = [
                (manifest, await (session.verbs.submit(item) if isinstance(item, Workflow) else session.apply(item)))
                for manifest in manifests
                for item in manifest.resources
            ]
            # Of a shipped template the run is what was asked for; that the template is stored with it is our matter.
            shown = Workflow | CronWorkflow
            told = [item for manifest, item in created if isinstance(item, shown) or not manifest.shipped]
            if output is Output.TABLE:
                for item in told:
                    typer.echo(f"{item.KIND.lower()} {item.metadata.name!r} submitted")
            else:
                print_objects(told, output, now=session.clock.now(), single=True)

    run_async(main)
