"""kfp.local with its SubprocessRunner. Usage: `kfp_local.py chain|fan-out COUNT WORKERS`.

No virtual environment per task, no package installed per task: its fastest setting. It has none for how many tasks
run at once, so WORKERS is not used.
"""

import sys
import tempfile

from kfp import dsl, local

SHAPE, COUNT = sys.argv[1], int(sys.argv[2])


@dsl.component(install_kfp_package=False)
def nothing() -> None:
    """A task that does nothing."""


@dsl.pipeline(name="benchmark")
def benchmark() -> None:
    """Tasks one after another, or beside each other."""
    before = None
    for _ in range(COUNT):
        task = nothing()
        if SHAPE == "chain" and before is not None:
            task.after(before)
        before = task


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        local.init(runner=local.SubprocessRunner(use_venv=False), pipeline_root=folder, raise_on_error=True)
        benchmark()
