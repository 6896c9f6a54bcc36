"""A teacher's network and its reverse, for all lanes of a block: two hidden layers, tanh everywhere.

Weights are flat vectors laid out by :func:`layout`; activations are rows of blocks (see
:mod:`~eyas.envs.quadrotor.lanes`). As one block flies one teacher's vehicles, the products over its lanes
are what batched matrix products over a stack of teachers would be.

The base network, from which teachers start, sees the airframe as well, as constants among its inputs.
For one airframe they only shift the biases of the first layer (:func:`fold`).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...envs.quadrotor.lanes import LANES, lane_loop
from .lane_network import fill, outer, product, product_transposed, sums, tanh
from .teacher_set import ACTIONS, HIDDEN, OBSERVATIONS

FEATURES = 8
"""Numbers by which the base network is told the airframe."""
TEACHER_INPUTS = 28
"""Rows of a block of a teacher's inputs: the observation and zeros, to have a multiple of four."""
BASE_INPUTS = 36
"""The same for the base network: observation, features, zeros."""

_ZERO, _ONE = np.float32(0), np.float32(1)

Array = NDArray[np.float32]


class Layout(NamedTuple):
    """Where each tensor starts in the flat vector of parameters of a network with so many inputs."""

    inputs: int
    weight_1: int
    """(HIDDEN, inputs)."""
    bias_1: int
    weight_2: int
    """(HIDDEN, HIDDEN)."""
    bias_2: int
    weight_3: int
    """(ACTIONS, HIDDEN)."""
    bias_3: int
    size: int


def layout(inputs: int) -> Layout:
    """The layout for ``TEACHER_INPUTS`` or ``BASE_INPUTS``."""
    sizes = (HIDDEN * inputs, HIDDEN, HIDDEN * HIDDEN, HIDDEN, ACTIONS * HIDDEN, ACTIONS)
    starts = np.concatenate([[0], np.cumsum(sizes)]).tolist()
    return Layout(inputs, *starts)


@lane_loop
def _squash(x, rows):
    for i in range(rows * LANES):
        x[i] = tanh(x[i])


@lane_loop
def _unsquash(x, bar, rows):
    for i in range(rows * LANES):
        bar[i] *= _ONE - x[i] * x[i]


@lane_loop
def _clear(x, rows):
    for i in range(rows * LANES):
        x[i] = _ZERO


@lane_loop
def forward(parameters, at, inputs, first, second, actions):
    """One decision for one block.

    Args:
        parameters: the flat vector.
        at: its :class:`Layout`.
        inputs: ``at.inputs`` rows.
        first: HIDDEN rows; written: the first hidden layer.
        second: HIDDEN rows; written: the second one.
        actions: 4 rows; written.
    """
    fill(parameters[at.bias_1 :], HIDDEN, first, 0)
    product(parameters[at.weight_1 :], HIDDEN, at.inputs, inputs, 0, first, 0)
    _squash(first, HIDDEN)
    fill(parameters[at.bias_2 :], HIDDEN, second, 0)
    product(parameters[at.weight_2 :], HIDDEN, HIDDEN, first, 0, second, 0)
    _squash(second, HIDDEN)
    fill(parameters[at.bias_3 :], ACTIONS, actions, 0)
    product(parameters[at.weight_3 :], ACTIONS, HIDDEN, second, 0, actions, 0)
    _squash(actions, ACTIONS)


@lane_loop
def reverse(
    parameters,
    at,
    inputs,
    first,
    second,
    actions,
    action_bar,
    second_bar,
    first_bar,
    input_bar,
    gradient,
):
    """Reverse of :func:`forward` for one block.

    Args:
        parameters: the flat vector.
        at: its :class:`Layout`.
        inputs: as in the forward step, as are ``first``, ``second`` and ``actions``.
        first: see ``inputs``.
        second: see ``inputs``.
        actions: see ``inputs``.
        action_bar: 4 rows: cotangents of the actions; overwritten.
        second_bar: HIDDEN rows of work space.
        first_bar: HIDDEN rows of work space.
        input_bar: ``at.inputs`` rows; written.
        gradient: flat vector; the parameters' gradient is added.
    """
    _unsquash(actions, action_bar, ACTIONS)
    outer(ACTIONS, HIDDEN, action_bar, 0, second, 0, gradient[at.weight_3 :])
    sums(ACTIONS, action_bar, 0, gradient[at.bias_3 :])
    _clear(second_bar, HIDDEN)
    product_transposed(parameters[at.weight_3 :], ACTIONS, HIDDEN, action_bar, 0, second_bar, 0)
    _unsquash(second, second_bar, HIDDEN)
    outer(HIDDEN, HIDDEN, second_bar, 0, first, 0, gradient[at.weight_2 :])
    sums(HIDDEN, second_bar, 0, gradient[at.bias_2 :])
    _clear(first_bar, HIDDEN)
    product_transposed(parameters[at.weight_2 :], HIDDEN, HIDDEN, second_bar, 0, first_bar, 0)
    _unsquash(first, first_bar, HIDDEN)
    outer(HIDDEN, at.inputs, first_bar, 0, inputs, 0, gradient[at.weight_1 :])
    sums(HIDDEN, first_bar, 0, gradient[at.bias_1 :])
    _clear(input_bar, at.inputs)
    product_transposed(parameters[at.weight_1 :], HIDDEN, at.inputs, first_bar, 0, input_bar, 0)


def initial_parameters(
    inputs: int, count: int, hover: NDArray[np.float64], rng: np.random.Generator
) -> Array:
    """Fresh weights whose actions lie near hover, shape ``(count, size)``.

    Args:
        inputs: ``TEACHER_INPUTS`` or ``BASE_INPUTS``.
        count: how many networks.
        hover: rotor speed at hover, 0 to 1, one or ``count`` of them.
        rng: where the numbers come from.
    """
    at = layout(inputs)
    used = OBSERVATIONS + (FEATURES if inputs == BASE_INPUTS else 0)
    flat = np.zeros((count, at.size), np.float32)
    first = flat[:, at.weight_1 : at.bias_1].reshape(count, HIDDEN, inputs)
    first[:, :, :used] = rng.normal(0, used**-0.5, (count, HIDDEN, used))
    flat[:, at.weight_2 : at.bias_2] = rng.normal(0, HIDDEN**-0.5, (count, HIDDEN * HIDDEN))
    flat[:, at.weight_3 : at.bias_3] = rng.normal(0, 0.1 * HIDDEN**-0.5, (count, ACTIONS * HIDDEN))
    flat[:, at.bias_3 :] = np.arctanh(np.clip(2 * np.asarray(hover) - 1, -0.9, 0.9)).reshape(-1, 1)
    return flat


def fold(base: Array, features: NDArray[np.float64]) -> Array:
    """Teachers that act as the base network does for one airframe each.

    Args:
        base: the base network's flat vector.
        features: shape ``(count, FEATURES)``.

    Returns:
        Flat vectors of teachers, shape ``(count, size)``.
    """
    given, taken = layout(BASE_INPUTS), layout(TEACHER_INPUTS)
    count = len(features)
    flat = np.zeros((count, taken.size), np.float32)
    flat[:, taken.bias_1 :] = base[given.bias_1 :]
    first = base[: given.bias_1].reshape(HIDDEN, BASE_INPUTS)
    weight = flat[:, : taken.bias_1].reshape(count, HIDDEN, TEACHER_INPUTS)
    weight[:, :, :OBSERVATIONS] = first[:, :OBSERVATIONS]
    told = first[:, OBSERVATIONS : OBSERVATIONS + FEATURES]
    flat[:, taken.bias_1 : taken.weight_2] += (features @ told.T).astype(np.float32)
    return flat


def to_weights(flat: Array) -> dict[str, Array]:
    """Flat vectors of teachers as the stacked tensors of a :class:`~.teacher_set.Teachers`."""
    at = layout(TEACHER_INPUTS)
    count = len(flat)
    first = flat[:, at.weight_1 : at.bias_1].reshape(count, HIDDEN, TEACHER_INPUTS)
    return {
        "weight_1": np.ascontiguousarray(first[:, :, :OBSERVATIONS]),
        "bias_1": flat[:, at.bias_1 : at.weight_2].copy(),
        "weight_2": flat[:, at.weight_2 : at.bias_2].reshape(count, HIDDEN, HIDDEN).copy(),
        "bias_2": flat[:, at.bias_2 : at.weight_3].copy(),
        "weight_3": flat[:, at.weight_3 : at.bias_3].reshape(count, ACTIONS, HIDDEN).copy(),
        "bias_3": flat[:, at.bias_3 : at.size].copy(),
    }
