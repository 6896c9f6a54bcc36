"""Random numbers inside compiled worlds: one 64-bit SplitMix64 state per copy.

Numba's own generator is global per thread; a state per copy makes every copy's episode a function of
its seed alone, whatever the number of copies or threads. SplitMix64 is Steele, Lea and Flood,
"Fast splittable pseudorandom number generators" (OOPSLA 2014).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from .jit import inner

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_S30, _S27, _S31, _S11 = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(11)
_TO_UNIT = 1.0 / 9007199254740992.0  # 2^-53


@inner
def random_bits(state: NDArray[np.uint64], i: int) -> np.uint64:
    """64 random bits; advances ``state[i]``."""
    state[i] += _GOLDEN
    z = state[i]
    z = (z ^ (z >> _S30)) * _MIX_1
    z = (z ^ (z >> _S27)) * _MIX_2
    return z ^ (z >> _S31)


@inner
def uniform(state: NDArray[np.uint64], i: int, low: float, high: float) -> float:
    """A float64 in [low, high); advances ``state[i]``."""
    return low + (high - low) * (np.float64(random_bits(state, i) >> _S11) * _TO_UNIT)


@inner
def integer(state: NDArray[np.uint64], i: int, low: int, high: int) -> int:
    """An integer in [low, high); advances ``state[i]``."""
    return low + int(uniform(state, i, 0.0, float(high - low)))


@inner
def normal(state: NDArray[np.uint64], i: int, mean: float, deviation: float) -> float:
    """A normal float64 (Box-Muller, one of the pair); advances ``state[i]`` twice."""
    radius = math.sqrt(-2.0 * math.log(1.0 - uniform(state, i, 0.0, 1.0)))
    return mean + deviation * radius * math.cos(2.0 * math.pi * uniform(state, i, 0.0, 1.0))
