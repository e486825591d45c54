"""The table from argo to setpoint: what it names is there, and every command tells an example."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import Any

import pytest
import typer

from setpoint.cli._app import COMMANDS
from setpoint.cli._parity import ABSENT, PARITY


def leaves() -> Iterator[tuple[str, Any]]:
    for name, entry in COMMANDS.items():
        module, _, attribute = entry.module.partition(":")
        command: Any = typer.main.get_command(getattr(import_module(f"setpoint.cli.{module}"), attribute))
        children = getattr(command, "commands", None)
        if children is None:
            yield name, command
        for child, inner in (children or {}).items():
            yield f"{name} {child}", inner


LEAVES = dict(leaves())


@pytest.mark.parametrize("ours", sorted({ours for _, ours, _ in PARITY}))
def test_every_command_of_the_table_is_there(ours: str) -> None:
    assert ours in LEAVES


def test_every_command_of_argo_is_told_once() -> None:
    told = [theirs for theirs, _, _ in PARITY] + [theirs for theirs, _ in ABSENT]
    assert len(set(told)) == len(told)


@pytest.mark.parametrize("name", sorted({ours for _, ours, _ in PARITY}))
def test_help_shows_an_example(name: str) -> None:
    assert f"`setpoint {name}" in LEAVES[name].help or name in ("auth token",)


@pytest.mark.parametrize("name", sorted({ours for _, ours, _ in PARITY} - {"up", "convert", "completion"}))
def test_every_command_on_objects_takes_a_context(name: str) -> None:
    assert "--context" in {word for parameter in LEAVES[name].params for word in parameter.opts}
