"""An evaluator of networks in float64 that shares no code with the package."""

import numpy as np
import pytest

FUNCTIONS = {
    "relu": lambda x: np.maximum(x, 0),
    "tanh": np.tanh,
    "sigmoid": lambda x: 0.5 * (1 + np.tanh(0.5 * x)),
    "elu": lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))),
    "silu": lambda x: x * 0.5 * (1 + np.tanh(0.5 * x)),
    "softplus": lambda x: np.logaddexp(0, x),
}


def gru(layer, x, h):
    size = h.shape[1]
    a = x @ layer.weight_input.T.astype(float) + layer.bias_input
    b = h @ layer.weight_hidden.T.astype(float) + layer.bias_hidden
    r, z = (FUNCTIONS["sigmoid"]((a + b)[:, i * size : (i + 1) * size]) for i in range(2))
    n = np.tanh(a[:, 2 * size :] + r * b[:, 2 * size :])
    return (1 - z) * n + z * h


def lstm(layer, x, h, c):
    sums = x @ layer.weight_input.T.astype(float) + h @ layer.weight_hidden.T.astype(float)
    i, f, g, o = np.split(sums + layer.bias_input + layer.bias_hidden.astype(float), 4, axis=1)
    sigmoid = FUNCTIONS["sigmoid"]
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


def step(network, observations, memory):
    x = np.asarray(observations, float) - network.input.center
    x = np.clip(x, -network.input.limit.astype(float), network.input.limit)
    after = []
    for layer in network.layers:
        if layer.kind == "linear":
            x = x @ layer.weight.T.astype(float) + layer.bias
        elif layer.kind == "activation":
            x = FUNCTIONS[layer.name](x)
        elif layer.kind == "layer norm":
            spread = np.sqrt(x.var(axis=1, keepdims=True) + layer.epsilon)
            x = layer.weight * (x - x.mean(axis=1, keepdims=True)) / spread + layer.bias
        elif layer.kind == "gru":
            h, memory = np.split(memory, [layer.outputs], axis=1)
            x = gru(layer, x, h)
            after.append(x)
        else:
            h, c, memory = np.split(memory, [layer.outputs, 2 * layer.outputs], axis=1)
            x, c = lstm(layer, x, h, c)
            after += [x, c]
    low, high = network.output.low.astype(float), network.output.high.astype(float)
    if network.output.kind == "tanh":
        action = low + (np.tanh(x) + 1) * (high - low) / 2
    else:
        action = np.clip(x, low, high)
    return action, np.concatenate([*after, np.zeros((len(action), 0))], axis=1)


@pytest.fixture(scope="session")
def fly():
    """Actions of a network over a sequence of observations, shape (steps, count, observation size)."""

    def evaluate(network, sequence):
        memory = np.tile(network.initial_memory.astype(float), (sequence.shape[1], 1))
        actions = []
        for observations in sequence:
            action, memory = step(network, observations, memory)
            actions.append(action)
        return np.stack(actions)

    return evaluate
