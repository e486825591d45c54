"""The tables of kinds: from any name a person or a URL gives to the Resource class.

What kubectl-like commands and manifests ask; the API server asks `apis.catalog`, which is made of them.
Invariant: no two classes of a table share a kind and group, or a plural and group.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from setpoint.apis import (
    apiextensions,
    argo,
    batch,
    coordination,
    core,
    knative,
    kubeflow,
    pod,
    rbac,
    services,
    serving,
    trainer,
)
from setpoint.apis.errors import InvalidSpec, InvariantViolation
from setpoint.apis.meta import Resource

Kind = type[Resource]


def group_of(api_version: str) -> str:
    """The group of an apiVersion: `argoproj.io` of `argoproj.io/v1alpha1`, "" of `v1`."""
    return api_version.rpartition("/")[0]


class KindTable:
    """An immutable set of kinds, found by kind, plural, singular, short name or `plural.group`."""

    def __init__(self, *classes: Kind) -> None:
        self._classes = classes
        self._by_kind = _index(classes, lambda cls: (group_of(cls.API_VERSION), cls.KIND))
        self._by_plural = _index(classes, lambda cls: (group_of(cls.API_VERSION), cls.PLURAL))
        self._by_name: dict[str, Kind] = {}
        for cls in classes:
            for name in _names(cls):
                self._by_name.setdefault(name, cls)  # the earlier class wins, as core kinds do in kubectl

    def register(self, *classes: Kind) -> KindTable:
        """A table that knows these kinds too; this one stays as it is."""
        return KindTable(*self._classes, *classes)

    def __iter__(self) -> Iterator[Kind]:
        """All classes, in the order they were given."""
        return iter(self._classes)

    def find(self, name: str) -> Kind:
        """The class a person means: `wf`, `workflow`, `Workflows`, `workflows.argoproj.io`.

        Raises:
            InvalidSpec: If no kind has that name; the plurals are listed.
        """
        found = self._by_name.get(name.lower())
        if found is None:
            raise InvalidSpec(f"{name!r} is not a kind of resource", allowed=tuple(sorted(k.PLURAL for k in self)))
        return found

    def of_manifest(self, api_version: str, kind: str) -> Kind:
        """The class of a manifest's `apiVersion` and `kind`.

        Raises:
            InvalidSpec: If the kind is not known, or not in that version; the path names the field.
        """
        found = self._by_kind.get((group_of(api_version), kind))
        if found is None:
            known = tuple(sorted({cls.KIND for cls in self if group_of(cls.API_VERSION) == group_of(api_version)}))
            if not known:
                versions = tuple(sorted({cls.API_VERSION for cls in self}))
                raise InvalidSpec(f"{api_version!r} is not known", path="apiVersion", allowed=versions)
            raise InvalidSpec(f"{kind!r} is not a kind of {api_version!r}", path="kind", allowed=known)
        if api_version != found.API_VERSION:
            raise InvalidSpec(
                f"{kind} is not known in {api_version!r}", path="apiVersion", allowed=(found.API_VERSION,)
            )
        return found

    def of_path(self, api_version: str, plural: str) -> Kind | None:
        """The class of a URL's group, version and plural; None if there is none."""
        found = self._by_plural.get((group_of(api_version), plural))
        return found if found is not None and api_version == found.API_VERSION else None


def _names(cls: Kind) -> Iterator[str]:
    group = group_of(cls.API_VERSION)
    for name in (cls.PLURAL, cls.KIND.lower()):
        yield name
        if group:
            yield f"{name}.{group}"
    yield from cls.SHORT_NAMES


def _index(classes: tuple[Kind, ...], key: Callable[[Kind], tuple[str, str]]) -> dict[tuple[str, str], Kind]:
    index: dict[tuple[str, str], Kind] = {}
    for cls in classes:
        if index.setdefault(key(cls), cls) is not cls:
            raise InvariantViolation(f"{cls.__name__} and {index[key(cls)].__name__} are both {'/'.join(key(cls))}")
    return index


KINDS = KindTable(
    core.Namespace,
    core.ConfigMap,
    core.Secret,
    core.ServiceAccount,
    core.Role,
    core.RoleBinding,
    rbac.ClusterRole,
    rbac.ClusterRoleBinding,
    core.Event,
    core.PersistentVolumeClaim,
    core.Node,
    coordination.Lease,
    pod.Pod,
    batch.Job,
    batch.CronJob,
    *argo.KINDS,
    serving.InferenceService,
    serving.ServingRuntime,
    serving.ClusterServingRuntime,
)
"""Every kind that something here acts on, or that is data for others: what `run`, `get` and workflows know."""

KEPT_ONLY = KindTable(
    services.Service,
    kubeflow.PyTorchJob,
    kubeflow.TFJob,
    trainer.TrainJob,
    trainer.TrainingRuntime,
    trainer.ClusterTrainingRuntime,
    knative.Service,
)
"""Kinds that are read, kept and shown, and that no engine acts on; so `run` refuses them."""

SERVED = KINDS.register(apiextensions.CustomResourceDefinition, *KEPT_ONLY)
"""Every kind that has a class and is stored."""
