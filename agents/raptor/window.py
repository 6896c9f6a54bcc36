"""A window of flight, forwards and backwards: the compiled core of training by gradients.

Vehicles fly a window of some steps under the recurrent policy; the cost is summed; the reverse sweep
carries its derivative back through costs, dynamics, sensors and network (truncated back-propagation
through time: state and hidden state go on into the next window, their cotangents do not).

All arrays are blocks of lanes (see :mod:`~eyas.envs.quadrotor.lanes`).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...envs.jit import kernel
from ...envs.quadrotor.adjoint import runge_kutta_reverse
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
    runge_kutta,
    three,
)
from ...envs.quadrotor.lanes import LANES, lane_loop, lanewise
from .cost import CostWeights, cost, cost_reverse
from .fleet import LONGEST_DELAY, MEASUREMENTS, Fleet, Tape
from .lane_network import ACTIONS, forward, reverse
from .sensors import aim, delay, delay_reverse, measure, measure_reverse, turn

_ZERO, _ONE, _HALF = np.float32(0), np.float32(1), np.float32(0.5)
_LOST_POSITION, _LOST_VELOCITY, _LOST_RATE = np.float32(8), np.float32(8), np.float32(60)
_LARGEST_COTANGENT = np.float32(300)


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
def _bounded(x):
    x = x if x == x else _ZERO
    return clip(x, -_LARGEST_COTANGENT, _LARGEST_COTANGENT)


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
    aim(references, tape.targets[0])
    for t in range(steps):
        measure(
            tape.states[t * state : (t + 1) * state],
            tape.targets[t],
            conditions,
            noise[offsets[t] : offsets[t] + measurement],
            tape.measured[(t + 3) * measurement : (t + 4) * measurement],
        )
        seen = tape.measured[t * measurement : (t + 4) * measurement]
        delay(seen, conditions, tape.actions[t], tape.inputs[t])
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
        turn(references)
        aim(references, tape.targets[t + 1])
        cost(
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
        cost_reverse(
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
        delay_reverse(conditions, actions, tape.input_bar, seen_bar, tape.action_bar)
        measure_reverse(now, tape.targets[t], conditions, seen_bar[3 * measurement :], tape.state_bar)
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
