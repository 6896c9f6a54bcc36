"""A window of flight of many teachers, forwards and backwards: the compiled core of their training.

Each block of lanes holds 128 vehicles of one teacher. They fly some steps, the cost is summed, and the
reverse sweep carries its derivative back through costs, dynamics and network (truncated
back-propagation through time: the state goes on into the next window, its cotangent does not).

The cost follows RAPTOR's reward, smoothed where that has no derivative; what ends RAPTOR's episodes
costs in good time before it does.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...envs.jit import kernel
from ...envs.quadrotor.adjoint import reverse_block
from ...envs.quadrotor.dynamics import (
    ANGULAR_VELOCITY,
    LINEAR_VELOCITY,
    ORIENTATION,
    POSITION,
    STATE_ROWS,
    clip,
    four,
    put_four,
    put_three,
    step_block,
    three,
)
from ...envs.quadrotor.lanes import LANES, lane_loop, lanewise
from .teacher_flight import (
    NOISE_PER_STEP,
    POSITION_LIMIT,
    TARGET_ROWS,
    Fleet,
    clear,
    copy_rows,
    errors,
    hold,
    hold_reverse,
    length,
    note_ends,
    observe,
    observe_reverse,
    wander,
)
from .teacher_network import forward, reverse
from .teacher_set import ACTIONS, HIDDEN

_ONE, _TWO, _HALF = np.float32(1), np.float32(2), np.float32(0.5)
# The corners of the cost are rounded over so much: m, velocities and rates, q_z, actions.
_ROUND_POSITION, _ROUND_OTHER = np.float32(0.003**2), np.float32(0.02**2)
_ROUND_YAW, _ROUND_CHANGE = np.float32(0.003**2), np.float32(0.01**2)


class CostWeights(NamedTuple):
    """Weights of the cost per step; see :func:`_cost`."""

    position: np.float32
    yaw: np.float32
    change: np.float32
    velocity: np.float32
    rate: np.float32
    speeding: np.float32
    straying: np.float32
    speed_limit: np.float32
    """Velocity (m/s, per axis) at which speeding begins."""
    stray_limit: np.float32
    """Share of the position limit at which straying begins."""
    last: np.float32
    """So many steps does the last state of a window count for."""


class Tape(NamedTuple):
    """Work space: what the forward sweep leaves for the reverse sweep, a row per step."""

    states: NDArray[np.float32]
    targets: NDArray[np.float32]
    inputs: NDArray[np.float32]
    first: NDArray[np.float32]
    second: NDArray[np.float32]
    actions: NDArray[np.float32]
    held: NDArray[np.float32]
    state_bar: NDArray[np.float32]
    action_bar: NDArray[np.float32]
    before_bar: NDArray[np.float32]
    step_bar: NDArray[np.float32]
    input_bar: NDArray[np.float32]
    first_bar: NDArray[np.float32]
    second_bar: NDArray[np.float32]


def empty_tape(steps: int, inputs: int) -> Tape:
    """Work space for windows of up to ``steps`` of networks with so many rows of inputs."""

    def rows(times: int, count: int) -> NDArray[np.float32]:
        return np.zeros((times, count * LANES), np.float32)

    return Tape(
        states=rows(steps + 1, STATE_ROWS),
        targets=rows(steps + 1, TARGET_ROWS),
        inputs=rows(steps, inputs),
        first=rows(steps, HIDDEN),
        second=rows(steps, HIDDEN),
        actions=rows(steps + 1, ACTIONS),
        held=rows(steps, 1),
        state_bar=rows(1, STATE_ROWS)[0],
        action_bar=rows(1, ACTIONS)[0],
        before_bar=rows(1, ACTIONS)[0],
        step_bar=rows(1, ACTIONS)[0],
        input_bar=rows(1, inputs)[0],
        first_bar=rows(1, HIDDEN)[0],
        second_bar=rows(1, HIDDEN)[0],
    )


@lanewise
def _squares(x):
    return x[0] * x[0] + x[1] * x[1] + x[2] * x[2]


@lanewise
def _excess(x, limit):
    """How far the components lie outside +-limit, with their signs."""
    return (
        x[0] - clip(x[0], -limit, limit),
        x[1] - clip(x[1], -limit, limit),
        x[2] - clip(x[2], -limit, limit),
    )


@lane_loop
def _cost(states, targets, before, actions, conditions, weights, times, costs):
    """Add the cost of a step: of the state after it (so many times), and of the change of action.

    Position error and change of action count with their lengths, as in RAPTOR's reward; the yaw with
    ``sqrt(8 |q_z|)``, which is ``2 acos(1 - |q_z|)`` for small angles; velocity error and body rates with
    their lengths; a velocity or position near its limit with the square of the excess.
    """
    for lane in range(LANES):
        error, drift = errors(states, targets, lane)
        q_z = states[(ORIENTATION + 3) * LANES + lane]
        b, a = four(before, 0, lane), four(actions, 0, lane)
        c0, c1, c2, c3 = a[0] - b[0], a[1] - b[1], a[2] - b[2], a[3] - b[3]
        limit = weights.stray_limit * conditions[POSITION_LIMIT * LANES + lane]
        hurry = _excess(three(states, LINEAR_VELOCITY, lane), weights.speed_limit)
        stray = _excess(three(states, POSITION, lane), limit)
        costs[lane] += times * (
            weights.position * length(error, _ROUND_POSITION)
            + weights.yaw * np.sqrt(np.sqrt(q_z * q_z + _ROUND_YAW))
            + weights.velocity * length(drift, _ROUND_OTHER)
            + weights.rate * length(three(states, ANGULAR_VELOCITY, lane), _ROUND_OTHER)
            + weights.speeding * _squares(hurry)
            + weights.straying * _squares(stray)
        ) + weights.change * np.sqrt(c0 * c0 + c1 * c1 + c2 * c2 + c3 * c3 + _ROUND_CHANGE)


@lane_loop
def _cost_reverse(
    states, targets, before, actions, conditions, weights, times, state_bar, action_bar, before_bar
):
    """Add the derivatives of a step's cost to the cotangents of its state and its actions."""
    for lane in range(LANES):
        error, drift = errors(states, targets, lane)
        speed, spin = three(states, LINEAR_VELOCITY, lane), three(states, ANGULAR_VELOCITY, lane)
        q_z = states[(ORIENTATION + 3) * LANES + lane]
        limit = weights.stray_limit * conditions[POSITION_LIMIT * LANES + lane]
        hurry = _excess(speed, weights.speed_limit)
        stray = _excess(three(states, POSITION, lane), limit)
        k_error = times * weights.position / length(error, _ROUND_POSITION)
        k_drift = times * weights.velocity / length(drift, _ROUND_OTHER)
        k_spin = times * weights.rate / length(spin, _ROUND_OTHER)
        k_stray, k_hurry = _TWO * times * weights.straying, _TWO * times * weights.speeding
        p, v = three(state_bar, POSITION, lane), three(state_bar, LINEAR_VELOCITY, lane)
        w = three(state_bar, ANGULAR_VELOCITY, lane)
        put_three(
            state_bar,
            POSITION,
            lane,
            (
                p[0] + k_error * error[0] + k_stray * stray[0],
                p[1] + k_error * error[1] + k_stray * stray[1],
                p[2] + k_error * error[2] + k_stray * stray[2],
            ),
        )
        put_three(
            state_bar,
            LINEAR_VELOCITY,
            lane,
            (
                v[0] + k_drift * drift[0] + k_hurry * hurry[0],
                v[1] + k_drift * drift[1] + k_hurry * hurry[1],
                v[2] + k_drift * drift[2] + k_hurry * hurry[2],
            ),
        )
        put_three(
            state_bar,
            ANGULAR_VELOCITY,
            lane,
            (w[0] + k_spin * spin[0], w[1] + k_spin * spin[1], w[2] + k_spin * spin[2]),
        )
        rounded = q_z * q_z + _ROUND_YAW
        root = np.sqrt(np.sqrt(rounded))
        state_bar[(ORIENTATION + 3) * LANES + lane] += (
            times * weights.yaw * _HALF * q_z * root / rounded
        )
        b, a = four(before, 0, lane), four(actions, 0, lane)
        c0, c1, c2, c3 = a[0] - b[0], a[1] - b[1], a[2] - b[2], a[3] - b[3]
        k = weights.change / np.sqrt(c0 * c0 + c1 * c1 + c2 * c2 + c3 * c3 + _ROUND_CHANGE)
        c0, c1, c2, c3 = k * c0, k * c1, k * c2, k * c3
        d = four(action_bar, 0, lane)
        put_four(action_bar, 0, lane, (d[0] + c0, d[1] + c1, d[2] + c2, d[3] + c3))
        put_four(before_bar, 0, lane, (-c0, -c1, -c2, -c3))


@lane_loop
def _add(source, target):
    for i in range(target.size):
        target[i] += source[i]


@lane_loop
def _sweep_forward(parameters, at, fleet, block, steps, noise, offsets, weights, tape):
    conditions, references = fleet.conditions[block], fleet.references[block]
    costs, ended = fleet.costs[block], fleet.ended[block]
    copy_rows(fleet.states[block], tape.states[0], STATE_ROWS * LANES)
    copy_rows(fleet.actions[block], tape.actions[0], ACTIONS * LANES)
    copy_rows(references, tape.targets[0], TARGET_ROWS * LANES)
    clear(costs)
    clear(ended)
    for t in range(steps):
        before, after, actions = tape.states[t], tape.states[t + 1], tape.actions[t + 1]
        observe(before, tape.targets[t], tape.actions[t], conditions, tape.inputs[t])
        forward(parameters, at, tape.inputs[t], tape.first[t], tape.second[t], actions)
        copy_rows(before, after, STATE_ROWS * LANES)
        step_block(fleet.airframes[block], fleet.loads[block], actions, after)
        hold(before, after, tape.held[t])
        note_ends(after, conditions, tape.held[t], ended)
        wander(references, conditions, noise[offsets[t] : offsets[t] + NOISE_PER_STEP])
        copy_rows(references, tape.targets[t + 1], TARGET_ROWS * LANES)
        times = weights.last if t == steps - 1 else _ONE
        _cost(after, tape.targets[t + 1], tape.actions[t], actions, conditions, weights, times, costs)
    for lane in range(LANES):
        costs[lane] /= np.float32(steps)
    copy_rows(tape.states[steps], fleet.states[block], STATE_ROWS * LANES)
    copy_rows(tape.actions[steps], fleet.actions[block], ACTIONS * LANES)


@lane_loop
def _sweep_back(parameters, at, fleet, block, steps, weights, tape, gradient):
    conditions = fleet.conditions[block]
    clear(tape.state_bar)
    clear(tape.action_bar)
    for t in range(steps - 1, -1, -1):
        before, actions = tape.states[t], tape.actions[t + 1]
        times = weights.last if t == steps - 1 else _ONE
        _cost_reverse(
            tape.states[t + 1], tape.targets[t + 1], tape.actions[t], actions, conditions, weights, times,
            tape.state_bar, tape.action_bar, tape.before_bar,
        )  # fmt: skip
        # A step that did not take place leaves the state as it was.
        reverse_block(
            fleet.airframes[block], fleet.loads[block], actions, before, tape.state_bar, tape.step_bar
        )
        hold_reverse(tape.held[t], tape.state_bar, STATE_ROWS)
        hold_reverse(tape.held[t], tape.step_bar, ACTIONS)
        _add(tape.step_bar, tape.action_bar)
        reverse(
            parameters, at, tape.inputs[t], tape.first[t], tape.second[t], actions,
            tape.action_bar, tape.second_bar, tape.first_bar, tape.input_bar, gradient,
        )  # fmt: skip
        observe_reverse(before, tape.input_bar, tape.state_bar, tape.before_bar)
        copy_rows(tape.before_bar, tape.action_bar, ACTIONS * LANES)


@kernel
def fly_window(
    parameters: NDArray[np.float32],
    at: object,
    fleet: Fleet,
    steps: int,
    noise: NDArray[np.float32],
    offsets: NDArray[np.int64],
    weights: CostWeights,
    tape: Tape,
    gradients: NDArray[np.float32],
) -> None:
    """Fly all blocks for a window and write the gradient of each one's mean cost per vehicle and step.

    Args:
        parameters: flat vectors, one per block, or a single one for all.
        at: their layout.
        fleet: the vehicles; advanced in place.
        steps: length of the window.
        noise: a table of standard normal numbers.
        offsets: where in the table each step of each block starts to read, ``(blocks, steps)``.
        weights: of the cost.
        tape: work space for at least ``steps``.
        gradients: ``(blocks, parameters)``; written. With no columns nothing is differentiated.
    """
    for block in range(fleet.states.shape[0]):
        row = block if parameters.shape[0] > 1 else 0
        _sweep_forward(parameters[row], at, fleet, block, steps, noise, offsets[block], weights, tape)
        if gradients.shape[1] > 0:
            gradient = gradients[block]
            clear(gradient)
            _sweep_back(parameters[row], at, fleet, block, steps, weights, tape, gradient)
            part = np.float32(1.0 / (steps * LANES))
            for i in range(gradient.size):
                gradient[i] *= part


@kernel
def descend(
    parameters: NDArray[np.float32],
    gradients: NDArray[np.float32],
    moment_1: NDArray[np.float32],
    moment_2: NDArray[np.float32],
    update: int,
    rate: float,
    largest: float,
) -> None:
    """One step of Adam for every row by itself, its gradient shortened to the norm ``largest``.

    A row whose gradient is not finite stays as it is. ``update`` counts from 1.
    """
    first, second = np.float32(1 - 0.9**update), np.float32(1 - 0.999**update)
    step = np.float32(rate)
    for row in range(parameters.shape[0]):
        total = 0.0
        for i in range(parameters.shape[1]):
            total += gradients[row, i] * gradients[row, i]
        norm = np.sqrt(total)
        if not np.isfinite(norm):
            continue
        factor = np.float32(min(1.0, largest / max(norm, 1e-12)))
        for i in range(parameters.shape[1]):
            g = factor * gradients[row, i]
            m = moment_1[row, i] + np.float32(0.1) * (g - moment_1[row, i])
            s = moment_2[row, i] + np.float32(0.001) * (g * g - moment_2[row, i])
            moment_1[row, i], moment_2[row, i] = m, s
            parameters[row, i] -= step * (m / first) / (np.sqrt(s / second) + np.float32(1e-8))
