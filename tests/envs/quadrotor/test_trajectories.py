"""References as functions of time."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eyas.envs.quadrotor.trajectories import (
    TRAJECTORIES,
    Lissajous,
    Waypoints,
    figure_eight,
    named_trajectory,
)
from eyas.errors import InputError


@pytest.mark.parametrize("name", TRAJECTORIES)
def test_velocity_is_the_derivative_of_position(name):
    trajectory = TRAJECTORIES[name]
    time = np.linspace(0, trajectory.duration + 1, 20_001)
    position, velocity = trajectory.at(time)
    assert position.shape == velocity.shape == (20_001, 3)
    numeric = np.gradient(position, time, axis=0)
    np.testing.assert_allclose(velocity, numeric, atol=0.02)
    np.testing.assert_array_equal(position[0], 0)
    np.testing.assert_array_equal(velocity[0], 0)


@given(st.floats(-1, 60))
def test_a_single_time_is_a_row(time):
    for trajectory in TRAJECTORIES.values():
        position, velocity = trajectory.at(time)
        many = trajectory.at(np.array([time, 0.0]))
        assert position.shape == (3,)
        np.testing.assert_allclose(position, many[0][0], rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(velocity, many[1][0], rtol=1e-12, atol=1e-12)


def test_figure_eight():
    """x = sin(phase), y = sin(2 phase) / 2: hold 3 s, ramp 3 s, then a lap per 5.5 s."""
    eight = figure_eight(5.5)
    assert eight.duration == pytest.approx(3 + 3 + 3 * 5.5)
    time = np.arange(0, eight.duration, 0.01)
    position, velocity = eight.at(time)
    assert not position[time <= 3].any()
    turns = np.where(time < 6, np.maximum(time - 3, 0) ** 2 / 6, 1.5 + (time - 6)) / 5.5
    np.testing.assert_allclose(position[:, 0], np.sin(2 * math.pi * turns), atol=1e-12)
    np.testing.assert_allclose(position[:, 1], np.sin(4 * math.pi * turns) / 2, atol=1e-12)
    np.testing.assert_array_equal(position[:, 2], 0)
    # At full speed a lap later everything is the same.
    np.testing.assert_allclose(eight.at(7.0)[0], eight.at(12.5)[0], atol=1e-12)
    np.testing.assert_allclose(np.abs(position).max(axis=0), [1, 0.5, 0], atol=1e-4)
    top = np.linalg.norm(velocity, axis=1).max()
    assert top == pytest.approx(2 * math.pi / 5.5 * math.sqrt(2), rel=1e-3)


def test_without_ramp_it_starts_at_full_speed():
    circle = Lissajous(amplitude=(1, 1, 1), frequency=(1, 1, 1), period=2, hold=0, ramp=0, laps=1)
    assert circle.duration == 2
    np.testing.assert_allclose(circle.at(0.25)[0], math.sin(math.pi / 4))
    np.testing.assert_allclose(circle.at(0.5)[1], 0, atol=1e-12)


def test_waypoints_are_reached_and_speed_is_kept():
    points = ((0, 0, 0), (2, 0, 0), (2, 1, 0))
    tour = Waypoints(points=points, speed=0.5, pause=1.0)
    assert tour.duration == pytest.approx(3 + 3 * 15 / 8 / 0.5)
    time = np.linspace(0, tour.duration, 50_001)
    position, velocity = tour.at(time)
    for point in points:
        still = np.linalg.norm(position - point, axis=1) < 1e-9
        assert still.sum() * (time[1] - time[0]) >= 0.99
    speed = np.linalg.norm(velocity, axis=1)
    assert speed.max() == pytest.approx(0.5, rel=1e-4)
    np.testing.assert_allclose(tour.at(100.0)[0], points[-1])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Lissajous(period=0), "trajectory period = 0 must be finite and at least 0.001"),
        (lambda: Lissajous(hold=-1), "trajectory hold = -1"),
        (lambda: Lissajous(amplitude=(1, math.nan, 0)), "trajectory amplitude = .* must be finite"),
        (lambda: Waypoints(points=((0, 0, 0),)), "two or more points"),
        (lambda: Waypoints(points=((0, 0, 0), (0, 0, 0))), "must differ"),
        (lambda: Waypoints(points=((0, 0, 0), (1, 0, 0)), speed=0), "trajectory speed = 0"),
        (
            lambda: named_trajectory("eight"),
            "trajectory 'eight' is unknown; there are: hover, figure-eight",
        ),
    ],
)
def test_bad_ones_are_refused(make, message):
    with pytest.raises(InputError, match=message):
        make()
