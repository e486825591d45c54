"""Mutexes and semaphores: who holds them, who waits, and whose turn it is, over all workflows.

The table is a value. Each workflow tells of itself what it holds and waits for (`Claimant`); the shell keeps the table
and hands it to every step. So nothing is locked twice: steps are folded one at a time, and what one took is in the
table before the next looks.
Source: argo-workflows `workflow/sync`; SEMANTICS section 17.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from immutables import Map

from setpoint.apis.argo import Synchronization

DATABASE_LIMITS = "sync-limits"
"""The config map that stands for the table of limits in a cluster's database; its keys are the locks'."""


ADMISSION = "admission"
"""The section of the locks by which the control plane limits how many workflows run; statuses do not list them."""
POSTPONED = "Workflow processing has been postponed because too many workflows are already running"


class LockError(Exception):
    """A lock cannot be had, now or later; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """A lock by its full name.

    Args:
        name: `NAMESPACE/Mutex/NAME`, `NAMESPACE/ConfigMap/MAP/KEY` or `NAMESPACE/Database/KEY`.
        section: Where the status lists it: `mutex` or `semaphore`.
        config_map: (namespace, name, key) that holds its limit; None: the limit is `limit`.
        limit: How many may hold it.
    """

    name: str
    section: str
    limit: int = field(default=1, compare=False)
    config_map: tuple[str, str, str] | None = field(default=None, compare=False)

    @property
    def in_database(self) -> bool:
        """Whether a cluster would keep it in a database; its message counts what is used, not what is free."""
        return self.name.partition("/")[2].startswith("Database/")

    def waiting_message(self, held: int, limit: int) -> str:
        """What a waiting node or workflow says."""
        if self.section == ADMISSION:
            return POSTPONED
        if limit == 0:
            return f"Failed to get semaphore limit for {self.name}"
        return f"Waiting for {self.name} lock. Lock status: {held if self.in_database else limit - held}/{limit}"


def admission_locks(namespace: str, parallelism: int, namespace_parallelism: int) -> tuple[Lock, ...]:
    """What every workflow of a namespace takes before all else; 0 is no limit.

    Its namespace's comes first: who waits for that is in nobody's way elsewhere.
    """
    found = []
    if namespace_parallelism:
        found.append(Lock(name=f"{namespace}/Workflows", section=ADMISSION, limit=namespace_parallelism))
    if parallelism:
        found.append(Lock(name="Workflows", section=ADMISSION, limit=parallelism))
    return tuple(found)


def locks_of(synchronization: Synchronization, namespace: str) -> tuple[Lock, ...]:
    """The locks that are named, each once. Raises: LockError."""
    found: dict[str, Lock] = {}
    for semaphore in synchronization.semaphores:
        where = semaphore.namespace or namespace
        if semaphore.config_map_key_ref is not None:
            ref = semaphore.config_map_key_ref
            lock = Lock(
                name=f"{where}/ConfigMap/{ref.name}/{ref.key}",
                section="semaphore",
                config_map=(where, ref.name, ref.key),
            )
        elif semaphore.database is not None:
            key = str(semaphore.database.get("key", ""))
            limits = (where, DATABASE_LIMITS, key)
            lock = Lock(name=f"{where}/Database/{key}", section="semaphore", config_map=limits)
        else:
            raise LockError("cannot get LockName for a Sync of Unknown type")
        found.setdefault(lock.name, lock)
    for mutex in synchronization.mutexes:
        kind = "Database" if mutex.database else "Mutex"
        lock = Lock(name=f"{mutex.namespace or namespace}/{kind}/{mutex.name}", section="mutex")
        found.setdefault(lock.name, lock)
    return tuple(found.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimant:
    """One workflow's claims. `key` is `NAMESPACE/NAME`; `held` maps locks to holders: the key, or key and node id."""

    key: str
    priority: int = 0
    created: datetime | None = None
    held: Mapping[str, frozenset[str]] = field(default_factory=dict)
    waits: frozenset[str] = frozenset()

    @property
    def rank(self) -> tuple[int, float, str]:
        """Lower comes first: high priority, then age."""
        return (-self.priority, self.created.timestamp() if self.created else 0.0, self.key)


@dataclass(frozen=True, slots=True, kw_only=True)
class LockTable:
    """All claims. `users` maps a lock to the workflows that hold it or wait for it."""

    claimants: Map[str, Claimant] = field(default_factory=Map)
    users: Map[str, frozenset[str]] = field(default_factory=Map)

    def put(self, claimant: Claimant) -> LockTable:
        """With this workflow's claims in place of its former ones; without it if it has none."""
        table = self._without(claimant.key)
        wanted = frozenset(claimant.held) | claimant.waits
        if not wanted:
            return table
        users = table.users.update({lock: table.users.get(lock, frozenset()) | {claimant.key} for lock in wanted})
        return LockTable(claimants=table.claimants.set(claimant.key, claimant), users=users)

    def _without(self, key: str) -> LockTable:
        old = self.claimants.get(key)
        if old is None:
            return self
        users = self.users.mutate()
        for lock in frozenset(old.held) | old.waits:
            left = users[lock] - {key}
            if left:
                users[lock] = left
            else:
                del users[lock]
        return LockTable(claimants=self.claimants.delete(key), users=users.finish())

    def holders(self, lock: str, *, but: str = "") -> frozenset[str]:
        """Who holds the lock, of all workflows but one."""
        claimants = (self.claimants[key] for key in self.users.get(lock, frozenset()) if key != but)
        return frozenset(holder for one in claimants for holder in one.held.get(lock, frozenset()))

    def _waiting(self, lock: str) -> Iterator[Claimant]:
        claimants = (self.claimants[key] for key in self.users.get(lock, frozenset()))
        return (one for one in claimants if lock in one.waits)

    def first_waiting(self, lock: str) -> str:
        """The workflow whose turn it is of those that wait for the lock; "" if there is none."""
        first = min(self._waiting(lock), key=lambda one: one.rank, default=None)
        return first.key if first is not None else ""

    def is_turn_of(self, lock: str, who: Claimant) -> bool:
        """Whether no workflow that waits for the lock comes before this one."""
        rank = who.rank
        return all(one.key == who.key or rank < one.rank for one in self._waiting(lock))


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """The locks a holder asked for, the first it did not get, and who has which of them."""

    locks: tuple[Lock, ...]
    missing: Lock
    holders: Mapping[Lock, frozenset[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """What one workflow holds and waits for; holders are `NAMESPACE/WORKFLOW` or `NAMESPACE/WORKFLOW/NODE-ID`.

    What is held is durable in the workflow's status; waits are found again when the nodes are taken up again.
    """

    held: Map[Lock, frozenset[str]] = field(default_factory=Map)
    waits: Map[str, Wait] = field(default_factory=Map)

    @staticmethod
    def read(synchronization: dict[str, Any] | None) -> Claims:
        """What a status says is held, see `record`."""
        recorded = synchronization or {}
        held: dict[Lock, frozenset[str]] = {}
        for item in (recorded.get("mutex") or {}).get("holding") or ():
            held[Lock(name=item["mutex"], section="mutex")] = frozenset({item["holder"]})
        for item in (recorded.get("semaphore") or {}).get("holding") or ():
            held[Lock(name=item["semaphore"], section="semaphore")] = frozenset(item["holders"])
        return Claims(held=Map(held))

    def take(self, holder: str, locks: Iterable[Lock]) -> Claims:
        """With the holder holding the locks."""
        held = self.held.update({lock: self.held.get(lock, frozenset()) | {holder} for lock in locks})
        return Claims(held=held, waits=self.waits.delete(holder) if holder in self.waits else self.waits)

    def wait(self, holder: str, wait: Wait) -> Claims:
        """With the holder waiting."""
        return Claims(held=self.held, waits=self.waits.set(holder, wait))

    def release(self, holder: str) -> Claims:
        """Without the holder; the same claims if it has none."""
        held = self.held
        for lock, holders in self.held.items():
            if holder in holders:
                left = holders - {holder}
                held = held.set(lock, left) if left else held.delete(lock)
        if held is self.held and holder not in self.waits:
            return self
        return Claims(held=held, waits=self.waits.delete(holder) if holder in self.waits else self.waits)

    def record(self) -> dict[str, Any] | None:
        """The field `synchronization` of the status; None if there is nothing to say."""
        held = {lock: holders for lock, holders in self.held.items() if lock.section != ADMISSION}
        waits = [wait for wait in self.waits.values() if wait.missing.section != ADMISSION]
        waited = {lock: holders for wait in waits for lock, holders in wait.holders.items()}
        sections: dict[str, dict[str, list[dict[str, Any]]]] = {}
        for name, claims in (("holding", held), ("waiting", waited)):
            for lock, found in sorted(claims.items(), key=lambda item: item[0].name):
                holders = sorted(found)
                if lock.section == "mutex" and not holders:  # one that is free is no reason to wait
                    continue
                entry: dict[str, Any] = {"semaphore": lock.name, "holders": holders}
                if lock.section == "mutex":
                    entry = {"mutex": lock.name, "holder": holders[0]}
                sections.setdefault(lock.section, {}).setdefault(name, []).append(entry)
        return dict(sections) or None

    def claimant(self, key: str, priority: int, created: datetime | None) -> Claimant:
        """The workflow's line in the table."""
        return Claimant(
            key=key,
            priority=priority,
            created=created,
            held={lock.name: holders for lock, holders in self.held.items()},
            waits=frozenset(lock.name for wait in self.waits.values() for lock in wait.locks),
        )
