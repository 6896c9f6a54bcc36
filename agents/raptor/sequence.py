"""Learning from recorded flights: a network's loss on sequences and its gradient, for all lanes.

A lane of a batch is a row of consecutive steps; episodes may lie in it one behind the other. The
network is unrolled over the whole row, its memory starts anew with each episode, and the derivative
goes all the way back (no truncation). What the reverse sweep needs would not fit into the cache for a
row of 500 steps: only the memory at the start of each short part is kept, and the part is computed
again before it is reversed.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...envs.jit import kernel
from ...envs.quadrotor.lanes import LANES, lane_loop
from .lane_network import ACTIONS, GATE_ROWS, INPUT_ROWS, forward, reverse

PART = 20
"""Steps that are kept for the reverse sweep at a time."""

_ZERO, _HALF, _TWO = np.float32(0), np.float32(0.5), np.float32(2)


class Batch(NamedTuple):
    """Rows to learn from; arrays have shape ``(blocks, steps, rows * LANES)``."""

    inputs: NDArray[np.float32]
    """``INPUT_ROWS`` rows, the last two 0."""
    targets: NDArray[np.float32]
    """Actions to give."""
    weights: NDArray[np.float32]
    """Of each step in the loss; one row, 0 where nothing was recorded."""
    fresh: NDArray[np.float32]
    """1 where the memory starts anew; one row."""


class Workspace(NamedTuple):
    """Work space of one thread."""

    marks: NDArray[np.float32]
    before: NDArray[np.float32]
    after: NDArray[np.float32]
    x: NDArray[np.float32]
    gates: NDArray[np.float32]
    actions: NDArray[np.float32]
    hidden_bar: NDArray[np.float32]
    input_bar: NDArray[np.float32]
    x_bar: NDArray[np.float32]
    slopes: NDArray[np.float32]


def empty_batch(blocks: int, steps: int) -> Batch:
    """A batch of rows in which nothing was recorded."""

    def rows(count: int) -> NDArray[np.float32]:
        return np.zeros((blocks, steps, count * LANES), np.float32)

    return Batch(inputs=rows(INPUT_ROWS), targets=rows(ACTIONS), weights=rows(1), fresh=rows(1))


def empty_workspace(steps: int, hidden: int) -> Workspace:
    """Work space for rows of up to ``steps``."""

    def rows(times: int, count: int) -> NDArray[np.float32]:
        return np.zeros((times, count * LANES), np.float32)

    return Workspace(
        marks=rows(-(-steps // PART) + 1, hidden),
        before=rows(PART, hidden),
        after=rows(PART, hidden),
        x=rows(PART, hidden),
        gates=rows(PART, 4 * GATE_ROWS),
        actions=rows(PART, ACTIONS),
        hidden_bar=np.zeros(hidden * LANES, np.float32),
        input_bar=np.zeros(INPUT_ROWS * LANES, np.float32),
        x_bar=np.zeros(hidden * LANES, np.float32),
        slopes=np.zeros(4 * GATE_ROWS * LANES, np.float32),
    )


@lane_loop
def recall(initial, fresh, hidden, h, recalled):
    """The memory at a step: the initial one where an episode starts, else that of the step before."""
    for unit in range(hidden):
        old, new, start = h[unit * LANES :], recalled[unit * LANES :], initial[unit]
        for lane in range(LANES):
            new[lane] = start if fresh[lane] > _HALF else old[lane]


@lane_loop
def _recall_reverse(fresh, hidden, h_bar, initial_bar):
    """Reverse of :func:`recall`: what reaches the initial memory goes no further back."""
    for unit in range(hidden):
        some, bar = _ZERO, h_bar[unit * LANES :]
        for lane in range(LANES):
            kept = bar[lane]
            some += kept if fresh[lane] > _HALF else _ZERO
            bar[lane] = _ZERO if fresh[lane] > _HALF else kept
        initial_bar[unit] += some


@lane_loop
def _errors(actions, targets, weights):
    """Twice the weighted errors, in place of the actions; returns the weighted sum of squares."""
    total = _ZERO
    for row in range(ACTIONS):
        given, wanted = actions[row * LANES :], targets[row * LANES :]
        for lane in range(LANES):
            error = given[lane] - wanted[lane]
            total += weights[lane] * error * error
            given[lane] = _TWO * weights[lane] * error
    return total


@lane_loop
def _copy(source, target):
    for i in range(target.size):
        target[i] = source[i]


@lane_loop
def _zero(target):
    for i in range(target.size):
        target[i] = _ZERO


@lane_loop
def _sweep_part(parameters, at, inputs, fresh, first, count, start, work):
    """Forward over the steps of a part; returns nothing, fills the work space from its first row."""
    initial = parameters[at.initial_hidden :]
    for i in range(count):
        h = start if i == 0 else work.after[i - 1]
        recall(initial, fresh[first + i], at.hidden, h, work.before[i])
        forward(
            parameters,
            at,
            inputs[first + i],
            work.x[i],
            work.gates[i],
            work.before[i],
            work.after[i],
            work.actions[i],
        )


@lane_loop
def _learn_block(parameters, at, inputs, targets, weights, fresh, work, gradient):
    steps = inputs.shape[0]
    parts = (steps + PART - 1) // PART
    _zero(work.marks[0])
    for part in range(parts - 1):
        _sweep_part(parameters, at, inputs, fresh, part * PART, PART, work.marks[part], work)
        _copy(work.after[PART - 1], work.marks[part + 1])
    _zero(work.hidden_bar)
    total = 0.0
    for part in range(parts - 1, -1, -1):
        first = part * PART
        count = min(PART, steps - first)
        _sweep_part(parameters, at, inputs, fresh, first, count, work.marks[part], work)
        for i in range(count - 1, -1, -1):
            total += _errors(work.actions[i], targets[first + i], weights[first + i])
            reverse(
                parameters,
                at,
                inputs[first + i],
                work.x[i],
                work.gates[i],
                work.before[i],
                work.after[i],
                work.actions[i],
                work.hidden_bar,
                work.input_bar,
                work.x_bar,
                work.slopes,
                gradient,
            )
            _recall_reverse(fresh[first + i], at.hidden, work.hidden_bar, gradient[at.initial_hidden :])
    return total


@kernel
def learn(
    parameters: NDArray[np.float32],
    at: object,
    batch: Batch,
    blocks: NDArray[np.int64],
    work: Workspace,
    gradients: NDArray[np.float32],
    losses: NDArray[np.float64],
) -> None:
    """Sum of weighted squared errors of some blocks of a batch, and its gradient.

    The memory before the first step of a row counts as 0 unless the row starts fresh.

    Args:
        parameters: the network's flat vector.
        at: its layout.
        batch: the rows.
        blocks: which blocks.
        work: work space for at least as many steps as the rows have.
        gradients: ``(blocks of the batch, parameters)``; rows of ``blocks`` are written.
        losses: ``(blocks of the batch,)``; written likewise.
    """
    for block in blocks:
        _zero(gradients[block])
        losses[block] = _learn_block(
            parameters,
            at,
            batch.inputs[block],
            batch.targets[block],
            batch.weights[block],
            batch.fresh[block],
            work,
            gradients[block],
        )
