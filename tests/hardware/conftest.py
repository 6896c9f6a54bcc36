"""Networks with random weights."""

import numpy as np
import pytest

from eyas.hardware.importers.files import load_network
from eyas.hardware.network import Activation, Gru, Input, LayerNorm, Linear, Lstm, Network, Output
from eyas.policies.quadrotor_policy import SHIPPED


def random_layer(rng, kind, inputs, outputs):
    """A layer with weights of the usual size."""

    def draw(*shape):
        return rng.normal(0, 1 / np.sqrt(inputs), shape).astype(np.float32)

    if kind == "linear":
        return Linear(weight=draw(outputs, inputs), bias=draw(outputs))
    if kind == "layer norm":
        return LayerNorm(weight=1 + draw(inputs), bias=draw(inputs))
    if kind in ("gru", "lstm"):
        rows = (3 if kind == "gru" else 4) * outputs
        weights = {
            "weight_input": draw(rows, inputs),
            "weight_hidden": rng.normal(0, 1 / np.sqrt(outputs), (rows, outputs)).astype(np.float32),
            "bias_input": draw(rows),
            "bias_hidden": draw(rows),
            "initial_hidden": rng.uniform(-1, 1, outputs).astype(np.float32),
        }
        if kind == "gru":
            return Gru(**weights)
        return Lstm(**weights, initial_cell=rng.uniform(-1, 1, outputs).astype(np.float32))
    return Activation(name=kind, size=inputs)


@pytest.fixture(scope="session")
def random_network():
    """Make a network: ``random_network(seed, 5, ("linear", 8), "relu", ("gru", 6), ("linear", 2))``."""

    def make(seed, observations, *layers, output="clip", center=False, limit=8.0, metadata=None):
        rng = np.random.default_rng(seed)
        made, size = [], observations
        for layer in layers:
            kind, outputs = (layer, size) if isinstance(layer, str) else layer
            made.append(random_layer(rng, kind, size, outputs))
            size = outputs
        return Network(
            input=Input(
                center=(rng.normal(size=observations) if center else np.zeros(observations)).astype(
                    np.float32
                ),
                limit=np.full(observations, limit, np.float32),
            ),
            layers=tuple(made),
            output=Output(
                kind=output,
                low=np.linspace(-1, -0.5, size, dtype=np.float32),
                high=np.linspace(0.5, 1, size, dtype=np.float32),
            ),
            rate_hz=100,
            metadata=metadata or {},
        )

    return make


@pytest.fixture(scope="session")
def shipped_network():
    """The policy that comes with the program."""
    return load_network(SHIPPED)


@pytest.fixture(autouse=True)
def denormals_stay():
    """What is linked with -ffast-math makes the whole process round them to 0; nothing here may."""
    yield
    assert np.float32(1e-40) * np.float32(1) != 0
