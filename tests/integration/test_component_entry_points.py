"""A third package adds a component: installed into a directory of its own, found by its entry point, run by name."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from setpoint.apis.errors import InvalidSpec
from setpoint.components import load, names, run_component, template_of

PROJECT = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "thirdparty-scaler"
version = "0.1"

[project.entry-points."setpoint.components"]
scale-by-third-party = "thirdparty_scaler:scale"
broken-third-party = "thirdparty_scaler:missing"
no-component = "thirdparty_scaler:Scaled"
"""
CODE = '''
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from setpoint.components import Input, Output, component, say


@dataclass(frozen=True)
class Scaled:
    total: float


@component("scale-by-third-party", description="Scales numbers.")
def scale(
    *,
    factor: float = 2.0,
    numbers: Annotated[Path, Input("One number per line.")],
    scaled: Annotated[Path, Output("The same, scaled.")] = Path("scaled.txt"),
) -> Scaled:
    """Scale."""
    values = [factor * float(line) for line in numbers.read_text().split()]
    scaled.write_text("\\n".join(map(str, values)))
    say("scaled", 1, 1)
    return Scaled(total=sum(values))
'''


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    project, target = tmp_path / "project", tmp_path / "site"
    (project / "thirdparty_scaler").mkdir(parents=True)
    (project / "pyproject.toml").write_text(PROJECT)
    (project / "thirdparty_scaler" / "__init__.py").write_text(CODE)
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--no-build-isolation"]
    subprocess.run(
        [*command, "--disable-pip-version-check", "--target", str(target), str(project)], check=True, timeout=100
    )
    monkeypatch.syspath_prepend(str(target))
    return tmp_path


def test_an_installed_component_is_found_and_runs(installed: Path) -> None:
    assert "scale-by-third-party" in names() and "data-processing" in names()
    component = load("scale-by-third-party")
    (installed / "in.txt").write_text("1\n2.5\n")
    result = run_component(
        component,
        {"numbers": str(installed / "in.txt"), "scaled": str(installed / "out.txt"), "factor": "4"},
        outputs=installed / "results",
    )
    assert result.total == 14.0
    assert (installed / "out.txt").read_text() == "4.0\n10.0"
    assert (installed / "results" / "total").read_text() == "14.0"
    assert template_of(component)["container"]["command"][-1] == "scale-by-third-party"
    with pytest.raises(InvalidSpec, match="cannot be loaded"):
        load("broken-third-party")
    with pytest.raises(InvalidSpec, match="is not a component"):
        load("no-component")


def test_every_shipped_component_has_the_name_of_its_entry_point() -> None:
    for name in names():
        component = load(name)
        assert component.name == name and component.description
