"""One flight: what the policy is shown, and when."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eyas.envs.quadrotor.evaluation.flight import NOISE, figure_eight, fly
from eyas.envs.quadrotor.evaluation.simulator import LINEAR_VELOCITY, POSITION, PREVIOUS_ACTION

COUNT = 3


class Clockwork:
    """A simulator whose observation says which step it is; previous actions count downwards."""

    airframes = range(COUNT)

    def __init__(self):
        self.time = 0
        self.actions = []

    def observe(self):
        observation = np.full((COUNT, 22), self.time, np.float32)
        observation[:, PREVIOUS_ACTION] = -self.time
        return observation

    def step(self, actions):
        self.time += 1
        self.actions.append(actions.copy())


class Recorder:
    """A pilot that writes down what it sees and asks for too much."""

    def __init__(self):
        self.seen = []

    def initial_state(self, count):
        return np.zeros((count, 1), np.float32)

    def step(self, observations, hidden):
        self.seen.append(observations.copy())
        return np.full((COUNT, 4), 7, np.float32), hidden + 1


@pytest.mark.parametrize("delay", [0, 1, 3])
def test_delay_spares_the_previous_action(delay):
    simulator, pilot = Clockwork(), Recorder()
    flight = fly(simulator, pilot, 10, delay=delay)
    assert len(pilot.seen) == 10
    for step, seen in enumerate(pilot.seen):
        assert (seen[:, : PREVIOUS_ACTION.start] == max(step - delay, 0)).all()
        assert (seen[:, PREVIOUS_ACTION] == -step).all()
    np.testing.assert_allclose(flight.errors[:, 0], np.sqrt(3) * np.arange(11), rtol=1e-6)
    assert (flight.hidden == 10).all() and flight.outside is None
    assert all((actions == 1).all() for actions in simulator.actions)


def test_errors_are_clipped_for_the_policy_and_not_for_the_score():
    pilot = Recorder()
    flight = fly(Clockwork(), pilot, 6, reference=lambda time: ((1.25, 0, 0), (0, -0.5, 0)), clip=True)
    seen = pilot.seen[2][0]
    np.testing.assert_allclose(seen[POSITION], (0.5, 0.5, 0.5))
    np.testing.assert_allclose(pilot.seen[0][0][POSITION], (-0.5, 0, 0))
    np.testing.assert_allclose(pilot.seen[0][0][LINEAR_VELOCITY], (0, 0.5, 0))
    np.testing.assert_allclose(seen[LINEAR_VELOCITY], (1, 1, 1))
    np.testing.assert_allclose(flight.errors[2], np.hypot(0.75, np.hypot(2, 2)), rtol=1e-6)


def test_noise_has_the_stated_deviations():
    pilot = Recorder()
    fly(Clockwork(), pilot, 2000, noise=np.random.default_rng(0))
    seen = np.array(pilot.seen)
    steps = np.arange(2000)[:, None, None]
    for part, deviation in NOISE:
        np.testing.assert_allclose((seen[:, :, part] - steps).std(), deviation, rtol=0.05)
    assert (seen[:, :, PREVIOUS_ACTION] == -steps).all()


def test_limits_are_watched():
    flight = fly(Clockwork(), Recorder(), 5, position_limit=np.array([1.5, 0.5, 10.0]))
    # From step 3 on the velocity of 3 m/s is too much for everybody.
    assert flight.outside.T.tolist() == [
        [False, False, True, True, True, True],
        [False, True, True, True, True, True],
        [False, False, False, True, True, True],
    ]


@given(time=st.floats(0, 40), period=st.sampled_from([5.5, 10.0]))
def test_figure_eight_moves_as_its_velocity_says(time, period):
    at = figure_eight(period)
    step = 1e-4
    position, velocity = np.array(at(time))
    later, _ = np.array(at(time + step))
    np.testing.assert_allclose((later - position) / step, velocity, atol=2e-3)
    assert np.abs(position).max() <= 1 and abs(position[1]) <= 0.5
    if time < 3:
        assert not position.any() and not velocity.any()
    if time > 6:
        np.testing.assert_allclose(at(time + period), at(time), atol=1e-9)
