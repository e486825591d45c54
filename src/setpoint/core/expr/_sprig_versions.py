"""sprig's semantic versions: a version as a value with methods, and constraints such as `^1.2 || >=2.1, <3`.

A part that is missing or `x` in a constraint stands for any number there. A version before a release fits only a
constraint that names one. Source: sprig 3.3 with Masterminds/semver 3.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

from setpoint.core.expr._errors import ExpressionError
from setpoint.core.expr._function import Function, typed
from setpoint.core.expr._gotext import GoValue

_TAIL = r"(?:-([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?(?:\+([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?"
_VERSION = re.compile(rf"v?([0-9]+)(?:\.([0-9]+))?(?:\.([0-9]+))?{_TAIL}")
_PART = r"[0-9]+|[xX*]"
_PATTERN = rf"v?({_PART})(?:\.({_PART}))?(?:\.({_PART}))?{_TAIL}"
_OPERATOR = r"=<|=>|<=|>=|!=|~>|=|>|<|~|\^|"
_ONE = re.compile(rf"\s*({_OPERATOR})\s*{_PATTERN}\s*,?\s*")
_RANGE = re.compile(rf"\s*({_PATTERN})\s+-\s+({_PATTERN})\s*")
_ANY = ("x", "X", "*", None, "")
_LONGEST = 256


@dataclass(frozen=True, slots=True)
class GoVersion(GoValue):
    """A semantic version; build metadata counts for nothing in comparisons."""

    go_type: ClassVar[str] = "*semver.Version"

    numbers: tuple[int, int, int]
    pre: str = ""
    metadata: str = field(default="", compare=False)
    original: str = field(default="", compare=False)

    def __str__(self) -> str:
        """In full, without a leading `v`."""
        text = ".".join(map(str, self.numbers))
        return text + (f"-{self.pre}" if self.pre else "") + (f"+{self.metadata}" if self.metadata else "")

    def json_value(self) -> str:
        """See GoValue."""
        return str(self)

    @property
    def order(self) -> tuple[Any, ...]:
        """A key by which versions sort: before a release comes before it, numbers before words."""
        parts = [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in self.pre.split(".") if part]
        return (self.numbers, not self.pre, parts)


def parse_version(text: str) -> GoVersion:
    """The version, missing parts as 0. Raises: ExpressionError."""
    found = _VERSION.fullmatch(text) if len(text) <= _LONGEST else None
    if found is None:
        raise ExpressionError(f"Invalid Semantic Version: {text[:60]!r}")
    numbers = (int(found[1]), int(found[2] or 0), int(found[3] or 0))
    return GoVersion(numbers, found[4] or "", found[5] or "", text)


@dataclass(frozen=True, slots=True)
class _Constraint:
    """`operator version`; `given` is how many of the three numbers are said, the rest is any."""

    operator: str
    version: GoVersion
    given: int

    def fits(self, version: GoVersion) -> bool:
        """Whether a version fulfils it."""
        exact, same = self.given == 3, version.numbers[: self.given] == self.version.numbers[: self.given]
        if self.operator == "!=":
            if exact:
                return version.order != self.version.order
            return not same and not (version.pre and not self.version.pre)
        if version.pre and not self.version.pre:
            return False
        at_least = version.order >= self.version.order
        match self.operator:
            case ">":
                return version.order > self.version.order and (exact or not same) and self.given > 0
            case "<":
                return not at_least
            case ">=" | "=>":
                return at_least
            case "<=" | "=<":
                return version.order <= self.version.order or (not exact and same)
            case "^":
                return at_least and self._same_left(version)
            case "~" | "~>":
                return at_least and (
                    version.numbers[: min(self.given, 2)] == self.version.numbers[: min(self.given, 2)]
                )
            case _:
                return same and at_least if not exact else version.order == self.version.order

    def _same_left(self, version: GoVersion) -> bool:
        """For `^`: nothing up to the first number that is not 0 differs."""
        wanted = self.version.numbers[: self.given]
        length = next((place + 1 for place, number in enumerate(wanted) if number), len(wanted))
        return version.numbers[:length] == self.version.numbers[:length]


def _constraint(found: re.Match[str]) -> _Constraint:
    parts = found.groups()[1:4]
    given = next((place for place, part in enumerate(parts) if part in _ANY), 3)
    numbers = [int(part or 0) for part in parts[:given]] + [0] * (3 - given)
    return _Constraint(found[1], GoVersion((numbers[0], numbers[1], numbers[2]), found[5] or ""), given)


def _group(text: str) -> list[_Constraint]:
    """The constraints of a text that must all hold."""
    text = _RANGE.sub(lambda found: f" >={found[1]} <={found[7]} ", text)
    if not text.strip():
        return [_Constraint("", GoVersion((0, 0, 0)), 0)]
    constraints: list[_Constraint] = []
    at = 0
    while at < len(text):
        found = _ONE.match(text, at)
        if found is None or found.end() == at or (at and text[at - 1] not in ", \t\n"):
            raise ExpressionError(f"improper constraint: {text[:60]}")
        constraints.append(_constraint(found))
        at = found.end()
    return constraints


def _compare(constraint: str, version: str) -> bool:
    if len(constraint) > _LONGEST * 4:
        raise ExpressionError("improper constraint: it is too long")
    groups = [_group(part) for part in constraint.split("||")]
    wanted = parse_version(version)
    return any(all(item.fits(wanted) for item in group) for group in groups)


VERSION_METHODS: dict[str, tuple[int, Callable[..., Any]]] = {
    "String": (0, str),
    "Original": (0, lambda version: version.original),
    "Major": (0, lambda version: version.numbers[0]),
    "Minor": (0, lambda version: version.numbers[1]),
    "Patch": (0, lambda version: version.numbers[2]),
    "Prerelease": (0, lambda version: version.pre),
    "Metadata": (0, lambda version: version.metadata),
}

VERSION_FUNCTIONS: dict[str, Function] = {
    "semver": typed("sprig.semver", "s", parse_version),
    "semverCompare": typed("sprig.semverCompare", "ss", _compare, "bool"),
}
