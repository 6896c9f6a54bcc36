"""Compilers, and policies to compile."""

import pytest

from eyas.hardware.code.generate import NUMBER_FORMATS, generate
from eyas.hardware.host.compilers import find_compilers

KINDS = {
    "feed-forward": (5, ("linear", 8), "relu", ("linear", 3), "tanh", ("linear", 2)),
    "gru": (22, ("linear", 16), "relu", ("gru", 16), ("linear", 4)),
    "lstm": (7, ("linear", 9), "silu", ("lstm", 5), ("linear", 3)),
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
    "layer norm": (6, ("linear", 9), "layer norm", "relu", ("linear", 3)),
}
# Fixed point has no layer norm.
CASES = [
    (kind, number_format)
    for kind in KINDS
    for number_format in (NUMBER_FORMATS if kind != "layer norm" else ("float32",))
]


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


def make(kind, random_network):
    previous = [{"name": "rest", "size": 18}, {"name": "previous action", "size": 4}]
    metadata = {"observation": previous} if kind == "gru" else None
    output = "clip" if kind == "gru" else "tanh"
    return random_network(3, *KINDS[kind], center=True, output=output, metadata=metadata)


@pytest.fixture(params=KINDS)
def some_network(request, random_network):
    return make(request.param, random_network)


@pytest.fixture(params=CASES, ids=" ".join)
def some_export(request, random_network):
    kind, number_format = request.param
    # A name that the programs around it use, too.
    return generate(make(kind, random_network), "fuzz", number_format)


@pytest.fixture(scope="session")
def shipped(shipped_network):
    """The shipped policy in single precision."""
    return generate(shipped_network, "policy")
