"""The order of execution: faults, loops, record, evaluation, Euler step of one second, limits.

Explicit Euler at one second is part of the benchmark: three seconds are unstable. A record is taken before the
evaluation of its step, so it shows measurements one step old and demands of now. Invariant: `simulate` reads its
arguments only and writes `state` and `values`; the same arguments give the same bytes.
"""

# ruff: noqa: F403, F405  the modules of the kernel share one namespace, as `_compile` needs it; mypy checks the names

from __future__ import annotations

import numpy as np

from setpoint.plant._plant import Floats
from setpoint.plant.tep._constants import *
from setpoint.plant.tep._control import *
from setpoint.plant.tep._instruments import *
from setpoint.plant.tep._process import *

FLAGS = 29  # faults 1..21 and the eight of 2015
STUCK_5, STUCK_14, STUCK_15 = (4, 6, 7, 8), 9, 10  # valves that stick under faults 19, 14 and 15
MINIMUM_MOVE = 2.0  # % by which the command of a sticking valve must differ before it is taken


def set_flags(schedule: Floats, step: int, d: Floats) -> None:
    """Strength of each fault in this step; rows of the schedule are (index, first step, first step after, strength)."""
    for i in range(FLAGS):
        d[i] = 0.0
    for row in range(schedule.shape[0]):
        if schedule[row, 1] <= step < schedule[row, 2]:
            d[int(schedule[row, 0])] = schedule[row, 3]


def set_points(state: Floats, changes: Floats, step: int) -> None:
    """Set-point changes due in this step; rows are (loop, step, value)."""
    for row in range(changes.shape[0]):
        if changes[row, 1] == step:
            state[SETPOINT + int(changes[row, 0]) - 1] = changes[row, 2]


def stickiness(valve: int, d: Floats) -> float:
    """How much valve 0..11 sticks, 0 not at all."""
    if valve == STUCK_14:
        return d[13]  # type: ignore[no-any-return]
    if valve == STUCK_15:
        return d[14]  # type: ignore[no-any-return]
    if valve == STUCK_5[0] or STUCK_5[1] <= valve <= STUCK_5[3]:
        return d[18]  # type: ignore[no-any-return]
    return 0.0


def move_valves(state: Floats, d: Floats, dx: Floats) -> None:
    """Accept the demands, unless a valve sticks, and let the stems follow."""
    for j in range(12):
        difference = abs(state[COMMAND + j] - state[XMV + j])
        if state[CLOCK] == 0.0 or difference > MINIMUM_MOVE * stickiness(j, d):
            state[COMMAND + j] = state[XMV + j]
        state[COMMAND + j] = min(max(state[COMMAND + j], 0.0), 100.0)
        dx[VALVES + j] = (state[COMMAND + j] - state[X + VALVES + j]) / VALVE_LAG[j]


def evaluate(
    state: Floats, d: Floats, draws: Floats, noise: Floats, analyser: Floats, work: Floats, dx: Floats, truth: Floats
) -> None:
    """The plant at its present state and time: disturbances, balances, shutdown, instruments. `work` is (14, 20)."""
    x, temperature, w = state[X : X + STATES], state[TEMPERATURE : TEMPERATURE + 4], work[0]
    mole, quantity, flow, part = work[1:8], work[8], work[9], work[10:14]
    disturb(state, d, draws, w)
    balance(x, dx, w, d, temperature, mole, quantity, flow, part)
    measure(x, temperature, mole, quantity, flow, truth)
    if state[TRIP] == 0.0:
        state[TRIP] = shutdown(truth, quantity)
        if state[TRIP] != 0.0:
            state[TRIP_HOUR] = state[CLOCK]
    show(state, truth, noise, analyser)
    move_valves(state, d, dx)


def simulate(
    state: Floats,
    first: int,
    schedule: Floats,
    changes: Floats,
    noise: Floats,
    analyser: Floats,
    draws: Floats,
    values: Floats,
) -> None:
    """Steps `first` and on of one run, as many samples as `values` has rows, in place.

    Args:
        state: (SIZE,), changed in place.
        first: Number of the first step, 1 + 180 times the samples before.
        schedule: (faults, 4), as `set_flags`.
        changes: (set-point changes, 3), as `set_points`.
        noise: (samples, 180, 22) standard normal; not read by the original's variant, as the next two.
        analyser: (samples, 19) standard normal.
        draws: (samples, 20, 3) uniform in [-1, 1).
        values: (samples, 52), filled: XMEAS 1..41, XMV 1..11.
    """
    d, work, dx, truth = np.zeros(FLAGS), np.zeros((14, 20)), np.zeros(STATES), np.zeros(41)
    step = first
    for sample in range(values.shape[0]):
        for second in range(STEPS_PER_SAMPLE):
            set_flags(schedule, step, d)
            set_points(state, changes, step)
            control(state, step)
            if d[20] != 0.0:
                state[XMV + 3] = FROZEN_VALVE
            if second == STEPS_PER_SAMPLE - 1:
                values[sample, :41] = state[XMEAS : XMEAS + 41]
                values[sample, 41:] = state[XMV : XMV + 11]
            row = noise[sample, second] if not ORIGINAL else noise[0, 0]
            evaluate(state, d, draws[sample], row, analyser[sample], work, dx, truth)
            if state[TRIP] == 0.0:
                for i in range(STATES):
                    state[X + i] += dx[i] * HOURS_PER_STEP
            state[CLOCK] = state[CLOCK] + HOURS_PER_STEP if ORIGINAL else step * HOURS_PER_STEP
            for j in range(11):
                state[XMV + j] = min(max(state[XMV + j], 0.0), 100.0)
            step += 1


def initialise(state: Floats) -> None:
    """The base case at time zero, in place; the generator's state must be there already."""
    state[X : X + STATES] = START
    state[TEMPERATURE : TEMPERATURE + 4] = (120.0, 80.0, 65.0, 86.0)
    state[CLOCK], state[TRIP], state[TRIP_HOUR], state[OVERRIDE] = 0.0, 0.0, -1.0, 0.0
    state[DUE], state[DUE + 1] = GAS_PERIOD, PRODUCT_PERIOD
    state[COMMAND : COMMAND + 12] = DEMANDS
    state[XMV : XMV + 12] = DEMANDS
    state[SETPOINT : SETPOINT + 20] = SETPOINTS
    for j in range(20):
        state[PIECES + 6 * j] = LEVEL_BASE[j]
        state[PIECES + 6 * j + 5] = FIRST_PIECE
    evaluate(
        state,
        np.zeros(FLAGS),
        np.zeros((20, 3)),
        np.zeros(22),
        np.zeros(19),
        np.zeros((14, 20)),
        np.zeros(STATES),
        np.zeros(41),
    )
