"""Lint: everything that can be said about a manifest before it runs, with path and place, all at once.

`lint_text` and `lint` are for files, `lint_resource` for an object that comes from anywhere (REST, kubectl, a store).
`run` and `submit` refuse what these refuse.
"""

from __future__ import annotations

from collections.abc import Sequence

from setpoint.apis.argo import TemplateCatalog, TemplateLayers, TemplateSource
from setpoint.apis.errors import InvalidSpec, NotSupported
from setpoint.apis.manifest import (
    KNOWN_KINDS,
    STORED_KINDS,
    Document,
    KindMap,
    load_documents,
    parse_path,
    resource_class,
)
from setpoint.apis.manifest.legacy import PREDECESSORS
from setpoint.apis.meta import Resource
from setpoint.apis.pod import Pod
from setpoint.apis.serving import InferenceService
from setpoint.core.serving.validation import check_inference_service, warnings_of
from setpoint.operations.lint.pod_objects import check_pod_object
from setpoint.operations.lint.report import Findings, Report
from setpoint.operations.lint.supported import IGNORED, REFUSED, check_supported
from setpoint.operations.lint.workflow import check_resource

__all__ = [
    "IGNORED",
    "REFUSED",
    "Findings",
    "Report",
    "check_supported",
    "lint",
    "lint_resource",
    "lint_text",
]


def lint_resource(
    resource: Resource,
    catalog: TemplateSource | None = None,
    *,
    submit: bool = False,
    document: Document | None = None,
    warnings: bool = True,
) -> Report:
    """What is wrong with one object: Argo's kinds, InferenceService and Pod have rules, others have none.

    Args:
        resource: The object.
        catalog: WorkflowTemplates and ClusterWorkflowTemplates it may refer to.
        submit: Whether it is about to run: then every argument must have a value.
        document: Where it was read, for places.
        warnings: Look for what refuses nothing, too, where that takes time.
    """
    findings = Findings(document.locate, document.base) if document is not None else Findings()
    for path in document.legacy if document is not None else ():
        old = PREDECESSORS[str(path[-1])]
        findings.warn(path, f"is written as {old}, the form of Argo 3.7 and older; `setpoint convert` rewrites it")
    if isinstance(resource, InferenceService):
        _check_service(resource, findings)
    if isinstance(resource, Pod):
        check_pod_object(resource, findings)
    check_resource(resource, catalog or TemplateCatalog(), findings, submit=submit, warnings=warnings)
    return findings.report()


def _check_service(service: InferenceService, findings: Findings) -> None:
    for problem in check_inference_service(service):
        if isinstance(problem, NotSupported):
            findings.unsupported(parse_path(problem.path), problem.reason)
        else:
            findings.error(parse_path(problem.path), problem.reason, problem.allowed)
    for path in warnings_of(service):
        findings.warn(parse_path(path), "has no meaning on one machine and is ignored")


def lint(
    documents: Sequence[Document],
    catalog: TemplateSource | None = None,
    *,
    kinds: KindMap = KNOWN_KINDS,
    submit: bool = False,
) -> Report:
    """What is wrong with the documents of one or several files; templates among them are known to the others.

    A kind that nothing here runs is only a warning, unless it is about to be created: its rules are another's.

    Args:
        documents: From `load_documents`.
        catalog: Further templates, such as those stored already.
        kinds: The classes that documents are read as.
        submit: Whether they are about to run.
    """
    report = Report()
    decoded: list[tuple[Document, Resource]] = []
    for document in documents:
        try:
            cls = resource_class(document, kinds)
            problems = document.problems(cls)
        except NotSupported as error:
            report += Report(errors=(error,)) if submit else _not_run(document, error)
            continue
        except InvalidSpec as error:
            problems = (error,)
        report += Report(errors=problems)
        if not problems:
            decoded.append((document, document.decode(cls)))
    known: TemplateSource = TemplateCatalog.of(resource for _, resource in decoded)
    known = TemplateLayers(known, catalog) if catalog is not None else known
    for document, resource in decoded:
        report += lint_resource(resource, known, submit=submit, document=document)
    return report


def _not_run(document: Document, error: NotSupported) -> Report:
    """What is said of a document that nothing here runs: a warning, and what its type does not take, if it has one."""
    cls = STORED_KINDS.get((document.api_version, document.kind))
    if cls is not None:
        told = InvalidSpec(error.reason, path=error.path, location=error.location)
        return Report(errors=document.problems(cls), warnings=(told,))
    told = InvalidSpec(f"{error.reason}: not checked", path=error.path, location=error.location)
    return Report(warnings=(told,))


def lint_text(
    text: str | bytes,
    file: str,
    catalog: TemplateSource | None = None,
    *,
    kinds: KindMap = KNOWN_KINDS,
    submit: bool = False,
) -> Report:
    """What is wrong with the text of a file; text that cannot be read is one error."""
    try:
        documents = load_documents(text, file)
    except InvalidSpec as error:
        return Report(errors=(error,))
    return lint(documents, catalog, kinds=kinds, submit=submit)
