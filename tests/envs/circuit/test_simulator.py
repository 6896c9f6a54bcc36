"""The native simulator as its users meet it: batches, failures, invariants."""

import numpy as np
import pytest

from eyas.envs.circuit.conditions import PROCESS_CORNERS, Corner
from eyas.envs.circuit.elimination import compile_elimination
from eyas.envs.circuit.netlist import (
    Capacitor,
    CurrentSource,
    Inductor,
    Netlist,
    Resistor,
    VoltageControlledCurrentSource,
    VoltageControlledVoltageSource,
    VoltageSource,
)
from eyas.envs.circuit.simulator import Simulator
from eyas.envs.circuit.topology import TOPOLOGIES, Bench, Topology, Variable, find_topology
from eyas.errors import InputError


def random_designs(topology, count, seed=0):
    rng = np.random.default_rng(seed)
    designs = np.tile(topology.nominal, (count, 1))
    for name in topology.sizing:
        place = topology.index(name)
        variable = topology.variables[place]
        designs[:, place] = np.exp(rng.uniform(np.log(variable.low), np.log(variable.high), count))
    return topology.snap(designs)


def linear(elements, variables=(), **bench):
    """A topology of linear elements with the input source ``iin`` and the output ``out``."""
    options = {"start_frequency": 1.0, "stop_frequency": 1e9, "points_per_decade": 20, "supplies": ()}
    return Topology(
        name="linear", title="", netlist=Netlist(tuple(elements)), variables=tuple(variables), area="0",
        bench=Bench(source="iin", output=("out", "0"), **{**options, **bench}),
    )  # fmt: skip


INPUT = CurrentSource("iin", "0", "out", ac=1.0)


@pytest.mark.parametrize("name", TOPOLOGIES)
def test_results_do_not_depend_on_the_company(name):
    """Order, batch size and threads change no bit."""
    topology = find_topology(name)
    designs = random_designs(topology, 600)
    together = Simulator(topology).simulate(designs)
    threaded = Simulator(topology, threads=2).simulate(designs[::-1])
    alone = Simulator(topology).simulate(designs[17])
    np.testing.assert_array_equal(together.metrics, threaded.metrics[::-1])
    np.testing.assert_array_equal(together.metrics[17], alone.metrics[0])


def test_a_bad_design_is_a_failed_row_and_nothing_else():
    topology = find_topology("two-stage-tia")
    designs = random_designs(topology, 5)
    good = Simulator(topology).simulate(designs)
    designs[1, topology.index("W5")] = -3.0
    designs[3, topology.index("RF")] = np.nan
    results = Simulator(topology).simulate(designs, spectra=True)
    assert list(results.status == 0) == [True, False, True, False, True]
    assert results.reason(1) == "a size is not a positive number"
    assert np.isnan(results.metrics[[1, 3]]).all() and np.isnan(results.devices[1]).all()
    np.testing.assert_array_equal(results.metrics[[0, 2, 4]], good.metrics[[0, 2, 4]])
    assert results.column("regions")[1] == "??????"


def test_a_design_without_an_operating_point_says_so():
    """A follower that feeds back its own output in full has no single voltage."""
    topology = linear(
        [
            INPUT,
            Resistor("r", "out", "a", "1e3"),
            VoltageControlledVoltageSource("e", "a", "0", "a", "0", "K"),
        ],
        [Variable("K", "1", 0.1, 2.0, 0.1, 0.5)],
    )
    results = Simulator(topology).simulate([[0.5], [1.0], [1.5]], poles=False)
    assert [results.reason(i) for i in range(3)] == ["ok", "no operating point was found", "ok"]
    assert results.column("gain")[[0, 2]] == pytest.approx([1e3, 1e3])


def test_a_topology_that_cannot_work_is_refused():
    loop = [VoltageSource("v1", "out", "0", "1"), Inductor("l1", "out", "0", "1e-9"), INPUT]
    with pytest.raises(InputError, match="linear: no operating point was found for the nominal design"):
        Simulator(linear(loop))


def test_designs_of_a_wrong_shape_are_refused():
    with pytest.raises(
        InputError, match=r"designs have shape \(3,\), but two-stage-tia takes \(n, 11\)"
    ):
        Simulator(find_topology("two-stage-tia")).simulate(np.ones(3))
    with pytest.raises(InputError, match="threads = 0"):
        Simulator(find_topology("two-stage-tia"), threads=0)


def test_an_rc_low_pass_is_exact():
    r, c = 1e3, 1e-12
    topology = linear([INPUT, Resistor("r", "out", "0", "1e3"), Capacitor("c", "out", "0", "1e-12")],
                      stop_frequency=1e11)  # fmt: skip
    results = Simulator(topology).simulate(np.zeros((1, 0)), spectra=True)
    exact = r / (1 + 2j * np.pi * results.frequencies * r * c)
    np.testing.assert_allclose(results.response[0], exact, rtol=1e-13)
    assert results.column("pole_max_re")[0] == pytest.approx(-1 / (r * c), rel=1e-10)
    assert results.column("zeta_min")[0] == 1.0 and results.column("stable")[0] == 1.0
    boltzmann, kelvin = 1.38064852e-23, 300.15
    np.testing.assert_allclose(results.input_noise[0], np.sqrt(4 * boltzmann * kelvin / r), rtol=1e-12)
    bandwidth = np.arctan(2 * np.pi * results.frequencies[-1] * r * c) / (2 * np.pi * r * c)
    total = np.sqrt(4 * boltzmann * kelvin * r * bandwidth)  # kT/C up to the end of the grid
    assert results.column("onoise_total")[0] == pytest.approx(total, rel=1e-3)


def test_a_resonator_has_its_textbook_poles():
    """Parallel R, L, C: s^2 + s / (R C) + 1 / (L C) = 0; a negative resistance turns it around."""
    elements = [
        INPUT, Resistor("r", "out", "0", "1e3"), Capacitor("c", "out", "0", "1e-12"),
        Inductor("l", "out", "0", "1e-9"), VoltageControlledCurrentSource("g", "out", "0", "out", "0", "G"),
    ]  # fmt: skip
    topology = linear(elements, [Variable("G", "S", -1.0, 1.0, 1e-6, 0.0)], start_frequency=1e6,
                      stop_frequency=1e11)  # fmt: skip
    results = Simulator(topology).simulate([[0.0], [-2e-3]])
    omega, damping = 1 / np.sqrt(1e-9 * 1e-12), np.array([1e-3, -1e-3]) / (2e-12)
    np.testing.assert_allclose(results.column("pole_max_re"), -damping, rtol=1e-8)
    np.testing.assert_allclose(results.column("zeta_min"), damping / omega, rtol=1e-8)
    assert list(results.column("stable")) == [1.0, 0.0]


def test_pivots_that_vanish_are_caught():
    """A controlled source that cancels a node's conductance breaks the fixed order of elimination."""
    elements = [
        INPUT, Resistor("r1", "out", "a", "1e3"), Resistor("r2", "a", "b", "1e3"),
        Resistor("r3", "b", "0", "1e3"), VoltageControlledCurrentSource("g", "a", "0", "a", "0", "G"),
        Capacitor("c", "b", "0", "1e-12"),
    ]  # fmt: skip
    topology = linear(elements, [Variable("G", "S", -1.0, 1.0, 1e-6, 0.0)])
    simulator = Simulator(topology)
    for g in (-2e-3, -2e-3 * (1 - 1e-13), -1e-3, 1e-2):
        results = simulator.simulate([[g]], spectra=True)
        assert results.reason(0) == "ok"
        w = 2 * np.pi * results.frequencies
        for k in (0, 60, 120):
            a = 1e-3 * np.array([[1, -1, 0], [-1, 2 + 1e3 * g, -1], [0, -1, 2]], dtype=complex)
            a[2, 2] += 1j * w[k] * 1e-12
            exact = np.linalg.solve(a, [1, 0, 0])[0]
            assert results.response[0, k] == pytest.approx(exact, rel=1e-9)


def test_what_the_nominal_design_lacks_is_not_forgotten():
    """A controlled source that is off in the nominal design, to a node it alone reaches."""
    elements = [
        INPUT, Resistor("r1", "out", "0", "1e3"), Resistor("r2", "a", "0", "1e3"),
        VoltageControlledCurrentSource("g", "out", "0", "a", "0", "G"),
        VoltageControlledCurrentSource("h", "a", "0", "out", "0", "1e-3"),
    ]  # fmt: skip
    topology = linear(elements, [Variable("G", "S", -1.0, 1.0, 1e-6, 0.0)])
    results = Simulator(topology).simulate([[0.0], [1e-3]])
    # v_a = -v_out, so that the source draws -G v_out from the output: 1 / (1e-3 - G) without a load.
    assert results.column("gain")[0] == pytest.approx(1e3)
    results = Simulator(topology).simulate([[-1e-3]])
    assert results.column("gain")[0] == pytest.approx(500.0)


def test_the_elimination_solves_random_sparse_systems():
    rng = np.random.default_rng(3)
    for n in (1, 4, 9):
        a = (rng.normal(size=(n, n)) + 1j * rng.normal(size=(n, n))) * (rng.random((n, n)) < 0.5)
        a += np.diag(rng.uniform(1, 2, n))
        program = compile_elimination(a[None].copy(), np.array([n - 1, n]))
        slots = np.zeros(program.slots, dtype=complex)
        slots[: len(program.row)] = a[program.row, program.column]
        slots[program.right[n - 1]] = 1.0
        for kind, target, first, second in program.operations:
            if kind == 0:
                slots[target] = 1 / slots[target]
            elif kind == 1:
                slots[target] *= slots[first]
            else:
                slots[target] -= slots[first] * slots[second]
        expected = np.linalg.solve(a.T, np.eye(n)[n - 1])
        np.testing.assert_allclose(slots[program.solution], expected, rtol=1e-9, atol=1e-12)


def test_a_singular_matrix_is_refused_when_the_order_is_chosen():
    with pytest.raises(InputError, match="matrix is singular"):
        compile_elimination(np.zeros((1, 2, 2), dtype=complex), np.array([0, 2]))


def test_the_differential_circuit_is_symmetric():
    topology = find_topology("three-stage-tia")
    results = Simulator(topology).simulate(random_designs(topology, 50))
    for node in ("iin", "vo1", "vo2", "vout"):
        np.testing.assert_allclose(
            results.column(f"v_{node}a"), results.column(f"v_{node}b"), rtol=1e-9, atol=1e-11
        )


def test_corners_move_the_circuit_as_they_should():
    topology = find_topology("two-stage-tia")
    simulator = Simulator(topology)
    power = {
        name: simulator.simulate(topology.nominal, corner=corner).column("power")[0]
        for name, corner in PROCESS_CORNERS.items()
    }
    assert power["ff"] > power["tt"] > power["ss"]
    low = simulator.simulate(topology.nominal, corner=Corner("low", supply=0.9)).column("power")[0]
    assert low < power["tt"]


def test_mismatch_moves_only_its_transistor():
    topology = find_topology("two-stage-opamp")
    simulator = Simulator(topology)
    shift = np.zeros((3, 8, 2))
    shift[1, 5, 1] = 0.1  # m6 is a tenth stronger
    shift[2, 0, 0] = 5e-3  # the threshold of one half of the pair
    results = simulator.simulate(np.stack([topology.nominal] * 3), mismatch=shift)
    beta = results.column("m6_beta")
    assert beta[1] / beta[0] == pytest.approx(1.1, rel=1e-2)
    # The follower's feedback gate moves with its threshold, less what a finite gain leaves.
    assert results.column("v_out")[2] - results.column("v_out")[0] == pytest.approx(5e-3, rel=0.05)
    with pytest.raises(InputError, match=r"mismatch has shape \(1, 2, 2\)"):
        simulator.simulate(topology.nominal, mismatch=np.zeros((1, 2, 2)))


def test_an_unknown_column_is_named():
    topology = find_topology("two-stage-tia")
    results = Simulator(topology).simulate(topology.nominal)
    with pytest.raises(InputError, match="two-stage-tia has no metric 'bandwith'"):
        results.column("bandwith")
    for name in results.column_names:
        assert len(results.column(name)) == 1
