r"""The syntax of RE2 regular expressions, as Go accepts it: a text becomes a tree, or a clear refusal.

Look-around, back-references, possessive quantifiers and atomic groups do not exist in RE2 and are refused. Unicode
classes `\p{...}` are refused as not built, rather than matched wrongly. Invariant: quantifiers are bounded by 1000 and
nesting by `MAX_DEPTH`, so that the program built from the tree is small. Source: RE2's and Go's syntax pages.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NoReturn

import msgspec

from setpoint.core.expr._errors import MAX_DEPTH, ExpressionError

MAX_REPEAT = 1000
_LAST = 0x10FFFF

Ranges = tuple[tuple[int, int], ...]


class Chars(msgspec.Struct, frozen=True):
    """One character out of a set; `fold` compares without regard to case."""

    ranges: Ranges
    negated: bool = False
    fold: bool = False

    def holds(self, char: str) -> bool:
        """Whether the character belongs."""
        forms = {char, char.lower(), char.upper()} if self.fold else {char}
        found = any(low <= ord(form) <= high for form in forms if len(form) == 1 for low, high in self.ranges)
        return found is not self.negated


class Assertion(msgspec.Struct, frozen=True):
    """A place: `begin` and `end` of text, `bol` and `eol` of line, `word` boundary or `inside`, none."""

    place: str


class Concat(msgspec.Struct, frozen=True):
    """One after the other."""

    parts: tuple[Node, ...]


class Alternate(msgspec.Struct, frozen=True):
    """The first that leads to a match."""

    parts: tuple[Node, ...]


class Repeat(msgspec.Struct, frozen=True):
    """At least `least` times, at most `most` (None: without bound)."""

    part: Node
    least: int
    most: int | None
    greedy: bool


class Group(msgspec.Struct, frozen=True):
    """A capturing group, counted from 1."""

    part: Node
    index: int


Node = Chars | Assertion | Concat | Alternate | Repeat | Group

_DIGIT: Ranges = ((48, 57),)
_WORD: Ranges = ((48, 57), (65, 90), (95, 95), (97, 122))
_SPACE: Ranges = ((9, 10), (12, 13), (32, 32))
_PERL = {"d": _DIGIT, "w": _WORD, "s": _SPACE}
_POSIX: dict[str, Ranges] = {
    "alnum": ((48, 57), (65, 90), (97, 122)),
    "alpha": ((65, 90), (97, 122)),
    "ascii": ((0, 127),),
    "blank": ((9, 9), (32, 32)),
    "cntrl": ((0, 31), (127, 127)),
    "digit": _DIGIT,
    "graph": ((33, 126),),
    "lower": ((97, 122),),
    "print": ((32, 126),),
    "punct": ((33, 47), (58, 64), (91, 96), (123, 126)),
    "space": ((9, 13), (32, 32)),
    "upper": ((65, 90),),
    "word": _WORD,
    "xdigit": ((48, 57), (65, 70), (97, 102)),
}
_ESCAPES = {"a": 7, "f": 12, "t": 9, "n": 10, "r": 13, "v": 11}


def complement(ranges: Ranges) -> Ranges:
    """All characters that are not in the ranges."""
    found: list[tuple[int, int]] = []
    start = 0
    for low, high in sorted(ranges):
        if low > start:
            found.append((start, low - 1))
        start = max(start, high + 1)
    if start <= _LAST:
        found.append((start, _LAST))
    return tuple(found)


class _Flags(msgspec.Struct, frozen=True):
    fold: bool = False
    multiline: bool = False
    dot_all: bool = False
    lazy: bool = False


@dataclass(slots=True)
class Syntax:
    """What was read: the tree, the number of groups, and their names by index."""

    tree: Node
    groups: int
    names: dict[int, str]


def parse_regex(pattern: str) -> Syntax:
    """Read a pattern.

    Raises:
        ExpressionError: `error parsing regexp: ...`.
    """
    parser = _Parser(pattern)
    tree, _ = parser.alternatives(_Flags())
    if parser.more():
        parser.fail("unexpected )")
    return Syntax(tree, parser.groups, parser.names)


class _Parser:
    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.at = 0
        self.depth = 0
        self.groups = 0
        self.names: dict[int, str] = {}

    def fail(self, reason: str) -> NoReturn:
        raise ExpressionError(f"error parsing regexp: {reason}: `{self.pattern}`", position=self.at)

    def more(self) -> bool:
        return self.at < len(self.pattern)

    def take(self, text: str) -> bool:
        if self.pattern.startswith(text, self.at):
            self.at += len(text)
            return True
        return False

    def alternatives(self, flags: _Flags) -> tuple[Node, _Flags]:
        self.depth += 1
        if self.depth > MAX_DEPTH // 2:
            self.fail("expression nests too deeply")
        choices: list[Node] = []
        parts: list[Node] = []
        while self.more() and self.pattern[self.at] != ")":
            if self.take("|"):
                choices.append(Concat(tuple(parts)))
                parts = []
                continue
            if self.take("\\Q"):
                parts += self.quoted(flags)
                continue
            item, flags = self.item(flags)
            if item is not None:
                parts.append(self.quantified(item, flags))
            elif self.more() and self.pattern[self.at] in "*+?":
                self.fail("missing argument to repetition operator")
        choices.append(Concat(tuple(parts)))
        self.depth -= 1
        return (choices[0] if len(choices) == 1 else Alternate(tuple(choices))), flags

    def quoted(self, flags: _Flags) -> list[Node]:
        r"""Characters up to `\E`, as they are; a quantifier behind it belongs to the last one."""
        end = self.pattern.find("\\E", self.at)
        text = self.pattern[self.at : end if end >= 0 else len(self.pattern)]
        self.at = end + 2 if end >= 0 else len(self.pattern)
        chars: list[Node] = [Chars(((ord(char), ord(char)),), fold=flags.fold) for char in text]
        if chars:
            chars[-1] = self.quantified(chars[-1], flags)
        return chars

    def quantified(self, item: Node, flags: _Flags) -> Node:
        seen = False
        while (bounds := self.quantifier()) is not None:
            if seen:
                self.fail("invalid nested repetition operator")
            least, most = bounds
            lazy = self.take("?")
            item = Repeat(item, least, most, greedy=lazy is flags.lazy)
            seen = True
        return item

    def quantifier(self) -> tuple[int, int | None] | None:
        for sign, bounds in (("*", (0, None)), ("+", (1, None)), ("?", (0, 1))):
            if self.take(sign):
                return bounds
        if not self.more() or self.pattern[self.at] != "{":
            return None
        close = self.pattern.find("}", self.at)
        low, comma, high = self.pattern[self.at + 1 : max(close, self.at + 1)].partition(",")
        digits = "0123456789"
        if close < 0 or not low or low.strip(digits) or high.strip(digits):
            return None  # a brace that is no quantifier stands for itself
        least = int(low[:9])
        most = least if not comma else int(high[:9]) if high else None
        if least > MAX_REPEAT or (most is not None and (most > MAX_REPEAT or most < least)):
            self.fail("invalid repeat count")
        self.at = close + 1
        return least, most

    def item(self, flags: _Flags) -> tuple[Node | None, _Flags]:
        char = self.pattern[self.at]
        if char == "(":
            return self.group(flags)
        if char == "[":
            return self.char_class(flags), flags
        if char == "\\":
            return self.escape(flags), flags
        if char in "*+?":
            self.fail("missing argument to repetition operator")
        self.at += 1
        if char == ".":
            return Chars(((0, _LAST),) if flags.dot_all else complement(((10, 10),))), flags
        if char == "^":
            return Assertion("bol" if flags.multiline else "begin"), flags
        if char == "$":
            return Assertion("eol" if flags.multiline else "end"), flags
        return Chars(((ord(char), ord(char)),), fold=flags.fold), flags

    def group(self, flags: _Flags) -> tuple[Node | None, _Flags]:
        self.at += 1
        if not self.take("?"):
            return self.captured(flags), flags
        for refused, what in (("=", "lookahead"), ("!", "lookahead"), ("<=", "lookbehind"), ("<!", "lookbehind")):
            if self.take(refused):
                self.fail(f"invalid or unsupported Perl syntax ({what})")
        if self.take("P<") or self.take("<"):
            close = self.pattern.find(">", self.at)
            name = self.pattern[self.at : max(close, self.at)]
            if not name.isascii() or not name.replace("_", "a").isalnum() or name in self.names.values():
                self.fail("invalid named capture")
            self.at = close + 1
            self.names[self.groups + 1] = name
            return self.captured(flags), flags
        return self.flagged(flags)

    def captured(self, flags: _Flags) -> Node:
        self.groups += 1
        index = self.groups
        part, _ = self.alternatives(flags)
        self.close()
        return Group(part, index)

    def close(self) -> None:
        if not self.take(")"):
            self.fail("missing closing )")

    def flagged(self, flags: _Flags) -> tuple[Node | None, _Flags]:
        """`(?i)` changes the flags up to the end of the group it stands in, `(?i:...)` of its own."""
        changed, value = flags, True
        names = {"i": "fold", "m": "multiline", "s": "dot_all", "U": "lazy"}
        while self.more():
            char = self.pattern[self.at]
            self.at += 1
            if char == ":":
                part, _ = self.alternatives(changed)
                self.close()
                return part, flags
            if char == ")":
                return None, changed
            if char == "-" and value:
                value = False
            elif char in names:
                changed = msgspec.structs.replace(changed, **{names[char]: value})
            else:
                break
        self.fail("invalid or unsupported Perl syntax")

    def escape(self, flags: _Flags) -> Node | None:
        self.at += 1
        if not self.more():
            self.fail("trailing backslash at end of expression")
        char = self.pattern[self.at]
        if char in "AzbB":
            self.at += 1
            return Assertion({"A": "begin", "z": "end", "b": "word", "B": "inside"}[char])
        found = self.escaped()
        if isinstance(found, int):
            return Chars(((found, found),), fold=flags.fold)
        return Chars(found)

    def escaped(self) -> int | Ranges:
        """A character or class behind a backslash, in or out of brackets."""
        char = self.pattern[self.at]
        self.at += 1
        if char.lower() in _PERL:
            ranges = _PERL[char.lower()]
            return ranges if char.islower() else complement(ranges)
        if char in _ESCAPES:
            return _ESCAPES[char]
        if char in "pP":
            self.fail(f"Unicode classes such as \\{char}{{...}} are not supported here")
        if char == "x":
            return self.hexadecimal()
        if char == "0" or (char in "1234567" and self.pattern[self.at : self.at + 1] in tuple("01234567")):
            digits = char
            while len(digits) < 3 and self.more() and self.pattern[self.at] in "01234567":
                digits += self.pattern[self.at]
                self.at += 1
            return int(digits, 8)
        if char.isalnum() or ord(char) > 127:
            self.fail("invalid escape sequence")
        return ord(char)

    def hexadecimal(self) -> int:
        if self.take("{"):
            close = self.pattern.find("}", self.at)
            digits = self.pattern[self.at : max(close, self.at)]
            self.at = close + 1
        else:
            digits = self.pattern[self.at : self.at + 2]
            self.at += 2
            if len(digits) != 2:
                self.fail("invalid escape sequence")
        if not digits or len(digits) > 8 or digits.strip("0123456789abcdefABCDEF") or int(digits, 16) > _LAST:
            self.fail("invalid escape sequence")
        return int(digits, 16)

    def char_class(self, flags: _Flags) -> Node:
        self.at += 1
        negated = self.take("^")
        ranges: list[tuple[int, int]] = []
        first = True
        while first or not self.take("]"):
            first = False
            if not self.more():
                self.fail("missing closing ]")
            if self.take("[:"):
                ranges += self.posix()
                continue
            low = self.member()
            if not isinstance(low, int):
                ranges += low
                continue
            high: int | Ranges = low
            if (
                self.more()
                and self.pattern[self.at] == "-"
                and self.pattern[self.at + 1 : self.at + 2] not in ("]", "")
            ):
                self.at += 1
                high = self.member()
            if not isinstance(high, int) or high < low:
                self.fail("invalid character class range")
            ranges.append((low, high))
        return Chars(tuple(ranges), negated=negated, fold=flags.fold)

    def member(self) -> int | Ranges:
        char = self.pattern[self.at]
        self.at += 1
        if char != "\\":
            return ord(char)
        if not self.more():
            self.fail("missing closing ]")
        return self.escaped()

    def posix(self) -> Ranges:
        close = self.pattern.find(":]", self.at)
        name = self.pattern[self.at : max(close, self.at)]
        ranges = _POSIX.get(name.lstrip("^"))
        if ranges is None:
            self.fail("invalid character class range")
        self.at = close + 2
        return complement(ranges) if name.startswith("^") else ranges
