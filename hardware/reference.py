"""The exported float32 code in numpy, operation by operation: the same bits.

Used to verify the C and to judge the policy as it will be deployed. The order of every sum is that of
the C: the products of a row are added one after the other, in the order of the inputs, and their sum is
added to what is there, first of all the bias.
BLAS and PyTorch sum in other orders; they differ in the last digits.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from .activations import FUNCTIONS, half_sigmoid, inverse_square_root, tanh
from .bounds import CELL_LIMIT, memory_limits
from .network import Activation, Gru, Layer, LayerNorm, Linear, Lstm, Network

Array = NDArray[np.float32]
Status = NDArray[np.uint32]

NONFINITE_INPUT = np.uint32(1)
"""A NaN or an infinity came in: it counted as 0, and the memory was not changed."""
SATURATED_INPUT = np.uint32(2)
"""A number beyond its limit came in."""
MEMORY_RESET = np.uint32(4)
"""The memory was out of its range and was replaced by the initial one."""
_INFINITY = np.uint32(0x7F800000)
_SIGN = np.uint32(0x80000000)
_HALF = np.float32(0.5)


class FloatReference:
    """The float32 arithmetic of the exported code.

    Args:
        network: the policy.
    """

    def __init__(self, network: Network) -> None:
        self.network = network
        self._initial = network.initial_memory
        self._memory_limit = memory_limits(network)
        self._layers = tuple(_compile(layer) for layer in network.layers)

    def initial_state(self, count: int) -> Array:
        """The memory at the start of ``count`` episodes, shape ``(count, memory size)``."""
        return np.tile(self._initial, (count, 1))

    def step(self, observations: Array, memory: Array) -> tuple[Array, Array]:
        """Actions, shape ``(count, actions)``, and the new memories; see :meth:`evaluate`."""
        actions, after, _ = self.evaluate(observations, memory)
        return actions, after

    def evaluate(self, observations: Array, memory: Array) -> tuple[Array, Array, Status]:
        """What ``NAME_step`` does, for many at once.

        Args:
            observations: any float32 numbers, also NaN, shape ``(count, observation size)``.
            memory: shape ``(count, memory size)``; it is not changed.

        Returns:
            actions within the output's range, the new memories, and the status bits, shape
            ``(count,)``.

        Raises:
            InputError: an array has another shape or type.
        """
        self._check(observations, memory)
        x, bad, saturated = self._guard(observations)
        before = memory.T
        with np.errstate(invalid="ignore"):
            lost = ~(np.abs(before) <= self._memory_limit[:, None]).all(axis=0)
        before = np.where(lost, self._initial[:, None], before)
        after: list[Array] = []
        start = 0
        for layer, run in zip(self.network.layers, self._layers, strict=True):
            size = layer.memory_size if isinstance(layer, (Gru, Lstm)) else 0
            x, memory_part = run(x, before[start : start + size])
            after.append(memory_part)
            start += size
        status = NONFINITE_INPUT * bad + SATURATED_INPUT * saturated + MEMORY_RESET * lost
        kept = np.where(bad, before, np.concatenate(after))
        return np.ascontiguousarray(self._output(x).T), np.ascontiguousarray(kept.T), status

    def _check(self, observations: Array, memory: Array) -> None:
        for name, array, size in (
            ("observations", observations, self.network.observation_size),
            ("memory", memory, self.network.memory_size),
        ):
            if array.ndim != 2 or array.shape != (len(observations), size) or array.dtype != np.float32:
                raise InputError(
                    f"{name} has shape {array.shape} and type {array.dtype}, expected"
                    f" ({len(observations)}, {size}) and float32"
                )

    def _guard(self, observations: Array) -> tuple[Array, NDArray[np.bool_], NDArray[np.bool_]]:
        """What goes into the first layer, units in rows; who has a bad number, who a large one."""
        with np.errstate(invalid="ignore", over="ignore"):
            moved = np.ascontiguousarray((observations - self.network.input.center).T)
        bits = moved.view(np.uint32)
        magnitude = bits & ~_SIGN
        limit = self.network.input.limit.view(np.uint32)[:, None]
        bad = magnitude >= _INFINITY
        large = (magnitude > limit) & ~bad
        kept = np.where(bad, np.uint32(0), np.minimum(magnitude, limit) | (bits & _SIGN))
        return kept.view(np.float32), np.asarray(bad.any(axis=0)), np.asarray(large.any(axis=0))

    def _output(self, y: Array) -> Array:
        low, high = self.network.output.low[:, None], self.network.output.high[:, None]
        if self.network.output.kind == "tanh":
            half = _HALF * (high - low)
            y = low + half * (tanh(y) + np.float32(1))
        y = np.where(y < high, y, high)
        return np.where(y > low, y, low)


_Run = Callable[[Array, Array], tuple[Array, Array]]
"""From a layer's inputs and memory, units in rows, to its outputs and new memory."""


def _compile(layer: Layer) -> _Run:
    if isinstance(layer, Linear):
        return lambda x, memory: (_accumulate(_column(layer.bias, x), layer.weight, x), memory)
    if isinstance(layer, Activation):
        function = FUNCTIONS[layer.name]
        return lambda x, memory: (function(x), memory)
    if isinstance(layer, LayerNorm):
        return lambda x, memory: (_normalise(layer, x), memory)
    return _gru(layer) if isinstance(layer, Gru) else _lstm(layer)


def _column(bias: Array, x: Array) -> Array:
    return np.repeat(bias[:, None], x.shape[1], axis=1)


def _accumulate(total: Array, weight: Array, x: Array) -> Array:
    """``total + weight x``; the products are summed first, one input after the other."""
    some = np.zeros_like(total)
    for j in range(weight.shape[1]):
        some += weight[:, j : j + 1] * x[j]
    return total + some


def _gru(layer: Gru) -> _Run:
    """Gates r and z are sigmoids of twice their sums: their weights are halved, which is exact."""
    size = layer.outputs
    r, z, n = (slice(k * size, (k + 1) * size) for k in range(3))
    bias = _HALF * (layer.bias_input + layer.bias_hidden)
    half_input, half_hidden = _HALF * layer.weight_input, _HALF * layer.weight_hidden

    def run(x: Array, h: Array) -> tuple[Array, Array]:
        def gate(rows: slice) -> Array:
            total = _accumulate(_column(bias[rows], x), half_input[rows], x)
            return half_sigmoid(_accumulate(total, half_hidden[rows], h))

        recalled = _accumulate(_column(layer.bias_hidden[n], x), layer.weight_hidden[n], h)
        candidate = gate(r) * recalled + layer.bias_input[n][:, None]
        candidate = tanh(_accumulate(candidate, layer.weight_input[n], x))
        after = candidate + gate(z) * (h - candidate)
        return after, after

    return run


def _lstm(layer: Lstm) -> _Run:
    size = layer.outputs
    bias = layer.bias_input + layer.bias_hidden

    def run(x: Array, memory: Array) -> tuple[Array, Array]:
        h, c = memory[:size], memory[size:]

        def total(gate: int, scale: np.float32) -> Array:
            rows = slice(gate * size, (gate + 1) * size)
            some = _accumulate(_column(scale * bias[rows], x), scale * layer.weight_input[rows], x)
            return _accumulate(some, scale * layer.weight_hidden[rows], h)

        one, limit = np.float32(1), np.float32(CELL_LIMIT)
        new = half_sigmoid(total(0, _HALF)) * tanh(total(2, one))
        cell = half_sigmoid(total(1, _HALF)) * c + new
        cell = np.where(cell < limit, cell, limit)
        cell = np.where(cell > -limit, cell, -limit)
        after = half_sigmoid(total(3, _HALF)) * tanh(cell)
        return after, np.concatenate([after, cell])

    return run


def _normalise(layer: LayerNorm, x: Array) -> Array:
    share = np.float32(1 / layer.inputs)
    mean, variance = np.zeros_like(x[0]), np.zeros_like(x[0])
    for row in x:
        mean = mean + row
    mean = mean * share
    for row in x:
        variance = variance + (row - mean) * (row - mean)
    scale = inverse_square_root(variance * share + np.float32(layer.epsilon))
    return np.asarray(((x - mean) * scale) * layer.weight[:, None] + layer.bias[:, None])
