"""Quantities as Kubernetes writes them: `100m`, `1.5Gi`, `2e3`, plain numbers. Exact, no floats.

Source: apimachinery `resource.Quantity`.
"""

from __future__ import annotations

import math
import re
from decimal import Decimal
from typing import Any

from setpoint.apis.errors import InvalidSpec

_FORM = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+))(?:([eE][+-]?\d+)|([KMGTPE]i|[numkMGTPE])?)")
_BINARY = {f"{letter}i": Decimal(1024) ** power for power, letter in enumerate("KMGTPE", 1)}
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}


def parse_quantity(value: Any) -> Decimal:
    """The number a quantity stands for: bytes of memory, cores of cpu, or a count.

    Raises: InvalidSpec if it is none.

    >>> parse_quantity("1Ki"), parse_quantity("100m")
    (Decimal('1024'), Decimal('0.100'))
    """
    text = str(value) if isinstance(value, (int, float, str)) and not isinstance(value, bool) else ""
    found = _FORM.fullmatch(text)
    if found is None:
        raise InvalidSpec(
            "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$', "
            f"found {value!r}"
        )
    number, exponent, suffix = found.groups()
    if exponent:
        return Decimal(number + exponent)
    return Decimal(number) * (_BINARY[suffix] if suffix in _BINARY else Decimal(1).scaleb(_DECIMAL[suffix or ""]))


def divided(value: Any, divisor: Any) -> int:
    """How many whole divisors make up the quantity, rounded up, as a resourceFieldRef shows it; divisor 0 means 1.

    Raises: InvalidSpec if either is no quantity.
    """
    by = parse_quantity(divisor) or Decimal(1)
    return math.ceil(parse_quantity(value) / by)
