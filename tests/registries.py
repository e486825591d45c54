"""Model registries for tests: MLflow's tables are made once per test process and copied, since they cost seconds."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from setpoint.adapters.mlflow_registry import MlflowRegistry

_made: dict[Path, Path] = {}  # database with tables, by the base directory of the test session


def _tables(factory: pytest.TempPathFactory) -> Path:
    base = factory.getbasetemp()
    if base not in _made:
        home = factory.mktemp("mlflow-tables")
        MlflowRegistry(home).names()
        _made[base] = home / "mlflow.db"
    return _made[base]


def new_registry(factory: pytest.TempPathFactory) -> MlflowRegistry:
    """A registry of its own; its model files lie beside the tables that all share."""
    home = factory.mktemp("registry")
    shutil.copy(_tables(factory), home / "mlflow.db")
    return MlflowRegistry(home)
