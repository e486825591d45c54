"""The ModelRegistry port over MLflow: SQLite and files in the state directory by default, any server by URI.

Decides how a version, its run, its tags and its aliases map to MLflow's objects; must not leak an MLflow type or
exception. Invariant: a repeated `register` with the same request id finds what the first one made, at whatever point
that one was killed: the run is found by its tag, the files are written again, the version is found by its tag.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import socket
import warnings
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from setpoint.apis.errors import Forbidden, InvalidSpec, NotFound, SetpointError, Unavailable
from setpoint.ports.registry import ModelVersion

REQUEST_TAG = "setpoint.request_id"
EXPERIMENT = "setpoint"
_ARTIFACT_PATH = "model"
_CONNECT_SECONDS = 3.0
_REQUEST_SECONDS = 20
_MAX_PARAMETER = 6000  # MLflow's limit on the length of a parameter's value


class MlflowRegistry:
    """Model versions in MLflow; every method may be called from several processes at a time.

    Args:
        directory: State directory; holds `mlflow.db` and `models/` if no URI is given, and the lock.
        uri: Tracking and registry server (`http://...`) or database (`sqlite:///...`); empty means the directory.
    """

    def __init__(self, directory: Path, uri: str = "") -> None:
        self._directory = directory.absolute()
        self._own = not uri
        self.uri = uri or f"sqlite:///{self._directory / 'mlflow.db'}"
        self._made: Any = None

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
        """Store the directory and make it the next version; see the port."""
        if not (directory / "MLmodel").is_file():
            raise InvalidSpec(f"{directory} is not a model directory: it has no MLmodel file")
        # The client comes first: making it takes the same lock, which is not reentrant.
        with self._calls("model", name) as client, self._lock():
            if request_id and (made := self._find(client, name, request_id)):
                return self._version(client, made)
            run_id = self._run(client, name, parameters, metrics, request_id)
            client.log_artifacts(run_id, str(directory), _ARTIFACT_PATH)
            client.set_terminated(run_id)
            self._ensure_name(client, name)
            source = f"{client.get_run(run_id).info.artifact_uri.rstrip('/')}/{_ARTIFACT_PATH}"
            all_tags = dict(tags) | ({REQUEST_TAG: request_id} if request_id else {})
            made = client.create_model_version(name, source, run_id, tags=all_tags)
            return self._version(client, made)

    def get(self, name: str, version: str) -> ModelVersion:
        """A version by number or `@alias`; see the port."""
        with self._calls("model version", f"{name}/{version}") as client:
            found = (
                client.get_model_version_by_alias(name, version[1:])
                if version.startswith("@")
                else client.get_model_version(name, version)
            )
            return self._version(client, found)

    def versions(self, name: str) -> tuple[ModelVersion, ...]:
        """All versions, newest first; see the port."""
        with self._calls("model", name) as client:
            client.get_registered_model(name)
            found = _pages(client.search_model_versions, f"name = '{_quoted(name)}'")
            made = [self._version(client, client.get_model_version(name, item.version)) for item in found]
            return tuple(sorted(made, key=lambda item: -int(item.version)))

    def names(self) -> tuple[str, ...]:
        """All model names, sorted; see the port."""
        with self._calls("model", "") as client:
            return tuple(sorted(item.name for item in _pages(client.search_registered_models, None)))

    def download(self, version: ModelVersion, target: Path) -> Path:
        """The stored directory if it is on this machine, else a copy at `target`; see the port."""
        parts = urlsplit(version.source)
        if parts.scheme in ("", "file"):
            stored = Path(unquote(parts.path))
            if not stored.is_dir():
                raise NotFound("model directory", str(stored))
            return stored
        with self._calls("model version", f"{version.name}/{version.version}"):
            target.mkdir(parents=True, exist_ok=True)
            return Path(
                self._mlflow().artifacts.download_artifacts(
                    artifact_uri=version.source, dst_path=str(target), tracking_uri=self.uri
                )
            )

    def set_alias(self, name: str, alias: str, version: str) -> None:
        """Point the alias at the version; see the port."""
        with self._calls("model version", f"{name}/{version}") as client:
            client.get_model_version(name, version)
            client.set_registered_model_alias(name, alias, version)

    def remove_alias(self, name: str, alias: str) -> None:
        """Drop the alias; see the port."""
        with self._calls("model", name) as client:
            if alias in (client.get_registered_model(name).aliases or {}):
                client.delete_registered_model_alias(name, alias)

    def tag(self, name: str, version: str, tags: Mapping[str, str]) -> None:
        """Add or overwrite tags; see the port."""
        with self._calls("model version", f"{name}/{version}") as client:
            for key, value in tags.items():
                client.set_model_version_tag(name, version, key, value)

    def _run(
        self, client: Any, name: str, parameters: Mapping[str, str], metrics: Mapping[str, float], request_id: str
    ) -> str:
        """The MLflow run of this registration: the one that a killed step began, or a new one, with its numbers."""
        experiment = self._experiment(client)
        key = f"{name}/{request_id}"
        found = (
            client.search_runs([experiment], f"tags.`{REQUEST_TAG}` = '{_quoted(key)}'", max_results=1)
            if request_id
            else []
        )
        run = found[0] if found else client.create_run(experiment, tags={REQUEST_TAG: key} if request_id else {})
        run_id = str(run.info.run_id)
        for parameter, value in parameters.items():
            if parameter not in run.data.params:
                client.log_param(run_id, parameter, value[:_MAX_PARAMETER])
        for metric, number in metrics.items():
            if metric not in run.data.metrics:
                client.log_metric(run_id, metric, number)
        return run_id

    def _experiment(self, client: Any) -> str:
        found = client.get_experiment_by_name(EXPERIMENT)
        if found is not None:
            return str(found.experiment_id)
        location = (self._directory / "models").as_uri() if self._own else None
        return str(client.create_experiment(EXPERIMENT, artifact_location=location))

    def _ensure_name(self, client: Any, name: str) -> None:
        exceptions = self._mlflow().exceptions
        try:
            client.create_registered_model(name)
        except exceptions.MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise

    def _find(self, client: Any, name: str, request_id: str) -> Any:
        query = f"name = '{_quoted(name)}' and tags.`{REQUEST_TAG}` = '{_quoted(request_id)}'"
        found = client.search_model_versions(query, max_results=1)
        return client.get_model_version(name, found[0].version) if found else None

    def _version(self, client: Any, found: Any) -> ModelVersion:
        run = client.get_run(found.run_id) if found.run_id else None
        return ModelVersion(
            name=found.name,
            version=str(found.version),
            source=found.source,
            run_id=found.run_id or "",
            aliases=tuple(sorted(found.aliases)),
            tags=dict(found.tags),
            metrics=dict(run.data.metrics) if run else {},
            parameters=dict(run.data.params) if run else {},
            created_at=datetime.fromtimestamp(found.creation_timestamp / 1000, tz=UTC),
        )

    @contextlib.contextmanager
    def _calls(self, kind: str, name: str) -> Iterator[Any]:
        """A client, whose errors come out as ours."""
        client = self._client()
        mlflow = self._mlflow()
        try:
            yield client
        except mlflow.exceptions.MlflowException as error:
            raise self._translated(error, kind, name) from error
        except OSError as error:
            raise Unavailable(f"the model registry at {self._shown()} cannot be used: {error}") from error

    def _translated(self, error: Any, kind: str, name: str) -> SetpointError:
        if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "NOT_FOUND"):
            return NotFound(kind, name)
        missing_alias = error.error_code == "INVALID_PARAMETER_VALUE" and "@" in name
        if missing_alias:
            return NotFound(kind, name)
        if error.error_code in ("INVALID_PARAMETER_VALUE", "BAD_REQUEST"):
            return InvalidSpec(f"MLflow refuses {kind} {name!r}: {error.message}")
        if error.error_code in ("PERMISSION_DENIED", "UNAUTHENTICATED", "CUSTOMER_UNAUTHORIZED"):
            return Forbidden(f"the model registry at {self._shown()} refuses access: check its credentials")
        return Unavailable(f"the model registry at {self._shown()} failed: {error.message}")

    def _client(self) -> Any:
        """The MLflow client, made once: the import and the tables of a new database cost seconds."""
        if self._made is None:
            self._probe()
            with self._lock(), warnings.catch_warnings():
                # MLflow and SQLAlchemy warn of each other's age while they set up; nobody here can act on it.
                warnings.simplefilter("ignore")
                mlflow = self._mlflow()
                try:
                    made = mlflow.MlflowClient(self.uri, self.uri)
                    self._experiment(made)  # the first call makes or checks the tables
                except Exception as error:  # SQLAlchemy, alembic and MLflow raise a dozen kinds here
                    raise Unavailable(
                        f"the model registry at {self._shown()} cannot be opened: {_first_line(error)}"
                    ) from error
            self._made = made
        return self._made

    def _probe(self) -> None:
        """Ask a server for a connection before MLflow does, whose retries take minutes."""
        parts = urlsplit(self.uri)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            return
        port = parts.port or (443 if parts.scheme == "https" else 80)
        try:
            socket.create_connection((parts.hostname, port), timeout=_CONNECT_SECONDS).close()
        except OSError as error:
            raise Unavailable(
                f"the MLflow server at {self._shown()} cannot be reached ({error}): start it, correct the URI, or "
                "leave the URI out to keep models in the state directory"
            ) from error

    def _shown(self) -> str:
        """The URI without user name and password."""
        scheme, mark, rest = self.uri.partition("://")
        place, slash, path = rest.partition("/")
        return f"{scheme}{mark}{place.rpartition('@')[2]}{slash}{path}"

    @contextlib.contextmanager
    def _lock(self) -> Iterator[None]:
        """One process at a time makes tables or registers; another state directory has its own lock."""
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            with (self._directory / "mlflow.lock").open("w") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                yield
        except PermissionError as error:
            raise Unavailable(f"the state directory {self._directory} cannot be written: {error.strerror}") from error

    def _mlflow(self) -> Any:
        import mlflow  # noqa: PLC0415  (1 s to import; processes that never touch the registry do not pay it)
        import mlflow.artifacts  # noqa: PLC0415
        import mlflow.environment_variables as settings  # noqa: PLC0415

        # Fail in seconds: MLflow's defaults are 7 retries of 120 s.
        settings.MLFLOW_HTTP_REQUEST_MAX_RETRIES.set(1)
        settings.MLFLOW_HTTP_REQUEST_TIMEOUT.set(_REQUEST_SECONDS)
        for noisy in ("mlflow", "alembic"):
            logging.getLogger(noisy).setLevel(logging.WARNING)
        return mlflow


def _pages(search: Any, query: str | None) -> list[Any]:
    """All results of a paged search."""
    found: list[Any] = []
    token = None
    while True:
        page = search(filter_string=query, page_token=token)
        found += page
        token = page.token
        if not token:
            return found


def _quoted(text: str) -> str:
    """Refuse what would end a quoted text of MLflow's filter language."""
    if "'" in text or "\\" in text:
        raise InvalidSpec(f"{text!r} may not hold quotes or backslashes", path="name")
    return text


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__
