"""`doctor`: what this host allows and has, and what to do where something is missing."""

from __future__ import annotations

import importlib.util
import platform
import shutil
import socket
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import typer

from setpoint.adapters.pods.cgroups import PodGroups, remove_groups
from setpoint.adapters.pods.isolation import isolation_report
from setpoint.adapters.pods.machine import find_gpus, parse_capacity, this_machine
from setpoint.cli._context import HomeOption
from setpoint.cli._output import Output, OutputOption, render_document
from setpoint.wiring.endpoint import read_endpoint
from setpoint.wiring.settings import Settings, load_settings

app = typer.Typer(add_completion=False)

_FREE_BYTES_WANTED = 2 * 1024**3
_OPTIONAL = {"torch": "distributed training jobs", "pandas": "the data-processing benchmark"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One check. `state` is ok, warning (works, with less) or problem (something will fail)."""

    check: str
    state: str
    detail: str


@app.command()
def doctor(output: OutputOption = Output.TABLE, home: HomeOption = None) -> None:
    """Check what this host allows and has: isolation, room and limits of pods, ports, disk, packages.

    `setpoint doctor`, `setpoint doctor -o json`
    """
    settings = load_settings(home)
    findings = [finding for check in _CHECKS for finding in check(settings)]
    if output in (Output.JSON, Output.YAML):
        typer.echo(render_document([asdict(finding) for finding in findings], output))
    else:
        marks = {"ok": "✔", "warning": "!", "problem": "✖"}
        for finding in findings:
            typer.echo(f"{marks[finding.state]} {finding.check:12} {finding.detail}")
    if any(finding.state == "problem" for finding in findings):
        raise typer.Exit(1)


def _python(_: Settings) -> Iterator[Finding]:
    fits = (3, 11) <= sys.version_info[:2] <= (3, 13)
    detail = f"Python {platform.python_version()} on {platform.system()} {platform.release()}"
    yield Finding(check="python", state="ok" if fits else "warning", detail=detail + ("" if fits else "; untested"))


def _isolation(_: Settings) -> Iterator[Finding]:
    report = isolation_report()
    state = "ok" if report.mode == "namespace" else "warning"
    yield Finding(check="isolation", state=state, detail=f"{report.mode}: {report.reason}")


def _pods(settings: Settings) -> Iterator[Finding]:
    """What pods can request, and whether their limits hold."""
    has = this_machine(parse_capacity(settings.capacity)).resources
    gpus, reason = find_gpus()
    counted = f"{len(gpus)} GPUs" if gpus else f"no GPU ({reason})"
    room = f"{has['cpu'] / 1000:g} cores, {has['memory'] / 1024**3:.1f} GiB of memory, {counted}"
    yield Finding(check="capacity", state="ok", detail=f"pods may request {room}")
    with TemporaryDirectory() as scratch:
        _, refused = PodGroups(Path(scratch)).limit("doctor", 1 << 30, 1000)
        remove_groups(Path(scratch))
    memory = "by looking at what containers use" if "memory" in refused else "by control groups"
    cpu = "do not hold" if "cpu" in refused else "hold by control groups"
    state = "warning" if refused else "ok"
    yield Finding(check="limits", state=state, detail=f"limits of memory hold {memory}, those of cpu {cpu}")


def _port(settings: Settings) -> Iterator[Finding]:
    with socket.socket() as sock:
        try:
            sock.bind(("127.0.0.1", settings.port))
        except OSError as error:
            detail = f"port {settings.port} of loopback: {error.strerror}; choose another with --port"
            yield Finding(check="ports", state="problem", detail=detail)
            return
    yield Finding(check="ports", state="ok", detail="loopback can be listened on")


def _disk(settings: Settings) -> Iterator[Finding]:
    place = next(parent for parent in (settings.home, *settings.home.parents) if parent.exists())
    free = shutil.disk_usage(place).free
    state = "ok" if free >= _FREE_BYTES_WANTED else "warning"
    yield Finding(check="disk", state=state, detail=f"{free / 1024**3:.1f} GiB free for {settings.home}")
    if not _writable(place):
        yield Finding(check="disk", state="problem", detail=f"{place} may not be written by this user")


def _writable(place: Path) -> bool:
    probe = place / ".setpoint-doctor"
    try:
        probe.touch()
        probe.unlink()
    except OSError:
        return False
    return True


def _control_plane(settings: Settings) -> Iterator[Finding]:
    endpoint = read_endpoint(settings.home)
    up = endpoint is not None and Path(f"/proc/{endpoint.pid}").exists()
    detail = f"up, process {endpoint.pid}" if up and endpoint else "not up"
    yield Finding(check="control", state="ok", detail=detail)


def _packages(_: Settings) -> Iterator[Finding]:
    try:
        importlib.import_module("lightgbm")
    except (ImportError, OSError) as error:
        detail = f"LightGBM cannot be loaded ({error}); install the OpenMP runtime (Debian: libgomp1)"
        yield Finding(check="packages", state="problem", detail=detail)
    for name, purpose in _OPTIONAL.items():
        if importlib.util.find_spec(name) is None:
            yield Finding(check="packages", state="ok", detail=f"{name} is not installed (only for {purpose})")


_CHECKS: tuple[Callable[[Settings], Iterator[Finding]], ...] = (
    _python,
    _isolation,
    _pods,
    _port,
    _disk,
    _control_plane,
    _packages,
)
