"""The fixed-point code in numpy integers, operation by operation: the same bits.

Used to verify the C and to judge the policy as it will be deployed. Right shifts round down.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError
from ..reference import MEMORY_RESET, NONFINITE_INPUT, SATURATED_INPUT
from . import table
from .fixed_network import (
    KINDS,
    FixedActivation,
    FixedGru,
    FixedLinear,
    FixedLstm,
    FixedNetwork,
    Integers,
    Rows,
)

Array = NDArray[np.float32]
Memory = NDArray[np.int32]
_INFINITY = 0x7F800000
_MAGNITUDE = 0x7FFFFFFF
_PRODUCT_SHIFT = 12
_GATE_BITS = table.VALUE_BITS - 1


class FixedReference:
    """The integer arithmetic of the exported code.

    Args:
        fixed: the network of integers.
    """

    def __init__(self, fixed: FixedNetwork) -> None:
        self.fixed = fixed
        self.network = fixed.network
        self._initial = fixed.initial_memory
        self._memory_limit = fixed.memory_limit
        # Bits that are always 0, and by how much every number is shifted.
        self._shift: Integers = fixed.hidden.astype(np.int64) * fixed.memory_shift

    def initial_state(self, count: int) -> Memory:
        """The memory at the start of ``count`` episodes, shape ``(count, memory size)``."""
        return np.tile(self._initial, (count, 1))

    def step(self, observations: Array, memory: Memory) -> tuple[Array, Memory]:
        """Actions, shape ``(count, actions)``, and the new memories; see :meth:`evaluate`."""
        actions, after, _ = self.evaluate(observations, memory)
        return actions, after

    def evaluate(self, observations: Array, memory: Memory) -> tuple[Array, Memory, NDArray[np.uint32]]:
        """What ``NAME_step`` does, for many at once.

        Args:
            observations: any float32 numbers, also NaN, shape ``(count, observation size)``.
            memory: shape ``(count, memory size)``, int32; it is not changed.

        Returns:
            actions within the output's range, the new memories, and the bits of the status, shape
            ``(count,)``.

        Raises:
            InputError: an array has another shape or type.
        """
        self._check(observations, memory)
        x, bad, saturated = self._guard(observations)
        before = memory.astype(np.int64)
        there = (before <= self._memory_limit) & (before >= -self._memory_limit)
        lost = ~(there & (before & ((1 << self._shift) - 1) == 0)).all(axis=1)
        before = np.where(lost[:, None], self._initial, before) >> self._shift
        after = [np.zeros((len(observations), 0), np.int64)]
        start = 0
        for layer in self.fixed.layers:
            if isinstance(layer, FixedLinear):
                x = self._linear(layer, x)
            elif isinstance(layer, FixedActivation):
                x = activate(layer, x)
            else:
                part = before[:, start : start + len(layer.initial)]
                start += len(layer.initial)
                run = (
                    self._gru(layer, x, part)
                    if isinstance(layer, FixedGru)
                    else self._lstm(layer, x, part)
                )
                after.append(run)
                x = run[:, : layer.candidate.weight.shape[1]]
        kept = np.where(bad[:, None], before, np.concatenate(after, axis=1)) << self._shift
        status = NONFINITE_INPUT * bad + SATURATED_INPUT * saturated + MEMORY_RESET * lost
        return self._output(x), kept.astype(np.int32), status.astype(np.uint32)

    def _check(self, observations: Array, memory: Memory) -> None:
        for name, array, size, kind in (
            ("observations", observations, self.network.observation_size, np.float32),
            ("memory", memory, self.network.memory_size, np.int32),
        ):
            if array.ndim != 2 or array.shape != (len(observations), size) or array.dtype != kind:
                raise InputError(
                    f"{name} has shape {array.shape} and type {array.dtype}, expected"
                    f" ({len(observations)}, {size}) and {np.dtype(kind).name}"
                )

    def _guard(self, observations: Array) -> tuple[Integers, NDArray[np.bool_], NDArray[np.bool_]]:
        """Integers from the bits of the observations; who has a bad number, who a large one."""
        given = self.fixed.input
        bits = np.ascontiguousarray(observations).view(np.uint32).astype(np.int64)
        reach = given.reach.view(np.uint32).astype(np.int64)
        magnitude = bits & _MAGNITUDE
        bad = magnitude >= _INFINITY
        large = (magnitude > reach) & ~bad
        magnitude = np.minimum(magnitude, reach)
        mantissa = (magnitude & 0x7FFFFF) | 0x800000
        shift = 150 - given.exponent - (magnitude >> 23)
        value = np.where(
            shift >= 0, mantissa >> np.clip(shift, 0, 31), mantissa << np.clip(-shift, 0, 31)
        )
        value = np.where(bits >> 31 == 1, -value, value)
        if given.centers:
            value = value - given.center
            large |= (np.abs(value) > given.limit) & ~bad
            value = np.clip(value, -given.limit, given.limit)
        none = np.zeros(len(bits), np.bool_)
        return np.where(bad, 0, value), bad.any(axis=1, out=none), large.any(axis=1, out=none.copy())

    def _linear(self, layer: FixedLinear, x: Integers) -> Integers:
        y = sums(layer.rows, x)
        if layer.limit is not None:
            y = np.clip(y, -layer.limit, layer.limit)
        return np.maximum(y, 0) if layer.relu else y

    def _gru(self, layer: FixedGru, x: Integers, h: Integers) -> Integers:
        size = h.shape[1]
        given = sums(layer.input, x)
        switches = given[:, : 2 * size] + sums(layer.switches, h)
        gates = table.sigmoid(argument(switches, layer.exponent, half=True))
        r, z = gates[:, :size], gates[:, size:]
        n = given[:, 2 * size :] + scaled(r, sums(layer.candidate, h))
        n = _to_memory(table.tanh(argument(n, layer.exponent)), layer.memory_exponent)
        return n + scaled(z, h - n)

    def _lstm(self, layer: FixedLstm, x: Integers, memory: Integers) -> Integers:
        size = memory.shape[1] // 2
        h, c = memory[:, :size], memory[:, size:]
        given = sums(layer.input, x)
        switches = given[:, size:] + sums(layer.switches, h)
        gates = table.sigmoid(argument(switches, layer.exponent, half=True))
        i, f, o = (gates[:, k * size : (k + 1) * size] for k in range(3))
        g = table.tanh(argument(given[:, :size] + sums(layer.candidate, h), layer.exponent))
        shift = table.VALUE_BITS - layer.cell_exponent
        new = scaled(i, g)
        new = new >> shift if shift >= 0 else new << -shift
        cell = np.clip(scaled(f, c) + new, -layer.cell_limit, layer.cell_limit)
        after = scaled(o, table.tanh(argument(cell, layer.cell_exponent)))
        return np.concatenate([_to_memory(after, layer.memory_exponent), cell], axis=1)

    def _output(self, y: Integers) -> Array:
        output = self.fixed.output
        y = y >> output.shift
        if self.network.output.kind == "tanh":
            t = table.tanh(argument(y, output.exponent))
            y = output.middle + (product(output.half, t) >> (table.VALUE_BITS - _PRODUCT_SHIFT))
        y = np.clip(y, output.low, output.high)
        return (y * 2.0**-output.action_exponent).astype(np.float32)


def sums(rows: Rows, x: Integers) -> Integers:
    """A matrix times vectors, shape ``(count, columns)`` to ``(count, rows)``."""
    kind = KINDS[rows.kind]
    weight = rows.weight.T.astype(np.float64)
    if kind.rounds_products:
        # Whole products are exact in float64; what is rounded down is summed apart.
        high, low = x >> kind.shift, x & ((1 << kind.shift) - 1)
        total = (high.astype(np.float64) @ weight).astype(np.int64)
        for j in range(len(weight)):
            total += (rows.weight[:, j] * low[:, j : j + 1]) >> kind.shift
    else:
        short = (x + (1 << (kind.shift - 1))) >> kind.shift
        total = (short.astype(np.float64) @ weight).astype(np.int64)
    return np.asarray((total + rows.bias) >> rows.shift)


def product(small: Integers, large: Integers) -> Integers:
    """``small large / 2^12`` rounded down, for |small| <= 2^19 and |large| <= 2^23."""
    return np.asarray((small * large) >> _PRODUCT_SHIFT)


def scaled(gate: Integers, value: Integers) -> Integers:
    """``gate value / 2^19`` rounded to the nearest: the share of a value that a gate lets through.

    For a gate in [0, 2^19) it lies between 0 and the value, as the exact one does.
    """
    return np.asarray((gate * value + (1 << (_GATE_BITS - 1))) >> _GATE_BITS)


def argument(x: Integers, exponent: int, half: bool = False) -> Integers:
    """What is looked up for ``x`` of ``exponent`` fraction bits; of its half for a sigmoid."""
    shift = exponent - table.ARGUMENT_BITS + half
    if shift >= 0:
        return np.asarray(x >> shift)
    end = table.BEYOND >> -shift
    return np.asarray(np.clip(x, -end, end) << -shift)


def _to_memory(value: Integers, exponent: int) -> Integers:
    shift = table.VALUE_BITS - exponent
    return np.asarray(value >> shift if shift >= 0 else value << -shift)


def activate(layer: FixedActivation, x: Integers) -> Integers:
    """A function of every number."""
    u = argument(x, layer.exponent)
    shift = layer.exponent - layer.result
    if layer.name == "tanh":
        return table.tanh(u)
    if layer.name == "sigmoid":
        return table.sigmoid(argument(x, layer.exponent, half=True))
    if layer.name == "relu":
        return np.asarray(np.maximum(x, 0) >> shift)
    if layer.name == "silu":
        return scaled(table.sigmoid(argument(x, layer.exponent, half=True)), x >> shift)
    back = table.VALUE_BITS - layer.result
    if layer.name == "elu":
        return np.where(x > 0, x >> shift, table.exponential(u) >> back)
    return (np.maximum(x, 0) >> shift) + (table.softplus(u) >> back)
