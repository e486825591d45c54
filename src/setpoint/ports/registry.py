"""Model versions and aliases, as MLflow names them; MLflow itself stays behind this port."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Protocol

from setpoint.apis.meta import Wire

CHAMPION = "champion"
CHALLENGER = "challenger"


class ModelVersion(Wire, frozen=True, kw_only=True):
    """One registered version."""

    name: str
    version: str
    source: str  # storage URI of the model directory: file:///... or s3://...
    run_id: str = ""
    aliases: tuple[str, ...] = ()
    tags: dict[str, str] = {}
    metrics: dict[str, float] = {}
    parameters: dict[str, str] = {}
    created_at: datetime | None = None


class ModelRegistry(Protocol):
    """Raises NotFound for a name, version or alias that is not there; Unavailable if the server cannot be reached."""

    def register(
        self,
        name: str,
        directory: Path,
        *,
        parameters: Mapping[str, str],
        metrics: Mapping[str, float],
        tags: Mapping[str, str],
        request_id: str = "",
    ) -> ModelVersion:
        """Store the model directory and make it the next version.

        The same non-empty `request_id` again returns the version made the first time (a repeated step).
        """
        ...

    def get(self, name: str, version: str) -> ModelVersion:
        """A version by number, or by alias when written `@champion`."""
        ...

    def versions(self, name: str) -> tuple[ModelVersion, ...]:
        """All versions, newest first."""
        ...

    def names(self) -> tuple[str, ...]:
        """All model names, sorted."""
        ...

    def download(self, version: ModelVersion, target: Path) -> Path:
        """A local directory with the model's files: the stored one if it is local, else a copy at `target`."""
        ...

    def set_alias(self, name: str, alias: str, version: str) -> None:
        """Point the alias at the version; moves it if it pointed elsewhere."""
        ...

    def remove_alias(self, name: str, alias: str) -> None:
        """Drop the alias; nothing if it is not set."""
        ...

    def tag(self, name: str, version: str, tags: Mapping[str, str]) -> None:
        """Add or overwrite tags of a version."""
        ...
