"""The folded-cascode OTA and the regulator: textbook behaviour, and ngspice 39.3 row by row.

``folded_cascode_ota.csv`` and ``ldo.csv`` have the nominal and nine random designs under four corners, with
and without mismatch (``seed`` of :func:`draw_mismatch` over the ten designs; 0 is none), to ten digits,
simulated with reltol=1e-11 vntol=1e-14 abstol=1e-19: a node that hardly conducts is otherwise 1e-7 off.
"""

import csv
import dataclasses
import math
import shutil
from pathlib import Path

import numpy as np
import pytest

from eyas.envs.circuit.conditions import TYPICAL, Corner
from eyas.envs.circuit.monte_carlo import draw_mismatch
from eyas.envs.circuit.netlist import Mosfet, Netlist
from eyas.envs.circuit.ngspice import NgspiceSimulator
from eyas.envs.circuit.simulator import Simulator
from eyas.envs.circuit.topology import find_topology

DATA = Path(__file__).parents[2] / "data" / "circuit"
NAMES = ("folded-cascode-ota", "ldo")
CORNERS = {
    corner.name: corner
    for corner in (
        TYPICAL,
        Corner("ff/1.1/125C", "fast", "fast", 1.1, 125.0),
        Corner("ss/0.9/-40C", "slow", "slow", 0.9, -40.0),
        Corner("fs/1/85C", "fast", "slow", 1.0, 85.0),
    )
}
TOTALS = ("onoise_total", "inoise_total", "irn_rms")


@pytest.fixture(scope="module")
def simulators():
    return {name: Simulator(find_topology(name)) for name in NAMES}


@pytest.fixture(scope="module")
def ota(simulators):
    return simulators["folded-cascode-ota"]


@pytest.fixture(scope="module")
def ldo(simulators):
    return simulators["ldo"]


def random_designs(topology, count, seed):
    rng = np.random.default_rng(seed)
    designs = np.tile(topology.nominal, (count, 1))
    for name in topology.sizing:
        variable = topology.variables[topology.index(name)]
        low, high = np.log([variable.low, variable.high])
        designs[:, topology.index(name)] = np.exp(rng.uniform(low, high, count))
    return topology.snap(designs)


def nominal(simulator, **changes):
    """Every quantity of the nominal design, with some variables changed."""
    results = simulator.simulate(simulator.topology.design(changes))
    assert results.reason(0) == "ok"
    return {name: results.column(name)[0] for name in results.column_names}


def test_the_nominal_ota_is_a_good_amplifier(ota):
    found = nominal(ota)
    assert found["saturated"] == 1 and found["stable"] == 1
    assert found["gain_db"] > 60 and found["pm_deg"] > 60
    assert found["v_out"] == pytest.approx(0.9, abs=1e-3)
    # The current of the tail splits in halves, and each cascode has what its sink leaves.
    assert found["m0_id"] == pytest.approx(2 * found["m1_id"], rel=1e-2)
    assert found["m5_id"] == pytest.approx(found["m3_id"] - found["m1_id"], rel=1e-6)
    # One pole: the product of gain and bandwidth is the pair's gm over the load.
    assert found["ugbw"] == pytest.approx(found["m1_gm"] / (2 * math.pi * 2e-12), rel=0.1)
    assert found["gain"] / found["common_gain_f0"] > 1e5
    assert found["gain"] / found["supply_gain_f0"] > 1e3


def test_every_ota_transistor_has_room_at_the_nominal_design(ota):
    devices = ota.simulate(ota.topology.nominal).devices[0]
    assert np.all(devices[:, 4] - devices[:, 7] > 0.03)  # vds - vdsat


def test_a_larger_load_slows_the_ota_down_and_steadies_it(ota):
    small, large = nominal(ota, CLOAD=1.0), nominal(ota, CLOAD=8.0)
    assert large["gain"] == pytest.approx(small["gain"], rel=1e-4)
    assert 6 < small["ugbw"] / large["ugbw"] < 8
    assert large["pm_deg"] > small["pm_deg"]


@pytest.mark.parametrize("name", ["folded-cascode-ota", "two-stage-opamp"])
def test_an_amplifier_is_stable_exactly_where_it_has_a_phase_margin(name):
    """Poles of the closed loop (a short and an open) against the phase of the open one."""
    topology = find_topology(name)
    results = Simulator(topology).simulate(random_designs(topology, 200, seed=1))
    margin, stable = results.column("pm_deg"), results.column("stable")
    crosses = ~np.isnan(margin)
    assert crosses.sum() > 100
    assert np.array_equal(stable[crosses] == 1, margin[crosses] > 0)
    # The load alone compensates the OTA, within the whole box; the op-amp can oscillate.
    assert np.all(margin[crosses] > 30) == (name == "folded-cascode-ota")


def test_the_closure_gives_the_poles_of_the_netlist_that_is_closed(ota):
    """The same circuit with the inverting input on the output, without inductor and capacitor."""
    topology = ota.topology
    elements = tuple(
        dataclasses.replace(e, gate="out") if isinstance(e, Mosfet) and e.gate == "xinn" else e
        for e in topology.netlist.elements
        if e.name not in topology.bench.closure
    )
    closed = dataclasses.replace(
        topology,
        netlist=Netlist(elements, topology.netlist.models),
        bench=dataclasses.replace(topology.bench, closure=(), unity_gain=False),
    )
    designs = random_designs(topology, 30, seed=6)
    ours, theirs = ota.simulate(designs), Simulator(closed).simulate(designs)
    for column in ("pole_max_re", "zeta_min"):
        assert ours.column(column) == pytest.approx(theirs.column(column), rel=1e-8)


@pytest.mark.parametrize("name", NAMES)
def test_much_of_the_box_works(simulators, name):
    simulator = simulators[name]
    results = simulator.simulate(random_designs(simulator.topology, 300, seed=2))
    assert np.all(results.status == 0)
    alive = results.column("gain") > (100 if name != "ldo" else 1.6)
    assert alive.mean() > (0.4 if name != "ldo" else 0.8)
    assert results.column("saturated").mean() > (0.1 if name != "ldo" else 0.6)


def test_the_nominal_regulator_regulates(ldo):
    found = nominal(ldo)
    assert found["saturated"] == 1 and found["stable"] == 1
    assert found["v_out"] == pytest.approx(1.5, abs=1e-3)
    assert found["gain"] == pytest.approx(1 / 0.6, rel=1e-3)
    assert found["peaking_db"] < 1.0 and found["zeta_min"] > 0.5
    assert found["supply_gain_f0"] < 1e-3 and found["load_gain_f0"] < 0.2
    assert found["mp_id"] == pytest.approx(10e-3 + 1.5 / 100e3, rel=1e-4)


def test_rejection_and_output_impedance_are_the_slopes_of_the_operating_point(ldo):
    step = 1e-4
    found = nominal(ldo)
    heavier = nominal(ldo, ILOAD=10.0 + 1e3 * step)["v_out"]
    lighter = nominal(ldo, ILOAD=10.0 - 1e3 * step)["v_out"]
    assert (lighter - heavier) / (2 * step) == pytest.approx(found["load_gain_f0"], rel=1e-3)
    above, below = (
        ldo.simulate(ldo.topology.nominal, corner=Corner("s", supply=1 + x)).column("v_out")[0]
        for x in (step, -step)
    )
    assert (above - below) / (2 * step * 1.8) == pytest.approx(
        found["supply_gain_f0"], rel=0.05
    )  # at 1 kHz it has begun to rise


def test_poles_tell_a_regulator_that_oscillates_from_one_that_rings(ldo):
    """Without a compensation worth the name; gain and rejection at low frequency look as usual."""
    ringing = nominal(ldo, CM=0.5, W1=60.0)
    oscillating = nominal(ldo, CM=0.5, W1=60.0, IB=40.0, RD=300.0)
    assert ringing["stable"] == 1 and 0 < ringing["zeta_min"] < 0.2
    assert oscillating["stable"] == 0 and oscillating["zeta_min"] < 0
    assert oscillating["gain"] == pytest.approx(ringing["gain"], rel=1e-2)


@pytest.mark.parametrize("name", NAMES)
def test_every_stored_number_of_ngspice_agrees(simulators, name):
    simulator = simulators[name]
    topology = simulator.topology
    with (DATA / f"{name.replace('-', '_')}.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 50
    labels = {"id", "corner", "seed", "regions", *topology.names}
    for start in range(0, len(rows), 10):
        batch = rows[start : start + 10]
        designs = np.array([[float(row[variable]) for variable in topology.names] for row in batch])
        seed = int(batch[0]["seed"])
        mismatch = draw_mismatch(topology, designs, 1, seed)[:, 0] if seed else None
        ours = simulator.simulate(designs, corner=CORNERS[batch[0]["corner"]], mismatch=mismatch)
        assert list(ours.column("regions")) == [row["regions"] for row in batch]
        for column in set(batch[0]) - labels:
            # A total is empty or slightly short where ngspice's integral loses steep intervals.
            theirs = [float(row[column] or "nan") for row in batch]
            known = [bool(row[column]) for row in batch]
            np.testing.assert_allclose(
                ours.column(column)[known], np.array(theirs)[known], err_msg=column, atol=1e-20,
                rtol=2e-7 if column in TOTALS else 2e-9,
            )  # fmt: skip


@pytest.mark.skipif(shutil.which("ngspice") is None, reason="ngspice is not installed")
@pytest.mark.parametrize("name", NAMES)
def test_fresh_random_designs_agree_with_ngspice(simulators, name):
    topology = find_topology(name)
    designs = random_designs(topology, 25, seed=20)
    ours, theirs = (
        simulators[name].simulate(designs),
        NgspiceSimulator(topology).simulate(designs, poles=False),
    )
    both = theirs.status == 0
    assert both.sum() >= 20
    for column in ("gain", "f3db", "onoise_f0", "inoise_f0", "v_out", "power"):
        np.testing.assert_allclose(
            ours.column(column)[both], theirs.column(column)[both], rtol=1e-6, err_msg=column
        )
    for prefix, _ in topology.bench.disturbances:
        for at in ("f0", "max"):
            column = f"{prefix}_gain_{at}"
            np.testing.assert_allclose(
                ours.column(column)[both], theirs.column(column)[both], rtol=1e-6, err_msg=column
            )
