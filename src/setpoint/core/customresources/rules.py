"""The rules of a schema (`x-kubernetes-validations`): whether they can be read, and what a value breaks.

Invariant: the rules of one object take at most `OBJECT_COST` steps together. A rule that calls a function which is not
known here is not evaluated, and `rule_warnings` says so for the definition that has it.
Source: Kubernetes documentation, "Validation rules"; apiextensions-apiserver, schema/cel.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from setpoint.apis.errors import InvalidSpec, Problem
from setpoint.core.customresources.cel import (
    CelCostExceeded,
    CelError,
    CelUnknownFunction,
    Maybe,
    Program,
    adapt,
    compile_expression,
)
from setpoint.core.customresources.problems import (
    child,
    element,
    forbidden,
    invalid,
    key,
    required,
    type_name,
    unsupported,
)
from setpoint.core.customresources.prune import field_schema

Schema = Mapping[str, Any]

RULES = "x-kubernetes-validations"
RULE_COST = 200_000
OBJECT_COST = 1_000_000
"""Steps of evaluation, some hundred nanoseconds each."""

MAX_RULES = 1_000
"""Rules of one version of a definition."""

_REASONS = ("FieldValueInvalid", "FieldValueForbidden", "FieldValueRequired", "FieldValueDuplicate")
_TEXTS = ("rule", "message", "messageExpression", "reason", "fieldPath")


@lru_cache(maxsize=4_096)
def _compiled(text: str) -> Program | InvalidSpec:
    try:
        return compile_expression(text.strip())
    except InvalidSpec as error:
        return error


def check_rules(schema: Schema, path: str) -> Iterator[Problem]:
    """What is wrong with the rules of a structural schema and of all inside it."""
    count = 0
    for inner, place, correlated in _ruled(schema, path, True):
        for index, rule in enumerate(inner[RULES]):
            count += 1
            if count > MAX_RULES:
                yield forbidden(path, f"a version may have at most {MAX_RULES} validation rules")
                return
            yield from _check_rule(rule, f"{place}.{RULES}[{index}]", correlated)


def rule_warnings(schema: Schema, path: str) -> Iterator[str]:
    """One sentence for each rule that is not evaluated here."""
    for inner, place, _ in _ruled(schema, path, True):
        for index, rule in enumerate(inner[RULES]):
            for word in ("rule", "messageExpression"):
                found = _compiled(rule.get(word) or "true")
                if isinstance(found, CelUnknownFunction):
                    yield f"{place}.{RULES}[{index}].{word}: not evaluated here: {found.reason}"


def _ruled(schema: Schema, path: str, correlated: bool) -> Iterator[tuple[Schema, str, bool]]:
    """The schemas with rules, their paths, and whether an old value can be found for each value of theirs."""
    if schema.get(RULES):
        yield schema, path, correlated
    for name, inner in (schema.get("properties") or {}).items():
        yield from _ruled(inner, key(child(path, "properties"), name), correlated)
    if isinstance(schema.get("additionalProperties"), Mapping):
        yield from _ruled(schema["additionalProperties"], child(path, "additionalProperties"), correlated)
    if isinstance(schema.get("items"), Mapping):
        by_key = schema.get("x-kubernetes-list-type") == "map"
        yield from _ruled(schema["items"], child(path, "items"), correlated and by_key)


def _check_rule(rule: Any, path: str, correlated: bool) -> Iterator[Problem]:
    if not isinstance(rule, dict):
        yield invalid(path, type_name(rule), "must be an object with rule and message")
        return
    wrong = [name for name in _TEXTS if not isinstance(rule.get(name, ""), str)]
    for name in wrong:
        yield invalid(child(path, name), type_name(rule[name]), "must be of type string")
    if wrong:
        return
    if not rule.get("rule", "").strip():
        yield required(child(path, "rule"), "rule is not specified")
        return
    yield from _check_expression(rule["rule"], child(path, "rule"))
    program = _compiled(rule["rule"])
    if isinstance(program, Program) and "oldSelf" in program.names and not correlated:
        detail = "oldSelf cannot be used on the uncorrelatable portion of the schema"
        yield invalid(child(path, "rule"), rule["rule"], detail)
    message = rule.get("message", "")
    if "message" in rule and not message.strip():
        yield invalid(child(path, "message"), message, "message must be non-empty if specified")
    elif "\n" in message.strip():
        yield invalid(child(path, "message"), message, "message must not contain line breaks")
    elif not message and "\n" in rule["rule"].strip():
        yield required(child(path, "message"), "message must be specified if rule contains line breaks")
    if "messageExpression" in rule:
        yield from _check_expression(rule["messageExpression"], child(path, "messageExpression"))
    if rule.get("reason") and rule["reason"] not in _REASONS:
        yield unsupported(child(path, "reason"), rule["reason"], _REASONS)
    if rule.get("fieldPath") and not rule["fieldPath"].startswith((".", "[")):
        yield invalid(child(path, "fieldPath"), rule["fieldPath"], "must begin with a dot, such as .spec.replicas")


def _check_expression(text: str, path: str) -> Iterator[Problem]:
    found = _compiled(text)
    if isinstance(found, InvalidSpec) and not isinstance(found, CelUnknownFunction):
        yield invalid(path, text, f"compilation failed: {found.reason}")


@dataclass(slots=True)
class _Evaluation:
    """The rules of one object; `problems` grows, `cost` shrinks."""

    problems: list[Problem] = field(default_factory=list)
    cost: int = OBJECT_COST

    def value(self, value: Any, old: Any, schema: Schema, path: str) -> None:
        """A value and all inside it; `old` is None where there is no old value."""
        if value is None:
            return
        for rule in schema.get(RULES) or ():
            if self.cost <= 0:
                return
            self._rule(rule, value, old, schema, path)
        if isinstance(value, dict):
            before = old if isinstance(old, dict) else {}
            for name, item in value.items():
                inner = field_schema(schema, name)
                if inner is not None:
                    named = name in (schema.get("properties") or {})
                    self.value(item, before.get(name), inner, child(path, name) if named else key(path, name))
        elif isinstance(value, list) and isinstance(schema.get("items"), Mapping):
            olds = _by_key(old, schema)
            for index, entry in enumerate(value):
                self.value(entry, olds.get(_key_of(entry, schema)), schema["items"], element(path, index))

    def _rule(self, rule: Mapping[str, Any], value: Any, old: Any, schema: Schema, path: str) -> None:
        program = _compiled(rule["rule"])
        if not isinstance(program, Program):
            return  # said by rule_warnings when the definition was accepted
        variables = {"self": adapt(value, schema)}
        if "oldSelf" in program.names:
            if rule.get("optionalOldSelf"):
                variables["oldSelf"] = Maybe(old is not None, None if old is None else adapt(old, schema))
            elif old is None:
                return
            else:
                variables["oldSelf"] = adapt(old, schema)
        shown = (rule.get("message") or rule["rule"]).strip()
        allowed = min(RULE_COST, self.cost)
        try:
            holds, left = program.run(variables, allowed)
        except CelCostExceeded:
            self.cost = 0
            detail = f"no further validation rules will be run due to call cost exceeds limit for rule: {shown}"
            self._fail(schema, path, value, detail)
            return
        except CelError as error:
            self.cost -= 100
            if error.reason.startswith("no such overload"):
                head = "call arguments did not match a supported operator, function or macro signature for rule"
                self._fail(schema, path, value, f"{head}: {shown}")
            else:
                self._fail(schema, path, value, f"{error.reason} evaluating rule: {shown}")
            return
        self.cost -= allowed - left
        if holds is not True:
            self._broken(rule, variables, schema, path, value)

    def _fail(self, schema: Schema, path: str, value: Any, detail: str) -> None:
        self.problems.append(invalid(path, schema.get("type") or type_name(value), detail))

    def _broken(
        self, rule: Mapping[str, Any], variables: Mapping[str, Any], schema: Schema, path: str, value: Any
    ) -> None:
        text = (rule.get("message") or "").strip() or f"failed rule: {rule['rule'].strip()}"
        text = self._message(rule.get("messageExpression"), variables) or text
        place = f"{path}{rule.get('fieldPath') or ''}"
        place = place if path else place.removeprefix(".")
        kind = schema.get("type") or type_name(value)
        match rule.get("reason"):
            case "FieldValueForbidden":
                found = forbidden(place, text)
            case "FieldValueRequired":
                found = required(place, text)
            case "FieldValueDuplicate":
                found = Problem(place, f'Duplicate value: "{kind}"', "FieldValueDuplicate")
            case _:
                found = invalid(place, kind, text)
        self.problems.append(found)

    def _message(self, text: str | None, variables: Mapping[str, Any]) -> str:
        """What a messageExpression says; empty where it fails or is no single line."""
        program = _compiled(text) if text else None
        if not isinstance(program, Program):
            return ""
        allowed = max(min(RULE_COST, self.cost), 0)
        try:
            found, left = program.run(variables, allowed)
        except (CelError, CelCostExceeded):
            self.cost -= 1_000
            return ""
        self.cost -= allowed - left
        said = found.strip() if isinstance(found, str) else ""
        return "" if "\n" in said or len(said) > 5_120 else said


def _key_of(item: Any, schema: Schema) -> tuple[Any, ...] | None:
    if schema.get("x-kubernetes-list-type") != "map" or not isinstance(item, dict):
        return None
    return tuple(repr(item.get(name)) for name in schema.get("x-kubernetes-list-map-keys") or ())


def _by_key(old: Any, schema: Schema) -> dict[tuple[Any, ...] | None, Any]:
    """The items of the old list by their keys; empty for a list that has none."""
    if not isinstance(old, list):
        return {}
    found = {_key_of(item, schema): item for item in old}
    found.pop(None, None)
    return found


def evaluate_rules(value: Any, schema: Schema, old: Any = None, path: str = "") -> tuple[Problem, ...]:
    """The rules that a value breaks.

    Args:
        value: The object, valid by its schema otherwise.
        schema: A structural schema that `check_crd` accepts.
        old: The object before, None for a new one: transition rules (`oldSelf`) are then left out.
        path: The path of the value.
    """
    evaluation = _Evaluation()
    evaluation.value(value, old, schema, path)
    return tuple(evaluation.problems)
