"""Netlists, expressions and topologies refuse what cannot be simulated, in one sentence."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eyas.envs.circuit.expressions import Expression
from eyas.envs.circuit.model_card import N018
from eyas.envs.circuit.netlist import Capacitor, CurrentSource, Mosfet, Netlist, Resistor, VoltageSource
from eyas.envs.circuit.topology import TOPOLOGIES, Bench, Topology, Variable, find_topology
from eyas.errors import InputError

SUPPLY = VoltageSource("vdd", "vdd", "0", "1.8")
LOAD = Resistor("r1", "vdd", "out", "R1")
BENCH = Bench("vdd", ("out", "0"), 1.0, 1e3, 10, ("vdd",))


@given(st.floats(0.1, 10), st.floats(0.1, 10))
def test_expressions_are_python_s_arithmetic(a, b):
    for text in ("A*B", "(1+A)*(A*B+2)", "-A/B", "A**2-1e-3*B", "2.5"):
        expected = eval(text, {"A": a, "B": b})
        assert Expression(text).evaluate({"A": a, "B": b}) == pytest.approx(expected, rel=1e-15)


@given(st.floats(0.1, 10), st.floats(0.1, 10))
def test_gradients_are_exact(a, b):
    values = {"A": np.array([a]), "B": np.array([b])}
    gradient = Expression("(1+A)*(A*B+2)/B").gradient(values)
    assert gradient["A"][0] == pytest.approx((1 + 2 * a) + 2 / b, rel=1e-13)
    assert gradient["B"][0] == pytest.approx(-2 * (1 + a) / b**2, rel=1e-13)
    assert Expression("2.5").gradient(values) == {}


@pytest.mark.parametrize(
    "text",
    ["__import__('os')", "A.real", "A if A else B", "f(A)", "A[0]", "'x'", "True", "A %", "A; B", ""],
)
def test_expressions_run_no_code(text):
    with pytest.raises(InputError):
        Expression(text)


def test_a_floating_node_is_named():
    with pytest.raises(InputError, match="node 'x' floats: it has no direct-current path to ground"):
        Netlist((SUPPLY, LOAD, Resistor("r2", "out", "0", "1"), Capacitor("c1", "out", "x", "1e-12")))
    gate_only = Mosfet("m1", "out", "g", "0", "0", "n018", "1", "0.18")
    with pytest.raises(InputError, match="node 'g' floats"):
        Netlist((SUPPLY, LOAD, gate_only, CurrentSource("i1", "g", "0", "1e-6")), (N018,))


def test_a_missing_model_is_named():
    with pytest.raises(InputError, match="m1: model 'n65' is missing; there are: n018"):
        Netlist((SUPPLY, LOAD, Mosfet("m1", "out", "out", "0", "0", "n65", "1", "0.18")), (N018,))


def test_a_netlist_needs_elements_ground_and_different_names():
    with pytest.raises(InputError, match="no elements"):
        Netlist(())
    with pytest.raises(InputError, match="no ground"):
        Netlist((Resistor("r1", "a", "b", "1"),))
    with pytest.raises(InputError, match="element name 'r1' is used 2 times"):
        Netlist((Resistor("r1", "a", "0", "1"), Resistor("R1", "a", "0", "2")))


def test_a_topology_must_fit_its_netlist():
    netlist = Netlist((SUPPLY, LOAD, Resistor("r2", "out", "0", "1e3")))
    variable = Variable("R1", "ohm", 10, 1000, 1, 100)
    Topology("t", "", netlist, (variable,), BENCH, "0")
    with pytest.raises(InputError, match="'R1' is not one of its variables"):
        Topology("t", "", netlist, (), BENCH, "0")
    with pytest.raises(InputError, match="a node 'nowhere' that it lacks"):
        Topology("t", "", netlist, (variable,), Bench("vdd", ("nowhere", "0"), 1, 1e3, 10, ()), "0")
    with pytest.raises(InputError, match="a source 'iin' that it lacks"):
        Topology("t", "", netlist, (variable,), Bench("iin", ("out", "0"), 1, 1e3, 10, ()), "0")
    with pytest.raises(InputError, match=r"R1 = 5 is not in \[10, 1000\]"):
        Topology("t", "", netlist, (Variable("R1", "ohm", 10, 1000, 1, 5),), BENCH, "0")


def test_designs_are_named_and_checked():
    topology = find_topology("two-stage-tia")
    assert topology.design({"W1": 2.5})[topology.index("W1")] == 2.5
    with pytest.raises(InputError, match="two-stage-tia has no design variable 'W9'; it has: W1, W3"):
        topology.design({"W9": 1.0})
    for value in (-1.0, 0.0, np.nan, np.inf):
        with pytest.raises(InputError, match=r"W1 = .* um must be a positive number"):
            topology.design({"W1": value})
    assert find_topology("inverter-tia").design({"IDC": -100.0})[-1] == -100.0


@pytest.mark.parametrize("name", TOPOLOGIES)
def test_snapping_keeps_grid_and_bounds(name):
    topology = find_topology(name)
    designs = topology.nominal * np.exp(np.random.default_rng(0).normal(size=(50, len(topology.names))))
    snapped = topology.snap(designs)
    for i, variable in enumerate(topology.variables):
        assert (snapped[:, i] >= variable.low).all() and (snapped[:, i] <= variable.high).all()
    np.testing.assert_array_equal(topology.snap(snapped), snapped)
    assert all(len(repr(float(size))) < 10 for size in snapped.ravel())  # 4.6, not 4.6000000000000005


def test_an_unknown_topology_is_refused():
    with pytest.raises(InputError, match="topology 'opamp' does not exist; there are: two-stage-tia"):
        find_topology("opamp")
