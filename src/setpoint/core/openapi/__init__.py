"""OpenAPI v3 of the API server, from the very types it validates with."""

from setpoint.core.openapi.documents import document
from setpoint.core.openapi.schemas import Components, structure_schema

__all__ = ["Components", "document", "structure_schema"]
