"""CustomResourceDefinitions: whether one is acceptable, what it defines, and what its objects must be. Pure.

`check_crd` and `crd_status` are for the definition, `definitions_of` gives what is served; `prune`, `drop_nulls`,
`apply_defaults`, `validate` and `evaluate_rules` are what an object goes through, in this order
(`core.admission.admit` does it).
"""

from setpoint.core.customresources.check import check_crd, check_crd_update
from setpoint.core.customresources.definitions import (
    CRD_DEFINITION,
    CRD_SCHEMA,
    complete_names,
    definitions_of,
    deprecations_of,
    version_rank,
)
from setpoint.core.customresources.keywords import prune_schemas
from setpoint.core.customresources.metadata import check_embedded, coerce_metadata
from setpoint.core.customresources.prune import apply_defaults, drop_nulls, prune
from setpoint.core.customresources.rules import evaluate_rules, rule_warnings
from setpoint.core.customresources.status import crd_status, is_established, terminating_status
from setpoint.core.customresources.validate import validate
from setpoint.core.customresources.warnings import crd_warnings

__all__ = [
    "CRD_DEFINITION",
    "CRD_SCHEMA",
    "apply_defaults",
    "check_crd",
    "check_crd_update",
    "check_embedded",
    "coerce_metadata",
    "complete_names",
    "crd_status",
    "crd_warnings",
    "definitions_of",
    "deprecations_of",
    "drop_nulls",
    "evaluate_rules",
    "is_established",
    "prune",
    "prune_schemas",
    "rule_warnings",
    "terminating_status",
    "validate",
    "version_rank",
]
