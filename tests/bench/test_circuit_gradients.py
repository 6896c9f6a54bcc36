"""The rows about gradients and step responses."""

import pytest

from eyas.bench.circuit_gradients import SIMULATION, measure_gradients


@pytest.fixture(scope="module")
def rows():
    return list(measure_gradients(0.1, 0))


def test_rows_compare_with_a_simulation(rows):
    assert len(rows) == 3 * 3 + 2
    for row in rows:
        assert row.unit == "designs/s"
        assert row.peer == SIMULATION
        assert row.ratio == pytest.approx(row.value / row.peer_value)
        assert 0 < row.ratio < 1


def test_a_gradient_costs_a_few_simulations(rows):
    """Whatever the number of variables; differences would cost two simulations for each of them."""
    for row in rows:
        if "gain, f3db and power" in row.name:
            assert row.ratio > 0.1
