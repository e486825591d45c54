"""Warnings about what is declared and never used: inputs of templates and arguments of the workflow.

Only what surely is not used is reported: a text that names all parameters at once, or one worked out while it runs,
counts as a use of every one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from setpoint.apis.argo import Template, TemplateType, WorkflowSpec, with_defaults
from setpoint.apis.manifest import FieldPath
from setpoint.apis.meta import to_wire
from setpoint.core.expr import ExpressionError, find_tags
from setpoint.operations.lint.report import Findings

_EXPRESSIONS = frozenset({"expression", "fromExpression", "successCondition", "when"})
"""Fields that are expressions as a whole, not only in their tags."""

_NAMED = re.compile(r"\b(inputs|workflow)\.(parameters|artifacts)(?:\.([-\w]+)|\[\s*(?:'([^']+)'|\"([^\"]+)\")\s*\])")
_ANY = re.compile(r"\binputs\b|\bworkflow\b(?!\.[a-z])|\bworkflow\??\.parameters\b")

_TAKES_ALL = (TemplateType.PLUGIN, TemplateType.SUSPEND)
"""Types that need no tag to use an input: a plugin gets the whole template, a person sees inputs as choices."""


class Uses:
    """The names that some texts refer to."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._named: set[tuple[str, str, str]] = set()
        self._all: set[str] = set()
        for text in texts:
            for root, kind, *names in _NAMED.findall(text):
                name = "".join(names)
                self._named.add((root, kind, name))
                parts = name.split("-")  # in an expression `a-b` may be a difference
                self._named |= {(root, kind, "-".join(parts[:count])) for count in range(1, len(parts))}
            if rest := _ANY.search(_NAMED.sub("", text)):
                self._all.add(rest[0][: len("inputs")])

    def __contains__(self, name: tuple[str, str, str]) -> bool:
        """Whether (root, parameters or artifacts, name) is or may be used."""
        return name in self._named or name[0][: len("inputs")] in self._all


def _texts(value: Any, *, expression: bool = False) -> Iterator[str]:
    """The parts of a wire tree that may name something: bodies of tags, and whole expressions."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _texts(key)
            yield from _texts(item, expression=key in _EXPRESSIONS)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, str) and expression:
        yield value
    elif isinstance(value, str) and "{{" in value:
        try:
            yield from (tag.prefix.rstrip(".") or tag.body for tag in find_tags(value))
        except ExpressionError:
            yield value


def check_unused(
    findings: Findings, whole: WorkflowSpec, spec: WorkflowSpec, base: FieldPath, texts: Iterable[msgspec.Struct]
) -> None:
    """Warns of inputs that their template, and of arguments that nothing of the workflow uses.

    Args:
        findings: Where to report.
        whole: The spec over the template object that it refers to.
        spec: What is written.
        base: Path of the spec.
        texts: All that may use an argument: the spec and the templates of other objects that it leads to.
    """
    patch = list(_texts(whole.pod_spec_patch))
    for index, template in enumerate(spec.templates):
        _check_inputs(findings, template, with_defaults(template, whole), (*base, "templates", index), patch)
    calls = [call for template in whole.templates for call in template.calls]
    hooks = [*whole.hooks.values(), *(hook for call in calls for hook in call.hooks.values())]
    starts = {whole.entrypoint, whole.on_exit, *(hook.template for hook in hooks), *(call.on_exit for call in calls)}
    targets = [whole.template(name) for name in starts if name]  # exit handlers get the workflow's arguments too
    if not whole.entrypoint or None in targets or any(hook.template_ref for hook in hooks):
        return
    if any("{{" in f"{call.template_ref}" for call in calls):
        return  # which templates of other objects are called is known only when it runs
    taken = [target.inputs for target in targets if target is not None]
    uses = Uses(text for item in texts for text in _texts(to_wire(item)))
    for kind in ("parameters", "artifacts"):
        inputs = {item.name for item in taken for item in getattr(item, kind)}
        for index, item in enumerate(getattr(spec.arguments, kind)):
            if item.name not in inputs and ("workflow", kind, item.name) not in uses:
                reason = f"{kind.removesuffix('s')} '{item.name}' of the workflow is never used"
                findings.warn((*base, "arguments", kind, index), reason)


def _check_inputs(
    findings: Findings, template: Template, effective: Template, path: FieldPath, more: Iterable[str]
) -> None:
    if template.type in _TAKES_ALL:
        return
    wire = to_wire(effective)
    inputs = wire.pop("inputs", {})
    uses = Uses([*_texts(wire), *_texts(inputs.get("artifacts")), *more])
    kinds = ("parameters",) if template.is_leaf else ("parameters", "artifacts")  # a leaf's artifact is its file
    for kind in kinds:
        for index, item in enumerate(getattr(template.inputs, kind)):
            if item.name and ("inputs", kind, item.name) not in uses:
                reason = f"templates.{template.name}: input {kind.removesuffix('s')} '{item.name}' is never used"
                findings.warn((*path, "inputs", kind, index), reason)
