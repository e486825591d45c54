"""The fifteen rules that naive engines get wrong, one test each, over the pure driver."""

from __future__ import annotations

import pytest

from tests.unit.core.workflow.driver import Cluster, run, workflow

HEAD = """
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {name: wf}
spec:
  entrypoint: main
"""
LEAVES = """
  - name: say
    inputs: {parameters: [{name: m, value: hi}]}
    container: {image: test, command: [echo, "{{inputs.parameters.m}}"]}
  - name: fail
    container: {image: test, command: [exit, "1"]}
  - name: broken
    container: {image: test, command: [error, no such thing]}
"""


def play(main: str, *, spec: str = "", more: str = "") -> Cluster:
    """A workflow of a main template (after its dash), further fields of the spec and further templates, to its end."""
    return run(f"{HEAD}{spec}  templates:\n  - name: main\n{main}{LEAVES}{more}")


@pytest.mark.rule("tags.absent-nil")
@pytest.mark.rule("tags.absent-argument")
def test_1_outputs_of_skipped_nodes_are_nil_and_not_empty() -> None:
    cluster = play(
        """
    steps:
    - - {name: a, template: make, when: "false"}
    - - name: nil
        template: say
        arguments: {parameters: [{name: m, value: "{{= steps.a.outputs.parameters.x ?? 'nil'}}"}]}
      - name: default
        template: say
        arguments: {parameters: [{name: m, value: "{{steps.a.outputs.parameters.x}}"}]}
      - name: empty
        template: say
        when: "{{= steps.a.outputs.parameters.x == ''}}"
""",
        more="""
  - name: make
    container: {image: test, command: [set, x=1]}
    outputs: {parameters: [{name: x, valueFrom: {path: /x}}]}
""",
    )
    assert cluster.phase == "Succeeded", cluster.message
    assert cluster.words("wf[1].nil") == ["echo", "nil"]
    assert cluster.words("wf[1].default") == ["echo", "hi"]  # as if no argument were given
    assert cluster.node("wf[1].empty").message == "when 'false' evaluated false"


@pytest.mark.rule("dag.fail-fast")
def test_2_fail_fast_of_a_dag_changes_only_the_verdict() -> None:
    cluster = Cluster(
        workflow(
            f"""{HEAD}  templates:
  - name: main
    dag:
      tasks:
      - {{name: bad, template: fail}}
      - {{name: slow, template: hang}}
      - {{name: after, template: say, depends: slow}}
  - name: hang
    container: {{image: test, command: [block]}}
{LEAVES}"""
        )
    ).run()
    assert cluster.phase == "Running"  # while anything runs
    cluster.release("wf.slow")
    cluster.run()
    assert cluster.tree()["wf.after"] == "Pod Succeeded"  # an independent branch goes on
    assert cluster.phase == "Failed"


@pytest.mark.rule("phases.dag-verdict")
def test_3_the_verdict_is_that_of_the_targets() -> None:
    cluster = play("""
    dag:
      tasks:
      - {name: bad, template: fail}
      - {name: repair, template: say, depends: bad.Failed}
""")
    assert cluster.tree() == {"wf": "DAG Succeeded", "wf.bad": "Pod Failed", "wf.repair": "Pod Succeeded"}
    cluster = play("""
    dag:
      tasks:
      - {name: bad, template: fail}
      - {name: never, template: say, depends: bad}
""")
    assert cluster.tree()["wf.never"] == "Skipped Omitted"
    assert cluster.phase == "Failed"  # an omitted target inherits


@pytest.mark.rule("phases.steps-error-is-failed")
def test_4_the_error_of_a_step_becomes_failed_while_a_dag_keeps_it() -> None:
    cluster = play("\n    steps: [[{name: a, template: broken}]]\n")
    assert (cluster.tree()["wf[0].a"], cluster.tree()["wf"], cluster.phase) == ("Pod Error", "Steps Failed", "Failed")
    cluster = play("\n    dag: {tasks: [{name: a, template: broken}]}\n")
    assert (cluster.tree()["wf.a"], cluster.tree()["wf"], cluster.phase) == ("Pod Error", "DAG Error", "Error")


@pytest.mark.rule("dag.depends-bare")
def test_5_a_bare_task_in_depends_means_succeeded_skipped_or_daemoned() -> None:
    cluster = play("""
    dag:
      tasks:
      - {name: skipped, template: say, when: "1 == 2"}
      - {name: bad, template: fail}
      - {name: omitted, template: say, depends: bad}
      - {name: a, template: say, depends: skipped}
      - {name: b, template: say, depends: omitted}
      - {name: end, template: say, depends: "a && (b || bad.Failed)"}
""")
    tree = cluster.tree()
    assert tree["wf.a"] == "Pod Succeeded"
    assert tree["wf.b"] == "Skipped Omitted"  # Omitted is not among them, so it spreads
    assert tree["wf.end"] == "Pod Succeeded"


@pytest.mark.rule("when.govaluate")
def test_6_when_is_govaluate_and_tags_are_expr() -> None:
    cluster = play("""
    steps:
    - - {name: words, template: say, when: "foo != bar"}
      - {name: number, template: say, when: "5 == 5.0"}
      - {name: strict, template: say, when: "'5' == 5"}
      - {name: matches, template: say, when: "abc =~ 'b'"}
      - {name: expr, template: say, when: "{{= int('2') * 3 == 6 and 'abc' matches 'b'}}"}
""")
    phases = {name.removeprefix("wf[0]."): phase for name, phase in cluster.tree().items() if "." in name}
    ran, skipped = "Pod Succeeded", "Skipped Skipped"
    assert phases == {"words": ran, "number": ran, "strict": skipped, "matches": ran, "expr": ran}


@pytest.mark.rule("parameters.result-capture")
def test_7_a_result_is_captured_only_where_its_template_names_it() -> None:
    cluster = play("""
    steps:
    - - {name: read, template: say}
      - {name: unread, template: say, onExit: say}
    - - {name: use, template: say, arguments: {parameters: [{name: m, value: "{{steps.read.outputs.result}}"}]}}
""")
    captured = {name: cluster.launch_of(name).request.capture_result for name in cluster.tree() if "." in name}
    assert captured == {
        "wf[0].read": True, "wf[0].unread": False, "wf[0].unread.onExit": False, "wf[1].use": False
    }  # fmt: skip
    assert cluster.words("wf[1].use") == ["echo", "hi"]
    root = play("\n    script: {image: test, command: [sh], source: echo hi}\n")
    assert not root.launch_of("wf").request.capture_result


@pytest.mark.rule("retry.backoff-without-limit")
@pytest.mark.rule("retry.policy-always")
def test_8_there_is_no_back_off_without_limit_and_an_expression_means_always() -> None:
    again = "\n    container: {image: test, command: [flaky, '2']}\n    retryStrategy: {%s}\n"
    waits = play(again % "limit: 5, backoff: {duration: 10m}")
    spins = play(again % "backoff: {duration: 10m}")
    assert (waits.phase, spins.phase) == ("Succeeded", "Succeeded")
    assert (waits.now - spins.now).total_seconds() > 1000
    broken = "\n    container: {image: test, command: [error, lost]}\n    retryStrategy: {limit: 1%s}\n"
    assert "wf(1)" not in play(broken % "").tree()  # OnFailure, by default, leaves an Error alone
    assert play(broken % ", expression: 'true'").tree()["wf(1)"] == "Pod Error"


@pytest.mark.rule("phases.leaf-failed")
def test_9_failed_is_the_users_and_error_is_everything_else() -> None:
    cluster = play(
        """
    dag:
      failFast: false
      tasks:
      - {name: code, template: fail}
      - {name: substrate, template: broken}
      - {name: output, template: forgets}
      - {name: both, template: both}
""",
        more="""
  - name: forgets
    container: {image: test, command: [set, other=1]}
    outputs: {parameters: [{name: x, valueFrom: {path: /x}}]}
  - name: both
    container: {image: test, command: [exit, "2"]}
    outputs: {parameters: [{name: x, valueFrom: {path: /x}}]}
""",
    )
    tree = cluster.tree()
    assert tree["wf.code"] == tree["wf.both"] == "Pod Failed"  # with both wrong, main wins
    assert tree["wf.substrate"] == tree["wf.output"] == "Pod Error"


@pytest.mark.rule("tags.passes")
def test_10_tags_are_filled_in_by_passes_the_late_ones_last() -> None:
    cluster = play(
        """
    steps:
    - - {name: a, template: pick, withItems: [x], arguments: {parameters: [{name: which, value: "{{item}}"}]}}
""",
        spec="  arguments: {parameters: [{name: x, value: deep}]}\n",
        more="""
  - name: pick
    inputs: {parameters: [{name: which}, {name: full, value: "{{workflow.name}}-{{=1 + 1}}"}]}
    retryStrategy: {limit: 1}
    container:
      image: test
      command: [echo, "{{workflow.parameters.{{inputs.parameters.which}}}}", "{{inputs.parameters.full}}",
                "{{retries}}", "{{ node.name }}", "{{unknown}}"]
""",
    )
    assert cluster.words("wf[0].a(0:x)(0)") == ["echo", "deep", "wf-2", "0", "wf[0].a(0:x)", "{{unknown}}"]


@pytest.mark.rule("loops.sequence-down")
def test_11_with_sequence_counts_down() -> None:
    cluster = play("""
    steps:
    - - {name: a, template: say, withSequence: {start: "3", end: "1", format: "n%02X"}}
      - {name: none, template: say, withSequence: {count: "0"}}
""")
    names = [name for name in cluster.tree() if ".a" in name]
    assert names == ["wf[0].a(0:n03)", "wf[0].a(1:n02)", "wf[0].a(2:n01)"]
    assert cluster.node("wf[0].none").message == "Skipped, empty params"


@pytest.mark.rule("hooks.hook-failure")
def test_12_hooks_never_change_the_phase_of_what_they_are_beside() -> None:
    cluster = play(
        """
    steps:
    - - name: a
        template: say
        hooks:
          exit: {template: fail}
          up: {template: broken, expression: 'steps["a"].status == "Succeeded"'}
""",
        spec="  hooks: {any: {template: fail, expression: workflow.status == 'Running'}}\n",
    )
    tree = cluster.tree()
    assert (tree["wf[0].a.onExit"], tree["wf[0].a.hooks.up"], tree["wf.hooks.any"]) == (
        "Pod Failed", "Pod Error", "Pod Failed"
    )  # fmt: skip
    assert (tree["wf[0].a"], tree["wf[0]"], cluster.phase) == ("Pod Succeeded", "StepGroup Succeeded", "Succeeded")


@pytest.mark.rule("objects.template-defaults")
def test_13_template_defaults_wrap_steps_and_dags_too() -> None:
    cluster = play(
        "\n    steps: [[{name: a, template: fail}]]\n", spec="  templateDefaults: {retryStrategy: {limit: 1}}\n"
    )
    tree = cluster.tree()
    assert [tree[name] for name in ("wf", "wf(0)", "wf(1)")] == ["Retry Failed", "Steps Failed", "Steps Failed"]
    assert tree["wf(1)[0].a"] == "Retry Failed"
    assert tree["wf(1)[0].a(1)"] == "Pod Failed"


@pytest.mark.rule("parameters.outputs-of-failed")
def test_14_outputs_are_there_though_main_failed() -> None:
    cluster = play(
        """
    steps:
    - - {name: a, template: partly, continueOn: {failed: true}}
    - - {name: use, template: say, arguments: {parameters: [{name: m, value: "{{steps.a.outputs.parameters.x}}"}]}}
""",
        more="""
  - name: partly
    container: {image: test, command: [fail, "3", x=half]}
    outputs: {parameters: [{name: x, valueFrom: {path: /x}}]}
""",
    )
    assert cluster.tree()["wf[0].a"] == "Pod Failed"
    assert cluster.words("wf[1].use") == ["echo", "half"]


@pytest.mark.rule("locks.template-parallelism")
def test_15_only_children_directly_inside_count_for_parallelism() -> None:
    cluster = play(
        """
    parallelism: 1
    dag:
      tasks: [{name: a, template: inner}, {name: b, template: inner}]
""",
        more="""
  - name: inner
    steps: [[{name: p, template: say}, {name: q, template: say}, {name: r, template: say}]]
""",
    )
    assert cluster.phase == "Succeeded"
    assert cluster.peak == 3  # one of a and b at a time; what is inside it does not count
    starts = [cluster.state.nodes[node].name for node in cluster.started]
    assert {name.split("[")[0] for name in starts[:3]} == {"wf.a"}
