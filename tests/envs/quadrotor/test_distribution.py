"""RAPTOR's distribution against figures of its own 1,000 quadrotors, ours against its promises."""

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eyas.envs.quadrotor.airframe import GRAVITY, YAW_SIGNS
from eyas.envs.quadrotor.distribution import (
    NOISE_SIGMAS,
    Conditions,
    ideal_conditions,
    random_conditions,
    raptor_airframes,
    wide_airframes,
)
from eyas.errors import InputError

COUNT = 20_000

# (minimum, p5, median, mean, p95, maximum) of the 1,000 quadrotors of RAPTOR's seed 0.
PUBLISHED = {
    "mass": (0.0208, 0.0446, 1.006, 1.51, 4.47, 4.97),
    "thrust_to_weight": (1.51, 1.70, 3.32, 3.31, 4.83, 5.0),
    "torque_to_inertia": (41, 109, 624, 627, 1142, 1200),
    "rotor_distance": (0.0286, 0.041, 0.115, 0.116, 0.197, 0.235),
    "rising": (0.030, 0.033, 0.0646, 0.065, 0.0965, 0.0999),
    "falling": (0.031, 0.045, 0.169, 0.169, 0.288, 0.300),
    "torque_constant": (0.0051, 0.0068, 0.0287, 0.0278, 0.0480, 0.0500),
    "force_to_weight": (3.5e-5, 0.0017, 0.0274, 0.0429, 0.133, 0.193),
    "hover_throttle": (0.377, 0.386, 0.494, 0.520, 0.740, 0.794),
}


@pytest.fixture(scope="module")
def sample():
    return raptor_airframes(np.random.default_rng(0), COUNT)


def quantities(sample):
    airframes = sample.airframes
    return {
        "mass": airframes.mass,
        "thrust_to_weight": airframes.thrust_to_weight,
        "torque_to_inertia": airframes.torque_to_inertia,
        "rotor_distance": airframes.rotor_distance,
        "rising": airframes.rising_time_constants[:, 0],
        "falling": airframes.falling_time_constants[:, 0],
        "torque_constant": airframes.torque_constants[:, 0],
        "force_to_weight": sample.disturbance_force_std / (airframes.mass * GRAVITY),
        "hover_throttle": airframes.hover_throttle,
    }


@pytest.mark.parametrize("name", PUBLISHED)
def test_raptor_statistics(sample, name):
    """The 1,000 could have been drawn from ours: ranks of their quantiles within sampling error."""
    values = quantities(sample)[name]
    minimum, p5, median, mean, p95, maximum = PUBLISHED[name]
    # Five standard deviations of the rank of a quantile of 1,000 draws, and the figures' rounding.
    for quantile, value in ((0.05, p5), (0.5, median), (0.95, p95)):
        slack = 5 * np.sqrt(quantile * (1 - quantile) / 1000)
        low, high = np.quantile(values, [max(0, quantile - slack), min(1, quantile + slack)])
        assert low * 0.99 <= value <= high * 1.01
    assert mean == pytest.approx(values.mean(), abs=5 * values.std() / np.sqrt(1000))
    assert np.quantile(values, 0.99) <= maximum <= values.max() * 1.01
    assert values.min() * 0.99 <= minimum <= np.quantile(values, 0.01)


def test_raptor_keeps_the_crazyflies_proportions(sample):
    airframes = sample.airframes
    coefficients = airframes.thrust_coefficients[:, 0]
    shape = coefficients / coefficients.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(shape, [[0.0320, 0.1305, 0.8375]] * COUNT, atol=5e-5)
    ratios = airframes.inertia / airframes.inertia[:, :1]
    np.testing.assert_allclose(ratios, [[1, 1.0242, 1.8541]] * COUNT, atol=5e-5)
    np.testing.assert_array_equal(airframes.drag, 0)
    for values in (airframes.torque_constants, airframes.rising_time_constants):
        np.testing.assert_array_equal(values, values[:, :1].repeat(4, axis=1))
    np.testing.assert_allclose(sample.position_threshold, 20 * airframes.rotor_distance)
    np.testing.assert_allclose(sample.max_position, 10 * airframes.rotor_distance)


def test_raptor_size_quirk(sample):
    """The deviation of the size has mean -0.1; median of the factor 0.908."""
    airframes = sample.airframes
    factor = airframes.rotor_positions[:, 3, 0] / (0.028 * np.cbrt(airframes.mass / 0.0306))
    assert np.median(factor) == pytest.approx(0.908, abs=0.003)
    assert 0.6 < factor.min() < 0.75 and 1.18 < factor.max() < 1.4
    correlation = np.corrcoef(np.log(airframes.mass), airframes.torque_to_inertia)[0, 1]
    assert abs(correlation) < 0.03


def test_sampling_is_fast():
    start = time.process_time()
    raptor_airframes(np.random.default_rng(0), 100_000)
    wide_airframes(np.random.default_rng(0), 100_000)
    assert time.process_time() - start < 4


@pytest.mark.parametrize(
    "draw", [lambda rng: raptor_airframes(rng, 50).airframes, lambda rng: wide_airframes(rng, 50)]
)
def test_a_seed_gives_the_same(draw):
    one, two, other = (draw(np.random.default_rng(seed)) for seed in (3, 3, 4))
    np.testing.assert_array_equal(one.inertia, two.inertia)
    assert (one.inertia != other.inertia).all()


@given(st.integers(0, 2**32))
def test_wide_airframes_are_valid_and_rise(seed):
    airframes = wide_airframes(np.random.default_rng(seed), 200)
    c = airframes.thrust_coefficients
    slope = c[:, :, 1, None] + 2 * c[:, :, 2, None] * np.linspace(0, 1, 5)
    assert (slope >= -1e-9).all()
    assert (airframes.thrust_to_weight >= 1.4 - 1e-9).all()
    assert (airframes.thrust_to_weight <= 12 + 1e-9).all()


def test_wide_airframes_vary_what_raptor_does_not():
    airframes = wide_airframes(np.random.default_rng(0), COUNT)
    shape = airframes.thrust_coefficients[:, 0]
    shape = shape / shape.sum(axis=1, keepdims=True)
    assert (shape[:, 0] < -0.07).any() and (shape[:, 2] < -0.1).any()
    assert ((shape[:, 0] == 0) & (shape[:, 2] == 0)).mean() == pytest.approx(1 / 8, abs=0.02)
    assert np.ptp(airframes.inertia[:, 1] / airframes.inertia[:, 0]) > 0.9
    assert (np.ptp(airframes.torque_constants, axis=1) > 0).all()
    centre = airframes.rotor_positions.mean(axis=1)
    assert (np.abs(centre) > 0).all()
    assert np.abs(centre[:, :2]).max() < 0.05 * 0.25
    # The moment of the weight about the rotors' middle can be held at hover.
    assert (airframes.hover_throttle > 0).all() and (airframes.hover_throttle < 0.9).all()


def test_wide_airframes_can_be_even():
    airframes = wide_airframes(np.random.default_rng(0), 100, asymmetry=0, centre_offset=0, drag=0)
    np.testing.assert_allclose(airframes.rotor_positions.mean(axis=1), 0, atol=1e-15)
    np.testing.assert_allclose(airframes.torque_constants @ YAW_SIGNS, 0, atol=1e-15)
    np.testing.assert_array_equal(airframes.drag, 0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"count": 0}, "count = 0 must be at least 1"),
        ({"thrust_to_weight": (0.9, 2)}, r"thrust_to_weight = \(0.9, 2\) must be"),
        ({"mass": (2, 1)}, r"mass = \(2, 1\) must be"),
        ({"asymmetry": 0.5}, "asymmetry = 0.5 must be from 0 to 0.1"),
        ({"drag": float("nan")}, "drag = nan must be"),
    ],
)
def test_wide_options_are_checked(options, message):
    with pytest.raises(InputError, match=message):
        wide_airframes(np.random.default_rng(0), **({"count": 3} | options))


def test_conditions():
    airframes = wide_airframes(np.random.default_rng(0), COUNT)
    conditions = random_conditions(np.random.default_rng(1), airframes, battery_sag=0.02)
    assert len(conditions) == COUNT
    level = conditions.noise / np.array(NOISE_SIGMAS)
    assert (level[:, 0] == 0).mean() == pytest.approx(1 / 3, abs=0.02)
    assert level.max() <= 1
    shares = np.bincount(conditions.observation_delay) / COUNT
    np.testing.assert_allclose(shares, [0.6, 0.35, 0.05], atol=0.02)
    assert ((conditions.power_loss > 0).sum(axis=1) <= 1).all()
    assert conditions.battery_sag.max() <= 0.02
    some = conditions.select([5, 7])
    np.testing.assert_array_equal(some.noise, conditions.noise[[5, 7]])
    ideal = ideal_conditions(3, [0.1, 0.2, 0.3])
    np.testing.assert_array_equal(ideal.disturbance_force_std, [0.1, 0.2, 0.3])
    assert not ideal.noise.any() and not ideal.observation_delay.any()


def test_conditions_are_checked():
    ideal = ideal_conditions(2)
    values = {name: getattr(ideal, name) for name in Conditions.__dataclass_fields__}
    with pytest.raises(InputError, match="condition battery_sag must be finite and 0 or more"):
        Conditions(**(values | {"battery_sag": np.array([0.1, -0.1])}))
    with pytest.raises(InputError, match=r"condition power_loss has shape \(2,\), expected \(2, 4\)"):
        Conditions(**(values | {"power_loss": np.zeros(2)}))
    with pytest.raises(InputError, match=r"observation_delay = .* must be probabilities"):
        airframes = wide_airframes(np.random.default_rng(0), 3)
        random_conditions(np.random.default_rng(0), airframes, observation_delay=(0.5, 0.6))
