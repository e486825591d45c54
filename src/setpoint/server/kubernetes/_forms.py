"""Objects, lists and events as a client wants them shown: whole, as a Table, or their metadata only.

Documents that are shown whole are passed on as the bytes they are stored as. Pure.
Source: Kubernetes API concepts, "Receiving resources as Tables"; meta/v1 Table, PartialObjectMetadata, List.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from setpoint.apis.definitions import ResourceDefinition
from setpoint.core.tables import make_table
from setpoint.ports.objects import Page, Told
from setpoint.server.kubernetes._options import Form

_META = "meta.k8s.io/v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """How one client sees objects of one kind at one moment."""

    kind: ResourceDefinition
    form: Form
    now: datetime
    include: str = "Metadata"

    def one(self, document: bytes) -> bytes:
        """One object."""
        match self.form:
            case Form.WHOLE if self.kind.storage:
                return document
            case Form.WHOLE:
                return msgspec.json.encode(self._versioned(document))
            case Form.METADATA:
                return msgspec.json.encode(self._metadata(document))
            case Form.TABLE:
                return msgspec.json.encode(self._table([document], _version_of(document)))

    def page(self, page: Page) -> bytes:
        """A list, or a part of one."""
        metadata: dict[str, Any] = {"resourceVersion": page.version}
        if page.token:
            metadata |= {"continue": page.token}
            metadata |= {"remainingItemCount": page.remaining} if page.remaining else {}
        match self.form:
            case Form.TABLE:
                return msgspec.json.encode(self._table(page.documents, metadata))
            case Form.METADATA:
                head = {"kind": "PartialObjectMetadataList", "apiVersion": _META, "metadata": metadata}
                items = [msgspec.json.encode(self._metadata(item)) for item in page.documents]
            case Form.WHOLE:
                list_kind = self.kind.list_kind or f"{self.kind.kind}List"
                head = {"kind": list_kind, "apiVersion": self.kind.api_version, "metadata": metadata}
                items = page.documents
                if not self.kind.storage:
                    items = [msgspec.json.encode(self._versioned(item)) for item in items]
        return b'%b,"items":[%b]}' % (msgspec.json.encode(head)[:-1], b",".join(items))

    def event(self, told: Told) -> bytes:
        """A line of a watch."""
        return b'{"type":"%b","object":%b}\n' % (told.type.encode(), self.one(told.document))

    def bookmark(self, version: int, *, initial_end: bool = False) -> bytes:
        """A line that says how far a watch has come; `initial_end` that what there was has been told."""
        metadata: dict[str, Any] = {"resourceVersion": str(version), "creationTimestamp": None}
        if initial_end:
            metadata["annotations"] = {"k8s.io/initial-events-end": "true"}
        body: dict[str, Any] = {"kind": self.kind.kind, "apiVersion": self.kind.api_version, "metadata": metadata}
        if self.form is Form.METADATA:
            body |= {"kind": "PartialObjectMetadata", "apiVersion": _META}
        if self.form is Form.TABLE:
            body = make_table(self.kind, [], self.now, include=self.include) | {"metadata": metadata}
        return b'{"type":"BOOKMARK","object":%b}\n' % msgspec.json.encode(body)

    def _versioned(self, document: bytes) -> dict[str, Any]:
        found: dict[str, Any] = msgspec.json.decode(document)
        return found | {"apiVersion": self.kind.api_version}

    def _metadata(self, document: bytes) -> dict[str, Any]:
        metadata = msgspec.json.decode(document)["metadata"]
        return {"kind": "PartialObjectMetadata", "apiVersion": _META, "metadata": metadata}

    def _table(self, documents: list[bytes], metadata: dict[str, Any]) -> dict[str, Any]:
        objects = [self._versioned(item) for item in documents]
        return make_table(self.kind, objects, self.now, include=self.include) | {"metadata": metadata}


def _version_of(document: bytes) -> dict[str, Any]:
    return {"resourceVersion": msgspec.json.decode(document)["metadata"]["resourceVersion"]}
