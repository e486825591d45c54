"""What this machine has for pods: cores, memory, GPUs.

Cores are those this process may run on, memory is the host's or, if less, that of this process's cgroup. A setting may
say otherwise. GPUs are asked for only when a pod wants one.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from setpoint.adapters.pods.cgroups import own_memory_limit
from setpoint.apis.errors import InvalidSpec
from setpoint.apis.quantity import parse_quantity
from setpoint.ports.launcher import Machine

GPU = "nvidia.com/gpu"
_NVIDIA_SMI_SECONDS = 20


def this_machine(capacity: Mapping[str, str]) -> Machine:
    """The machine, with what `capacity` says in place of what is found. Raises: InvalidSpec for a bad quantity."""
    found = {"cpu": 1000 * len(os.sched_getaffinity(0)), "memory": _memory()}
    said = {name: int(parse_quantity(text) * (1000 if name == "cpu" else 1)) for name, text in capacity.items()}
    return Machine(name=node_name(socket.gethostname()), resources=found | said)


def node_name(host: str) -> str:
    """The host's name as the name of a Node: small letters, and a hyphen for what no name may hold.

    >>> node_name("Plant_7.example")
    'plant-7.example'
    """
    return re.sub(r"[^a-z0-9.-]", "-", host.lower()).strip("-.") or "node"


def parse_capacity(text: str) -> dict[str, str]:
    """`cpu=8,memory=16Gi` as a table. Raises: InvalidSpec."""
    found: dict[str, str] = {}
    for part in filter(None, (item.strip() for item in text.split(","))):
        name, equals, quantity = part.partition("=")
        if not equals:
            raise InvalidSpec(f"{part!r} is not of the form resource=quantity", path="settings.capacity")
        try:
            parse_quantity(quantity)
        except InvalidSpec as error:
            raise InvalidSpec(error.reason, path="settings.capacity") from None
        found[name] = quantity
    return found


def shown(resource: str, number: int) -> str:
    """An amount as people read it."""
    if resource == "cpu":
        return f"{number / 1000:g}"
    return f"{number / 1024**3:.1f} GiB" if resource == "memory" else str(number)


def find_gpus() -> tuple[tuple[str, ...], str]:
    """The GPUs as CUDA_VISIBLE_DEVICES names them, in the order of the driver; and why there are none."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        ids = tuple(item for item in visible.split(",") if item.strip() and item != "-1")
        return ids, "" if ids else "CUDA_VISIBLE_DEVICES of the control plane hides all GPUs"
    if program := shutil.which("nvidia-smi"):
        command = [program, "--query-gpu=uuid", "--format=csv,noheader"]
        with suppress(OSError, subprocess.TimeoutExpired):
            answer = subprocess.run(  # noqa: S603 - fixed words, no shell
                command, capture_output=True, text=True, check=False, timeout=_NVIDIA_SMI_SECONDS
            )
            if answer.returncode == 0:
                ids = tuple(line.strip() for line in answer.stdout.splitlines() if line.strip())
                return ids, "" if ids else "nvidia-smi lists no GPU"
    numbers = sorted(int(path.name[6:]) for path in Path("/dev").glob("nvidia[0-9]*") if path.name[6:].isdigit())
    return tuple(
        map(str, numbers)
    ), "" if numbers else "this machine has no /dev/nvidia0 and no nvidia-smi that answers"


def _memory() -> int:
    total = 0
    with suppress(OSError), open("/proc/meminfo") as lines:  # noqa: PTH123 - a generator of lines
        total = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemTotal:"))
    limit = own_memory_limit()
    return min(total, limit) if limit is not None and total else limit or total
