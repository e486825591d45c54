"""What commands share: the options every command knows, where it works, and running a coroutine to its end."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from setpoint.apis.errors import InvalidSpec, NeverReached
from setpoint.cli._complete import context_names, workflow_names
from setpoint.wiring.session import Need, Session, open_session
from setpoint.wiring.settings import Settings, load_settings

if TYPE_CHECKING:
    from setpoint.clients.kubeconfig import ClusterAccess

T = TypeVar("T")

EXIT_FAILED, EXIT_INTERRUPTED = 1, 130
EMBEDDED = "embedded"
_ATTEMPTS = 5

HomeOption = Annotated[
    Path | None,
    typer.Option("--home", help="State directory; SETPOINT_HOME, else ~/.setpoint.", show_default=False),
]
ContextOption = Annotated[
    str,
    typer.Option(
        "--context",
        metavar="NAME",
        help="A cluster of the kubeconfig; embedded, this machine, if not given.",
        show_default=False,
        autocompletion=context_names,
    ),
]
NamespaceOption = Annotated[
    str,
    typer.Option(
        "-n", "--namespace", help="Namespace of the objects; that of the context, else default.", show_default=False
    ),
]
ParameterOption = Annotated[
    list[str] | None,
    typer.Option("-p", "--parameter", metavar="NAME=VALUE", help="Workflow parameter; may be repeated."),
]
_PREFIX = re.compile(r"^(workflows?|wf)(\.argoproj\.io)?/", re.IGNORECASE)


def _bare(value: str | list[str] | None) -> str | list[str] | None:
    """Names as `-o name` prints them are names too."""
    if value is None or isinstance(value, str):
        return _PREFIX.sub("", value) if value else value
    return [_PREFIX.sub("", item) for item in value]


WorkflowArgument = Annotated[
    str,
    typer.Argument(
        metavar="NAME",
        help="Name of the workflow; @latest is the newest.",
        autocompletion=workflow_names,
        callback=_bare,
    ),
]
WorkflowsArgument = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[NAME...]",
        help="Names of workflows; @latest is the newest.",
        autocompletion=workflow_names,
        callback=_bare,
    ),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a command works: the state directory of this machine, or a cluster. And in which namespace."""

    settings: Settings
    namespace: str
    cluster: ClusterAccess | None = None

    def open(
        self, need: Need, *, keep: bool = False, visible: Sequence[str] = (), chunk_size: int | None = None
    ) -> AbstractAsyncContextManager[Session]:
        """A session there. On a cluster a control plane always is.

        Args:
            need: See `Need`.
            keep: See `open_session`; of this machine only.
            visible: See `open_session`; of this machine only.
            chunk_size: Objects of a list that are fetched at once; 0 means all, None as kubectl does.

        Raises: As `open_session` and `cluster_session`.
        """
        if self.cluster is None:
            return open_session(self.settings, need, keep=keep, visible=visible)
        from setpoint.wiring.cluster import CHUNK_SIZE, cluster_session  # noqa: PLC0415  HTTP, only if needed

        return cluster_session(self.cluster, chunk_size=CHUNK_SIZE if chunk_size is None else chunk_size)


def find_place(home: Path | None, namespace: str = "", context: str = "") -> Place:
    """The place that the options name.

    Raises: InvalidSpec: The kubeconfig has no such context, or a setting is wrong.
    """
    settings = load_settings(home)
    if context in ("", EMBEDDED):
        return Place(settings=settings, namespace=namespace or "default")
    if home is not None:
        raise InvalidSpec(f"a cluster has no state directory: give --home or --context {context}", path="--home")
    from setpoint.wiring.cluster import find_cluster  # noqa: PLC0415  HTTP, only if needed

    try:
        cluster = find_cluster(context)
    except InvalidSpec as error:
        if error.path == "--context":
            raise InvalidSpec(error.reason, path=error.path, allowed=(EMBEDDED, *error.allowed)) from None
        raise
    return Place(settings=settings, namespace=namespace or cluster.namespace, cluster=cluster)


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
