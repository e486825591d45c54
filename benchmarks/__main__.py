"""Runs the benchmarks and prints one JSON object on stdout. Usage: `python -m benchmarks [NAME ...]`."""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import platform
import sys
from pathlib import Path


def names() -> list[str]:
    """Benchmarks that run by default: the modules of this folder that have `run`."""
    here = Path(__file__).parent
    modules = pkgutil.iter_modules([str(here)])
    return [module.name for module in modules if not module.ispkg and not module.name.startswith("_")]


def main(wanted: list[str]) -> int:
    """Run them one after another; a benchmark that fails is reported and makes the exit code 1."""
    unknown = sorted(set(wanted) - set(names()))
    if unknown:
        print(f"unknown benchmark {', '.join(unknown)} (allowed: {', '.join(names())})", file=sys.stderr)
        return 2
    machine = {"cores": os.cpu_count(), "python": platform.python_version(), "system": platform.platform()}
    results: dict[str, object] = {"machine": machine}
    failed = False
    for name in wanted or names():
        print(f"{name} ...", file=sys.stderr, flush=True)
        module = importlib.import_module(f"benchmarks.{name}")
        try:
            results[name] = module.run()
        except Exception as error:  # noqa: BLE001  one broken benchmark must not hide the others
            results[name], failed = {"error": repr(error)}, True
    print(json.dumps(results, indent=2, sort_keys=True))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
