"""The default random numbers: one Philox stream per run and purpose, addressed by the sample.

The original's generator repeats itself within hours and shares few cycles among all seeds. Here the numbers of a sample
are a pure function of (seed, purpose, sample): the counter's highest word is the sample's number, so there is no
generator state to carry, a run may be cut anywhere, and no fault shifts the noise of another.
"""

from __future__ import annotations

import numpy as np

from setpoint.plant._plant import Floats
from setpoint.plant.tep._constants import STEPS_PER_SAMPLE

_INSTRUMENTS, _ANALYSERS, _DISTURBANCES = range(3)


class Draws:
    """Room for the numbers of `samples` samples, filled again and again; arguments of `_kernel.simulate`."""

    def __init__(self, samples: int) -> None:
        self.noise: Floats = np.zeros((samples, STEPS_PER_SAMPLE, 22))
        self.analyser: Floats = np.zeros((samples, 19))
        self.pieces: Floats = np.zeros((samples, 20, 3))

    def fill(self, seed: int, first: int, samples: int) -> None:
        """Numbers of samples `first` and on, counted from 0, of the run with this seed."""
        for row in range(samples):
            _stream(seed, _INSTRUMENTS, first + row).standard_normal(out=self.noise[row])
            _stream(seed, _ANALYSERS, first + row).standard_normal(out=self.analyser[row])
            self.pieces[row] = _stream(seed, _DISTURBANCES, first + row).uniform(-1.0, 1.0, (20, 3))


def _stream(seed: int, purpose: int, sample: int) -> np.random.Generator:
    """Philox has a key of 128 and a counter of 256 bits; a sample takes far less than 2**192 numbers."""
    return np.random.Generator(np.random.Philox(key=seed | purpose << 64, counter=sample << 192))
