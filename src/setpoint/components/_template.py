"""What a component looks like to others: its Argo template as a wire dict, and its usage text.

Decides paths and argument order of the template; pure. Invariant: the arguments of the template are exactly what
`parse_arguments` reads back, one `--name=value` word each, so that no value is taken for an option.
"""

from __future__ import annotations

import textwrap
from typing import Any

from setpoint import __version__
from setpoint.components._component import Artifact, Component, Parameter
from setpoint.components._runner import text_of

IMAGE = f"setpoint/setpoint:{__version__}"
INPUTS, OUTPUTS = "/tmp/inputs", "/tmp/outputs"  # noqa: S108  the pod's own /tmp
PARAMETERS = f"{OUTPUTS}/parameters"


def template_of(component: Component[..., Any]) -> dict[str, Any]:
    """The component as a container template in Argo's wire form; empty sections are left out."""
    args = [f"--{item.option}={{{{inputs.parameters.{item.option}}}}}" for item in component.parameters]
    args += [f"--{item.option}={INPUTS}/{item.option}" for item in component.inputs]
    args += [f"--{item.option}={OUTPUTS}/{item.option}" for item in component.outputs]
    if component.results:
        args.append(f"--outputs={PARAMETERS}")
    inputs = {
        "parameters": [_input_parameter(item) for item in component.parameters],
        "artifacts": [_artifact(item, INPUTS) for item in component.inputs],
    }
    outputs = {
        "parameters": [
            {"name": item.option, "valueFrom": {"path": f"{PARAMETERS}/{item.option}"}}
            | ({"description": item.help} if item.help else {})
            for item in component.results
        ],
        "artifacts": [_artifact(item, OUTPUTS) | {"archive": {"none": {}}} for item in component.outputs],
    }
    sections = {"inputs": inputs, "outputs": outputs}
    body: dict[str, Any] = {"name": component.name}
    for key, section in sections.items():
        filled = {name: entries for name, entries in section.items() if entries}
        if filled:
            body[key] = filled
    body["container"] = {
        "image": IMAGE,
        "command": ["setpoint", "component", "run", component.name],
        "args": args,
    }
    return body


def usage(component: Component[..., Any]) -> str:
    """The help text: description, options with type, default and choices, artifacts and results."""
    lines = [
        f"usage: setpoint component run {component.name} [--name value ...] [--outputs DIR]",
        "",
        *textwrap.wrap(component.description, 100),
    ]
    rows = [(f"--{item.option} {_kind(item)}", _described(item)) for item in component.parameters]
    inputs = [(f"--{item.option} PATH", _artifact_text(item)) for item in component.inputs]
    outputs = [(f"--{item.option} PATH", _artifact_text(item)) for item in component.outputs]
    results = [(item.option, item.help) for item in component.results]
    results_title = "results (a file each below --outputs)"
    for title, entries in (
        ("parameters", rows),
        ("input artifacts", inputs),
        ("output artifacts", outputs),
        (results_title, results),
    ):
        if entries:
            lines += ["", f"{title}:", *_table(entries)]
    return "\n".join(lines) + "\n"


def _input_parameter(item: Parameter) -> dict[str, Any]:
    entry: dict[str, Any] = {"name": item.option}
    if item.help:
        entry["description"] = item.help
    if not item.required:
        entry["value"] = text_of(item.default)
    if item.choices:
        entry["enum"] = list(item.choices)
    return entry


def _artifact(item: Artifact, folder: str) -> dict[str, Any]:
    entry: dict[str, Any] = {"name": item.option, "path": f"{folder}/{item.option}"}
    return entry | {"optional": True} if item.optional else entry


def _kind(item: Parameter) -> str:
    return "|".join(item.choices) if item.choices else item.type.__name__.upper()


def _described(item: Parameter) -> str:
    default = "required" if item.required else f"default: {text_of(item.default) or 'empty'}"
    return f"{item.help} [{default}]".strip()


def _artifact_text(item: Artifact) -> str:
    note = f"default: {item.default}" if item.default else ("optional" if item.optional else "required")
    return f"{item.help} [{note}]".strip()


def _table(entries: list[tuple[str, str]]) -> list[str]:
    width = min(max(len(head) for head, _ in entries), 34) + 4
    lines: list[str] = []
    for head, text in entries:
        wrapped = textwrap.wrap(text, 108 - width) or [""]
        first = f"  {head}".ljust(width)
        if len(head) + 3 > width:
            lines.append(f"  {head}")
            first = " " * width
        lines.append((first + wrapped[0]).rstrip())
        lines += [" " * width + part for part in wrapped[1:]]
    return lines
