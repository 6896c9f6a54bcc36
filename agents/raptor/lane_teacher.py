"""Teachers on lanes: small networks with weights of their own, each for a group of lanes.

A block has eight groups of :data:`GROUP` lanes; a group is flown by one vehicle's copies and judged by
that vehicle's teacher (see :mod:`~.teacher_set`).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...envs.quadrotor.lanes import LANES, lane_loop
from .lane_network import tanh
from .teacher_set import ACTIONS, HIDDEN, OBSERVATIONS, Teachers

GROUP = 16
"""Lanes per teacher."""
GROUPS = LANES // GROUP
INPUT_ROWS = 28
"""The teacher's observation and two rows of zeros, to have a multiple of four."""

# Where each tensor starts in a teacher's flat vector.
_WEIGHT_1 = 0
_BIAS_1 = _WEIGHT_1 + HIDDEN * INPUT_ROWS
_WEIGHT_2 = _BIAS_1 + HIDDEN
_BIAS_2 = _WEIGHT_2 + HIDDEN * HIDDEN
_WEIGHT_3 = _BIAS_2 + HIDDEN
_BIAS_3 = _WEIGHT_3 + ACTIONS * HIDDEN
SIZE = _BIAS_3 + ACTIONS


def pack_teachers(teachers: Teachers) -> NDArray[np.float32]:
    """Weights as the compiled code reads them, shape ``(count, SIZE)``."""
    count, w = len(teachers), teachers.weights
    first = np.zeros((count, HIDDEN, INPUT_ROWS), np.float32)
    first[:, :, :OBSERVATIONS] = w["weight_1"]
    parts = (first, w["bias_1"], w["weight_2"], w["bias_2"], w["weight_3"], w["bias_3"])
    return np.concatenate([part.reshape(count, -1) for part in parts], axis=1).astype(np.float32)


@lane_loop
def _dense(weights, biases, outputs, inputs, x, y):
    """``y = tanh(W x + b)`` for the lanes of a group; rows of x and y are GROUP apart."""
    for j in range(0, outputs, 4):
        ys = y[j * GROUP :]
        e, f, g, h = biases[j], biases[j + 1], biases[j + 2], biases[j + 3]
        for lane in range(GROUP):
            ys[lane] = e
            ys[GROUP + lane] = f
            ys[2 * GROUP + lane] = g
            ys[3 * GROUP + lane] = h
        for k in range(0, inputs, 4):
            w = j * inputs + k
            a0, a1, a2, a3 = weights[w], weights[w + 1], weights[w + 2], weights[w + 3]
            w += inputs
            b0, b1, b2, b3 = weights[w], weights[w + 1], weights[w + 2], weights[w + 3]
            w += inputs
            c0, c1, c2, c3 = weights[w], weights[w + 1], weights[w + 2], weights[w + 3]
            w += inputs
            d0, d1, d2, d3 = weights[w], weights[w + 1], weights[w + 2], weights[w + 3]
            xs = x[k * GROUP :]
            for lane in range(GROUP):
                x0, x1 = xs[lane], xs[GROUP + lane]
                x2, x3 = xs[2 * GROUP + lane], xs[3 * GROUP + lane]
                ys[lane] += a0 * x0 + a1 * x1 + a2 * x2 + a3 * x3
                ys[GROUP + lane] += b0 * x0 + b1 * x1 + b2 * x2 + b3 * x3
                ys[2 * GROUP + lane] += c0 * x0 + c1 * x1 + c2 * x2 + c3 * x3
                ys[3 * GROUP + lane] += d0 * x0 + d1 * x1 + d2 * x2 + d3 * x3
    # One long loop: a loop over the lanes of a group is too short for the compiler to vectorise this.
    for i in range(outputs * GROUP):
        y[i] = tanh(y[i])


@lane_loop
def teach(weights, lanes, inputs, first_layer, second_layer, outputs, actions):
    """What a teacher does in the lanes of a group.

    Args:
        weights: the teacher's flat vector.
        lanes: its observations: ``OBSERVATIONS`` rows of a block from the group's first lane on.
        inputs: ``INPUT_ROWS * GROUP`` numbers of work space, the last two rows 0.
        first_layer: ``HIDDEN * GROUP`` numbers of work space.
        second_layer: the same.
        outputs: ``ACTIONS * GROUP`` numbers of work space.
        actions: 4 rows of a block from the group's first lane on; written.
    """
    for row in range(OBSERVATIONS):
        for lane in range(GROUP):
            inputs[row * GROUP + lane] = lanes[row * LANES + lane]
    _dense(weights[_WEIGHT_1:], weights[_BIAS_1:], HIDDEN, INPUT_ROWS, inputs, first_layer)
    _dense(weights[_WEIGHT_2:], weights[_BIAS_2:], HIDDEN, HIDDEN, first_layer, second_layer)
    _dense(weights[_WEIGHT_3:], weights[_BIAS_3:], ACTIONS, HIDDEN, second_layer, outputs)
    for row in range(ACTIONS):
        for lane in range(GROUP):
            actions[row * LANES + lane] = outputs[row * GROUP + lane]
