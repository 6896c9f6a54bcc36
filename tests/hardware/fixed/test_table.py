"""Tables of functions, over every argument."""

import numpy as np
import pytest

from eyas.hardware.fixed import table

EVERY = np.arange(-table.BEYOND - 5, table.BEYOND + 6)
ONE = 2.0**table.VALUE_BITS
REAL = EVERY / 2.0**table.ARGUMENT_BITS


@pytest.mark.parametrize(
    ("found", "expected", "bound"),
    [
        (lambda: table.tanh(EVERY) / ONE, np.tanh(REAL), 6.2e-6),
        (lambda: table.sigmoid(EVERY) / (ONE / 2), 1 / (1 + np.exp(-2 * REAL)), 5.1e-6),
        (lambda: table.exponential(EVERY) / ONE, np.expm1(np.minimum(REAL, 0)), 3.4e-6),
        (lambda: table.softplus(EVERY) / ONE, np.log1p(np.exp(-np.abs(REAL))), 2.4e-6),
    ],
    ids=["tanh", "sigmoid", "exponential", "softplus"],
)
def test_largest_error_over_every_argument(found, expected, bound):
    assert np.abs(found() - expected).max() <= bound


@pytest.mark.parametrize("name", table.NAMES)
def test_stated_error_is_the_largest_one(name):
    assert 1e-7 < table.table(name).error <= 6.2e-6


@pytest.mark.parametrize("name", table.NAMES)
def test_no_product_leaves_32_bits(name):
    d = np.arange(-8192, 8192)[:, None]
    c0, c1, c2, c3 = table.table(name).coefficients.astype(np.int64).T
    worst = 0
    inner = c3
    for c in (c2, c1, c0):
        worst = max(worst, int(np.abs(d * inner).max()))
        inner = c + ((d * inner) >> 13)
    assert worst < 2**31


def test_ranges_hold_to_the_bit():
    tanh, gate = table.tanh(EVERY), table.sigmoid(EVERY)
    assert np.abs(tanh).max() < ONE
    assert (tanh == -tanh[::-1]).all()
    assert 0 <= gate.min() < gate.max() < ONE / 2
    assert table.exponential(EVERY).max() <= 0
    assert table.softplus(EVERY).min() >= 0
