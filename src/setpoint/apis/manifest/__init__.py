"""Manifests: YAML or JSON text to typed resources, with a file, line and column for everything that is wrong.

for document in load_documents(text, "wf.yaml"):
resource = decode_document(document)
"""

from setpoint.apis.manifest._check import nearest
from setpoint.apis.manifest._paths import FieldPath, format_path, parse_path
from setpoint.apis.manifest.document import (
    KNOWN_KINDS,
    STORED_KINDS,
    Document,
    KindMap,
    collect_problems,
    decode_document,
    decode_object,
    decode_tolerant,
    kind_map,
    load_documents,
    load_unique_values,
    load_values,
    resource_class,
)

__all__ = [
    "KNOWN_KINDS",
    "STORED_KINDS",
    "Document",
    "FieldPath",
    "KindMap",
    "collect_problems",
    "decode_document",
    "decode_object",
    "decode_tolerant",
    "format_path",
    "kind_map",
    "load_documents",
    "load_unique_values",
    "load_values",
    "nearest",
    "parse_path",
    "resource_class",
]
