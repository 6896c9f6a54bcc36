"""The quadrotor's dynamics: derivatives and one Runge-Kutta step, for all lanes of a block.

The equations are those of rl-tools' l2f simulator (``environments/l2f/operations_generic``): a rigid body
with four rotors whose speeds follow their set-points with first-order lag, thrust as a quadratic in the
rotor speed, no ground; integrated with the classical Runge-Kutta method at 100 Hz. Linear drag and a loss
of rotor power are ours; both are zero for l2f's vehicles.

World frame: z up (m, m/s). Body frame: x forward, y left, z up. Quaternions are (w, x, y, z), body to
world. Rotor speeds are fractions of the motors' range.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .airframe import GRAVITY, YAW_SIGNS, Airframes
from .lanes import LANES, lane_loop, lanewise

TIME_STEP = 0.01
"""s."""

# Rows of a block of states.
POSITION, ORIENTATION, LINEAR_VELOCITY, ANGULAR_VELOCITY, ROTOR_SPEED = 0, 3, 7, 10, 13
STATE_ROWS = 17

# Rows of a block of airframes: what the equations need, with masses and inertias divided out.
INVERSE_MASS = 0
MIXING = 1  # angular acceleration per thrust: x of rotors 0 to 3, then y, then z
GYROSCOPIC = 13  # (Jyy - Jzz) / Jxx and its cyclic permutations
THRUST_0, THRUST_1, THRUST_2 = 16, 20, 24
INVERSE_RISING, INVERSE_FALLING = 28, 32
DRAG = 36  # per mass
AIRFRAME_ROWS = 39

# Rows of a block of loads: what acts on the vehicle besides its rotors, and what its rotors still give.
ACCELERATION = 0  # disturbance force per mass, world
ANGULAR_ACCELERATION = 3  # disturbance torque per inertia, body
POWER = 6  # fraction of its thrust that each rotor gives
LOAD_ROWS = 10

_ZERO, _ONE, _TWO, _HALF = np.float32(0), np.float32(1), np.float32(2), np.float32(0.5)
_STEP, _HALF_STEP = np.float32(TIME_STEP), np.float32(TIME_STEP / 2)
_SIXTH_STEP, _GRAVITY = np.float32(TIME_STEP / 6), np.float32(GRAVITY)
_FASTEST = np.float32(1e5)


def pack(airframes: Airframes) -> NDArray[np.float32]:
    """What the compiled equations read of the airframes, shape ``(AIRFRAME_ROWS, count)``."""
    rows = np.zeros((AIRFRAME_ROWS, len(airframes)))
    inertia = airframes.inertia.T
    rows[INVERSE_MASS] = 1 / airframes.mass
    x, y = airframes.rotor_positions[:, :, 0].T, airframes.rotor_positions[:, :, 1].T
    rows[MIXING : MIXING + 4] = y / inertia[0]
    rows[MIXING + 4 : MIXING + 8] = -x / inertia[1]
    rows[MIXING + 8 : MIXING + 12] = YAW_SIGNS[:, None] * airframes.torque_constants.T / inertia[2]
    for axis in range(3):
        following, last = inertia[(axis + 1) % 3], inertia[(axis + 2) % 3]
        rows[GYROSCOPIC + axis] = (following - last) / inertia[axis]
    for power, row in enumerate((THRUST_0, THRUST_1, THRUST_2)):
        rows[row : row + 4] = airframes.thrust_coefficients[:, :, power].T
    rows[INVERSE_RISING : INVERSE_RISING + 4] = 1 / airframes.rising_time_constants.T
    rows[INVERSE_FALLING : INVERSE_FALLING + 4] = 1 / airframes.falling_time_constants.T
    rows[DRAG : DRAG + 3] = (airframes.drag / airframes.mass[:, None]).T
    return rows.astype(np.float32)


@lanewise
def three(block, row, lane):
    """Three consecutive rows of a block at a lane."""
    i = row * LANES + lane
    return block[i], block[i + LANES], block[i + 2 * LANES]


@lanewise
def four(block, row, lane):
    """Four consecutive rows of a block at a lane."""
    i = row * LANES + lane
    return block[i], block[i + LANES], block[i + 2 * LANES], block[i + 3 * LANES]


@lanewise
def put_three(block, row, lane, values):
    """Store to three consecutive rows."""
    i = row * LANES + lane
    block[i] = values[0]
    block[i + LANES] = values[1]
    block[i + 2 * LANES] = values[2]


@lanewise
def put_four(block, row, lane, values):
    """Store to four consecutive rows."""
    i = row * LANES + lane
    block[i] = values[0]
    block[i + LANES] = values[1]
    block[i + 2 * LANES] = values[2]
    block[i + 3 * LANES] = values[3]


@lanewise
def load_airframe(airframes, lane):
    """One lane's airframe as tuples."""
    return (
        airframes[INVERSE_MASS * LANES + lane],
        four(airframes, MIXING, lane),
        four(airframes, MIXING + 4, lane),
        four(airframes, MIXING + 8, lane),
        three(airframes, GYROSCOPIC, lane),
        four(airframes, THRUST_0, lane),
        four(airframes, THRUST_1, lane),
        four(airframes, THRUST_2, lane),
        four(airframes, INVERSE_RISING, lane),
        four(airframes, INVERSE_FALLING, lane),
        three(airframes, DRAG, lane),
    )


@lanewise
def rotation(q):
    """Rows of the rotation matrix, body to world."""
    w, x, y, z = q
    return (
        (_ONE - _TWO * (y * y + z * z), _TWO * (x * y - w * z), _TWO * (x * z + w * y)),
        (_TWO * (x * y + w * z), _ONE - _TWO * (x * x + z * z), _TWO * (y * z - w * x)),
        (_TWO * (x * z - w * y), _TWO * (y * z + w * x), _ONE - _TWO * (x * x + y * y)),
    )


@lanewise
def _lag(setpoint, speed, rising, falling):
    rate = rising if setpoint >= speed else falling
    return (setpoint - speed) * rate


@lanewise
def derivative(q, v, w, r, setpoint, frame, acceleration, angular_acceleration, power):
    """Time derivatives of orientation, linear velocity, angular velocity and rotor speeds."""
    inverse_mass, mix_x, mix_y, mix_z, gyroscopic, c0, c1, c2, rising, falling, drag = frame
    f0 = power[0] * (c0[0] + r[0] * (c1[0] + r[0] * c2[0]))
    f1 = power[1] * (c0[1] + r[1] * (c1[1] + r[1] * c2[1]))
    f2 = power[2] * (c0[2] + r[2] * (c1[2] + r[2] * c2[2]))
    f3 = power[3] * (c0[3] + r[3] * (c1[3] + r[3] * c2[3]))
    lift = inverse_mass * ((f0 + f1) + (f2 + f3))
    row_x, row_y, row_z = rotation(q)
    # Drag acts along the body axes on the velocity seen from there.
    b0 = drag[0] * (row_x[0] * v[0] + row_y[0] * v[1] + row_z[0] * v[2])
    b1 = drag[1] * (row_x[1] * v[0] + row_y[1] * v[1] + row_z[1] * v[2])
    b2 = lift - drag[2] * (row_x[2] * v[0] + row_y[2] * v[1] + row_z[2] * v[2])
    return (
        (
            -_HALF * (q[1] * w[0] + q[2] * w[1] + q[3] * w[2]),
            _HALF * (q[0] * w[0] + q[2] * w[2] - q[3] * w[1]),
            _HALF * (q[0] * w[1] + q[3] * w[0] - q[1] * w[2]),
            _HALF * (q[0] * w[2] + q[1] * w[1] - q[2] * w[0]),
        ),
        (
            row_x[2] * b2 - row_x[0] * b0 - row_x[1] * b1 + acceleration[0],
            row_y[2] * b2 - row_y[0] * b0 - row_y[1] * b1 + acceleration[1],
            row_z[2] * b2 - row_z[0] * b0 - row_z[1] * b1 + acceleration[2] - _GRAVITY,
        ),
        (
            mix_x[0] * f0 + mix_x[1] * f1 + mix_x[2] * f2 + mix_x[3] * f3
            + gyroscopic[0] * w[1] * w[2] + angular_acceleration[0],
            mix_y[0] * f0 + mix_y[1] * f1 + mix_y[2] * f2 + mix_y[3] * f3
            + gyroscopic[1] * w[2] * w[0] + angular_acceleration[1],
            mix_z[0] * f0 + mix_z[1] * f1 + mix_z[2] * f2 + mix_z[3] * f3
            + gyroscopic[2] * w[0] * w[1] + angular_acceleration[2],
        ),
        (
            _lag(setpoint[0], r[0], rising[0], falling[0]),
            _lag(setpoint[1], r[1], rising[1], falling[1]),
            _lag(setpoint[2], r[2], rising[2], falling[2]),
            _lag(setpoint[3], r[3], rising[3], falling[3]),
        ),
    )  # fmt: skip


@lanewise
def along3(a, k, b):
    """``a + k b`` for three numbers."""
    return a[0] + k * b[0], a[1] + k * b[1], a[2] + k * b[2]


@lanewise
def along4(a, k, b):
    """``a + k b`` for four numbers."""
    return a[0] + k * b[0], a[1] + k * b[1], a[2] + k * b[2], a[3] + k * b[3]


@lanewise
def _mean3(a, b, c, d):
    return (
        _SIXTH_STEP * (a[0] + _TWO * (b[0] + c[0]) + d[0]),
        _SIXTH_STEP * (a[1] + _TWO * (b[1] + c[1]) + d[1]),
        _SIXTH_STEP * (a[2] + _TWO * (b[2] + c[2]) + d[2]),
    )


@lanewise
def _mean4(a, b, c, d):
    return (
        _SIXTH_STEP * (a[0] + _TWO * (b[0] + c[0]) + d[0]),
        _SIXTH_STEP * (a[1] + _TWO * (b[1] + c[1]) + d[1]),
        _SIXTH_STEP * (a[2] + _TWO * (b[2] + c[2]) + d[2]),
        _SIXTH_STEP * (a[3] + _TWO * (b[3] + c[3]) + d[3]),
    )


@lanewise
def clip(x, low, high):
    """The number moved into [low, high]; NaN stays NaN."""
    x = low if x < low else x
    return high if x > high else x


@lanewise
def setpoints(action):
    """Rotor set-points in [0, 1] of actions, which are clamped to [-1, 1]."""
    return (
        _HALF + _HALF * clip(action[0], -_ONE, _ONE),
        _HALF + _HALF * clip(action[1], -_ONE, _ONE),
        _HALF + _HALF * clip(action[2], -_ONE, _ONE),
        _HALF + _HALF * clip(action[3], -_ONE, _ONE),
    )


@lanewise
def stages(q, v, w, r, u, frame, force, torque, power):
    """The four slopes of a Runge-Kutta step and the states at which the last three are taken."""
    k1 = derivative(q, v, w, r, u, frame, force, torque, power)
    s2 = (
        along4(q, _HALF_STEP, k1[0]),
        along3(v, _HALF_STEP, k1[1]),
        along3(w, _HALF_STEP, k1[2]),
        along4(r, _HALF_STEP, k1[3]),
    )
    k2 = derivative(s2[0], s2[1], s2[2], s2[3], u, frame, force, torque, power)
    s3 = (
        along4(q, _HALF_STEP, k2[0]),
        along3(v, _HALF_STEP, k2[1]),
        along3(w, _HALF_STEP, k2[2]),
        along4(r, _HALF_STEP, k2[3]),
    )
    k3 = derivative(s3[0], s3[1], s3[2], s3[3], u, frame, force, torque, power)
    s4 = (
        along4(q, _STEP, k3[0]),
        along3(v, _STEP, k3[1]),
        along3(w, _STEP, k3[2]),
        along4(r, _STEP, k3[3]),
    )
    k4 = derivative(s4[0], s4[1], s4[2], s4[3], u, frame, force, torque, power)
    return k1, k2, k3, k4, s2, s3, s4


@lanewise
def runge_kutta(p, q, v, w, r, action, frame, force, torque, power):
    """One step of 10 ms; returns the next position, orientation, velocities and rotor speeds."""
    u = setpoints(action)
    k1, k2, k3, k4, s2, s3, s4 = stages(q, v, w, r, u, frame, force, torque, power)
    dp = _mean3(v, s2[1], s3[1], s4[1])
    dq = _mean4(k1[0], k2[0], k3[0], k4[0])
    dv = _mean3(k1[1], k2[1], k3[1], k4[1])
    dw = _mean3(k1[2], k2[2], k3[2], k4[2])
    dr = _mean4(k1[3], k2[3], k3[3], k4[3])
    q0, q1, q2, q3 = q[0] + dq[0], q[1] + dq[1], q[2] + dq[2], q[3] + dq[3]
    scale = _ONE / np.sqrt(q0 * q0 + q1 * q1 + q2 * q2 + q3 * q3)
    return (
        (
            clip(p[0] + dp[0], -_FASTEST, _FASTEST),
            clip(p[1] + dp[1], -_FASTEST, _FASTEST),
            clip(p[2] + dp[2], -_FASTEST, _FASTEST),
        ),
        (q0 * scale, q1 * scale, q2 * scale, q3 * scale),
        (
            clip(v[0] + dv[0], -_FASTEST, _FASTEST),
            clip(v[1] + dv[1], -_FASTEST, _FASTEST),
            clip(v[2] + dv[2], -_FASTEST, _FASTEST),
        ),
        (
            clip(w[0] + dw[0], -_FASTEST, _FASTEST),
            clip(w[1] + dw[1], -_FASTEST, _FASTEST),
            clip(w[2] + dw[2], -_FASTEST, _FASTEST),
        ),
        (
            clip(r[0] + dr[0], _ZERO, _ONE),
            clip(r[1] + dr[1], _ZERO, _ONE),
            clip(r[2] + dr[2], _ZERO, _ONE),
            clip(r[3] + dr[3], _ZERO, _ONE),
        ),
    )


@lane_loop
def step_block(
    airframes: NDArray[np.float32],
    loads: NDArray[np.float32],
    actions: NDArray[np.float32],
    states: NDArray[np.float32],
) -> None:
    """Advance one block by one step, in place.

    The arrays must not overlap, or the loop runs one lane at a time.

    Args:
        airframes: flat block of ``AIRFRAME_ROWS`` rows.
        loads: flat block of ``LOAD_ROWS`` rows.
        actions: flat block of 4 rows, clamped to [-1, 1] here.
        states: flat block of ``STATE_ROWS`` rows; overwritten.
    """
    for lane in range(LANES):
        p, q, v, w, r = runge_kutta(
            three(states, POSITION, lane),
            four(states, ORIENTATION, lane),
            three(states, LINEAR_VELOCITY, lane),
            three(states, ANGULAR_VELOCITY, lane),
            four(states, ROTOR_SPEED, lane),
            four(actions, 0, lane),
            load_airframe(airframes, lane),
            three(loads, ACCELERATION, lane),
            three(loads, ANGULAR_ACCELERATION, lane),
            four(loads, POWER, lane),
        )
        put_three(states, POSITION, lane, p)
        put_four(states, ORIENTATION, lane, q)
        put_three(states, LINEAR_VELOCITY, lane, v)
        put_three(states, ANGULAR_VELOCITY, lane, w)
        put_four(states, ROTOR_SPEED, lane, r)
