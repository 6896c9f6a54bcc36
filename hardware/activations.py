"""The functions of the exported code in single precision: sums, products, divisions, nothing else.

All rest on one rational tanh, so that neither a library nor a table is needed and the time is constant.
The functions here are the numpy twins of ``code/templates/functions.c.j2``: the same operations in the
same order, so the same bits.

``tanh(x) = x P(x^2) / Q(x^2)`` of degrees 4 and 3, fitted by Lawson's iteration (weighted least squares
towards the smallest largest error) on [0, 7.75]; beyond 7.55 x is saturated. Over all single-precision
numbers the largest error is 5e-7, the largest relative error 9.4e-7, and the largest value 0.99999988:
a gate never reaches 1, so a memory that is mixed by it cannot drift out of its range.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from .network import ActivationName

Array = NDArray[np.float32]

TANH_LIMIT = 7.550000190734863
TANH_NUMERATOR = (
    0.9999992847442627,
    0.1272200345993042,
    0.00270703062415123,
    7.252397153933998e-06,
    -6.324760271070318e-09,
)
"""Of x^2, lowest power first; exact in single precision."""
TANH_DENOMINATOR = (1.0, 0.4605506956577301, 0.022893503308296204, 0.00019818995497189462)
TANH_ERROR = 5e-7
"""Largest |difference| to tanh over all single-precision numbers."""
ATANH_SERIES = (1.0, 1 / 3, 1 / 5, 1 / 7, 1 / 9, 1 / 11, 1 / 13)
"""Of s^2 in atanh(s) / s, for |s| <= 1/3."""
SQUARE_ROOT_SEED = 0x5F375A86
"""Start of Newton's iteration for 1 / sqrt(x), subtracted from by half the bits of x (Lomont, 2003)."""

_ONE, _HALF, _TWO = np.float32(1), np.float32(0.5), np.float32(2)


def tanh(x: Array) -> Array:
    """Hyperbolic tangent, largest error :data:`TANH_ERROR`, always within (-1, 1); any shape."""
    limit = np.float32(TANH_LIMIT)
    x = np.where(x < limit, x, limit)
    x = np.where(x > -limit, x, -limit)
    y = x * x
    return np.asarray((x * _horner(TANH_NUMERATOR, y)) / _horner(TANH_DENOMINATOR, y))


def sigmoid(x: Array) -> Array:
    """``1 / (1 + exp(-x))`` as ``1/2 + tanh(x / 2) / 2``; largest error 2.6e-7."""
    return half_sigmoid(_HALF * x)


def half_sigmoid(x: Array) -> Array:
    """``sigmoid(2 x)``: for weights that were halved before."""
    return np.asarray(_HALF + _HALF * tanh(x))


def relu(x: Array) -> Array:
    """``max(x, 0)``."""
    return np.where(x > 0, x, np.float32(0))


def elu(x: Array) -> Array:
    """``x`` above 0, ``exp(x) - 1 = 2 t / (1 - t)`` with ``t = tanh(x / 2)`` below; error 1e-6."""
    t = tanh(_HALF * np.where(x < 0, x, np.float32(0)))
    return np.where(x < 0, (_TWO * t) / (_ONE - t), x)


def silu(x: Array) -> Array:
    """``x sigmoid(x)``; relative to |x| the error is that of the sigmoid."""
    return np.asarray(x * sigmoid(x))


def softplus(x: Array) -> Array:
    """``log(1 + exp(x)) = max(x, 0) + 2 atanh(e / (2 + e))``, ``e = exp(-|x|)``; error 1e-6."""
    t = tanh(_HALF * np.where(x < 0, x, -x))
    e = (_ONE + t) / (_ONE - t)
    s = np.asarray(e / (_TWO + e), np.float32)
    return np.asarray(relu(x) + (_TWO * s) * _horner(ATANH_SERIES, s * s))


def inverse_square_root(x: Array) -> Array:
    """``1 / sqrt(x)`` of normal numbers above 0, by three steps of Newton; relative error 3e-7."""
    half = _HALF * x
    bits = np.uint32(SQUARE_ROOT_SEED) - (np.ascontiguousarray(x).view(np.uint32) >> np.uint32(1))
    y = bits.view(np.float32)
    for _ in range(3):
        y = y * (np.float32(1.5) - (half * y) * y)
    return np.asarray(y)


FUNCTIONS: Mapping[ActivationName, Callable[[Array], Array]] = {
    "relu": relu,
    "tanh": tanh,
    "sigmoid": sigmoid,
    "elu": elu,
    "silu": silu,
    "softplus": softplus,
}


def _horner(coefficients: tuple[float, ...], y: Array) -> Array:
    value = np.full_like(y, np.float32(coefficients[-1]))
    for coefficient in coefficients[-2::-1]:
        value = value * y + np.float32(coefficient)
    return value
