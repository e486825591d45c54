"""The machine itself: what it is and what it uses."""

from __future__ import annotations

from typing import Protocol

from setpoint.apis.pods import Usage
from setpoint.core.pods.node import NodeFacts


class MachineView(Protocol):
    """Looks at the machine."""

    def facts(self) -> NodeFacts:
        """What is known of it."""
        ...

    def usage(self) -> Usage:
        """Processor time that it has spent since its start, and memory in use."""
        ...
