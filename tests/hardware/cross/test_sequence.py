"""The observations that every target makes by itself."""

import numpy as np

from eyas.hardware.cross.sequence import expected_hash, fnv1a, observations, steps_of


def test_fnv1a_of_the_draft():
    """draft-eastlake-fnv, test vectors of FNV-1a with 32 bits."""
    assert fnv1a(b"") == 0x811C9DC5
    assert fnv1a(b"a") == 0xE40C292C
    assert fnv1a(b"foobar") == 0xBF9CF968
    assert fnv1a(b"bar", fnv1a(b"foo")) == fnv1a(b"foobar")


def test_observations_are_ordinary_but_for_a_few():
    rows = observations(22, 200)
    assert rows.shape == (200, 22)
    ordinary = np.abs(rows) <= 2
    assert 0.97 * 200 > ordinary.all(axis=1).sum() > 0.8 * 200
    assert np.isnan(rows).any()
    numbers = rows[ordinary]
    assert np.ptp(numbers) > 3.9
    assert abs(numbers.mean()) < 0.1


def test_hash_sees_every_step(exported):
    """One bit of one action changes it."""

    class Wrong:
        network = exported.network
        calls = 0

        def initial_state(self, count):
            return exported.reference.initial_state(count)

        def evaluate(self, observations, memory):
            actions, memory, status = exported.reference.evaluate(observations, memory)
            self.calls += 1
            if self.calls == 150:
                actions = np.nextafter(actions, np.float32(0))
            return actions, memory, status

    assert expected_hash(exported.reference) == expected_hash(exported.reference)
    assert expected_hash(Wrong()) != expected_hash(exported.reference)


def test_large_networks_take_fewer_steps(random_network, shipped_network):
    assert steps_of(shipped_network) == 200
    assert steps_of(random_network(0, 100, ("linear", 100), ("linear", 2))) == 97
    assert steps_of(random_network(0, 1000, ("linear", 1000), ("linear", 2))) == 8
