"""The command group: help comes from a table, a command's module is imported only when it is run."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """Where a command lives (`module:app`) and what `--help` says of it."""

    module: str
    help: str
    panel: str


RUNS, CONTROL, LIBRARY = "Workflows", "Control plane", "Templates, components, models"
PLANT, HOST = "Plants", "This host"

COMMANDS: dict[str, Entry] = {
    "run": Entry(module="run:app", help="Run a manifest or a shipped pipeline to its end.", panel=RUNS),
    "submit": Entry(module="submit:app", help="Hand manifests to a control plane and return.", panel=RUNS),
    "get": Entry(module="objects:get_app", help="Show objects; a workflow as its tree.", panel=RUNS),
    "list": Entry(module="lists:app", help="List workflows, or objects of a kind.", panel=RUNS),
    "logs": Entry(module="logs:app", help="Print the logs of a workflow's pods.", panel=RUNS),
    "report": Entry(module="report:app", help="Write the report of a run, one page.", panel=RUNS),
    "watch": Entry(module="watch:watch_app", help="Show the tree of a workflow until it ends.", panel=RUNS),
    "wait": Entry(module="watch:wait_app", help="Wait until workflows have ended.", panel=RUNS),
    "retry": Entry(module="again:retry_app", help="Run failed workflows again from the failed step.", panel=RUNS),
    "resubmit": Entry(module="again:resubmit_app", help="Run workflows once more, as new ones.", panel=RUNS),
    "stop": Entry(module="steer:stop_app", help="Stop workflows; their exit handlers still run.", panel=RUNS),
    "terminate": Entry(module="steer:terminate_app", help="Stop workflows at once.", panel=RUNS),
    "suspend": Entry(module="steer:suspend_app", help="Start nothing new in workflows.", panel=RUNS),
    "resume": Entry(module="steer:resume_app", help="Resume suspended workflows, or approve a step.", panel=RUNS),
    "node": Entry(module="steer:node_app", help="Set values of nodes that wait.", panel=RUNS),
    "cp": Entry(module="cp:app", help="Copy the artifacts of a workflow to a directory.", panel=RUNS),
    "delete": Entry(module="objects:delete_app", help="Delete objects and what they own.", panel=RUNS),
    "archive": Entry(module="archive:app", help="Workflows that have ended and are kept.", panel=RUNS),
    "cron": Entry(module="cron:app", help="Workflows by schedule.", panel=RUNS),
    "lint": Entry(module="lint:app", help="Check manifests without running them.", panel=RUNS),
    "convert": Entry(module="convert:app", help="Rewrite manifests of older Argo to the present form.", panel=RUNS),
    "explain": Entry(module="explain:app", help="Show what a workflow would do, without running it.", panel=RUNS),
    "up": Entry(module="control_plane:up_app", help="Start the control plane of the state directory.", panel=CONTROL),
    "down": Entry(module="control_plane:down_app", help="Stop the control plane and its services.", panel=CONTROL),
    "kubeconfig": Entry(module="kubeconfig:app", help="Print or merge the kubeconfig for kubectl.", panel=CONTROL),
    "token": Entry(module="token:app", help="Tokens of people who may use the control plane.", panel=CONTROL),
    "auth": Entry(module="auth:app", help="The token to ask an Argo Server with.", panel=CONTROL),
    "backup": Entry(module="backup:backup_app", help="Copy a state directory into one file.", panel=CONTROL),
    "restore": Entry(module="backup:restore_app", help="Make a state directory of such a file.", panel=CONTROL),
    "template": Entry(module="template:app", help="Templates: stored ones, and those that are shipped.", panel=LIBRARY),
    "cluster-template": Entry(module="cluster_template:app", help="Templates that all namespaces see.", panel=LIBRARY),
    "component": Entry(module="component:app", help="List and run components by themselves.", panel=LIBRARY),
    "model": Entry(module="model:app", help="List and show model versions.", panel=LIBRARY),
    "label": Entry(module="label:app", help="Say what turned out to be true of answers.", panel=LIBRARY),
    "replay": Entry(module="replay:app", help="Send a data set or a plant to a service.", panel=PLANT),
    "plant": Entry(module="plant:app", help="Simulate plants: runs, live streams, data sets.", panel=PLANT),
    "doctor": Entry(module="doctor:app", help="Check what this host allows and has.", panel=HOST),
    "completion": Entry(module="completion:app", help="Print the script that completes words in a shell.", panel=HOST),
    "version": Entry(module="version:app", help="Print versions, also of the server.", panel=HOST),
}


class LazyGroup(TyperGroup):
    """A group whose commands are known by the table and loaded one at a time."""

    def list_commands(self, ctx: Any) -> list[str]:
        """In the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """A stand-in that carries the help text; see `resolve_command` for the real one."""
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        return TyperCommand(cmd_name, help=entry.help, rich_help_panel=entry.panel)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Import the module of the command that was asked for."""
        name, _, rest = super().resolve_command(ctx, args)
        if name is None:
            return name, None, rest
        module, _, attribute = COMMANDS[name].module.partition(":")
        app: typer.Typer = getattr(import_module(f"setpoint.cli.{module}"), attribute)
        command = typer.main.get_command(app)
        command.name = name
        return name, command, rest
