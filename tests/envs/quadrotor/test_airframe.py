"""Airframes: what is refused, and the numbers derived from the others."""

from dataclasses import fields, replace

import numpy as np
import pytest

from eyas.envs.quadrotor.airframe import Airframe, Airframes
from eyas.envs.quadrotor.distribution import raptor_airframes
from eyas.envs.quadrotor.named import NAMED
from eyas.errors import InputError

CRAZYFLIE = NAMED["crazyflie"]


def with_thrust(curve):
    return {"thrust_coefficients": (curve,) * 4}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mass": 0.0}, r"airframe 'crazyflie': mass = 0.0 must be above 0"),
        ({"mass": float("inf")}, r"airframe 'crazyflie': mass = inf must be finite"),
        ({"mass": "heavy"}, r"mass = 'heavy' is not numbers"),
        ({"inertia": (1e-5, -1e-5, 1e-5)}, r"airframe 'crazyflie': inertia = .* must be above 0"),
        ({"inertia": (1e-5, 1e-5, 3e-5)}, r"airframe 'crazyflie': inertia = .* is no rigid body's"),
        ({"inertia": (1e-5, 1e-5)}, r"inertia has shape \(2,\), expected \(3,\)"),
        (with_thrust((0.0, float("nan"), 0.1)), r"thrust_coefficients = .* must be finite"),
        (
            with_thrust((0.0, 0.0, 0.07)),
            r"airframe 'crazyflie': thrust_to_weight = 0.933 must be at least 1",
        ),
        (with_thrust((0.2, 0.0, 0.1)), r"give no rotor speed in \[0, 1\] at which it hovers"),
        ({"rising_time_constants": (0.0,) * 4}, r"rising_time_constants = .* must be above 0"),
        ({"torque_constants": (-0.1,) * 4}, r"torque_constants = .* must be 0 or more"),
        ({"drag": (0.0, 0.0, -1.0)}, r"drag = .* must be 0 or more"),
    ],
)
def test_impossible_airframes_are_refused_in_one_sentence(change, message):
    with pytest.raises(InputError, match=message) as caught:
        replace(CRAZYFLIE, **change)
    assert "\n" not in str(caught.value)


def test_among_many_the_first_at_fault_is_named():
    sample = raptor_airframes(np.random.default_rng(0), 10).airframes
    mass = sample.mass.copy()
    mass[3] = mass[7] = -1
    with pytest.raises(InputError, match=r"airframe 'raptor-3': mass = -1.0 must be above 0"):
        replace(sample, mass=mass)


def test_one_and_many_are_the_same():
    many = Airframes.stack(list(NAMED.values()))
    assert [one.name for one in many] == list(NAMED)
    for row, airframe in enumerate(NAMED.values()):
        for field in fields(Airframe):
            if field.name != "name":
                np.testing.assert_array_equal(
                    getattr(many[row], field.name), getattr(airframe, field.name)
                )
    twice = Airframes.concatenate([many, many.select([0, 2])])
    assert len(twice) == len(NAMED) + 2 and twice.names[-1] == "x500"


def test_hover_throttle_carries_the_weight():
    sample = raptor_airframes(np.random.default_rng(0), 1000).airframes
    r = sample.hover_throttle[:, None]
    c = sample.thrust_coefficients
    thrust = (c[:, :, 0] + c[:, :, 1] * r + c[:, :, 2] * r * r).sum(axis=1)
    np.testing.assert_allclose(thrust, sample.mass * 9.81, rtol=1e-9)
