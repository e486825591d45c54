"""Which workflows a person means: by name, or by filters as of `argo list` and `argo delete`.

Filters look at workflows without their nodes: of ten thousand workflows nobody wants to decode a million nodes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any, ClassVar

import msgspec
import typer

from setpoint.apis.argo import API_VERSION, LABEL_COMPLETED, LABEL_PHASE, LABEL_RESUBMITTED_FROM
from setpoint.apis.definitions import ResourceDefinition
from setpoint.apis.errors import InvalidSpec
from setpoint.apis.field_selectors import parse_field_selector
from setpoint.apis.meta import Resource, render_wire
from setpoint.ports.resources import ResourceApi

PHASES = ("Pending", "Running", "Succeeded", "Failed", "Error")
_UNITS = {"d": 86400, "h": 3600, "m": 60, "s": 1}
_PART = re.compile(r"(\d+)([dhms])")
_DEFINITION = ResourceDefinition(
    group="argoproj.io", version="v1alpha1", kind="Workflow", plural="workflows", fields=("status.phase",)
)

SelectorOption = Annotated[str, typer.Option("-l", "--selector", help="Label selector, as a=b,c!=d.")]
FieldSelectorOption = Annotated[
    str, typer.Option("--field-selector", help="Of metadata.name, metadata.namespace, status.phase, as a=b,c!=d.")
]
AllNamespacesOption = Annotated[bool, typer.Option("-A", "--all-namespaces", help="Of all namespaces.")]
PrefixOption = Annotated[str, typer.Option("--prefix", help="Those whose names begin so.", show_default=False)]
OlderOption = Annotated[
    str, typer.Option("--older", help="Those that ended longer ago, as 10m, 3h, 1d.", show_default=False)
]
SinceOption = Annotated[
    str, typer.Option("--since", help="Those made since, as 10m, 3h, 1d; and what still runs.", show_default=False)
]
CompletedOption = Annotated[bool, typer.Option("--completed", help="Those that have ended.")]
ResubmittedOption = Annotated[bool, typer.Option("--resubmitted", help="Those that were made by resubmit.")]


class _Status(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    phase: str = ""
    started_at: datetime | None = None
    finished_at: datetime | None = None
    message: str = ""
    progress: str = ""


class ListedRun(Resource, frozen=True, kw_only=True):
    """A Workflow without its nodes."""

    API_VERSION: ClassVar[str] = API_VERSION
    KIND: ClassVar[str] = "Workflow"
    PLURAL: ClassVar[str] = "workflows"

    spec: dict[str, Any] = {}
    status: _Status = _Status()


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """What a workflow has to be; the defaults mean all.

    `older` and `since` are durations from now; `since` passes what has not ended, as argo does.
    """

    selector: str = ""
    fields: str = ""
    prefix: str = ""
    older: str = ""
    since: str = ""
    phases: Sequence[str] = ()
    completed: bool = False
    running: bool = False
    resubmitted: bool = False

    @property
    def given(self) -> bool:
        """Whether anything is asked for."""
        return self != Filters()

    @property
    def label_selector(self) -> str:
        """What the API is asked for. Raises: InvalidSpec: An unknown phase, or `completed` with `running`."""
        if self.completed and self.running:
            raise InvalidSpec("--completed and --running exclude each other")
        parts = [self.selector] if self.selector else []
        if self.phases:
            for phase in self.phases:
                if phase not in PHASES:
                    raise InvalidSpec(f"{phase!r} is no phase of a workflow", path="--status", allowed=PHASES)
            parts.append(f"{LABEL_PHASE} in ({','.join(self.phases)})")
        parts += [f"{LABEL_COMPLETED}=true"] if self.completed else []
        parts += [f"{LABEL_COMPLETED}!=true"] if self.running else []
        parts += [LABEL_RESUBMITTED_FROM] if self.resubmitted else []
        return ",".join(parts)

    def chosen(self, found: Iterable[ListedRun], now: datetime) -> list[ListedRun]:
        """Those that are meant of what the label selector found. Raises: InvalidSpec."""
        older = now - parse_ago(self.older, "--older") if self.older else None
        since = now - parse_ago(self.since, "--since") if self.since else None
        fields = _fields(self.fields)
        return [item for item in found if fields(item) and self._passes(item, older, since)]

    def _passes(self, item: ListedRun, older: datetime | None, since: datetime | None) -> bool:
        ended, created = item.status.finished_at, item.metadata.creation_timestamp
        return (
            item.metadata.name.startswith(self.prefix)
            and (older is None or (ended is not None and ended < older))
            and (since is None or ended is None or (created is not None and created > since))
        )


async def choose(resources: ResourceApi, namespace: str | None, filters: Filters, now: datetime) -> list[ListedRun]:
    """The workflows that are meant; what runs first, then what ended last, as argo lists them. Raises: InvalidSpec."""
    found = await resources.list(ListedRun, namespace, selector=filters.label_selector)
    return sorted(filters.chosen(found.items, now), key=_order, reverse=True)


def _order(item: ListedRun) -> tuple[bool, str, str, str]:
    ended, created = item.status.finished_at, item.metadata.creation_timestamp
    moment = created.isoformat() if created else ""
    return (ended is None, "" if ended is None else ended.isoformat(), moment, item.metadata.name)


def parse_ago(text: str, option: str) -> timedelta:
    """`90s`, `10m`, `3h`, `1d`, `1d12h` as a duration. Raises: InvalidSpec."""
    parts = _PART.findall(text)
    if not parts or "".join(map("".join, parts)) != text:
        raise InvalidSpec(f"{text!r} is no duration: write it as 90s, 10m, 3h or 1d", path=option)
    return timedelta(seconds=sum(int(number) * _UNITS[unit] for number, unit in parts))


def _fields(text: str) -> Callable[[ListedRun], bool]:
    wanted = parse_field_selector(text, _DEFINITION)
    return (lambda item: wanted(render_wire(item))) if wanted is not None else lambda _: True


async def names_of(
    resources: ResourceApi, namespace: str, names: Sequence[str] | None, filters: Filters, now: datetime
) -> list[str]:
    """The names given, else those of what the filters mean. Raises: InvalidSpec: Neither is given, or both."""
    if names and filters.given:
        raise InvalidSpec("give names of workflows or a selector, not both")
    if names:
        return list(dict.fromkeys(names))
    if not filters.given:
        raise InvalidSpec("name a workflow, @latest, or give a selector by -l")
    return [item.metadata.name for item in await choose(resources, namespace, filters, now)]
