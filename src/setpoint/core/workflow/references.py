"""A step's or task's definition with its references to finished siblings filled in.

The order is a cluster's: `when` first, and if it is false the rest stays as written; then arguments that refer to an
output nobody made are dropped; then all tags of siblings are filled in strictly; then artifacts.
Source: SEMANTICS sections 5, 8, 10, 11; argo-workflows `resolveReferences`, `resolveDependencyReferences`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from setpoint.apis.argo import Artifact
from setpoint.core.expr import (
    ExpressionError,
    Mode,
    Scope,
    evaluate,
    evaluate_when,
    find_tags,
    substitute,
)
from setpoint.core.workflow.draft import BuildError
from setpoint.core.workflow.expansion import is_loop


@dataclass(frozen=True, slots=True, kw_only=True)
class Siblings:
    """What a call may refer to.

    Args:
        scope: Names of its finished siblings, over the workflow's variables.
        artifacts: `steps.x.outputs.artifacts.y`, `inputs.artifacts.y` and workflow outputs, by name.
        prefix: `steps.` or `tasks.`: names that must have a value now.
    """

    scope: Scope
    artifacts: Mapping[str, Artifact]
    prefix: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Referred:
    """A definition with its references filled in. `proceed` is false where `when` decided against it."""

    tree: dict[str, Any]
    proceed: bool
    absent: frozenset[str] = frozenset()


class ReferenceFailure(BuildError):
    """A tag, `when` or artifact reference that cannot be resolved."""


def resolve_references(tree: dict[str, Any], siblings: Siblings) -> Referred:
    """The definition, references filled in. Raises: ReferenceFailure."""
    try:
        return _resolve(tree, siblings)
    except BuildError as error:
        raise ReferenceFailure(error.message) from error
    except ExpressionError as error:
        raise ReferenceFailure(str(error)) from error


def _resolve(tree: dict[str, Any], siblings: Siblings) -> Referred:
    allowed = _late(siblings.prefix)
    if tree.get("when"):
        when = substitute(tree["when"], siblings.scope, Mode.STRICT, allowed=allowed)
        tree = {**tree, "when": when}
        if not _may_proceed(when, loop=is_loop(tree)):
            return Referred(tree=tree, proceed=False)
    tree, absent = without_absent(tree, siblings.scope)
    hooks = tree.get("hooks")
    body = {key: value for key, value in tree.items() if key != "hooks"}
    body = substitute(body, siblings.scope, Mode.STRICT, allowed=allowed)
    body = _with_artifacts(body, siblings)
    return Referred(tree={**body, "hooks": hooks} if hooks else body, proceed=True, absent=absent)


def _late(prefix: str) -> Any:
    """Names that may stay: loop items and what is known at execution only, and artifacts, which have their own step."""
    return lambda name: not name.startswith(prefix) or ".outputs.artifacts." in name


def _may_proceed(when: str, *, loop: bool) -> bool:
    try:
        return should_execute(when)
    except BuildError:
        if loop:  # most likely it holds {{item}}: it is tested again per item
            return True
        raise


def should_execute(when: str) -> bool:
    """The truth of a `when` whose tags are filled in; empty is true. Raises: BuildError with a cluster's message."""
    if not when:
        return True
    try:
        return evaluate_when(when)
    except ExpressionError as error:
        raise BuildError(str(error)) from error


def without_absent(tree: dict[str, Any], scope: Scope) -> tuple[dict[str, Any], frozenset[str]]:
    """The definition less the arguments that are one reference to an output nobody made, and their names."""
    arguments = tree.get("arguments") or {}
    parameters = arguments.get("parameters") or ()
    dropped = {item["name"] for item in parameters if sole_tag(item.get("value")) in scope.absent}
    if not dropped:
        return tree, frozenset()
    kept = [item for item in parameters if item["name"] not in dropped]
    return {**tree, "arguments": {**arguments, "parameters": kept}}, frozenset(dropped)


def sole_tag(text: Any) -> str | None:
    """The name of the simple tag that is the whole text, None if the text is anything else."""
    if not isinstance(text, str):
        return None
    tags = find_tags(text.strip())
    if len(tags) == 1 and not tags[0].expression and tags[0].start == 0 and tags[0].end == len(text.strip()):
        return tags[0].name
    return None


def _with_artifacts(tree: dict[str, Any], siblings: Siblings) -> dict[str, Any]:
    arguments = tree.get("arguments") or {}
    artifacts = arguments.get("artifacts") or ()
    if not any(item.get("from") or item.get("fromExpression") for item in artifacts):
        return tree
    resolved = [found for item in artifacts if (found := _artifact_argument(item, siblings)) is not None]
    return {**tree, "arguments": {**arguments, "artifacts": resolved}}


def _artifact_argument(item: dict[str, Any], siblings: Siblings) -> dict[str, Any] | None:
    if not item.get("from") and not item.get("fromExpression"):
        return item
    declared = msgspec.convert(item, Artifact)
    found = resolve_artifact(declared, siblings.scope, siblings.artifacts)
    if found is None:
        if declared.optional:
            return None
        raise BuildError(f"Unable to resolve: {declared.from_ or declared.from_expression}")
    if not found.stores and not declared.optional:
        # A skipped step's artifact has no location: whether that will do is the consumer's to say.
        return {"name": declared.name}
    located: dict[str, Any] = msgspec.to_builtins(found.replace(name=declared.name, optional=declared.optional))
    return located


def resolve_artifact(declared: Artifact, scope: Scope, artifacts: Mapping[str, Artifact]) -> Artifact | None:
    """The artifact a `from` or `fromExpression` means, `subPath` appended to its key; None if nobody made it.

    Raises: BuildError if both are given or the expression is wrong.
    """
    if declared.from_ and declared.from_expression:
        raise BuildError(f"artifact {declared.name}: shouldn't have both 'from' and 'fromExpression' in Artifact")
    if declared.from_:
        found = artifacts.get(sole_tag(declared.from_) or declared.from_.strip())
    else:
        found = _expression_artifact(declared.from_expression, scope, artifacts)
    if found is None or not declared.sub_path:
        return found
    sub_path = substitute(declared.sub_path, scope)
    if found.s3 is None:
        raise BuildError(f"artifact {declared.name}: subPath needs an artifact with a key")
    key = f"{found.s3.key.rstrip('/')}/{sub_path.lstrip('/')}"
    return found.replace(s3=found.s3.replace(key=key), archive=found.archive)


def _expression_artifact(expression: str, scope: Scope, artifacts: Mapping[str, Artifact]) -> Artifact | None:
    """Expressions see artifacts as values; what they yield is found again by identity of content."""
    seen = {name: msgspec.to_builtins(item) for name, item in artifacts.items()}
    environment = Scope({**dict(scope.values), **seen}, scope.absent).environment
    try:
        value = evaluate(expression, environment, ambient=scope.ambient)
    except ExpressionError as error:
        raise BuildError(f"unable to evaluate fromExpression {expression!r}: {error}") from error
    if value is None:
        return None
    try:
        return msgspec.convert(value, Artifact)
    except msgspec.ValidationError:
        raise BuildError(f"fromExpression {expression!r} does not yield an artifact") from None
