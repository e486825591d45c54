"""A continuous stirred-tank reactor with cooling jacket: exothermic A -> B, two PI loops, three faults.

Model and kinetics: Seborg, Edgar, Mellichamp, Doyle, "Process Dynamics and Control", example 2.5 and table 2.3
(q = 100 L/min, V = 100 L, k0 = 7.2e10 1/min, E/R = 8750 K), with a jacket energy balance and a liquid level added. The
heat transfer area is four times the book's, which makes the operating point of 350 K stable but badly damped: the
temperature loop earns its keep and no run ignites. Time in minutes and temperature in K inside; degC, % and L/min
outside. Runge-Kutta of order 4 between the scans of the controllers (every 10 s), valves held meanwhile.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from setpoint.plant._plant import Block, Fault, Floats, Scenario, Variable

KELVIN = 273.15
VOLUME, FEED_FLOW = 100.0, 100.0  # L, L/min
FEED_CONCENTRATION, FEED_TEMPERATURE = 1.0, 350.0  # mol/L, K
HEAT_CAPACITY = 239.0  # density times specific heat of the contents, J/(L K)
REACTION_HEAT, ACTIVATION, FREQUENCY = 5.0e4, 8750.0, 7.2e10  # J/mol, K, 1/min
HEAT_TRANSFER = 2.0e5  # J/(min K) at nominal level
JACKET_VOLUME, COOLANT_CAPACITY, COOLANT_TEMPERATURE = 20.0, 4180.0, 300.0  # L, J/(L K), K
COOLANT_FULL, OUTLET_FULL, TANK = 40.0, 200.0, 200.0  # L/min at an open valve; L at level 100 %
TEMPERATURE_SETPOINT, LEVEL_SETPOINT = 350.0, 50.0  # K, %
SCAN, SCANS_PER_SAMPLE = 1.0 / 6.0, 3  # min; one sample is 30 s
VALVE_LAG = 0.1  # min
ANALYSER_SAMPLES = 10  # the analyser gives a new result every 5 min and repeats it in between

VARIABLES = tuple(
    Variable(name=name, unit=unit, description=text, kind=kind, low=low, high=high, noise=noise)  # type: ignore[arg-type]
    for name, unit, kind, low, high, noise, text in (
        ("feed_flow", "L/min", "measured", 0.0, 150.0, 0.5, "Flow of the feed"),
        ("feed_temperature", "degC", "measured", 0.0, 150.0, 0.15, "Temperature of the feed"),
        ("reactor_temperature", "degC", "measured", 0.0, 200.0, 0.12, "Temperature of the reactor's contents"),
        ("reactor_level", "%", "measured", 0.0, 100.0, 0.25, "Level in the reactor"),
        ("jacket_temperature", "degC", "measured", 0.0, 150.0, 0.15, "Temperature of the coolant in the jacket"),
        ("coolant_flow", "L/min", "measured", 0.0, 45.0, 0.12, "Flow of the coolant"),
        ("coolant_inlet_temperature", "degC", "measured", 0.0, 60.0, 0.12, "Temperature of the coolant at the inlet"),
        ("outlet_flow", "L/min", "measured", 0.0, 220.0, 0.7, "Flow of the product"),
        (
            "product_concentration",
            "mol/L",
            "measured",
            0.0,
            1.5,
            0.004,
            "Concentration of A in the product, every 5 min",
        ),
        ("coolant_valve", "%", "manipulated", 0.0, 100.0, 0.0, "Coolant valve, demanded by the temperature controller"),
        ("outlet_valve", "%", "manipulated", 0.0, 100.0, 0.0, "Outlet valve, demanded by the level controller"),
    )
)
FAULTS = (
    Fault(name="feed-temperature", description="The feed heater drifts: feed temperature ramps up by 4 K in 60 min"),
    Fault(name="coolant-valve", description="The coolant valve sticks: it moves only when 1.2 % behind its demand"),
    Fault(name="catalyst-decay", description="The catalyst loses activity: 15 % in 120 min, 40 % at most"),
)
_NOISE = np.array([variable.noise for variable in VARIABLES])

# Rows of the state array (rows, runs): five balances, two stems, two integrals, four slow disturbances, analyser.
_VOL, _CONC, _TEMP, _JACKET, _STEM_C, _STEM_O, _INT_T, _INT_L, _D_FLOW, _D_TEMP, _D_CONC, _D_COOL, _ANALYSER = range(13)
_DISTURBANCE = (  # correlation time in min, standard deviation; order as the rows
    (20.0, 1.2),
    (45.0, 0.6),
    (60.0, 0.008),
    (180.0, 0.5),
)
_GAIN_T, _RESET_T = 1.0, 4.0  # %/K, min
_GAIN_L, _RESET_L = 2.0, 12.0  # %/%, min


@dataclass(frozen=True, slots=True, kw_only=True)
class CstrState:
    """State of several runs: elapsed samples, the rows above, the noise generators' states, the scenarios."""

    sample: int
    rows: Floats
    noise: tuple[dict[str, Any], ...]
    scenarios: tuple[Scenario, ...]


class Cstr:
    """The reactor as a `Plant`; it has no state of its own."""

    name = "cstr"
    variables = VARIABLES
    faults = FAULTS
    sample_period_seconds = SCAN * SCANS_PER_SAMPLE * 60.0

    def start(self, scenarios: Sequence[Scenario]) -> CstrState:
        """At the operating point; disturbances drawn from where they would be after a long time."""
        if any(scenario.setpoints for scenario in scenarios):
            raise ValueError("cstr has no set-points to change")
        known = {fault.name for fault in FAULTS}
        for event in (event for scenario in scenarios for event in scenario.schedule):
            if event.fault not in known:
                raise ValueError(f"{event.fault!r} is not a fault of cstr; it has {', '.join(sorted(known))}")
        generators = [np.random.Generator(np.random.Philox(key=scenario.seed)) for scenario in scenarios]
        rows = np.zeros((13, len(scenarios)))
        rate = FREQUENCY * np.exp(-ACTIVATION / TEMPERATURE_SETPOINT)
        concentration = FEED_CONCENTRATION / (1.0 + rate * VOLUME / FEED_FLOW)
        heat = REACTION_HEAT * rate * concentration * VOLUME
        jacket = TEMPERATURE_SETPOINT - heat / HEAT_TRANSFER
        coolant = heat / (COOLANT_CAPACITY * (jacket - COOLANT_TEMPERATURE))
        rows[_VOL], rows[_CONC], rows[_TEMP], rows[_JACKET] = VOLUME, concentration, TEMPERATURE_SETPOINT, jacket
        rows[_STEM_C] = rows[_INT_T] = 100.0 * coolant / COOLANT_FULL
        rows[_STEM_O] = rows[_INT_L] = 100.0 * FEED_FLOW / OUTLET_FULL
        rows[_ANALYSER] = concentration
        for row, (_, deviation) in enumerate(_DISTURBANCE, start=_D_FLOW):
            rows[row] = [deviation * generator.standard_normal() for generator in generators]
        noise = tuple(dict(generator.bit_generator.state) for generator in generators)
        return CstrState(sample=0, rows=rows, noise=noise, scenarios=tuple(scenarios))

    def advance(self, state: CstrState, steps: int) -> tuple[CstrState, Block]:
        """Integrate all runs side by side; each run draws from its own generator, in the order of samples."""
        draws_per_sample = len(_DISTURBANCE) * SCANS_PER_SAMPLE + len(VARIABLES)
        draws, noise = _draw(state.noise, steps, draws_per_sample)
        strength = _strengths(state, steps * SCANS_PER_SAMPLE)
        rows = state.rows.copy()
        values = np.empty((steps, len(VARIABLES), rows.shape[1]))
        for step in range(steps):
            draw = draws[step]
            for scan in range(SCANS_PER_SAMPLE):
                fault = strength[:, step * SCANS_PER_SAMPLE + scan]
                kicks = draw[scan * len(_DISTURBANCE) : (scan + 1) * len(_DISTURBANCE)]
                demand = _scan(rows, fault, kicks)
            if (state.sample + step) % ANALYSER_SAMPLES == 0:
                rows[_ANALYSER] = rows[_CONC] + _NOISE[8] * draw[-len(VARIABLES) + 8]
            values[step] = _measure(rows, fault, demand, draw[-len(VARIABLES) :])
        labels = np.zeros((rows.shape[1], steps), dtype=np.int64)
        for index in range(len(FAULTS)):
            # A sample is labelled by what was active when it was taken: at its last scan.
            active = strength[index, SCANS_PER_SAMPLE - 1 :: SCANS_PER_SAMPLE] != 0.0
            labels[active.T] = index + 1
        after = CstrState(sample=state.sample + steps, rows=rows, noise=noise, scenarios=state.scenarios)
        return after, Block(values=np.ascontiguousarray(values.transpose(2, 0, 1)), labels=labels)


def _draw(states: tuple[dict[str, Any], ...], steps: int, count: int) -> tuple[Floats, tuple[dict[str, Any], ...]]:
    """Standard normal numbers (steps, count, runs) and the generators' states after them."""
    draws = np.empty((steps, count, len(states)))
    after = []
    for run, saved in enumerate(states):
        source = np.random.Philox()
        source.state = saved  # type: ignore[assignment]  # numpy's own dict, kept as such
        draws[:, :, run] = np.random.Generator(source).standard_normal((steps, count))
        after.append(dict(source.state))
    return draws, tuple(after)


def _strengths(state: CstrState, scans: int) -> Floats:
    """How far each fault has come, (faults, scans, runs): 0 not active, ramps in minutes since the start, else 1."""
    minutes = (state.sample * SCANS_PER_SAMPLE + np.arange(1, scans + 1)) * SCAN
    strength = np.zeros((len(FAULTS), scans, len(state.scenarios)))
    order = {fault.name: index for index, fault in enumerate(FAULTS)}
    for run, scenario in enumerate(state.scenarios):
        for event in scenario.schedule:
            since = minutes - event.start_seconds / 60.0
            # A scan's worth past the end counts as over; rounding of the scan grid must not add one.
            over = np.inf if event.end_seconds is None else event.end_seconds / 60.0
            active = (since > 1e-9) & (minutes <= over + 1e-9)
            strength[order[event.fault], active, run] = event.magnitude * since[active]
    return strength


def _scan(rows: Floats, fault: Floats, kicks: Floats) -> tuple[Floats, Floats]:
    """One scan of the controllers and 10 s of plant, in place; returns the two valve demands in %."""
    for row, ((minutes, deviation), kick) in enumerate(zip(_DISTURBANCE, kicks, strict=True), start=_D_FLOW):
        keep = np.exp(-SCAN / minutes)
        rows[row] = keep * rows[row] + deviation * np.sqrt(1.0 - keep * keep) * kick
    error_t = rows[_TEMP] - TEMPERATURE_SETPOINT
    error_l = rows[_VOL] * (100.0 / TANK) - LEVEL_SETPOINT
    rows[_INT_T] = np.clip(rows[_INT_T] + _GAIN_T * SCAN / _RESET_T * error_t, 0.0, 100.0)
    rows[_INT_L] = np.clip(rows[_INT_L] + _GAIN_L * SCAN / _RESET_L * error_l, 0.0, 100.0)
    demand_c = np.clip(rows[_INT_T] + _GAIN_T * error_t, 0.0, 100.0)
    demand_o = np.clip(rows[_INT_L] + _GAIN_L * error_l, 0.0, 100.0)
    follow = 1.0 - np.exp(-SCAN / VALVE_LAG)
    sticking = fault[1] != 0.0
    # One-parameter stiction: the stem rests until the demand is a dead band away, then jumps to it.
    rests = sticking & (np.abs(demand_c - rows[_STEM_C]) < 1.2 * np.minimum(fault[1], 1.0))
    step = np.where(sticking, 1.0, follow)
    rows[_STEM_C] += np.where(rests, 0.0, step * (demand_c - rows[_STEM_C]))
    rows[_STEM_O] += follow * (demand_o - rows[_STEM_O])
    activity = 1.0 - np.minimum(0.15 * fault[2] / 120.0, 0.4)
    feed = _feed(rows, fault)
    x = rows[:4]
    k1 = _slopes(x, rows, feed, activity)
    k2 = _slopes(x + 0.5 * SCAN * k1, rows, feed, activity)
    k3 = _slopes(x + 0.5 * SCAN * k2, rows, feed, activity)
    k4 = _slopes(x + SCAN * k3, rows, feed, activity)
    rows[:4] = x + SCAN / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + k4)
    return demand_c, demand_o


def _feed(rows: Floats, fault: Floats) -> tuple[Floats, Floats, Floats]:
    """Flow in L/min, temperature in K and concentration in mol/L of the feed."""
    drift = 4.0 * np.minimum(np.abs(fault[0]) / 60.0, 1.0) * np.sign(fault[0])
    return FEED_FLOW + rows[_D_FLOW], FEED_TEMPERATURE + rows[_D_TEMP] + drift, FEED_CONCENTRATION + rows[_D_CONC]


def _slopes(x: Floats, rows: Floats, feed: tuple[Floats, Floats, Floats], activity: Floats) -> Floats:
    """Balances of volume, component A, energy of the contents, energy of the jacket; per minute."""
    volume, concentration, temperature, jacket = x
    flow, feed_temperature, feed_concentration = feed
    outlet = rows[_STEM_O] * (OUTLET_FULL / 100.0)
    coolant = rows[_STEM_C] * (COOLANT_FULL / 100.0)
    rate = activity * FREQUENCY * np.exp(-ACTIVATION / temperature) * concentration
    heat = HEAT_TRANSFER * (volume / VOLUME) * (temperature - jacket)  # the wetted area goes with the level
    slopes: NDArray[np.float64] = np.stack(
        (
            flow - outlet,
            flow / volume * (feed_concentration - concentration) - rate,
            flow / volume * (feed_temperature - temperature)
            + REACTION_HEAT * rate / HEAT_CAPACITY
            - heat / (HEAT_CAPACITY * volume),
            coolant / JACKET_VOLUME * (COOLANT_TEMPERATURE + rows[_D_COOL] - jacket)
            + heat / (COOLANT_CAPACITY * JACKET_VOLUME),
        )
    )
    return slopes


def _measure(rows: Floats, fault: Floats, demand: tuple[Floats, Floats], draw: Floats) -> Floats:
    """What the instruments show, (variables, runs), inside their ranges."""
    flow, feed_temperature, _ = _feed(rows, fault)
    shown = np.stack(
        (
            flow,
            feed_temperature - KELVIN,
            rows[_TEMP] - KELVIN,
            rows[_VOL] * (100.0 / TANK),
            rows[_JACKET] - KELVIN,
            rows[_STEM_C] * (COOLANT_FULL / 100.0),
            COOLANT_TEMPERATURE + rows[_D_COOL] - KELVIN,
            rows[_STEM_O] * (OUTLET_FULL / 100.0),
            rows[_ANALYSER],
            *demand,
        )
    )
    noise = _NOISE[:, None] * draw
    noise[8] = 0.0  # the analyser's own noise came with its result
    low = np.array([variable.low for variable in VARIABLES])[:, None]
    high = np.array([variable.high for variable in VARIABLES])[:, None]
    clipped: Floats = np.clip(shown + noise, low, high)
    return clipped
