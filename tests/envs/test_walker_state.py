"""A walker batch goes on bit for bit from its saved state, whatever its neighbours and threads."""

import numpy as np
import pytest

from eyas import InputError
from eyas.envs.walker.env import WalkerBatch

COPIES = 8
ACTIONS = np.random.default_rng(0).uniform(-1, 1, (300, COPIES, 4)).astype(np.float32)


def observations(batch: WalkerBatch, start: int, stop: int) -> np.ndarray:
    return np.stack([batch.step(ACTIONS[k, : batch.num_envs])[0].copy() for k in range(start, stop)])


@pytest.mark.parametrize("solver", ["fast", "box2d"])
def test_restored_batch_goes_on_bit_for_bit(solver):
    batch = WalkerBatch(COPIES, solver=solver)
    batch.reset(seed=1)
    observations(batch, 0, 150)
    state = batch.state_dict()
    expected = observations(batch, 150, 300)
    fresh = WalkerBatch(COPIES, solver=solver)
    used = WalkerBatch(COPIES, solver=solver)
    used.reset(seed=5)
    observations(used, 0, 77)
    for other in (fresh, used):
        other.load_state_dict(state)
        np.testing.assert_array_equal(observations(other, 150, 300), expected)


def test_a_copy_does_not_feel_its_neighbours_or_threads():
    batch = WalkerBatch(COPIES, threads=1)
    batch.reset(seed=1)
    expected = observations(batch, 0, 200)
    threaded = WalkerBatch(COPIES, threads=2)
    threaded.reset(seed=1)
    np.testing.assert_array_equal(observations(threaded, 0, 200), expected)
    alone = WalkerBatch(1)
    alone.random_state[0] = np.random.SeedSequence(1).generate_state(COPIES, dtype=np.uint64)[0]
    alone.reset()
    np.testing.assert_array_equal(observations(alone, 0, 200)[:, 0], expected[:, 0])


def test_state_of_another_batch_is_refused():
    batch = WalkerBatch(COPIES)
    batch.reset(seed=0)
    with pytest.raises(InputError, match="shape"):
        WalkerBatch(COPIES + 1).load_state_dict(batch.state_dict())
    state = batch.state_dict()
    del state["world.position"]
    with pytest.raises(InputError, match="position"):
        batch.load_state_dict(state)
