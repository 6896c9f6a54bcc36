"""Airframes as tasks: the parameters a teacher may choose, and the airframe they make.

Uniform tasks are RAPTOR's distribution (:func:`~eyas.envs.quadrotor.distribution.raptor_airframes`)
without its slip about the size and with two more dimensions: the shape of the thrust curve and the
disturbance force.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..jit import kernel
from ..tasks import Parameter, TaskSpace
from .airframe import GRAVITY, YAW_SIGNS, Airframes
from .distribution import MAX_POSITION, POSITION_THRESHOLD
from .dynamics import (
    DRAG,
    GYROSCOPIC,
    INVERSE_FALLING,
    INVERSE_MASS,
    INVERSE_RISING,
    MIXING,
    THRUST_0,
    THRUST_1,
    THRUST_2,
)
from .layout import VEHICLE_ACCELERATION, VEHICLE_POSITION_LIMIT, VEHICLE_REACH
from .named import NAMED

_BASE = NAMED["crazyflie"]
_FULL = sum(_BASE.thrust_coefficients[0])
_LEAST = _BASE.thrust_coefficients[0][0] / _FULL
"""Thrust of a resting rotor as a share of its full thrust."""
_CURVATURE = _BASE.thrust_coefficients[0][2] / _FULL
_ARM, _MASS = _BASE.rotor_positions[0][0], _BASE.mass
_JYY, _JZZ = _BASE.inertia[1] / _BASE.inertia[0], _BASE.inertia[2] / _BASE.inertia[0]
_ROOT_2 = math.sqrt(2)
_SIGNS = tuple(float(sign) for sign in YAW_SIGNS)
_X, _Y = (1.0, -1.0, -1.0, 1.0), (-1.0, -1.0, 1.0, 1.0)

TASK_SPACE = TaskSpace(
    (
        Parameter("size", 0.02 ** (1 / 3), 5 ** (1 / 3), 1.0, "kg^(1/3)", "cube root of the mass"),
        Parameter("thrust_to_weight", 1.5, 5.0, 3.25, "1", "full thrust over weight"),
        Parameter("torque_to_inertia", 40.0, 1200.0, 620.0, "rad/s^2", "agility about x"),
        Parameter("arm_factor", 0.7, 1.2, 0.908, "1", "arm over that of a Crazyflie of this mass"),
        Parameter("torque_constant", 0.005, 0.05, 0.0275, "m", "reaction torque per thrust"),
        Parameter("rising_time_constant", 0.03, 0.1, 0.065, "s", "lag of rotors that speed up"),
        Parameter("falling_time_constant", 0.03, 0.3, 0.165, "s", "lag of rotors that slow down"),
        Parameter(
            "thrust_curvature",
            0.0,
            0.96,
            _CURVATURE,
            "1",
            "quadratic share of the full thrust; 0: linear",
        ),
        Parameter(
            "disturbance_force", 0.0, 1.0, 0.0, "1", "deviation as a share of RAPTOR's largest force"
        ),
    )
)


def airframes_of_tasks(tasks: ArrayLike) -> Airframes:
    """The airframes of tasks, shape ``(count, 9)`` or ``(9,)``."""
    rows = np.atleast_2d(np.asarray(tasks, dtype=np.float64))
    size, thrust_to_weight, agility, factor, k, rising, falling, curvature, _ = rows.T
    count = len(rows)
    mass = size**3
    full = thrust_to_weight * mass * GRAVITY / 4
    arm = _ARM * np.cbrt(mass / _MASS) * factor
    jxx = arm * _ROOT_2 * full / agility
    shape = np.stack([np.full(count, _LEAST), 1 - _LEAST - curvature, curvature], axis=1)
    positions = np.stack([_X, _Y, np.zeros(4)], axis=1) * arm[:, None, None]
    return Airframes(
        names=tuple(f"task-{row}" for row in range(count)),
        mass=mass,
        inertia=np.stack([jxx, _JYY * jxx, _JZZ * jxx], axis=1),
        rotor_positions=positions,
        thrust_coefficients=np.repeat((full[:, None] * shape)[:, None], 4, axis=1),
        torque_constants=np.repeat(k[:, None], 4, axis=1),
        rising_time_constants=np.repeat(rising[:, None], 4, axis=1),
        falling_time_constants=np.repeat(falling[:, None], 4, axis=1),
        drag=np.zeros((count, 3)),
    )


@kernel
def pack_tasks(tasks: NDArray[np.float64], vehicles: NDArray[np.float32]) -> None:
    """Write tasks into rows of the table of vehicles: what ``pack(airframes_of_tasks(tasks))`` gives.

    Every reset needs it, so it is compiled.
    """
    for row in range(tasks.shape[0]):
        task, vehicle = tasks[row], vehicles[row]
        mass = task[0] ** 3
        full = task[1] * mass * GRAVITY / 4
        arm = _ARM * math.pow(mass / _MASS, 1 / 3) * task[3]
        jxx = arm * _ROOT_2 * full / task[2]
        vehicle[INVERSE_MASS] = 1 / mass
        for k in range(4):
            vehicle[MIXING + k] = _Y[k] * arm / jxx
            vehicle[MIXING + 4 + k] = -_X[k] * arm / (_JYY * jxx)
            vehicle[MIXING + 8 + k] = _SIGNS[k] * task[4] / (_JZZ * jxx)
            vehicle[THRUST_0 + k] = full * _LEAST
            vehicle[THRUST_1 + k] = full * (1 - _LEAST - task[7])
            vehicle[THRUST_2 + k] = full * task[7]
            vehicle[INVERSE_RISING + k] = 1 / task[5]
            vehicle[INVERSE_FALLING + k] = 1 / task[6]
        vehicle[GYROSCOPIC] = _JYY - _JZZ
        vehicle[GYROSCOPIC + 1] = (_JZZ - 1) / _JYY
        vehicle[GYROSCOPIC + 2] = (1 - _JYY) / _JZZ
        for k in range(3):
            vehicle[DRAG + k] = 0
        distance = arm * _ROOT_2
        vehicle[VEHICLE_POSITION_LIMIT] = POSITION_THRESHOLD * distance
        vehicle[VEHICLE_REACH] = MAX_POSITION * distance
        # RAPTOR's formula, which lacks a factor g.
        vehicle[VEHICLE_ACCELERATION] = task[8] * 0.3 * (task[1] - 1) * task[1] / 3
