"""The integer C against the integer reference, bit for bit."""

import numpy as np
import pytest

from eyas.hardware.code.generate import generate
from eyas.hardware.fixed.quantise import quantise
from eyas.hardware.host.compiled import CompiledPolicy

SANITIZED = ("-O1", "-fsanitize=undefined", "-fsanitize-undefined-trap-on-error")


def same_bits(generated, compiled, hostile_observations, steps=30, count=24):
    network, reference = generated.network, generated.reference
    rng = np.random.default_rng(1)
    memory = reference.initial_state(count)
    seen = 0
    for step in range(steps):
        observations = hostile_observations(network, count, step)
        if step % 7 == 3 and memory.size:
            memory[rng.integers(count)] = rng.integers(-(2**31), 2**31, memory.shape[1])
            memory[rng.integers(count)] += 1
        actions, after, status = reference.evaluate(observations, memory)
        found, found_after, found_status = compiled.evaluate(observations, memory)
        assert (status == found_status).all()
        assert (after == found_after).all()
        assert (actions.view(np.uint32) == found.view(np.uint32)).all()
        seen |= int(np.bitwise_or.reduce(status))
        memory = after
    assert seen & 3 == 3


def test_bits_are_those_of_the_reference(
    random_network, hostile_observations, shape, number_format, compiler
):
    flags = SANITIZED if compiler.family == "gcc" else ("-O2",)
    network = random_network(7, *shape)
    generated = generate(network, "policy", number_format)
    compiled = CompiledPolicy(generated, compiler, flags)
    assert compiled.selftest() == 0
    assert f"{compiled.weights_crc():08x}" == generated.description["weights_crc32"]
    same_bits(generated, compiled, hostile_observations)


@pytest.mark.parametrize("limit", [0.3, 20.0, 1e6])
def test_centers_wide_limits_and_tanh_output(
    random_network, hostile_observations, number_format, compiler, limit
):
    network = random_network(
        8, 9, ("linear", 6), "relu", ("linear", 3), output="tanh", center=True, limit=limit
    )
    generated = generate(network, "policy", number_format)
    same_bits(generated, CompiledPolicy(generated, compiler), hostile_observations)


def test_calibrated_layers_saturate_alike(
    random_network, hostile_observations, number_format, compiler
):
    network = random_network(2, 12, ("linear", 9), "relu", ("linear", 5), ("linear", 3))
    calm = np.random.default_rng(0).normal(0, 0.1, (200, 12)).astype(np.float32)
    generated = generate(network, "policy", number_format, calm)
    assert any(layer.limit is not None for layer in quantise(network, number_format, calm).layers)
    same_bits(generated, CompiledPolicy(generated, compiler), hostile_observations)


def test_shipped_policy(shipped_network, hostile_observations, number_format, compiler):
    generated = generate(shipped_network, "policy", number_format)
    compiled = CompiledPolicy(generated, compiler)
    assert compiled.state_size == 88
    assert compiled.selftest() == 0
    same_bits(generated, compiled, hostile_observations)


def test_sanitized_shipped_policy(shipped_network, hostile_observations, number_format, compiler):
    generated = generate(shipped_network, "policy", number_format)
    same_bits(
        generated, CompiledPolicy(generated, compiler, SANITIZED), hostile_observations, steps=200
    )
