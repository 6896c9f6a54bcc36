"""Random numbers inside loops over lanes: SplitMix64 and straight-line normals.

The streams are those of :mod:`~eyas.envs.random`, one 64-bit state per copy; but the library's logarithm
and cosine would keep the compiler from vectorising, so they are polynomials here.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from .lanes import lanewise

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_S9, _S23, _S27, _S30, _S31, _S32 = (np.uint64(n) for n in (9, 23, 27, 30, 31, 32))
_LOW = np.uint64(0xFFFFFFFF)
_MANTISSA, _EXPONENT_OF_1 = np.uint64(0x7FFFFF), np.uint64(0x3F800000)
_BIAS = np.float32(127)
_ZERO, _HALF, _ONE, _TWO = np.float32(0), np.float32(0.5), np.float32(1), np.float32(2)
_QUARTER, _SQRT_2, _LOG_2 = np.float32(0.25), np.float32(2**0.5), np.float32(np.log(2))
_TINY = np.float32(2.0**-24)
_LOG_SERIES = tuple(np.float32(2 / n) for n in (9, 7, 5, 3, 1))
# sin(2 pi t), odd Taylor terms up to the 11th: 6e-8 at a quarter turn.
_SINE = tuple(
    np.float32(sign * (2 * np.pi) ** n / factorial)
    for sign, n, factorial in (
        (-1, 11, 39916800), (1, 9, 362880), (-1, 7, 5040), (1, 5, 120), (-1, 3, 6), (1, 1, 1),
    )
)  # fmt: skip


@intrinsic
def float_of_bits(context: Any, bits: Any) -> Any:
    """The float32 with these 32 bits."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], ir.FloatType())

    return types.float32(types.uint32), generate


@intrinsic
def bits_of_float(context: Any, value: Any) -> Any:
    """The 32 bits of a float32."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], ir.IntType(32))

    return types.uint32(types.float32), generate


@lanewise
def advance_stream(state: int) -> int:
    """The stream's next state."""
    return state + _GOLDEN


@lanewise
def stream_bits(state: int) -> int:
    """The 64 bits that belong to a state; those of :func:`~eyas.envs.random.random_bits`."""
    z = (state ^ (state >> _S30)) * _MIX_1
    z = (z ^ (z >> _S27)) * _MIX_2
    return z ^ (z >> _S31)


@lanewise
def _unit(bits: int) -> float:
    """A float32 in [0, 1) from the upper 23 of 32 bits."""
    return float_of_bits(np.uint32((bits >> _S9) | _EXPONENT_OF_1)) - _ONE


@lanewise
def logarithm(x: float) -> float:
    """Natural logarithm of a positive, normal float32, to 2e-7 of its size or of 1."""
    bits = np.uint64(bits_of_float(x))
    exponent = np.float32(np.int32(bits >> _S23)) - _BIAS
    mantissa = float_of_bits(np.uint32((bits & _MANTISSA) | _EXPONENT_OF_1))
    large = mantissa > _SQRT_2
    mantissa = mantissa * _HALF if large else mantissa
    exponent = exponent + _ONE if large else exponent
    s = (mantissa - _ONE) / (mantissa + _ONE)
    s2 = s * s
    series = _LOG_SERIES[0]
    series = series * s2 + _LOG_SERIES[1]
    series = series * s2 + _LOG_SERIES[2]
    series = series * s2 + _LOG_SERIES[3]
    series = series * s2 + _LOG_SERIES[4]
    return s * series + exponent * _LOG_2


@lanewise
def _sine(t: float) -> float:
    """sin(2 pi t) for t in [-1/4, 1/4]."""
    t2 = t * t
    series = _SINE[0]
    series = series * t2 + _SINE[1]
    series = series * t2 + _SINE[2]
    series = series * t2 + _SINE[3]
    series = series * t2 + _SINE[4]
    series = series * t2 + _SINE[5]
    return t * series


@lanewise
def normal_pair(bits: int) -> tuple[float, float]:
    """Two independent standard normals from 64 random bits (Box-Muller), at most 5.8 in size."""
    radius = np.sqrt(-_TWO * logarithm(_unit(bits >> _S32) + _TINY))
    turn = _unit(bits & _LOW) - _HALF
    size = abs(turn)
    sine = _sine(_QUARTER - abs(size - _QUARTER))
    return radius * _sine(_QUARTER - size), radius * (sine if turn > _ZERO else -sine)
