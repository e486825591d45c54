"""A process that owns a store, for tests that kill it.

python -m tests.integration.store_process write DIRECTORY   acknowledges each durable write by a line
python -m tests.integration.store_process hold DIRECTORY    prints `held` and leaves children that outlive it
python -m tests.integration.store_process fill DIRECTORY    writes until the disk is full
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
import warnings
from pathlib import Path

from setpoint.adapters.clock import SystemClock
from setpoint.adapters.sqlite import SqliteStore
from setpoint.apis.core import ConfigMap
from setpoint.apis.errors import Unavailable
from setpoint.ports.journal import Change
from tests.contract.objects import config_map, workflow

WRITERS = 8


def say(text: str) -> None:
    """One write per line: a kill cannot cut it in half."""
    os.write(1, f"{text}\n".encode())


async def write(store: SqliteStore) -> None:
    """Objects and journal commits from several writers, for ever."""
    run = f"{os.getpid()}-{time.monotonic_ns()}"

    async def objects(writer: int) -> None:
        for number in range(1_000_000):
            made = await store.resources.create(config_map(f"{run}-{writer}-{number}", {"n": str(number)}))
            say(f"object {made.metadata.name} {made.metadata.resource_version}")

    async def commits(writer: int) -> None:
        made = await store.resources.create(workflow(f"{run}-{writer}"))
        uid = made.metadata.uid
        for number in range(1_000_000):
            node = b'{"id":"n","name":"n","displayName":"n","type":"Pod","phase":"Running"}'
            await store.journal.commit(
                uid,
                Change(nodes={f"n{number}": node}, status=b'{"progress":"%d"}' % number, commands={f"c{number}": b"1"}),
            )
            say(f"commit {uid} {number}")

    await asyncio.gather(
        *(objects(writer) for writer in range(WRITERS)), *(commits(writer + WRITERS) for writer in range(2))
    )


def hold() -> None:
    """Two descendants that must not keep the lease: one started, one forked."""
    subprocess.Popen(["sleep", "60"], close_fds=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    warnings.simplefilter("ignore")  # forking beside threads is what is tested
    if os.fork() == 0:
        os.close(1)
        os.close(2)
        time.sleep(60)
        os._exit(0)
    say("held")
    time.sleep(60)


async def fill(store: SqliteStore) -> None:
    """Write until the disk is full; then free some space, and check that all that was acknowledged is there."""
    written: list[str] = []
    try:
        while len(written) < 10_000:
            written.append((await store.resources.create(config_map(f"a-{len(written)}", {"x": "y" * 20_000}))).key)
    except Unavailable as error:
        say(f"full: {error}")
    found = [item.key for item in (await store.resources.list(ConfigMap)).items]
    say("all there" if sorted(written) == sorted(found) else "LOST")


def main() -> None:
    """Take the verb and the directory from the command line."""
    verb, directory = sys.argv[1], Path(sys.argv[2])
    with SqliteStore(directory, SystemClock()) as store:
        match verb:
            case "write":
                asyncio.run(write(store))
            case "hold":
                hold()
            case "fill":
                asyncio.run(fill(store))


if __name__ == "__main__":
    main()
