"""The list of rules and the tests that name them; that every rule has its test is checked by `make check`."""

from __future__ import annotations

import yaml
from tools import conformance

from setpoint.apis import argo


def test_every_rule_that_a_test_names_is_in_the_list() -> None:
    assert [line for line in conformance.problems() if "names the rule" in line] == []


def test_fields_of_rules_are_those_of_the_types() -> None:
    rules = yaml.safe_load((conformance.ROOT / conformance.RULES).read_text())
    entries = [entry for topic in rules.values() for entry in topic["rules"].values() if isinstance(entry, dict)]
    for field in {field for entry in entries for field in entry.get("fields", ())}:
        kind, _, name = field.partition(".")
        assert name in getattr(argo, kind).__struct_fields__, field


def test_a_page_names_the_test_and_the_reason_of_what_is_refused() -> None:
    page = conformance.page()
    assert "[retry-backoff](../tests/conformance/manifests/retry-backoff.yaml)" in page
    assert all(rule.reason in page for rule in conformance.read_rules())
