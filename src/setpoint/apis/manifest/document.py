"""A document of a manifest file: its kind, its places, and its reading into a typed resource."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec

from setpoint.apis.errors import InvalidSpec, Location, NotSupported
from setpoint.apis.kinds import KINDS, SERVED
from setpoint.apis.manifest._check import Checker, convert, nearest, type_info
from setpoint.apis.manifest._paths import FieldPath, format_path, parse_path
from setpoint.apis.manifest._yaml import Duplicate, Node, node_of, parse
from setpoint.apis.manifest.legacy import modern_object, modernize
from setpoint.apis.meta import Resource
from setpoint.apis.shapes import fits

R = TypeVar("R", bound=Resource)
KindMap = Mapping[tuple[str, str], type[Resource]]
"""(apiVersion, kind) to the class that reads it."""


def kind_map(classes: Iterable[type[Resource]]) -> dict[tuple[str, str], type[Resource]]:
    """The map of some classes, such as a `KindTable`."""
    return {(cls.API_VERSION, cls.KIND): cls for cls in classes}


KNOWN_KINDS: KindMap = kind_map(KINDS)
"""Every kind that this version acts on, or keeps as data for others."""

STORED_KINDS: KindMap = kind_map(SERVED)
"""Those, and the kinds that the API server keeps and nothing acts on."""


@dataclass(frozen=True, slots=True)
class Document:
    """One object of a file. `base` is its path inside the document when it came out of a List.

    `legacy` are the paths of what took the place of fields of older Argo, see `legacy.modernize`.
    """

    file: str
    root: Node
    base: FieldPath = ()
    legacy: tuple[FieldPath, ...] = ()

    @property
    def api_version(self) -> str:
        """`apiVersion` as written, empty if missing."""
        return self._text("apiVersion")

    @property
    def kind(self) -> str:
        """`kind` as written, empty if missing."""
        return self._text("kind")

    @property
    def name(self) -> str:
        """`metadata.name`, else `metadata.generateName`, else empty."""
        metadata = self._child(self.root, "metadata")
        for key in ("name", "generateName"):
            node = self._child(metadata, key) if metadata is not None else None
            if node is not None and isinstance(node.value, str):
                return node.value
        return ""

    def builtins(self) -> object:
        """The object as JSON has it."""
        return self.root.builtins()

    def locate(self, path: FieldPath | str) -> Location:
        """The place of a field; of its nearest existing parent if it is not written."""
        node, line, column = self.root, self.root.line, self.root.column
        for part in parse_path(path) if isinstance(path, str) else path:
            if isinstance(node.value, dict) and isinstance(part, str) and part in node.value:
                line, column = node.keys.get(part, (line, column))
                node = node.value[part]
            elif isinstance(node.value, list) and isinstance(part, int) and part < len(node.value):
                node = node.value[part]
                line, column = node.line, node.column
            else:
                break
        return Location(file=self.file, line=line, column=column)

    def problems(self, cls: type[Resource]) -> tuple[InvalidSpec, ...]:
        """Everything that keeps the document from being read as the class, in the order of the file."""
        return self._check(cls)[1]

    def decode(self, cls: type[R]) -> R:
        """The typed resource.

        Raises: InvalidSpec, the first problem in the order of the file; `problems` gives them all.
        """
        resource, problems = self._check(cls)
        if resource is None:
            raise problems[0]
        return resource

    def _check(self, cls: type[R]) -> tuple[R | None, tuple[InvalidSpec, ...]]:
        checker = Checker(self.file)
        values = checker.check(self.root, type_info(cls), self.base)
        problems = sorted(checker.problems, key=lambda e: (e.location.line or 0) if e.location else 0)
        if not problems:
            try:
                return convert(values, cls, self.file), ()
            except InvalidSpec as error:
                place = self.locate(parse_path(error.path))
                return None, (InvalidSpec(error.reason, path=error.path, location=place),)
        return None, tuple(problems)

    @staticmethod
    def _child(node: Node, key: str) -> Node | None:
        return node.value.get(key) if isinstance(node.value, dict) else None

    def _text(self, key: str) -> str:
        node = self._child(self.root, key)
        return node.value if node is not None and isinstance(node.value, str) else ""


def load_values(text: str, file: str) -> tuple[Any, ...]:
    """The documents of a YAML or JSON text as JSON has them, whatever they are; such as a resource's manifest.

    Raises: InvalidSpec if the text cannot be read.
    """
    return tuple(node.builtins() for node in parse(text, file))


def load_unique_values(text: str, file: str) -> tuple[tuple[Any, ...], tuple[Duplicate, ...]]:
    """The same, and the keys that stand in one map twice, each with its line.

    Raises: InvalidSpec if the text cannot be read.
    """
    duplicates: list[Duplicate] = []
    return tuple(node.builtins() for node in parse(text, file, duplicates)), tuple(duplicates)


def load_documents(text: str | bytes, file: str) -> tuple[Document, ...]:
    """The objects of a YAML or JSON text; a `kind: List` is flattened.

    Args:
        text: The content; bytes must be UTF-8.
        file: The name for messages.

    Raises: InvalidSpec if the text cannot be read (with line and column), is empty, or holds something that is no
        object.
    """
    if isinstance(text, bytes):
        try:
            text = text.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            reason = f"this is not text in UTF-8 (byte {error.start + 1}): expected a YAML or JSON manifest"
            raise InvalidSpec(reason, location=Location(file=file)) from None
    documents: list[Document] = []
    for root in parse(text.removeprefix("\ufeff"), file):
        documents.extend(_flatten(Document(file, root)))
    if not documents:
        reason = "nothing in this file: expected a manifest with apiVersion, kind, metadata and spec"
        raise InvalidSpec(reason, location=Location(file=file))
    return tuple(documents)


def _flatten(document: Document) -> list[Document]:
    if not isinstance(document.root.value, dict):
        reason = "this is not a manifest: expected a map with apiVersion, kind, metadata and spec"
        raise InvalidSpec(reason, path=format_path(document.base), location=document.locate(()))
    items = document.root.value.get("items")
    if not document.kind.endswith("List") or items is None or not isinstance(items.value, list):
        root, legacy = modernize(document.root)
        return [Document(document.file, root, document.base, legacy)]
    found: list[Document] = []
    for index, item in enumerate(items.value):
        found.extend(_flatten(Document(document.file, item, (*document.base, "items", index))))
    return found


def resource_class(document: Document, kinds: KindMap = KNOWN_KINDS) -> type[Resource]:
    """The class for a document's apiVersion and kind.

    Raises: InvalidSpec if either is missing or looks misspelt, NotSupported for a kind that a cluster may know; with
        what is allowed.
    """
    names = tuple(sorted({kind for _, kind in kinds}))
    for key, value in (("apiVersion", document.api_version), ("kind", document.kind)):
        if not value:
            allowed = names if key == "kind" else tuple(sorted({version for version, _ in kinds}))
            raise InvalidSpec(f"{key} is required", path=key, location=document.locate(()), allowed=allowed)
    cls = kinds.get((document.api_version, document.kind))
    if cls is not None:
        return cls
    if (document.api_version, document.kind) in STORED_KINDS:
        reason = f"kind {document.kind!r} of {document.api_version} is kept by the API server, but nothing here runs it"
        raise NotSupported(reason, path="kind", location=document.locate(("kind",)), allowed=names)
    versions = tuple(sorted(version for version, kind in kinds if kind == document.kind))
    if versions:
        reason = f"apiVersion {document.api_version!r} is not one of {document.kind}'s"
        raise InvalidSpec(reason, path="apiVersion", location=document.locate(("apiVersion",)), allowed=versions)
    near = nearest(document.kind, names)
    found = f"kind {document.kind!r} of {document.api_version}"
    where = document.locate(("kind",))
    if near is not None:
        reason = f"{found} is not known, did you mean {near!r}?"
        raise InvalidSpec(reason, path="kind", location=where, allowed=names)
    raise NotSupported(f"{found} is not served here", path="kind", location=where, allowed=names)


def decode_document(document: Document, kinds: KindMap = KNOWN_KINDS) -> Resource:
    """The document as the class of its apiVersion and kind.

    Raises: InvalidSpec, the first problem.
    """
    return document.decode(resource_class(document, kinds))


def collect_problems(document: Document, kinds: KindMap = KNOWN_KINDS) -> tuple[InvalidSpec, ...]:
    """All problems of a document against the types; empty if it can be read."""
    try:
        cls = resource_class(document, kinds)
    except InvalidSpec as error:
        return (error,)
    return document.problems(cls)


def decode_object(body: Any, cls: type[R], base: FieldPath = ()) -> R:
    """A value of JSON as the class, such as the body of a request; with the messages that a file would get.

    Args:
        body: What was sent.
        cls: The class that reads it.
        base: Path of the object in what was sent.

    Raises: InvalidSpec, the first problem.
    """
    body = modern_object(body)
    try:
        return msgspec.convert(body, cls)
    except msgspec.ValidationError:
        return Document("", node_of(body), base).decode(cls)


def decode_tolerant(body: Any, cls: type[R]) -> tuple[R, tuple[FieldPath, ...]]:
    """A value of JSON as the class, without the fields that the class does not have, and the paths of those.

    Raises: InvalidSpec, the first problem that is no unknown field.
    """
    try:
        resource = msgspec.convert(body, cls)  # what has a legacy field has one that the class does not know
        if fits(body, cls):
            return resource, ()
    except msgspec.ValidationError:
        pass  # the checker says what is wrong, and where
    body = modern_object(body)
    checker = Checker("", tolerant=True)
    values = checker.check(node_of(body), type_info(cls), ())
    if checker.problems:
        raise checker.problems[0]
    return convert(values, cls, ""), tuple(checker.unknown)
