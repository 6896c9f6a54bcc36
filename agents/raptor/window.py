"""A window of flight, forwards and backwards: the compiled core of training by gradients.

Vehicles fly a window of some steps under the recurrent policy; the cost is summed; the reverse sweep
carries its derivative back through costs, dynamics, sensors and network (truncated back-propagation
through time: state and hidden state go on into the next window, their cotangents do not).

All arrays are blocks of lanes (see :mod:`~eyas.envs.quadrotor.lanes`).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...envs.jit import kernel
from ...envs.quadrotor.adjoint import rotation_reverse, runge_kutta_reverse
from ...envs.quadrotor.dynamics import (
    ACCELERATION,
    ANGULAR_ACCELERATION,
    ANGULAR_VELOCITY,
    LINEAR_VELOCITY,
    ORIENTATION,
    POSITION,
    POWER,
    ROTOR_SPEED,
    STATE_ROWS,
    clip,
    four,
    load_airframe,
    put_four,
    put_three,
    rotation,
    runge_kutta,
    three,
)
from ...envs.quadrotor.lanes import LANES, lane_loop, lanewise
from .lane_network import ACTIONS, GATE_ROWS, INPUT_ROWS, forward, reverse

# Rows of a block of conditions: what a vehicle's sensors and its cost are like.
NOISE = 0  # standard deviations: position (m), rotation matrix, linear velocity (m/s), angular velocity (rad/s)
DELAY = 4  # weights of the measurement now and one, two and three steps ago; they add up to 1
POSITION_CLIP, VELOCITY_CLIP = 8, 9  # what the policy sees of an error at most (m, m/s), per axis
POSITION_LIMIT, SPEED_LIMIT = 10, 11  # beyond these errors (m, m/s, per axis) the cost rises steeply
LIMIT_WEIGHT = 12  # how steeply
WEIGHT = 13  # of the vehicle in the cost; 0 for a spare lane
CONDITION_ROWS = 14

# Rows of a block of references: amplitude sin(phase) on each axis.
SINE, COSINE = 0, 3
STEP_SINE, STEP_COSINE = 6, 9  # of the phase's change per step
AMPLITUDE, SPEED = 12, 15  # m; m/s, amplitude times angular frequency
REFERENCE_ROWS = 18

MEASUREMENTS = 18
LONGEST_DELAY = 3
_TARGET_ROWS = 6

_ZERO, _ONE, _TWO, _HALF = np.float32(0), np.float32(1), np.float32(2), np.float32(0.5)
_LOST_POSITION, _LOST_VELOCITY, _LOST_RATE = np.float32(8), np.float32(8), np.float32(60)
_LARGEST_COTANGENT = np.float32(300)
_ROUND_POSITION, _ROUND_OTHER = np.float32(0.002**2), np.float32(0.02**2)


class CostWeights(NamedTuple):
    """Weights of the cost per step; see :func:`_cost`."""

    position: np.float32
    velocity: np.float32
    rate: np.float32
    yaw: np.float32
    smoothness: np.float32
    overshoot: np.float32
    speeding: np.float32
    straying: np.float32


class Fleet(NamedTuple):
    """The vehicles in flight, as blocks with the rows named in this module."""

    airframes: NDArray[np.float32]
    loads: NDArray[np.float32]
    conditions: NDArray[np.float32]
    references: NDArray[np.float32]
    states: NDArray[np.float32]
    history: NDArray[np.float32]
    """The last three measurements, oldest first."""
    hidden: NDArray[np.float32]
    actions: NDArray[np.float32]
    """The last ones."""
    costs: NDArray[np.float32]
    """Mean cost per step in the last window; one row."""
    lost: NDArray[np.float32]
    """1 where the vehicle got out of hand in the last window; one row."""
    fresh: NDArray[np.float32]
    """1 where the hidden state is the initial one; one row."""


class Tape(NamedTuple):
    """Work space of one thread: what the forward sweep leaves for the reverse sweep."""

    states: NDArray[np.float32]
    targets: NDArray[np.float32]
    measured: NDArray[np.float32]
    measured_bar: NDArray[np.float32]
    inputs: NDArray[np.float32]
    x: NDArray[np.float32]
    gates: NDArray[np.float32]
    hidden: NDArray[np.float32]
    actions: NDArray[np.float32]
    held: NDArray[np.float32]
    state_bar: NDArray[np.float32]
    hidden_bar: NDArray[np.float32]
    action_bar: NDArray[np.float32]
    """Cotangents of the action of the step and of the one before it."""
    input_bar: NDArray[np.float32]
    x_bar: NDArray[np.float32]
    slopes: NDArray[np.float32]


def empty_fleet(blocks: int, hidden: int) -> Fleet:
    """Vehicles without weight, at rest, that weigh 1 kg and have no rotors."""
    from ...envs.quadrotor.dynamics import AIRFRAME_ROWS, LOAD_ROWS

    def rows(count: int) -> NDArray[np.float32]:
        return np.zeros((blocks, count * LANES), np.float32)

    fleet = Fleet(
        airframes=rows(AIRFRAME_ROWS),
        loads=rows(LOAD_ROWS),
        conditions=rows(CONDITION_ROWS),
        references=rows(REFERENCE_ROWS),
        states=rows(STATE_ROWS),
        history=rows(LONGEST_DELAY * MEASUREMENTS),
        hidden=rows(hidden),
        actions=rows(ACTIONS),
        costs=rows(1),
        lost=rows(1),
        fresh=rows(1),
    )
    fleet.states[:, ORIENTATION * LANES : (ORIENTATION + 1) * LANES] = 1
    return fleet


def empty_tape(steps: int, hidden: int) -> Tape:
    """Work space for windows of up to ``steps``."""

    def rows(times: int, count: int) -> NDArray[np.float32]:
        return np.zeros((times, count * LANES), np.float32)

    flat = (steps + LONGEST_DELAY) * MEASUREMENTS * LANES
    return Tape(
        states=np.zeros((steps + 1) * STATE_ROWS * LANES, np.float32),
        targets=rows(steps + 1, _TARGET_ROWS),
        measured=np.zeros(flat, np.float32),
        measured_bar=np.zeros(flat, np.float32),
        inputs=rows(steps, INPUT_ROWS),
        x=rows(steps, hidden),
        gates=rows(steps, 4 * GATE_ROWS),
        hidden=rows(steps + 1, hidden),
        actions=rows(steps + 1, ACTIONS),
        held=rows(steps, 1),
        state_bar=np.zeros(STATE_ROWS * LANES, np.float32),
        hidden_bar=np.zeros(hidden * LANES, np.float32),
        action_bar=np.zeros(2 * ACTIONS * LANES, np.float32),
        input_bar=np.zeros(INPUT_ROWS * LANES, np.float32),
        x_bar=np.zeros(hidden * LANES, np.float32),
        slopes=np.zeros(4 * GATE_ROWS * LANES, np.float32),
    )


@lane_loop
def _aim(references, targets):
    """Where the vehicles should be and how fast."""
    for lane in range(LANES):
        s, c = three(references, SINE, lane), three(references, COSINE, lane)
        a, v = three(references, AMPLITUDE, lane), three(references, SPEED, lane)
        put_three(targets, 0, lane, (a[0] * s[0], a[1] * s[1], a[2] * s[2]))
        put_three(targets, 3, lane, (v[0] * c[0], v[1] * c[1], v[2] * c[2]))


@lane_loop
def _turn(references):
    """Advance the references by one step."""
    for lane in range(LANES):
        s, c = three(references, SINE, lane), three(references, COSINE, lane)
        ds, dc = three(references, STEP_SINE, lane), three(references, STEP_COSINE, lane)
        put_three(
            references,
            SINE,
            lane,
            (s[0] * dc[0] + c[0] * ds[0], s[1] * dc[1] + c[1] * ds[1], s[2] * dc[2] + c[2] * ds[2]),
        )
        put_three(
            references,
            COSINE,
            lane,
            (c[0] * dc[0] - s[0] * ds[0], c[1] * dc[1] - s[1] * ds[1], c[2] * dc[2] - s[2] * ds[2]),
        )


@lanewise
def _noisy(values, noise, row, lane, deviation):
    n = three(noise, row, lane)
    return values[0] + deviation * n[0], values[1] + deviation * n[1], values[2] + deviation * n[2]


@lane_loop
def _measure(states, targets, conditions, noise, measured):
    """Errors of position and velocity, rotation matrix and body rates, with noise."""
    for lane in range(LANES):
        p, v = three(states, POSITION, lane), three(states, LINEAR_VELOCITY, lane)
        target_p, target_v = three(targets, 0, lane), three(targets, 3, lane)
        deviation = four(conditions, NOISE, lane)
        reach = conditions[POSITION_CLIP * LANES + lane]
        speed = conditions[VELOCITY_CLIP * LANES + lane]
        error = (
            clip(p[0] - target_p[0], -reach, reach),
            clip(p[1] - target_p[1], -reach, reach),
            clip(p[2] - target_p[2], -reach, reach),
        )
        rate = (
            clip(v[0] - target_v[0], -speed, speed),
            clip(v[1] - target_v[1], -speed, speed),
            clip(v[2] - target_v[2], -speed, speed),
        )
        x, y, z = rotation(four(states, ORIENTATION, lane))
        w = three(states, ANGULAR_VELOCITY, lane)
        put_three(measured, 0, lane, _noisy(error, noise, 0, lane, deviation[0]))
        put_three(measured, 3, lane, _noisy(x, noise, 3, lane, deviation[1]))
        put_three(measured, 6, lane, _noisy(y, noise, 6, lane, deviation[1]))
        put_three(measured, 9, lane, _noisy(z, noise, 9, lane, deviation[1]))
        put_three(measured, 12, lane, _noisy(rate, noise, 12, lane, deviation[2]))
        put_three(measured, 15, lane, _noisy(w, noise, 15, lane, deviation[3]))


@lane_loop
def _delay(measured, conditions, actions, inputs):
    """What the policy reads: a delayed measurement (four of them, oldest first) and the last action."""
    for row in range(MEASUREMENTS):
        for lane in range(LANES):
            d = four(conditions, DELAY, lane)
            i = row * LANES + lane
            inputs[i] = (
                d[0] * measured[3 * MEASUREMENTS * LANES + i]
                + d[1] * measured[2 * MEASUREMENTS * LANES + i]
                + d[2] * measured[MEASUREMENTS * LANES + i]
                + d[3] * measured[i]
            )
    for i in range(ACTIONS * LANES):
        inputs[MEASUREMENTS * LANES + i] = clip(actions[i], -_ONE, _ONE)


@lane_loop
def _fly(airframes, loads, actions, states, held):
    """From ``states`` to the next ``STATE_ROWS`` rows; a vehicle out of hand stays where it was."""
    for lane in range(LANES):
        p = three(states, POSITION, lane)
        q = four(states, ORIENTATION, lane)
        v = three(states, LINEAR_VELOCITY, lane)
        w = three(states, ANGULAR_VELOCITY, lane)
        r = four(states, ROTOR_SPEED, lane)
        p2, q2, v2, w2, r2 = runge_kutta(
            p,
            q,
            v,
            w,
            r,
            four(actions, 0, lane),
            load_airframe(airframes, lane),
            three(loads, ACCELERATION, lane),
            three(loads, ANGULAR_ACCELERATION, lane),
            four(loads, POWER, lane),
        )
        far = max(max(abs(p2[0]), abs(p2[1])), abs(p2[2]))
        fast = max(max(abs(v2[0]), abs(v2[1])), abs(v2[2]))
        spin = max(max(abs(w2[0]), abs(w2[1])), abs(w2[2]))
        fine = (far < _LOST_POSITION) & (fast < _LOST_VELOCITY) & (spin < _LOST_RATE)
        held[lane] = _ONE if fine else _ZERO
        after = STATE_ROWS
        put_three(
            states,
            after + POSITION,
            lane,
            (p2[0] if fine else p[0], p2[1] if fine else p[1], p2[2] if fine else p[2]),
        )
        put_four(
            states,
            after + ORIENTATION,
            lane,
            (
                q2[0] if fine else q[0],
                q2[1] if fine else q[1],
                q2[2] if fine else q[2],
                q2[3] if fine else q[3],
            ),
        )
        put_three(
            states,
            after + LINEAR_VELOCITY,
            lane,
            (v2[0] if fine else v[0], v2[1] if fine else v[1], v2[2] if fine else v[2]),
        )
        put_three(
            states,
            after + ANGULAR_VELOCITY,
            lane,
            (w2[0] if fine else w[0], w2[1] if fine else w[1], w2[2] if fine else w[2]),
        )
        put_four(
            states,
            after + ROTOR_SPEED,
            lane,
            (
                r2[0] if fine else r[0],
                r2[1] if fine else r[1],
                r2[2] if fine else r[2],
                r2[3] if fine else r[3],
            ),
        )


@lanewise
def _excess(x, limit):
    """How far x lies outside +-limit, with its sign."""
    return x - clip(x, -limit, limit)


@lanewise
def _length(x, rounding):
    """Length of a vector, rounded at zero so that it has a derivative."""
    return np.sqrt(x[0] * x[0] + x[1] * x[1] + x[2] * x[2] + rounding)


@lanewise
def _squares(x):
    return x[0] * x[0] + x[1] * x[1] + x[2] * x[2]


@lanewise
def _errors(states, targets, lane):
    p, v = three(states, POSITION, lane), three(states, LINEAR_VELOCITY, lane)
    a, b = three(targets, 0, lane), three(targets, 3, lane)
    return (p[0] - a[0], p[1] - a[1], p[2] - a[2]), (v[0] - b[0], v[1] - b[1], v[2] - b[2])


@lane_loop
def _cost(states, targets, actions, conditions, weights, costs):
    """Add the cost of a step: of the state after it, its action and the change of action.

    Errors of position and velocity, body rates and changes of action count with their lengths or
    squares; q_z^2 stands for the yaw; actions beyond [-1, 1] and errors of velocity and position
    beyond the vehicle's limits count with the square of the excess.
    """
    for lane in range(LANES):
        error, drift = _errors(states, targets, lane)
        q_z = states[(ORIENTATION + 3) * LANES + lane]
        before, now = four(actions, 0, lane), four(actions, ACTIONS, lane)
        limit = conditions[POSITION_LIMIT * LANES + lane]
        fast = conditions[SPEED_LIMIT * LANES + lane]
        steep = conditions[LIMIT_WEIGHT * LANES + lane]
        change = (
            (now[0] - before[0]) * (now[0] - before[0])
            + (now[1] - before[1]) * (now[1] - before[1])
            + (now[2] - before[2]) * (now[2] - before[2])
            + (now[3] - before[3]) * (now[3] - before[3])
        )
        o0, o1 = _excess(now[0], _ONE), _excess(now[1], _ONE)
        o2, o3 = _excess(now[2], _ONE), _excess(now[3], _ONE)
        hurry = (_excess(drift[0], fast), _excess(drift[1], fast), _excess(drift[2], fast))
        stray = (_excess(error[0], limit), _excess(error[1], limit), _excess(error[2], limit))
        costs[lane] += (
            weights.position * _length(error, _ROUND_POSITION)
            + weights.velocity * _length(drift, _ROUND_OTHER)
            + weights.rate * _length(three(states, ANGULAR_VELOCITY, lane), _ROUND_OTHER)
            + weights.yaw * q_z * q_z
            + weights.smoothness * change
            + weights.overshoot * (o0 * o0 + o1 * o1 + o2 * o2 + o3 * o3)
            + steep * (weights.speeding * _squares(hurry) + weights.straying * _squares(stray))
        )


@lanewise
def _bounded(x):
    x = x if x == x else _ZERO
    return clip(x, -_LARGEST_COTANGENT, _LARGEST_COTANGENT)


@lane_loop
def _cost_reverse(states, targets, actions, conditions, weights, state_bar, action_bar):
    """Add the derivatives of the cost of a step to the cotangents of state and actions."""
    for lane in range(LANES):
        k = conditions[WEIGHT * LANES + lane]
        error, drift = _errors(states, targets, lane)
        w = three(states, ANGULAR_VELOCITY, lane)
        q_z = states[(ORIENTATION + 3) * LANES + lane]
        before, now = four(actions, 0, lane), four(actions, ACTIONS, lane)
        limit = conditions[POSITION_LIMIT * LANES + lane]
        fast = conditions[SPEED_LIMIT * LANES + lane]
        per_error = k * weights.position / _length(error, _ROUND_POSITION)
        per_drift = k * weights.velocity / _length(drift, _ROUND_OTHER)
        per_rate = k * weights.rate / _length(w, _ROUND_OTHER)
        steep = _TWO * k * conditions[LIMIT_WEIGHT * LANES + lane]
        stray, hurry = steep * weights.straying, steep * weights.speeding
        p = three(state_bar, POSITION, lane)
        v = three(state_bar, LINEAR_VELOCITY, lane)
        o = three(state_bar, ANGULAR_VELOCITY, lane)
        put_three(
            state_bar,
            POSITION,
            lane,
            (
                p[0] + per_error * error[0] + stray * _excess(error[0], limit),
                p[1] + per_error * error[1] + stray * _excess(error[1], limit),
                p[2] + per_error * error[2] + stray * _excess(error[2], limit),
            ),
        )
        put_three(
            state_bar,
            LINEAR_VELOCITY,
            lane,
            (
                v[0] + per_drift * drift[0] + hurry * _excess(drift[0], fast),
                v[1] + per_drift * drift[1] + hurry * _excess(drift[1], fast),
                v[2] + per_drift * drift[2] + hurry * _excess(drift[2], fast),
            ),
        )
        put_three(
            state_bar,
            ANGULAR_VELOCITY,
            lane,
            (o[0] + per_rate * w[0], o[1] + per_rate * w[1], o[2] + per_rate * w[2]),
        )
        state_bar[(ORIENTATION + 3) * LANES + lane] += _TWO * k * weights.yaw * q_z
        smooth, over = _TWO * k * weights.smoothness, _TWO * k * weights.overshoot
        c0, c1 = smooth * (now[0] - before[0]), smooth * (now[1] - before[1])
        c2, c3 = smooth * (now[2] - before[2]), smooth * (now[3] - before[3])
        a, b = four(action_bar, 0, lane), four(action_bar, ACTIONS, lane)
        put_four(
            action_bar,
            0,
            lane,
            (
                a[0] + c0 + over * _excess(now[0], _ONE),
                a[1] + c1 + over * _excess(now[1], _ONE),
                a[2] + c2 + over * _excess(now[2], _ONE),
                a[3] + c3 + over * _excess(now[3], _ONE),
            ),
        )
        put_four(action_bar, ACTIONS, lane, (b[0] - c0, b[1] - c1, b[2] - c2, b[3] - c3))


@lane_loop
def _fly_reverse(airframes, loads, actions, states, held, state_bar, action_bar):
    """Reverse of :func:`_fly`; nothing passes a step that did not take place."""
    for lane in range(LANES):
        p, q, v, w, r, a = runge_kutta_reverse(
            four(states, ORIENTATION, lane),
            three(states, LINEAR_VELOCITY, lane),
            three(states, ANGULAR_VELOCITY, lane),
            four(states, ROTOR_SPEED, lane),
            four(actions, ACTIONS, lane),
            load_airframe(airframes, lane),
            three(loads, ACCELERATION, lane),
            three(loads, ANGULAR_ACCELERATION, lane),
            four(loads, POWER, lane),
            three(state_bar, POSITION, lane),
            four(state_bar, ORIENTATION, lane),
            three(state_bar, LINEAR_VELOCITY, lane),
            three(state_bar, ANGULAR_VELOCITY, lane),
            four(state_bar, ROTOR_SPEED, lane),
        )
        on = held[lane]
        put_three(
            state_bar, POSITION, lane, (_bounded(on * p[0]), _bounded(on * p[1]), _bounded(on * p[2]))
        )
        put_four(
            state_bar,
            ORIENTATION,
            lane,
            (_bounded(on * q[0]), _bounded(on * q[1]), _bounded(on * q[2]), _bounded(on * q[3])),
        )
        put_three(
            state_bar,
            LINEAR_VELOCITY,
            lane,
            (_bounded(on * v[0]), _bounded(on * v[1]), _bounded(on * v[2])),
        )
        put_three(
            state_bar,
            ANGULAR_VELOCITY,
            lane,
            (_bounded(on * w[0]), _bounded(on * w[1]), _bounded(on * w[2])),
        )
        put_four(
            state_bar,
            ROTOR_SPEED,
            lane,
            (_bounded(on * r[0]), _bounded(on * r[1]), _bounded(on * r[2]), _bounded(on * r[3])),
        )
        b = four(action_bar, 0, lane)
        put_four(
            action_bar,
            0,
            lane,
            (
                b[0] + _bounded(on * a[0]),
                b[1] + _bounded(on * a[1]),
                b[2] + _bounded(on * a[2]),
                b[3] + _bounded(on * a[3]),
            ),
        )


@lane_loop
def _delay_reverse(conditions, actions, input_bar, measured_bar, action_bar):
    """Reverse of :func:`_delay`; then the earlier action's cotangent becomes the current one."""
    for row in range(MEASUREMENTS):
        for lane in range(LANES):
            d = four(conditions, DELAY, lane)
            i = row * LANES + lane
            bar = input_bar[i]
            measured_bar[3 * MEASUREMENTS * LANES + i] += d[0] * bar
            measured_bar[2 * MEASUREMENTS * LANES + i] += d[1] * bar
            measured_bar[MEASUREMENTS * LANES + i] += d[2] * bar
            measured_bar[i] += d[3] * bar
    for i in range(ACTIONS * LANES):
        inside = abs(actions[i]) <= _ONE
        bar = input_bar[MEASUREMENTS * LANES + i]
        action_bar[i] = action_bar[ACTIONS * LANES + i] + (bar if inside else _ZERO)
        action_bar[ACTIONS * LANES + i] = _ZERO


@lanewise
def _seen(error, limit, bar):
    return bar if abs(error) < limit else _ZERO


@lane_loop
def _measure_reverse(states, targets, conditions, measured_bar, state_bar):
    """Reverse of :func:`_measure`: add to the cotangents of the states."""
    for lane in range(LANES):
        error, drift = _errors(states, targets, lane)
        reach = conditions[POSITION_CLIP * LANES + lane]
        speed = conditions[VELOCITY_CLIP * LANES + lane]
        turned = rotation_reverse(
            four(states, ORIENTATION, lane),
            (three(measured_bar, 3, lane), three(measured_bar, 6, lane), three(measured_bar, 9, lane)),
        )
        e, d = three(measured_bar, 0, lane), three(measured_bar, 12, lane)
        rate = three(measured_bar, 15, lane)
        p, q = three(state_bar, POSITION, lane), four(state_bar, ORIENTATION, lane)
        v, w = three(state_bar, LINEAR_VELOCITY, lane), three(state_bar, ANGULAR_VELOCITY, lane)
        put_three(
            state_bar,
            POSITION,
            lane,
            (
                p[0] + _seen(error[0], reach, e[0]),
                p[1] + _seen(error[1], reach, e[1]),
                p[2] + _seen(error[2], reach, e[2]),
            ),
        )
        put_four(
            state_bar,
            ORIENTATION,
            lane,
            (q[0] + turned[0], q[1] + turned[1], q[2] + turned[2], q[3] + turned[3]),
        )
        put_three(
            state_bar,
            LINEAR_VELOCITY,
            lane,
            (
                v[0] + _seen(drift[0], speed, d[0]),
                v[1] + _seen(drift[1], speed, d[1]),
                v[2] + _seen(drift[2], speed, d[2]),
            ),
        )
        put_three(state_bar, ANGULAR_VELOCITY, lane, (w[0] + rate[0], w[1] + rate[1], w[2] + rate[2]))


@lane_loop
def _copy(source, start, target, target_start, count):
    given, taken = source[start : start + count], target[target_start : target_start + count]
    for i in range(count):
        taken[i] = given[i]


@lane_loop
def _zero(target):
    for i in range(target.size):
        target[i] = _ZERO


@lane_loop
def _sweep_forward(parameters, at, fleet, block, steps, noise, offsets, weights, tape):
    state, measurement = STATE_ROWS * LANES, MEASUREMENTS * LANES
    _copy(fleet.states[block], 0, tape.states, 0, state)
    _copy(fleet.history[block], 0, tape.measured, 0, LONGEST_DELAY * measurement)
    _copy(fleet.hidden[block], 0, tape.hidden[0], 0, at.hidden * LANES)
    _copy(fleet.actions[block], 0, tape.actions[0], 0, ACTIONS * LANES)
    references, conditions = fleet.references[block], fleet.conditions[block]
    costs, lost = fleet.costs[block], fleet.lost[block]
    flat_actions = tape.actions.reshape(tape.actions.size)
    _zero(costs)
    _aim(references, tape.targets[0])
    for t in range(steps):
        _measure(
            tape.states[t * state : (t + 1) * state],
            tape.targets[t],
            conditions,
            noise[offsets[t] : offsets[t] + measurement],
            tape.measured[(t + 3) * measurement : (t + 4) * measurement],
        )
        seen = tape.measured[t * measurement : (t + 4) * measurement]
        _delay(seen, conditions, tape.actions[t], tape.inputs[t])
        forward(
            parameters,
            at,
            tape.inputs[t],
            tape.x[t],
            tape.gates[t],
            tape.hidden[t],
            tape.hidden[t + 1],
            tape.actions[t + 1],
        )
        both = tape.states[t * state : (t + 2) * state]
        _fly(fleet.airframes[block], fleet.loads[block], tape.actions[t + 1], both, tape.held[t])
        _turn(references)
        _aim(references, tape.targets[t + 1])
        _cost(
            both[state:],
            tape.targets[t + 1],
            flat_actions[t * ACTIONS * LANES : (t + 2) * ACTIONS * LANES],
            conditions,
            weights,
            costs,
        )
    part = np.float32(1.0 / steps)
    for lane in range(LANES):
        costs[lane] *= part
        lost[lane] = _ZERO
    for t in range(steps):
        held = tape.held[t]
        for lane in range(LANES):
            lost[lane] = lost[lane] if held[lane] > _HALF else _ONE
    _copy(tape.states, steps * state, fleet.states[block], 0, state)
    _copy(tape.measured, steps * measurement, fleet.history[block], 0, LONGEST_DELAY * measurement)
    _copy(tape.hidden[steps], 0, fleet.hidden[block], 0, at.hidden * LANES)
    _copy(tape.actions[steps], 0, fleet.actions[block], 0, ACTIONS * LANES)


@lane_loop
def _sweep_back(parameters, at, fleet, block, steps, weights, tape, gradient):
    state, measurement = STATE_ROWS * LANES, MEASUREMENTS * LANES
    conditions = fleet.conditions[block]
    flat_actions = tape.actions.reshape(tape.actions.size)
    _zero(tape.measured_bar)
    _zero(tape.state_bar)
    _zero(tape.hidden_bar)
    _zero(tape.action_bar)
    for t in range(steps - 1, -1, -1):
        actions = flat_actions[t * ACTIONS * LANES : (t + 2) * ACTIONS * LANES]
        _cost_reverse(
            tape.states[(t + 1) * state : (t + 2) * state],
            tape.targets[t + 1],
            actions,
            conditions,
            weights,
            tape.state_bar,
            tape.action_bar,
        )
        now = tape.states[t * state : (t + 1) * state]
        _fly_reverse(
            fleet.airframes[block],
            fleet.loads[block],
            actions,
            now,
            tape.held[t],
            tape.state_bar,
            tape.action_bar,
        )
        reverse(
            parameters,
            at,
            tape.inputs[t],
            tape.x[t],
            tape.gates[t],
            tape.hidden[t],
            tape.hidden[t + 1],
            tape.action_bar,
            tape.hidden_bar,
            tape.input_bar,
            tape.x_bar,
            tape.slopes,
            gradient,
        )
        seen_bar = tape.measured_bar[t * measurement : (t + 4) * measurement]
        _delay_reverse(conditions, actions, tape.input_bar, seen_bar, tape.action_bar)
        _measure_reverse(now, tape.targets[t], conditions, seen_bar[3 * measurement :], tape.state_bar)
    fresh = fleet.fresh[block]
    for unit in range(at.hidden):
        some, bar = _ZERO, tape.hidden_bar[unit * LANES :]
        for lane in range(LANES):
            some += fresh[lane] * bar[lane]
        gradient[at.initial_hidden + unit] += some
    _zero(fresh)


@kernel
def fly_window(
    parameters: NDArray[np.float32],
    at: object,
    fleet: Fleet,
    blocks: NDArray[np.int64],
    steps: int,
    noise: NDArray[np.float32],
    offsets: NDArray[np.int64],
    weights: CostWeights,
    tape: Tape,
    gradients: NDArray[np.float32],
) -> None:
    """Fly some blocks of the fleet for a window and write the gradient of each one's sum of costs.

    Args:
        parameters: the network's flat vector.
        at: its layout.
        fleet: the vehicles; advanced in place.
        blocks: which blocks.
        steps: length of the window.
        noise: a table of standard normal numbers.
        offsets: where in the table each step of each block starts to read, ``(blocks of the fleet, steps)``.
        weights: of the cost.
        tape: work space for at least ``steps``.
        gradients: ``(blocks of the fleet, parameters)``; rows of ``blocks`` are written. With no
            columns nothing is differentiated.
    """
    for block in blocks:
        _sweep_forward(parameters, at, fleet, block, steps, noise, offsets[block], weights, tape)
        if gradients.shape[1] > 0:
            _zero(gradients[block])
            _sweep_back(parameters, at, fleet, block, steps, weights, tape, gradients[block])
