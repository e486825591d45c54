"""What the components and monitors hand over for the page: a document and drawings, each read from its directory.

Invariant: a part that is absent or unreadable is an empty one; a broken part never costs the page.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from setpoint.core.monitors.finding import Verdict

DOCUMENTS = ("report.json", "figures.json")

# A drawing has no business with programs, other pages or the network: one that has is left out.
_ACTIVE = re.compile(
    r"""<\s*(script|foreignobject|iframe|embed|object|image|animate|set|style[^>]*>[^<]*@import)\b"""
    r"""|\son[a-z]+\s*=|javascript:|@import|(?:href|src)\s*=\s*["'](?!\#)|url\(\s*["']?(?!\#)""",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A component's document (JSON values) and its drawings (SVG elements by name)."""

    document: Mapping[str, Any] = field(default_factory=dict)
    plots: Mapping[str, str] = field(default_factory=dict)
    checksum: str = ""  # SHA-256 of the document

    def __bool__(self) -> bool:
        return bool(self.document)


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """What a monitor said, with its drawings."""

    verdict: Verdict
    plots: Mapping[str, str] = field(default_factory=dict)
    captions: Mapping[str, str] = field(default_factory=dict)
    checksum: str = ""  # SHA-256 of the verdict


def read_part(path: Path | None) -> Part:
    """`report.json` and `plots/*.svg` of a directory; a JSON file alone is a document without drawings."""
    if path is None:
        return Part()
    names = [path / name for name in DOCUMENTS] if path.is_dir() else [path]
    for name in names:
        try:
            content = name.read_bytes()
            document = json.loads(content)
        except (OSError, ValueError):
            continue
        if isinstance(document, dict):
            return Part(document=document, plots=_plots(path / "plots"), checksum=hashlib.sha256(content).hexdigest())
    return Part()


def read_watch(path: Path | None) -> Watch | None:
    """`verdict.json` and `plots/*.svg` of a monitor's directory; None if it said nothing that can be read."""
    if path is None:
        return None
    try:
        content = (path / "verdict.json").read_bytes()
        verdict = msgspec.json.decode(content, type=Verdict)
    except (OSError, msgspec.DecodeError):
        return None
    plots, captions = _plots(path / "plots"), _captions(path / "captions.json")
    order = [name for name in captions if name in plots]
    return Watch(
        verdict=verdict,
        plots={name: plots.pop(name) for name in order} | plots,
        captions=captions,
        checksum=hashlib.sha256(content).hexdigest(),
    )


def _captions(path: Path) -> dict[str, str]:
    """What each plot shows, in order; nothing if that cannot be read."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, str])
    except (OSError, msgspec.DecodeError):
        return {}


def _plots(folder: Path) -> dict[str, str]:
    """The drawings by name, without what an XML file has before its element."""
    found: dict[str, str] = {}
    if not folder.is_dir():
        return found
    for item in sorted(folder.glob("*.svg")):
        try:
            text = item.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            continue
        if "<svg" in text and not _ACTIVE.search(text):
            found[item.stem] = text[text.index("<svg") :]
    return found
