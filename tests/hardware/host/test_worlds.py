import numpy as np
import pytest

from eyas.hardware.code.generate import generate
from eyas.hardware.host.worlds import (
    drive,
    is_quadrotor_policy,
    memory_limits,
    random_memories,
    random_observations,
    spare_bits,
    unseen,
)


class Recorder:
    """A pilot that remembers what it saw."""

    def __init__(self, actions):
        self.actions, self.seen = actions, []

    def initial_state(self, count):
        return np.zeros((count, 1), np.float32)

    def step(self, observations, memory):
        self.seen.append(observations.copy())
        return np.tile(self.actions, (len(observations), 1)).astype(np.float32), memory


def test_random_observations_are_of_all_kinds(shipped_network):
    shown = random_observations(shipped_network, np.random.default_rng(0), 2000)
    assert shown.shape == (2000, 22) and shown.dtype == np.float32
    with np.errstate(invalid="ignore"):
        clean = (np.abs(shown) <= shipped_network.input.limit).all(axis=1)
        beyond = np.abs(shown) > shipped_network.input.limit
    assert 0.4 < clean.mean() < 0.7
    assert np.isnan(shown).any() and np.isposinf(shown).any() and np.isneginf(shown).any()
    assert (beyond & np.isfinite(shown)).any()
    magnitudes = shown.view(np.uint32) & 0x7FFFFFFF
    assert ((magnitudes > 0) & (magnitudes < 0x00800000)).any()  # denormals
    assert (shown == shipped_network.input.limit).any()
    again = random_observations(shipped_network, np.random.default_rng(0), 2000)
    assert shown.tobytes() == again.tobytes()


@pytest.mark.parametrize("number_format", ["float32", "q15"])
def test_random_memories_are_within_and_beyond_the_limits(shipped_network, number_format):
    generated = generate(shipped_network, "policy", number_format)
    memories = random_memories(generated, np.random.default_rng(0), 500)
    start = generated.reference.initial_state(500)
    assert memories.shape == start.shape and memories.dtype == start.dtype
    with np.errstate(invalid="ignore"):
        fits = (np.abs(memories.astype(np.float64)) <= memory_limits(generated)).all(axis=1)
    if number_format != "float32":
        fits &= (memories & spare_bits(generated) == 0).all(axis=1)
    assert 0.1 < fits.mean() < 0.6
    _, _, status = generated.reference.evaluate(np.zeros((500, 22), np.float32), memories)
    assert ((status == 4) == ~fits).all()


def test_quadrotors_fly_in_their_world(shipped_network):
    assert is_quadrotor_policy(shipped_network)
    pilot = Recorder([0.0, 0.0, 0.0, 0.0])
    drive(shipped_network, pilot, 2, seed=7)
    assert len(pilot.seen) == 500 + 1000 + 2250
    _, conditions = unseen(2, 7)
    assert conditions.seeds == 1 and conditions.position_limit.shape == (2,)


def test_others_are_in_a_world_that_answers(random_network):
    network = random_network(0, 5, ("linear", 2), center=True)
    assert not is_quadrotor_policy(network)
    seen = []
    for actions in (network.output.low, network.output.high):
        pilot = Recorder(actions)
        drive(network, pilot, 3, seed=0)
        seen.append(np.array(pilot.seen))
        assert np.isfinite(seen[-1]).all()
    assert (seen[0][0] == network.input.center).all()
    assert (seen[0][1] != seen[1][1]).any()
