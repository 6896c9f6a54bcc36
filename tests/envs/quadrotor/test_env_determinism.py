"""A copy's flight depends on its seed, its task and its actions alone."""

import numpy as np
import pytest

from eyas.envs.quadrotor.env import QuadrotorBatch


def random_actions(count, steps):
    return np.random.default_rng(0).uniform(-1, 1, (steps, count, 4)).astype(np.float32)


def fly(batch, actions, seed):
    """Everything a run returns, as one array per kind."""
    rows = [[batch.reset(seed=seed).copy(), batch.rewards.copy(), batch.terminated.copy()]]
    rows += [[x.copy() for x in batch.step(a)[:3]] for a in actions]
    return [np.array(kind) for kind in zip(*rows, strict=True)]


RICH = {"airframes": "wide", "conditions": "random", "reference": "raptor", "pool": 300}


def test_a_seed_gives_the_same_flight():
    actions = random_actions(150, 60)
    one, two, other = (fly(QuadrotorBatch(150, **RICH), actions, seed) for seed in (6, 6, 7))
    assert one[2].sum() > 50
    for a, b in zip(one, two, strict=True):
        np.testing.assert_array_equal(a, b)
    assert (one[0] != other[0]).any()


@pytest.mark.parametrize("fewer", [1, 100, 128])
def test_the_number_of_copies_does_not_matter(fewer):
    actions = random_actions(150, 60)
    many = fly(QuadrotorBatch(150, **RICH), actions, 8)
    few = fly(QuadrotorBatch(fewer, **RICH), actions[:, :fewer], 8)
    for a, b in zip(many, few, strict=True):
        np.testing.assert_array_equal(a[:, :fewer], b)


def test_the_order_of_copies_does_not_matter():
    order = np.random.default_rng(0).permutation(150)
    actions = random_actions(150, 60)
    one, two = QuadrotorBatch(150, **RICH), QuadrotorBatch(150, **RICH)
    one.seed(9)
    two.random_state[:] = one.random_state[order]
    a = fly(one, actions, None)
    b = fly(two, actions[:, order], None)
    for x, y in zip(a, b, strict=True):
        np.testing.assert_array_equal(x[:, order], y)


def test_a_saved_world_goes_on_the_same():
    actions = random_actions(150, 40)
    batch = QuadrotorBatch(150, **RICH)
    batch.reset(seed=10)
    for a in actions[:20]:
        batch.step(a)
    state = batch.state_dict()
    expected = [batch.step(a)[0].copy() for a in actions[20:]]
    other = QuadrotorBatch(150, **RICH)
    other.load_state_dict(state)
    for a, observations in zip(actions[20:], expected, strict=True):
        np.testing.assert_array_equal(other.step(a)[0], observations)
