"""For notebooks and scripts that call components as functions: the model registry, without a control plane.

Decides nothing by itself: the settings are those of the command line, so that both see the same models.
"""

from __future__ import annotations

from pathlib import Path

from setpoint.ports.registry import ModelRegistry
from setpoint.wiring.component_ports import model_registry
from setpoint.wiring.settings import load_settings

__all__ = ["open_registry"]


def open_registry(home: Path | str | None = None, *, mlflow_uri: str | None = None) -> ModelRegistry:
    """The registry that `setpoint model list` shows; nothing is started or asked until it is used.

    Args:
        home: State directory; None means `SETPOINT_HOME`, else `~/.setpoint`.
        mlflow_uri: An MLflow server; None means what the settings say, which by default is SQLite in `home`.

    Raises:
        InvalidSpec: The settings of the state directory or the environment are wrong.
    """
    return model_registry(load_settings(Path(home) if home is not None else None, mlflow_uri=mlflow_uri))
