"""How pods are run for a state directory: images, isolation, and what a warm process has imported."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from setpoint.adapters.pods.images import ImageRule
from setpoint.adapters.pods.isolation import Isolation
from setpoint.adapters.pods.machine import parse_capacity
from setpoint.adapters.pods.settings import PodSettings, read_image_rules
from setpoint.wiring.images import component_rules
from setpoint.wiring.settings import Settings, component_environment

# What component steps import at once; a warm process has it imported when they come.
PRELOAD = (
    "setpoint.cli.component",
    "setpoint.components.data_processing.in_parts",
    "setpoint.components.model_training.training",
    "setpoint.components.model_evaluation.parts",
    "setpoint.components.model_evaluation.subjects",
    "setpoint.components.model_evaluation.exports",
    "setpoint.components.model_evaluation.plots",
    "setpoint.components.model_deployment",
    "setpoint.components.run_summary",
    "setpoint.adapters.mlflow_registry",
    "lightgbm",
    "matplotlib.figure",
    "mlflow.artifacts",
    "mlflow.store.model_registry.sqlalchemy_store",
    "mlflow.store.tracking.sqlalchemy_store",
    "mlflow.tracking",
    "sklearn.linear_model",
)
ENTRY_POINTS = {"setpoint": "setpoint.cli:main"}


def pod_settings(settings: Settings, visible: Sequence[str] = (), *, lasting: bool = False) -> PodSettings:
    """The settings of the kubelet.

    Args:
        settings: Whose state directory.
        visible: Host paths that pods shall see, beside the working directory.
        lasting: The control plane stays, so that it pays to have the warm process before the first step asks.

    Raises: InvalidSpec: The table of images is wrong.
    """
    images: tuple[ImageRule, ...] = ()
    if settings.images:
        images = read_image_rules(Path(settings.images).read_text(encoding="utf-8"), file=settings.images)
    return PodSettings(
        home=str(settings.home),
        isolation=Isolation(settings.isolation),
        capacity=parse_capacity(settings.capacity),
        images=(*images, *component_rules(component_environment(settings))),
        entry_points=ENTRY_POINTS,
        preload=PRELOAD,
        visible=(str(Path.cwd()), *visible),
        warm_on_demand=not lasting,
    )
