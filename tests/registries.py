"""Model registries for tests: MLflow's tables are made once per test process and copied, since they cost seconds."""

from __future__ import annotations

import shutil
from functools import cache
from pathlib import Path

import pytest

from setpoint.adapters.mlflow_registry import MlflowRegistry


@cache
def _tables(factory: pytest.TempPathFactory) -> Path:
    """A database with tables and without content."""
    made = factory.mktemp("mlflow-tables")
    MlflowRegistry(made).names()
    return made / "mlflow.db"


def new_registry(factory: pytest.TempPathFactory) -> MlflowRegistry:
    """A registry of its own; its model files lie beside the tables that all share."""
    home = factory.mktemp("registry")
    shutil.copy(_tables(factory), home / "mlflow.db")
    return MlflowRegistry(home)
