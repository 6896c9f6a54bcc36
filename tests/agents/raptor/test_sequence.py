"""The gradient over whole rows against torch's, with memories that start anew on the way."""

import numpy as np
import torch

from eyas.agents.raptor.gradient import to_policy
from eyas.agents.raptor.lane_network import INPUT_ROWS, OBSERVATIONS, initial_parameters, layout
from eyas.agents.raptor.sequence import PART, Batch, empty_batch, empty_workspace, learn
from eyas.envs.quadrotor.lanes import LANES

STEPS = PART + 7
HIDDEN = 8


def random_batch(rng, blocks):
    batch = empty_batch(blocks, STEPS)
    inputs = batch.inputs.reshape(blocks, STEPS, INPUT_ROWS, LANES)
    inputs[:, :, :OBSERVATIONS] = rng.normal(size=(blocks, STEPS, OBSERVATIONS, LANES))
    batch.targets[:] = rng.uniform(-1, 1, batch.targets.shape)
    batch.weights[:] = rng.random(batch.weights.shape) < 0.8
    batch.fresh[:] = rng.random(batch.fresh.shape) < 0.1
    batch.fresh[:, 0] = 1
    return batch


def learned(parameters, at, batch):
    blocks = len(batch.inputs)
    gradients, losses = np.empty((blocks, at.size), np.float32), np.empty(blocks)
    work = empty_workspace(STEPS, at.hidden)
    learn(parameters, at, batch, np.arange(blocks), work, gradients, losses)
    return gradients, losses


def test_loss_and_gradient_agree_with_torch():
    rng = np.random.default_rng(0)
    at = layout(HIDDEN)
    parameters = initial_parameters(HIDDEN, rng)
    parameters[at.initial_hidden :] = rng.normal(size=HIDDEN)
    batch = random_batch(rng, 2)
    gradients, losses = learned(parameters, at, batch)

    tensors = {
        name: torch.tensor(value.astype(float), requires_grad=True)
        for name, value in to_policy(parameters, at, {}).tensors().items()
    }
    cell = torch.nn.GRUCell(HIDDEN, HIDDEN).double()
    names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    ours = ("weight_input", "weight_hidden", "bias_input", "bias_hidden")
    weights = {n: tensors[o] for n, o in zip(names, ours, strict=True)}
    b = 1
    h = torch.zeros(LANES, HIDDEN).double()
    total = 0.0
    for t in range(STEPS):
        o = torch.tensor(batch.inputs[b, t].reshape(INPUT_ROWS, LANES)[:OBSERVATIONS].T.astype(float))
        fresh = torch.tensor(batch.fresh[b, t] > 0)[:, None]
        h = torch.where(fresh, tensors["initial_hidden"], h)
        x = torch.relu(o @ tensors["encoder_weight"].T + tensors["encoder_bias"])
        h = torch.func.functional_call(cell, weights, (x, h))
        error = h @ tensors["decoder_weight"].T + tensors["decoder_bias"]
        error = error - torch.tensor(batch.targets[b, t].reshape(4, LANES).T.astype(float))
        total = total + (torch.tensor(batch.weights[b, t].astype(float))[:, None] * error**2).sum()
    total.backward()
    np.testing.assert_allclose(losses[b], total.item(), rtol=1e-5)
    got = to_policy(gradients[b], at, {}).tensors()
    for name, tensor in tensors.items():
        expected = tensor.grad.numpy()
        np.testing.assert_allclose(
            got[name], expected, rtol=2e-3, atol=2e-5 * np.abs(expected).max() + 1e-4, err_msg=name
        )


def test_what_lies_before_a_fresh_start_or_has_no_weight_changes_nothing():
    rng = np.random.default_rng(1)
    at = layout(HIDDEN)
    parameters = initial_parameters(HIDDEN, rng)
    batch = random_batch(rng, 1)
    cut = PART // 2
    batch.fresh[0, cut] = 1
    batch.weights[0, :cut] = 0
    gradients, losses = learned(parameters, at, batch)
    inputs, targets = batch.inputs.copy(), batch.targets.copy()
    inputs[0, :cut] += 1
    targets[0, :cut] += 1
    other = Batch(inputs, targets, batch.weights, batch.fresh)
    gradients_2, losses_2 = learned(parameters, at, other)
    np.testing.assert_array_equal(losses, losses_2)
    np.testing.assert_array_equal(gradients, gradients_2)
    assert losses[0] > 0 and np.abs(gradients).max() > 0
