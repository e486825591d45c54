"""The shipped workflows: written with Hera, kept as generated YAML, so that running one imports no Hera.

`python -m setpoint.pipelines` writes the YAML anew; `make check` fails if it differs from the code.
"""

from __future__ import annotations

from importlib import resources

from setpoint.apis.errors import NotFound

__all__ = ["manifest", "names"]

_FOLDER = "manifests"


def names() -> tuple[str, ...]:
    """Names of the shipped templates, sorted."""
    folder = resources.files(__name__) / _FOLDER
    return tuple(sorted(item.name.removesuffix(".yaml") for item in folder.iterdir() if item.name.endswith(".yaml")))


def manifest(name: str) -> str:
    """The YAML of a shipped WorkflowTemplate or CronWorkflow.

    Raises:
        NotFound: There is no template of that name.
    """
    if name not in names():
        raise NotFound("shipped template", name)
    return (resources.files(__name__) / _FOLDER / f"{name}.yaml").read_text(encoding="utf-8")
