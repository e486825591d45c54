"""Rules for a whole object: entrypoint, arguments, volumes, schedules; and the walk over its templates."""

from __future__ import annotations

from dataclasses import dataclass

from setpoint.apis.argo import (
    ClusterWorkflowTemplate,
    Container,
    ContainerSetTemplate,
    CronWorkflow,
    LifecycleHook,
    Template,
    TemplateSource,
    Workflow,
    WorkflowEventBinding,
    WorkflowSpec,
    WorkflowTemplate,
    merge_specs,
    with_defaults,
)
from setpoint.apis.errors import InvalidSpec
from setpoint.apis.manifest import FieldPath
from setpoint.apis.meta import ObjectMeta, Resource, to_wire
from setpoint.apis.selectors import selector_from_spec
from setpoint.core.cron.schedule import ScheduleError, parse_schedule
from setpoint.core.expr import ExpressionError, check_syntax
from setpoint.operations.lint.calls import Resolver, Target, check_arguments, check_supplied
from setpoint.operations.lint.compositions import Composition
from setpoint.operations.lint.foreign import check_foreign, foreign_templates, reached
from setpoint.operations.lint.metrics import check_metrics
from setpoint.operations.lint.names import check_names, check_object_name, field_name_problem
from setpoint.operations.lint.pods import check_pod
from setpoint.operations.lint.report import Findings, did_you_mean
from setpoint.operations.lint.scope import TagScope, check_tags, template_scope, workflow_scope
from setpoint.operations.lint.supported import check_effective, check_supported
from setpoint.operations.lint.templates import check_retry, check_template
from setpoint.operations.lint.unused import check_unused

_POD_GC = ("OnPodCompletion", "OnPodSuccess", "OnWorkflowCompletion", "OnWorkflowSuccess")
_CONCURRENCY = ("Allow", "Forbid", "Replace")


def check_resource(
    resource: Resource, catalog: TemplateSource, findings: Findings, *, submit: bool, warnings: bool = True
) -> None:
    """All rules for the kinds of Argo; nothing for other kinds.

    Args:
        resource: The object.
        catalog: Templates of other objects.
        findings: Where to report.
        submit: Whether it is about to run, so that every argument must have its value.
        warnings: Look for what is never used, too; it takes a third of the time and refuses nothing.
    """
    if isinstance(resource, CronWorkflow):
        check_object_name(resource, findings, submit=submit)
        _check_cron(resource, findings)
        metadata = ObjectMeta(name=resource.metadata.name, labels=resource.metadata.labels)
        workflow = Workflow(metadata=metadata, spec=resource.spec.workflow_spec)
        _Check(workflow, workflow.spec, ("spec", "workflowSpec"), catalog, findings, True, warnings).run()
    elif isinstance(resource, WorkflowEventBinding):
        _check_binding(resource, findings)
    elif isinstance(resource, (Workflow, WorkflowTemplate, ClusterWorkflowTemplate)):
        check_object_name(resource, findings, submit=submit)
        _Check(resource, resource.spec, ("spec",), catalog, findings, submit, warnings).run()


def _check_binding(resource: WorkflowEventBinding, findings: Findings) -> None:
    submit = resource.spec.submit
    texts: list[tuple[FieldPath, str]] = [(("spec", "event", "selector"), resource.spec.event.selector)]
    for index, item in enumerate(submit.arguments.parameters if submit is not None else ()):
        if item.value_from is not None and item.value_from.event:
            where = ("spec", "submit", "arguments", "parameters", index, "valueFrom", "event")
            texts.append((where, item.value_from.event))
    for path, text in texts:
        try:
            check_syntax(text, argo=False)
        except ExpressionError as error:
            findings.error(path, str(error))


def _check_cron(resource: CronWorkflow, findings: Findings) -> None:
    spec = resource.spec
    if not spec.schedules:
        findings.error(("spec", "schedules"), "cron schedule is malformed: schedules must hold at least one schedule")
    for index, schedule in enumerate(spec.schedules):
        try:
            parse_schedule(schedule, spec.timezone)
        except ScheduleError as error:
            findings.error(("spec", "schedules", index), f"cron schedule is malformed: {error}")
    policy = spec.concurrency_policy
    if policy and policy not in _CONCURRENCY:
        reason = f"'{policy}' is not a valid concurrencyPolicy{did_you_mean(policy, _CONCURRENCY)}"
        findings.error(("spec", "concurrencyPolicy"), reason, _CONCURRENCY)
    if spec.starting_deadline_seconds is not None and spec.starting_deadline_seconds < 0:
        findings.error(("spec", "startingDeadlineSeconds"), "startingDeadlineSeconds must be positive")


@dataclass
class _Check:
    """One spec under check. `spec` is what is written; `whole` is it over the template it refers to."""

    resource: Resource
    spec: WorkflowSpec
    base: FieldPath
    catalog: TemplateSource
    findings: Findings
    submit: bool
    warnings: bool

    def run(self) -> None:
        check_supported(self.spec, self.base, self.findings)
        check_pod(self.spec, self.base, self.findings)
        if self.spec.template_defaults is not None:
            check_pod(self.spec.template_defaults, (*self.base, "templateDefaults"), self.findings)
        whole = self._whole()
        if whole is None:
            return
        resolver = Resolver(self.findings, whole, self.catalog)
        self._check_spec_fields()
        self._check_arguments(whole)
        self._check_entry(whole, resolver)
        names = [item.name for item in self.spec.templates]
        check_names(self.findings, (*self.base, "templates"), "spec.templates", names, field_name_problem)
        foreign = foreign_templates(self.spec, whole, self.base, self.catalog)
        everywhere = workflow_scope(self.resource, whole, (*whole.templates, *(item.template for item in foreign)))
        self._walk_templates(whole, resolver, everywhere)
        for item in foreign:
            check_foreign(self.findings, item, whole, everywhere)
        if self.warnings:
            texts = [self.spec, *(item.template for item in foreign)]
            check_unused(self.findings, whole, self.spec, self.base, texts)

    def _whole(self) -> WorkflowSpec | None:
        """The spec over the template it refers to; None if that cannot be found, which is reported."""
        ref = self.spec.workflow_template_ref
        if ref is None:
            return self.spec
        if self.spec.templates:
            reason = "Templates is invalid field in spec if workflow referred WorkflowTemplate reference"
            self.findings.error((*self.base, "templates"), reason)
            return None
        lower = self.catalog.template_spec(ref.name, cluster=ref.cluster_scope)
        if lower is None:
            plural = "clusterworkflowtemplates" if ref.cluster_scope else "workflowtemplates"
            reason = f'{plural}.argoproj.io "{ref.name}" not found'
            self.findings.error((*self.base, "workflowTemplateRef", "name"), reason)
            return None
        return merge_specs(self.spec, lower)

    def _check_spec_fields(self) -> None:
        spec = self.spec
        if spec.retry_strategy is not None:
            check_retry(self.findings, spec.retry_strategy, (*self.base, "retryStrategy"), "spec")
        check_metrics(self.findings, spec.metrics, self.base, "spec")
        if spec.pod_gc is not None and spec.pod_gc.strategy and spec.pod_gc.strategy not in _POD_GC:
            reason = f"podGC.strategy unknown strategy '{spec.pod_gc.strategy}'"
            self.findings.error((*self.base, "podGC", "strategy"), reason, _POD_GC)
        try:
            selector_from_spec(spec.pod_gc.label_selector if spec.pod_gc is not None else None)
        except InvalidSpec as error:
            reason = f"podGC.labelSelector invalid: {error.reason}"
            self.findings.error((*self.base, "podGC", "labelSelector"), reason, error.allowed)
        for key, value in (
            ("parallelism", spec.parallelism),
            ("activeDeadlineSeconds", spec.active_deadline_seconds),
        ):
            if value is not None and value < 1:
                self.findings.error((*self.base, key), f"spec.{key} must be a positive integer > 0, found {value}")

    def _check_arguments(self, whole: WorkflowSpec) -> None:
        path = (*self.base, "arguments")
        check_arguments(self.findings, self.spec.arguments, path, "spec.arguments.", values=False)
        if self.submit and isinstance(self.resource, Workflow):
            for index, item in enumerate(whole.arguments.parameters):
                if not item.has_value:
                    ref = f"spec.arguments.{item.name}"
                    reason = f"{ref}.value or {ref}.valueFrom is required"
                    self.findings.error((*path, "parameters", index), reason)

    def _check_entry(self, whole: WorkflowSpec, resolver: Resolver) -> None:
        is_workflow = isinstance(self.resource, Workflow)
        if not whole.entrypoint:
            if is_workflow:
                self.findings.error((*self.base, "entrypoint"), "spec.entrypoint is required")
        else:
            target = resolver.by_name(whole.entrypoint, (*self.base, "entrypoint"), "")
            self._check_start(target, whole, is_workflow)
        if whole.on_exit:
            target = resolver.by_name(whole.on_exit, (*self.base, "onExit"), "")
            self._check_start(target, whole, is_workflow)
        for name, hook in whole.hooks.items():
            self._check_hook(hook, (*self.base, "hooks", name), resolver)

    def _check_start(self, target: Target, whole: WorkflowSpec, is_workflow: bool) -> None:
        if is_workflow:
            path = (*self.base, "arguments")
            check_supplied(self.findings, target, whole.arguments, path, "", values=self.submit)

    def _check_hook(self, hook: LifecycleHook, path: FieldPath, resolver: Resolver) -> None:
        resolver.resolve(hook, path, "spec.hooks")
        if path[-1] != "exit" and not hook.expression:
            self.findings.error(path, f"Expression required for hook spec.hooks.{path[-1]}")

    def _walk_templates(self, whole: WorkflowSpec, resolver: Resolver, everywhere: TagScope) -> None:
        path = (*self.base, "templates")
        work = [(item, (*path, index), everywhere) for index, item in enumerate(self.spec.templates)]
        while work:
            template, where, scope = work.pop(0)
            effective = with_defaults(template, whole)
            check_template(self.findings, template, effective, where)
            check_effective(effective, where, self.findings)
            check_pod(template, where, self.findings)
            self._check_volumes(effective, whole, where)
            if template.is_leaf:
                inside = scope.plus(template_scope(template))
                said = f"templates.{template.name}:"
                check_tags(self.findings, to_wire(template), where, said, inside)
            else:
                found = Composition(self.findings, resolver, template, where, scope).check()
                work += [(inline.template, inline.path, inline.scope) for inline in found]

    def _check_volumes(self, template: Template, whole: WorkflowSpec, path: FieldPath) -> None:
        """Every mount names a volume; in a template that nothing calls it does not matter."""
        if not isinstance(self.resource, Workflow) or whole.pod_spec_patch or template.pod_spec_patch:
            return  # a template object's volumes come from its users, a patch may add any
        names = {item.name for item in (*whole.volumes, *template.volumes)}
        claims = (item.get("metadata") for item in whole.volume_claim_templates)
        names |= {str(metadata.get("name")) for metadata in claims if isinstance(metadata, dict)}
        mounting: list[tuple[FieldPath, Container | ContainerSetTemplate | None]] = [
            (("container",), template.container),
            (("script",), template.script),
            (("containerSet",), template.container_set),
        ]
        if template.container_set is not None:
            among = enumerate(template.container_set.containers)
            mounting += [(("containerSet", "containers", index), item) for index, item in among]
        for where, body in mounting:
            for index, mount in enumerate(body.volume_mounts if body is not None else ()):
                if mount.name not in names and "{{" not in mount.name:
                    reason = f"volume '{mount.name}' not found in workflow spec"
                    here = (*path, *where, "volumeMounts", index, "name")
                    report = self.findings.error if template.name in ("", *reached(whole)) else self.findings.warn
                    report(here, reason + did_you_mean(mount.name, tuple(names)))
