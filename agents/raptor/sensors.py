"""What the policy is shown, forwards and backwards: references, measurement errors, noise and delay.

All functions work on one block of lanes; the rows are named in :mod:`~.fleet`.
"""

from __future__ import annotations

import numpy as np

from ...envs.quadrotor.adjoint import rotation_reverse
from ...envs.quadrotor.dynamics import (
    ANGULAR_VELOCITY,
    LINEAR_VELOCITY,
    ORIENTATION,
    POSITION,
    clip,
    four,
    put_four,
    put_three,
    rotation,
    three,
)
from ...envs.quadrotor.lanes import LANES, lane_loop, lanewise
from .fleet import (
    AMPLITUDE,
    COSINE,
    DELAY,
    MEASUREMENTS,
    NOISE,
    POSITION_CLIP,
    SINE,
    SPEED,
    STEP_COSINE,
    STEP_SINE,
    VELOCITY_CLIP,
)
from .lane_network import ACTIONS

_ZERO, _ONE = np.float32(0), np.float32(1)


@lanewise
def errors(states, targets, lane):
    """Position and velocity relative to the reference's."""
    p, v = three(states, POSITION, lane), three(states, LINEAR_VELOCITY, lane)
    a, b = three(targets, 0, lane), three(targets, 3, lane)
    return (p[0] - a[0], p[1] - a[1], p[2] - a[2]), (v[0] - b[0], v[1] - b[1], v[2] - b[2])


@lane_loop
def aim(references, targets):
    """Where the vehicles should be and how fast."""
    for lane in range(LANES):
        s, c = three(references, SINE, lane), three(references, COSINE, lane)
        a, v = three(references, AMPLITUDE, lane), three(references, SPEED, lane)
        put_three(targets, 0, lane, (a[0] * s[0], a[1] * s[1], a[2] * s[2]))
        put_three(targets, 3, lane, (v[0] * c[0], v[1] * c[1], v[2] * c[2]))


@lane_loop
def turn(references):
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
def measure(states, targets, conditions, noise, measured):
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
def delay(measured, conditions, actions, inputs):
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
def delay_reverse(conditions, actions, input_bar, measured_bar, action_bar):
    """Reverse of :func:`delay`; then the earlier action's cotangent becomes the current one."""
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
def measure_reverse(states, targets, conditions, measured_bar, state_bar):
    """Reverse of :func:`measure`: add to the cotangents of the states."""
    for lane in range(LANES):
        error, drift = errors(states, targets, lane)
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
