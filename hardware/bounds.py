"""Proof that no number in a network can overflow, by the largest magnitudes that can occur."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from .network import Activation, Gru, Layer, LayerNorm, Linear, Lstm, Network, Recurrent

Bounds = NDArray[np.float64]

_LARGEST = 1e37
"""A magnitude that may occur: single precision ends at 3.4e38, rounding adds less than the rest."""
MEMORY_MARGIN = 1.001
"""A hidden value mixes the last one with a tanh, so it stays where both are; rounding adds a little."""
CELL_LIMIT = 16384.0
"""An LSTM's cell is saturated here; beyond 10 its tanh no longer changes."""


def memory_limits(network: Network) -> NDArray[np.float32]:
    """What no value of the memory exceeds in magnitude, shape ``(memory size,)``."""
    parts = [np.zeros(0)]
    for layer in network.recurrent():
        parts.append(np.full(layer.outputs, hidden_limit(layer)))
        if isinstance(layer, Lstm):
            parts.append(
                np.full(layer.outputs, max(CELL_LIMIT, float(np.abs(layer.initial_cell).max())))
            )
    return np.concatenate(parts).astype(np.float32)


def hidden_limit(layer: Recurrent) -> float:
    """What no hidden value of a layer exceeds in magnitude."""
    return MEMORY_MARGIN * max(1.0, float(np.abs(layer.initial_hidden).max()))


def largest_values(network: Network) -> list[Bounds]:
    """Bounds of the magnitudes after each layer.

    Raises:
        InputError: a sum inside a layer could leave the range of single precision.
    """
    bound: Bounds = network.input.limit.astype(np.float64)
    found = []
    for number, layer in enumerate(network.layers):
        inner, bound = _propagate(layer, bound)
        worst = float(max(inner.max(), bound.max()))
        if not worst <= _LARGEST:
            raise InputError(
                f"layer {number} ({layer.kind}) could overflow: its sums may reach {worst:.3g},"
                f" at most {_LARGEST:g} is allowed; give the observations smaller limits"
            )
        found.append(bound)
    return found


def _propagate(layer: Layer, x: Bounds) -> tuple[Bounds, Bounds]:
    """Bounds of the largest inner sums and of the outputs."""
    if isinstance(layer, Linear):
        total = np.abs(layer.bias) + np.abs(layer.weight.astype(np.float64)) @ x
        return total, total
    if isinstance(layer, (Gru, Lstm)):
        hidden = np.full(layer.outputs, hidden_limit(layer))
        total = np.abs(layer.bias_input.astype(np.float64)) + np.abs(layer.bias_hidden)
        total = total + np.abs(layer.weight_input.astype(np.float64)) @ x
        total = total + np.abs(layer.weight_hidden.astype(np.float64)) @ hidden
        return total, hidden
    if isinstance(layer, LayerNorm):
        # A component of a vector of mean 0 is at most sqrt(size - 1) times its deviation.
        scaled = np.sqrt(layer.inputs) * np.abs(layer.weight) + np.abs(layer.bias)
        squares = np.full(1, (4 * x.max() ** 2) * layer.inputs)
        return squares, scaled.astype(np.float64)
    return x, _activated(layer, x)


def _activated(layer: Activation, x: Bounds) -> Bounds:
    if layer.name in ("tanh", "sigmoid"):
        return np.minimum(x, 1) if layer.name == "tanh" else np.ones_like(x)
    return x + 1 if layer.name in ("elu", "softplus") else x
