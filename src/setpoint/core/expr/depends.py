"""The `depends` language of a DAG task: which results of which tasks let a task run.

Grammar, loose to tight: `||`, `&&`, `!`, operand or brackets; an operand is `task` or `task.Result`. What a bare task
means (it succeeded, was skipped or is a daemon, widened by its continueOn) is decided by the caller's look-up.

Invariant: `parse_depends(str(ast)) == ast` for every tree this module returns.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import assert_never

import msgspec

from setpoint.core.expr._errors import MAX_DEPTH, MAX_TEXT, ExpressionError, error_at

RESULTS = ("Succeeded", "Failed", "Errored", "Skipped", "Omitted", "Daemoned", "AnySucceeded", "AllFailed")
"""The results a task may be asked for, in Argo's spelling."""

_TOKEN = re.compile(r"\s+|&&|\|\||[!().]|[A-Za-z0-9_-]+")


class Operand(msgspec.Struct, frozen=True):
    """A task, or one result of it; `result` None means the bare task."""

    task: str
    result: str | None = None

    def __str__(self) -> str:
        return self.task if self.result is None else f"{self.task}.{self.result}"


class Not(msgspec.Struct, frozen=True):
    """True where its operand is false."""

    operand: Depends

    def __str__(self) -> str:
        return f"!{_bracketed(self.operand, And, Or)}"


class And(msgspec.Struct, frozen=True):
    """True where all of two or more operands are."""

    operands: tuple[Depends, ...]

    def __str__(self) -> str:
        return " && ".join(_bracketed(operand, And, Or) for operand in self.operands)


class Or(msgspec.Struct, frozen=True):
    """True where one of two or more operands is."""

    operands: tuple[Depends, ...]

    def __str__(self) -> str:
        return " || ".join(_bracketed(operand, Or) for operand in self.operands)


Depends = Operand | Not | And | Or


def _bracketed(node: Depends, *kinds: type) -> str:
    return f"({node})" if isinstance(node, kinds) else str(node)


@lru_cache(maxsize=4096)
def parse_depends(text: str) -> Depends:
    """Parse the text of a `depends` field.

    Raises:
        ExpressionError: With the position of the first character that does not fit.
    """
    if len(text) > MAX_TEXT:
        raise ExpressionError(f"depends is longer than {MAX_TEXT} characters")
    return _Parser(text).parse()


class _Parser:
    """Recursive descent over the tokens; the last token is ("", end)."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = list(_tokens(text))
        self.at = 0
        self.depth = 0

    def parse(self) -> Depends:
        node = self.any_of()
        if self.peek():
            raise self.error(f"unexpected {self.peek()!r} in depends")
        return node

    def peek(self) -> str:
        return self.tokens[self.at][0]

    def error(self, reason: str) -> ExpressionError:
        return error_at(reason, self.text, self.tokens[self.at][1])

    def any_of(self) -> Depends:
        parts = [self.all_of()]
        while self.peek() == "||":
            self.at += 1
            parts.append(self.all_of())
        return parts[0] if len(parts) == 1 else Or(tuple(parts))

    def all_of(self) -> Depends:
        parts = [self.factor()]
        while self.peek() == "&&":
            self.at += 1
            parts.append(self.factor())
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def factor(self) -> Depends:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise self.error(f"depends is nested deeper than {MAX_DEPTH}")
        word = self.peek()
        if word == "!":
            self.at += 1
            node: Depends = Not(self.factor())
        elif word == "(":
            self.at += 1
            node = self.any_of()
            if self.peek() != ")":
                raise self.error("expected ')' in depends")
            self.at += 1
        else:
            node = self.operand()
        self.depth -= 1
        return node

    def operand(self) -> Operand:
        task = self.peek()
        if not task or task in {"&&", "||", ")", "."}:
            raise self.error("expected a task name in depends")
        if not (task[0].isalpha() or task[0] == "_"):
            raise self.error(f"task name {task!r} in depends must begin with a letter")
        self.at += 1
        if self.peek() != ".":
            return Operand(task)
        self.at += 1
        result = self.peek()
        if result not in RESULTS:
            allowed = ", ".join(RESULTS)
            raise self.error(f"task result {result!r} for task {task!r} is invalid, must be one of: {allowed}")
        self.at += 1
        return Operand(task, result)


def _tokens(text: str) -> Iterator[tuple[str, int]]:
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise error_at(f"unexpected {text[at]!r} in depends", text, at)
        if not match.group().isspace():
            yield match.group(), at
        at = match.end()
    yield "", len(text)


def operands_of(ast: Depends) -> Iterator[Operand]:
    """All operands from left to right, repeated ones too."""
    match ast:
        case Operand():
            yield ast
        case Not(operand):
            yield from operands_of(operand)
        case And(operands) | Or(operands):
            for operand in operands:
                yield from operands_of(operand)
        case _:
            assert_never(ast)


def depends_tasks(ast: Depends) -> tuple[str, ...]:
    """Names of the tasks, each once, in the order they are first named."""
    return tuple(dict.fromkeys(operand.task for operand in operands_of(ast)))


def evaluate_depends(ast: Depends, lookup: Callable[[str, str | None], bool]) -> bool:
    """The truth of a condition.

    Args:
        ast: A parsed condition.
        lookup: Tells the truth of (task, result); result None asks for the bare task.
    """
    match ast:
        case Operand(task, result):
            return lookup(task, result)
        case Not(operand):
            return not evaluate_depends(operand, lookup)
        case And(operands):
            return all(evaluate_depends(operand, lookup) for operand in operands)
        case Or(operands):
            return any(evaluate_depends(operand, lookup) for operand in operands)
        case _:
            assert_never(ast)
