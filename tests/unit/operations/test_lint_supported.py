"""What is not done on one machine: refused by path, or ignored with one warning; the tables name real fields."""

from __future__ import annotations

import inspect

import msgspec
import pytest

from setpoint.apis import argo
from setpoint.apis.argo import TemplateCatalog
from setpoint.apis.errors import NotSupported
from setpoint.apis.manifest import decode_document, load_documents
from setpoint.operations.lint import IGNORED, REFUSED, lint_text
from tests.unit.operations.lint_manifests import main_of, steps, workflow

TYPES = {name: cls for name, cls in vars(argo).items() if inspect.isclass(cls) and issubclass(cls, msgspec.Struct)}


@pytest.mark.parametrize("key", [*REFUSED, *IGNORED])
def test_the_tables_name_fields_that_exist(key: str) -> None:
    name, _, field = key.partition(".")
    assert field in TYPES[name].__struct_fields__


def test_no_field_is_in_both_tables() -> None:
    assert not set(REFUSED) & set(IGNORED)


REFUSALS = {
    "probe by gRPC": (
        main_of("container: {image: a, livenessProbe: {grpc: {port: 1}}}\n"),
        "spec.templates[0].container.livenessProbe",
    ),
    "plugins of a workflow's own": (
        workflow("  - {name: main, suspend: {}}\n", "executorPlugins: [{metadata: {name: p}}]\n"),
        "spec.executorPlugins",
    ),
    "volume": (
        main_of("container: {image: a}\nvolumes: [{name: v, nfs: {server: s, path: /}}]\n"),
        "spec.templates[0].volumes[0].nfs",
    ),
    "plugins": (
        workflow("  - {name: main, suspend: {}}\n", "executorPlugins: [{spec: {sidecar: {}}}]\n"),
        "spec.executorPlugins",
    ),
    "environment": (
        main_of("container: {image: a, env: [{name: E, valueFrom: {fileKeyRef: {volumeName: v, path: x, key: k}}}]}\n"),
        "spec.templates[0].container.env[0].valueFrom",
    ),
    "in a loop's inline template": (
        steps("{name: a, withItems: [1], inline: {container: {image: a, volumeDevices: [{name: d, devicePath: /d}]}}}"),
        "spec.templates[0].steps[0][0].inline.container.volumeDevices",
    ),
    "in the defaults": (
        workflow(
            "  - {name: main, suspend: {}}\n",
            "templateDefaults: {sidecars: [{name: s, image: a, volumeDevices: [{name: d, devicePath: /d}]}]}\n",
        ),
        "spec.templateDefaults.sidecars[0].volumeDevices",
    ),
}


@pytest.mark.parametrize("name", list(REFUSALS))
def test_what_is_not_done_is_refused_by_path(name: str) -> None:
    text, path = REFUSALS[name]
    (error,) = lint_text(text, "f.yaml").errors
    assert isinstance(error, NotSupported)
    assert error.path == path
    assert error.location is not None and error.location.line is not None


SUPPORTED = {
    "exit hook": steps(
        "{name: a, template: leaf, hooks: {exit: {template: leaf}}} | {name: b, template: leaf, onExit: leaf}"
    ),
    "hook": steps("{name: a, template: leaf, hooks: {running: {template: leaf, expression: 'true'}}}"),
    "daemon": main_of("daemon: true\ncontainer: {image: a, readinessProbe: {tcpSocket: {port: 1}}}\n"),
    "global output": main_of(
        "container: {image: a}\noutputs: {parameters: [{name: o, globalName: g, valueFrom: {path: /o}}]}\n"
    ),
    "timeout of a container": main_of("timeout: 30s\ncontainer: {image: a}\n"),
    "secret": main_of("container: {image: a, env: [{name: E, valueFrom: {secretKeyRef: {name: s, key: k}}}]}\n"),
    "volumes": main_of(
        "container: {image: a, volumeMounts: [{name: v, mountPath: /v}]}\n"
        "volumes: [{name: v, secret: {secretName: s}}]\n"
    ),
}


@pytest.mark.parametrize("name", list(SUPPORTED))
def test_what_is_done_is_not_refused(name: str) -> None:
    assert [str(error) for error in lint_text(SUPPORTED[name], "f.yaml").errors] == []


def test_a_key_alone_is_the_embedded_store() -> None:
    text = main_of("container: {image: a}\noutputs: {artifacts: [{name: o, path: /o, s3: {key: k}}]}\n")
    assert lint_text(text, "f.yaml").errors == ()


def test_what_is_ignored_is_said_once_however_often_it_is_written() -> None:
    leaf = "  - {name: %s, nodeSelector: {a: b}, container: {image: i, securityContext: {runAsUser: 1}}}\n"
    text = workflow(leaf % "main" + leaf % "other", "schedulerName: mine\nnodeSelector: {a: b}\n")
    report = lint_text(text, "f.yaml")
    assert report.errors == ()
    assert [(warning.path, warning.reason) for warning in report.warnings] == [
        ("spec.schedulerName", "ignored: there is one machine"),
        ("spec.nodeSelector", "ignored: there is one machine"),
        ("spec.templates[0].container.securityContext", "ignored: processes run as the user who started Setpoint"),
    ]


def test_a_called_template_of_another_object_is_judged_where_it_is_called() -> None:
    stored = (
        "apiVersion: argoproj.io/v1alpha1\nkind: WorkflowTemplate\nmetadata: {name: stored}\nspec:\n  templates:\n"
        "  - {name: work, container: {image: a, volumeDevices: [{name: d, devicePath: /d}]}}\n"
    )
    catalog = TemplateCatalog.of([decode_document(load_documents(stored, "stored.yaml")[0])])
    report = lint_text(steps("{name: a, templateRef: {name: stored, template: work}}"), "f.yaml", catalog)
    (error,) = report.errors
    assert isinstance(error, NotSupported)
    assert error.path == "spec.templates[0].steps[0][0].templateRef"
    assert error.reason == f"template stored.work: container.volumeDevices: {REFUSED['Container.volume_devices']}"


def test_a_hook_other_than_exit_needs_an_expression() -> None:
    (error,) = lint_text(steps("{name: a, template: leaf, hooks: {x: {template: leaf}}}"), "f.yaml").errors
    assert error.path == "spec.templates[0].steps[0][0].hooks.x"
    assert "Expression required for hook" in error.reason


PATCHES = {
    "containers: [{name: main, resources: {limits: {memory: 64Mi}}}]": ([], []),
    "nodeSelector: {a: b}": ([], ["nodeSelector: ignored: there is one machine"]),
    '{"containers": [{"name": "main", "resources": {"limits": {{inputs.parameters.r}} }}]}': ([], []),
    "terminationGracePeriodSeconds: 5\npriority: {{inputs.parameters.r}}": (
        [],
        ["priority: ignored: there is no scheduler"],
    ),
    "containers: [{image: a}]": (["invalid podSpecPatch: map does not contain declared merge key: name"], []),
    "containers: {name: main}": (["invalid podSpecPatch: Expected `array`, got `object` - at `$.containers`"], []),
    "[": (None, []),
    "containers: [{name: main, resources: {limits: {memory: much}}}]": (None, []),
    "containers: [{name: main, resources: {limits: {ephemeral-storage: 1Gi}}}]": (
        [],
        ['containers[0].resources.limits.ephemeral-storage: ignored: '
         "ephemeral-storage is neither set aside nor limited"],
    ),
    "containers: [{name: main, lifecycle: {preStop: {exec: {command: [a]}}}}]": (
        [f"containers[0].lifecycle: {REFUSED['Container.lifecycle']}"],
        [],
    ),
}  # fmt: skip


@pytest.mark.parametrize("patch", list(PATCHES))
def test_a_patch_of_the_pod_is_read(patch: str) -> None:
    errors, warnings = PATCHES[patch]
    indented = patch.replace("\n", "\n  ")
    body = f"inputs: {{parameters: [{{name: r, value: x}}]}}\ncontainer: {{image: a}}\npodSpecPatch: |\n  {indented}\n"
    report = lint_text(main_of(body), "f.yaml")
    assert {error.path for error in report.errors} <= {"spec.templates[0].podSpecPatch"}
    said = [error.reason for error in report.errors]
    assert said == errors if errors is not None else len(said) == 1
    assert [item.reason for item in report.warnings if item.path.endswith("Patch")] == warnings


def test_a_limit_that_does_nothing_is_told() -> None:
    report = lint_text(workflow("  - {name: main, suspend: {}}\n", "templateDefaults: {timeout: 30s}\n"), "f.yaml")
    assert report.errors == ()
    assert "spec.templates[0].timeout" in [warning.path for warning in report.warnings]


@pytest.mark.parametrize(
    ("metric", "reason"),
    [
        (
            "name: a-b, help: h, counter: {value: '1'}",
            "templates.main metric name 'a-b' is invalid. Metric names must contain alphanumeric characters or '_'",
        ),
        ("name: a, counter: {value: '1'}", "templates.main metric 'a' must contain a help string under 'help: ' field"),
        (
            "name: a, help: h, labels: [{key: x.y, value: z}], counter: {value: '1'}",
            "metric label 'x.y' is invalid: keys may only contain alphanumeric characters or '_'",
        ),
        ("name: a, help: h, histogram: {buckets: [1]}", "templates.main metric 'a' error: missing histogram.value"),
        ("name: a, help: h", "templates.main metric 'a' error: invalid metric spec"),
        (
            "name: a, help: h, gauge: {realtime: true, value: '{{resourcesDuration.cpu}}'}",
            "templates.main metric 'a' error: 'resourcesDuration.*' metrics cannot be used in real-time",
        ),
    ],
)
def test_metrics_are_judged_as_on_a_cluster(metric: str, reason: str) -> None:
    (error,) = lint_text(main_of(f"container: {{image: a}}\nmetrics: {{prometheus: [{{{metric}}}]}}\n"), "f").errors
    assert error.reason == reason


def test_an_init_container_that_is_to_go_on_is_refused_once_and_a_security_context_is_one_warning() -> None:
    """It would never end here, and main never begin."""
    report = lint_text(
        main_of(
            "initContainers: [{name: proxy, image: a, command: [a], restartPolicy: Always}]\n"
            "container: {image: a, command: [a], securityContext: {runAsUser: 1, readOnlyRootFilesystem: true}}\n"
        ),
        "f.yaml",
    )
    (error,) = report.errors
    assert error.path == "spec.templates[0].initContainers[0].restartPolicy"
    assert "what runs beside main belongs into sidecars" in error.reason
    assert [item.path for item in report.warnings] == ["spec.templates[0].container.securityContext"]
