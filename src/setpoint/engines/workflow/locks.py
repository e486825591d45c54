"""The lock table of all workflows that run, and who is to be told when it changes.

What a step took is in the table at once, so that the next step sees it; what it let go leaves the table only when that
is stored, since a killed engine would else find two holders. Built anew at a start, from what statuses say is held.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Protocol

from setpoint.apis.argo import WorkflowPhase
from setpoint.core.workflow import Claimant, Claims, Lock, LockTable, admission_locks
from setpoint.core.workflow.locks import DATABASE_LIMITS
from setpoint.engines.workflow.head import WorkflowHead


class Waiter(Protocol):
    """A workflow that runs."""

    def locks_changed(self) -> None:
        """It may have its turn now."""


def claims_key(head: WorkflowHead) -> str:
    """The workflow's name in the table."""
    return f"{head.metadata.namespace}/{head.metadata.name}"


def claimant(head: WorkflowHead, claims: Claims) -> Claimant:
    """The workflow's line in the table."""
    return claims.claimant(claims_key(head), head.spec.priority or 0, head.metadata.creation_timestamp)


class LockKeeper:
    """Keeps the table; the limits are of workflows that run, over all and in each namespace, 0 for none."""

    def __init__(self, parallelism: int = 0, namespace_parallelism: int = 0) -> None:
        self._limits = (parallelism, namespace_parallelism)
        self.table = LockTable()
        self._waiters: dict[str, Waiter] = {}

    def recover(self, heads: Iterable[WorkflowHead]) -> None:
        """Begin with what the workflows that run hold as their statuses say."""
        self.table = LockTable()
        for head in heads:
            if head.status.phase.completed:
                continue
            claims = Claims.read(head.status.synchronization)
            if head.status.phase is WorkflowPhase.RUNNING:
                claims = claims.take(claims_key(head), self.admission(head.metadata.namespace))
            self.table = self.table.put(claimant(head, claims))

    def admission(self, namespace: str) -> tuple[Lock, ...]:
        """What a workflow of the namespace takes before it begins."""
        return admission_locks(namespace, *self._limits)

    def join(self, key: str, waiter: Waiter) -> None:
        """A workflow runs from now on."""
        self._waiters[key] = waiter

    def leave(self, key: str, waiter: Waiter) -> None:
        """It does not any more; its claims stay."""
        if self._waiters.get(key) is waiter:
            del self._waiters[key]

    def drop(self, key: str, waiter: Waiter | None = None) -> None:
        """It is deleted, and its claims with it, unless another of its name runs already."""
        if self._waiters.get(key) is waiter:
            self.settle(Claimant(key=key))

    def note(self, who: Claimant) -> None:
        """New claims that are not stored yet; its turn is over, for others, once they are: they are told then."""
        old = self.table.claimants.get(who.key)
        if old is not None:
            none: frozenset[str] = frozenset()
            locks = set(who.held) | set(old.held)
            held = {lock: who.held.get(lock, none) | old.held.get(lock, none) for lock in locks}
            who = replace(who, held=held, waits=who.waits | old.waits)
        self.table = self.table.put(who)

    def settle(self, who: Claimant) -> None:
        """The claims as they are stored now; who is next in turn for what was let go is told."""
        old = self.table.claimants.get(who.key, Claimant(key=who.key))
        self.table = self.table.put(who)
        self._tell(
            lock
            for lock in set(old.held) | old.waits
            if old.held.get(lock) != who.held.get(lock) or (lock in old.waits) != (lock in who.waits)
        )

    def limits_changed(self, namespace: str, config_map: str) -> None:
        """A config map was written."""
        prefixes = [f"{namespace}/ConfigMap/{config_map}/"]
        if config_map == DATABASE_LIMITS:
            prefixes.append(f"{namespace}/Database/")
        self._tell(lock for lock in self.table.users if lock.startswith(tuple(prefixes)))

    def _tell(self, locks: Iterable[str]) -> None:
        for key in {self.table.first_waiting(lock) for lock in locks}:
            if key in self._waiters:
                self._waiters[key].locks_changed()
