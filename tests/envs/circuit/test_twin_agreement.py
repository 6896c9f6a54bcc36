"""Our simulator against ngspice on fresh random designs, every number of the results."""

import numpy as np
import pytest

from eyas.envs.circuit.conditions import Corner
from eyas.envs.circuit.libngspice_worker import load
from eyas.envs.circuit.ngspice import NgspiceSimulator
from eyas.envs.circuit.results import DEVICE_COLUMNS
from eyas.envs.circuit.simulator import Simulator
from eyas.envs.circuit.topology import TOPOLOGIES, find_topology

pytestmark = pytest.mark.skipif(load() is None, reason="libngspice is not installed")
DESIGNS = 200
TOLERANCE = 1e-8
# Where a node hangs on the leakage of reverse junctions alone its voltage is known to some nanovolts.
DEVICE_TOLERANCE = 1e-7
FLOORS = {"ibs": 1e-22, "ibd": 1e-22, "vgs": 1e-14, "vds": 1e-14, "vbs": 1e-14}
# A pole far below the grid's centre is found to the rounding of that frequency.
SLOW_POLE = 1e-10
# The eigenvalues of a nearly double pole move by the square root of a rounding.
NEARLY_DOUBLE, DOUBLE_TOLERANCE = 1e-3, 1e-6


def random_designs(topology, count, seed):
    """Log-uniform within the bounds (photocurrents from 0 on: uniform), on the grid."""
    rng = np.random.default_rng(seed)
    low = np.array([variable.low for variable in topology.variables])
    high = np.array([variable.high for variable in topology.variables])
    unit = rng.uniform(size=(count, len(low)))
    with np.errstate(divide="ignore", invalid="ignore"):
        drawn = np.where(low > 0, low * (high / low) ** unit, low + (high - low) * unit)
    return topology.snap(drawn)


def nearly_double(poles):
    """Whether two poles of a design are nearly one."""
    found = poles[np.isfinite(poles)]
    apart = np.abs(found[:, None] - found) + np.diag(np.full(len(found), np.inf))
    return (apart < NEARLY_DOUBLE * np.abs(found)).any()


def compare(ours, theirs):
    assert [ours.reason(i) for i in range(len(ours))] == [theirs.reason(i) for i in range(len(theirs))]
    good = ours.status == 0
    assert good.mean() > 0.9
    grid_centre = 2.0 * np.pi * np.sqrt(ours.frequencies[0] * ours.frequencies[-1])
    double = np.array([nearly_double(poles) for poles in theirs.poles])
    for place, name in enumerate(ours.metric_names):
        rtol, atol = TOLERANCE, 0.0
        if name in ("pole_max_re", "zeta_min"):
            atol = SLOW_POLE * (grid_centre if name == "pole_max_re" else 1.0)
        if name.endswith("_db") or name.endswith("_deg"):
            atol = TOLERANCE
        rtol = np.where(double & (name in ("pole_max_re", "zeta_min")), DOUBLE_TOLERANCE, rtol)
        mine, reference = ours.metrics[:, place], theirs.metrics[:, place]
        wrong = ~(np.abs(mine - reference) <= atol + rtol * np.abs(reference))
        wrong &= ~(np.isnan(mine) & np.isnan(reference))
        worst = [(int(i), mine[i], reference[i]) for i in np.flatnonzero(wrong)[:3]]
        assert not wrong.any(), f"{name}: {wrong.sum()} of {len(wrong)} differ, such as {worst}"
    np.testing.assert_array_equal(ours.regions, theirs.regions)
    np.testing.assert_allclose(
        ours.voltages[good], theirs.voltages[good], rtol=TOLERANCE, atol=TOLERANCE
    )
    # What a transistor that is all but off carries is a difference: measured by the circuit's largest.
    largest = np.max(np.abs(theirs.devices[good]), axis=1, keepdims=True)
    allowed = DEVICE_TOLERANCE * largest + [FLOORS.get(column, 0.0) for column in DEVICE_COLUMNS]
    far = np.argwhere(np.abs(ours.devices[good] - theirs.devices[good]) > allowed)
    assert not len(far), [(int(row), int(m), DEVICE_COLUMNS[column]) for row, m, column in far[:5]]
    magnitude = np.max(np.abs(theirs.response[good]), axis=1, keepdims=True)
    assert (np.abs(ours.response[good] - theirs.response[good]) <= TOLERANCE * magnitude).all()
    for mine, reference in zip(ours.poles[good], theirs.poles[good], strict=True):
        assert np.isfinite(mine).sum() >= np.isfinite(reference).sum()


@pytest.mark.parametrize("name", TOPOLOGIES)
def test_random_designs(name):
    topology = find_topology(name)
    designs = random_designs(topology, DESIGNS, seed=list(TOPOLOGIES).index(name))
    twin = NgspiceSimulator(topology, by="library")
    theirs = twin.simulate(designs, spectra=True)
    twin.close()
    compare(Simulator(topology).simulate(designs, spectra=True), theirs)


@pytest.mark.parametrize(
    "corner",
    [
        Corner("cold", "slow", "fast", 0.9, -40.0),
        Corner("hot", "fast", "slow", 1.1, 125.0),
    ],
    ids=lambda corner: corner.name,
)
@pytest.mark.parametrize("name", ["two-stage-tia", "three-stage-tia", "ldo"])
def test_corners_and_mismatch(name, corner):
    topology = find_topology(name)
    designs = random_designs(topology, 20, seed=9)
    rng = np.random.default_rng(10)
    mismatch = rng.normal(0, [0.01, 0.03], (20, len(topology.netlist.transistors), 2))
    twin = NgspiceSimulator(topology, by="library")
    theirs = twin.simulate(designs, corner=corner, mismatch=mismatch, spectra=True)
    twin.close()
    ours = Simulator(topology).simulate(designs, corner=corner, mismatch=mismatch, spectra=True)
    compare(ours, theirs)
