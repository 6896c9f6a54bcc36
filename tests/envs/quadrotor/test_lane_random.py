"""Random numbers inside loops over lanes."""

import numba
import numpy as np
from scipy import stats

from eyas.envs.quadrotor.lane_random import advance_stream, logarithm, normal_pair, stream_bits
from eyas.envs.random import random_bits


@numba.njit
def normals(state, count):
    out = np.empty((count, 2), np.float32)
    for i in range(count):
        state = advance_stream(state)
        out[i] = normal_pair(stream_bits(state))
    return out


@numba.njit
def bits_both_ways(state, count):
    lanes, library = np.empty(count, np.uint64), np.empty(count, np.uint64)
    array = np.full(1, state, np.uint64)
    for i in range(count):
        state = advance_stream(state)
        lanes[i] = stream_bits(state)
        library[i] = random_bits(array, 0)
    return lanes, library


@numba.njit
def logarithms(x):
    out = np.empty_like(x)
    for i in range(x.size):
        out[i] = logarithm(x[i])
    return out


@numba.njit
def one_pair(bits):
    return normal_pair(bits)


def test_the_streams_are_the_librarys():
    lanes, library = bits_both_ways(np.uint64(12345), 1000)
    np.testing.assert_array_equal(lanes, library)


def test_logarithm():
    x = np.concatenate([2.0 ** np.linspace(-24, 3, 100_000), [1.0, 1 - 2.0**-24]]).astype(np.float32)
    exact = np.log(x.astype(np.float64))
    np.testing.assert_allclose(logarithms(x), exact, rtol=3e-7, atol=2e-7)


def test_normals_are_normal_and_independent():
    pairs = normals(np.uint64(7), 200_000).astype(np.float64)
    assert stats.kstest(pairs[:, 0], "norm").pvalue > 1e-4
    assert stats.kstest(pairs[:, 1], "norm").pvalue > 1e-4
    for a in (pairs[:, 0], pairs[:, 0] ** 2):
        for b in (pairs[:, 1], pairs[:, 1] ** 2):
            assert abs(np.corrcoef(a, b)[0, 1]) < 5 / np.sqrt(len(pairs))
    assert abs(np.corrcoef(pairs[:-1, 1], pairs[1:, 0])[0, 1]) < 5 / np.sqrt(len(pairs))
    assert stats.kurtosis(pairs, axis=None) < 0.03


def test_extreme_bits_stay_finite():
    for bits in (0, 2**64 - 1, 2**63, 2**31, 2**32 - 1, 0xFFFFFFFF << 32):
        pair = np.array(one_pair(np.uint64(bits)))
        assert np.isfinite(pair).all() and np.abs(pair).max() < 5.8
