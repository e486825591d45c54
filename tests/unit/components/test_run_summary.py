"""The facts of a run and what is said of them."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from setpoint.apis.argo import (
    NodePhase,
    NodeStatus,
    NodeType,
    Outputs,
    Parameter,
    Workflow,
    WorkflowSpec,
    WorkflowStatus,
)
from setpoint.apis.meta import ObjectMeta
from setpoint.components.run_summary.facts import facts_of
from setpoint.components.run_summary.page import render_page
from setpoint.components.run_summary.parts import Part, read_part, read_watch
from setpoint.components.run_summary.text import render_text
from setpoint.components.run_summary.verdict import headline
from setpoint.core.monitors.finding import Finding, Severity, Verdict

START = datetime(2026, 1, 1, tzinfo=UTC)


def node(name: str, template: str, phase: NodePhase, begin: float, end: float, **more: object) -> NodeStatus:
    results = more.pop("results", {})
    assert isinstance(results, dict)
    outputs = Outputs(parameters=tuple(Parameter(name=key, value=value) for key, value in results.items()))
    fields: dict[str, object] = {"type": NodeType.POD, "boundary_id": "wf"} | more
    return NodeStatus(
        id=name,
        name=f"wf.{name}",
        display_name=name,
        template_name=template,
        phase=phase,
        started_at=START + timedelta(seconds=begin),
        finished_at=START + timedelta(seconds=end),
        outputs=outputs,
        **fields,  # type: ignore[arg-type]  # mixed keywords
    )


def run(*nodes: NodeStatus) -> Workflow:
    status = WorkflowStatus(started_at=START, nodes={item.id: item for item in nodes})
    return Workflow(metadata=ObjectMeta(name="wf"), spec=WorkflowSpec(), status=status)


def test_text_tells_numbers_gate_service_and_time() -> None:
    workflow = run(
        node(
            "process", "data-processing", NodePhase.SUCCEEDED, 0, 4, results={"rows-in": "12000", "rows-out": "11800"}
        ),
        node("train", "model-training", NodePhase.SUCCEEDED, 4, 24, results={"version": "3", "model-name": "m"}),
        node(
            "evaluate",
            "model-evaluation",
            NodePhase.SUCCEEDED,
            24,
            28,
            results={
                "accuracy": "0.7512",
                "baseline-accuracy": "0.61",
                "verdict": "promote",
                "reasons": "good enough\nThe recall reaches the minimum that is asked for.\n" * 3,
            },
        ),
        node("deploy", "model-deployment", NodePhase.SUCCEEDED, 28, 30, results={"url": "http://127.0.0.1:1/x"}),
    )
    text = render_text(facts_of(workflow, status="Succeeded", now=START + timedelta(seconds=31)))
    for part in (
        "wf Succeeded in 31 s",
        "12,000 rows in, 11,800 out",
        "m version 3",
        "accuracy 0.751 (baseline 0.610)",
    ):
        assert part in text
    assert max(len(line) for line in text.splitlines()) <= 100
    for part in ("promote: good enough", "http://127.0.0.1:1/x", "train 20 s"):
        assert part in text


def test_a_retried_step_is_one_step_and_a_failure_is_said() -> None:
    workflow = run(
        node(
            "deploy",
            "model-deployment",
            NodePhase.FAILED,
            0,
            9,
            type=NodeType.RETRY,
            children=("deploy(0)", "deploy(1)"),
            message="No more retries left",
        ),
        node("deploy(0)", "model-deployment", NodePhase.FAILED, 0, 4),
        node("deploy(1)", "model-deployment", NodePhase.FAILED, 5, 9, message="main: Error (exit code 1)"),
        node("rollback", "model-rollback", NodePhase.SUCCEEDED, 9, 10, results={"action": "restored", "version": "2"}),
    )
    facts = facts_of(workflow, status="Succeeded", now=START + timedelta(seconds=10))
    assert [step.name for step in facts.steps] == ["deploy", "rollback"]
    text = render_text(facts)
    assert "deploy: main: Error (exit code 1); No more retries left, 2 attempts" in text
    assert "rollback Succeeded: champion version 2 serves again" in text


def test_the_page_escapes_and_refers_to_nothing_outside() -> None:
    workflow = run(node("<b>evil</b>", "t", NodePhase.ERROR, 0, 1, message="<script>alert(1)</script>"))
    facts = facts_of(workflow, status="Failed", now=START + timedelta(seconds=1))
    quality = Part(document={"source": "<script>alert(2)</script>", "rows": {"in": 3}})
    page = render_page(facts, quality=quality, logs={"<b>evil</b>": "<script>alert(3)</script>"})
    assert page.count("<script>") == 1  # the page's own, which changes light and dark
    assert "alert(" not in page.replace("&lt;script&gt;alert(", "")
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert "https://" not in page


def test_the_headline_says_whether_the_model_is_in_service() -> None:
    made = node("train", "model-training", NodePhase.SUCCEEDED, 0, 1, results={"version": "3"})
    judged = {"verdict": "promote", "accuracy": "0.8", "baseline-accuracy": "0.7", "champion-accuracy": "nan"}
    evaluate = node("evaluate", "model-evaluation", NodePhase.SUCCEEDED, 1, 2, results=judged)
    deploy = node("deploy", "model-deployment", NodePhase.SUCCEEDED, 2, 3, results={"url": "http://x"})
    said = headline(facts_of(run(made, evaluate, deploy), status="Succeeded", now=START))
    assert said.sentence == "Model version 3 passed the gate and went into service."
    assert said.reason == "Accuracy 80.0% on runs it never saw, against 70.0% of the linear baseline."
    blind = node("quality", "quality-monitoring", NodePhase.FAILED, 3, 4, message="no log")
    unwatched = headline(facts_of(run(made, evaluate, deploy, blind), status="Succeeded", now=START))
    assert unwatched.sentence.endswith("went into service. Step quality failed, so it is not fully watched.")
    assert unwatched.tone == "wait"
    failed = node("deploy", "model-deployment", NodePhase.FAILED, 2, 3, message="no port")
    rollback = node("rollback", "model-rollback", NodePhase.SUCCEEDED, 3, 4, results={"action": "kept", "version": "2"})
    facts = facts_of(run(made, evaluate, failed, rollback), status="Succeeded", now=START)
    assert "not in service. Rollback acted: champion version 2 serves on." in headline(facts).sentence
    page = render_page(facts)
    assert "no port" in page
    assert "champion version 2 serves on" in page


def test_steps_follow_each_other_over_attempts_and_frames() -> None:
    workflow = run(
        node("a", "t", NodePhase.SUCCEEDED, 0, 2, type=NodeType.RETRY, children=("a(0)",)),
        node("a(0)", "t", NodePhase.SUCCEEDED, 0, 2, children=("frame",)),
        node("frame", "", NodePhase.SUCCEEDED, 2, 4, type=NodeType.STEPS, children=("b",)),
        node("b", "t", NodePhase.SUCCEEDED, 2, 4),
    )
    after = {step.name: step.after for step in facts_of(workflow, status="Succeeded", now=START).steps}
    assert after == {"a": (), "b": ("a",)}


def test_unreadable_parts_are_absent(tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text("{")
    (tmp_path / "verdict.json").write_text("[]")
    assert not read_part(tmp_path)
    assert not read_part(tmp_path / "nowhere")
    assert read_watch(tmp_path) is None


def test_what_a_monitor_found_is_told_and_its_drawings_are_shown_if_they_do_nothing(tmp_path: Path) -> None:
    begin = datetime(2026, 3, 1, tzinfo=UTC)
    findings = (
        Finding(name="surge", severity=Severity.ALARM, message="Ten <times> too many.", subject="all", value=3.0),
        Finding(name="silence", severity=Severity.OK, message="No request was overdue."),
    )
    verdict = Verdict(
        monitor="traffic",
        namespace="default",
        service="reactor",
        severity=Severity.ALARM,
        begin=begin,
        end=begin + timedelta(hours=1),
        findings=findings,
        notes=("Clocks are not compared.",),
    )
    (tmp_path / "verdict.json").write_bytes(msgspec.json.encode(verdict))
    (tmp_path / "plots").mkdir()
    for name, body in {
        "good": '<path d="M0,0" clip-path="url(#a)"/><use href="#b"/>',
        "script": "<script>alert(1)</script>",
        "event": '<path onload="alert(1)"/>',
        "outside": '<image href="https://example.org/x.png"/>',
        "link": '<a xlink:href="https://example.org"><path/></a>',
        "style": "<style>path { fill: url(https://example.org/x) }</style>",
    }.items():
        (tmp_path / "plots" / f"{name}.svg").write_text(f'<?xml version="1.0"?><svg id="{name}">{body}</svg>')
    (tmp_path / "captions.json").write_text('{"script": "Not this.", "good": "How <often>."}')
    watch = read_watch(tmp_path)
    assert watch is not None
    assert list(watch.plots) == ["good"]
    page = render_page(facts_of(run(), status="Succeeded", now=START), traffic=watch)
    assert "Ten &lt;times&gt; too many." in page
    assert "What was looked at and is in order (1)" in page
    assert "No request was overdue." in page
    assert "Clocks are not compared." in page
    assert "How &lt;often&gt;." in page
    assert hashlib.sha256((tmp_path / "verdict.json").read_bytes()).hexdigest() in page
    judged = Part(document={"checksums": {"model": "0a1b", "holdout_data": "2c3d"}}, checksum="4e5f")
    whole = render_page(facts_of(run(), status="Succeeded", now=START), evaluation=judged)
    assert '<td>holdout data</td><td class="sum">2c3d</td>' in whole
    assert whole.index(">0a1b<") < whole.index(">4e5f<")
    assert page.count('id="traffic-good-good"') == 1
    assert "example.org" not in page
    assert "The drift monitor was not part of this run." in page
