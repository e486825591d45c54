"""Events: what engines and operators tell people about an object, as `kubectl describe` shows it.

The same thing told again about the same object raises a count instead of making another Event: the Event's name is
derived from what it says. Invariant: telling never fails the teller; what cannot be stored is logged.
"""

from __future__ import annotations

import hashlib
import logging
import re

from setpoint.apis.core import Event, EventSource, ObjectReference
from setpoint.apis.errors import AlreadyExists, Conflict, NotFound, SetpointError
from setpoint.apis.meta import ObjectMeta, Resource
from setpoint.ports.clock import Clock
from setpoint.ports.resources import ResourceApi

NORMAL = "Normal"
WARNING = "Warning"

_ATTEMPTS = 5
_LONGEST_MESSAGE = 1024  # as client-go cuts it
_LONGEST_NAME = 200

_log = logging.getLogger(__name__)


class EventRecorder:
    """Tells Events under one component's name."""

    def __init__(self, api: ResourceApi, clock: Clock, component: str) -> None:
        self._api = api
        self._clock = clock
        self._component = component

    async def normal(self, resource: Resource, reason: str, message: str) -> None:
        """Something went as it should; `reason` is one CamelCase word."""
        await self.record(resource, NORMAL, reason, message)

    async def warning(self, resource: Resource, reason: str, message: str) -> None:
        """Something went as it should not."""
        await self.record(resource, WARNING, reason, message)

    async def record(self, resource: Resource, kind: str, reason: str, message: str) -> None:
        """Tell one Event of type `kind` (Normal or Warning) about a stored object."""
        message = message if len(message) <= _LONGEST_MESSAGE else message[: _LONGEST_MESSAGE - 1] + "…"
        try:
            for _ in range(_ATTEMPTS):
                if await self._tell(resource, kind, reason, message):
                    return
            _log.warning("event %s of %s was not stored: too many writers at once", reason, resource.key)
        except SetpointError as error:
            _log.warning("event %s of %s was not stored: %s", reason, resource.key, error)

    async def _tell(self, resource: Resource, kind: str, reason: str, message: str) -> bool:
        """Whether it is stored; False if somebody else was faster."""
        namespace = resource.metadata.namespace or "default"
        name = _name(resource, self._component, kind, reason, message)
        now = self._clock.now()
        try:
            event = await self._api.get(Event, namespace, name)
        except NotFound:
            metadata = ObjectMeta(name=name, namespace=namespace)
            event = Event(
                metadata=metadata,
                involved_object=_reference(resource),
                reason=reason,
                message=message,
                type=kind,
                source=EventSource(component=self._component),
                reporting_component=self._component,
                first_timestamp=now,
                last_timestamp=now,
            )
            try:
                await self._api.create(event)
            except AlreadyExists:
                return False
            return True
        try:
            await self._api.update(event.replace(count=event.count + 1, last_timestamp=now))
        except (Conflict, NotFound):
            return False
        return True


def _reference(resource: Resource) -> ObjectReference:
    return ObjectReference(
        api_version=resource.API_VERSION,
        kind=resource.KIND,
        name=resource.metadata.name,
        namespace=resource.metadata.namespace,
        uid=resource.metadata.uid,
    )


def _name(resource: Resource, *parts: str) -> str:
    """`object.hash`, the hash over the object's uid and what is told."""
    digest = hashlib.sha256("\0".join((resource.metadata.uid, *parts)).encode()).hexdigest()[:16]
    base = re.sub(r"[^a-z0-9.-]", "-", resource.metadata.name.lower())[:_LONGEST_NAME].strip("-.") or "object"
    return f"{base}.{digest}"
