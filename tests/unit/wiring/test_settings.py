"""Settings: file < environment < flags, and one clear error for what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from setpoint.apis.errors import InvalidSpec
from setpoint.wiring.settings import component_environment, load_settings


def test_flags_win_over_environment_over_file(tmp_path: Path) -> None:
    (tmp_path / "setpoint.toml").write_text('isolation = "rewrite"\nport = 1\nmlflow_uri = "http://file"\n')
    environment = {"SETPOINT_PORT": "2", "SETPOINT_MLFLOW_URI": "http://environment"}
    settings = load_settings(tmp_path, environment=environment, port=3)
    assert (settings.isolation, settings.mlflow_uri, settings.port) == ("rewrite", "http://environment", 3)


def test_home_comes_from_flag_then_environment(tmp_path: Path) -> None:
    environment = {"SETPOINT_HOME": str(tmp_path / "env")}
    assert load_settings(environment=environment).home == tmp_path / "env"
    assert load_settings(tmp_path / "flag", environment=environment).home == tmp_path / "flag"


@pytest.mark.parametrize(
    ("file", "environment", "words"),
    [
        ("port = [", {}, ["setpoint.toml", "TOML"]),
        ("colour = 1", {}, ["setpoint.toml", "colour", "isolation"]),
        ("", {"SETPOINT_PORT": "many"}, ["settings.port", "many"]),
        ("", {"SETPOINT_ADDRESS": "plant.example"}, ["settings.address", "plant.example"]),
        ("", {"SETPOINT_REQUIRE_TOKEN": "perhaps"}, ["settings.require_token", "perhaps"]),
        ("", {"SETPOINT_AUDIT": "none"}, ["settings.audit", "writes"]),
        ("", {"SETPOINT_MAX_BODY_MB": "0"}, ["settings.max_body_mb", "1 or more"]),
        ('tls_cert = "a.pem"', {}, ["settings.tls_cert", "belong together"]),
        ("", {"SETPOINT_ISOLATION": "none"}, ["settings.isolation", "namespace"]),
        ("", {"SETPOINT_PREDICTION_LOG_MB": "-1"}, ["settings.prediction_log_mb", "-1", "0 or more"]),
        ("", {"SETPOINT_EXECUTOR_PLUGINS": "http://example.org:80"}, ["settings.executor_plugins", "127.0.0.1"]),
        ('executor_plugins = "http://127.0.0.1:1 localhost"', {}, ["settings.executor_plugins", "'localhost'"]),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, file: str, environment: dict[str, str], words: list[str]) -> None:
    (tmp_path / "setpoint.toml").write_text(file)
    with pytest.raises(InvalidSpec) as caught:
        load_settings(tmp_path, environment=environment)
    assert all(word in str(caught.value) for word in words)


def test_executor_plugins_are_asked_in_the_order_written(tmp_path: Path) -> None:
    text = "http://127.0.0.1:4355  http://localhost:4356"
    settings = load_settings(tmp_path, environment={"SETPOINT_EXECUTOR_PLUGINS": text})
    assert settings.plugin_addresses == ("http://127.0.0.1:4355", "http://localhost:4356")
    assert load_settings(tmp_path, environment={}).plugin_addresses == ()


def test_components_get_stores_and_registry_with_their_credentials_and_nothing_else(tmp_path: Path) -> None:
    environment = {
        "AWS_SECRET_ACCESS_KEY": "hush",
        "AWS_REGION": "",
        "MLFLOW_TRACKING_TOKEN": "hush too",
        "GITHUB_TOKEN": "not theirs",
        "SETPOINT_MLFLOW_URI": "http://registry",
    }
    settings = load_settings(tmp_path, environment=environment)
    assert component_environment(settings, environment) == {
        "AWS_SECRET_ACCESS_KEY": "hush",
        "MLFLOW_TRACKING_TOKEN": "hush too",
        "SETPOINT_MLFLOW_URI": "http://registry",
    }
    assert component_environment(load_settings(tmp_path, environment={}), {}) == {}


@pytest.mark.parametrize(
    ("text", "found"),
    [("require_token = true", True), ("require_token = false", False), ('require_token = "no"', False)],
)
def test_a_setting_is_true_or_false(tmp_path: Path, text: str, found: bool) -> None:
    (tmp_path / "setpoint.toml").write_text(text)
    assert load_settings(tmp_path, environment={}).require_token is found
    assert load_settings(tmp_path, environment={"SETPOINT_REQUIRE_TOKEN": "yes"}).require_token is True


@pytest.mark.parametrize(
    ("address", "own"), [("127.0.0.1", True), ("localhost", True), ("::1", True), ("0.0.0.0", False)]
)
def test_loopback_is_told_from_what_others_reach(tmp_path: Path, address: str, own: bool) -> None:
    assert load_settings(tmp_path, environment={"SETPOINT_ADDRESS": address}).on_loopback is own
