"""Between the journal's rows and the core's state: encoding a step's changes, decoding a record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec
from immutables import Map

from setpoint.apis.argo import NodeStatus, WorkflowStatus
from setpoint.core.workflow import Command, EngineMemory, Step, WorkflowState, decode_command
from setpoint.ports.journal import Change, Record

_encoder = msgspec.json.Encoder()
_node_decoder = msgspec.json.Decoder(NodeStatus)


def state_of(record: Record) -> WorkflowState:
    """The durable part of a state; the rest is built by folding WorkflowLoaded."""
    status = msgspec.json.decode(record.status, type=WorkflowStatus) if record.status else WorkflowStatus()
    engine = msgspec.json.decode(record.engine, type=EngineMemory) if record.engine else EngineMemory()
    nodes = Map({key: _node_decoder.decode(value) for key, value in record.nodes.items()})
    return WorkflowState(status=status, nodes=nodes, engine=engine)


def commands_of(record: Record) -> list[Command]:
    """Orders that were stored but not marked done."""
    return [decode_command(value) for value in record.commands.values()]


@dataclass(slots=True)
class Batch:
    """What several steps changed, to be committed as one transaction."""

    before: WorkflowState
    changed: set[str] = field(default_factory=set)
    deleted: set[str] = field(default_factory=set)
    labels: dict[str, str | None] = field(default_factory=dict)
    commands: dict[str, Command] = field(default_factory=dict)

    def add(self, step: Step) -> None:
        """One more step."""
        self.changed -= step.deleted
        self.deleted -= step.changed
        self.changed |= step.changed
        self.deleted |= step.deleted
        self.labels |= step.labels
        self.commands |= {command.id: command for command in step.commands}

    def change(self, after: WorkflowState, *, done_commands: Sequence[str], done_requests: Sequence[int]) -> Change:
        """The transaction: rows that changed, status and memory if they did, new orders, what is done."""
        nodes: dict[str, bytes | None] = {
            key: _encoder.encode(after.nodes[key]) for key in self.changed if key in after.nodes
        }
        nodes |= dict.fromkeys(self.deleted, None)
        status = _encoder.encode(after.status) if after.status is not self.before.status else None
        return Change(
            nodes=nodes,
            status=status,
            engine=_encoder.encode(after.engine) if after.engine is not self.before.engine else None,
            labels=self.labels,
            commands={key: _encoder.encode(command) for key, command in self.commands.items()},
            done_commands=tuple(done_commands),
            done_requests=tuple(done_requests),
            archive=after.status.completed and (bool(nodes) or status is not None),
        )

    @property
    def empty(self) -> bool:
        """Whether the steps changed nothing."""
        return not (self.changed or self.deleted or self.labels or self.commands)
