import numpy as np
import pytest

from eyas.agents.raptor.teacher_flight import (
    LENGTH,
    MOVING,
    POSITION_SUM,
    RESULT_ROWS,
    RETURN,
    fly_episodes,
)
from eyas.agents.raptor.teacher_network import TEACHER_INPUTS, initial_parameters, layout
from eyas.agents.raptor.teacher_training import Vehicles, noise_table, repeat, score_stack
from eyas.agents.raptor.teacher_window import CostWeights, descend, empty_tape, fly_window
from eyas.envs.quadrotor.distribution import raptor_airframes
from eyas.envs.quadrotor.dynamics import LOAD_ROWS, STATE_ROWS, step_block
from eyas.envs.quadrotor.lanes import LANES

AT = layout(TEACHER_INPUTS)
NOISE = noise_table()


def vehicles(count, seed=0):
    rng = np.random.default_rng(seed)
    sample = raptor_airframes(np.random.default_rng(7), count)
    some = Vehicles(repeat(sample), rng, NOISE)
    some.begin(np.arange(some.count), np.full(some.count, 0.5))
    return some, initial_parameters(TEACHER_INPUTS, count, sample.airframes.hover_throttle, rng)


def costs(flat, some, steps, weights, gradients):
    """Mean cost of a window from the present state, which stays."""
    fleet = some.fleet._replace(**{n: a.copy() for n, a in some.fleet._asdict().items()})
    offsets = np.full((len(flat), steps), 1000) + np.arange(steps) * 400
    fly_window(
        flat, AT, fleet, steps, NOISE, offsets, weights, empty_tape(steps, TEACHER_INPUTS), gradients
    )
    return fleet.costs.mean(axis=1, dtype=np.float64)


@pytest.mark.parametrize(
    "emphasis", ["position", "yaw", "change", "velocity", "rate", "speeding", "straying", "last"]
)
def test_gradients_are_those_of_finite_differences(emphasis):
    some, flat = vehicles(2)
    numbers = dict.fromkeys(CostWeights._fields, 0.0) | {
        "last": 1.0,
        "speed_limit": 0.2,
        "stray_limit": 0.1,
    }
    numbers |= {"position": 1.0, "last": 5.0} if emphasis == "last" else {emphasis: 1.0}
    weights = CostWeights(**{name: np.float32(value) for name, value in numbers.items()})
    gradients = np.zeros_like(flat)
    costs(flat, some, 8, weights, gradients)
    nothing = np.zeros((2, 0), np.float32)
    for row in range(2):
        direction = np.zeros_like(flat)
        direction[row] = gradients[row] / np.linalg.norm(gradients[row])
        step = np.float32(0.01)
        difference = costs(flat + step * direction, some, 8, weights, nothing)
        difference -= costs(flat - step * direction, some, 8, weights, nothing)
        expected = np.zeros(2)
        expected[row] = 2 * 0.01 * np.linalg.norm(gradients[row])
        np.testing.assert_allclose(difference, expected, rtol=0.02, atol=1e-7)


def test_the_last_state_of_a_window_counts_more_than_once():
    some, flat = vehicles(1)
    numbers = dict.fromkeys(CostWeights._fields, np.float32(0))
    once = CostWeights(**numbers | {"position": np.float32(1), "last": np.float32(1)})
    nothing = np.zeros((1, 0), np.float32)
    short = 7 * costs(flat, some, 7, once, nothing)
    long = 8 * costs(flat, some, 8, once, nothing)
    fivefold = 8 * costs(flat, some, 8, once._replace(last=np.float32(5)), nothing)
    np.testing.assert_allclose(fivefold - short, 5 * (long - short), rtol=1e-3)


def test_descending_lowers_the_cost_of_every_teacher():
    some, flat = vehicles(3)
    numbers = {
        "position": 1,
        "change": 1,
        "velocity": 0.1,
        "last": 1,
        "speed_limit": 2,
        "stray_limit": 1,
    }
    weights = CostWeights(**dict.fromkeys(CostWeights._fields, np.float32(0)) | {
        name: np.float32(value) for name, value in numbers.items()
    })  # fmt: skip
    gradients, moments = np.zeros_like(flat), np.zeros((2, *flat.shape), np.float32)
    first = costs(flat, some, 20, weights, gradients)
    for update in range(1, 31):
        costs(flat, some, 20, weights, gradients)
        descend(flat, gradients, moments[0], moments[1], update, 1e-3, 1.0)
    assert (costs(flat, some, 20, weights, gradients) < 0.99 * first).all()


def test_a_gradient_that_is_no_number_changes_nothing():
    _, flat = vehicles(2)
    before = flat.copy()
    gradients, moments = np.ones_like(flat), np.zeros((2, *flat.shape), np.float32)
    gradients[0, 3] = np.nan
    descend(flat, gradients, moments[0], moments[1], 1, 1e-3, 1.0)
    np.testing.assert_array_equal(flat[0], before[0])
    # The first step of Adam is the learning rate, whatever the size of the gradient.
    np.testing.assert_allclose(flat[1], before[1] - 1e-3, rtol=1e-4, atol=1e-6)


def fly(flat, some, steps):
    results = np.zeros((len(flat), RESULT_ROWS * LANES), np.float32)
    offsets = np.zeros((len(flat), steps), np.int64)
    fly_episodes(
        flat, AT, some.fleet, NOISE, offsets, np.zeros(TEACHER_INPUTS * LANES, np.float32), results
    )
    return results.reshape(len(flat), RESULT_ROWS, LANES)


def test_returns_are_raptors_reward_added_up_by_hand():
    some, flat = vehicles(1)
    flat[:, : AT.bias_3] = 0  # the same action always
    action = np.tanh(flat[0, AT.bias_3 :].astype(np.float64))
    some.fleet.conditions.reshape(1, -1, LANES)[:, MOVING] = 0
    states = some.fleet.states[0].copy()
    expected, where = np.zeros(LANES), np.zeros((3, LANES))
    for t in range(4):
        rows = states.reshape(STATE_ROWS, LANES).astype(np.float64)
        change = np.linalg.norm(action) if t == 0 else 0.0  # before the first one it is taken for 0
        yaw = 2 * np.arccos(1 - np.abs(rows[6]))
        expected += 1.5 - np.linalg.norm(rows[:3], axis=0) - 0.1 * yaw - change
        where += rows[:3] if t >= 2 else 0
        actions = np.repeat(action, LANES).astype(np.float32)
        step_block(some.fleet.airframes[0], some.fleet.loads[0], actions, states)
    results = fly(flat, some, 4)[0]
    assert (results[LENGTH] == 4).all()
    np.testing.assert_allclose(results[RETURN], expected, atol=2e-4)
    np.testing.assert_allclose(results[POSITION_SUM : POSITION_SUM + 3], where, atol=1e-4)


def test_the_step_that_ends_an_episode_pays_minus_100_and_nothing_after_it_counts():
    some, flat = vehicles(1)
    states = some.fleet.states.reshape(STATE_ROWS, LANES)
    states[7:10] = 0
    states[9, 0] = -1.95  # falls: beyond 2 m/s in its first step, as its rotors are at rest
    states[13:, 0] = 0
    results = fly(flat, some, 3)[0]
    assert results[LENGTH, 0] == 1 and results[RETURN, 0] == -100
    assert (results[LENGTH, 1:] == 3).all()


def test_langevin_references_have_the_spread_of_the_process():
    """Stationary deviation of the raw process: sigma / sqrt(2 gamma omega^2) = 0.177 m, then filtered."""
    some, flat = vehicles(1, seed=3)
    some.fleet.conditions.reshape(1, -1, LANES)[:, MOVING] = 1
    offsets = np.random.default_rng(0).integers(0, len(NOISE) - 400, (1, 600))
    results = np.zeros((1, RESULT_ROWS * LANES), np.float32)
    fly_episodes(
        flat, AT, some.fleet, NOISE, offsets, np.zeros(TEACHER_INPUTS * LANES, np.float32), results
    )
    references = some.fleet.references.reshape(-1, LANES)
    assert references[6:9].std() == pytest.approx(0.5 / np.sqrt(2 * 1 * 4), rel=0.15)
    assert 0.01 < references[:3].std() < references[6:9].std()


def test_scores_average_over_the_lanes_of_each_teacher():
    some, flat = vehicles(2)
    scores = score_stack(flat, some, np.full(some.count, 0.5))
    assert scores.returns.shape == (2,) and scores.offsets.shape == (2, 3)
    assert ((scores.terminated >= 0) & (scores.terminated <= 1)).all()
    # Nobody flies to the end with a fresh network, and the end costs 100.
    lost = scores.terminated == 1
    assert (scores.returns[lost] < 100).all()
    assert some.fleet.loads.shape[1] == LOAD_ROWS * LANES
