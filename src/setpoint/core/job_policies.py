"""What a Job says of single pods: indexes, and the policies by which one pod ends the job or counts as none. Pure.

Source: Kubernetes, "Jobs": completion mode, pod failure policy, success policy, backoff limit per index;
pkg/controller/job and pkg/apis/batch/validation.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from setpoint.apis.batch import JobSpec
from setpoint.apis.pods import PodExit, PodPhase

INDEXED = "Indexed"


def format_indexes(indexes: Iterable[int]) -> str:
    """Indexes as a status has them.

    >>> format_indexes([4, 0, 1, 2])
    '0-2,4'
    """
    spans: list[list[int]] = []
    for index in sorted(set(indexes)):
        if spans and index == spans[-1][1] + 1:
            spans[-1][1] = index
        else:
            spans.append([index, index])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in spans)


def parse_indexes(text: str) -> set[int]:
    """The reverse. Raises: ValueError."""
    found = set[int]()
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        found |= set(range(int(first), int(last or first) + 1))
    return found


def policy_problem(spec: JobSpec) -> str:
    """What of indexes and policies makes no sense, "" if all does; each field with its path."""
    indexed, policy = spec.completion_mode == INDEXED, spec.pod_failure_policy
    if spec.completion_mode not in (None, "NonIndexed", INDEXED):
        return f"spec.completionMode: Unsupported value: {spec.completion_mode!r}: supported: Indexed, NonIndexed"
    if indexed and spec.completions is None:
        return "spec.completions: Required value: when completion mode is Indexed"
    for field, value in (
        ("successPolicy", spec.success_policy),
        ("backoffLimitPerIndex", spec.backoff_limit_per_index),
        ("maxFailedIndexes", spec.max_failed_indexes),
    ):
        if value is not None and not indexed:
            return f"spec.{field}: Invalid value: requires indexed completion mode"
    if spec.max_failed_indexes is not None and spec.backoff_limit_per_index is None:
        return "spec.backoffLimitPerIndex: Required value: when maxFailedIndexes is specified"
    once = spec.template.spec.restart_policy == "Never"
    if not once and (policy is not None or spec.backoff_limit_per_index is not None):
        return "spec.template.spec.restartPolicy: Invalid value: only Never is supported with these policies"
    return _rules_problem(spec)


def _rules_problem(spec: JobSpec) -> str:
    actions = ("FailJob", "Ignore", "Count", *(("FailIndex",) if spec.backoff_limit_per_index is not None else ()))
    for index, rule in enumerate((spec.pod_failure_policy or {}).get("rules") or ()):
        where, codes = f"spec.podFailurePolicy.rules[{index}]", rule.get("onExitCodes")
        if rule.get("action") not in actions:
            return f"{where}.action: Unsupported value: {rule.get('action')!r}: supported values: {', '.join(actions)}"
        if codes is not None and codes.get("operator") not in ("In", "NotIn"):
            return f"{where}.onExitCodes.operator: Unsupported value: {codes.get('operator')!r}: supported: In, NotIn"
    for index, rule in enumerate((spec.success_policy or {}).get("rules") or ()):
        try:
            parse_indexes(str(rule.get("succeededIndexes") or ""))
        except ValueError:
            where = f"spec.successPolicy.rules[{index}].succeededIndexes"
            return f"{where}: Invalid value: {rule.get('succeededIndexes')!r}"
    return ""


def judge(spec: JobSpec, exit_: PodExit) -> tuple[str, str]:
    """The action of the failure policy for a pod that failed, and why; ("Count", "") if no rule matches.

    Rules on conditions of pods never match: nothing on one machine disrupts a pod.
    """
    codes = {name: end.exit_code for name, end in exit_.containers.items()} or {"main": exit_.exit_code or 0}
    for index, rule in enumerate((spec.pod_failure_policy or {}).get("rules") or ()):
        name = _matching(rule.get("onExitCodes"), codes, spec)
        if name is not None:
            action = str(rule["action"])
            code = codes.get(name, codes.get("main"))  # the only container runs as main here
            return action, f"Container {name} failed with exit code {code} matching {action} rule at index {index}"
    return "Count", ""


def _matching(wanted: Mapping[str, Any] | None, codes: Mapping[str, int], spec: JobSpec) -> str | None:
    if wanted is None:
        return None
    single = spec.template.spec.containers[0].name if len(spec.template.spec.containers) == 1 else None
    for name, code in codes.items():
        shown = single or name
        if code == 0 or wanted.get("containerName") not in (None, "", shown):
            continue
        if (code in (wanted.get("values") or ())) == (wanted.get("operator") == "In"):
            return shown
    return None


def success_rule(spec: JobSpec, succeeded: set[int]) -> int | None:
    """Which rule of the success policy holds, None if none does."""
    for index, rule in enumerate((spec.success_policy or {}).get("rules") or ()):
        among = parse_indexes(str(rule.get("succeededIndexes") or ""))
        found = len(succeeded & among) if among else len(succeeded)
        count = rule.get("succeededCount")
        if found >= (count if count is not None else len(among)):
            return index
    return None


def failed_indexes(spec: JobSpec, indexes: Sequence[int], exits: Sequence[PodExit | None]) -> set[int]:
    """The indexes that failed for good: more often than their limit allows, or by the failure policy."""
    limit = spec.backoff_limit_per_index
    if limit is None:
        return set()
    failures: dict[int, int] = {}
    for index, exit_ in zip(indexes, exits, strict=False):
        if exit_ is not None and exit_.phase is not PodPhase.SUCCEEDED:
            action, _ = judge(spec, exit_)
            failures[index] = failures.get(index, 0) + {"Ignore": 0, "FailIndex": limit + 1}.get(action, 1)
    return {index for index, count in failures.items() if count > limit}
