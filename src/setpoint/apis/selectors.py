"""Label selectors: which objects a person or a controller means.

Pure. Both forms are here: the text of a query (`app=web,tier in (a, b),!legacy`) and the object
of a spec (`matchLabels`, `matchExpressions`). An empty selector matches everything.
Source: Kubernetes documentation, "Labels and Selectors".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, assert_never

from setpoint.apis.errors import InvalidSpec
from setpoint.apis.names import check_label_value, check_qualified_name

_TOKEN = re.compile(r"\s*(==|!=|=|,|\(|\)|!|<|>|[^\s=!,()<>]+)")
_PUNCTUATION = frozenset({"==", "!=", "=", ",", "(", ")", "!", "<", ">"})


class Operator(StrEnum):
    """How a requirement compares; the spelling is that of `matchExpressions`."""

    IN = "In"
    NOT_IN = "NotIn"
    EXISTS = "Exists"
    DOES_NOT_EXIST = "DoesNotExist"
    GREATER = "Gt"
    LESS = "Lt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """One condition on one label."""

    key: str
    operator: Operator
    values: frozenset[str] = frozenset()

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether the labels meet the condition; a label that is not there meets NotIn."""
        value = labels.get(self.key)
        match self.operator:
            case Operator.IN:
                return value in self.values
            case Operator.NOT_IN:
                return value not in self.values
            case Operator.EXISTS:
                return value is not None
            case Operator.DOES_NOT_EXIST:
                return value is None
            case Operator.GREATER | Operator.LESS:
                return self._compares(value)
            case _:  # pragma: no cover
                assert_never(self.operator)

    def _compares(self, value: str | None) -> bool:
        (bound,) = self.values
        if value is None or not re.fullmatch(r"[-+]?\d+", value):
            return False
        return int(value) > int(bound) if self.operator is Operator.GREATER else int(value) < int(bound)

    def __str__(self) -> str:
        """The condition as a query has it."""
        values = ",".join(sorted(self.values))
        match self.operator:
            case Operator.IN:
                return f"{self.key}={values}" if len(self.values) == 1 else f"{self.key} in ({values})"
            case Operator.NOT_IN:
                return f"{self.key}!={values}" if len(self.values) == 1 else f"{self.key} notin ({values})"
            case Operator.EXISTS:
                return self.key
            case Operator.DOES_NOT_EXIST:
                return f"!{self.key}"
            case Operator.GREATER:
                return f"{self.key}>{values}"
            case Operator.LESS:
                return f"{self.key}<{values}"
            case _:  # pragma: no cover
                assert_never(self.operator)


@dataclass(frozen=True, slots=True)
class Selector:
    """All requirements must hold; none means everything."""

    requirements: tuple[Requirement, ...] = ()

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether an object with these labels is meant."""
        return all(requirement.matches(labels) for requirement in self.requirements)

    def __bool__(self) -> bool:
        """False if it selects everything."""
        return bool(self.requirements)

    def __str__(self) -> str:
        """The selector as a query has it; parsing that gives an equal selector."""
        return ",".join(str(requirement) for requirement in self.requirements)


def parse_selector(text: str) -> Selector:
    """Read a selector query.

    Args:
        text: `a=b`, `a==b`, `a!=b`, `a in (b,c)`, `a notin (b,c)`, `a`, `!a`, `a>1`, `a<1`, joined by commas.

    Raises:
        InvalidSpec: If it is not a selector; the reason quotes the text.
    """
    if not text.strip():
        return Selector()
    return Selector(_Parser(text).requirements())


def selector_from_spec(spec: Mapping[str, Any] | None, *, path: str = "selector") -> Selector:
    """Read a LabelSelector object: `matchLabels` and `matchExpressions`, all of which must hold.

    Raises:
        InvalidSpec: If a key, an operator or a value is not legal.
    """
    spec = spec or {}
    found = [_requirement(key, Operator.IN, [value], path) for key, value in (spec.get("matchLabels") or {}).items()]
    for index, expression in enumerate(spec.get("matchExpressions") or ()):
        where = f"{path}.matchExpressions[{index}]"
        allowed = (Operator.IN, Operator.NOT_IN, Operator.EXISTS, Operator.DOES_NOT_EXIST)
        operator = next((item for item in allowed if item == expression.get("operator")), None)
        if operator is None:
            reason = f"{expression.get('operator')!r} is not an operator"
            raise InvalidSpec(reason, path=f"{where}.operator", allowed=tuple(map(str, allowed)))
        found.append(_requirement(expression.get("key", ""), operator, expression.get("values") or [], where))
    return Selector(tuple(found))


def _requirement(key: str, operator: Operator, values: list[str], path: str) -> Requirement:
    check_qualified_name(key, path=path)
    takes_values = operator not in (Operator.EXISTS, Operator.DOES_NOT_EXIST)
    if takes_values != bool(values):
        reason = f"{operator} of label {key!r} needs values" if takes_values else f"{operator} of {key!r} has no values"
        raise InvalidSpec(reason, path=path)
    for value in values:
        check_label_value(value, path=path)
    if operator in (Operator.GREATER, Operator.LESS) and not re.fullmatch(r"\d+", values[0]):
        raise InvalidSpec(f"label {key!r} can only be compared with a whole number, not {values[0]!r}", path=path)
    return Requirement(key=key, operator=operator, values=frozenset(values))


class _Parser:
    """Recursive descent over the tokens of one query."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = _TOKEN.findall(text)
        self._position = 0

    def requirements(self) -> tuple[Requirement, ...]:
        found = [self._requirement()]
        while self._peek() is not None:
            self._expect(",")
            found.append(self._requirement())
        return tuple(found)

    def _requirement(self) -> Requirement:
        if self._accept("!"):
            return self._make(self._word(), Operator.DOES_NOT_EXIST, [])
        key = self._word()
        sign = self._peek()
        if sign is None or sign == ",":
            return self._make(key, Operator.EXISTS, [])
        self._position += 1
        match sign:
            case "=" | "==":
                return self._make(key, Operator.IN, [self._optional_word()])
            case "!=":
                return self._make(key, Operator.NOT_IN, [self._optional_word()])
            case ">":
                return self._make(key, Operator.GREATER, [self._word()])
            case "<":
                return self._make(key, Operator.LESS, [self._word()])
            case "in":
                return self._make(key, Operator.IN, self._values())
            case "notin":
                return self._make(key, Operator.NOT_IN, self._values())
            case _:
                raise self._error(f"{sign!r} is not an operator")

    def _make(self, key: str, operator: Operator, values: list[str]) -> Requirement:
        try:
            return _requirement(key, operator, values, "")
        except InvalidSpec as error:
            raise self._error(error.reason) from None

    def _values(self) -> list[str]:
        self._expect("(")
        values = [self._optional_word()]
        while self._accept(","):
            values.append(self._optional_word())
        self._expect(")")
        return values

    def _peek(self) -> str | None:
        return self._tokens[self._position] if self._position < len(self._tokens) else None

    def _accept(self, token: str) -> bool:
        found = self._peek() == token
        self._position += found
        return found

    def _expect(self, token: str) -> None:
        if not self._accept(token):
            raise self._error(f"{token!r} is expected, found {self._peek() or 'the end'!r}")

    def _word(self) -> str:
        word = self._optional_word()
        if not word:
            raise self._error(f"a label is expected, found {self._peek() or 'the end'!r}")
        return word

    def _optional_word(self) -> str:
        token = self._peek()
        if token is None or token in _PUNCTUATION:
            return ""
        self._position += 1
        return token

    def _error(self, reason: str) -> InvalidSpec:
        return InvalidSpec(f"{self._text!r} is not a label selector: {reason}", path="selector")
