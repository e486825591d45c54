"""Following a Job to its end."""

from __future__ import annotations

import asyncio

import typer

from setpoint.apis.batch import Job, JobStatus
from setpoint.ports.resources import ResourceApi

_LOOK_SECONDS = 0.1


async def follow_job(resources: ResourceApi, job: Job, *, quiet: bool) -> Job:
    """The job as it is in the end; a line whenever its counters change.

    Raises: NotFound: Somebody deleted it meanwhile.
    """
    told = ""
    while True:
        job = await resources.get(Job, job.metadata.namespace, job.metadata.name)
        line = f"job {job.metadata.name!r}: {describe(job.status)}"
        if not quiet and line != told:
            typer.echo(line)
            told = line
        if job.status.finished:
            return job
        await asyncio.sleep(_LOOK_SECONDS)


def describe(status: JobStatus) -> str:
    """How far it has come, or how it ended and why."""
    counts = f"{status.active} active, {status.succeeded} succeeded, {status.failed} failed"
    ends = [item for item in status.conditions if item.type in ("Complete", "Failed", "Suspended")]
    return f"{ends[-1].type} ({ends[-1].message}): {counts}" if ends else counts
