"""The kernel in its variants: interpreted or compiled, with the product's own or the original's random numbers.

The functions of the kernel are written once, in plain Python. A variant is a set of copies of them over one
namespace, in which constants may have other values and each function may be compiled; so compiled code sees constants
as literals and the interpreted form runs the very same text. numba is imported when a compiled variant is first built.
Invariant: compiled code on disk is used only for the source it was made from (its name holds a digest of all of it).
"""

from __future__ import annotations

import functools
import hashlib
import inspect
import sys
import types
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from setpoint.plant.tep import _constants, _control, _instruments, _kernel, _process

_MODULES = (_constants, _process, _instruments, _control, _kernel)


@dataclass(frozen=True, slots=True)
class Kernel:
    """Entry points of one variant; arguments as `_kernel.initialise` and `_kernel.simulate`."""

    initialise: Callable[..., None]
    simulate: Callable[..., None]


@functools.cache
def kernel(*, original: bool, compiled: bool) -> Kernel:
    """A variant of the kernel. Compiling takes some seconds once per machine and version, loading a fraction of one.

    Args:
        original: Draw, keep time and round as the original program did.
        compiled: Through numba; else plain Python, some hundred times slower.
    """
    names: dict[str, Any] = {"__name__": _kernel.__name__, "__builtins__": __builtins__}
    functions: dict[str, types.FunctionType] = {}
    for module in _MODULES:
        for name, value in vars(module).items():
            if isinstance(value, types.FunctionType) and value.__module__ == module.__name__:
                functions[name] = value
            elif not name.startswith("__"):
                names[name] = value
    if original:
        names.update(_original())
    wrap = _compiler(original) if compiled else (lambda function: function)
    for name, function in functions.items():
        names[name] = wrap(types.FunctionType(function.__code__, names, name, function.__defaults__))
    return Kernel(initialise=names["initialise"], simulate=names["simulate"])


def _original() -> dict[str, Any]:
    """Constants of the variant that repeats published files."""
    single = {name: float(np.float32(getattr(_constants, name))) for name in _constants.SINGLE_PRECISION}
    clock = {"HOURS_PER_STEP": float(np.float32(1.0 / 3600.0)), "GAS_PERIOD": float(np.float32(0.1))}
    return {**single, **clock, "CLOCK_SLACK": 0.0, "FROZEN_VALVE": 61.30201, "ORIGINAL": True}


def _compiler(original: bool) -> Callable[[types.FunctionType], Any]:
    """Compiles a function with all it calls when it is first called; keeps the code on disk where that is possible."""
    import numba  # noqa: PLC0415  half a second, for those who simulate this plant only

    sources = (*_MODULES, sys.modules[__name__])
    digest = hashlib.sha256("".join(inspect.getsource(module) for module in sources).encode()).hexdigest()[:16]

    variant = "original" if original else "default"

    def wrap(function: types.FunctionType) -> Any:
        # For all functions: symbols of the same name in two pieces of loaded code are taken for the same function.
        function.__qualname__ = f"{function.__name__}_{variant}_{digest}"
        if function.__name__ == _kernel.simulate.__name__:  # the others are part of the code kept for this one
            try:
                return numba.njit(nogil=True, cache=True, error_model="numpy")(function)
            except RuntimeError:  # no place to keep it: neither the package's directory nor the user's cache
                pass
        return numba.njit(nogil=True, error_model="numpy")(function)

    return wrap
