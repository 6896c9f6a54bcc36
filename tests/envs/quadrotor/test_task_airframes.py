"""Tasks as airframes."""

import numpy as np
import pytest

from eyas.envs.quadrotor.distribution import raptor_airframes
from eyas.envs.quadrotor.dynamics import AIRFRAME_ROWS, pack
from eyas.envs.quadrotor.layout import (
    VEHICLE_ACCELERATION,
    VEHICLE_COLUMNS,
    VEHICLE_POSITION_LIMIT,
    VEHICLE_REACH,
)
from eyas.envs.quadrotor.named import NAMED
from eyas.envs.quadrotor.task_airframes import TASK_SPACE, airframes_of_tasks, pack_tasks


@pytest.fixture(scope="module")
def tasks():
    corners = np.stack([TASK_SPACE.low, TASK_SPACE.high, TASK_SPACE.default])
    return np.concatenate([corners, TASK_SPACE.sample(np.random.default_rng(0), 500)])


def test_the_airframe_is_what_the_task_says(tasks):
    airframes = airframes_of_tasks(tasks)
    values = dict(zip(TASK_SPACE.names, tasks.T, strict=True))
    np.testing.assert_allclose(np.cbrt(airframes.mass), values["size"])
    np.testing.assert_allclose(airframes.thrust_to_weight, values["thrust_to_weight"])
    np.testing.assert_allclose(airframes.torque_to_inertia, values["torque_to_inertia"])
    c = airframes.thrust_coefficients[:, 0]
    np.testing.assert_allclose(c[:, 2] / c.sum(axis=1), values["thrust_curvature"], atol=1e-12)
    assert (c[:, 1] >= 0).all()


def test_compiled_packing_is_the_same(tasks):
    vehicles = np.full((len(tasks), VEHICLE_COLUMNS), np.nan, np.float32)
    pack_tasks(tasks, vehicles)
    airframes = airframes_of_tasks(tasks)
    np.testing.assert_allclose(vehicles[:, :AIRFRAME_ROWS], pack(airframes).T, rtol=2e-6, atol=1e-6)
    distance = airframes.rotor_distance
    np.testing.assert_allclose(vehicles[:, VEHICLE_POSITION_LIMIT], 20 * distance, rtol=1e-6)
    np.testing.assert_allclose(vehicles[:, VEHICLE_REACH], 10 * distance, rtol=1e-6)


def test_a_crazyflies_numbers_give_a_crazyflie():
    crazyflie = NAMED["crazyflie"]
    task = TASK_SPACE.default.copy()
    numbers = {
        "size": np.cbrt(crazyflie.mass),
        "thrust_to_weight": crazyflie.thrust_to_weight,
        "torque_to_inertia": crazyflie.torque_to_inertia,
        "arm_factor": 1.0,
        "torque_constant": crazyflie.torque_constants[0],
        "rising_time_constant": crazyflie.rising_time_constants[0],
        "falling_time_constant": crazyflie.falling_time_constants[0],
    }
    for name, value in numbers.items():
        task[TASK_SPACE.names.index(name)] = value
    made = airframes_of_tasks(task)[0]
    for name in ("inertia", "rotor_positions", "thrust_coefficients", "falling_time_constants"):
        np.testing.assert_allclose(getattr(made, name), getattr(crazyflie, name), rtol=1e-9, atol=1e-12)


def test_uniform_tasks_are_raptors_distribution():
    tasks = TASK_SPACE.sample(np.random.default_rng(0), 20_000)
    sample = raptor_airframes(np.random.default_rng(1), 20_000)
    airframes = airframes_of_tasks(tasks)
    for name in ("mass", "thrust_to_weight", "torque_to_inertia"):
        ours, theirs = getattr(airframes, name), getattr(sample.airframes, name)
        np.testing.assert_allclose(
            np.quantile(ours, [0.1, 0.5, 0.9]), np.quantile(theirs, [0.1, 0.5, 0.9]), rtol=0.06
        )
    vehicles = np.zeros((len(tasks), VEHICLE_COLUMNS), np.float32)
    pack_tasks(tasks, vehicles)
    theirs = sample.disturbance_force_std / sample.airframes.mass
    np.testing.assert_allclose(
        np.quantile(vehicles[:, VEHICLE_ACCELERATION], [0.25, 0.5, 0.9]),
        np.quantile(theirs, [0.25, 0.5, 0.9]),
        rtol=0.08,
    )
