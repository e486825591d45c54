"""Runs a component from texts: arguments in, typed values, the call, one file per result field.

Decides how a text becomes a value and how a result becomes a text; knows nothing of Argo or of any one component.
Invariant: the function is called only when every value is known, typed and complete, and result files are written
only when it returned.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import dataclasses
import inspect
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from setpoint.apis.errors import InvalidSpec, Unavailable
from setpoint.components._component import Artifact, Component, Parameter, nearest

_TRUE, _FALSE = ("true", "yes", "1", "on"), ("false", "no", "0", "off")
_progress_file: contextvars.ContextVar[Path | None] = contextvars.ContextVar("progress_file", default=None)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Arguments:
    """What a command line said: texts by option, where result files go (None: nowhere), whether help was asked."""

    values: Mapping[str, str]
    outputs: Path | None = None
    help: bool = False


def say(stage: str, done: int = 0, total: int = 0) -> None:
    """One plain line of progress on stdout; `done` of `total` goes to the progress file of the pod, if it has one."""
    print(f"[{done}/{total}] {stage}" if total else stage, flush=True)
    target = _progress_file.get()
    if target is not None and total:
        target.write_text(f"{done}/{total}\n", encoding="utf-8")


def parse_arguments(component: Component[..., Any], argv: Sequence[str]) -> Arguments:
    """Read `--name value`, `--name=value`, a bare `--flag` of a bool, `--outputs DIR` and `--help`.

    Raises:
        InvalidSpec: An argument that is no option, an option without value, or one given twice.
    """
    values: dict[str, str] = {}
    flags = {item.option for item in component.parameters if item.type is bool}
    rest = list(argv)
    while rest:
        word = rest.pop(0)
        if word in ("--help", "-h"):
            return Arguments(values={}, help=True)
        if not word.startswith("--") or word == "--":
            raise InvalidSpec(f"unexpected argument {word!r}: write --name value", path=component.name)
        option, given, text = word[2:].partition("=")
        if not given and option in flags and (not rest or rest[0].lower() not in _TRUE + _FALSE):
            text = "true"
        elif not given:
            if not rest:
                raise InvalidSpec(f"option --{option} needs a value", path=component.name)
            text = rest.pop(0)
        if option in values:
            raise InvalidSpec(f"option --{option} is given twice", path=component.name)
        values[option] = text
    outputs = values.pop("outputs", None)
    return Arguments(values=values, outputs=Path(outputs) if outputs else None)


def bind(component: Component[..., Any], values: Mapping[str, str]) -> dict[str, Any]:
    """The keyword arguments of the function, ports excepted, from texts by option (or by Python name).

    Raises:
        InvalidSpec: Unknown, missing or ill-typed values, or an input artifact that is not there.
    """
    given = {key.replace("_", "-"): text for key, text in values.items()}
    for option in given:
        if option not in component.options:
            near = nearest(option, component.options)
            hint = f"; did you mean --{near}?" if near else ""
            raise InvalidSpec(f"unknown option --{option}{hint}", path=component.name, allowed=component.options)
    bound: dict[str, Any] = {}
    for parameter in component.parameters:
        if parameter.option in given:
            bound[parameter.name] = _convert(component.name, parameter, given[parameter.option])
        elif parameter.required:
            raise InvalidSpec(f"option --{parameter.option} is missing", path=component.name)
    for artifact in component.inputs:
        path = _path(component.name, artifact, given)
        if path is not None and not path.exists():
            if not artifact.optional:
                raise InvalidSpec(f"input artifact {path} does not exist", path=f"{component.name}.{artifact.option}")
            path = None
        bound[artifact.name] = path
    for artifact in component.outputs:
        bound[artifact.name] = _path(component.name, artifact, given)
    return bound


async def run_component_async(
    component: Component[..., Any],
    values: Mapping[str, str],
    *,
    ports: Mapping[type, Any] | None = None,
    outputs: Path | None = None,
    progress_file: Path | None = None,
) -> Any:
    """As `run_component`, inside a running event loop; a component that is no coroutine blocks it."""
    with _progress_to(progress_file):
        result = component.function(**bind(component, values), **_inject(component, ports or {}))
        if inspect.isawaitable(result):
            result = await result
    if outputs is not None:
        write_results(component, result, outputs)
    return result


def run_component(
    component: Component[..., Any],
    values: Mapping[str, str],
    *,
    ports: Mapping[type, Any] | None = None,
    outputs: Path | None = None,
    progress_file: Path | None = None,
) -> Any:
    """Run a component to its end; a coroutine function gets an event loop of its own.

    Args:
        component: What to run.
        values: Texts by option name, as from a command line; paths for artifacts.
        ports: Implementations by Protocol class.
        outputs: Directory that gets one file per result field, named by the field in kebab-case.
        progress_file: File that gets `N/M` at each stage (Argo's progress file).

    Returns:
        The dataclass that the function returned.

    Raises:
        InvalidSpec: Bad values; or what the component itself finds wrong with its input.
        Unavailable: A port is not there, or the result files cannot be written.
    """
    if inspect.iscoroutinefunction(component.function):
        whole = run_component_async(component, values, ports=ports, outputs=outputs, progress_file=progress_file)
        return asyncio.run(whole)
    with _progress_to(progress_file):
        result = component.function(**bind(component, values), **_inject(component, ports or {}))
    if outputs is not None:
        write_results(component, result, outputs)
    return result


@contextlib.contextmanager
def _progress_to(file: Path | None) -> Iterator[None]:
    token = _progress_file.set(file)
    try:
        yield
    finally:
        _progress_file.reset(token)


def write_results(component: Component[..., Any], result: Any, directory: Path) -> None:
    """One file per result field: text as it is, true/false, numbers in full, anything else as JSON; None is empty."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for item in component.results:
            (directory / item.option).write_text(text_of(getattr(result, item.name)), encoding="utf-8")
    except OSError as error:
        raise Unavailable(f"result files cannot be written to {directory}: {error.strerror or error}") from error


def text_of(value: Any) -> str:
    """A value as the text of a parameter."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        return repr(value)
    return msgspec.json.encode(value).decode()


def _inject(component: Component[..., Any], ports: Mapping[type, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for port in component.ports:
        if port.type in ports:
            found[port.name] = ports[port.type]
        elif not port.optional:
            raise Unavailable(f"component {component.name} needs a {port.type.__name__} and none is configured")
    return found


def _path(name: str, artifact: Artifact, given: Mapping[str, str]) -> Path | None:
    text = given.get(artifact.option, "")
    if text:
        return Path(text)
    if artifact.default is None and not artifact.optional:
        raise InvalidSpec(f"option --{artifact.option} (a path) is missing", path=name)
    return artifact.default


def _convert(name: str, parameter: Parameter, text: str) -> str | int | float | bool | None:
    where = f"{name}.{parameter.option}"
    if parameter.nullable and text == "":
        return None
    if parameter.choices and text not in parameter.choices:
        near = nearest(text, parameter.choices)
        hint = f"; did you mean {near}?" if near else ""
        raise InvalidSpec(f"{text!r} is not a choice{hint}", path=where, allowed=parameter.choices)
    if parameter.type is str:
        return text
    if parameter.type is bool:
        if text.lower() not in _TRUE + _FALSE:
            raise InvalidSpec(f"{text!r} is not a truth value", path=where, allowed=("true", "false"))
        return text.lower() in _TRUE
    try:
        return parameter.type(text)
    except ValueError:
        kind = "an integer" if parameter.type is int else "a number"
        raise InvalidSpec(f"{text!r} is not {kind}", path=where) from None
