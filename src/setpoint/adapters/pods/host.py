"""This machine, read from /proc and /etc: `ports.machine.MachineView`."""

from __future__ import annotations

import os
import platform
import shutil
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from setpoint.adapters.pods import records
from setpoint.core.pods.node import NodeFacts
from setpoint.ports.launcher import Machine, Usage

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


class HostView:
    """The machine that `machine` names; `home` is the state directory, whose file system is told of."""

    def __init__(self, machine: Machine, home: Path) -> None:
        self._machine, self._home = machine, home

    def facts(self) -> NodeFacts:
        """What is known of it."""
        disk = 0
        with suppress(OSError):
            disk = shutil.disk_usage(self._home).total
        own = "0.0.0"
        with suppress(PackageNotFoundError):
            own = version("setpoint")
        return NodeFacts(
            name=self._machine.name,
            resources=self._machine.resources,
            disk_bytes=disk,
            version=own,
            kernel=platform.release(),
            system=_system(),
            architecture=_ARCHITECTURES.get(platform.machine(), platform.machine()),
            machine_id=_text("/etc/machine-id"),
            boot_id=records.boot_id(),
        )

    def usage(self) -> Usage:
        """Processor time that it has spent since its start, and memory in use."""
        ticks = os.sysconf("SC_CLK_TCK")
        fields = [int(field) for field in _text("/proc/stat").partition("\n")[0].split()[1:]]
        idle = sum(fields[3:5])  # idle and iowait
        busy = sum(fields[:8]) - idle  # those of guests are in user and nice already
        memory = dict(
            line.split(":", 1)
            for line in _text("/proc/meminfo").splitlines()
            if line.startswith(("MemTotal", "MemAva"))
        )
        kib = {name: int(text.split()[0]) for name, text in memory.items()}
        used = kib.get("MemTotal", 0) - kib.get("MemAvailable", 0)
        return Usage(cpu_seconds=busy / ticks, memory_bytes=used * 1024)


def _text(path: str) -> str:
    with suppress(OSError):
        return Path(path).read_text(encoding="utf-8", errors="replace").strip()
    return ""


def _system() -> str:
    with suppress(OSError):
        return platform.freedesktop_os_release().get("PRETTY_NAME", "Linux")
    return "Linux"
