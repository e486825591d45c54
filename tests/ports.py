"""Proof that a port is ours: who listens on it, by the kernel's table."""

from __future__ import annotations

import os
from pathlib import Path

_LISTEN = "0A"


def owns_port(port: int, pid: int | None = None) -> bool:
    """Whether process `pid` (None: this one) holds the listening socket on loopback `port`. Linux only."""
    inodes = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == _LISTEN and int(fields[1].rpartition(":")[2], 16) == port:
                inodes.add(f"socket:[{fields[9]}]")
    descriptors = Path(f"/proc/{pid or os.getpid()}/fd")
    return any(_target(descriptor) in inodes for descriptor in descriptors.iterdir())


def _target(descriptor: Path) -> str:
    try:
        return str(descriptor.readlink())
    except OSError:  # closed since it was listed
        return ""
