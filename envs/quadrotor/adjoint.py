"""The dynamics backwards: how a change of the next state's cost changes with state and action.

The reverse of :mod:`~eyas.envs.quadrotor.dynamics`, written by hand in the same form: a cotangent is the
derivative of a scalar cost with respect to the quantity it belongs to, and has its layout.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .dynamics import (
    ACCELERATION,
    ANGULAR_ACCELERATION,
    ANGULAR_VELOCITY,
    LINEAR_VELOCITY,
    ORIENTATION,
    POSITION,
    POWER,
    ROTOR_SPEED,
    TIME_STEP,
    four,
    load_airframe,
    put_four,
    put_three,
    rotation,
    setpoints,
    stages,
    three,
)
from .lanes import LANES, lane_loop, lanewise

_ZERO, _ONE, _TWO, _HALF = np.float32(0), np.float32(1), np.float32(2), np.float32(0.5)
_STEP, _HALF_STEP = np.float32(TIME_STEP), np.float32(TIME_STEP / 2)
_SIXTH_STEP, _THIRD_STEP = np.float32(TIME_STEP / 6), np.float32(TIME_STEP / 3)


@lanewise
def rotation_reverse(q, rows):
    """Cotangent of the quaternion, given that of its rotation matrix (three rows)."""
    w, x, y, z = q
    (xx, xy, xz), (yx, yy, yz), (zx, zy, zz) = rows
    return (
        _TWO * (z * (yx - xy) + y * (xz - zx) + x * (zy - yz)),
        _TWO * (y * (xy + yx) + z * (xz + zx) + w * (zy - yz) - _TWO * x * (yy + zz)),
        _TWO * (x * (xy + yx) + z * (yz + zy) + w * (xz - zx) - _TWO * y * (xx + zz)),
        _TWO * (x * (xz + zx) + y * (yz + zy) + w * (yx - xy) - _TWO * z * (xx + yy)),
    )


@lanewise
def _lag_rate(setpoint, speed, rising, falling):
    return rising if setpoint >= speed else falling


@lanewise
def derivative_reverse(q, v, w, r, setpoint, frame, power, dq, dv, dw, dr):
    """Cotangents of orientation, velocities, rotor speeds and set-points, given those of the slopes."""
    inverse_mass, mix_x, mix_y, mix_z, gyroscopic, c0, c1, c2, rising, falling, drag = frame
    f0 = power[0] * (c0[0] + r[0] * (c1[0] + r[0] * c2[0]))
    f1 = power[1] * (c0[1] + r[1] * (c1[1] + r[1] * c2[1]))
    f2 = power[2] * (c0[2] + r[2] * (c1[2] + r[2] * c2[2]))
    f3 = power[3] * (c0[3] + r[3] * (c1[3] + r[3] * c2[3]))
    lift = inverse_mass * ((f0 + f1) + (f2 + f3))
    row_x, row_y, row_z = rotation(q)
    b0 = drag[0] * (row_x[0] * v[0] + row_y[0] * v[1] + row_z[0] * v[2])
    b1 = drag[1] * (row_x[1] * v[0] + row_y[1] * v[1] + row_z[1] * v[2])
    b2 = lift - drag[2] * (row_x[2] * v[0] + row_y[2] * v[1] + row_z[2] * v[2])
    # dv seen along the body axes; drag's own share of it.
    s0 = row_x[0] * dv[0] + row_y[0] * dv[1] + row_z[0] * dv[2]
    s1 = row_x[1] * dv[0] + row_y[1] * dv[1] + row_z[1] * dv[2]
    s2 = row_x[2] * dv[0] + row_y[2] * dv[1] + row_z[2] * dv[2]
    e0, e1, e2 = -drag[0] * s0, -drag[1] * s1, -drag[2] * s2
    v_bar = (
        row_x[0] * e0 + row_x[1] * e1 + row_x[2] * e2,
        row_y[0] * e0 + row_y[1] * e1 + row_y[2] * e2,
        row_z[0] * e0 + row_z[1] * e1 + row_z[2] * e2,
    )
    turned = rotation_reverse(
        q,
        (
            (v[0] * e0 - dv[0] * b0, v[0] * e1 - dv[0] * b1, v[0] * e2 + dv[0] * b2),
            (v[1] * e0 - dv[1] * b0, v[1] * e1 - dv[1] * b1, v[1] * e2 + dv[1] * b2),
            (v[2] * e0 - dv[2] * b0, v[2] * e1 - dv[2] * b1, v[2] * e2 + dv[2] * b2),
        ),
    )
    q_bar = (
        turned[0] + _HALF * (dq[1] * w[0] + dq[2] * w[1] + dq[3] * w[2]),
        turned[1] + _HALF * (-dq[0] * w[0] - dq[2] * w[2] + dq[3] * w[1]),
        turned[2] + _HALF * (-dq[0] * w[1] + dq[1] * w[2] - dq[3] * w[0]),
        turned[3] + _HALF * (-dq[0] * w[2] - dq[1] * w[1] + dq[2] * w[0]),
    )
    g0, g1, g2 = gyroscopic[0] * dw[0], gyroscopic[1] * dw[1], gyroscopic[2] * dw[2]
    w_bar = (
        _HALF * (-dq[0] * q[1] + dq[1] * q[0] + dq[2] * q[3] - dq[3] * q[2]) + g1 * w[2] + g2 * w[1],
        _HALF * (-dq[0] * q[2] - dq[1] * q[3] + dq[2] * q[0] + dq[3] * q[1]) + g0 * w[2] + g2 * w[0],
        _HALF * (-dq[0] * q[3] + dq[1] * q[2] - dq[2] * q[1] + dq[3] * q[0]) + g0 * w[1] + g1 * w[0],
    )
    lifted = inverse_mass * s2
    t0 = power[0] * (lifted + mix_x[0] * dw[0] + mix_y[0] * dw[1] + mix_z[0] * dw[2])
    t1 = power[1] * (lifted + mix_x[1] * dw[0] + mix_y[1] * dw[1] + mix_z[1] * dw[2])
    t2 = power[2] * (lifted + mix_x[2] * dw[0] + mix_y[2] * dw[1] + mix_z[2] * dw[2])
    t3 = power[3] * (lifted + mix_x[3] * dw[0] + mix_y[3] * dw[1] + mix_z[3] * dw[2])
    u_bar = (
        dr[0] * _lag_rate(setpoint[0], r[0], rising[0], falling[0]),
        dr[1] * _lag_rate(setpoint[1], r[1], rising[1], falling[1]),
        dr[2] * _lag_rate(setpoint[2], r[2], rising[2], falling[2]),
        dr[3] * _lag_rate(setpoint[3], r[3], rising[3], falling[3]),
    )
    r_bar = (
        t0 * (c1[0] + _TWO * c2[0] * r[0]) - u_bar[0],
        t1 * (c1[1] + _TWO * c2[1] * r[1]) - u_bar[1],
        t2 * (c1[2] + _TWO * c2[2] * r[2]) - u_bar[2],
        t3 * (c1[3] + _TWO * c2[3] * r[3]) - u_bar[3],
    )
    return q_bar, v_bar, w_bar, r_bar, u_bar


@lanewise
def _slopes(k, next_q, next_p, next_v, next_w, next_r, h, later):
    """Cotangents of a stage's slopes: its weight in the step plus its share in the next stage's state."""
    q_bar, v_bar, w_bar, r_bar = later
    return (
        # The position's slope is the velocity; no slope depends on the position.
        (k * next_p[0], k * next_p[1], k * next_p[2]),
        (
            k * next_q[0] + h * q_bar[0],
            k * next_q[1] + h * q_bar[1],
            k * next_q[2] + h * q_bar[2],
            k * next_q[3] + h * q_bar[3],
        ),
        (k * next_v[0] + h * v_bar[0], k * next_v[1] + h * v_bar[1], k * next_v[2] + h * v_bar[2]),
        (k * next_w[0] + h * w_bar[0], k * next_w[1] + h * w_bar[1], k * next_w[2] + h * w_bar[2]),
        (
            k * next_r[0] + h * r_bar[0],
            k * next_r[1] + h * r_bar[1],
            k * next_r[2] + h * r_bar[2],
            k * next_r[3] + h * r_bar[3],
        ),
    )


@lanewise
def _add3(a, b):
    return a[0] + b[0], a[1] + b[1], a[2] + b[2]


@lanewise
def _add4(a, b):
    return a[0] + b[0], a[1] + b[1], a[2] + b[2], a[3] + b[3]


@lanewise
def _stage(state, u, frame, power, slopes):
    """Reverse of one stage: cotangents of its state (q, v, w, r) and of the set-points."""
    q, v, w, r = state
    dp, dq, dv, dw, dr = slopes
    q_bar, v_bar, w_bar, r_bar, u_bar = derivative_reverse(q, v, w, r, u, frame, power, dq, dv, dw, dr)
    return (q_bar, _add3(v_bar, dp), w_bar, r_bar), u_bar


@lanewise
def _within(action, cotangent):
    return _HALF * cotangent if (action <= _ONE) & (action >= -_ONE) else _ZERO


@lanewise
def runge_kutta_reverse(
    q, v, w, r, action, frame, force, torque, power, p_bar, q_bar, v_bar, w_bar, r_bar
):
    """Reverse of ``runge_kutta``: from the cotangents of the next state to those of state and action.

    Returns:
        Cotangents of position, orientation, linear velocity, angular velocity, rotor speeds, action.
        An action outside [-1, 1] gets 0.
    """
    u = setpoints(action)
    k1, k2, k3, k4, s2, s3, s4 = stages(q, v, w, r, u, frame, force, torque, power)
    # Undo the normalisation of the quaternion.
    q0 = q[0] + _SIXTH_STEP * (k1[0][0] + _TWO * (k2[0][0] + k3[0][0]) + k4[0][0])
    q1 = q[1] + _SIXTH_STEP * (k1[0][1] + _TWO * (k2[0][1] + k3[0][1]) + k4[0][1])
    q2 = q[2] + _SIXTH_STEP * (k1[0][2] + _TWO * (k2[0][2] + k3[0][2]) + k4[0][2])
    q3 = q[3] + _SIXTH_STEP * (k1[0][3] + _TWO * (k2[0][3] + k3[0][3]) + k4[0][3])
    scale = _ONE / np.sqrt(q0 * q0 + q1 * q1 + q2 * q2 + q3 * q3)
    along = scale * scale * (q0 * q_bar[0] + q1 * q_bar[1] + q2 * q_bar[2] + q3 * q_bar[3])
    n = (
        scale * (q_bar[0] - along * q0),
        scale * (q_bar[1] - along * q1),
        scale * (q_bar[2] - along * q2),
        scale * (q_bar[3] - along * q3),
    )
    # No slope depends on the last one.
    nothing = (n, v_bar, w_bar, r_bar)
    slopes = _slopes(_SIXTH_STEP, n, p_bar, v_bar, w_bar, r_bar, _ZERO, nothing)
    x4, u4 = _stage(s4, u, frame, power, slopes)
    slopes = _slopes(_THIRD_STEP, n, p_bar, v_bar, w_bar, r_bar, _STEP, x4)
    x3, u3 = _stage(s3, u, frame, power, slopes)
    slopes = _slopes(_THIRD_STEP, n, p_bar, v_bar, w_bar, r_bar, _HALF_STEP, x3)
    x2, u2 = _stage(s2, u, frame, power, slopes)
    slopes = _slopes(_SIXTH_STEP, n, p_bar, v_bar, w_bar, r_bar, _HALF_STEP, x2)
    x1, u1 = _stage((q, v, w, r), u, frame, power, slopes)
    total = _add4(_add4(u1, u2), _add4(u3, u4))
    return (
        p_bar,
        _add4(n, _add4(_add4(x1[0], x2[0]), _add4(x3[0], x4[0]))),
        _add3(v_bar, _add3(_add3(x1[1], x2[1]), _add3(x3[1], x4[1]))),
        _add3(w_bar, _add3(_add3(x1[2], x2[2]), _add3(x3[2], x4[2]))),
        _add4(r_bar, _add4(_add4(x1[3], x2[3]), _add4(x3[3], x4[3]))),
        (
            _within(action[0], total[0]),
            _within(action[1], total[1]),
            _within(action[2], total[2]),
            _within(action[3], total[3]),
        ),
    )


@lane_loop
def reverse_block(
    airframes: NDArray[np.float32],
    loads: NDArray[np.float32],
    actions: NDArray[np.float32],
    states: NDArray[np.float32],
    cotangents: NDArray[np.float32],
    action_cotangents: NDArray[np.float32],
) -> None:
    """Reverse of ``step_block`` for one block; the arrays must not overlap.

    Args:
        airframes: as for ``step_block``.
        loads: as for ``step_block``.
        actions: the actions of the step.
        states: the states before the step.
        cotangents: ``STATE_ROWS`` rows; those of the states after the step, overwritten by those of
            the states before it.
        action_cotangents: 4 rows; written.
    """
    for lane in range(LANES):
        p, q, v, w, r, action = runge_kutta_reverse(
            four(states, ORIENTATION, lane),
            three(states, LINEAR_VELOCITY, lane),
            three(states, ANGULAR_VELOCITY, lane),
            four(states, ROTOR_SPEED, lane),
            four(actions, 0, lane),
            load_airframe(airframes, lane),
            three(loads, ACCELERATION, lane),
            three(loads, ANGULAR_ACCELERATION, lane),
            four(loads, POWER, lane),
            three(cotangents, POSITION, lane),
            four(cotangents, ORIENTATION, lane),
            three(cotangents, LINEAR_VELOCITY, lane),
            three(cotangents, ANGULAR_VELOCITY, lane),
            four(cotangents, ROTOR_SPEED, lane),
        )
        put_three(cotangents, POSITION, lane, p)
        put_four(cotangents, ORIENTATION, lane, q)
        put_three(cotangents, LINEAR_VELOCITY, lane, v)
        put_three(cotangents, ANGULAR_VELOCITY, lane, w)
        put_four(cotangents, ROTOR_SPEED, lane, r)
        put_four(action_cotangents, 0, lane, action)
