"""Luigi with its local scheduler, a process per task. Usage: `luigi_workers.py chain|fan-out COUNT WORKERS`."""

import sys
import tempfile
from pathlib import Path

import luigi


class Nothing(luigi.Task):
    """A task that only leaves the mark by which Luigi knows that it was done."""

    folder = luigi.Parameter()
    number = luigi.IntParameter()
    chained = luigi.BoolParameter()

    def requires(self) -> list[luigi.Task]:
        """The one before, in a chain."""
        if self.chained and self.number:
            return [Nothing(folder=self.folder, number=self.number - 1, chained=True)]
        return []

    def output(self) -> luigi.Target:
        """The mark."""
        return luigi.LocalTarget(f"{self.folder}/{self.number}")

    def run(self) -> None:
        """Leave the mark."""
        Path(self.output().path).touch()


def main() -> bool:
    """Run the shape in an empty directory."""
    shape, count, workers = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    with tempfile.TemporaryDirectory() as folder:
        numbers = [count - 1] if shape == "chain" else range(count)
        tasks = [Nothing(folder=folder, number=number, chained=shape == "chain") for number in numbers]
        # luigi forks a process per task where there is more than one worker, or where it is forced to
        return bool(luigi.build(tasks, workers=workers, local_scheduler=True, log_level="ERROR"))


if __name__ == "__main__":
    luigi.configuration.get_config().set("worker", "force_multiprocessing", "true")
    luigi.configuration.get_config().set("worker", "wait_interval", "0.01")
    luigi.configuration.get_config().set("worker", "wait_jitter", "0.01")
    sys.exit(0 if main() else 1)
