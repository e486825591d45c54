"""The ModelRegistry contract, over MLflow on SQLite and over an MLflow-shaped address that nobody answers."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from setpoint.adapters.mlflow_registry import MlflowRegistry
from setpoint.apis.errors import InvalidSpec, NotFound, Unavailable
from setpoint.ports.registry import CHALLENGER, CHAMPION, ModelRegistry, ModelVersion
from tests.registries import new_registry


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> MlflowRegistry:
    """One registry for the module; tests take names of their own."""
    return new_registry(tmp_path_factory)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A model directory as far as a registry looks."""
    made = tmp_path / "model"
    made.mkdir()
    (made / "MLmodel").write_text("flavors: {}\n")
    (made / "weights.json").write_text("[1]")
    return made


def _register(registry: ModelRegistry, name: str, directory: Path, request_id: str = "") -> ModelVersion:
    return registry.register(
        name,
        directory,
        parameters={"seed": "1"},
        metrics={"accuracy": 0.5},
        tags={"why": "test"},
        request_id=request_id,
    )


def test_versions_count_up_and_keep_what_was_given(registry: ModelRegistry, directory: Path) -> None:
    first, second = _register(registry, "counting", directory), _register(registry, "counting", directory)
    assert (first.version, second.version) == ("1", "2")
    assert [item.version for item in registry.versions("counting")] == ["2", "1"]
    found = registry.get("counting", "1")
    assert (found.parameters["seed"], found.metrics["accuracy"], found.tags["why"]) == ("1", 0.5, "test")
    assert found.created_at is not None and found.created_at.tzinfo is not None
    assert "counting" in registry.names()


def test_a_repeated_request_makes_no_second_version(registry: ModelRegistry, directory: Path) -> None:
    first = _register(registry, "repeated", directory, "step-1")
    assert _register(registry, "repeated", directory, "step-1").version == first.version
    assert _register(registry, "repeated", directory, "step-2").version == "2"
    assert len(registry.versions("repeated")) == 2


def test_a_step_killed_between_its_run_and_its_version_is_taken_up(registry: MlflowRegistry, directory: Path) -> None:
    """The run is there, the version is not: what a kill in the middle of `register` leaves."""
    with registry._calls("model", "killed") as client:
        run = registry._run(client, "killed", {"seed": "1"}, {"accuracy": 0.5}, "step-1")
    assert _register(registry, "killed", directory, "step-1").run_id == run
    assert [item.version for item in registry.versions("killed")] == ["1"]


def test_stored_files_are_a_copy(registry: ModelRegistry, directory: Path, tmp_path: Path) -> None:
    version = _register(registry, "copied", directory)
    (directory / "weights.json").write_text("[2]")
    stored = registry.download(version, tmp_path / "target")
    assert (stored / "weights.json").read_text() == "[1]"
    assert (stored / "MLmodel").is_file()


def test_an_alias_moves_and_goes(registry: ModelRegistry, directory: Path) -> None:
    for _ in range(2):
        _register(registry, "aliased", directory)
    registry.set_alias("aliased", CHAMPION, "1")
    registry.set_alias("aliased", CHALLENGER, "2")
    assert registry.get("aliased", "@champion").version == "1"
    registry.set_alias("aliased", CHAMPION, "2")
    assert registry.get("aliased", "@champion").version == "2"
    assert registry.get("aliased", "2").aliases == (CHALLENGER, CHAMPION)
    assert registry.versions("aliased")[1].aliases == ()
    registry.remove_alias("aliased", CHAMPION)
    registry.remove_alias("aliased", CHAMPION)
    with pytest.raises(NotFound):
        registry.get("aliased", "@champion")


def test_tags_are_added_and_overwritten(registry: ModelRegistry, directory: Path) -> None:
    _register(registry, "tagged", directory)
    registry.tag("tagged", "1", {"why": "again", "verdict": "promote"})
    found = registry.get("tagged", "1").tags
    assert (found["why"], found["verdict"]) == ("again", "promote")


@pytest.mark.parametrize(
    "call",
    [
        lambda registry: registry.get("nobody", "1"),
        lambda registry: registry.get("nobody", "@champion"),
        lambda registry: registry.versions("nobody"),
        lambda registry: registry.set_alias("nobody", "champion", "1"),
        lambda registry: registry.remove_alias("nobody", "champion"),
        lambda registry: registry.tag("nobody", "1", {"a": "b"}),
    ],
)
def test_what_is_not_there_is_not_found(registry: ModelRegistry, call: Callable[[ModelRegistry], object]) -> None:
    with pytest.raises(NotFound):
        call(registry)


def test_a_directory_that_is_no_model_is_refused(registry: ModelRegistry, tmp_path: Path) -> None:
    with pytest.raises(InvalidSpec, match="MLmodel"):
        _register(registry, "refused", tmp_path)
    assert "refused" not in registry.names()


@pytest.mark.parametrize("uri", ["http://user:secret@127.0.0.1:{port}", "http://127.0.0.1:{port}/path"])
def test_a_server_that_does_not_answer_is_one_clear_error(tmp_path: Path, uri: str) -> None:
    with socket.socket() as taken:  # bound and not listening: connections are refused, and nobody else gets the port
        taken.bind(("127.0.0.1", 0))
        address = uri.format(port=taken.getsockname()[1])
        registry = MlflowRegistry(tmp_path, address)
        with pytest.raises(Unavailable, match=r"cannot be reached .* start it, correct the URI") as caught:
            registry.names()
        assert "secret" not in str(caught.value)


def test_a_database_that_is_none_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_text("this is no database, and long enough to be seen as none")
    with pytest.raises(Unavailable, match="cannot be opened") as caught:
        MlflowRegistry(tmp_path).names()
    assert "\n" not in str(caught.value)


@pytest.mark.slow
def test_processes_that_begin_together_share_one_database(tmp_path: Path) -> None:
    """The tables are made once, and the same request from all of them makes one version."""
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "MLmodel").write_text("flavors: {}\n")
    program = (
        "import sys; from pathlib import Path; from setpoint.adapters.mlflow_registry import MlflowRegistry;"
        "home = Path(sys.argv[1]); r = MlflowRegistry(home / 'state');"
        "print(r.register('m', home / 'model', parameters={}, metrics={}, tags={}, request_id='one').version)"
    )
    running = [
        subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    answers = [process.communicate(timeout=100)[0].strip() for process in running]
    assert answers == ["1", "1", "1"]
    assert len(MlflowRegistry(tmp_path / "state").versions("m")) == 1
