"""Kubernetes' quantities."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from setpoint.apis.errors import InvalidSpec
from setpoint.apis.quantity import divided, parse_quantity


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("100m", "0.1"), ("1", "1"), (2, "2"), (0.5, "0.5"), ("64Mi", "67108864"), ("1.5Gi", "1610612736"),
        ("1k", "1000"), ("2e3", "2000"), ("1E", "1000000000000000000"), ("1E2", "100"), ("10n", "0.00000001"),
        ("-1", "-1"), (".5", "0.5"),
    ],
)  # fmt: skip
def test_quantity(text: Any, number: str) -> None:
    assert parse_quantity(text) == Decimal(number)


@pytest.mark.parametrize("text", ["", "1 Gi", "Gi", "1K", "abc", True, None, "1.2.3", "1ki"])
def test_no_quantity(text: Any) -> None:
    with pytest.raises(InvalidSpec):
        parse_quantity(text)


@pytest.mark.parametrize(
    ("value", "divisor", "shown"), [("100m", 0, 1), ("2500m", "1", 3), ("100m", "1m", 100), ("64Mi", "1Mi", 64)]
)
def test_a_field_shows_whole_divisors(value: str, divisor: Any, shown: int) -> None:
    assert divided(value, divisor) == shown
