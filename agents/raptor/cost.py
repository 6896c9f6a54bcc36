"""The cost of a step of flight and its derivative, for all lanes of a block."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ...envs.quadrotor.dynamics import (
    ANGULAR_VELOCITY,
    LINEAR_VELOCITY,
    ORIENTATION,
    POSITION,
    clip,
    four,
    put_four,
    put_three,
    three,
)
from ...envs.quadrotor.lanes import LANES, lane_loop, lanewise
from .fleet import LIMIT_WEIGHT, POSITION_LIMIT, SPEED_LIMIT, WEIGHT
from .lane_network import ACTIONS
from .sensors import errors

_ONE, _TWO = np.float32(1), np.float32(2)
_ROUND_POSITION, _ROUND_OTHER = np.float32(0.002**2), np.float32(0.02**2)


class CostWeights(NamedTuple):
    """Weights of the cost per step; see :func:`cost`."""

    position: np.float32
    velocity: np.float32
    rate: np.float32
    yaw: np.float32
    smoothness: np.float32
    overshoot: np.float32
    speeding: np.float32
    straying: np.float32


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


@lane_loop
def cost(states, targets, actions, conditions, weights, costs):
    """Add the cost of a step: of the state after it, its action and the change of action.

    Errors of position and velocity, body rates and changes of action count with their lengths or
    squares; q_z^2 stands for the yaw; actions beyond [-1, 1] and errors of velocity and position
    beyond the vehicle's limits count with the square of the excess.
    """
    for lane in range(LANES):
        error, drift = errors(states, targets, lane)
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


@lane_loop
def cost_reverse(states, targets, actions, conditions, weights, state_bar, action_bar):
    """Add the derivatives of the cost of a step to the cotangents of state and actions."""
    for lane in range(LANES):
        k = conditions[WEIGHT * LANES + lane]
        error, drift = errors(states, targets, lane)
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
