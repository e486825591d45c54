"""The nineteen loops that hold the plant at its base case: proportional and PI controllers in velocity form.

Source: Lyman, Georgakis, Computers chem. Engng 19 (1995) 321-331. A loop at a limit forgets the excess: valves are
limited after the step and the remembered error is kept, so nothing winds up. Rows are numbered as in the literature.
"""

# ruff: noqa: F403, F405  the modules of the kernel share one namespace, as `_compile` needs it; mypy checks the names

from __future__ import annotations

import numpy as np

from setpoint.plant._plant import Floats
from setpoint.plant.tep._constants import *

# Per loop 1..20 (12 is not used): measurement, span, gain, reset time in s (0: none), set-point of the base case.
MEASUREMENT = np.array([2, 3, 1, 4, 5, 10, 12, 15, 19, 21, 17, 0, 23, 26, 27, 18, 8, 9, 30, 38])
SPAN = np.array(
    [
        *(5811.0, 8354.0, 1.017, 15.25, 53.0, 1.0, 70.0, 70.0, 460.0, 150.0),
        *(46.0, 1.0, 100.0, 100.0, 100.0, 130.0, 50.0, 150.0, 26.0, 1.6),
    ]
)
GAIN = np.array(
    [
        *(1.0, 1.0, 1.0, 1.0, -0.083, 1.22, -2.06, -1.62, 0.41, -1.56),
        *(1.09, 0.0, 18.0, 8.3, 2.37, 0.169, 1.11, 28.3, -83.2 / 15.0, -16.3 / 5.0),
    ]
)
RESET = np.array(
    [
        *(0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1452.0),
        *(2600.0, 0.0, 3168.0, 3168.0, 5069.0, 236.0, 3168.0, 982.0, 6336.0, 12408.0),
    ]
)
SETPOINTS = np.array(
    [
        *(3664.0, 4509.3, 0.25052, 9.3477, 26.902, 0.33712, 50.0, 50.0, 230.31, 94.599),
        *(22.949, 0.0, 32.188, 6.8820, 18.776, 65.731, 75.0, 120.40, 13.823, 0.83570),
    ]
)
DEMANDS = np.array([63.053, 53.980, 24.644, 61.302, 22.210, 40.064, 38.100, 46.534, 47.446, 41.106, 18.114, 50.0])
FAST, SLOW, SLOWEST = 3, 360, 900  # s between two calls
PURGE, FAST_CASCADES, SLOW_CASCADES, SLOWEST_CASCADES = 6, (16, 17, 18), (13, 14, 15, 19), (20,)
INNER = np.array([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 1, 2, 9, 4, 10, 6, 16])  # whose set-point a loop moves


def increment(state: Floats, loop: int, seconds: float) -> float:
    """Change of a loop's output in % since its last call."""
    k = loop - 1
    error = (state[SETPOINT + k] - state[XMEAS + MEASUREMENT[k] - 1]) * 100.0 / SPAN[k]
    change = error - state[ERROR + k]
    if RESET[k] > 0.0:
        change += error * seconds / RESET[k]
    state[ERROR + k] = error
    return GAIN[k] * change  # type: ignore[no-any-return]


def cascade(state: Floats, loop: int, seconds: float) -> None:
    """Moves the set-point of the inner loop."""
    inner = INNER[loop - 1] - 1
    state[SETPOINT + inner] += increment(state, loop, seconds) * SPAN[inner] / 100.0


def purge(state: Floats) -> None:
    """Loop 6 with its override: too high a separator pressure opens the purge, too low a one closes it."""
    pressure, mode = state[XMEAS + 12], state[OVERRIDE]
    if pressure >= 2950.0:
        state[XMV + 5], state[OVERRIDE] = 100.0, 1.0
    elif mode == 1.0 and pressure >= 2633.7:
        state[XMV + 5] = 100.0
    elif mode != 1.0 and pressure <= 2300.0:
        state[XMV + 5], state[OVERRIDE] = 0.0, 2.0
    elif mode == 2.0 and pressure < 2633.7:
        state[XMV + 5] = 0.0
    elif mode != 0.0:
        state[XMV + 5], state[SETPOINT + 5], state[ERROR + 5], state[OVERRIDE] = 40.060, 0.33712, 0.0, 0.0
    else:
        state[XMV + 5] += increment(state, PURGE, 3.0)


def control(state: Floats, step: int) -> None:
    """All loops that are due in this step, in the original's order; an outer loop acts through the next inner call."""
    if step % FAST == 0:
        for loop in range(1, 12):
            if loop == PURGE:
                purge(state)
            else:
                state[XMV + loop - 1] += increment(state, loop, 3.0)
        for loop in FAST_CASCADES:
            cascade(state, loop, 3.0)
    if step % SLOW == 0:
        for loop in SLOW_CASCADES:
            cascade(state, loop, 360.0)
    if step % SLOWEST == 0:
        for loop in SLOWEST_CASCADES:
            cascade(state, loop, 900.0)
