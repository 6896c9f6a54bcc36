"""Policy files: what is saved is what acts."""

import dataclasses
import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eyas import InputError
from eyas.policies.policy import Policy, load_policy, save_policy
from eyas.policies.state_file import write_tree


def random_policy(sizes=(3, 5, 2), activation="tanh", output="clip", clip=math.inf, seed=0) -> Policy:
    rng = np.random.default_rng(seed)
    arrays = [rng.normal(size=(b, a)).astype(np.float32) for a, b in pairwise(sizes)]
    return Policy(
        weights=tuple(arrays),
        biases=tuple(rng.normal(size=size).astype(np.float32) for size in sizes[1:]),
        activation=activation,
        output=output,
        observation_mean=rng.normal(size=sizes[0]).astype(np.float32),
        observation_scale=rng.uniform(0.5, 2, sizes[0]).astype(np.float32),
        observation_clip=clip,
        action_low=np.full(sizes[-1], -2, np.float32),
        action_high=np.full(sizes[-1], 3, np.float32),
        metadata={"world": "test", "rate_hz": 50},
    )


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    sizes=st.lists(st.integers(1, 6), min_size=2, max_size=4),
    activation=st.sampled_from(["tanh", "relu"]),
    output=st.sampled_from(["clip", "tanh"]),
    clip=st.sampled_from([math.inf, 1.5]),
    seed=st.integers(0, 1000),
)
def test_round_trip_and_formula(sizes, activation, output, clip, seed, tmp_path):
    policy = random_policy(tuple(sizes), activation, output, clip, seed)
    save_policy(tmp_path / "p.safetensors", policy)
    again = load_policy(tmp_path / "p.safetensors")
    observations = np.random.default_rng(seed).normal(size=(7, sizes[0])).astype(np.float32)
    actions = policy(observations)
    np.testing.assert_array_equal(actions, again(observations))
    assert again.metadata == policy.metadata
    assert actions.dtype == np.float32 and actions.shape == (7, sizes[-1])
    assert (actions >= -2).all() and (actions <= 3).all()
    # The docstring's formula in float64, one observation at a time.
    x = np.clip(
        (observations[0].astype(float) - policy.observation_mean) / policy.observation_scale,
        -clip,
        clip,
    )
    for weight, bias in zip(policy.weights[:-1], policy.biases[:-1], strict=True):
        x = weight @ x + bias
        x = np.tanh(x) if activation == "tanh" else np.maximum(x, 0)
    x = policy.weights[-1] @ x + policy.biases[-1]
    expected = np.clip(x, -2, 3) if output == "clip" else -2 + 5 * (np.tanh(x) + 1) / 2
    np.testing.assert_allclose(actions[0], expected, rtol=1e-4, atol=1e-4)


def test_refuses_what_does_not_fit_together():
    policy = random_policy()
    changes = {
        "layer 0": {"weights": (np.zeros((5, 4), np.float32), policy.weights[1])},
        "observation_scale": {"observation_scale": np.zeros(3, np.float32)},
        "action_high": {"action_high": np.zeros(3, np.float32)},
        "layers.1.bias": {"biases": (policy.biases[0], np.full(2, np.nan, np.float32))},
        "activation": {"activation": "sigmoid"},
        "0 weight matrices": {"weights": ()},
    }
    for words, change in changes.items():
        with pytest.raises(InputError, match=words):
            dataclasses.replace(policy, **change)
    with pytest.raises(InputError, match="reads 3 numbers, the world gives 4"):
        policy(np.zeros((2, 4), np.float32))


def test_refuses_foreign_files(tmp_path):
    (tmp_path / "text").write_text("no policy")
    write_tree(tmp_path / "other", "something else", 1, {})
    write_tree(tmp_path / "holes", "eyas policy", 1, {"layers": [[3, 2]]})
    write_tree(tmp_path / "future", "eyas policy", 99, {})
    for name in ("text", "other", "holes", "future", "missing"):
        with pytest.raises(InputError, match=name) as refusal:
            load_policy(tmp_path / name)
        assert "\n" not in str(refusal.value)


def test_an_old_file_stays_if_the_new_one_cannot_be_written(tmp_path):
    path = tmp_path / "p.safetensors"
    save_policy(path, random_policy(seed=1))
    before = path.read_bytes()
    unwritable = dataclasses.replace(random_policy(seed=2), metadata={"a": object()})
    with pytest.raises(TypeError):
        save_policy(path, unwritable)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == [path.name]
