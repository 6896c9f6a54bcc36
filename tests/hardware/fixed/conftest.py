"""Networks in fixed point, and compilers."""

import numpy as np
import pytest

from eyas.hardware.host.compilers import find_compilers

SHAPES = {
    "feed-forward": (5, ("linear", 8), "relu", ("linear", 3), "tanh", ("linear", 2)),
    "function first": (
        3,
        "tanh",
        ("linear", 5),
        "sigmoid",
        ("linear", 7),
        "elu",
        ("linear", 3),
        "relu",
    ),
    "gru": (22, ("linear", 16), "relu", ("gru", 16), ("linear", 4)),
    "lstm": (7, ("linear", 9), "silu", ("lstm", 5), "softplus", ("linear", 3)),
    "two memories": (4, ("gru", 3), "sigmoid", ("lstm", 2), ("gru", 5), "relu", ("linear", 1)),
    "memory last": (6, ("linear", 3), "relu", "relu", ("lstm", 4)),
}


@pytest.fixture(params=["gcc", "clang"])
def compiler(request):
    for found in find_compilers():
        if found.family == request.param:
            return found
    pytest.skip(f"{request.param} is not installed")


@pytest.fixture(params=SHAPES)
def shape(request):
    return SHAPES[request.param]


@pytest.fixture(params=["q15", "int8"])
def number_format(request):
    return request.param


def hostile(network, count, seed):
    """Observations in range, at the limits, beyond them, tiny, not finite, and any pattern of 32 bits."""
    rng = np.random.default_rng(seed)
    shape = (count, network.observation_size)
    limit, center = network.input.limit, network.input.center
    calm = center + limit * rng.uniform(-1, 1, shape)
    edges = center + limit * rng.choice([-1, 1], shape)
    values = np.where(rng.random(shape) < 0.2, edges, calm).astype(np.float32)
    patterns = rng.integers(0, 2**32, shape, dtype=np.uint64).astype(np.uint32).view(np.float32)
    special = rng.choice(
        np.array([0, -0.0, 1e-42, 1e-30, 3e38, -3e38, np.inf, np.nan], np.float32), shape
    )
    chosen = rng.random(shape)
    values = np.where(chosen < 0.02, patterns, np.where(chosen < 0.04, special, values))
    return np.where(rng.random(count)[:, None] < 0.5, np.nan_to_num(calm.astype(np.float32)), values)


@pytest.fixture(scope="session")
def hostile_observations():
    return hostile
