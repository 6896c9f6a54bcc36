"""The named airframes: figures that rl-tools states elsewhere, and the library's slips repaired."""

import numpy as np
import pytest

from eyas.envs.quadrotor.airframe import YAW_SIGNS
from eyas.envs.quadrotor.named import NAMED, named_airframe
from eyas.errors import InputError


def test_all_are_there_under_their_names():
    assert list(NAMED) == [
        "crazyflie", "crazyflie-openmv", "x500", "x500-sim", "mrs", "fs", "race", "flightmare",
        "soft", "soft-rigid",
    ]  # fmt: skip
    for name, airframe in NAMED.items():
        assert airframe.name == name and named_airframe(name) is airframe


@pytest.mark.parametrize(
    ("name", "thrust_to_weight"),
    [
        ("crazyflie", 1.47),
        ("crazyflie-openmv", 1.85),
        ("x500", 3.25),
        ("x500-sim", 1.78),
        ("fs", 3.40),
        ("race", 3.94),
        ("flightmare", 12.1),
        ("soft", 3.31),
    ],
)
def test_thrust_to_weight(name, thrust_to_weight):
    assert NAMED[name].thrust_to_weight == pytest.approx(thrust_to_weight, rel=5e-3)


def test_hover_throttle_of_the_x500_is_the_librarys():
    assert NAMED["x500"].hover_throttle == pytest.approx(0.5549636212401485, rel=1e-9)
    assert NAMED["x500-sim"].hover_throttle == pytest.approx(0.749141384950337, rel=1e-9)


def test_crazyflie_agility_and_inertia():
    crazyflie = NAMED["crazyflie"]
    assert crazyflie.torque_to_inertia == pytest.approx(463, abs=1)
    inverse = (106195.93007988465, 103690.85846314249, 57275.35197719487)
    np.testing.assert_allclose(1 / np.array(crazyflie.inertia), inverse, rtol=1e-12)


def test_x500_moment_is_repaired():
    assert NAMED["x500"].inertia[0] == pytest.approx(0.021705, rel=1e-4)


def test_mrs_runs_from_0_to_1():
    c0, c1, c2 = NAMED["mrs"].thrust_coefficients[0]
    speed = 1500.0
    written = -1.7689986848125325 + 0.0038360810526746033 * speed + 1.3298253500372892e-06 * speed**2
    assert c0 + c1 * 0.75 + c2 * 0.75**2 == pytest.approx(written, rel=1e-12)


@pytest.mark.parametrize("name", NAMED)
def test_rotors_stand_in_order_and_cancel(name):
    airframe = NAMED[name]
    positions = np.array(airframe.rotor_positions)
    np.testing.assert_array_equal(np.sign(positions[:, 0]), [1, -1, -1, 1])
    np.testing.assert_array_equal(np.sign(positions[:, 1]), [-1, -1, 1, 1])
    np.testing.assert_allclose(positions.sum(axis=0), 0, atol=1e-12)
    assert YAW_SIGNS @ airframe.torque_constants == 0


def test_unknown_name_lists_the_names():
    with pytest.raises(
        InputError, match=r"airframe 'crazyfly' is unknown; there are: crazyflie, .*soft-rigid"
    ):
        named_airframe("crazyfly")
