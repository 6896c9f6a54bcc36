import numpy as np
import pytest
import torch

from eyas.hardware import activations
from eyas.hardware.network import ACTIVATIONS


def some_floats(stride=1009):
    """Every 1009th single-precision number that is finite, of both signs."""
    bits = np.arange(0, 0x7F800000, stride, dtype=np.uint32)
    return np.concatenate([bits, bits | np.uint32(0x80000000)]).view(np.float32)


def test_tanh_keeps_its_error_bound_over_all_magnitudes():
    x = some_floats()
    y = activations.tanh(x)
    exact = np.tanh(x.astype(np.float64))
    assert y.dtype == np.float32
    assert np.abs(y - exact).max() <= activations.TANH_ERROR
    normal = np.abs(x) > 1e-37
    assert np.abs(y[normal] / exact[normal] - 1).max() < 9.5e-7


def test_tanh_never_reaches_1_so_that_a_gate_never_does():
    x = np.linspace(4, 8, 2_000_001, dtype=np.float32)
    assert activations.tanh(x).max() < 1
    assert activations.half_sigmoid(x).max() < 1
    assert activations.half_sigmoid(-x).min() > 0


def test_tanh_is_odd_to_the_bit():
    x = some_floats(100_003)
    assert (activations.tanh(-x).view(np.uint32) == (-activations.tanh(x)).view(np.uint32)).all()


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_functions_are_those_of_torch(name):
    x = np.concatenate([np.linspace(-30, 30, 200_001), np.linspace(-0.01, 0.01, 2001)]).astype(
        np.float32
    )
    function = getattr(torch.nn.functional, name)
    exact = function(torch.tensor(x.astype(np.float64))).numpy()
    error = np.abs(activations.FUNCTIONS[name](x) - exact)
    assert (error <= 1e-6 * np.maximum(1, np.abs(x))).all(), error.max()


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_functions_stay_finite(name):
    x = some_floats(10_007)
    x = x[np.abs(x) < 1e37]
    assert np.isfinite(activations.FUNCTIONS[name](x)).all()


def test_inverse_square_root_over_the_normal_numbers():
    bits = np.arange(0x00800000, 0x7F000000, 5003, dtype=np.uint32)
    x = bits.view(np.float32)
    relative = activations.inverse_square_root(x) * np.sqrt(x.astype(np.float64)) - 1
    assert np.abs(relative).max() < 3e-7
