"""The table of locks: who holds what, who waits, whose turn it is; and what a status tells of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from setpoint.core.workflow import Claimant, Claims, Lock, LockTable
from setpoint.core.workflow.locks import Wait
from setpoint.engines.workflow.locks import LockKeeper

START = datetime(2026, 1, 1, tzinfo=UTC)
NAMES = st.sampled_from(["ns/Mutex/a", "ns/Mutex/b", "ns/ConfigMap/m/k"])
KEYS = st.sampled_from([f"ns/wf{number}" for number in range(5)])
HOLDERS = st.frozensets(st.sampled_from(["x", "y"]), min_size=1)
CLAIMANTS = st.builds(
    Claimant,
    key=KEYS,
    priority=st.integers(-1, 1),
    created=st.integers(0, 2).map(lambda seconds: START + timedelta(seconds=seconds)),
    held=st.dictionaries(NAMES, HOLDERS, max_size=2),
    waits=st.frozensets(NAMES, max_size=2),
)


@given(st.lists(CLAIMANTS, max_size=12), NAMES, CLAIMANTS)
def test_the_table_says_what_a_look_at_every_workflow_says(put: list[Claimant], lock: str, who: Claimant) -> None:
    table = LockTable()
    for claimant in put:
        table = table.put(claimant)
    present = {claimant.key: claimant for claimant in put}
    assert table.holders(lock, but=who.key) == {
        holder for one in present.values() if one.key != who.key for holder in one.held.get(lock, ())
    }
    waiting = [one for one in present.values() if lock in one.waits]
    assert table.first_waiting(lock) == (min(waiting, key=lambda one: one.rank).key if waiting else "")
    assert table.is_turn_of(lock, who) is all(one.key == who.key or who.rank < one.rank for one in waiting)
    for key in present:
        table = table.put(Claimant(key=key))
    assert not table.users
    assert not table.claimants


MUTEX, OTHER = Lock(name="ns/Mutex/a", section="mutex"), Lock(name="ns/Mutex/b", section="mutex")
SEMAPHORE = Lock(name="ns/ConfigMap/m/k", section="semaphore", limit=2)


def test_a_status_lists_every_lock_that_is_asked_for_with_who_has_it() -> None:
    claims = Claims().take("ns/wf/1", [MUTEX, SEMAPHORE]).take("ns/wf/2", [SEMAPHORE])
    held = {MUTEX: frozenset({"ns/wf/1"}), OTHER: frozenset[str](), SEMAPHORE: frozenset({"ns/wf/1", "ns/wf/2"})}
    waits = claims.wait("ns/wf/3", Wait(locks=(OTHER, MUTEX, SEMAPHORE), missing=MUTEX, holders=held))
    recorded = waits.record()
    assert recorded is not None
    assert recorded["mutex"] == {
        "holding": [{"mutex": MUTEX.name, "holder": "ns/wf/1"}],
        "waiting": [{"mutex": MUTEX.name, "holder": "ns/wf/1"}],  # the other is free
    }
    assert recorded["semaphore"]["waiting"] == [{"semaphore": SEMAPHORE.name, "holders": ["ns/wf/1", "ns/wf/2"]}]
    assert Claims.read(recorded).held == claims.held
    gone = waits.release("ns/wf/3").release("ns/wf/1").release("ns/wf/2")
    assert gone == Claims()
    assert gone.record() is None


class Workflows(RuleBasedStateMachine):
    """Workflows that take, wait for and let go of one semaphore, as steps do, and whose claims are stored later."""

    @initialize(limit=st.integers(1, 3), priorities=st.lists(st.integers(0, 2), min_size=2, max_size=5))
    def begin(self, limit: int, priorities: list[int]) -> None:
        self.lock = Lock(name="ns/ConfigMap/m/k", section="semaphore")
        self.limit = limit
        self.keeper = LockKeeper()
        self.priorities = {f"ns/wf{number}": priority for number, priority in enumerate(priorities)}
        self.claims = {key: Claims() for key in self.priorities}
        self.stored = dict(self.claims)
        self.told: set[str] = set()
        for key in self.priorities:
            self.keeper.join(key, _Told(self.told, key))

    def line(self, key: str, claims: Claims) -> Claimant:
        number = int(key.removeprefix("ns/wf"))
        return claims.claimant(key, self.priorities[key], START + timedelta(seconds=number))

    def free(self, key: str) -> bool:
        others = self.keeper.table.holders(self.lock.name, but=key)
        return len(others) < self.limit and self.keeper.table.is_turn_of(self.lock.name, self.line(key, Claims()))

    @rule(data=st.data())
    def ask(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(sorted(self.priorities)))
        claims = self.claims[key]
        if key in claims.held.get(self.lock, ()):
            return
        wait = Wait(locks=(self.lock,), missing=self.lock)
        self.claims[key] = claims.take(key, [self.lock]) if self.free(key) else claims.wait(key, wait)
        self.told.discard(key)
        self.keeper.note(self.line(key, self.claims[key]))

    @rule(data=st.data())
    def let_go(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(sorted(self.priorities)))
        self.claims[key] = self.claims[key].release(key)
        self.keeper.note(self.line(key, self.claims[key]))

    @rule(data=st.data())
    def store(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(sorted(self.priorities)))
        self.stored[key] = self.claims[key]
        self.keeper.settle(self.line(key, self.claims[key]))

    @invariant()
    def never_more_than_the_limit_hold_it(self) -> None:
        holders = {key for key, claims in self.claims.items() if key in claims.held.get(self.lock, ())}
        kept = {key for key, claims in self.stored.items() if key in claims.held.get(self.lock, ())}
        assert len(holders) <= self.limit
        assert len(holders | kept) <= self.limit  # what is stored holds it after a kill

    @precondition(lambda self: any(self.lock in claims.held for claims in self.claims.values()))
    @rule()
    def when_all_let_go_each_has_its_turn(self) -> None:
        for key in self.priorities:
            if key in self.claims[key].held.get(self.lock, ()):
                self.claims[key] = self.claims[key].release(key)
            self.keeper.note(self.line(key, self.claims[key]))
            self.keeper.settle(self.line(key, self.claims[key]))
        waiting = [key for key, claims in self.claims.items() if key in claims.waits]
        for key in sorted(waiting, key=lambda key: self.line(key, self.claims[key]).rank):
            assert key in self.told or not any(one.waits for one in [self.claims[key]])
            assert self.free(key)
            self.claims[key] = self.claims[key].take(key, [self.lock]).release(key)
            self.keeper.note(self.line(key, self.claims[key]))
            self.keeper.settle(self.line(key, self.claims[key]))
        self.stored = dict(self.claims)


class _Told:
    def __init__(self, told: set[str], key: str) -> None:
        self._told, self._key = told, key

    def locks_changed(self) -> None:
        self._told.add(self._key)


TestWorkflows = Workflows.TestCase
