"""The cluster roles that every control plane has under the names that bindings use: cluster-admin, admin, edit, view.

Written by hand for the kinds that are served here. `view` reads no secrets, for with a secret one may be somebody else.
`system:discovery` and `system:basic-user` go to everybody whose name is known.
Source: Kubernetes documentation, "Using RBAC Authorization", default roles; Argo's and KServe's aggregated roles.
"""

from __future__ import annotations

from setpoint.apis.core import PolicyRule, RoleRef, Subject
from setpoint.apis.meta import ObjectMeta
from setpoint.apis.rbac import GROUP, AggregationRule, ClusterRole, ClusterRoleBinding
from setpoint.core.access.rules import MASTER_RULES
from setpoint.core.access.users import AUTHENTICATED, MASTERS, UNAUTHENTICATED

_AGGREGATE = "rbac.authorization.k8s.io/aggregate-to-"
_LABELS = {"kubernetes.io/bootstrapping": "rbac-defaults"}
_READ = ("get", "list", "watch")
_WRITE = ("create", "update", "patch", "delete", "deletecollection")

_CORE_VIEW = (
    "bindings",
    "configmaps",
    "endpoints",
    "events",
    "limitranges",
    "namespaces",
    "persistentvolumeclaims",
    "pods",
    "pods/log",
    "pods/status",
    "replicationcontrollers",
    "resourcequotas",
    "serviceaccounts",
    "services",
)
_CORE_EDIT = (
    "configmaps",
    "events",
    "persistentvolumeclaims",
    "pods",
    "pods/exec",
    "pods/portforward",
    "secrets",
    "serviceaccounts",
    "services",
)
_GROUPS: dict[str, tuple[str, ...]] = {
    "apps": ("daemonsets", "deployments", "deployments/scale", "replicasets", "statefulsets", "statefulsets/scale"),
    "argoproj.io": (
        "cronworkflows",
        "workflowartifactgctasks",
        "workfloweventbindings",
        "workflows",
        "workflowtaskresults",
        "workflowtasksets",
        "workflowtemplates",
    ),
    "autoscaling": ("horizontalpodautoscalers",),
    "batch": ("cronjobs", "jobs"),
    "coordination.k8s.io": ("leases",),
    "networking.k8s.io": ("ingresses", "networkpolicies"),
    "policy": ("poddisruptionbudgets",),
    "serving.kserve.io": ("inferenceservices", "inferencegraphs", "servingruntimes", "trainedmodels"),
}


def default_cluster_roles() -> tuple[ClusterRole, ...]:
    """The roles, as objects that may be stored; who changes one keeps his change."""
    view = [_core(_READ, _CORE_VIEW), *(_rule(group, _READ, names) for group, names in _GROUPS.items())]
    edit = [
        _core((*_READ, *_WRITE), _CORE_EDIT),
        _core(("impersonate",), ("serviceaccounts",)),
        _core(("create",), ("serviceaccounts/token",)),
        *(_rule(group, _WRITE, names) for group, names in _GROUPS.items()),
    ]
    admin = [
        _rule(GROUP, (*_READ, *_WRITE), ("rolebindings", "roles")),
        _rule("authorization.k8s.io", ("create",), ("localsubjectaccessreviews",)),
    ]
    return (
        _role("cluster-admin", MASTER_RULES),
        _aggregated("admin", admin, "edit", "view"),
        _aggregated("edit", edit, "view", into="admin"),
        _aggregated("view", view, into="edit"),
        _role("system:discovery", (_urls("/api", "/api/*", "/apis", "/apis/*", "/openapi", "/openapi/*"), _PROBES)),
        _role("system:public-info-viewer", (_PROBES,)),
        _role(
            "system:basic-user",
            (
                _rule("authorization.k8s.io", ("create",), ("selfsubjectaccessreviews", "selfsubjectrulesreviews")),
                _rule("authentication.k8s.io", ("create",), ("selfsubjectreviews",)),
            ),
        ),
    )


def default_cluster_bindings() -> tuple[ClusterRoleBinding, ...]:
    """Who has the roles of the system; admin, edit and view go to nobody of their own accord."""
    return (
        _binding("cluster-admin", MASTERS),
        _binding("system:discovery", AUTHENTICATED),
        _binding("system:basic-user", AUTHENTICATED),
        _binding("system:public-info-viewer", AUTHENTICATED, UNAUTHENTICATED),
    )


def _urls(*paths: str) -> PolicyRule:
    return PolicyRule(verbs=("get", "head"), non_resource_urls=paths)


_PROBES = _urls("/healthz", "/livez", "/readyz", "/version", "/version/")


def _core(verbs: tuple[str, ...], resources: tuple[str, ...]) -> PolicyRule:
    return _rule("", verbs, resources)


def _rule(group: str, verbs: tuple[str, ...], resources: tuple[str, ...]) -> PolicyRule:
    return PolicyRule(verbs=verbs, api_groups=(group,), resources=resources)


def _role(name: str, rules: tuple[PolicyRule, ...]) -> ClusterRole:
    return ClusterRole(metadata=ObjectMeta(name=name, labels=dict(_LABELS)), rules=rules)


def _aggregated(name: str, rules: list[PolicyRule], *sources: str, into: str = "") -> ClusterRole:
    """A role with rules of its own and those of all that are labelled for it, or for the roles below it."""
    labels = _LABELS | ({f"{_AGGREGATE}{into}": "true"} if into else {})
    selectors = tuple({"matchLabels": {f"{_AGGREGATE}{role}": "true"}} for role in (name, *sources))
    return ClusterRole(
        metadata=ObjectMeta(name=name, labels=labels),
        rules=tuple(rules),
        aggregation_rule=AggregationRule(cluster_role_selectors=selectors),
    )


def _binding(name: str, *groups: str) -> ClusterRoleBinding:
    return ClusterRoleBinding(
        metadata=ObjectMeta(name=name, labels=dict(_LABELS)),
        role_ref=RoleRef(kind="ClusterRole", name=name),
        subjects=tuple(Subject(kind="Group", name=group, api_group=GROUP) for group in groups),
    )
