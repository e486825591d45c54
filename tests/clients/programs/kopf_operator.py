"""A small operator: tanks have a level; one is filled when it is made, checked by a timer and drained when it goes."""

from __future__ import annotations

from typing import Any

import kopf

KIND = ("plant.example.com", "v1", "tanks")


@kopf.on.startup()
def configure(settings: kopf.OperatorSettings, **_: Any) -> None:
    settings.posting.level = 20
    settings.persistence.finalizer = "plant.example.com/drain"
    settings.scanning.disabled = False


@kopf.on.create(*KIND)
def fill(body: kopf.Body, spec: kopf.Spec, patch: kopf.Patch, **_: Any) -> dict[str, Any]:
    if spec["level"] > spec["height"]:
        kopf.warn(body, reason="TooHigh", message="higher than the tank")
        raise kopf.PermanentError("higher than the tank")
    patch.status["level"] = spec["level"]
    return {"filled": True}


@kopf.on.update(*KIND, field="spec.level")
def change(old: int, new: int, patch: kopf.Patch, diff: kopf.Diff, **_: Any) -> dict[str, Any]:
    patch.status["level"] = new
    patch.metadata.labels["changed"] = f"{old}-to-{new}"
    return {"operations": [operation for operation, *_ in diff]}


@kopf.timer(*KIND, interval=1.0, initial_delay=0.5, idle=0.2)
def check(status: kopf.Status, patch: kopf.Patch, **_: Any) -> None:
    if "checked" not in status and "level" in status:
        patch.status["checked"] = True


@kopf.on.event("", "v1", "configmaps", labels={"tank": kopf.PRESENT})
def seen(event: kopf.RawEvent, logger: kopf.Logger, **_: Any) -> None:
    logger.info("%s %s", event["type"], event["object"]["metadata"]["name"])


@kopf.on.delete(*KIND)
def drain(name: str, namespace: str, logger: kopf.Logger, **_: Any) -> None:
    logger.info("drained %s of %s", name, namespace)
