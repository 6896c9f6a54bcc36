import numpy as np
import pytest
import torch

from eyas.agents.raptor.teacher_network import (
    BASE_INPUTS,
    FEATURES,
    TEACHER_INPUTS,
    fold,
    forward,
    initial_parameters,
    layout,
    reverse,
    to_weights,
)
from eyas.envs.quadrotor.lanes import LANES


def run(flat, inputs, observations, action_bar=None):
    """Actions, shape (4, LANES); with their cotangents also those of parameters and inputs."""
    at = layout(inputs)
    rows = np.zeros((inputs, LANES), np.float32)
    rows[: len(observations)] = observations
    first, second = np.zeros(64 * LANES, np.float32), np.zeros(64 * LANES, np.float32)
    actions = np.zeros(4 * LANES, np.float32)
    forward(flat, at, rows.ravel(), first, second, actions)
    if action_bar is None:
        return actions.reshape(4, LANES)
    gradient, input_bar = np.zeros(at.size, np.float32), np.zeros(inputs * LANES, np.float32)
    reverse(
        flat, at, rows.ravel(), first, second, actions, action_bar.ravel().copy(),
        np.zeros_like(second), np.zeros_like(first), input_bar, gradient,
    )  # fmt: skip
    return gradient, input_bar.reshape(inputs, LANES)


def test_reverse_agrees_with_torch():
    rng = np.random.default_rng(0)
    flat = initial_parameters(TEACHER_INPUTS, 1, np.array([0.5]), rng)[0]
    flat += rng.normal(0, 0.1, flat.shape).astype(np.float32)
    observations = rng.normal(size=(26, LANES)).astype(np.float32)
    bar = rng.normal(size=(4, LANES)).astype(np.float32)
    gradient, input_bar = run(flat, TEACHER_INPUTS, observations, bar)

    at = layout(TEACHER_INPUTS)
    p = torch.tensor(flat, dtype=torch.float64, requires_grad=True)
    x = torch.tensor(
        np.vstack([observations, np.zeros((2, LANES))]), dtype=torch.float64, requires_grad=True
    )
    y = x
    for weight, bias, end, wide in (
        (at.weight_1, at.bias_1, at.weight_2, TEACHER_INPUTS),
        (at.weight_2, at.bias_2, at.weight_3, 64),
        (at.weight_3, at.bias_3, at.size, 64),
    ):
        y = torch.tanh(p[weight:bias].reshape(-1, wide) @ y + p[bias:end, None])
    (y * torch.tensor(bar)).sum().backward()
    np.testing.assert_allclose(run(flat, TEACHER_INPUTS, observations), y.detach(), atol=2e-6)
    np.testing.assert_allclose(gradient, p.grad, atol=2e-4, rtol=1e-4)
    np.testing.assert_allclose(input_bar, x.grad, atol=1e-5, rtol=1e-4)


def test_folded_teachers_act_as_the_base_network_does():
    rng = np.random.default_rng(1)
    base = initial_parameters(BASE_INPUTS, 1, np.array([0.6]), rng)[0]
    features = rng.normal(size=(3, FEATURES))
    teachers = fold(base, features)
    observations = rng.normal(size=(26, LANES)).astype(np.float32)
    for row in range(3):
        told = np.repeat(features[row][:, None], LANES, axis=1)
        expected = run(base, BASE_INPUTS, np.vstack([observations, told]))
        np.testing.assert_allclose(
            run(teachers[row], TEACHER_INPUTS, observations), expected, atol=2e-6
        )


def test_stacked_tensors_make_the_network_of_the_flat_vector():
    rng = np.random.default_rng(2)
    flat = initial_parameters(TEACHER_INPUTS, 2, np.array([0.3, 0.7]), rng)
    observations = rng.normal(size=(26, LANES)).astype(np.float32)
    weights = to_weights(flat)
    for row in range(2):
        x = observations
        for layer in ("1", "2", "3"):
            x = np.tanh(weights[f"weight_{layer}"][row] @ x + weights[f"bias_{layer}"][row][:, None])
        np.testing.assert_allclose(run(flat[row], TEACHER_INPUTS, observations), x, atol=2e-6)


@pytest.mark.parametrize("hover", [0.4, 0.7])
def test_fresh_teachers_act_near_hover(hover):
    flat = initial_parameters(TEACHER_INPUTS, 1, np.array([hover]), np.random.default_rng(3))[0]
    actions = run(flat, TEACHER_INPUTS, np.zeros((26, LANES), np.float32))
    np.testing.assert_allclose(actions, 2 * hover - 1, atol=1e-5)
