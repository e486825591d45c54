"""Questions about access: a document in, the same with its status out; served and never stored.

Source: Kubernetes API reference, authorization.k8s.io/v1 and authentication.k8s.io/v1.
"""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

import msgspec

from setpoint.apis.meta import ObjectMeta, Resource, Wire
from setpoint.apis.references import LabelSelectorRequirement

AUTHORIZATION, AUTHENTICATION = "authorization.k8s.io/v1", "authentication.k8s.io/v1"


class FieldSelectorAttributes(Wire, frozen=True, kw_only=True):
    """The field selector of a request."""

    raw_selector: str = ""
    requirements: tuple[LabelSelectorRequirement, ...] = ()


class LabelSelectorAttributes(FieldSelectorAttributes, frozen=True, kw_only=True):
    """The label selector of a request."""


class ResourceAttributes(Wire, frozen=True, kw_only=True):
    """A request for objects."""

    field_selector: FieldSelectorAttributes | None = None
    group: str = ""
    label_selector: LabelSelectorAttributes | None = None
    name: str = ""
    namespace: str = ""
    resource: str = ""
    subresource: str = ""
    verb: str = ""
    version: str = ""


class NonResourceAttributes(Wire, frozen=True, kw_only=True):
    """A request for a path that is no object's."""

    path: str = ""
    verb: str = ""


class SubjectAccessReviewStatus(Wire, frozen=True, kw_only=True, omit_defaults=False):
    """The answer."""

    allowed: bool = False
    denied: bool = False
    reason: str = ""
    evaluation_error: str = ""


class SelfSubjectAccessReviewSpec(Wire, frozen=True, kw_only=True):
    """What the asker would do."""

    resource_attributes: ResourceAttributes | None = None
    non_resource_attributes: NonResourceAttributes | None = None


class SubjectAccessReviewSpec(SelfSubjectAccessReviewSpec, frozen=True, kw_only=True):
    """What somebody would do."""

    user: str = ""
    groups: tuple[str, ...] = ()
    uid: str = ""
    extra: dict[str, tuple[str, ...]] = {}


class _Review(Resource, frozen=True, kw_only=True):
    """A question need not be named."""

    NAMESPACED: ClassVar[bool] = False

    metadata: ObjectMeta = ObjectMeta()


class SelfSubjectAccessReview(_Review, frozen=True, kw_only=True):
    """May I?"""

    API_VERSION: ClassVar[str] = AUTHORIZATION
    KIND: ClassVar[str] = "SelfSubjectAccessReview"
    PLURAL: ClassVar[str] = "selfsubjectaccessreviews"

    spec: SelfSubjectAccessReviewSpec
    status: SubjectAccessReviewStatus | None = None


class SubjectAccessReview(_Review, frozen=True, kw_only=True):
    """May somebody?"""

    API_VERSION: ClassVar[str] = AUTHORIZATION
    KIND: ClassVar[str] = "SubjectAccessReview"
    PLURAL: ClassVar[str] = "subjectaccessreviews"

    spec: SubjectAccessReviewSpec
    status: SubjectAccessReviewStatus | None = None


class LocalSubjectAccessReview(_Review, frozen=True, kw_only=True):
    """May somebody, in one namespace?"""

    API_VERSION: ClassVar[str] = AUTHORIZATION
    KIND: ClassVar[str] = "LocalSubjectAccessReview"
    PLURAL: ClassVar[str] = "localsubjectaccessreviews"
    NAMESPACED: ClassVar[bool] = True

    spec: SubjectAccessReviewSpec
    status: SubjectAccessReviewStatus | None = None


class ResourceRule(Wire, frozen=True, kw_only=True):
    """Verbs on objects that are allowed."""

    verbs: tuple[str, ...]
    api_groups: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    resource_names: tuple[str, ...] = ()


class NonResourceRule(Wire, frozen=True, kw_only=True):
    """Verbs on paths that are allowed."""

    verbs: tuple[str, ...]
    non_resource_urls: tuple[str, ...] = msgspec.field(name="nonResourceURLs", default=())


class SubjectRulesReviewStatus(Wire, frozen=True, kw_only=True, omit_defaults=False):
    """All that is allowed; more may be if `incomplete`."""

    resource_rules: tuple[ResourceRule, ...] = ()
    non_resource_rules: tuple[NonResourceRule, ...] = ()
    incomplete: bool = False
    evaluation_error: str = ""


class SelfSubjectRulesReviewSpec(Wire, frozen=True, kw_only=True):
    """In which namespace."""

    namespace: str = ""


class SelfSubjectRulesReview(_Review, frozen=True, kw_only=True):
    """What may I do?"""

    API_VERSION: ClassVar[str] = AUTHORIZATION
    KIND: ClassVar[str] = "SelfSubjectRulesReview"
    PLURAL: ClassVar[str] = "selfsubjectrulesreviews"

    spec: SelfSubjectRulesReviewSpec
    status: SubjectRulesReviewStatus | None = None


class UserInfo(Wire, frozen=True, kw_only=True):
    """Somebody."""

    username: str = ""
    uid: str = ""
    groups: tuple[str, ...] = ()
    extra: dict[str, tuple[str, ...]] = {}


class SelfSubjectReviewStatus(Wire, frozen=True, kw_only=True):
    """Who the asker is."""

    user_info: UserInfo = UserInfo()


class SelfSubjectReview(_Review, frozen=True, kw_only=True):
    """Who am I?"""

    API_VERSION: ClassVar[str] = AUTHENTICATION
    KIND: ClassVar[str] = "SelfSubjectReview"
    PLURAL: ClassVar[str] = "selfsubjectreviews"

    status: SelfSubjectReviewStatus | None = None


class BoundObjectReference(Wire, frozen=True, kw_only=True):
    """An object whose end ends a token: a Pod, Secret or Node."""

    api_version: str = ""
    kind: str = ""
    name: str = ""
    uid: str = ""


class TokenRequestSpec(Wire, frozen=True, kw_only=True):
    """For whom a token is, and for how long."""

    audiences: tuple[str, ...] = ()
    bound_object_ref: BoundObjectReference | None = None
    expiration_seconds: int | None = None


class TokenRequestStatus(Wire, frozen=True, kw_only=True):
    """The token; its repr does not show it."""

    token: str
    expiration_timestamp: datetime

    def __repr__(self) -> str:
        """Without the token."""
        return f"TokenRequestStatus(expiration_timestamp={self.expiration_timestamp!r})"


class TokenRequest(_Review, frozen=True, kw_only=True):
    """A token of a service account: created below it, at `serviceaccounts/NAME/token`."""

    API_VERSION: ClassVar[str] = AUTHENTICATION
    KIND: ClassVar[str] = "TokenRequest"
    PLURAL: ClassVar[str] = "tokenrequests"
    NAMESPACED: ClassVar[bool] = True

    spec: TokenRequestSpec
    status: TokenRequestStatus | None = None
