"""Functions of one number in integer arithmetic: cubics on segments of equal width.

A table covers ``u`` in [0, end); the function is mirrored, or another one, for negative numbers. With ``u``
in units of 2^-16, the segment is ``u >> 14`` and ``d`` in [-8192, 8192) is the rest, counted from its
middle; the value in units of 2^-20 is::

    c0 + ((d (c1 + ((d (c2 + ((d c3) >> 13))) >> 13))) >> 13)

The tables are fitted so that no product leaves 32 bits (:func:`_check`, over every ``d``). The C code does
the same operations, so it gives the same bits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]

ARGUMENT_BITS = 16
"""Fraction bits of what is looked up."""
VALUE_BITS = 20
"""Fraction bits of what is found."""
SEGMENT_BITS = 14
"""A segment is 2^14 arguments wide: a quarter."""
BEYOND = 1 << 20
"""An argument beyond the ends of all tables."""
_HALF = 1 << (SEGMENT_BITS - 1)
_ONE = 1 << VALUE_BITS


@dataclass(frozen=True, kw_only=True, eq=False)
class Table:
    """One function on [0, end)."""

    name: str
    coefficients: NDArray[np.int32]
    """Shape ``(segments, 4)``: c0, c1, c2, c3."""
    error: float
    """Largest difference to the function over every argument on [0, end), of both roundings too."""

    @property
    def largest(self) -> int:
        """The last argument that is covered; what is beyond counts as this."""
        return (len(self.coefficients) << SEGMENT_BITS) - 1

    def look_up(self, u: Integers) -> Integers:
        """Values (units of 2^-20) of arguments (units of 2^-16) in [0, largest]."""
        c0, c1, c2, c3 = self.coefficients.astype(np.int64)[u >> SEGMENT_BITS].transpose(
            np.ndim(u), *range(np.ndim(u))
        )
        d = (u & (2 * _HALF - 1)) - _HALF
        shift = SEGMENT_BITS - 1
        return np.asarray(c0 + ((d * (c1 + ((d * (c2 + ((d * c3) >> shift))) >> shift))) >> shift))


_FUNCTIONS: dict[str, tuple[Callable[[NDArray[np.float64]], NDArray[np.float64]], int]] = {
    "tanh": (np.tanh, 8),
    "exponential": (lambda u: np.exp(-u) - 1, 16),
    "softplus": (lambda u: np.log1p(np.exp(-u)), 16),
}
"""By name: tanh(u), exp(-u) - 1, log(1 + exp(-u)), and where the table ends: a power of two."""


NAMES = tuple(_FUNCTIONS)
"""All tables."""


@cache
def table(name: str) -> Table:
    """The table of ``tanh``, ``exponential`` or ``softplus`` (:data:`_FUNCTIONS`)."""
    function, end = _FUNCTIONS[name]
    width = 2.0 ** (SEGMENT_BITS - ARGUMENT_BITS)
    middles = (np.arange(round(end / width)) + 0.5) * width
    nodes = np.cos((np.arange(24) + 0.5) * np.pi / 24)
    fit = np.polynomial.polynomial.polyfit
    rows = [fit(nodes, function(m + nodes * width / 2), 3) for m in middles]
    coefficients = np.round(np.array(rows) * _ONE)
    # A shift rounds down, by half a unit in the mean.
    coefficients[:, :3] = np.round(np.array(rows)[:, :3] * _ONE + 0.5)
    fitted = Table(name=name, coefficients=coefficients.astype(np.int32), error=0.0)
    _check(fitted)
    u = np.arange(fitted.largest + 1)
    # Rounding must not take a value out of the function's range: gates are within [0, 1) to the bit.
    values = fitted.look_up(u).reshape(len(rows), -1)
    low, high = (1 - _ONE, 0) if name == "exponential" else (0, _ONE - 1)
    fitted.coefficients[:, 0] += np.maximum(low - values.min(axis=1), 0).astype(np.int32)
    fitted.coefficients[:, 0] -= np.maximum(values.max(axis=1) - high, 0).astype(np.int32)
    error = np.abs(fitted.look_up(u) / _ONE - function(u / 2.0**ARGUMENT_BITS)).max()
    beyond = abs(float(fitted.look_up(u[-1])) / _ONE - float(function(np.array(1e3))))
    return Table(name=name, coefficients=fitted.coefficients, error=max(float(error), beyond))


def _check(fitted: Table) -> None:
    """No intermediate product may need more than 32 bits."""
    c0, c1, c2, c3 = np.abs(fitted.coefficients.astype(np.int64)).T
    inner = c2 + c3 + 1
    middle = c1 + inner + 1
    worst = max(int((_HALF * part).max()) for part in (c3, inner, middle)) + int((c0 + middle).max())
    assert worst < 2**31, f"table {fitted.name} may overflow: {worst}"


def tanh(x: Integers) -> Integers:
    """Tanh of ``x`` (units of 2^-16, any magnitude), in units of 2^-20, within (-2^20, 2^20)."""
    found = table("tanh")
    u = np.minimum(np.abs(x), found.largest)
    value = found.look_up(u)
    return np.where(x < 0, -value, value)


def sigmoid(half: Integers) -> Integers:
    """Sigmoid of twice ``half`` (units of 2^-16), in units of 2^-19, within [0, 2^19)."""
    return (_ONE + tanh(half)) >> 2


def exponential(x: Integers) -> Integers:
    """``exp(x) - 1`` of ``x <= 0`` (units of 2^-16; above counts as 0), in units of 2^-20, in (-2^20, 0]."""
    found = table("exponential")
    u = np.minimum(np.maximum(-x, 0), found.largest)
    return found.look_up(u)


def softplus(x: Integers) -> Integers:
    """``log(1 + exp(-|x|))`` of ``x`` (units of 2^-16), in units of 2^-20, within [0, 2^20)."""
    found = table("softplus")
    return found.look_up(np.minimum(np.abs(x), found.largest))
