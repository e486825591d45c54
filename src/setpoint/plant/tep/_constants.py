"""Figures of the Tennessee Eastman process: components, equipment, start of the base case, order of the state.

Sources: Downs, Vogel, Computers chem. Engng 17 (1993) 245-255; base case of mode 1. Internal units: lbmol, lb, ft3, h,
degC, mmHg absolute, MMBtu (1e6 Btu), gpm. The compiled kernel takes every name of this module as a literal, so a figure
stands here or nowhere. The names in `SINGLE_PRECISION` are those that the original program held in 32 bits; only the
variant that repeats published files digit by digit rounds them.
"""

from __future__ import annotations

import numpy as np

# Components A..H. Vapour pressure exp(a + b/(T + c)) in mmHg, for D..H only.
MOLAR_MASS = np.array([2.0, 25.4, 28.0, 32.0, 46.0, 48.0, 62.0, 76.0])
VAPOUR_A = np.array([0.0, 0.0, 0.0, 15.92, 16.35, 16.35, 16.43, 17.21])
VAPOUR_B = np.array([0.0, 0.0, 0.0, -1444.0, -2114.0, -2114.0, -2748.0, -3318.0])
VAPOUR_C = np.array([0.0, 0.0, 0.0, 259.0, 265.5, 265.5, 232.9, 249.6])
DENSITY_A = np.array([1.0, 1.0, 1.0, 23.3, 33.9, 32.8, 49.9, 50.5])  # lb/ft3
DENSITY_B = np.array([0.0, 0.0, 0.0, -0.0700, -0.0957, -0.0995, -0.0191, -0.0541])
DENSITY_C = np.array([0.0, 0.0, 0.0, -0.0002, -0.000152, -0.000233, -0.000425, -0.000150])
_LIQUID = np.array(
    [
        [1.0e-6, 1.0e-6, 1.0e-6, 0.960e-6, 0.573e-6, 0.652e-6, 0.515e-6, 0.471e-6],
        [0.0, 0.0, 0.0, 8.70e-9, 2.41e-9, 2.18e-9, 5.65e-10, 8.70e-10],
        [0.0, 0.0, 0.0, 4.81e-11, 1.82e-11, 1.94e-11, 3.82e-12, 2.62e-12],
    ]
)  # heat capacity a + bT + cT2 in MMBtu/(lb degC)
_VAPOUR = np.array(
    [
        [3.411e-6, 0.3799e-6, 0.2491e-6, 0.3567e-6, 0.3463e-6, 0.3930e-6, 0.170e-6, 0.150e-6],
        [7.18e-10, 1.08e-9, 1.36e-11, 8.51e-10, 8.96e-10, 1.02e-9, 0.0, 0.0],
        [6.0e-13, -3.98e-13, -3.93e-14, -3.12e-13, -3.27e-13, -3.12e-13, 0.0, 0.0],
    ]
)
_LATENT = np.array([1.0e-6, 1.0e-6, 1.0e-6, 86.7e-6, 160e-6, 160e-6, 225e-6, 209e-6])  # MMBtu/lb
# Enthalpy per lbmol is a cubic of T without constant term, plus the latent heat for a vapour.
LIQUID_1, LIQUID_2, LIQUID_3 = (1.8 * MOLAR_MASS * _LIQUID[i] / (i + 1.0) for i in range(3))
VAPOUR_1, VAPOUR_2, VAPOUR_3 = (1.8 * MOLAR_MASS * _VAPOUR[i] / (i + 1.0) for i in range(3))
LATENT_HEAT = MOLAR_MASS * _LATENT
INNER_ENERGY = 3.57696e-6  # MMBtu/(lbmol K): what a vapour's energy falls short of its enthalpy

FEED_D = np.array([0.0, 0.0001, 0.0, 0.9999, 0.0, 0.0, 0.0, 0.0])
FEED_E = np.array([0.0, 0.0, 0.0, 0.0, 0.9999, 0.0001, 0.0, 0.0])
FEED_A = np.array([0.9999, 0.0001, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0])

# Equipment.
REACTOR_VOLUME, SEPARATOR_VOLUME, MIXING_VOLUME = 1300.0, 3500.0, 5000.0  # ft3
REACTOR_WATER_MASS, CONDENSER_WATER_MASS = 7060.0, 11138.0  # lb
WATER = 500.53  # lb/h per gpm
HEAT_1, HEAT_2 = 0.06899381054, 0.05  # of reactions 1 and 2, MMBtu/lbmol
VALVE_LAG = np.array([8.0, 8.0, 6.0, 9.0, 7.0, 5.0, 5.0, 5.0, 120.0, 5.0, 5.0, 5.0]) / 3600.0  # h
CONDENSABLE_SPLIT = np.array([0.0, 0.0, 0.0, 8.5010, 11.402, 11.795, 0.0480, 0.0242])

# Boundary values.
KELVIN = 273.15
GAS = 998.9  # mmHg ft3 / (lbmol K)
STEP_A, STEP_B, STEP_A2 = 0.03, 0.005, 0.00243719
# Kinetics.
RATE_1, RATE_2, RATE_3, RATE_4 = 31.5859536, 3.00094014, 53.4060443, 0.767488334
ACTIVATION_1, ACTIVATION_2, ACTIVATION_3 = 40000.0, 20000.0, 60000.0
GAS_CALORIC = 1.987
ORDER_A, ORDER_C = 1.1544, 0.3735
# Flows.
AC_LOSS, AC_MINIMUM = 0.2, 1e-10
FEED_RESISTANCE, EFFLUENT_RESISTANCE, PURGE_RESISTANCE, BYPASS_RESISTANCE = 1937.6, 4574.21, 0.151169, 53.349
EFFLUENT_LOSS = 0.25
COMPRESSOR_RATIO, COMPRESSOR_FLOW, COMPRESSOR_SLOPE = 1.3, 280275.0, 1.197
COMPRESSOR_HEAT, GAS_HEAT = 1.8e-6, 1.9872
RECYCLE_MINIMUM = 1e-3
STEAM = 0.03
# Stripper.
SPLIT_A, SPLIT_B, SPLIT_C = 0.995, 0.991, 0.990
DRY_D, DRY_E, DRY_F, DRY_G, DRY_H = 0.9999, 0.999, 0.999, 0.99, 0.98
STRIP_HIGH, STRIP_LOW, STRIP_SHIFT, STRIP_FLOOR = 170.0, 5.292, 120.262, 0.1
STRIP_SCALE, STRIP_POLE, STRIP_OFFSET = 363.744, 177.0, 2.22579488
# Heat exchange.
COIL_AREA, COIL_SLOPE, COIL_OFFSET = 7.8, 0.025, 0.25
REACTOR_UA, REACTOR_FOULING = 0.855490, 0.35
CONDENSER_UA, CONDENSER_FLOW, CONDENSER_FOULING = 0.404655, 3528.73, 0.25

SINGLE_PRECISION = (
    *("KELVIN", "GAS", "STEP_A", "STEP_B", "STEP_A2", "RATE_1", "RATE_2", "RATE_3", "RATE_4", "GAS_CALORIC"),
    *("ORDER_A", "ORDER_C", "AC_LOSS", "AC_MINIMUM", "FEED_RESISTANCE", "EFFLUENT_RESISTANCE", "PURGE_RESISTANCE"),
    *("BYPASS_RESISTANCE", "COMPRESSOR_RATIO", "COMPRESSOR_SLOPE", "COMPRESSOR_HEAT", "GAS_HEAT", "RECYCLE_MINIMUM"),
    *("STEAM", "SPLIT_A", "SPLIT_B", "SPLIT_C", "DRY_D", "DRY_E", "DRY_F", "DRY_G", "DRY_H", "STRIP_LOW"),
    *("STRIP_SHIFT", "STRIP_FLOOR", "STRIP_SCALE", "STRIP_OFFSET", "COIL_AREA", "COIL_SLOPE", "REACTOR_UA"),
    *("REACTOR_FOULING", "CONDENSER_UA", "CONDENSER_FLOW"),
)

# Shutdown limits: kPa gauge, degC, m3.
PRESSURE_LIMIT, TEMPERATURE_LIMIT = 3000.0, 175.0
REACTOR_LOW, REACTOR_HIGH, SEPARATOR_LOW, SEPARATOR_HIGH, STRIPPER_LOW, STRIPPER_HIGH = 2.0, 24.0, 1.0, 12.0, 1.0, 8.0
CUBIC_FEET = 35.3145  # in a cubic metre

# Order of the process state: four vessels of eight hold-ups and an energy, two water temperatures, twelve valves.
REACTOR, SEPARATOR, STRIPPER, MIXING, WATER_REACTOR, WATER_CONDENSER, VALVES, STATES = 0, 9, 18, 27, 36, 37, 38, 50
START = np.array(
    [
        *(10.40491389, 4.363996017, 7.570059737, 0.4230042431, 24.15513437, 2.942597645, 154.3770655, 159.1865960),
        2.808522723,
        *(63.75581199, 26.74026066, 46.38532432, 0.2464521543, 15.20484404, 1.852266172, 52.44639459, 41.20394008),
        0.5699317760,
        *(0.4306056376, 0.0079906200783, 0.9056036089, 0.016054258216, 0.7509759687, 0.088582855955, 48.27726193),
        *(39.38459028, 0.3755297257),
        *(107.7562698, 29.77250546, 88.32481135, 23.03929507, 62.85848794, 5.546318688, 11.92244772, 5.555448243),
        0.9218489762,
        *(94.59927549, 77.29698353),
        *(63.05263039, 53.97970677, 24.64355755, 61.30192144, 22.21, 40.06374673, 38.10034370, 46.53415582),
        *(47.44573456, 41.10581288, 18.11349055, 50.0),
    ]
)

# Order of everything that a run carries on, one vector of float64 per run.
X, TEMPERATURE, CLOCK, TRIP, TRIP_HOUR, GENERATOR = 0, 50, 54, 55, 56, 57
XMEAS, STORED, DUE, COMMAND, XMV, SETPOINT, ERROR, OVERRIDE, PIECES, SIZE = (
    58,
    99,
    118,
    120,
    132,
    144,
    164,
    184,
    185,
    305,
)

# Time: seconds per step is 1; hours per step, slack of a comparison with the clock, period of the gas analysers.
HOURS_PER_STEP, CLOCK_SLACK, GAS_PERIOD, PRODUCT_PERIOD = 1.0 / 3600.0, 1e-7, 0.1, 0.25
STEPS_PER_SAMPLE = 180
# The variant that repeats published files: the original's generator, clock and draws.
ORIGINAL = False
FROZEN_VALVE = 61.302  # command of valve 4 under fault 21, %
