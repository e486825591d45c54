"""What is seen and what disturbs: true measurements, noise, analysers with dead time, random disturbances, shutdown.

Invariant: with the default generator each random number belongs to a purpose and a moment, not to a sequence, so what
one fault draws shifts nothing else. The original's generator is one sequence for all and is used in its order.
"""

# ruff: noqa: F403, F405  the modules of the kernel share one namespace, as `_compile` needs it; mypy checks the names

from __future__ import annotations

import math

import numpy as np

from setpoint.plant._plant import Floats
from setpoint.plant.tep._constants import *
from setpoint.plant.tep._process import *

NOISE = np.array(
    [
        *(0.0012, 18.0, 22.0, 0.05, 0.2, 0.21, 0.3, 0.5, 0.01, 0.0017, 0.01),
        *(1.0, 0.3, 0.125, 1.0, 0.3, 0.115, 0.01, 1.15, 0.2, 0.01, 0.01),
        *(0.25, 0.10, 0.25, 0.10, 0.25, 0.025),
        *(0.25, 0.10, 0.25, 0.10, 0.25, 0.025, 0.05, 0.05),
        *(0.01, 0.01, 0.01, 0.5, 0.5),
    ]
)  # standard deviations of XMEAS 1..41
FLOWMETER = 0.359 / 35.3145  # kscmh per lbmol/h
CONTINUOUS, GASEOUS, PRODUCT = 22, 36, 41  # where the groups of measurements end

# Random disturbances 1..12 and the eight of 2015: index of the fault's flag, span and base of the length in h, span and
# base of the level. The last three of the twelve are ramps with a reset and have no span.
FLAG = np.array([7, 7, 8, 9, 10, 11, 12, 12, 15, 16, 17, 19, 21, 22, 23, 24, 25, 26, 27, 28])
LENGTH_SPAN = np.array(
    [0.2, 0.7, 0.25, 0.7, 0.15, 0.15, 1.0, 1.0, 0.4, 1.5, 2.0, 1.5, 0.15, 0.25, 0.15, 0.25, 0.25, 0.7, 0.1, 0.1]
)
LENGTH_BASE = np.array(
    [0.5, 1.0, 0.5, 1.0, 0.25, 0.25, 2.0, 2.0, 0.5, 2.0, 3.0, 2.0, 0.25, 0.5, 0.25, 0.5, 0.5, 1.0, 0.2, 0.2]
)
LEVEL_SPAN = np.array(
    [
        0.03,
        0.003,
        10.0,
        10.0,
        10.0,
        10.0,
        0.25,
        0.25,
        0.25,
        0.0,
        0.0,
        0.0,
        10.0,
        10.0,
        5.0,
        20.0,
        20.0,
        75.0,
        50.0,
        60.0,
    ]
)
LEVEL_BASE = np.array(
    [
        *(0.485, 0.005, 45.0, 45.0, 35.0, 40.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0),
        *(45.0, 45.0, 100.0, 400.0, 400.0, 1500.0, 1000.0, 1200.0),
    ]
)
FIRST_PIECE = 0.1  # h


def uniform(state: Floats) -> float:
    """Next number in [0, 1) of the original's generator; the product is rounded, which is part of the sequence."""
    product = 9228907.0 * state[GENERATOR]
    state[GENERATOR] = product - 4294967296.0 * math.floor(product / 4294967296.0)
    return state[GENERATOR] / 4294967296.0  # type: ignore[no-any-return]


def gauss(state: Floats) -> float:
    """The original's normal number: twelve uniform ones."""
    total = 0.0
    for _ in range(12):
        total += uniform(state)
    return total - 6.0


def disturb(state: Floats, d: Floats, draws: Floats, w: Floats) -> None:
    """Values of the random disturbances now; draws new pieces for those that are due. `draws` (20, 3) in [-1, 1)."""
    clock = state[CLOCK]
    for j in range(20):
        piece = state[PIECES + 6 * j : PIECES + 6 * j + 6]
        if clock + CLOCK_SLACK >= piece[5] and not (ORIGINAL and j >= 12):
            renew(state, piece, j, d[FLAG[j]], draws[j])
        h = clock - piece[4]
        w[j] = piece[0] + h * (piece[1] + h * (piece[2] + h * piece[3]))


def renew(state: Floats, piece: Floats, j: int, flag: float, draw: Floats) -> None:
    """The next cubic of disturbance j, beginning where the last one ends; the flag counts now, not later."""
    h = piece[5] - piece[4]
    value = piece[0] + h * (piece[1] + h * (piece[2] + h * piece[3]))
    slope = piece[1] + h * (2.0 * piece[2] + h * 3.0 * piece[3])
    piece[4] = piece[5]
    if 9 <= j < 12:
        if value > 0.1:  # the ramp is over: back to zero within 0.1 h
            piece[0], piece[1] = value, slope
            piece[2] = -(3.0 * value + 0.2 * slope) / 0.01
            piece[3] = (2.0 * value + 0.1 * slope) / 0.001
            piece[5] = piece[4] + 0.1
            return
        length = LENGTH_SPAN[j] * (2.0 * uniform(state) - 1.0 if ORIGINAL else draw[0]) + LENGTH_BASE[j]
        piece[0], piece[1], piece[2], piece[3] = 0.0, 0.0, flag / (length * length), 0.0
        piece[5] = piece[4] + length
        return
    first, second = draw[0], draw[1]
    if ORIGINAL:
        first = 2.0 * uniform(state) - 1.0
        second = 2.0 * uniform(state) - 1.0
        uniform(state)  # the slope's draw has no effect but counts in the sequence
    length = LENGTH_SPAN[j] * first + LENGTH_BASE[j]
    target = LEVEL_SPAN[j] * second * flag + LEVEL_BASE[j]
    piece[0], piece[1] = value, slope
    piece[2] = (3.0 * (target - value) - length * 2.0 * slope) / (length * length)
    piece[3] = (2.0 * (value - target) + length * slope) / (length * length * length)
    piece[5] = piece[4] + length


def gauge(pressure: float) -> float:
    """From mmHg absolute to kPa gauge."""
    return (pressure - 760.0) / 760.0 * 101.325


def measure(x: Floats, temperature: Floats, mole: Floats, quantity: Floats, flow: Floats, truth: Floats) -> None:
    """True values of XMEAS 1..41, in their units."""
    truth[0] = FLOWMETER * flow[F_A]
    truth[1] = 0.454 * flow[F_D] * mean_mass(FEED_D)
    truth[2] = 0.454 * flow[F_E] * mean_mass(FEED_E)
    truth[3] = FLOWMETER * flow[F_AC]
    truth[4] = FLOWMETER * flow[F_Y]
    truth[5] = FLOWMETER * flow[F_R]
    truth[6] = gauge(quantity[P_R])
    truth[7] = 100.0 * (quantity[V_LR] - 84.6) / 666.7
    truth[8] = temperature[0]
    truth[9] = FLOWMETER * flow[F_P]
    truth[10] = temperature[1]
    truth[11] = 100.0 * (quantity[V_LS] - 27.5) / 290.0
    truth[12] = gauge(quantity[P_S])
    truth[13] = flow[F_L] / quantity[RHO_S] / CUBIC_FEET
    truth[14] = 100.0 * (quantity[V_LC] - 78.25) / 156.5
    truth[15] = gauge(quantity[P_V])
    truth[16] = flow[F_Q] / quantity[RHO_C] / CUBIC_FEET
    truth[17] = temperature[2]
    truth[18] = 1040.0 * 0.454 * flow[Q_C]
    truth[19] = 293.07 * flow[H_CP]
    truth[20] = x[WATER_REACTOR]
    truth[21] = x[WATER_CONDENSER]
    for i in range(6):
        truth[22 + i] = 100.0 * mole[Y_MIXING, i]
    for i in range(8):
        truth[28 + i] = 100.0 * mole[Y_SEPARATOR, i]
    for i in range(5):
        truth[36 + i] = 100.0 * mole[X_STRIPPER, 3 + i]


def shutdown(truth: Floats, quantity: Floats) -> float:
    """0, or which limit is passed: 1 reactor pressure, 2 its temperature, 3 reactor, 4 separator, 5 stripper level."""
    reactor = quantity[V_LR] / CUBIC_FEET
    separator = quantity[V_LS] / CUBIC_FEET
    stripper = quantity[V_LC] / CUBIC_FEET
    if truth[6] > PRESSURE_LIMIT:
        return 1.0
    if truth[8] > TEMPERATURE_LIMIT:
        return 2.0
    if reactor > REACTOR_HIGH or reactor < REACTOR_LOW:
        return 3.0
    if separator > SEPARATOR_HIGH or separator < SEPARATOR_LOW:
        return 4.0
    if stripper > STRIPPER_HIGH or stripper < STRIPPER_LOW:
        return 5.0
    return 0.0


def show(state: Floats, truth: Floats, noise: Floats, analyser: Floats) -> None:
    """What the instruments show now; no noise at the start, none on XMEAS 1..22 after a shutdown."""
    clock = state[CLOCK]
    noisy = clock > 0.0 and state[TRIP] == 0.0
    for i in range(CONTINUOUS):
        state[XMEAS + i] = truth[i]
        if noisy:
            state[XMEAS + i] += NOISE[i] * (gauss(state) if ORIGINAL else noise[i])
    if clock == 0.0:
        for i in range(CONTINUOUS, PRODUCT):
            state[XMEAS + i] = truth[i]
            state[STORED + i - CONTINUOUS] = truth[i]
        return
    if clock + CLOCK_SLACK >= state[DUE]:
        publish(state, truth, analyser, CONTINUOUS, GASEOUS)
        state[DUE] += GAS_PERIOD
    if clock + CLOCK_SLACK >= state[DUE + 1]:
        publish(state, truth, analyser, GASEOUS, PRODUCT)
        state[DUE + 1] += PRODUCT_PERIOD


def publish(state: Floats, truth: Floats, analyser: Floats, first: int, last: int) -> None:
    """An analyser's result is that of the sample before; it takes the next one now."""
    for i in range(first, last):
        draw = gauss(state) if ORIGINAL else analyser[i - CONTINUOUS]
        state[XMEAS + i] = state[STORED + i - CONTINUOUS] + NOISE[i] * draw
        state[STORED + i - CONTINUOUS] = truth[i]
