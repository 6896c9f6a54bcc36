"""Quantisation: nothing overflows, whatever comes in."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eyas.errors import InputError
from eyas.hardware.fixed import reference
from eyas.hardware.fixed.fixed_network import KINDS
from eyas.hardware.fixed.quantise import quantise
from eyas.hardware.fixed.reference import FixedReference
from eyas.hardware.network import Activation, Input, LayerNorm, Linear, Network, Output
from eyas.hardware.reference import FloatReference

LAYERS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["linear", "gru", "lstm"]), st.integers(1, 6)),
        st.sampled_from(["relu", "tanh", "sigmoid", "elu", "silu", "softplus"]),
    ),
    min_size=1,
    max_size=5,
)


def slow_sums(rows, x):
    """Python's integers, one product after the other, every partial sum checked."""
    kind = KINDS[rows.kind]
    assert np.abs(rows.weight).max() < 2 ** (kind.bits - 1)
    result = np.empty((len(x), len(rows.bias)), np.int64)
    for vehicle, vector in enumerate(x.tolist()):
        for row, weight in enumerate(rows.weight.tolist()):
            total = int(rows.bias[row])
            for w, v in zip(weight, vector, strict=True):
                assert abs(v) <= 2**23
                if kind.rounds_products:
                    assert abs(v << 8) < 2**31
                    total += (w * v) >> kind.shift
                else:
                    total += w * ((v + 32) >> 6)
                assert abs(total) <= rows.worst[row] < 2**31
            result[vehicle, row] = total >> int(rows.shift[row])
            assert abs(result[vehicle, row]) <= 2**30
    return result


@settings(max_examples=25, deadline=None)
@given(
    layers=LAYERS,
    seed=st.integers(0, 2**31),
    observations=st.integers(1, 6),
    limit=st.sampled_from([1e-3, 0.7, 1.0, 8.0, 1000.0]),
    number_format=st.sampled_from(["q15", "int8"]),
    output=st.sampled_from(["clip", "tanh"]),
    center=st.booleans(),
)
def test_no_sum_overflows_and_the_reference_sums_right(
    random_network,
    hostile_observations,
    layers,
    seed,
    observations,
    limit,
    number_format,
    output,
    center,
):
    network = random_network(seed, observations, *layers, output=output, limit=limit, center=center)
    fixed = FixedReference(quantise(network, number_format))
    memory = slow_memory = fixed.initial_state(6)
    for step in range(3):
        given_observations = hostile_observations(network, 6, seed + step)
        actions, memory, status = fixed.evaluate(given_observations, memory)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(reference, "sums", slow_sums)
            slow, slow_memory, slow_status = fixed.evaluate(given_observations, slow_memory)
        assert (actions == slow).all()
        assert (memory == slow_memory).all()
        assert (status == slow_status).all()
        assert ((actions >= network.output.low) & (actions <= network.output.high)).all()
        assert (np.abs(memory.astype(np.int64)) <= fixed.fixed.memory_limit).all()


def test_the_worst_input_reaches_the_proven_bound(random_network):
    network = random_network(0, 7, ("linear", 5))
    rows = quantise(network, "q15").layers[0].rows
    bound = quantise(network, "q15").input.limit
    worst = np.sign(rows.weight) * bound * np.where(rows.bias < 0, -1, 1)[:, None]
    totals = rows.bias + ((rows.weight * worst) >> 12).sum(axis=1)
    assert (np.abs(totals) <= rows.worst).all()
    # Tight: no more than a unit per product is given away.
    half = (1 << rows.shift) >> 1
    assert (np.abs(totals) >= rows.worst - 2 * half - 2 * rows.weight.shape[1]).all()


def test_q15_is_close_to_float(random_network, shape):
    network = random_network(5, *shape, center=True)
    rng = np.random.default_rng(0)
    exact, fixed = FloatReference(network), FixedReference(quantise(network, "q15"))
    memory, fixed_memory = exact.initial_state(50), fixed.initial_state(50)
    worst = 0.0
    for _ in range(50):
        spread = network.input.limit * rng.uniform(-1, 1, (50, network.observation_size))
        seen = (network.input.center + spread).astype(np.float32)
        actions, memory = exact.step(seen, memory)
        found, fixed_memory = fixed.step(seen, fixed_memory)
        worst = max(worst, float(np.abs(actions - found).max()))
    assert 0 < worst <= 1e-3


def test_a_bad_number_leaves_the_memory_as_it_was(random_network, number_format):
    network = random_network(1, 4, ("gru", 5), ("linear", 2))
    fixed = FixedReference(quantise(network, number_format))
    calm = np.full((1, 4), 0.5, np.float32)
    _, memory = fixed.step(calm, fixed.initial_state(1))
    bad = calm.copy()
    bad[0, 2] = np.nan
    actions, after, status = fixed.evaluate(bad, memory)
    assert status.tolist() == [1]
    assert (after == memory).all()
    assert np.isfinite(actions).all()


@pytest.mark.parametrize(
    "change", [lambda m: m * 0 + 2**30, lambda m: m * 0 - 2**30, lambda m: m | 1, lambda m: m - 2**31]
)
def test_a_memory_out_of_its_range_is_replaced(random_network, change):
    network = random_network(1, 4, ("gru", 5), ("linear", 2))
    fixed = FixedReference(quantise(network, "q15"))
    calm = np.full((1, 4), 0.5, np.float32)
    expected, _ = fixed.step(calm, fixed.initial_state(1))
    actions, _, status = fixed.evaluate(
        calm, change(fixed.initial_state(1).astype(np.int64)).astype(np.int32)
    )
    assert status.tolist() == [4]
    assert (actions == expected).all()


def test_calibration_spends_the_bits_on_what_occurs(random_network):
    network = random_network(2, 30, ("linear", 40), "relu", ("linear", 40), "relu", ("linear", 3))
    rng = np.random.default_rng(0)
    calm = rng.normal(0, 0.05, (500, 30)).astype(np.float32)
    exact = FloatReference(network).step(calm, np.zeros((500, 0), np.float32))[0]
    errors = []
    for calibration in (None, calm):
        fixed = quantise(network, "q15", calibration)
        found = FixedReference(fixed).step(calm, np.zeros((500, 0), np.int32))[0]
        errors.append(float(np.abs(found - exact).max()))
    assert fixed.layers[0].limit is not None
    assert errors[1] < errors[0] / 2


def _network(*layers, limit=1.0, low=-1.0, high=1.0):
    size, actions = layers[0].inputs, layers[-1].outputs
    return Network(
        input=Input(center=np.zeros(size, np.float32), limit=np.full(size, limit, np.float32)),
        layers=layers,
        output=Output(
            kind="clip", low=np.full(actions, low, np.float32), high=np.full(actions, high, np.float32)
        ),
        rate_hz=100,
    )


def test_what_cannot_be_quantised_is_refused_by_name(random_network, number_format):
    unit = Linear(weight=np.eye(2, dtype=np.float32), bias=np.zeros(2, np.float32))
    ones = np.ones(2, np.float32)
    with pytest.raises(InputError, match="layer 1 is a layer norm"):
        quantise(_network(unit, LayerNorm(weight=ones, bias=ones)), number_format)
    with pytest.raises(InputError, match="at least 1e-20"):
        quantise(_network(unit, limit=1e-25), number_format)
    with pytest.raises(InputError, match="too close"):
        quantise(_network(unit, low=1e6 + 0.0625, high=1e6 + 0.125), number_format)
    with pytest.raises(InputError, match="smaller limits"):
        steep = Linear(weight=np.full((2, 2), 1e6, np.float32), bias=ones)
        quantise(_network(steep, Activation(name="tanh", size=2), limit=1e6), number_format)
    network = random_network(0, 3, ("linear", 2))
    with pytest.raises(InputError, match=r"calibration has shape \(4, 2\)"):
        quantise(network, number_format, np.zeros((4, 2), np.float32))
    with pytest.raises(InputError, match="finite"):
        quantise(network, number_format, np.full((4, 3), np.nan, np.float32))


def test_arrays_of_another_shape_or_type_are_refused(random_network):
    network = random_network(0, 3, ("gru", 2))
    fixed = FixedReference(quantise(network, "q15"))
    with pytest.raises(InputError, match="observations has shape"):
        fixed.step(np.zeros((1, 4), np.float32), fixed.initial_state(1))
    with pytest.raises(InputError, match="expected \\(1, 2\\) and int32"):
        fixed.step(np.zeros((1, 3), np.float32), np.zeros((1, 2), np.float32))
