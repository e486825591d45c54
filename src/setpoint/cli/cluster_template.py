"""`cluster-template`: ClusterWorkflowTemplates."""

from __future__ import annotations

import typer

from setpoint.apis.argo import ClusterWorkflowTemplate
from setpoint.cli._stored_kind import StoredKind, add_commands

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Templates that all namespaces see.")

add_commands(app, StoredKind(kind=ClusterWorkflowTemplate, group="cluster-template"))
