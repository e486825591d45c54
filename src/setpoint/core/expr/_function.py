"""What a callable function is, and what it may take from outside the expression."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from setpoint.core.expr._errors import ExpressionError
from setpoint.core.expr._gotext import go_type


@dataclass(frozen=True, eq=False)
class Ambient:
    """What a few functions need that no expression holds: the time, and numbers that look random.

    Args:
        now: The present, aware.
        seed: Bytes the numbers are derived from: the same seed draws the same numbers in the same order.
    """

    now: datetime
    seed: bytes = b""
    _state: list[int] = field(default_factory=lambda: [0])

    def draw(self, count: int) -> bytes:
        """That many bytes, other ones at each call."""
        found = b""
        while len(found) < count:
            self._state[0] += 1
            found += hashlib.sha256(self.seed + self._state[0].to_bytes(8)).digest()
        return found[:count]

    def below(self, bound: int) -> int:
        """A number from 0 up to but not including `bound`."""
        return int.from_bytes(self.draw(16)) % bound

    def letters(self, alphabet: str, count: int) -> Iterator[str]:
        """That many characters out of an alphabet."""
        return (alphabet[self.below(len(alphabet))] for _ in range(count))


Run = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Function:
    """A function: `run(ambient, *arguments)`, how many arguments it takes (most None: any number), what it returns.

    `result` is the type the checker may rely on, "any" where it is known only at run time.
    """

    run: Run
    least: int
    most: int | None
    result: str = "any"


def demand(ambient: Ambient | None, name: str) -> Ambient:
    """The surroundings, which must be there for this function.

    Raises:
        ExpressionError: Where expressions are evaluated without a clock.
    """
    if ambient is None:
        raise ExpressionError(f"function {name} needs a clock or randomness, which this place does not have")
    return ambient


_KINDS: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "s": ("a string", lambda value: isinstance(value, str)),
    "i": ("an int", lambda value: isinstance(value, int) and not isinstance(value, bool)),
    "b": ("a bool", lambda value: isinstance(value, bool)),
    "m": ("a map", lambda value: isinstance(value, Mapping)),
    "l": ("a list", lambda value: isinstance(value, list | tuple)),
    "a": ("anything", lambda value: True),
}


def typed(
    name: str, kinds: str, run: Run, result: str = "any", *, optional: int = 0, ambient: bool = False
) -> Function:
    """A function that checks the types of its arguments, as a Go function's signature does.

    Args:
        name: For messages.
        kinds: One letter per argument: s string, i int, b bool, m map, l list, a any; a trailing `*` repeats the last
            one any number of times, also none.
        run: Takes the arguments, behind the ambient if `ambient` is set.
        result: Type for the checker.
        optional: How many of the last arguments may be missing.
        ambient: Whether it needs a clock or randomness.
    """
    repeated = kinds.endswith("*")
    letters = kinds.rstrip("*")
    least = len(letters) - (1 if repeated else optional)

    def checked(surroundings: Ambient | None, *arguments: Any) -> Any:
        for index, argument in enumerate(arguments):
            wanted, fits = _KINDS[letters[min(index, len(letters) - 1)]]
            if not fits(argument):
                raise ExpressionError(f"argument {index + 1} of {name} must be {wanted}, got {go_type(argument)}")
        return run(demand(surroundings, name), *arguments) if ambient else run(*arguments)

    return Function(checked, least, None if repeated else len(letters), result)
