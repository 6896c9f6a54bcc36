"""Flight of many teachers: one block of 128 vehicles each; references, view, limits, whole episodes.

References, observations, reward and limits are those of RAPTOR's teachers (rl-tools,
``environments/l2f``; rl-tools/raptor, ``pre_training``).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...envs.jit import kernel
from ...envs.quadrotor.adjoint import rotation_reverse
from ...envs.quadrotor.dynamics import (
    AIRFRAME_ROWS,
    ANGULAR_VELOCITY,
    LINEAR_VELOCITY,
    LOAD_ROWS,
    ORIENTATION,
    POSITION,
    ROTOR_SPEED,
    STATE_ROWS,
    TIME_STEP,
    clip,
    four,
    put_four,
    put_three,
    rotation,
    step_block,
    three,
)
from ...envs.quadrotor.lanes import LANES, lane_loop, lanewise
from .teacher_network import FEATURES, forward
from .teacher_set import ACTIONS, HIDDEN, OBSERVATIONS

# Rows of a block of references: what to follow, and the Langevin process that it is filtered from.
TARGET = 0  # position (m), velocity (m/s)
LANGEVIN = 6
REFERENCE_ROWS = 12
TARGET_ROWS = 6

# Rows of a block of conditions.
POSITION_LIMIT = 0  # an episode ends where a coordinate exceeds it (m)
MOVING = 1  # 1 where the reference moves
TOLD = 2  # features of the airframe, for the base network
CONDITION_ROWS = TOLD + FEATURES

# Rows of a block of results of whole episodes.
RETURN, LENGTH = 0, 1
POSITION_SUM, POSITION_COUNT = 2, 5  # of the second half of the episode (m)
RESULT_ROWS = 6

EPISODE_STEPS = 500
VELOCITY_LIMIT, RATE_LIMIT = np.float32(2), np.float32(35)
"""RAPTOR's episodes end where a velocity (m/s) or a rate (rad/s) exceeds them."""
NOISE_PER_STEP = 3 * LANES

_ZERO, _ONE, _TWO, _HALF = np.float32(0), np.float32(1), np.float32(2), np.float32(0.5)
_LOST_POSITION, _LOST_VELOCITY, _LOST_RATE = np.float32(15), np.float32(8), np.float32(60)
_LARGEST_COTANGENT = np.float32(300)
# RAPTOR's reward: a constant, a weight of the yaw, and what an end costs.
_BONUS, _YAW, _END = np.float32(1.5), np.float32(0.1), np.float32(-100)
# RAPTOR's Langevin references: friction 1, frequency 2, noise 0.5, low-pass filter 0.01.
_STEP, _FRICTION, _STIFFNESS = np.float32(TIME_STEP), np.float32(1), np.float32(2**2)
_KICK, _FILTER = np.float32(0.5 * TIME_STEP**0.5), np.float32(0.01)


class Fleet(NamedTuple):
    """The vehicles, one block per teacher, with the rows named in this module."""

    airframes: NDArray[np.float32]
    loads: NDArray[np.float32]
    conditions: NDArray[np.float32]
    references: NDArray[np.float32]
    states: NDArray[np.float32]
    actions: NDArray[np.float32]
    """The last ones."""
    costs: NDArray[np.float32]
    """Mean cost per step in the last window; one row."""
    ended: NDArray[np.float32]
    """1 where the last window left RAPTOR's limits; one row."""


def empty_fleet(blocks: int) -> Fleet:
    """Vehicles at rest that weigh 1 kg and have no rotors."""

    def rows(count: int) -> NDArray[np.float32]:
        return np.zeros((blocks, count * LANES), np.float32)

    fleet = Fleet(
        airframes=rows(AIRFRAME_ROWS),
        loads=rows(LOAD_ROWS),
        conditions=rows(CONDITION_ROWS),
        references=rows(REFERENCE_ROWS),
        states=rows(STATE_ROWS),
        actions=rows(ACTIONS),
        costs=rows(1),
        ended=rows(1),
    )
    fleet.states[:, ORIENTATION * LANES : (ORIENTATION + 1) * LANES] = 1
    return fleet


@lane_loop
def copy_rows(source, target, count):
    """Copy the first numbers of one block to another."""
    for i in range(count):
        target[i] = source[i]


@lane_loop
def clear(target):
    """Set a block to 0."""
    for i in range(target.size):
        target[i] = _ZERO


@lane_loop
def wander(references, conditions, noise):
    """Advance the Langevin references by one step; those that do not move stay where they are."""
    for axis in range(3):
        x, v = references[axis * LANES :], references[(3 + axis) * LANES :]
        free_x, free_v = references[(6 + axis) * LANES :], references[(9 + axis) * LANES :]
        normal, moving = noise[axis * LANES :], conditions[MOVING * LANES :]
        for lane in range(LANES):
            push = -_FRICTION * free_v[lane] - _STIFFNESS * free_x[lane]
            raw = free_v[lane] + _STEP * push + _KICK * moving[lane] * normal[lane]
            smooth = _FILTER * raw + (_ONE - _FILTER) * v[lane]
            free_v[lane] = raw
            free_x[lane] += _STEP * raw
            v[lane] = smooth
            x[lane] += _STEP * smooth


@lane_loop
def observe(states, targets, actions, conditions, inputs):
    """What a teacher sees, and what the base network is told of the airframe if it has rows for that."""
    for lane in range(LANES):
        p, v = three(states, POSITION, lane), three(states, LINEAR_VELOCITY, lane)
        at, along = three(targets, 0, lane), three(targets, 3, lane)
        x, y, z = rotation(four(states, ORIENTATION, lane))
        r = four(states, ROTOR_SPEED, lane)
        put_three(inputs, 0, lane, (p[0] - at[0], p[1] - at[1], p[2] - at[2]))
        put_three(inputs, 3, lane, x)
        put_three(inputs, 6, lane, y)
        put_three(inputs, 9, lane, z)
        put_three(inputs, 12, lane, (v[0] - along[0], v[1] - along[1], v[2] - along[2]))
        put_three(inputs, 15, lane, three(states, ANGULAR_VELOCITY, lane))
        put_four(inputs, 18, lane, four(actions, 0, lane))
        put_four(
            inputs,
            22,
            lane,
            (_TWO * r[0] - _ONE, _TWO * r[1] - _ONE, _TWO * r[2] - _ONE, _TWO * r[3] - _ONE),
        )
    if inputs.size >= (OBSERVATIONS + FEATURES) * LANES:
        for i in range(FEATURES * LANES):
            inputs[OBSERVATIONS * LANES + i] = conditions[TOLD * LANES + i]


@lane_loop
def observe_reverse(states, input_bar, state_bar, before_bar):
    """Reverse of :func:`observe`: add to the cotangents of states and last actions."""
    for lane in range(LANES):
        turned = rotation_reverse(
            four(states, ORIENTATION, lane),
            (three(input_bar, 3, lane), three(input_bar, 6, lane), three(input_bar, 9, lane)),
        )
        p, q = three(state_bar, POSITION, lane), four(state_bar, ORIENTATION, lane)
        v, w = three(state_bar, LINEAR_VELOCITY, lane), three(state_bar, ANGULAR_VELOCITY, lane)
        r, b = four(state_bar, ROTOR_SPEED, lane), four(before_bar, 0, lane)
        dp, dv, dw = three(input_bar, 0, lane), three(input_bar, 12, lane), three(input_bar, 15, lane)
        db, dr = four(input_bar, 18, lane), four(input_bar, 22, lane)
        put_three(state_bar, POSITION, lane, (p[0] + dp[0], p[1] + dp[1], p[2] + dp[2]))
        put_four(
            state_bar,
            ORIENTATION,
            lane,
            (q[0] + turned[0], q[1] + turned[1], q[2] + turned[2], q[3] + turned[3]),
        )
        put_three(state_bar, LINEAR_VELOCITY, lane, (v[0] + dv[0], v[1] + dv[1], v[2] + dv[2]))
        put_three(state_bar, ANGULAR_VELOCITY, lane, (w[0] + dw[0], w[1] + dw[1], w[2] + dw[2]))
        put_four(
            state_bar,
            ROTOR_SPEED,
            lane,
            (r[0] + _TWO * dr[0], r[1] + _TWO * dr[1], r[2] + _TWO * dr[2], r[3] + _TWO * dr[3]),
        )
        put_four(before_bar, 0, lane, (b[0] + db[0], b[1] + db[1], b[2] + db[2], b[3] + db[3]))


@lanewise
def largest(a):
    """Size of the largest of three numbers."""
    return max(max(abs(a[0]), abs(a[1])), abs(a[2]))


@lane_loop
def hold(before, after, held):
    """Leave vehicles that got out of hand where they were."""
    for lane in range(LANES):
        fine = (
            (largest(three(after, POSITION, lane)) < _LOST_POSITION)
            & (largest(three(after, LINEAR_VELOCITY, lane)) < _LOST_VELOCITY)
            & (largest(three(after, ANGULAR_VELOCITY, lane)) < _LOST_RATE)
        )
        held[lane] = _ONE if fine else _ZERO
    for row in range(STATE_ROWS):
        old, new = before[row * LANES :], after[row * LANES :]
        for lane in range(LANES):
            new[lane] = new[lane] if held[lane] > _HALF else old[lane]


@lane_loop
def hold_reverse(held, bar, rows):
    """Nothing passes a step that did not take place, and nothing that is not a number."""
    for row in range(rows):
        some = bar[row * LANES :]
        for lane in range(LANES):
            x = some[lane] * held[lane]
            x = x if x == x else _ZERO
            some[lane] = clip(x, -_LARGEST_COTANGENT, _LARGEST_COTANGENT)


@lane_loop
def note_ends(states, conditions, held, ended):
    """Mark the vehicles beyond RAPTOR's limits."""
    for lane in range(LANES):
        inside = (
            (largest(three(states, POSITION, lane)) <= conditions[POSITION_LIMIT * LANES + lane])
            & (largest(three(states, LINEAR_VELOCITY, lane)) <= VELOCITY_LIMIT)
            & (largest(three(states, ANGULAR_VELOCITY, lane)) <= RATE_LIMIT)
            & (held[lane] > _HALF)
        )
        ended[lane] = ended[lane] if inside else _ONE


@lanewise
def length(x, rounding):
    """Length of a vector, rounded at zero so that it has a derivative."""
    return np.sqrt(x[0] * x[0] + x[1] * x[1] + x[2] * x[2] + rounding)


@lanewise
def errors(states, targets, lane):
    """Position (m) and velocity (m/s) relative to the reference."""
    p, v = three(states, POSITION, lane), three(states, LINEAR_VELOCITY, lane)
    a, b = three(targets, 0, lane), three(targets, 3, lane)
    return (p[0] - a[0], p[1] - a[1], p[2] - a[2]), (v[0] - b[0], v[1] - b[1], v[2] - b[2])


@lane_loop
def _pay(states, targets, before, actions, rewards):
    """RAPTOR's reward of a state and the action in it, unless the step ends the episode."""
    for lane in range(LANES):
        error, _ = errors(states, targets, lane)
        turned = min(abs(states[(ORIENTATION + 3) * LANES + lane]), _ONE)
        b, a = four(before, 0, lane), four(actions, 0, lane)
        c0, c1, c2, c3 = a[0] - b[0], a[1] - b[1], a[2] - b[2], a[3] - b[3]
        rewards[lane] = _BONUS - (
            length(error, _ZERO)
            + _YAW * _TWO * np.float32(math.acos(_ONE - turned))
            + np.sqrt(c0 * c0 + c1 * c1 + c2 * c2 + c3 * c3)
        )


@lane_loop
def _book(rewards, ended, states, settled, alive, results):
    """Add a step's reward and position to the results of the episodes that were not over before it."""
    for lane in range(LANES):
        on = alive[lane]
        over = ended[lane] > _HALF
        reward = _END if over else rewards[lane]
        results[RETURN * LANES + lane] += on * reward
        results[LENGTH * LANES + lane] += on
        part = settled * on
        p, s = three(states, POSITION, lane), three(results, POSITION_SUM, lane)
        put_three(
            results, POSITION_SUM, lane, (s[0] + part * p[0], s[1] + part * p[1], s[2] + part * p[2])
        )
        results[POSITION_COUNT * LANES + lane] += part
        alive[lane] = _ZERO if over else on


@kernel
def fly_episodes(
    parameters: NDArray[np.float32],
    at: object,
    fleet: Fleet,
    noise: NDArray[np.float32],
    offsets: NDArray[np.int64],
    inputs: NDArray[np.float32],
    results: NDArray[np.float32],
) -> None:
    """Fly all vehicles through an episode of RAPTOR's from where they are.

    Args:
        parameters: flat vectors, one per block, or a single one for all.
        at: their layout.
        fleet: the vehicles; flown to the end even if their episode ends early.
        noise: a table of standard normal numbers.
        offsets: where in the table each step of each block starts to read, ``(blocks, steps)``.
        inputs: ``at.inputs`` rows of zeros, work space.
        results: ``(blocks, RESULT_ROWS * LANES)``; written.
    """
    first = np.zeros(HIDDEN * LANES, np.float32)
    second = np.zeros(HIDDEN * LANES, np.float32)
    before = np.zeros(STATE_ROWS * LANES, np.float32)
    last, actions = np.zeros(ACTIONS * LANES, np.float32), np.zeros(ACTIONS * LANES, np.float32)
    held, alive = np.zeros(LANES, np.float32), np.zeros(LANES, np.float32)
    rewards = np.zeros(LANES, np.float32)
    for block in range(fleet.states.shape[0]):
        _episode(
            parameters[block if parameters.shape[0] > 1 else 0],
            at, fleet, block, noise, offsets[block], inputs,
            first, second, before, last, actions, held, alive, rewards, results[block],
        )  # fmt: skip


@lane_loop
def _episode(
    parameters, at, fleet, block, noise, offsets, inputs,
    first, second, before, last, actions, held, alive, rewards, results,
):  # fmt: skip
    states, conditions = fleet.states[block], fleet.conditions[block]
    references, ended = fleet.references[block], fleet.ended[block]
    clear(results)
    # The reward takes the action before the first one for 0, whatever the teacher is shown.
    clear(last)
    for lane in range(LANES):
        alive[lane] = _ONE
    for t in range(offsets.size):
        observe(states, references, fleet.actions[block], conditions, inputs)
        forward(parameters, at, inputs, first, second, actions)
        _pay(states, references, last, actions, rewards)
        copy_rows(states, before, STATE_ROWS * LANES)
        step_block(fleet.airframes[block], fleet.loads[block], actions, states)
        hold(before, states, held)
        clear(ended)
        note_ends(states, conditions, held, ended)
        settled = _ONE if 2 * t >= offsets.size else _ZERO
        _book(rewards, ended, before, settled, alive, results)
        wander(references, conditions, noise[offsets[t] : offsets[t] + NOISE_PER_STEP])
        copy_rows(actions, last, ACTIONS * LANES)
        copy_rows(actions, fleet.actions[block], ACTIONS * LANES)
