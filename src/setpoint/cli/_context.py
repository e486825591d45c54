"""What commands share: the options every command knows, and running a coroutine to its end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from setpoint.apis.errors import InvalidSpec, NeverReached

T = TypeVar("T")

EXIT_FAILED, EXIT_INTERRUPTED = 1, 130
_ATTEMPTS = 5

HomeOption = Annotated[
    Path | None,
    typer.Option("--home", help="State directory; SETPOINT_HOME, else ~/.setpoint.", show_default=False),
]
NamespaceOption = Annotated[str, typer.Option("-n", "--namespace", help="Namespace of the objects.")]
ParameterOption = Annotated[
    list[str] | None,
    typer.Option("-p", "--parameter", metavar="NAME=VALUE", help="Workflow parameter; may be repeated."),
]


def run_async(main: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run to the end; Ctrl-C that nobody handled gives exit code 130.

    Begun again if the control plane that was borrowed, another command's, was gone before it was asked anything.
    """
    for attempt in range(_ATTEMPTS):
        try:
            return asyncio.run(main())
        except NeverReached:
            if attempt + 1 == _ATTEMPTS:
                raise
        except KeyboardInterrupt:
            raise typer.Exit(EXIT_INTERRUPTED) from None
    raise AssertionError("unreachable")


def parse_parameters(pairs: list[str] | None) -> dict[str, str]:
    """`["a=b"]` as a mapping; the last of equal names wins.

    Raises:
        InvalidSpec: An item without `=` or without a name.
    """
    parameters: dict[str, str] = {}
    for pair in pairs or []:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise InvalidSpec(f"{pair!r} is not name=value", path="--parameter")
        parameters[name] = value
    return parameters
