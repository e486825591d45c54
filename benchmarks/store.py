"""The store against bare SQLite: what one durable single-row commit costs on top of the database's own price.

Both sides write the same row (a node of a workflow) with the same durability (WAL, synchronous NORMAL) on the same
disk, in turns, so that the ratio holds on a noisy machine.
"""

from __future__ import annotations

import asyncio
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec

from setpoint.adapters.clock import SystemClock
from setpoint.adapters.sqlite import SqliteStore
from setpoint.apis.argo import Workflow
from setpoint.apis.core import ConfigMap
from setpoint.apis.meta import ObjectMeta
from setpoint.ports.journal import Change

ROUNDS = 3
ROWS = 5000
READS = 2000
NODES = 100_000

_NODE = (
    b'{"id":"a-1","name":"a.one","displayName":"one","type":"Pod","phase":"Running","startedAt":"2026-01-01T00:00:00Z"}'
)
_STATUS = b'{"phase":"Running"}'


def run() -> dict[str, float]:
    """Rates per second and their ratios to bare SQLite; medians over rounds."""
    with tempfile.TemporaryDirectory() as directory:
        with SqliteStore(Path(directory) / "store", SystemClock()) as store:
            bench = _Bench(store, Path(directory))
            result = asyncio.run(bench.measure())
        bench.bare.close()
    return {name: round(value, 3) for name, value in result.items()}


class _Bench:
    def __init__(self, store: SqliteStore, directory: Path) -> None:
        self.store = store
        self.uid = ""
        self.bare = sqlite3.connect(directory / "bare.db", isolation_level=None)
        self.bare.execute("PRAGMA journal_mode = WAL")
        self.bare.execute("PRAGMA synchronous = NORMAL")
        self.bare.execute(
            "CREATE TABLE node (object INTEGER, id TEXT, json BLOB, PRIMARY KEY (object, id)) WITHOUT ROWID"
        )

    async def measure(self) -> dict[str, float]:
        self.uid = await self._workflow("small")
        await self.store.resources.create(ConfigMap(metadata=ObjectMeta(name="read"), data={"n": "1"}))
        rounds = [await self._round() for _ in range(ROUNDS)]
        found = {name: statistics.median(one[name] for one in rounds) for name in rounds[0]}
        small = await _rate(ROWS, self._commit)
        self.uid = await self._workflow("large")
        await self.store.journal.commit(self.uid, Change(nodes={f"n{n}": _NODE for n in range(NODES)}))
        large = await _rate(ROWS, self._commit)
        started = time.perf_counter()
        await self.store.resources.get(Workflow, "default", "large")
        return found | {
            "ratio_single": found["commits_single_per_second"] / found["bare_single_per_second"],
            "ratio_batched": found["commits_batched_per_second"] / found["bare_single_per_second"],
            "commits_at_100000_nodes_ratio": large / small,
            "read_of_100000_nodes_seconds": time.perf_counter() - started,
        }

    async def _round(self) -> dict[str, float]:
        return {
            "bare_single_per_second": _bare(self._bare_single),
            "bare_batched_per_second": _bare(self._bare_batched),
            "commits_single_per_second": await _one_by_one(ROWS // 5, self._commit),
            "commits_batched_per_second": await _rate(ROWS, self._commit),
            "creates_batched_per_second": await _rate(ROWS, self._create),
            "gets_per_second": await _one_by_one(READS, self._get),
        }

    def _bare_single(self) -> None:
        for number in range(ROWS):
            self.bare.execute("BEGIN IMMEDIATE")
            self.bare.execute("INSERT OR REPLACE INTO node VALUES (1, ?, ?)", (f"n{number}", _NODE))
            self.bare.execute("COMMIT")

    def _bare_batched(self) -> None:
        self.bare.execute("BEGIN IMMEDIATE")
        for number in range(ROWS):
            self.bare.execute("INSERT OR REPLACE INTO node VALUES (1, ?, ?)", (f"n{number}", _NODE))
        self.bare.execute("COMMIT")

    async def _workflow(self, name: str) -> str:
        spec = {"entrypoint": "a", "templates": [{"name": "a", "container": {"image": "busybox"}}]}
        made = await self.store.resources.create(
            msgspec.convert({"metadata": {"name": name}, "spec": spec}, type=Workflow)
        )
        return made.metadata.uid

    async def _commit(self, number: int) -> None:
        await self.store.journal.commit(self.uid, Change(nodes={f"n{number}": _NODE}, status=_STATUS))

    async def _create(self, number: int) -> None:
        await self.store.resources.create(
            ConfigMap(metadata=ObjectMeta(generate_name="bench-"), data={"n": str(number)})
        )

    async def _get(self, number: int) -> None:
        await self.store.resources.get(ConfigMap, "default", "read")


def _bare(write: Callable[[], None]) -> float:
    started = time.perf_counter()
    write()
    return ROWS / (time.perf_counter() - started)


async def _rate(count: int, work: Callable[[int], Awaitable[None]]) -> float:
    """Calls per second when all are asked at once, as a burst of finished pods does."""
    started = time.perf_counter()
    await asyncio.gather(*(work(number) for number in range(count)))
    return count / (time.perf_counter() - started)


async def _one_by_one(count: int, work: Callable[[int], Awaitable[None]]) -> float:
    """Calls per second when each waits for the one before."""
    started = time.perf_counter()
    for number in range(count):
        await work(number)
    return count / (time.perf_counter() - started)
