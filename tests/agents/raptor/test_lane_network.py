"""The lane network against torch's layers."""

import numpy as np
import pytest
import torch

from eyas.agents.raptor.gradient import to_policy, to_vector
from eyas.agents.raptor.lane_network import (
    GATE_ROWS,
    INPUT_ROWS,
    OBSERVATIONS,
    forward,
    initial_parameters,
    layout,
    reverse,
    sigmoid,
    tanh,
)
from eyas.envs.quadrotor.lanes import LANES


@pytest.mark.parametrize("hidden", [8, 16])
def test_forward_and_reverse_agree_with_torch(hidden):
    rng = np.random.default_rng(0)
    at = layout(hidden)
    parameters = initial_parameters(hidden, rng)

    def rows(count, values=None):
        return np.zeros(count * LANES, np.float32) if values is None else values.astype(np.float32)

    inputs = rng.normal(size=(INPUT_ROWS, LANES)).astype(np.float32)
    inputs[OBSERVATIONS:] = 0
    h = rng.normal(size=(hidden, LANES)).astype(np.float32)
    x, gates, next_h, actions = rows(hidden), rows(4 * GATE_ROWS), rows(hidden), rows(4)
    forward(parameters, at, inputs.ravel(), x, gates, h.ravel(), next_h, actions)
    action_bar = rng.normal(size=(4, LANES)).astype(np.float32)
    h_bar = rng.normal(size=(hidden, LANES)).astype(np.float32)
    h_bar_before, input_bar, gradient = h_bar.copy(), rows(INPUT_ROWS), np.zeros_like(parameters)
    h_bar = h_bar.ravel()
    reverse(
        parameters, at, inputs.ravel(), x, gates, h.ravel(), next_h, action_bar.ravel(), h_bar,
        input_bar, rows(hidden), rows(4 * GATE_ROWS), gradient,
    )  # fmt: skip

    policy = to_policy(parameters, at, {})
    np.testing.assert_array_equal(to_vector(policy), parameters)
    encoder, cell = torch.nn.Linear(22, hidden).double(), torch.nn.GRUCell(hidden, hidden).double()
    decoder = torch.nn.Linear(hidden, 4).double()
    pairs = [
        (encoder.weight, policy.encoder_weight), (encoder.bias, policy.encoder_bias),
        (cell.weight_ih, policy.weight_input), (cell.weight_hh, policy.weight_hidden),
        (cell.bias_ih, policy.bias_input), (cell.bias_hh, policy.bias_hidden),
        (decoder.weight, policy.decoder_weight), (decoder.bias, policy.decoder_bias),
    ]  # fmt: skip
    with torch.no_grad():
        for tensor, values in pairs:
            tensor[:] = torch.as_tensor(values)
    o = torch.tensor(inputs[:OBSERVATIONS].T.astype(float), requires_grad=True)
    memory = torch.tensor(h.T.astype(float), requires_grad=True)
    after = cell(torch.relu(encoder(o)), memory)
    out = decoder(after)
    np.testing.assert_allclose(actions.reshape(4, LANES), out.detach().T, atol=2e-6)
    np.testing.assert_allclose(next_h.reshape(hidden, LANES), after.detach().T, atol=2e-6)
    (
        (out * torch.as_tensor(action_bar.T)).sum() + (after * torch.as_tensor(h_bar_before.T)).sum()
    ).backward()
    expected = to_policy(gradient, at, {}).tensors()
    for (tensor, _), name in zip(
        pairs,
        ("encoder_weight", "encoder_bias", "weight_input", "weight_hidden", "bias_input",
         "bias_hidden", "decoder_weight", "decoder_bias"),
        strict=True,
    ):  # fmt: skip
        np.testing.assert_allclose(expected[name], tensor.grad, atol=2e-4, rtol=1e-4)
    bar = input_bar.reshape(INPUT_ROWS, LANES)
    np.testing.assert_allclose(bar[:OBSERVATIONS], o.grad.T, atol=2e-5)
    np.testing.assert_allclose(h_bar.reshape(hidden, LANES), memory.grad.T, atol=2e-5)


def test_activations_are_accurate_everywhere():
    import numba

    @numba.njit
    def both(values, hyperbolic, logistic):
        for i in range(values.size):
            hyperbolic[i] = tanh(values[i])
            logistic[i] = sigmoid(values[i])

    x = np.concatenate([np.linspace(-30, 30, 20_001), [np.inf, -np.inf, 0.0]]).astype(np.float32)
    hyperbolic, logistic = np.empty_like(x), np.empty_like(x)
    both(x, hyperbolic, logistic)
    assert np.abs(hyperbolic - np.tanh(x.astype(float))).max() < 3e-7
    with np.errstate(over="ignore"):
        assert np.abs(logistic - 1 / (1 + np.exp(-x.astype(float)))).max() < 2e-7


def test_the_usual_network_has_2084_parameters():
    at = layout(16)
    assert to_policy(np.zeros(at.size, np.float32), at, {}).parameter_count == 2084
