"""Recurrent policies: the arithmetic is PyTorch's, and what is saved is what acts."""

import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eyas import InputError
from eyas.policies.recurrent_policy import (
    RecurrentPolicy,
    load_recurrent_policy,
    save_recurrent_policy,
)
from eyas.policies.state_file import write_tree


def random_policy(observed=22, encoded=16, hidden=16, acted=4, seed=0, scale=0.5) -> RecurrentPolicy:
    rng = np.random.default_rng(seed)

    def array(*shape):
        return (scale * rng.normal(size=shape)).astype(np.float32)

    return RecurrentPolicy(
        encoder_weight=array(encoded, observed),
        encoder_bias=array(encoded),
        weight_input=array(3 * hidden, encoded),
        weight_hidden=array(3 * hidden, hidden),
        bias_input=array(3 * hidden),
        bias_hidden=array(3 * hidden),
        initial_hidden=array(hidden),
        decoder_weight=array(acted, hidden),
        decoder_bias=array(acted),
        metadata={"rate_hz": 100},
    )


def test_the_published_shape_has_2084_parameters():
    assert random_policy().parameter_count == 2084


@settings(max_examples=20, deadline=None)
@given(
    observed=st.integers(1, 25),
    encoded=st.integers(1, 20),
    hidden=st.integers(1, 20),
    acted=st.integers(1, 5),
    count=st.integers(1, 9),
    seed=st.integers(0, 1000),
)
def test_arithmetic_is_that_of_torch(observed, encoded, hidden, acted, count, seed):
    policy = random_policy(observed, encoded, hidden, acted, seed)
    unit = torch.nn.GRU(encoded, hidden)
    tensors = {name: torch.from_numpy(array) for name, array in policy.tensors().items()}
    with torch.no_grad():
        unit.weight_ih_l0.copy_(tensors["weight_input"])
        unit.weight_hh_l0.copy_(tensors["weight_hidden"])
        unit.bias_ih_l0.copy_(tensors["bias_input"])
        unit.bias_hh_l0.copy_(tensors["bias_hidden"])
    observations = np.random.default_rng(seed).normal(size=(12, count, observed)).astype(np.float32)
    x = torch.relu(
        torch.from_numpy(observations) @ tensors["encoder_weight"].T + tensors["encoder_bias"]
    )
    start = tensors["initial_hidden"].expand(1, count, hidden).contiguous()
    with torch.no_grad():
        sequence, last = unit(x, start)
    expected = sequence @ tensors["decoder_weight"].T + tensors["decoder_bias"]
    memory = policy.initial_state(count)
    for row, wanted in zip(observations, expected, strict=True):
        before = memory.copy()
        actions, after = policy.step(row, memory)
        np.testing.assert_array_equal(memory, before)  # the caller's memory is left alone
        np.testing.assert_allclose(actions, wanted, atol=2e-5)
        memory = after
    assert actions.dtype == memory.dtype == np.float32
    assert actions.shape == (count, acted) and actions.flags.c_contiguous
    np.testing.assert_allclose(memory, last[0], atol=2e-5)


def test_extreme_observations_saturate_without_warnings():
    policy = random_policy()
    observations = np.full((3, 22), 1e6, np.float32) * np.array([[1], [-1], [0]], np.float32)
    actions, memory = policy.step(observations, policy.initial_state(3))
    assert np.isfinite(actions).all() and (np.abs(memory) <= 2.5).all()


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(hidden=st.integers(1, 20), seed=st.integers(0, 1000))
def test_round_trip(hidden, seed, tmp_path):
    policy = random_policy(hidden=hidden, seed=seed)
    save_recurrent_policy(tmp_path / "p.safetensors", policy)
    again = load_recurrent_policy(tmp_path / "p.safetensors")
    for name, array in policy.tensors().items():
        np.testing.assert_array_equal(array, again.tensors()[name])
    assert again.metadata == {"rate_hz": 100}
    assert (again.observation_size, again.hidden_size, again.action_size) == (22, hidden, 4)


@pytest.mark.parametrize("name", [f.name for f in dataclasses.fields(RecurrentPolicy)][:-1])
def test_every_tensor_is_checked(name):
    policy = random_policy()
    array = getattr(policy, name)
    for bad in (array.astype(np.float64), np.full_like(array, np.nan), array[:-1], array[None]):
        with pytest.raises(InputError, match="recurrent policy"):
            dataclasses.replace(policy, **{name: bad})


def test_other_observations_are_refused():
    policy = random_policy()
    with pytest.raises(InputError, match=r"reads 22 numbers per vehicle.*\(2, 21\)"):
        policy.step(np.zeros((2, 21), np.float32), policy.initial_state(2))


def test_unusable_files_are_refused(tmp_path):
    path = tmp_path / "p.safetensors"
    with pytest.raises(InputError, match="there is no file"):
        load_recurrent_policy(path)
    save_recurrent_policy(path, random_policy())
    whole = path.read_bytes()
    for broken in (whole[:-10], whole[:100], b"", b"nonsense" * 20):
        path.write_bytes(broken)
        with pytest.raises(InputError, match="corrupt"):
            load_recurrent_policy(path)
    write_tree(path, "eyas policy", 1, {})
    with pytest.raises(InputError, match="no eyas recurrent policy file"):
        load_recurrent_policy(path)
    tensors = random_policy().tensors()
    write_tree(path, "eyas recurrent policy", 1, tensors)  # without metadata
    with pytest.raises(InputError, match="corrupt or no recurrent policy file"):
        load_recurrent_policy(path)
    write_tree(
        path,
        "eyas recurrent policy",
        1,
        {**tensors, "metadata": {}, "encoder_bias": tensors["encoder_bias"][:-1]},
    )
    with pytest.raises(InputError, match=r"p\.safetensors: recurrent policy encoder_bias has shape"):
        load_recurrent_policy(path)
