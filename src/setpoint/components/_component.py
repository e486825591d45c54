"""What a component is: a typed function with keyword-only parameters, read once when it is decorated.

Decides how a signature maps to parameters, artifacts, ports and results; must not know how values get in
(`_runner`) or what a template looks like (`_template`). Invariant: a `Component` that exists is usable on all three
ways (notebook, command, Argo template), since a signature that cannot be mapped is refused by the decorator.

    str, int, float, bool, Literal[...] (or `| None`)   Argo input parameter, snake_case becomes kebab-case
    Annotated[Path, Input("...")]                       input artifact
    Annotated[Path, Output("...")]                      output artifact: where the component writes
    a Protocol class                                    port, injected by whoever runs the component
    the frozen dataclass that is returned               output parameters, one per field
"""

from __future__ import annotations

import dataclasses
import difflib
import inspect
import re
import types
import typing
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Generic, ParamSpec, TypeVar

from setpoint.apis.errors import InvalidSpec, NotFound

P = ParamSpec("P")
R = TypeVar("R")

GROUP = "setpoint.components"
_NAME = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?\Z")


@dataclass(frozen=True, slots=True)
class Input:
    """Marks a `Path` parameter as input artifact. `optional`: it may be absent, the function then gets None."""

    help: str = ""
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Output:
    """Marks a `Path` parameter as output artifact. `optional`: the component may leave it unwritten."""

    help: str = ""
    optional: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One input parameter; `option` is its name on the command line and in Argo."""

    name: str
    option: str
    type: type[str] | type[int] | type[float] | type[bool]
    required: bool
    default: str | int | float | bool | None = None
    nullable: bool = False  # an empty text means None
    choices: tuple[str, ...] = ()
    help: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """One input or output artifact; `default` is the path used when a person gives none."""

    name: str
    option: str
    default: Path | None
    optional: bool
    help: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Port:
    """A Protocol that the runner injects; an optional one is left out when there is none."""

    name: str
    type: type
    optional: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One output parameter: a field of the returned dataclass."""

    name: str
    option: str
    help: str = ""


@dataclass(frozen=True, eq=False)
class Component(Generic[P, R]):
    """A component; calling it calls the function, with nothing in between."""

    name: str
    description: str
    function: Callable[P, R]
    parameters: tuple[Parameter, ...]
    inputs: tuple[Artifact, ...]
    outputs: tuple[Artifact, ...]
    ports: tuple[Port, ...]
    results: tuple[Result, ...]

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """The function itself."""
        return self.function(*args, **kwargs)

    @property
    def __signature__(self) -> inspect.Signature:
        """The function's signature, so that notebooks show it."""
        return inspect.signature(self.function)

    @property
    def options(self) -> tuple[str, ...]:
        """All names that may be given: parameters, then input artifacts, then output artifacts."""
        artifacts = (*self.inputs, *self.outputs)
        return (*(item.option for item in self.parameters), *(item.option for item in artifacts))


def component(name: str, *, description: str) -> Callable[[Callable[P, R]], Component[P, R]]:
    """Make a component of a function.

    Args:
        name: Name in kebab-case; the template, the command and the entry point bear it.
        description: One sentence; the function's docstring holds the rest.

    Raises:
        InvalidSpec: The name or the signature cannot be mapped; the path is `component.parameter`.
    """
    if not _NAME.match(name):
        raise InvalidSpec("a component's name is lower-case letters, digits and dashes", path=name)

    def decorate(function: Callable[P, R]) -> Component[P, R]:
        return _read(name, description, function)

    return decorate


def names() -> tuple[str, ...]:
    """Names of all installed components, sorted; nothing is imported."""
    return tuple(sorted({entry.name for entry in metadata.entry_points(group=GROUP)}))


def load(name: str) -> Component[..., Any]:
    """The installed component of that name.

    Raises:
        NotFound: No package declares it.
        InvalidSpec: What the entry point names cannot be imported or is not a component.
    """
    entries = metadata.entry_points(group=GROUP, name=name)
    if not entries:
        known = names()
        near = nearest(name, known)
        raise NotFound("component", f"{name}{f' (did you mean {near}?)' if near else ''}")
    entry = next(iter(entries))
    try:
        found = entry.load()
    except (ImportError, AttributeError) as error:
        raise InvalidSpec(f"entry point {entry.value!r} cannot be loaded: {error}", path=f"{GROUP}.{name}") from error
    if not isinstance(found, Component):
        raise InvalidSpec(f"entry point {entry.value!r} is not a component", path=f"{GROUP}.{name}")
    return found


def nearest(word: str, known: Sequence[str]) -> str:
    """The most similar known word, or the empty text."""
    return next(iter(difflib.get_close_matches(word, known, n=1, cutoff=0.5)), "")


def option_of(name: str) -> str:
    """snake_case to kebab-case."""
    return name.replace("_", "-")


def _read(name: str, description: str, function: Callable[P, R]) -> Component[P, R]:
    hints = typing.get_type_hints(function, include_extras=True)
    documented = _documented_arguments(inspect.getdoc(function) or "", "Args")
    parameters: list[Parameter] = []
    inputs: list[Artifact] = []
    outputs: list[Artifact] = []
    ports: list[Port] = []
    for key, item in inspect.signature(function).parameters.items():
        where = f"{name}.{key}"
        if item.kind is not inspect.Parameter.KEYWORD_ONLY:
            raise InvalidSpec("parameters of a component are keyword-only: put `*` first", path=where)
        hint, marks, optional = _unwrap(hints.get(key))
        text = next((mark for mark in marks if isinstance(mark, str)), documented.get(key, ""))
        marker = next((mark for mark in marks if isinstance(mark, Input | Output)), None)
        if marker is not None:
            kind = inputs if isinstance(marker, Input) else outputs
            kind.append(_artifact(key, item, hint, marker, optional, text, where))
        elif getattr(hint, "_is_protocol", False) and isinstance(hint, type):
            ports.append(Port(name=key, type=hint, optional=optional or item.default is not item.empty))
        else:
            parameters.append(_parameter(key, item, hint, optional, text, where))
    return Component(
        name=name,
        description=description,
        function=function,
        parameters=tuple(parameters),
        inputs=tuple(inputs),
        outputs=tuple(outputs),
        ports=tuple(ports),
        results=_results(name, hints.get("return")),
    )


def _unwrap(hint: Any) -> tuple[Any, tuple[Any, ...], bool]:
    """(plain type, Annotated's metadata, whether None is allowed); `Annotated` and `| None` nest either way."""
    marks: tuple[Any, ...] = ()
    optional = False
    while True:
        origin = typing.get_origin(hint)
        if origin is typing.Annotated:
            hint, *more = typing.get_args(hint)
            marks += tuple(more)
        elif origin in (typing.Union, types.UnionType):
            rest = [part for part in typing.get_args(hint) if part is not types.NoneType]
            if len(rest) != 1:
                return hint, marks, optional
            hint, optional = rest[0], True
        else:
            return hint, marks, optional


def _parameter(key: str, item: inspect.Parameter, hint: Any, nullable: bool, text: str, where: str) -> Parameter:
    choices: tuple[str, ...] = ()
    if typing.get_origin(hint) is typing.Literal:
        values = typing.get_args(hint)
        if not all(isinstance(value, str) for value in values):
            raise InvalidSpec("a Literal parameter lists texts only", path=where)
        choices, hint = tuple(values), str
    if hint not in (str, int, float, bool):
        raise InvalidSpec(
            "a parameter is str, int, float, bool, Literal, a Protocol, or a Path marked Input or Output", path=where
        )
    required = item.default is item.empty
    return Parameter(
        name=key,
        option=option_of(key),
        type=hint,
        required=required,
        default=None if required else item.default,
        nullable=nullable,
        choices=choices,
        help=text,
    )


def _artifact(
    key: str, item: inspect.Parameter, hint: Any, marker: Input | Output, nullable: bool, text: str, where: str
) -> Artifact:
    if hint is not Path:
        raise InvalidSpec("an artifact is a Path", path=where)
    return Artifact(
        name=key,
        option=option_of(key),
        default=item.default if isinstance(item.default, Path) else None,
        optional=marker.optional or nullable,
        help=marker.help or text,
    )


def _results(name: str, hint: Any) -> tuple[Result, ...]:
    hint, _, _ = _unwrap(hint)
    if typing.get_origin(hint) is not None and typing.get_args(hint):
        hint = typing.get_args(hint)[-1]  # Coroutine[Any, Any, X] of a function that returns an awaitable
    if hint in (None, types.NoneType):
        return ()
    if not (isinstance(hint, type) and dataclasses.is_dataclass(hint)):
        raise InvalidSpec("a component returns a frozen dataclass or None", path=f"{name}.return")
    documented = _documented_arguments(inspect.getdoc(hint) or "", "Attributes")
    return tuple(
        Result(name=item.name, option=option_of(item.name), help=documented.get(item.name, ""))
        for item in dataclasses.fields(hint)
    )


def _documented_arguments(doc: str, section: str) -> dict[str, str]:
    """The entries of one Google-style section, continuation lines joined."""
    found: dict[str, str] = {}
    inside, current = False, ""
    for line in doc.splitlines():
        if line.strip() == f"{section}:" and not line.startswith(" "):
            inside = True
        elif inside and line and not line.startswith(" "):
            break
        elif inside and (entry := re.match(r" {4}(\w+)(?: \([^)]*\))?: (.*)", line)):
            current = entry[1]
            found[current] = entry[2].strip()
        elif inside and line.strip() and current:
            found[current] += f" {line.strip()}"
    return found
