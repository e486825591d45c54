"""Regular expressions with RE2's meaning and RE2's promise: time grows with pattern times text, never faster.

A pattern becomes a small program, run by backtracking that never visits the same (instruction, position) twice, the
way RE2's bit-state matcher does; the first match in priority order wins, with its groups.
Invariant: no pattern or text makes a call run away; where the product is too large, it is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from setpoint.core.expr._errors import ExpressionError
from setpoint.core.expr._re2_syntax import (
    Alternate,
    Assertion,
    Chars,
    Concat,
    Group,
    Node,
    Repeat,
    parse_regex,
)

MAX_PROGRAM = 5_000
MAX_WORK = 8_000_000
"""Bound on instructions times characters; some seconds of work."""

Span = tuple[int, int] | None
Match = tuple[Span, ...]


@dataclass(slots=True)
class _Instruction:
    """`chars`, `assert`, `save`, `jump`, `split` (first `to`, then `other`) or `match`."""

    kind: str
    to: int = 0
    other: int = 0
    chars: Chars | None = None
    place: str = ""


class Regex:
    """A compiled pattern."""

    def __init__(self, pattern: str) -> None:
        syntax = parse_regex(pattern)
        self.pattern = pattern
        self.groups = syntax.groups
        self.names = {name: index for index, name in syntax.names.items()}
        self._program = _compile(syntax.tree)

    def __str__(self) -> str:
        return self.pattern

    def work(self, text: str) -> int:
        """The most steps that one search of the text takes."""
        return len(self._program) * (len(text) + 1)

    def matches(self, text: str) -> bool:
        """Whether any part of the text matches."""
        return self.find(text) is not None

    def find(self, text: str, start: int = 0) -> Match | None:
        """Spans of the leftmost match and its groups, from `start` on; None without one.

        Raises:
            ExpressionError: If text and pattern together are too large to be searched.
        """
        if self.work(text) > MAX_WORK:
            raise ExpressionError(f"the text ({len(text)} characters) is too long for this regular expression")
        visited: set[int] = set()
        for begin in range(start, len(text) + 1):
            found = self._run(text, begin, visited)
            if found is not None:
                return found
        return None

    def find_all(self, text: str, limit: int = -1) -> Iterator[Match]:
        """Matches from left to right that do not overlap; an empty one right behind another is left out."""
        at, last, count = 0, -1, 0
        while at <= len(text) and count != limit:
            found = self.find(text, at)
            if found is None or found[0] is None:
                return
            begin, end = found[0]
            if begin < end or begin != last:
                count += 1
                yield found
                last = end
            at = end + 1 if end == begin else end

    def replace_all(self, text: str, make: Callable[[Match], str]) -> str:
        """The text with each match replaced by what `make` gives for it."""
        parts: list[str] = []
        at = 0
        for found in self.find_all(text):
            begin, end = found[0] or (at, at)
            parts += (text[at:begin], make(found))
            at = end
        return "".join((*parts, text[at:]))

    def split(self, text: str, limit: int = -1) -> list[str]:
        """The pieces between matches, at most `limit` of them where that is not negative."""
        if limit == 0:
            return []
        if self.pattern and not text:
            return [""]
        pieces: list[str] = []
        begin = end = 0
        for found in self.find_all(text):
            if limit > 0 and len(pieces) == limit - 1:
                break
            low, high = found[0] or (0, 0)
            end = low
            if high:
                pieces.append(text[begin:end])
            begin = high
        if end != len(text):
            pieces.append(text[begin:])
        return pieces

    def expand(self, template: str, text: str, match: Match) -> str:
        """A replacement text with `$1`, `$name`, `${name}` filled in and `$$` as a dollar."""
        parts: list[str] = []
        at = 0
        while (dollar := template.find("$", at)) >= 0:
            parts.append(template[at:dollar])
            name, at = _reference(template, dollar + 1)
            if name in ("$", ""):
                parts.append("$")
            else:
                index = int(name) if name.isdecimal() else self.names.get(name, -1)
                span = match[index] if 0 <= index < len(match) else None
                parts.append(text[span[0] : span[1]] if span else "")
        return "".join((*parts, template[at:]))

    def _run(self, text: str, begin: int, visited: set[int]) -> Match | None:
        width = len(text) + 1
        saved = [-1] * (2 * self.groups + 2)
        saved[0] = begin
        stack: list[tuple[int, int, int]] = [(0, begin, -1)]
        while stack:
            at, position, slot = stack.pop()
            if slot >= 0:  # undo a save that led nowhere
                saved[slot] = position
                continue
            while (state := at * width + position) not in visited:
                visited.add(state)
                step = self._program[at]
                if step.kind == "chars":
                    if position == len(text) or step.chars is None or not step.chars.holds(text[position]):
                        break
                    at, position = at + 1, position + 1
                elif step.kind == "split":
                    stack.append((step.other, position, -1))
                    at = step.to
                elif step.kind == "jump":
                    at = step.to
                elif step.kind == "save":
                    stack.append((0, saved[step.to], step.to))
                    saved[step.to] = position
                    at += 1
                elif step.kind == "assert":
                    if not _holds(step.place, text, position):
                        break
                    at += 1
                else:
                    saved[1] = position
                    pairs = zip(saved[::2], saved[1::2], strict=True)
                    return tuple((low, high) if low >= 0 and high >= 0 else None for low, high in pairs)
        return None


def _reference(template: str, at: int) -> tuple[str, int]:
    """The name behind a dollar and where it ends; empty where there is none."""
    if template.startswith("$", at):
        return "$", at + 1
    if template.startswith("{", at):
        close = template.find("}", at)
        return (template[at + 1 : close], close + 1) if close > at + 1 else ("", at)
    end = at
    while end < len(template) and (template[end].isalnum() or template[end] == "_"):
        end += 1
    return template[at:end], end


def _word(text: str, position: int) -> bool:
    return 0 <= position < len(text) and (
        text[position].isascii() and (text[position].isalnum() or text[position] == "_")
    )


def _holds(place: str, text: str, position: int) -> bool:
    match place:
        case "begin":
            return position == 0
        case "end":
            return position == len(text)
        case "bol":
            return position == 0 or text[position - 1] == "\n"
        case "eol":
            return position == len(text) or text[position] == "\n"
        case _:
            boundary = _word(text, position - 1) is not _word(text, position)
            return boundary is (place == "word")


def _compile(tree: Node) -> list[_Instruction]:
    program: list[_Instruction] = []
    _emit(tree, program)
    program.append(_Instruction("match"))
    return program


def _emit(node: Node, program: list[_Instruction]) -> None:
    if len(program) > MAX_PROGRAM:
        raise ExpressionError("error parsing regexp: expression too large")
    match node:
        case Chars():
            program.append(_Instruction("chars", chars=node))
        case Assertion(place):
            program.append(_Instruction("assert", place=place))
        case Concat(parts):
            for part in parts:
                _emit(part, program)
        case Group(part, index):
            program.append(_Instruction("save", to=2 * index))
            _emit(part, program)
            program.append(_Instruction("save", to=2 * index + 1))
        case Alternate(parts):
            _emit_choice(parts, program)
        case Repeat():
            _emit_repeat(node, program)


def _emit_choice(parts: tuple[Node, ...], program: list[_Instruction]) -> None:
    jumps: list[_Instruction] = []
    for part in parts[:-1]:
        split = _Instruction("split", to=len(program) + 1)
        program.append(split)
        _emit(part, program)
        jumps.append(_Instruction("jump"))
        program.append(jumps[-1])
        split.other = len(program)
    _emit(parts[-1], program)
    for jump in jumps:
        jump.to = len(program)


def _emit_repeat(node: Repeat, program: list[_Instruction]) -> None:
    for _ in range(node.least):
        _emit(node.part, program)
    if node.most is None:
        split = _Instruction("split")
        start = len(program)
        program.append(split)
        _emit(node.part, program)
        program.append(_Instruction("jump", to=start))
        _aim(split, start + 1, len(program), greedy=node.greedy)
        return
    splits: list[tuple[_Instruction, int]] = []
    for _ in range(node.most - node.least):
        splits.append((_Instruction("split"), len(program) + 1))
        program.append(splits[-1][0])
        _emit(node.part, program)
    for split, inside in splits:
        _aim(split, inside, len(program), greedy=node.greedy)


def _aim(split: _Instruction, inside: int, behind: int, *, greedy: bool) -> None:
    split.to, split.other = (inside, behind) if greedy else (behind, inside)


@lru_cache(maxsize=512)
def compile_regex(pattern: str) -> Regex:
    """A compiled pattern, kept for the next use.

    Raises:
        ExpressionError: `error parsing regexp: ...`.
    """
    if len(pattern) > MAX_PROGRAM:
        raise ExpressionError("error parsing regexp: expression too large")
    return Regex(pattern)
