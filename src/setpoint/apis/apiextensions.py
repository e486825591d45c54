"""apiextensions.k8s.io/v1 CustomResourceDefinition, typed; its rules are in `core.customresources`.

Source: Kubernetes API reference, CustomResourceDefinition v1.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

import msgspec

from setpoint.apis.meta import Resource, Wire


class ExternalDocumentation(Wire, frozen=True, kw_only=True):
    """Where more is written."""

    description: str = ""
    url: str = ""


class ValidationRule(Wire, frozen=True, kw_only=True):
    """A rule in CEL."""

    rule: str
    field_path: str = ""
    message: str = ""
    message_expression: str = ""
    optional_old_self: bool | None = None
    reason: str = ""


class JSONSchemaProps(Wire, frozen=True, kw_only=True):
    """A JSON schema as CustomResourceDefinitions take it."""

    ref: str = msgspec.field(name="$ref", default="")
    schema: str = msgspec.field(name="$schema", default="")
    additional_items: Any = None
    additional_properties: Any = None
    all_of: tuple[JSONSchemaProps, ...] = ()
    any_of: tuple[JSONSchemaProps, ...] = ()
    default: Any = None
    definitions: dict[str, JSONSchemaProps] = {}
    dependencies: dict[str, Any] = {}
    description: str = ""
    enum: tuple[Any, ...] = ()
    example: Any = None
    exclusive_maximum: bool | None = None
    exclusive_minimum: bool | None = None
    external_docs: ExternalDocumentation | None = None
    format: str = ""
    id: str = ""
    items: Any = None
    max_items: int | None = None
    max_length: int | None = None
    max_properties: int | None = None
    maximum: float | None = None
    min_items: int | None = None
    min_length: int | None = None
    min_properties: int | None = None
    minimum: float | None = None
    multiple_of: float | None = None
    not_: JSONSchemaProps | None = None
    nullable: bool | None = None
    one_of: tuple[JSONSchemaProps, ...] = ()
    pattern: str = ""
    pattern_properties: dict[str, JSONSchemaProps] = {}
    properties: dict[str, JSONSchemaProps] = {}
    required: tuple[str, ...] = ()
    title: str = ""
    type: str = ""
    unique_items: bool | None = None
    x_kubernetes_embedded_resource: bool | None = msgspec.field(name="x-kubernetes-embedded-resource", default=None)
    x_kubernetes_int_or_string: bool | None = msgspec.field(name="x-kubernetes-int-or-string", default=None)
    x_kubernetes_list_map_keys: tuple[str, ...] = msgspec.field(name="x-kubernetes-list-map-keys", default=())
    x_kubernetes_list_type: str = msgspec.field(name="x-kubernetes-list-type", default="")
    x_kubernetes_map_type: str = msgspec.field(name="x-kubernetes-map-type", default="")
    preserve_unknown_fields: bool | None = msgspec.field(name="x-kubernetes-preserve-unknown-fields", default=None)
    x_kubernetes_validations: tuple[ValidationRule, ...] = msgspec.field(name="x-kubernetes-validations", default=())


class CustomResourceValidation(Wire, frozen=True, kw_only=True):
    """The schema of a version."""

    openapi_v3_schema: JSONSchemaProps | None = msgspec.field(name="openAPIV3Schema", default=None)


class CustomResourceSubresourceScale(Wire, frozen=True, kw_only=True):
    """Where the scale subresource finds its numbers."""

    spec_replicas_path: str
    status_replicas_path: str
    label_selector_path: str = ""


class CustomResourceSubresources(Wire, frozen=True, kw_only=True):
    """What there is below an object."""

    scale: CustomResourceSubresourceScale | None = None
    status: dict[str, Any] | None = None


class CustomResourceColumnDefinition(Wire, frozen=True, kw_only=True):
    """A column of the table that kubectl prints."""

    json_path: str
    name: str
    type: str
    description: str = ""
    format: str = ""
    priority: int | None = None


class SelectableField(Wire, frozen=True, kw_only=True):
    """A field that field selectors may name."""

    json_path: str


class CustomResourceDefinitionVersion(Wire, frozen=True, kw_only=True):
    """A version of the kind."""

    name: str
    served: bool
    storage: bool
    additional_printer_columns: tuple[CustomResourceColumnDefinition, ...] = ()
    deprecated: bool | None = None
    deprecation_warning: str = ""
    schema: CustomResourceValidation | None = None
    selectable_fields: tuple[SelectableField, ...] = ()
    subresources: CustomResourceSubresources | None = None


class CustomResourceDefinitionNames(Wire, frozen=True, kw_only=True):
    """What the kind is called."""

    kind: str
    plural: str
    categories: tuple[str, ...] = ()
    list_kind: str = ""
    short_names: tuple[str, ...] = ()
    singular: str = ""


class ServiceReference(Wire, frozen=True, kw_only=True):
    """A service that a webhook is called at."""

    name: str
    namespace: str
    path: str = ""
    port: int | None = None


class WebhookClientConfig(Wire, frozen=True, kw_only=True):
    """How a webhook is called."""

    ca_bundle: str = ""
    service: ServiceReference | None = None
    url: str = ""


class WebhookConversion(Wire, frozen=True, kw_only=True):
    """A webhook that converts between versions."""

    conversion_review_versions: tuple[str, ...]
    client_config: WebhookClientConfig | None = None


class CustomResourceConversion(Wire, frozen=True, kw_only=True):
    """How versions are converted; `strategy` is None or Webhook."""

    strategy: str
    webhook: WebhookConversion | None = None


class CustomResourceDefinitionSpec(Wire, frozen=True, kw_only=True):
    """The kind: its group, names, scope and versions."""

    group: str
    names: CustomResourceDefinitionNames
    scope: str
    versions: tuple[CustomResourceDefinitionVersion, ...]
    conversion: CustomResourceConversion | None = None
    preserve_unknown_fields: bool | None = None


class CustomResourceDefinitionCondition(Wire, frozen=True, kw_only=True):
    """One condition: Established, NamesAccepted and the like."""

    status: str
    type: str
    last_transition_time: datetime | None = None
    message: str = ""
    reason: str = ""


class CustomResourceDefinitionStatus(Wire, frozen=True, kw_only=True):
    """Whether the kind is served, and under which names."""

    accepted_names: CustomResourceDefinitionNames | None = None
    conditions: tuple[CustomResourceDefinitionCondition, ...] = ()
    stored_versions: tuple[str, ...] = ()
    observed_generation: int | None = None


class CustomResourceDefinition(Resource, frozen=True, kw_only=True):
    """apiextensions/v1 CustomResourceDefinition: a kind of one's own."""

    API_VERSION: ClassVar[str] = "apiextensions.k8s.io/v1"
    KIND: ClassVar[str] = "CustomResourceDefinition"
    PLURAL: ClassVar[str] = "customresourcedefinitions"
    SHORT_NAMES: ClassVar[tuple[str, ...]] = (
        "crd",
        "crds",
    )
    NAMESPACED: ClassVar[bool] = False

    spec: CustomResourceDefinitionSpec
    status: CustomResourceDefinitionStatus = CustomResourceDefinitionStatus()
