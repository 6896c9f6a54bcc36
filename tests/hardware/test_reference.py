"""The reference arithmetic against PyTorch, and its guards."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from eyas.errors import InputError
from eyas.hardware.bounds import hidden_limit, largest_values
from eyas.hardware.network import Activation, Gru, LayerNorm, Linear, Lstm
from eyas.hardware.reference import (
    MEMORY_RESET,
    NONFINITE_INPUT,
    SATURATED_INPUT,
    FloatReference,
)

CASES = {
    "mlp": (5, ("linear", 19), "tanh", ("linear", 3)),
    "gru": (5, ("linear", 16), "relu", ("gru", 17), ("linear", 2)),
    "lstm": (3, ("lstm", 6), ("linear", 2)),
    "two units": (3, ("gru", 5), "silu", ("lstm", 4), "elu", ("linear", 21), "softplus", ("linear", 2)),
    "norm": (7, ("linear", 33), "layer norm", "sigmoid", ("linear", 4)),
}


def torch_layer(layer):
    """The same layer of PyTorch in double precision; a function of input and state."""
    tensors = {name: torch.tensor(value.astype(np.float64)) for name, value in layer.tensors().items()}
    if isinstance(layer, Linear):
        return lambda x, state: (x @ tensors["weight"].T + tensors["bias"], state)
    if isinstance(layer, Activation):
        return lambda x, state: (getattr(torch.nn.functional, layer.name)(x), state)
    if isinstance(layer, LayerNorm):
        norm = torch.nn.functional.layer_norm
        return lambda x, state: (
            norm(x, x.shape[1:], tensors["weight"], tensors["bias"], layer.epsilon),
            state,
        )
    made = (torch.nn.GRUCell if isinstance(layer, Gru) else torch.nn.LSTMCell)(
        layer.inputs, layer.outputs, dtype=torch.float64
    )
    with torch.no_grad():
        made.weight_ih[:], made.weight_hh[:] = tensors["weight_input"], tensors["weight_hidden"]
        made.bias_ih[:], made.bias_hh[:] = tensors["bias_input"], tensors["bias_hidden"]
    if isinstance(layer, Gru):

        def run(x, state):
            h = made(x, state)
            return h, h

    else:

        def run(x, state):
            h, c = made(x, (state[:, : layer.outputs], state[:, layer.outputs :]))
            return h, torch.cat([h, c], dim=1)

    return run


def by_torch(network, observations, memory):
    x = torch.tensor(np.clip(observations.astype(np.float64) - network.input.center, -8, 8))
    state, after, start = torch.tensor(memory.astype(np.float64)), [], 0
    with torch.no_grad():
        for layer in network.layers:
            size = layer.memory_size if isinstance(layer, (Gru, Lstm)) else 0
            x, new = torch_layer(layer)(x, state[:, start : start + size])
            after.append(new)
            start += size
    low, high = network.output.low, network.output.high
    y = x.numpy()
    if network.output.kind == "tanh":
        y = low + (np.tanh(y) + 1) * (high.astype(np.float64) - low) / 2
    return np.clip(y, low, high), torch.cat(after, dim=1).numpy()


@pytest.mark.parametrize("output", ["clip", "tanh"])
@pytest.mark.parametrize("case", CASES)
def test_it_agrees_with_torch_along_a_sequence(random_network, case, output):
    network = random_network(1, *CASES[case], output=output, center=True)
    reference = FloatReference(network)
    rng = np.random.default_rng(2)
    memory = reference.initial_state(8)
    for _ in range(30):
        observations = (3 * rng.normal(size=(8, network.observation_size))).astype(np.float32)
        expected, after = by_torch(network, observations, memory)
        actions, memory, status = reference.evaluate(observations, memory)
        np.testing.assert_allclose(actions, expected, atol=5e-6)
        np.testing.assert_allclose(memory, after, atol=5e-6)
        outside = (np.abs(observations - network.input.center) > 8).any(axis=1)
        assert (status == np.where(outside, SATURATED_INPUT, 0)).all()


def test_the_shipped_policy_is_torch_but_for_roundings(shipped_network):
    """Far from where it flies, too; in flight 2e-6 are kept, see ``host/test_compare.py``."""
    reference = FloatReference(shipped_network)
    gru = shipped_network.layers[2]
    rng = np.random.default_rng(0)
    memory = reference.initial_state(1000)
    encoder, decoder = shipped_network.layers[0], shipped_network.layers[3]
    worst = 0.0
    with torch.no_grad():
        for _ in range(50):
            observations = shipped_network.input.limit * rng.uniform(-0.5, 0.5, (1000, 22)).astype(
                np.float32
            )
            x = torch.relu(
                torch.nn.functional.linear(
                    *map(torch.tensor, (observations, encoder.weight, encoder.bias))
                )
            )
            names = ("weight_input", "weight_hidden", "bias_input", "bias_hidden")
            weights = [torch.tensor(getattr(gru, name)) for name in names]
            h = torch._VF.gru_cell(x, torch.tensor(memory), *weights)
            weight, bias = torch.tensor(decoder.weight), torch.tensor(decoder.bias)
            expected = torch.nn.functional.linear(h, weight, bias).clamp(-1, 1).numpy()
            actions, memory = reference.step(observations, memory)
            worst = max(worst, float(np.abs(actions - expected).max()))
    assert worst <= 3e-6


def test_each_vehicle_is_by_itself(random_network):
    network = random_network(3, *CASES["two units"])
    reference = FloatReference(network)
    rng = np.random.default_rng(0)
    observations = rng.normal(size=(6, 3)).astype(np.float32)
    memory = rng.uniform(-1, 1, (6, network.memory_size)).astype(np.float32)
    actions, after = reference.step(observations, memory)
    order = rng.permutation(6)
    shuffled = reference.step(observations[order], memory[order])
    assert (shuffled[0] == actions[order]).all() and (shuffled[1] == after[order]).all()


words = st.integers(0, 2**32 - 1)


@settings(max_examples=200, deadline=None)
@given(st.lists(words, min_size=5, max_size=5), st.lists(words, min_size=17, max_size=17))
def test_any_bits_give_finite_actions_and_memories(random_network, inputs, memories):
    network = random_network(1, *CASES["gru"])
    reference = FloatReference(network)
    observations = np.array([inputs], np.uint32).view(np.float32)
    memory = np.array([memories], np.uint32).view(np.float32)
    actions, after, status = reference.evaluate(observations, memory)
    assert (actions >= network.output.low).all() and (actions <= network.output.high).all()
    limit = hidden_limit(network.layers[2])
    assert (np.abs(after) <= limit).all()
    assert bool(status[0] & NONFINITE_INPUT) == (not np.isfinite(observations).all())
    assert bool(status[0] & MEMORY_RESET) == (not (np.abs(memory) <= np.float32(limit)).all())


def test_a_bad_step_leaves_no_trace(random_network):
    network = random_network(1, *CASES["two units"])
    reference = FloatReference(network)
    rng = np.random.default_rng(0)
    memory = reference.initial_state(3)
    for bad in (np.nan, np.inf, -np.inf):
        observations = rng.normal(size=(3, 3)).astype(np.float32)
        observations[1, 2] = bad
        _, after, status = reference.evaluate(observations, memory)
        assert status.tolist() == [0, NONFINITE_INPUT, 0]
        assert (after[1] == memory[1]).all() and (after[0] != memory[0]).any()
        memory = after


def test_a_memory_that_is_lost_starts_anew(random_network):
    network = random_network(1, *CASES["gru"])
    reference = FloatReference(network)
    observations = np.ones((2, 5), np.float32)
    memory = reference.initial_state(2)
    lost = memory.copy()
    lost[1, 3] = np.nan
    actions, after, status = reference.evaluate(observations, lost)
    assert status.tolist() == [0, MEMORY_RESET]
    assert (actions[1] == actions[0]).all() and (after[1] == after[0]).all()


def test_a_saturated_gate_does_not_let_the_memory_drift(random_network):
    """With z as near to 1 as it gets, the memory keeps its value for a day of steps at 100 Hz."""
    network = random_network(1, 1, ("gru", 2))
    gru = network.layers[0]
    for array, value in ((gru.weight_input, 0), (gru.weight_hidden, 0), (gru.bias_hidden, 0)):
        array[:] = value
    gru.bias_input[:] = (0, 0, 20, 20, -1, 1)
    reference = FloatReference(network)
    memory, limit = reference.initial_state(1), hidden_limit(gru)
    observations = np.zeros((1, 1), np.float32)
    for _ in range(2000):
        _, memory, status = reference.evaluate(observations, memory)
        assert status[0] == 0
    assert (np.abs(memory) <= limit / 1.001).all()


def test_bounds_hold(random_network):
    network = random_network(4, 6, ("linear", 12), "relu", ("gru", 7), "elu", ("linear", 3), limit=2.0)
    bounds = largest_values(network)
    x = np.random.default_rng(0).choice([-2.0, 2.0], (500, 6)).astype(np.float32)
    linear = network.layers[0]
    assert (np.abs(x @ linear.weight.T + linear.bias) <= bounds[0] + 1e-5).all()
    assert len(bounds) == len(network.layers)


def test_weights_that_could_overflow_are_refused(random_network):
    network = random_network(1, 2, ("linear", 3), ("linear", 2))
    network.layers[0].weight[:] = 1e30
    network.layers[1].weight[:] = 1e30
    with pytest.raises(InputError, match=r"layer 1 \(linear\) could overflow: its sums may reach"):
        largest_values(network)


def test_wrong_shapes_are_refused(random_network):
    reference = FloatReference(random_network(1, *CASES["gru"]))
    with pytest.raises(InputError, match=r"observations has shape \(2, 4\)"):
        reference.step(np.zeros((2, 4), np.float32), reference.initial_state(2))
    with pytest.raises(InputError, match="memory has shape"):
        reference.step(np.zeros((2, 5), np.float32), reference.initial_state(3))
    with pytest.raises(InputError, match="float64"):
        reference.step(np.zeros((2, 5)), reference.initial_state(2))
