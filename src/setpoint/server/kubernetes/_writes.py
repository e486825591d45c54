"""Creating, replacing, patching and deleting objects: from what a client sends to what is stored.

What is to be stored is worked out here, from the object as it is, and handed to the store with its resourceVersion as a
precondition; if somebody was quicker, it is worked out again, unless the client named a version itself. Invariant: what
is stored was admitted, and metadata.managedFields say who owns which of its fields.
Source: Kubernetes API concepts, "Resource operations", "Server-Side Apply"; apiserver's GuaranteedUpdate.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

import msgspec

from setpoint.apis.definitions import Catalog, ResourceDefinition
from setpoint.apis.errors import (
    AlreadyExists,
    Conflict,
    InvalidSpec,
    Malformed,
    MethodNotAllowed,
    NotFound,
    UnsupportedMedia,
)
from setpoint.apis.merge_patch import merge_patch
from setpoint.apis.strategic_merge import strategic_merge
from setpoint.apis.structure import Structure
from setpoint.core.admission import admit
from setpoint.core.apply import apply, apply_json_patch, managed_fields_of, track_update
from setpoint.ports.clock import Clock
from setpoint.ports.objects import Json, ObjectApi
from setpoint.server.kubernetes._options import WriteOptions

JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_PATCH = "application/strategic-merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"
PATCHES = (JSON_PATCH, MERGE_PATCH, STRATEGIC_PATCH, APPLY_PATCH)

NO_ENGINE = "setpoint.dev/NoEngine"
"""Condition of an object of a kind that is only stored."""

_ATTEMPTS = 8
_FIRST = {"Pod": {"phase": "Pending"}, "Namespace": {"phase": "Active"}}


class Admitter(Protocol):
    """What a kind demands beyond its type, such as a Workflow that passes `lint`."""

    def __call__(self, new: Json, old: Json | None, user: Any, /) -> Awaitable[Json]:
        """The object as it is to be stored; `old` is None for a new one. Raises: InvalidSpec, Forbidden."""
        ...


class MayCreate(Protocol):
    """Whether somebody who applies an object may create it."""

    async def __call__(self, kind: ResourceDefinition, namespace: str, name: str, user: Any) -> None:
        """Raises: Forbidden."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """The document as stored, whether it is new, and what is said of it in Warning headers."""

    document: bytes
    created: bool = False
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What a write is about, who writes, and how."""

    kind: ResourceDefinition
    namespace: str
    name: str
    options: WriteOptions
    user: Any = None
    subresource: str = ""


class Writes:
    """The writing verbs over an `ObjectApi`."""

    def __init__(
        self,
        api: ObjectApi,
        catalog: Callable[[], Catalog],
        structure_of: Callable[[ResourceDefinition], Structure],
        admitters: Mapping[str, Admitter],
        clock: Clock,
        may_create: MayCreate | None = None,
    ) -> None:
        self._may_create = may_create
        self._api, self._catalog, self._structure_of = api, catalog, structure_of
        self._admitters, self._clock = admitters, clock

    async def create(self, subject: Subject, body: Json) -> Written:
        """POST."""
        kind = subject.kind
        _check_open(kind)
        document, warnings = self._admitted(subject, body)
        metadata = document.setdefault("metadata", {})
        _place(metadata, subject)
        if metadata.get("resourceVersion"):
            raise Malformed("must not be set on a new object", path="metadata.resourceVersion")
        if kind.has_status:
            document.pop("status", None)
        document = await self._demanded(subject, document, None)
        document = self._tracked(subject, None, document) | _first_status(kind, self._clock.now())
        made = await self._api.create(self._stored(kind), self._inward(kind, document), dry_run=subject.options.dry_run)
        return Written(document=made, created=True, warnings=warnings)

    async def replace(self, subject: Subject, body: Json) -> Written:
        """PUT, of the object or its status."""
        warnings: tuple[str, ...] = ()
        given = body.get("metadata")
        if not isinstance(given, dict) or not given.get("name"):
            raise Malformed("is required", path="metadata.name")
        if subject.kind.cls is None and not given.get("resourceVersion"):
            raise InvalidSpec("must be specified for an update", path="metadata.resourceVersion")

        async def make(present: Json | None) -> Json:
            nonlocal warnings
            assert present is not None  # noqa: S101  `_rewrite` raised
            document, warnings = self._admitted(subject, _written_part(subject, present, body), present)
            _place(document["metadata"], subject)
            return self._tracked(subject, present, _joined(subject, present, document))

        written = await self._rewrite(subject, make, version=_named_version(body))
        return Written(document=written.document, warnings=warnings)

    async def patch(self, subject: Subject, media: str, patch: Any) -> Written:
        """PATCH, of the object or its status. Raises: UnsupportedMedia, and what the patch's kind raises."""
        warnings: tuple[str, ...] = ()
        version = ""
        if media != JSON_PATCH:
            version = _named_version(patch)

        async def make(present: Json | None) -> Json:
            nonlocal warnings
            if media == APPLY_PATCH:
                document, warnings = self._applied(subject, present, patch)
                return document
            assert present is not None  # noqa: S101  `_rewrite` raised
            laid = self._laid(subject, present, media, patch)
            found, wanted = present["metadata"]["resourceVersion"], _named_version(laid)
            if wanted and wanted != found:  # as a JSON patch may say
                raise Conflict(subject.kind.kind, subject.name, found=found, wanted=wanted)
            document, warnings = self._admitted(subject, _written_part(subject, present, laid), present)
            _place(document.setdefault("metadata", {}), subject)
            return self._tracked(subject, present, _joined(subject, present, document))

        written = await self._rewrite(subject, make, version=version, creates=media == APPLY_PATCH)
        return Written(document=written.document, created=written.created, warnings=warnings)

    async def _rewrite(
        self,
        subject: Subject,
        make: Callable[[Json | None], Awaitable[Json]],
        *,
        version: str = "",
        creates: bool = False,
    ) -> Written:
        """Work out the new object from the present one and store it, again if somebody else was quicker."""
        kind = self._stored(subject.kind)
        for attempt in range(_ATTEMPTS):
            present = await self._present(subject, creates=creates)
            if present is None:
                _check_open(subject.kind)
            if present is None and self._may_create is not None:
                await self._may_create(subject.kind, subject.namespace, subject.name, subject.user)
            if present is not None and version and present["metadata"]["resourceVersion"] != version:
                found = present["metadata"]["resourceVersion"]
                raise Conflict(kind.kind, subject.name, found=found, wanted=version)
            document = await self._demanded(subject, await make(present), present)
            dry_run, inward = subject.options.dry_run, self._inward(subject.kind, document)
            try:
                if present is None:
                    made = await self._api.create(kind, inward, dry_run=dry_run)
                    return Written(document=made, created=True)
                inward["metadata"]["resourceVersion"] = present["metadata"]["resourceVersion"]
                subresource = "status" if subject.subresource == "status" else ""
                return Written(document=await self._api.update(kind, inward, subresource=subresource, dry_run=dry_run))
            except (Conflict, AlreadyExists):
                if version or attempt + 1 == _ATTEMPTS:
                    raise
        raise AssertionError("unreachable")

    async def _present(self, subject: Subject, *, creates: bool) -> Json | None:
        try:
            raw = await self._api.get(self._stored(subject.kind), subject.namespace, subject.name)
        except NotFound:
            if creates and not subject.subresource:
                return None
            raise
        present: Json = msgspec.json.decode(raw)
        return present | {"apiVersion": subject.kind.api_version}

    def _applied(self, subject: Subject, present: Json | None, applied: Json) -> tuple[Json, tuple[str, ...]]:
        kind, options = subject.kind, subject.options
        metadata = applied.setdefault("metadata", {})
        if not metadata.get("name"):
            metadata["name"] = subject.name
        _place(metadata, subject)
        for field, wanted in (("apiVersion", kind.api_version), ("kind", kind.kind)):
            if applied.get(field) != wanted:
                raise Malformed(f"must be {wanted!r}, as the path says", path=field)
        merged, managed = apply(
            present,
            applied,
            (present or {}).get("metadata", {}).get("managedFields", []),
            manager=options.manager,
            force=options.force,
            api_version=kind.api_version,
            time=self._clock.now(),
            subresource=subject.subresource,
            structure=self._structure_of(kind),
            has_status=kind.has_status,
            served=self._served(kind),
        )
        document, warnings = self._admitted(subject, merged, present)
        _place(document.setdefault("metadata", {}), subject)
        if present is not None:
            document = _joined(subject, present, document)
        elif kind.has_status:
            document.pop("status", None)
            document |= _first_status(kind, self._clock.now())
        return document | {"metadata": document["metadata"] | {"managedFields": managed}}, warnings

    def _laid(self, subject: Subject, present: Json, media: str, patch: Any) -> Json:
        if media != JSON_PATCH and not isinstance(patch, dict):
            raise Malformed("a patch of this type is a JSON object")
        match media:
            case _ if media == JSON_PATCH:
                laid = apply_json_patch(present, patch)
            case _ if media == MERGE_PATCH:
                laid = merge_patch(present, patch)
            case _ if media == STRATEGIC_PATCH and subject.kind.built_in:
                laid = strategic_merge(present, patch, self._structure_of(subject.kind))
            case _:
                allowed = PATCHES if subject.kind.built_in else (JSON_PATCH, MERGE_PATCH, APPLY_PATCH)
                raise UnsupportedMedia(f"{media!r} is not read here", path="Content-Type", allowed=allowed)
        if not isinstance(laid, dict):
            raise InvalidSpec("the patch leaves no object")
        return laid

    def _admitted(self, subject: Subject, document: Json, present: Json | None = None) -> tuple[Json, tuple[str, ...]]:
        kind = subject.kind
        for field, wanted in (("apiVersion", kind.api_version), ("kind", kind.kind)):
            if document.setdefault(field, wanted) != wanted:
                raise Malformed(f"{document[field]!r} is not {wanted!r}, as the path says", path=field)
        admitted = admit(kind, document, subject.options.validation, present)
        return admitted.document, admitted.warnings

    async def _demanded(self, subject: Subject, document: Json, present: Json | None) -> Json:
        admitter = self._admitters.get(subject.kind.key)
        if admitter is None or subject.subresource:
            return document
        return await admitter(document, present, subject.user)

    def _tracked(self, subject: Subject, present: Json | None, document: Json) -> Json:
        managed = track_update(
            present,
            document,
            managed_fields_of(present, document, subject.subresource),
            manager=subject.options.manager,
            api_version=subject.kind.api_version,
            time=self._clock.now(),
            subresource=subject.subresource,
            structure=self._structure_of(subject.kind),
            has_status=subject.kind.has_status,
            served=self._served(subject.kind),
        )
        return document | {"metadata": document["metadata"] | {"managedFields": managed}}

    def _served(self, kind: ResourceDefinition) -> frozenset[str]:
        """The versions in which the kind is served: entries of others tell of nothing any more."""
        return frozenset(item.api_version for item in self._catalog() if item.key == kind.key)

    def _stored(self, kind: ResourceDefinition) -> ResourceDefinition:
        return kind if kind.storage else self._catalog().stored(kind)

    def _inward(self, kind: ResourceDefinition, document: Json) -> Json:
        return document | {"apiVersion": self._stored(kind).api_version, "metadata": dict(document["metadata"])}


def _check_open(kind: ResourceDefinition) -> None:
    """Raises: MethodNotAllowed for a kind that gets no new objects any more."""
    if kind.terminating:
        raise MethodNotAllowed("create not allowed while custom resource definition is terminating")


def _first_status(kind: ResourceDefinition, now: datetime) -> Json:
    """The status of a new object: that of kinds of Kubernetes' own is there from the first, empty as it may be.

    That of a kind which nothing here acts on says so.
    """
    if not kind.has_status:
        return {}
    if kind.engine:
        return {"status": dict(_FIRST.get(kind.key, {}))} if kind.built_in else {}
    condition = {
        "type": NO_ENGINE,
        "status": "True",
        "reason": "StoredOnly",
        "message": f"{kind.resource} are stored here and nothing more: no engine of this control plane acts on them",
        "lastTransitionTime": now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    return {"status": {"conditions": [condition]}}


def _written_part(subject: Subject, present: Json, body: Json) -> Json:
    """What is looked at of what was sent: below `status` nothing else counts."""
    if subject.subresource != "status":
        return body
    metadata = present["metadata"]
    if _named_version(body):
        metadata = metadata | {"resourceVersion": _named_version(body)}
    return present | {"metadata": metadata, "status": body.get("status", {})}


def _joined(subject: Subject, present: Json, document: Json) -> Json:
    """The new object as far as the subresource writes it, the rest as it was."""
    if subject.subresource == "status":
        return present | {"status": document.get("status", {})}
    if subject.kind.has_status:
        kept = {"status": present["status"]} if "status" in present else {}
        return {key: value for key, value in document.items() if key != "status"} | kept
    return document


def _place(metadata: Json, subject: Subject) -> None:
    """Put the object where the path says. Raises: Malformed if it says something else itself."""
    if subject.kind.namespaced:
        if metadata.setdefault("namespace", subject.namespace) not in ("", subject.namespace):
            raise Malformed(
                f"the namespace of the provided object does not match the namespace sent on the request: "
                f"{metadata['namespace']!r} and {subject.namespace!r}",
                path="metadata.namespace",
            )
        metadata["namespace"] = subject.namespace
    if subject.name and metadata.setdefault("name", subject.name) != subject.name:
        raise Malformed(
            f"the name of the object ({metadata['name']}) does not match the name on the URL ({subject.name})",
            path="metadata.name",
        )


def _named_version(patch: Any) -> str:
    metadata = patch.get("metadata") if isinstance(patch, dict) else None
    version = metadata.get("resourceVersion") if isinstance(metadata, dict) else None
    return version if isinstance(version, str) else ""
