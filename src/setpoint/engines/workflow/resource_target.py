"""Which object a resource template means: the one of its manifest, or those that its flags name.

Source: SEMANTICS section 13 (resource); argo-workflows `getKubectlArguments`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from setpoint.apis.argo import ResourceTemplate, Workflow
from setpoint.apis.errors import InvalidSpec, NotSupported
from setpoint.apis.kinds import KINDS, Kind, group_of
from setpoint.apis.manifest import decode_document, kind_map, load_documents, load_values
from setpoint.apis.meta import Resource
from setpoint.core.workflow.kubectl_flags import KubectlFlags

COMMAND = "setpoint.dev/command"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Objects of a kind: by name, or (without names) by selector; an empty selector means all."""

    kind: Kind
    namespace: str
    names: tuple[str, ...] = ()
    selector: str = ""

    @property
    def name(self) -> str:
        """The one name. Raises: InvalidSpec if there is none, or several."""
        if len(self.names) != 1:
            raise InvalidSpec("Kind and name are both required but at least one of them is missing from the manifest")
        return self.names[0]


def resource_name(kind: Kind) -> str:
    """The kind as kubectl's messages name it: `configmaps`, `workflows.argoproj.io`."""
    group = group_of(kind.API_VERSION)
    return f"{kind.PLURAL}.{group}" if group else kind.PLURAL


def load_manifest(text: str) -> Any:
    """The one document of a manifest as builtins; None if there is no text. Raises: InvalidSpec."""
    if not text.strip():
        return None
    found = load_values(text, "resource.manifest")
    if len(found) != 1:
        raise InvalidSpec(f"one object is needed, found {len(found)}", path="resource.manifest")
    return found[0]


def target_of(flags: KubectlFlags, manifest: Any, workflow: Workflow) -> Target:
    """What get, delete and patch are about. Raises: InvalidSpec."""
    if not flags.kind:
        if not isinstance(manifest, dict):
            raise InvalidSpec("Must provide at least one of flags or manifest.")
        kind = KINDS.of_manifest(str(manifest.get("apiVersion", "")), str(manifest.get("kind", "")))
        meta = manifest.get("metadata") or {}
        namespace = str(meta.get("namespace") or flags.namespace or workflow.metadata.namespace)
        return Target(kind=kind, namespace=_scope(kind, namespace), names=(str(meta.get("name") or ""),))
    kind = KINDS.find(flags.kind)
    if not (flags.names or flags.selector or flags.everything):
        raise InvalidSpec("resource(s) were provided, but no name was specified", path="resource.flags")
    namespace = flags.namespace or workflow.metadata.namespace
    return Target(kind=kind, namespace=_scope(kind, namespace), names=flags.names, selector=flags.selector)


def _scope(kind: Kind, namespace: str) -> str:
    return namespace if kind.NAMESPACED else ""


def wanted_object(
    resource: ResourceTemplate, text: str, flags: KubectlFlags, workflow: Workflow, command: str
) -> Resource:
    """The object that create, apply and replace hand over. Raises: InvalidSpec; NotSupported."""
    if flags.kind:
        raise NotSupported(f"flags of {resource.action} that name an object are not supported: write a manifest")
    documents = load_documents(text, "resource.manifest") if text.strip() else ()
    if len(documents) != 1:
        raise InvalidSpec(f"one object is needed, found {len(documents)}", path="resource.manifest")
    wanted = decode_document(documents[0], kind_map(KINDS))
    meta = wanted.metadata
    if type(wanted).NAMESPACED and not meta.namespace:
        meta = meta.replace(namespace=flags.namespace or workflow.metadata.namespace)
    if not meta.name and meta.generate_name:
        if resource.action != "create":
            raise InvalidSpec(f"from {meta.generate_name}: cannot use generate name with {resource.action}")
        meta = meta.replace(name=f"{meta.generate_name}{command[:5]}")
    if resource.action == "create":
        meta = meta.replace(annotations={**meta.annotations, COMMAND: command})
    if resource.set_owner_reference:
        meta = meta.replace(owner_references=(*meta.owner_references, workflow.owner_reference()))
    return wanted.replace(metadata=meta)
