"""Compilers, and policies to compile."""

import pytest

from eyas.hardware.code.generate import generate
from eyas.hardware.host.compilers import find_compilers

KINDS = {
    "feed-forward": (5, ("linear", 8), "relu", ("linear", 3), "tanh", ("linear", 2)),
    "gru": (22, ("linear", 16), "relu", ("gru", 16), ("linear", 4)),
    "lstm": (7, ("linear", 9), "silu", ("lstm", 5), "layer norm", ("linear", 3)),
    "two memories": (
        4,
        ("gru", 3),
        "sigmoid",
        ("lstm", 2),
        "elu",
        ("gru", 5),
        "softplus",
        ("linear", 1),
    ),
}


@pytest.fixture(params=["gcc", "clang"])
def compiler(request):
    for found in find_compilers():
        if found.family == request.param:
            return found
    pytest.skip(f"{request.param} is not installed")


@pytest.fixture
def any_compiler():
    """The first one there is."""
    compilers = find_compilers()
    if not compilers:
        pytest.skip("neither gcc nor clang is installed")
    return compilers[0]


@pytest.fixture(params=KINDS)
def some_network(request, random_network):
    previous = [{"name": "rest", "size": 18}, {"name": "previous action", "size": 4}]
    metadata = {"observation": previous} if request.param == "gru" else None
    output = "clip" if request.param == "gru" else "tanh"
    return random_network(3, *KINDS[request.param], center=True, output=output, metadata=metadata)


@pytest.fixture(scope="session")
def shipped(shipped_network):
    """The shipped policy in single precision."""
    return generate(shipped_network, "policy")
