import numpy as np
import pytest

from eyas.bench import circuit, circuit_gradients
from eyas.bench.circuit import LIBRARY, PROGRAM, Spent, interleaved, measure
from eyas.envs.circuit.topology import find_topology
from eyas.errors import InputError


def missing():
    raise InputError("ngspice is not installed")


def test_every_figure_is_measured(monkeypatch):
    monkeypatch.setattr(circuit, "TARGETS", {"two-stage-tia": 15_000})
    monkeypatch.setattr(circuit_gradients, "measure_gradients", lambda *_: iter(()))  # has its own test
    rows = list(measure(0.05, seed=0))
    assert [row.name for row in rows] == [
        "two-stage-tia (target 15,000)",
        "two-stage-tia (target 15,000)",
        "two-stage-tia, by the clock",
        "two-stage-tia, by the clock",
        "two-stage-tia, with poles",
        "two-stage-tia, all cores by the clock",
    ]
    assert all(row.value > 100 and row.unit == "designs/s" for row in rows)
    for row in rows:
        if row.peer_value is not None:
            assert row.ratio == pytest.approx(row.value / row.peer_value)


def test_a_peer_that_is_missing_is_named_with_its_install(monkeypatch):
    monkeypatch.setattr(circuit, "TARGETS", {"two-stage-tia": None})
    monkeypatch.setattr(circuit, "program", missing)
    monkeypatch.setattr(circuit, "library_version", missing)
    rows = list(measure(0.01, seed=0))
    assert [row.peer_value for row in rows[:4]] == [None] * 4
    assert rows[0].peer.startswith(PROGRAM) and rows[0].install == "apt install ngspice"
    assert rows[1].peer.startswith(LIBRARY) and rows[1].install == "apt install libngspice0"


def test_rates_are_medians_of_designs_per_second():
    parts = iter([Spent(10, cpu, 1.0) for cpu in (1.0, 2.0, 4.0, 5.0, 10.0)])
    cpu, wall = interleaved({"x": lambda: next(parts)}, 0.5)
    assert cpu == {"x": 2.5} and wall == {"x": 10.0}


def test_designs_are_within_the_bounds_and_repeat():
    topology = find_topology("two-stage-opamp")
    designs = circuit.random_designs(topology, 50, seed=3)
    low, high = (np.array([getattr(v, key) for v in topology.variables]) for key in ("low", "high"))
    assert ((designs >= low) & (designs <= high)).all() and len(np.unique(designs[:, 0])) > 40
    np.testing.assert_array_equal(designs, circuit.random_designs(topology, 50, seed=3))
