import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eyas.errors import InputError
from eyas.hardware.importers.policies import from_policy, from_recurrent_policy
from eyas.hardware.network import LARGEST_LIMIT
from eyas.policies.policy import Policy
from eyas.policies.quadrotor_metadata import OBSERVATION, describe
from eyas.policies.quadrotor_policy import SHIPPED, load_quadrotor_policy
from eyas.policies.recurrent_policy import RecurrentPolicy

QUADROTOR_LIMIT = [2] * 3 + [float(np.float32(1.01))] * 9 + [4] * 3 + [32] * 3 + [1] * 4


def feed_forward(seed=0, sizes=(5, 6, 3), clip=math.inf, metadata=None, **changes):
    generator = np.random.default_rng(seed)

    def normal(*shape):
        return generator.standard_normal(shape).astype(np.float32)

    given = {
        "weights": tuple(normal(b, a) for a, b in pairwise(sizes)),
        "biases": tuple(normal(size) for size in sizes[1:]),
        "activation": "tanh",
        "output": "clip",
        "observation_mean": normal(sizes[0]),
        "observation_scale": np.exp(normal(sizes[0])),
        "observation_clip": clip,
        "action_low": np.full(sizes[-1], -0.5, np.float32),
        "action_high": np.full(sizes[-1], 2.0, np.float32),
        "metadata": {"rate_hz": 50} if metadata is None else metadata,
    }
    return Policy(**(given | changes))


def recurrent(seed=0, size=22, hidden=6, actions=4, metadata=None):
    generator = np.random.default_rng(seed)

    def normal(*shape):
        return (0.5 * generator.standard_normal(shape)).astype(np.float32)

    return RecurrentPolicy(
        encoder_weight=normal(5, size),
        encoder_bias=normal(5),
        weight_input=normal(3 * hidden, 5),
        weight_hidden=normal(3 * hidden, hidden),
        bias_input=normal(3 * hidden),
        bias_hidden=normal(3 * hidden),
        initial_hidden=3 * normal(hidden),
        decoder_weight=normal(actions, hidden),
        decoder_bias=normal(actions),
        metadata={"rate_hz": 50} if metadata is None else metadata,
    )


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    sizes=st.lists(st.integers(1, 8), min_size=2, max_size=5),
    activation=st.sampled_from(["tanh", "relu"]),
    output=st.sampled_from(["clip", "tanh"]),
    clip=st.sampled_from([math.inf, 1.0, 0.1]),
    seed=st.integers(0, 2**31),
)
def test_feed_forward_policies(fly, sizes, activation, output, clip, seed):
    policy = feed_forward(seed, sizes, clip, activation=activation, output=output)
    network = from_policy(policy)
    x = (3 * np.random.default_rng(seed).standard_normal((1, 20, sizes[0]))).astype(np.float32)
    # The policy computes in float32, the evaluator does not.
    np.testing.assert_allclose(fly(network, x)[0], policy(x[0]), rtol=1e-4, atol=2e-5)
    limit = np.minimum(clip * policy.observation_scale, LARGEST_LIMIT)
    np.testing.assert_allclose(network.input.limit, limit, rtol=1e-6)
    assert np.array_equal(network.input.center, policy.observation_mean)
    assert network.rate_hz == 50 and network.metadata == {"rate_hz": 50}


def test_what_needs_no_folding_is_left_as_it_is():
    policy = feed_forward(
        observation_mean=np.zeros(5, np.float32), observation_scale=np.ones(5, np.float32)
    )
    assert from_policy(policy).layers[0].weight is policy.weights[0]


def test_recurrent_policies(fly):
    policy = recurrent(size=7, actions=2)
    network = from_recurrent_policy(policy)
    x = np.random.default_rng(1).standard_normal((30, 9, 7)).astype(np.float32)
    memory, expected = policy.initial_state(9), []
    for observations in x:
        actions, memory = policy.step(observations, memory)
        expected.append(np.clip(actions, -1, 1))
    np.testing.assert_allclose(fly(network, x), expected, atol=2e-6)
    assert (network.input.limit == LARGEST_LIMIT).all() and not network.input.center.any()


def test_action_range_of_the_metadata():
    metadata = {"rate_hz": 50, "action": {"low": [0, -2], "high": 3}}
    output = from_recurrent_policy(recurrent(actions=2, metadata=metadata)).output
    assert (output.kind, output.low.tolist(), output.high.tolist()) == ("clip", [0, -2], [3, 3])
    metadata["action"]["low"] = [0, 0, 0]
    with pytest.raises(InputError, match=r"metadata action low has shape \(3,\), expected \(2,\)"):
        from_recurrent_policy(recurrent(actions=2, metadata=metadata))


def test_the_shipped_policy(fly):
    policy = load_quadrotor_policy(SHIPPED)
    network = from_recurrent_policy(policy)
    assert network.input.limit.tolist() == QUADROTOR_LIMIT
    assert (network.rate_hz, network.memory_size, network.previous_action) == (100, 16, 18)
    assert network.parameter_count == policy.parameter_count
    x = network.input.limit * np.random.default_rng(3).uniform(-1, 1, (50, 20, 22)).astype(np.float32)
    memory, expected = policy.initial_state(20), []
    for observations in x:
        actions, memory = policy.step(observations, memory)
        expected.append(np.clip(actions, -1, 1))
    np.testing.assert_allclose(fly(network, x), expected, atol=5e-6)


def test_limits_of_quadrotor_policies():
    metadata = describe(command="c", revision="r")
    assert from_recurrent_policy(recurrent(metadata=metadata)).input.limit.tolist() == QUADROTOR_LIMIT
    metadata["observation"][0]["limit"] = 1.5
    limit = from_recurrent_policy(recurrent(metadata=metadata)).input.limit
    assert limit.tolist() == [1.5] * 3 + QUADROTOR_LIMIT[3:]
    for part in metadata["observation"]:
        del part["limit"]
    assert from_recurrent_policy(recurrent(metadata=metadata)).input.limit.tolist() == QUADROTOR_LIMIT
    metadata["observation"][0]["name"] = "something else"
    assert (from_recurrent_policy(recurrent(metadata=metadata)).input.limit == LARGEST_LIMIT).all()
    assert all(part["limit"] > 0 for part in OBSERVATION)


@pytest.mark.parametrize("make", [feed_forward, recurrent])
def test_rate(make):
    convert = from_policy if make is feed_forward else from_recurrent_policy
    with pytest.raises(InputError, match="does not say how often it decides: give rate_hz"):
        convert(make(metadata={}))
    assert convert(make(metadata={}), rate_hz=25).rate_hz == 25
    assert convert(make(), rate_hz=50).rate_hz == 50
    with pytest.raises(InputError, match="rate_hz = 25 contradicts the policy, which decides 50 times"):
        convert(make(), rate_hz=25)
    for odd in ("fast", math.nan, True):
        with pytest.raises(InputError, match=r"rate_hz = .* must be a finite number"):
            convert(make(metadata={"rate_hz": odd}))
    with pytest.raises(InputError, match=r"rate_hz = 20000.0 is not in \[1, 10000\]"):
        convert(make(metadata={"rate_hz": 20_000}))


def test_a_scale_that_float32_cannot_fold():
    policy = feed_forward(observation_scale=np.full(5, 1e-44, np.float32))
    with pytest.raises(InputError, match=r"linear weight at .* is not finite"):
        from_policy(policy)
