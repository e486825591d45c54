"""The one sentence that a reader wants first: what happened, and whether the new model is in service, and why."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from setpoint.apis.argo import NodePhase
from setpoint.components.run_summary.facts import Facts, Step

Tone = Literal["good", "wait", "bad"]
_WATCHES = ("replay", "traffic-monitoring", "quality-monitoring")  # what fails here takes nothing out of service
_BAD = (NodePhase.FAILED, NodePhase.ERROR)


@dataclass(frozen=True, slots=True, kw_only=True)
class Headline:
    """The sentence, what it rests on, and its colour."""

    sentence: str
    reason: str
    tone: Tone


def headline(facts: Facts) -> Headline:
    """Read from the results; a run of another pipeline is told by its phase alone."""
    version = facts.result("model-training", "version")
    model = f"version {version}" if version else "the new model"
    failed, caught = failed_steps(facts), catches(facts)
    in_service = bool(facts.result("model-deployment", "url"))
    watches = [step for step in failed if step.template in _WATCHES]
    if failed and not (in_service and len(watches) == len(failed) and facts.status == NodePhase.SUCCEEDED):
        names = ", ".join(step.name for step in failed)
        after = f" {caught[-1][0].upper()}{caught[-1][1:]}." if caught else ""
        tone: Tone = "wait" if caught and facts.status == NodePhase.SUCCEEDED else "bad"
        sentence = f"The run failed at {names}" if tone == "bad" else f"Step {names} failed and was caught"
        if version:
            sentence += f": {model} is not in service"
        return Headline(sentence=f"{sentence}.{after}", reason=failed[0].message or failed[0].phase, tone=tone)
    verdict = facts.result("model-evaluation", "verdict")
    reasons = " ".join(facts.result("model-evaluation", "reasons").split())
    if in_service:
        unwatched = f" Step {', '.join(step.name for step in watches)} failed, so it is not fully watched."
        return Headline(
            sentence=f"Model {model} passed the gate and went into service.{unwatched if watches else ''}",
            reason=_compared(facts) or reasons,
            tone="wait" if watches else "good",
        )
    if verdict == "promote":
        return Headline(
            sentence=f"Model {model} passed the gate; it is not in service yet.", reason=reasons, tone="wait"
        )
    if verdict:
        return Headline(
            sentence=f"Model {model} was not put into service: the gate rejects it.", reason=reasons, tone="wait"
        )
    words: dict[str, tuple[str, Tone]] = {
        NodePhase.SUCCEEDED: ("The run succeeded.", "good"),
        NodePhase.FAILED: ("The run failed.", "bad"),
        NodePhase.ERROR: ("The run ended with an error.", "bad"),
        NodePhase.RUNNING: ("The run is still under way.", "wait"),
    }
    sentence, tone = words.get(facts.status, (f"The run is {facts.status or 'pending'}.", "wait"))
    return Headline(sentence=sentence, reason="", tone=tone)


def _compared(facts: Facts) -> str:
    """Accuracy on held-out runs beside what it was compared with; empty if nothing is known."""
    found = {}
    for name in ("accuracy", "baseline-accuracy", "champion-accuracy"):
        try:
            found[name] = float(facts.result("model-evaluation", name))
        except ValueError:
            continue
    if "accuracy" not in found:
        return ""
    others = [
        f"{found[name]:.1%} of the {words}"
        for name, words in (("champion-accuracy", "champion"), ("baseline-accuracy", "linear baseline"))
        if name in found and not math.isnan(found[name])
    ]
    return f"Accuracy {found['accuracy']:.1%} on runs it never saw" + (
        f", against {' and '.join(others)}." if others else "."
    )


def failed_steps(facts: Facts) -> list[Step]:
    """Steps that failed for good, in order."""
    return [step for step in facts.steps if step.phase in _BAD]


def catches(facts: Facts) -> list[str]:
    """What the catches that ran came to, in words."""
    outcomes = {
        "restored": "champion version {version} serves again",
        "kept": "champion version {version} serves on",
        "none": "there is no champion, nothing is in service",
    }
    found = []
    for step in facts.steps:
        if step.template == "model-rollback" and step.attempts:
            words = outcomes.get(step.results.get("action", ""), step.message or step.phase)
            found.append(f"{step.name} acted: {words.format(version=step.results.get('version', ''))}")
    return found
