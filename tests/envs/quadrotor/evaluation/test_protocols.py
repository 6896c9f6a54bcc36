"""The protocols: a perfect pilot scores 0, whoever falls has crashed."""

import numpy as np
import pytest

from eyas.envs.quadrotor.airframe import Airframes
from eyas.envs.quadrotor.distribution import raptor_airframes
from eyas.envs.quadrotor.evaluation.own_simulator import OwnSimulator
from eyas.envs.quadrotor.evaluation.protocols import PROTOCOLS, QUICK, Conditions

COUNT = 16


class Constant:
    """A pilot that always commands the same."""

    def __init__(self, actions):
        self.actions = np.asarray(actions, np.float32)

    def initial_state(self, count):
        return np.zeros((count, 2), np.float32)

    def step(self, observations, hidden):
        return np.broadcast_to(self.actions, (len(observations), 4)).copy(), hidden


class Prescribed:
    """A simulator that moves along a given curve, whatever it is told."""

    def __init__(self, position):
        self.position = position
        self.airframes = range(COUNT)

    def start_hover(self):
        self.steps = 0

    def start_recovery(self, seed, force_std):
        self.steps = 0

    def observe(self):
        observation = np.zeros((COUNT, 22), np.float32)
        observation[:, :3] = self.position(self.steps / 100)
        return observation

    def step(self, actions):
        self.steps += 1


@pytest.fixture(scope="module")
def sample():
    return raptor_airframes(np.random.default_rng(1), COUNT)


def conditions(sample, seeds=2):
    return Conditions(
        force_std=sample.disturbance_force_std,
        position_limit=sample.position_threshold,
        seeds=seeds,
    )


def fly(name, simulator, pilot, sample):
    done = []
    outcome = PROTOCOLS[name].run(simulator, pilot, conditions(sample), done.append)
    assert sum(done) == PROTOCOLS[name].steps(conditions(sample))
    return outcome


def test_commanding_hover_stays(sample):
    airframes = sample.airframes
    pilot = Constant(2 * airframes.hover_throttle[:, None] - 1)
    # Torques cancel to seven digits, and nothing holds a vehicle level: centimetres in 10 s.
    outcome = fly("P1", OwnSimulator(airframes), pilot, sample)
    assert not outcome.failed.any() and outcome.error.max() < 0.1
    assert outcome.summary()["error"]["median"] < 0.03
    # Noise and delay reach the pilot, not the score.
    np.testing.assert_array_equal(
        fly("P3 30 ms", OwnSimulator(airframes), pilot, sample).error, outcome.error
    )


@pytest.mark.parametrize("command", [-1.0, np.nan])
@pytest.mark.parametrize("name", [name for name in PROTOCOLS if name != "P1c"])
def test_falling_is_a_crash(name, command, sample):
    outcome = fly(name, OwnSimulator(sample.airframes), Constant(command), sample)
    flights = 2 if name.startswith("P0") else 1
    assert outcome.failed.shape == (flights, COUNT) and outcome.failed.all()
    assert np.isnan(outcome.error).all()
    summary = outcome.summary()
    assert summary["failed"] == 1 and summary["error"]["median"] is None
    if outcome.length is not None:
        # 2 m/s take about 0.2 s of free fall, more where the rotors still turn.
        assert (outcome.length >= 1).all() and (outcome.length < 120).all()


def test_step_response_is_timed(sample):
    # |error| = 0.866 exp(-t / 0.3) falls below 0.15 after 0.526 s.
    simulator = Prescribed(lambda time: 0.5 - 0.5 * np.exp(-time / 0.3))
    outcome = fly("P1b", simulator, Constant(0.0), sample)
    np.testing.assert_allclose(outcome.settling, 0.53)
    assert not outcome.failed.any() and outcome.error.max() < 1e-6
    # Never there: the whole flight.
    outcome = fly("P1b", Prescribed(lambda time: 0.0), Constant(0.0), sample)
    np.testing.assert_allclose(outcome.settling, 10.0)
    np.testing.assert_allclose(outcome.error, np.sqrt(0.75), rtol=1e-6)


def test_only_the_last_seconds_count(sample):
    def error(distance, until):
        simulator = Prescribed(lambda time: distance * (time < until - 1e-9))
        return fly("P1", simulator, Constant(0.0), sample)

    assert (error(2, 5.0).error == 0).all()
    # A tenth of the last 500 states.
    np.testing.assert_allclose(error(2, 5.51).error, np.sqrt(0.1 * 12), rtol=1e-6)
    # Farther away than 5 m is a crash, however long ago.
    assert error(3, 0.5).failed.all() and not error(2.8, 0.5).failed.any()


def test_recovery_ends_at_the_first_step_outside(sample):
    limit = sample.position_threshold.max()
    outcome = fly("P0", Prescribed(lambda t: 2 * limit * (t >= 1.0)), Constant(0.0), sample)
    assert outcome.failed.all()
    np.testing.assert_array_equal(outcome.length, 100)
    outcome = fly("P0", Prescribed(lambda t: 0.01), Constant(0.0), sample)
    np.testing.assert_array_equal(outcome.length, 500)
    np.testing.assert_allclose(outcome.error, 0.01 * np.sqrt(3), rtol=1e-6)


def test_outcomes_of_some(sample):
    outcome = fly("P0", OwnSimulator(sample.airframes), Constant(0.0), sample)
    some = outcome.select(np.arange(COUNT) < 5)
    assert some.failed.shape == (2, 5) and some.hidden.shape == (2, 5, 2)
    assert some.summary()["flights"] == 10


def test_recovery_starts_as_stated():
    airframe = raptor_airframes(np.random.default_rng(0), 1).airframes
    simulator = OwnSimulator(airframe.select(np.zeros(4000, int)))
    simulator.start_recovery(3, None)
    start = simulator.observe().copy()
    guided = ~start[:, :3].any(axis=1)
    assert guided.mean() == pytest.approx(0.1, abs=0.02)
    np.testing.assert_array_equal(start[guided, 3:12], np.tile(np.eye(3).ravel(), (guided.sum(), 1)))
    assert not start[guided, 12:18].any()
    free = start[~guided]
    angle = np.arccos(np.clip((free[:, [3, 7, 11]].sum(axis=1) - 1) / 2, -1, 1))
    for values, low, high in (
        (free[:, :3], -0.5, 0.5),
        (free[:, 12:18], -1, 1),
        (angle, 0, 1),
        (start[:, 18:], -1, 0),
    ):
        assert low - 1e-6 <= values.min() and values.max() <= high + 1e-6
        assert values.mean() == pytest.approx((low + high) / 2, abs=0.02 * (high - low))
        assert values.std() == pytest.approx((high - low) / 12**0.5, rel=0.05)


def test_quick_is_a_part_of_all():
    assert set(QUICK) < set(PROTOCOLS) and "P0" in QUICK


def test_airframes_keep_their_order():
    pair = raptor_airframes(np.random.default_rng(0), 2).airframes
    turned = Airframes.stack([pair[1], pair[0]])
    first, second = OwnSimulator(pair), OwnSimulator(turned)
    for simulator in (first, second):
        simulator.start_hover()
        for _ in range(20):
            simulator.step(np.full((2, 4), 0.5, np.float32))
    np.testing.assert_array_equal(first.observe()[::-1], second.observe())
