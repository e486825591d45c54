"""Dagster with its multiprocess executor. Usage: `dagster_multiprocess.py chain|fan-out COUNT WORKERS`."""

import os
import sys
import tempfile

from dagster import (
    DagsterInstance,
    In,
    JobDefinition,
    Nothing,
    Out,
    execute_job,
    graph,
    multiprocess_executor,
    op,
    reconstructable,
)

SHAPE, COUNT, WORKERS = sys.argv[-3], int(sys.argv[-2]), int(sys.argv[-1])


@op(ins={"before": In(Nothing)}, out=Out(Nothing))
def nothing() -> None:
    """A task that does nothing."""


@graph
def benchmark() -> None:
    """Tasks one after another, or beside each other."""
    before = None
    for number in range(COUNT):
        task = nothing.alias(f"s{number}")
        made = task(before) if SHAPE == "chain" and before is not None else task()
        before = made


def make_job() -> JobDefinition:
    """Made anew in every process."""
    return benchmark.to_job(executor_def=multiprocess_executor.configured({"max_concurrent": WORKERS}))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        os.environ["DAGSTER_HOME"] = folder
        with DagsterInstance.get() as instance:
            result = execute_job(reconstructable(make_job), instance=instance)
            sys.exit(0 if result.success else 1)
