"""Noise, delays, fading power and battery sag in the world."""

import numpy as np
import pytest

from eyas.envs.quadrotor.distribution import Conditions, ideal_conditions
from eyas.envs.quadrotor.env import QuadrotorBatch
from eyas.envs.quadrotor.named import NAMED
from eyas.errors import InputError

COUNT = 40


def conditions(count=COUNT, **changes):
    ideal = ideal_conditions(count)
    values = {name: getattr(ideal, name) for name in Conditions.__dataclass_fields__}
    return Conditions(**(values | changes))


def batch_of(conditions, **options):
    airframes = [NAMED["race"]] * COUNT
    from eyas.envs.quadrotor.airframe import Airframes

    batch = QuadrotorBatch(
        COUNT, airframes=Airframes.stack(airframes), conditions=conditions, limits="none", **options
    )
    batch.reset(seed=1, tasks=np.arange(COUNT)[:, None])
    return batch


def actions_of(steps):
    return np.random.default_rng(0).uniform(-1, 1, (steps, COUNT, 4)).astype(np.float32)


def test_observation_delay_shifts_exactly():
    delays = np.arange(COUNT) % 5
    late = batch_of(conditions(observation_delay=delays))
    prompt = batch_of(conditions())
    history = [prompt.observations.copy()]
    for step, actions in enumerate(actions_of(30), start=1):
        prompt.step(actions, autoreset=False)
        late.step(actions, autoreset=False)
        history.append(prompt.observations.copy())
        for copy, delay in enumerate(delays):
            shown = history[max(0, step - delay)][copy, :18]
            np.testing.assert_array_equal(late.observations[copy, :18], shown)
        np.testing.assert_array_equal(late.observations[:, 18:], actions)
        np.testing.assert_array_equal(late.privileged_observations()[:, :22], prompt.observations)


def test_action_delay_shifts_exactly():
    """The motors follow the action of some steps ago, and first keep their speed."""
    delays = np.arange(COUNT) % 4
    late = batch_of(conditions(action_delay=delays))
    first = 2 * late.states[:, 13:] - 1
    prompt = batch_of(conditions())
    given = actions_of(30)
    queue = [first] * 5
    for actions in given:
        queue.append(actions)
        shifted = np.array([queue[-1 - delay][copy] for copy, delay in enumerate(delays)], np.float32)
        late.step(actions, autoreset=False)
        prompt.step(shifted, autoreset=False)
        np.testing.assert_allclose(late.states, prompt.states, rtol=2e-4, atol=2e-4)
        np.testing.assert_array_equal(late.observations[:, 18:], actions)


def test_a_reset_forgets_what_was_delayed():
    batch = batch_of(conditions(observation_delay=np.full(COUNT, 3)))
    for actions in actions_of(10):
        batch.step(actions, autoreset=False)
    first = batch.reset().copy()
    np.testing.assert_array_equal(first[:, :18], batch.privileged_observations()[:, :18])
    batch.step(actions_of(1)[0], autoreset=False)
    np.testing.assert_array_equal(batch.observations[:, :18], first[:, :18])


def test_noise_has_its_deviations():
    sigmas = (0.01, 0.02, 0.05, 0.1)
    batch = batch_of(conditions(noise=np.tile(sigmas, (COUNT, 1))))
    differences = []
    for actions in actions_of(400):
        batch.step(actions, autoreset=False)
        truth = batch.privileged_observations()
        assert (batch.observations[:, 18:] == truth[:, 18:22]).all()
        # In float64: tumbling rates are large beside their noise.
        differences.append(batch.observations[:, :18].astype(np.float64) - truth[:, :18])
    noise = np.array(differences).reshape(-1, 18)
    expected = np.repeat(sigmas, (3, 9, 3, 3))
    np.testing.assert_allclose(noise.std(axis=0), expected, rtol=0.03)
    np.testing.assert_allclose(noise.mean(axis=0) / expected, 0, atol=5 / np.sqrt(len(noise)))
    correlation = np.corrcoef(noise.T) - np.eye(18)
    assert np.abs(correlation).max() < 5 / np.sqrt(len(noise))


def test_first_observations_are_noisy_too():
    sigmas = (0.01, 0.02, 0.05, 0.1)
    batch = batch_of(conditions(noise=np.tile(sigmas, (COUNT, 1))))
    rows = []
    for _ in range(200):
        batch.reset()
        rows.append(batch.observations[:, :18] - batch.privileged_observations()[:, :18])
    deviation = np.array(rows).reshape(-1, 18).std(axis=0)
    np.testing.assert_allclose(deviation, np.repeat(sigmas, (3, 9, 3, 3)), rtol=0.05)


def test_copies_without_noise_see_the_truth():
    noise = np.zeros((COUNT, 4))
    noise[::2] = 0.05
    batch = batch_of(conditions(noise=noise))
    batch.step(actions_of(1)[0], autoreset=False)
    same = (batch.observations[:, :18] == batch.privileged_observations()[:, :18]).all(axis=1)
    np.testing.assert_array_equal(same, np.arange(COUNT) % 2 == 1)


def test_fading_power():
    """Thrust falls at the stated rates, down to 30 %."""
    loss = np.zeros((COUNT, 4))
    loss[:, 2] = 0.2
    batch = batch_of(conditions(battery_sag=np.full(COUNT, 0.1), power_loss=loss), start="hover")
    full = np.ones((COUNT, 4), np.float32)
    fresh = batch_of(conditions(), start="hover")
    for _ in range(100):
        batch.step(full, autoreset=False)
    states = fresh.states
    states[:, 13:] = 1
    lifts = {}
    for name, world in (("faded", batch), ("fresh", fresh)):
        world.set_states(states)
        world.step(full, autoreset=False)
        lifts[name] = world.states[0, 9] / 0.01 + 9.81
    # A second at 0.1/s for all and 0.2/s more for one rotor of four.
    assert lifts["faded"] / lifts["fresh"] == pytest.approx((3 * 0.9 + 0.7) / 4, rel=2e-3)
    for _ in range(900):
        batch.step(full, autoreset=False)
    batch.set_states(states)
    batch.step(full, autoreset=False)
    assert (batch.states[0, 9] / 0.01 + 9.81) / lifts["fresh"] == pytest.approx(0.3, rel=2e-2)


def test_one_row_holds_for_all_and_other_numbers_do_not():
    one = conditions(count=1, observation_delay=np.array([2]))
    batch = batch_of(one)
    first = batch.observations.copy()
    batch.step(actions_of(1)[0], autoreset=False)
    np.testing.assert_array_equal(batch.observations[:, :18], first[:, :18])
    with pytest.raises(InputError, match="conditions have 3 rows, expected 1 or 40"):
        batch_of(conditions(count=3))


def test_conditions_of_tasks():
    batch = QuadrotorBatch(5, conditions=conditions(count=1, action_delay=np.array([1])))
    batch.reset(seed=0)
    speeds = batch.states[:, 13:]
    batch.step(np.ones((5, 4), np.float32), autoreset=False)
    np.testing.assert_allclose(batch.states[:, 13:], speeds, atol=1e-6)
    with pytest.raises(InputError, match="disturbance force to the task"):
        QuadrotorBatch(5, conditions=conditions(count=1, disturbance_force_std=np.ones(1)))
