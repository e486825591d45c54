"""For notebooks and scripts that call components as functions: what components are given by the command line.

Decides nothing by itself: the settings are those of the command line, so that both see the same models.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from setpoint.components import Component
from setpoint.ports.registry import ModelRegistry
from setpoint.wiring.component_ports import component_ports, model_registry
from setpoint.wiring.settings import load_settings

__all__ = ["open_registry", "ports_of"]


def open_registry(home: Path | str | None = None, *, mlflow_uri: str | None = None) -> ModelRegistry:
    """The registry that `setpoint model list` shows; nothing is started or asked until it is used.

    Args:
        home: State directory; None means `SETPOINT_HOME`, else `~/.setpoint`.
        mlflow_uri: An MLflow server; None means what the settings say, which by default is SQLite in `home`.

    Raises:
        InvalidSpec: The settings of the state directory or the environment are wrong.
    """
    return model_registry(load_settings(Path(home) if home is not None else None, mlflow_uri=mlflow_uri))


def ports_of(component: Component[..., Any], home: Path | str | None = None) -> dict[str, Any]:
    """What the command line gives a component beside parameters and paths: `replay_data(..., **ports_of(replay_data))`.

    Nothing is started or asked until it is used; what talks to the API needs `setpoint up` on the same state directory.

    Args:
        component: The component, as it is imported.
        home: As of `open_registry`.

    Raises:
        InvalidSpec: The settings of the state directory or the environment are wrong.
    """
    settings = load_settings(Path(home) if home is not None else None)
    found = component_ports(settings, component)
    return {port.name: found[port.type] for port in component.ports if port.type in found}
