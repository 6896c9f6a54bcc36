"""The recurrent policy and its reverse, for all lanes of a block.

The network is RAPTOR's (rl-tools/raptor, ``src/foundation_policy``): ``x = relu(W0 o + b0)``, a gated
recurrent unit in torch's convention, a linear output. Weights are flat vectors laid out by
:func:`layout`; activations are rows of blocks (see :mod:`~eyas.envs.quadrotor.lanes`).

The matrix products take four rows of outputs by four of inputs at a time: sixteen weights stay in
registers while a loop runs over the lanes. Rows are sliced before such a loop: an index that the
compiler cannot prove to be positive might count from the end, and the loop would not vectorise.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...envs.quadrotor.lanes import LANES, lane_loop, lanewise

OBSERVATIONS = 22
INPUT_ROWS = 24
"""Rows of a block of inputs: the observation and two rows of zeros, to have a multiple of four."""
ACTIONS = 4
GATE_ROWS = 32
"""Distance between the rows of two gates; the largest hidden size."""

_ZERO, _ONE, _TWO, _HALF = np.float32(0), np.float32(1), np.float32(2), np.float32(0.5)
_SATURATED = np.float32(4.5)
_N0, _N1, _N2 = np.float32(135135), np.float32(17325), np.float32(378)
_D1, _D2, _D3 = np.float32(62370), np.float32(3150), np.float32(28)


class Layout(NamedTuple):
    """Where each tensor starts in the flat vector of parameters of a network with ``hidden`` units."""

    hidden: int
    input_weight: int
    """(hidden, INPUT_ROWS); the last two columns have no effect."""
    input_bias: int
    recurrent_input: int
    """(3 hidden, hidden), gates r, z, n; applied to x."""
    recurrent_hidden: int
    """(3 hidden, hidden), gates r, z, n; applied to h."""
    recurrent_input_bias: int
    recurrent_hidden_bias: int
    output_weight: int
    """(ACTIONS, hidden)."""
    output_bias: int
    initial_hidden: int
    size: int


def layout(hidden: int) -> Layout:
    """The layout for a number of hidden units, a multiple of 4 up to ``GATE_ROWS``."""
    sizes = (
        hidden * INPUT_ROWS,
        hidden,
        3 * hidden * hidden,
        3 * hidden * hidden,
        3 * hidden,
        3 * hidden,
        ACTIONS * hidden,
        ACTIONS,
        hidden,
    )
    starts = np.concatenate([[0], np.cumsum(sizes)]).tolist()
    return Layout(hidden, *starts)


@lanewise
def tanh(x):
    """Hyperbolic tangent to 3e-7: Lambert's continued fraction of x/2, then the double-angle formula."""
    y = _HALF * x
    y = -_SATURATED if y < -_SATURATED else y
    y = _SATURATED if y > _SATURATED else y
    s = y * y
    top = y * (_N0 + s * (_N1 + s * (_N2 + s)))
    bottom = _N0 + s * (_D1 + s * (_D2 + s * _D3))
    return _TWO * top * bottom / (top * top + bottom * bottom)


@lanewise
def sigmoid(x):
    """Logistic function to 2e-7."""
    return _HALF + _HALF * tanh(_HALF * x)


@lane_loop
def fill(value, rows, y, y_row):
    """Set rows: ``y[j] = value[j]`` (one number per row)."""
    for j in range(rows):
        ys, constant = y[(y_row + j) * LANES :], value[j]
        for lane in range(LANES):
            ys[lane] = constant


@lane_loop
def product(weights, outputs, inputs, x, x_row, y, y_row):
    """``y += W x`` for W of shape (outputs, inputs), both multiples of 4."""
    for j in range(0, outputs, 4):
        for k in range(0, inputs, 4):
            w = j * inputs + k
            a0, a1, a2, a3 = weights[w], weights[w + 1], weights[w + 2], weights[w + 3]
            w += inputs
            b0, b1, b2, b3 = weights[w], weights[w + 1], weights[w + 2], weights[w + 3]
            w += inputs
            c0, c1, c2, c3 = weights[w], weights[w + 1], weights[w + 2], weights[w + 3]
            w += inputs
            d0, d1, d2, d3 = weights[w], weights[w + 1], weights[w + 2], weights[w + 3]
            xs, ys = x[(x_row + k) * LANES :], y[(y_row + j) * LANES :]
            for lane in range(LANES):
                x0, x1 = xs[lane], xs[LANES + lane]
                x2, x3 = xs[2 * LANES + lane], xs[3 * LANES + lane]
                ys[lane] += a0 * x0 + a1 * x1 + a2 * x2 + a3 * x3
                ys[LANES + lane] += b0 * x0 + b1 * x1 + b2 * x2 + b3 * x3
                ys[2 * LANES + lane] += c0 * x0 + c1 * x1 + c2 * x2 + c3 * x3
                ys[3 * LANES + lane] += d0 * x0 + d1 * x1 + d2 * x2 + d3 * x3


@lane_loop
def product_transposed(weights, outputs, inputs, y, y_row, x, x_row):
    """``x += W^T y`` for W of shape (outputs, inputs), both multiples of 4."""
    for k in range(0, inputs, 4):
        for j in range(0, outputs, 4):
            w = j * inputs + k
            a0, a1, a2, a3 = weights[w], weights[w + 1], weights[w + 2], weights[w + 3]
            w += inputs
            b0, b1, b2, b3 = weights[w], weights[w + 1], weights[w + 2], weights[w + 3]
            w += inputs
            c0, c1, c2, c3 = weights[w], weights[w + 1], weights[w + 2], weights[w + 3]
            w += inputs
            d0, d1, d2, d3 = weights[w], weights[w + 1], weights[w + 2], weights[w + 3]
            xs, ys = x[(x_row + k) * LANES :], y[(y_row + j) * LANES :]
            for lane in range(LANES):
                y0, y1 = ys[lane], ys[LANES + lane]
                y2, y3 = ys[2 * LANES + lane], ys[3 * LANES + lane]
                xs[lane] += a0 * y0 + b0 * y1 + c0 * y2 + d0 * y3
                xs[LANES + lane] += a1 * y0 + b1 * y1 + c1 * y2 + d1 * y3
                xs[2 * LANES + lane] += a2 * y0 + b2 * y1 + c2 * y2 + d2 * y3
                xs[3 * LANES + lane] += a3 * y0 + b3 * y1 + c3 * y2 + d3 * y3


@lane_loop
def outer(outputs, inputs, y, y_row, x, x_row, gradient):
    """``G += y x^T``, summed over the lanes; G of shape (outputs, inputs), both multiples of 4."""
    for j in range(0, outputs, 4):
        for k in range(0, inputs, 4):
            xs, ys = x[(x_row + k) * LANES :], y[(y_row + j) * LANES :]
            a0 = a1 = a2 = a3 = _ZERO
            b0 = b1 = b2 = b3 = _ZERO
            c0 = c1 = c2 = c3 = _ZERO
            d0 = d1 = d2 = d3 = _ZERO
            for lane in range(LANES):
                x0, x1 = xs[lane], xs[LANES + lane]
                x2, x3 = xs[2 * LANES + lane], xs[3 * LANES + lane]
                y0, y1 = ys[lane], ys[LANES + lane]
                y2, y3 = ys[2 * LANES + lane], ys[3 * LANES + lane]
                a0, a1, a2, a3 = a0 + y0 * x0, a1 + y0 * x1, a2 + y0 * x2, a3 + y0 * x3
                b0, b1, b2, b3 = b0 + y1 * x0, b1 + y1 * x1, b2 + y1 * x2, b3 + y1 * x3
                c0, c1, c2, c3 = c0 + y2 * x0, c1 + y2 * x1, c2 + y2 * x2, c3 + y2 * x3
                d0, d1, d2, d3 = d0 + y3 * x0, d1 + y3 * x1, d2 + y3 * x2, d3 + y3 * x3
            g = j * inputs + k
            gradient[g] += a0
            gradient[g + 1] += a1
            gradient[g + 2] += a2
            gradient[g + 3] += a3
            g += inputs
            gradient[g] += b0
            gradient[g + 1] += b1
            gradient[g + 2] += b2
            gradient[g + 3] += b3
            g += inputs
            gradient[g] += c0
            gradient[g + 1] += c1
            gradient[g + 2] += c2
            gradient[g + 3] += c3
            g += inputs
            gradient[g] += d0
            gradient[g + 1] += d1
            gradient[g + 2] += d2
            gradient[g + 3] += d3


@lane_loop
def sums(rows, y, y_row, total):
    """``total[j] += sum of y[j] over the lanes``."""
    for j in range(rows):
        some, ys = _ZERO, y[(y_row + j) * LANES :]
        for lane in range(LANES):
            some += ys[lane]
        total[j] += some


@lane_loop
def _rectify(rows, x):
    for i in range(rows * LANES):
        x[i] = x[i] if x[i] > _ZERO else _ZERO


@lane_loop
def _gates(hidden, gates, h, next_h):
    """Activate the gates in place and mix: rows r, z, n and the hidden part of n."""
    for unit in range(hidden):
        at = unit * LANES
        for lane in range(LANES):
            i = at + lane
            r = sigmoid(gates[i])
            z = sigmoid(gates[i + GATE_ROWS * LANES])
            n = tanh(gates[i + 2 * GATE_ROWS * LANES] + r * gates[i + 3 * GATE_ROWS * LANES])
            gates[i] = r
            gates[i + GATE_ROWS * LANES] = z
            gates[i + 2 * GATE_ROWS * LANES] = n
            next_h[i] = n + z * (h[i] - n)


@lane_loop
def forward(parameters, at, inputs, x, gates, h, next_h, actions):
    """One step of the network for one block.

    Args:
        parameters: the flat vector.
        at: its :class:`Layout`.
        inputs: ``INPUT_ROWS`` rows, the last two 0.
        x: hidden rows; written: the rectified input layer.
        gates: ``4 GATE_ROWS`` rows; written: r, z, n and the hidden part of n, a group of rows each.
        h: hidden rows.
        next_h: hidden rows; written.
        actions: 4 rows; written, not clamped.
    """
    hidden = at.hidden
    square = hidden * hidden
    fill(parameters[at.input_bias :], hidden, x, 0)
    product(parameters[at.input_weight :], hidden, INPUT_ROWS, inputs, 0, x, 0)
    _rectify(hidden, x)
    for gate in range(2):
        row = gate * GATE_ROWS
        for j in range(hidden):
            bias = (
                parameters[at.recurrent_input_bias + gate * hidden + j]
                + parameters[at.recurrent_hidden_bias + gate * hidden + j]
            )
            some = gates[(row + j) * LANES :]
            for lane in range(LANES):
                some[lane] = bias
        product(parameters[at.recurrent_input + gate * square :], hidden, hidden, x, 0, gates, row)
        product(parameters[at.recurrent_hidden + gate * square :], hidden, hidden, h, 0, gates, row)
    fill(parameters[at.recurrent_input_bias + 2 * hidden :], hidden, gates, 2 * GATE_ROWS)
    fill(parameters[at.recurrent_hidden_bias + 2 * hidden :], hidden, gates, 3 * GATE_ROWS)
    product(parameters[at.recurrent_input + 2 * square :], hidden, hidden, x, 0, gates, 2 * GATE_ROWS)
    product(parameters[at.recurrent_hidden + 2 * square :], hidden, hidden, h, 0, gates, 3 * GATE_ROWS)
    _gates(hidden, gates, h, next_h)
    fill(parameters[at.output_bias :], ACTIONS, actions, 0)
    product(parameters[at.output_weight :], ACTIONS, hidden, next_h, 0, actions, 0)


@lane_loop
def _gates_reverse(hidden, gates, h, h_bar, slopes):
    """From the cotangent of the next hidden state to those of the gates' arguments.

    ``h_bar`` keeps what reaches the hidden state directly. ``slopes`` has the rows of ``gates``.
    """
    for unit in range(hidden):
        at = unit * LANES
        for lane in range(LANES):
            i = at + lane
            r, z = gates[i], gates[i + GATE_ROWS * LANES]
            n, inner = gates[i + 2 * GATE_ROWS * LANES], gates[i + 3 * GATE_ROWS * LANES]
            bar = h_bar[i]
            dn = bar * (_ONE - z) * (_ONE - n * n)
            slopes[i] = dn * inner * r * (_ONE - r)
            slopes[i + GATE_ROWS * LANES] = bar * (h[i] - n) * z * (_ONE - z)
            slopes[i + 2 * GATE_ROWS * LANES] = dn
            slopes[i + 3 * GATE_ROWS * LANES] = dn * r
            h_bar[i] = bar * z


@lane_loop
def _unrectify(rows, x, x_bar):
    for i in range(rows * LANES):
        x_bar[i] = x_bar[i] if x[i] > _ZERO else _ZERO


@lane_loop
def reverse(
    parameters, at, inputs, x, gates, h, next_h, action_bar, h_bar, input_bar, x_bar, slopes, gradient
):
    """Reverse of :func:`forward` for one block.

    Args:
        parameters: the flat vector.
        at: its :class:`Layout`.
        inputs: as in the forward step, as are ``x``, ``gates``, ``h`` and ``next_h``.
        x: see ``inputs``.
        gates: see ``inputs``.
        h: see ``inputs``.
        next_h: see ``inputs``.
        action_bar: 4 rows: cotangents of the actions.
        h_bar: hidden rows: cotangents of ``next_h``, overwritten by those of ``h``.
        input_bar: ``INPUT_ROWS`` rows; written.
        x_bar: hidden rows of work space.
        slopes: ``4 GATE_ROWS`` rows of work space.
        gradient: flat vector; the parameters' gradient is added.
    """
    hidden = at.hidden
    square = hidden * hidden
    outer(ACTIONS, hidden, action_bar, 0, next_h, 0, gradient[at.output_weight :])
    sums(ACTIONS, action_bar, 0, gradient[at.output_bias :])
    product_transposed(parameters[at.output_weight :], ACTIONS, hidden, action_bar, 0, h_bar, 0)
    _gates_reverse(hidden, gates, h, h_bar, slopes)
    for i in range(hidden * LANES):
        x_bar[i] = _ZERO
    for gate in range(3):
        row = gate * GATE_ROWS
        hidden_row = 3 * GATE_ROWS if gate == 2 else row
        w = gate * square
        product_transposed(parameters[at.recurrent_input + w :], hidden, hidden, slopes, row, x_bar, 0)
        product_transposed(
            parameters[at.recurrent_hidden + w :], hidden, hidden, slopes, hidden_row, h_bar, 0
        )
        outer(hidden, hidden, slopes, row, x, 0, gradient[at.recurrent_input + w :])
        outer(hidden, hidden, slopes, hidden_row, h, 0, gradient[at.recurrent_hidden + w :])
        sums(hidden, slopes, row, gradient[at.recurrent_input_bias + gate * hidden :])
        sums(hidden, slopes, hidden_row, gradient[at.recurrent_hidden_bias + gate * hidden :])
    _unrectify(hidden, x, x_bar)
    outer(hidden, INPUT_ROWS, x_bar, 0, inputs, 0, gradient[at.input_weight :])
    sums(hidden, x_bar, 0, gradient[at.input_bias :])
    for i in range(INPUT_ROWS * LANES):
        input_bar[i] = _ZERO
    product_transposed(parameters[at.input_weight :], hidden, INPUT_ROWS, x_bar, 0, input_bar, 0)


def initial_parameters(hidden: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Fresh weights: Kaiming-uniform dense layers, +-1/sqrt(hidden) in the recurrent one, zero state."""
    at = layout(hidden)
    flat = np.zeros(at.size, np.float32)
    bound = 1 / np.sqrt(OBSERVATIONS)
    weight = flat[at.input_weight : at.input_bias].reshape(hidden, INPUT_ROWS)
    weight[:, :OBSERVATIONS] = rng.uniform(-bound, bound, (hidden, OBSERVATIONS))
    flat[at.input_bias : at.recurrent_input] = rng.uniform(-bound, bound, hidden)
    bound = 1 / np.sqrt(hidden)
    some = flat[at.recurrent_input : at.initial_hidden]
    some[:] = rng.uniform(-bound, bound, some.size)
    return flat
