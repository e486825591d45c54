"""What an API server knows of a kind of resource: names, scope, subresources, columns, and how it is described.

A definition stands for a kind that has a class of its own as well as for one that a CustomResourceDefinition brings
at run time: who serves, stores or prints objects asks the definition and never the class.
Source: Kubernetes, meta/v1 APIResource, and apiextensions.k8s.io/v1 CustomResourceDefinition.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from setpoint.apis.errors import InvariantViolation
from setpoint.apis.meta import Resource


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of the table that `kubectl get` prints.

    `path` is a JSONPath without braces, such as `.status.phase`; `priority` above 0 shows with `-o wide` only. A column
    of a known kind may be computed: then `path` is empty and the name says which.
    """

    name: str
    path: str = ""
    type: str = "string"
    format: str = ""
    description: str = ""
    priority: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """Where the scale subresource of a kind finds its numbers; JSONPaths such as `.spec.replicas`."""

    spec_replicas: str
    status_replicas: str
    label_selector: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceDefinition:
    """One kind in one version of its group.

    Attributes:
        cls: The class that reads it; None for a kind of a CustomResourceDefinition.
        schema: Its OpenAPI v3 structural schema; None where `cls` says it all.
        columns: Between NAME and AGE; None where nobody said which (AGE alone).
        fields: What a field selector may name beside `metadata.name` and `metadata.namespace`.
        storage: Whether objects are kept in this version; exactly one of a kind's versions is.
        engine: Whether something here acts on objects of the kind; if not, a condition says so.
        terminating: Whether its CustomResourceDefinition is being deleted: then no object is created any more, and
            those that finalizers hold can still be read, edited and deleted.
    """

    group: str
    version: str
    kind: str
    plural: str
    singular: str = ""
    list_kind: str = ""
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    namespaced: bool = True
    has_status: bool = True
    scale: Scale | None = None
    columns: tuple[Column, ...] | None = None
    fields: tuple[str, ...] = ()
    cls: type[Resource] | None = None
    schema: Mapping[str, Any] | None = field(default=None, hash=False)
    storage: bool = True
    engine: bool = True
    terminating: bool = False

    @property
    def api_version(self) -> str:
        """`group/version`, or `version` of the core group."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def key(self) -> str:
        """`Kind.group`: what the store calls the kind, in whatever version."""
        return f"{self.kind}.{self.group}" if self.group else self.kind

    @property
    def built_in(self) -> bool:
        """Whether a cluster has the kind without a CustomResourceDefinition: only such take strategic merge patches."""
        return "." not in self.group or self.group.endswith(".k8s.io")

    @property
    def collected(self) -> bool:
        """Whether all objects of a place can be deleted at once: not so namespaces, with all that is in them."""
        return self.key != "Namespace"

    @property
    def resource(self) -> str:
        """`plural.group`: what messages and RBAC call it."""
        return f"{self.plural}.{self.group}" if self.group else self.plural


class Catalog:
    """An immutable set of definitions, found by the path of a URL or by what a manifest says.

    Raises: InvariantViolation if two definitions share group, version and plural, or group, version and kind.
    """

    def __init__(self, definitions: Iterable[ResourceDefinition]) -> None:
        self._definitions = tuple(definitions)
        self._by_plural: dict[tuple[str, str], ResourceDefinition] = {}
        self._by_kind: dict[tuple[str, str], ResourceDefinition] = {}
        for item in self._definitions:
            for index, name in ((self._by_plural, item.plural), (self._by_kind, item.kind)):
                if index.setdefault((item.api_version, name), item) is not item:
                    raise InvariantViolation(f"two definitions are {name} of {item.api_version}")

    def __iter__(self) -> Iterator[ResourceDefinition]:
        """All, in the order they were given."""
        return iter(self._definitions)

    def with_definitions(self, definitions: Iterable[ResourceDefinition]) -> Catalog:
        """A catalog that knows these too, behind its own."""
        return Catalog((*self._definitions, *definitions))

    def of_path(self, api_version: str, plural: str) -> ResourceDefinition | None:
        """The definition that a URL means."""
        return self._by_plural.get((api_version, plural))

    def of_manifest(self, api_version: str, kind: str) -> ResourceDefinition | None:
        """The definition that a manifest means."""
        return self._by_kind.get((api_version, kind))

    def stored(self, definition: ResourceDefinition) -> ResourceDefinition:
        """The version of the same kind in which objects are kept."""
        if definition.storage:
            return definition
        found = (item for item in self._definitions if item.key == definition.key and item.storage)
        return next(found, definition)
