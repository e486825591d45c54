"""OpenAPI of the API server, from the very types it validates with."""

from setpoint.core.openapi.documents import document
from setpoint.core.openapi.schemas import Components, structure_schema
from setpoint.core.openapi.swagger import swagger

__all__ = ["Components", "document", "structure_schema", "swagger"]
