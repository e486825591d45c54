"""Balances of the Tennessee Eastman process: state, disturbances and faults in, slopes and true measurements out.

Decides nothing over time: one evaluation knows the present only. Arrays are written in place, in the order of
`_constants`; these functions run interpreted as they stand and compiled by `_compile`, to the same numbers.
Source: Downs, Vogel (1993); energies of reactor and separator are those of their liquids, by design of the benchmark.
"""

# ruff: noqa: F403, F405  the modules of the kernel share one namespace, as `_compile` needs it; mypy checks the names

from __future__ import annotations

import math

from setpoint.plant._plant import Floats
from setpoint.plant.tep._constants import *

# Rows of `mole` (mole fractions of A..H): liquid and vapour of reactor and separator, sump, mixing zone, A/C feed.
X_REACTOR, Y_REACTOR, X_SEPARATOR, Y_SEPARATOR, X_STRIPPER, Y_MIXING, Z_AC = range(7)
# Entries of `quantity`: volumes ft3, pressures mmHg, densities lbmol/ft3.
V_LR, V_LS, V_LC, P_R, P_S, P_V, RHO_S, RHO_C = range(8)
# Entries of `flow`, lbmol/h; heats in MMBtu/h.
F_D, F_E, F_A, F_AC, F_L, F_Q, F_R, F_X, F_P, F_Y, F_O, Q_R, Q_S, Q_C, H_CP, H_RX, UA_C = range(17)
# Rows of `part` (lbmol/h or mmHg per component): partial pressures and production in the reactor, stripper's streams.
PARTIAL, PRODUCTION, OVERHEAD, SUMP = range(4)


def enthalpy(z: Floats, t: float) -> float:
    """Of a liquid of composition z at t degC, MMBtu/lbmol."""
    a, b, c = 0.0, 0.0, 0.0
    for i in range(8):
        a += z[i] * LIQUID_1[i]
        b += z[i] * LIQUID_2[i]
        c += z[i] * LIQUID_3[i]
    return t * (a + t * (b + t * c))


def vapour_enthalpy(z: Floats, t: float) -> float:
    """Of a vapour, latent heat included, MMBtu/lbmol."""
    a, b, c, latent = 0.0, 0.0, 0.0, 0.0
    for i in range(8):
        a += z[i] * VAPOUR_1[i]
        b += z[i] * VAPOUR_2[i]
        c += z[i] * VAPOUR_3[i]
        latent += z[i] * LATENT_HEAT[i]
    return t * (a + t * (b + t * c)) + latent


def liquid_temperature(z: Floats, energy: float, guess: float) -> float:
    """Where the liquid's enthalpy is `energy`, by Newton's method; the guess if it does not converge."""
    a, b, c = 0.0, 0.0, 0.0
    for i in range(8):
        a += z[i] * LIQUID_1[i]
        b += z[i] * LIQUID_2[i]
        c += z[i] * LIQUID_3[i]
    return solve_cubic(a, b, c, energy, guess)


def vapour_temperature(z: Floats, energy: float, guess: float) -> float:
    """Where the vapour's inner energy is `energy`."""
    a, b, c, latent = 0.0, 0.0, 0.0, 0.0
    for i in range(8):
        a += z[i] * VAPOUR_1[i]
        b += z[i] * VAPOUR_2[i]
        c += z[i] * VAPOUR_3[i]
        latent += z[i] * LATENT_HEAT[i]
    return solve_cubic(a - INNER_ENERGY, b, c, energy - latent + INNER_ENERGY * KELVIN, guess)


def solve_cubic(a: float, b: float, c: float, value: float, guess: float) -> float:
    """Root of a t + b t2 + c t3 = value next to the guess."""
    t = guess
    for _ in range(100):
        step = (t * (a + t * (b + t * c)) - value) / (a + t * (2.0 * b + t * 3.0 * c))
        t -= step
        if abs(step) < 1e-12:
            return t
    return guess


def density(z: Floats, t: float) -> float:
    """Of a liquid, lbmol/ft3."""
    volume = 0.0
    for i in range(8):
        if z[i] != 0.0:
            volume += z[i] * MOLAR_MASS[i] / (DENSITY_A[i] + (DENSITY_B[i] + DENSITY_C[i] * t) * t)
    return 1.0 / volume


def mean_mass(z: Floats) -> float:
    """Molar mass of a composition."""
    mass = 0.0
    for i in range(8):
        mass += z[i] * MOLAR_MASS[i]
    return mass


def fractions(amount: Floats, first: int, z: Floats) -> float:
    """Mole fractions of the components from `first` on, the others zero; returns their total."""
    total = 0.0
    for i in range(first, 8):
        total += amount[i]
    for i in range(8):
        z[i] = amount[i] / total if i >= first else 0.0
    return total


def flash(vessel: Floats, liquid: Floats, volume: float, t: float, pressure: Floats, vapour: Floats) -> float:
    """Pressure in a vessel with liquid: gas law for A..C, Raoult's law for D..H; fills pressures and fractions."""
    total = 0.0
    for i in range(3):
        pressure[i] = vessel[i] * GAS * (t + KELVIN) / volume
        total += pressure[i]
    for i in range(3, 8):
        pressure[i] = math.exp(VAPOUR_A[i] + VAPOUR_B[i] / (t + VAPOUR_C[i])) * liquid[i]
        total += pressure[i]
    for i in range(8):
        vapour[i] = pressure[i] / total
    return total


def vessels(x: Floats, temperature: Floats, mole: Floats, quantity: Floats, part: Floats) -> None:
    """Compositions, temperatures, volumes and pressures of the four vessels."""
    reactor, separator, stripper, mixing = x[REACTOR:], x[SEPARATOR:], x[STRIPPER:], x[MIXING:]
    n_r = fractions(reactor, 3, mole[X_REACTOR])
    n_s = fractions(separator, 3, mole[X_SEPARATOR])
    n_c = fractions(stripper, 0, mole[X_STRIPPER])
    n_v = fractions(mixing, 0, mole[Y_MIXING])
    temperature[0] = liquid_temperature(mole[X_REACTOR], reactor[8] / n_r, temperature[0])
    temperature[1] = liquid_temperature(mole[X_SEPARATOR], separator[8] / n_s, temperature[1])
    temperature[2] = liquid_temperature(mole[X_STRIPPER], stripper[8] / n_c, temperature[2])
    temperature[3] = vapour_temperature(mole[Y_MIXING], mixing[8] / n_v, temperature[3])
    quantity[RHO_S] = density(mole[X_SEPARATOR], temperature[1])
    quantity[RHO_C] = density(mole[X_STRIPPER], temperature[2])
    quantity[V_LR] = n_r / density(mole[X_REACTOR], temperature[0])
    quantity[V_LS] = n_s / quantity[RHO_S]
    quantity[V_LC] = n_c / quantity[RHO_C]
    space = SEPARATOR_VOLUME - quantity[V_LS]
    quantity[P_S] = flash(separator, mole[X_SEPARATOR], space, temperature[1], part[PARTIAL], mole[Y_SEPARATOR])
    space = REACTOR_VOLUME - quantity[V_LR]  # the reactor last: its partial pressures stay for the reactions
    quantity[P_R] = flash(reactor, mole[X_REACTOR], space, temperature[0], part[PARTIAL], mole[Y_REACTOR])
    quantity[P_V] = n_v * GAS * (temperature[3] + KELVIN) / MIXING_VOLUME


def reactions(partial: Floats, t: float, space: float, w: Floats, production: Floats) -> float:
    """Net production of each component in lbmol/h; returns the heat set free, MMBtu/h."""
    kelvin = t + KELVIN
    r1, r2 = 0.0, 0.0
    if partial[0] > 0.0 and partial[2] > 0.0:
        drive = partial[0] ** ORDER_A * partial[2] ** ORDER_C * space
        r1 = w[6] * math.exp(RATE_1 - ACTIVATION_1 / (GAS_CALORIC * kelvin)) * drive * partial[3]
        r2 = w[7] * math.exp(RATE_2 - ACTIVATION_2 / (GAS_CALORIC * kelvin)) * drive * partial[4]
    side = math.exp(RATE_3 - ACTIVATION_3 / (GAS_CALORIC * kelvin)) * partial[0] * space
    r3 = side * partial[4]
    r4 = RATE_4 * side * partial[3]
    production[0] = -(r1 + r2 + r3)
    production[1] = 0.0
    production[2] = -(r1 + r2)
    production[3] = -(r1 + 1.5 * r4)
    production[4] = -(r2 + r3)
    production[5] = r3 + r4
    production[6] = r1
    production[7] = r2
    return HEAT_1 * r1 + HEAT_2 * r2


def transport(v: Floats, w: Floats, d: Floats, kelvin: float, mole: Floats, quantity: Floats, flow: Floats) -> None:
    """Flows through valves, by pressure differences and through the compressor; `kelvin` is the separator's."""
    p_r, p_s, p_v = quantity[P_R], quantity[P_S], quantity[P_V]
    flow[F_D] = w[15] * v[0] / 100.0
    flow[F_E] = w[16] * v[1] / 100.0
    flow[F_A] = w[14] * v[2] / 100.0 * (1.0 - d[5])
    flow[F_AC] = w[17] * v[3] / 100.0 * (1.0 - AC_LOSS * d[6]) + AC_MINIMUM
    flow[F_L] = 15.0 * v[6]
    flow[F_Q] = 10.0 * v[7]
    flow[F_R] = FEED_RESISTANCE * math.sqrt(max(p_v - p_r, 0.0)) / mean_mass(mole[Y_MIXING])
    throat = EFFLUENT_RESISTANCE * (1.0 - EFFLUENT_LOSS * w[11])
    flow[F_X] = throat * math.sqrt(max(p_r - p_s, 0.0)) / mean_mass(mole[Y_REACTOR])
    mass = mean_mass(mole[Y_SEPARATOR])
    flow[F_P] = PURGE_RESISTANCE * v[5] * math.sqrt(max(p_s - 760.0, 0.0)) / mass
    ratio = min(max(p_v / p_s, 1.0), COMPRESSOR_RATIO)
    through = COMPRESSOR_FLOW + COMPRESSOR_FLOW / COMPRESSOR_SLOPE * (1.0 - ratio * ratio * ratio)
    flow[H_CP] = through * kelvin * COMPRESSOR_HEAT * GAS_HEAT * (p_v - p_s) / (mass * p_s)
    back = BYPASS_RESISTANCE * v[4] * math.sqrt(max(p_v - p_s, 0.0))
    flow[F_Y] = max(through - back, RECYCLE_MINIMUM) / mass
    flow[UA_C] = STEAM * v[8] / 100.0 * (1.0 + w[8])


def strip(flow: Floats, t: float, feed: Floats, liquid: Floats, overhead: Floats, sump: Floats) -> None:
    """Split of what enters the stripper into its overhead vapour and what falls into the sump."""
    factor = 0.0
    if flow[F_L] > 0.1:
        if t > STRIP_HIGH:
            factor = t - STRIP_SHIFT
        elif t < STRIP_LOW:
            factor = STRIP_FLOOR
        else:
            factor = STRIP_SCALE / (STRIP_POLE - t) - STRIP_OFFSET
        factor *= flow[F_AC] / flow[F_L]
    total = 0.0
    for i in range(8):
        enters = feed[i] * flow[F_AC] + liquid[i] * flow[F_L]
        overhead[i] = enters * split_fraction(i, factor, flow[F_L] > 0.1)
        sump[i] = enters - overhead[i]
        total += overhead[i]
    flow[F_O] = total


def split_fraction(i: int, factor: float, wet: bool) -> float:
    """How much of component i leaves the stripper overhead."""
    if i < 3:
        return (SPLIT_A, SPLIT_B, SPLIT_C)[i]
    if wet:
        return CONDENSABLE_SPLIT[i] * factor / (1.0 + CONDENSABLE_SPLIT[i] * factor)  # type: ignore[no-any-return]
    return (DRY_D, DRY_E, DRY_F, DRY_G, DRY_H)[i - 3]


def exchange(x: Floats, temperature: Floats, w: Floats, volume: float, flow: Floats) -> None:
    """Heat from cooling water and steam, MMBtu/h; the condenser is driven by the reactor's temperature."""
    level = volume / COIL_AREA
    if level > 50.0:
        wetted = 1.0
    elif level < 10.0:
        wetted = 0.0
    else:
        wetted = COIL_SLOPE * level - COIL_OFFSET
    stir = (x[VALVES + 11] + 150.0) / 100.0
    coil = REACTOR_UA * wetted * (-0.5 * stir * stir + 2.75 * stir - 2.5)
    flow[Q_R] = coil * (x[WATER_REACTOR] - temperature[0]) * (1.0 - REACTOR_FOULING * w[9])
    relative = flow[F_X] / CONDENSER_FLOW
    square = relative * relative
    condenser = CONDENSER_UA * (1.0 - 1.0 / (1.0 + square * square))
    flow[Q_S] = condenser * (x[WATER_CONDENSER] - temperature[0]) * (1.0 - CONDENSER_FOULING * w[10])
    flow[Q_C] = flow[UA_C] * (100.0 - temperature[2]) if temperature[2] < 100.0 else 0.0


def slopes(
    x: Floats, dx: Floats, w: Floats, d: Floats, temperature: Floats, mole: Floats, flow: Floats, part: Floats
) -> None:
    """Balances of material, energy and cooling water; per hour."""
    for i in range(8):
        into = mole[Y_MIXING, i] * flow[F_R]
        out = mole[Y_REACTOR, i] * flow[F_X]
        back = mole[Y_SEPARATOR, i] * flow[F_Y]
        dx[REACTOR + i] = into - out + part[PRODUCTION, i]
        dx[SEPARATOR + i] = out - back - mole[Y_SEPARATOR, i] * flow[F_P] - mole[X_SEPARATOR, i] * flow[F_L]
        dx[STRIPPER + i] = part[SUMP, i] - mole[X_STRIPPER, i] * flow[F_Q]
        feeds = FEED_D[i] * flow[F_D] + FEED_E[i] * flow[F_E] + FEED_A[i] * flow[F_A]
        dx[MIXING + i] = feeds + part[OVERHEAD, i] + back - into
    t_r, t_s, t_c, t_v = temperature[0], temperature[1], temperature[2], temperature[3]
    overhead = part[OVERHEAD]
    steam = 0.0  # enthalpy flow of the overhead; its composition is the flow itself over the total
    if flow[F_O] > 0.0:
        steam = vapour_enthalpy(overhead, t_c)
    into = vapour_enthalpy(mole[Y_MIXING], t_v) * flow[F_R]
    out = vapour_enthalpy(mole[Y_REACTOR], t_r) * flow[F_X]
    vapour = vapour_enthalpy(mole[Y_SEPARATOR], t_s)
    back = vapour * flow[F_Y] + flow[H_CP]
    liquid = enthalpy(mole[X_SEPARATOR], t_s) * flow[F_L]
    dx[REACTOR + 8] = into - out + flow[H_RX] + flow[Q_R]
    dx[SEPARATOR + 8] = out - back - vapour * flow[F_P] - liquid + flow[Q_S]
    rising = vapour_enthalpy(mole[Z_AC], w[3]) * flow[F_AC]
    dx[STRIPPER + 8] = rising + liquid - steam - enthalpy(mole[X_STRIPPER], t_c) * flow[F_Q] + flow[Q_C]
    feeds = vapour_enthalpy(FEED_D, w[2] + 5.0 * d[2]) * flow[F_D] + vapour_enthalpy(FEED_E, w[13]) * flow[F_E]
    feeds += vapour_enthalpy(FEED_A, w[12]) * flow[F_A]
    dx[MIXING + 8] = feeds + steam + back - into
    water = WATER * w[18] * x[VALVES + 9] / 100.0
    coolant = w[4] + 5.0 * d[3]
    dx[WATER_REACTOR] = (water * (coolant - x[WATER_REACTOR]) - 1e6 * flow[Q_R] / 1.8) / REACTOR_WATER_MASS
    water = WATER * w[19] * x[VALVES + 10] / 100.0
    coolant = w[5] + 5.0 * d[4]
    dx[WATER_CONDENSER] = (water * (coolant - x[WATER_CONDENSER]) - 1e6 * flow[Q_S] / 1.8) / CONDENSER_WATER_MASS


def balance(
    x: Floats,
    dx: Floats,
    w: Floats,
    d: Floats,
    temperature: Floats,
    mole: Floats,
    quantity: Floats,
    flow: Floats,
    part: Floats,
) -> None:
    """One evaluation: fills `dx` (valves apart) and all that the instruments look at."""
    vessels(x, temperature, mole, quantity, part)
    mole[Z_AC, 0] = w[0] - STEP_A * d[0] - STEP_A2 * d[1]
    mole[Z_AC, 1] = w[1] + STEP_B * d[1]
    mole[Z_AC, 2] = 1.0 - mole[Z_AC, 0] - mole[Z_AC, 1]
    space = REACTOR_VOLUME - quantity[V_LR]
    flow[H_RX] = reactions(part[PARTIAL], temperature[0], space, w, part[PRODUCTION])
    transport(x[VALVES:], w, d, temperature[1] + KELVIN, mole, quantity, flow)
    strip(flow, temperature[2], mole[Z_AC], mole[X_SEPARATOR], part[OVERHEAD], part[SUMP])
    exchange(x, temperature, w, quantity[V_LR], flow)
    slopes(x, dx, w, d, temperature, mole, flow, part)
