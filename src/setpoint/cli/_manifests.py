"""From what a person names (a file, standard input, a shipped template) to objects, in the order to create them."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from setpoint import pipelines
from setpoint.apis.argo import (
    Arguments,
    CronWorkflow,
    Parameter,
    Workflow,
    WorkflowSpec,
    WorkflowTemplate,
    WorkflowTemplateRef,
)
from setpoint.apis.errors import InvalidSpec, Location
from setpoint.apis.manifest import Document, decode_document, decode_tolerant, load_documents, resource_class
from setpoint.apis.meta import ObjectMeta, Resource

MANIFEST_SUFFIXES = (".yaml", ".yml", ".json")


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What was read: its name for messages, its objects in file order, and a key that the same command gives again."""

    name: str
    text: str
    resources: tuple[Resource, ...]
    documents: tuple[Document | None, ...]  # where each object was read; None for one that was made
    declared: frozenset[str]  # names of workflow parameters
    shipped: bool  # a template of ours was named: its run is what counts, the template only comes along
    key: str


def read_manifest(target: str, parameters: Mapping[str, str], *, namespace: str, strict: bool = True) -> Manifest:
    """Read a file, `-` for standard input, or the shipped template of that name.

    Args:
        target: What the person wrote.
        parameters: Workflow parameters to set; each must be a parameter of every workflow they go to.
        namespace: For objects that name none.
        strict: Refuse fields that the kind does not have; else they are left out.

    Raises:
        InvalidSpec: No such file or template, or the content is wrong (file, line, column, field path).
    """
    text, name = _read(target)
    documents: tuple[Document | None, ...] = load_documents(text, name)
    read = decode_document if strict else _tolerant
    resources = tuple(read(document) for document in documents if document is not None)
    if not resources:
        raise InvalidSpec("holds no object", location=Location(file=name))
    # A shipped template is run; a shipped CronWorkflow is what is wanted itself.
    if not _is_path(target) and any(isinstance(resource, WorkflowTemplate) for resource in resources):
        resources, documents = (*resources, _run_of(target)), (*documents, None)
    resources = tuple(_placed(resource, namespace) for resource in resources)
    declared = _declared(resources)
    if parameters:
        resources = tuple(_with_parameters(resource, parameters) for resource in resources)
    words = [text, namespace, *map("=".join, sorted(parameters.items()))]
    key = hashlib.sha256("\0".join(words).encode()).hexdigest()[:16]
    return Manifest(
        name=name,
        text=text,
        resources=resources,
        documents=documents,
        declared=declared,
        shipped=not _is_path(target),
        key=key,
    )


def _tolerant(document: Document) -> Resource:
    resource, _ = decode_tolerant(document.builtins(), resource_class(document))
    return resource


def _is_path(target: str) -> bool:
    return target == "-" or "/" in target or target.endswith(MANIFEST_SUFFIXES) or Path(target).is_file()


def _read(target: str) -> tuple[str, str]:
    if target == "-":
        return sys.stdin.read(), "<stdin>"
    if not _is_path(target):
        if target not in pipelines.names():
            raise InvalidSpec(
                f"{target!r} is neither a file nor a shipped template; a file name ends in .yaml, .yml or .json",
                allowed=pipelines.names(),
            )
        return pipelines.manifest(target), target
    try:
        return Path(target).read_text(encoding="utf-8"), target
    except FileNotFoundError as error:
        raise InvalidSpec("there is no such file", location=Location(file=target)) from error
    except (IsADirectoryError, UnicodeDecodeError) as error:
        raise InvalidSpec("is not a YAML or JSON file", location=Location(file=target)) from error
    except PermissionError as error:
        raise InvalidSpec("may not be read by this user", location=Location(file=target)) from error


def _run_of(template: str) -> Workflow:
    """A Workflow that refers to the template: what `argo submit --from` makes of it."""
    return Workflow(
        metadata=ObjectMeta(generate_name=f"{template}-"),
        spec=WorkflowSpec(workflow_template_ref=WorkflowTemplateRef(name=template)),
    )


def _placed(resource: Resource, namespace: str) -> Resource:
    if not resource.NAMESPACED or resource.metadata.namespace:
        return resource
    return resource.replace(metadata=resource.metadata.replace(namespace=namespace))


def _with_parameters(resource: Resource, parameters: Mapping[str, str]) -> Resource:
    """A Workflow with the given values over its own; parameters that it has not are added, as `argo submit -p` does."""
    if isinstance(resource, CronWorkflow):
        own = resource.spec
        return resource.replace(spec=own.replace(workflow_spec=_with_arguments(own.workflow_spec, parameters)))
    if isinstance(resource, Workflow):
        return resource.replace(spec=_with_arguments(resource.spec, parameters))
    return resource


def _with_arguments(spec: WorkflowSpec, parameters: Mapping[str, str]) -> WorkflowSpec:
    arguments = spec.arguments or Arguments()
    kept = tuple(item for item in arguments.parameters if item.name not in parameters)
    known = {item.name: item for item in arguments.parameters}
    given = tuple(
        known.get(name, Parameter(name=name)).replace(value=value, value_from=None)
        for name, value in parameters.items()
    )
    return spec.replace(arguments=arguments.replace(parameters=kept + given))


def unknown_parameters(manifest: Manifest, parameters: Iterable[str]) -> tuple[str, ...]:
    """Given names that nothing in the manifest declares: most likely a slip of the pen."""
    return tuple(name for name in parameters if name not in manifest.declared)


def _declared(resources: Iterable[Resource]) -> frozenset[str]:
    """Names of the parameters that workflows and templates declare."""
    specs = [item.spec for item in resources if isinstance(item, Workflow | WorkflowTemplate)]
    specs += [item.spec.workflow_spec for item in resources if isinstance(item, CronWorkflow)]
    return frozenset(item.name for spec in specs if spec.arguments for item in spec.arguments.parameters)
