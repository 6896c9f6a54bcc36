"""Adjoint gradients against differences of the simulator itself."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import eyas.envs.circuit.gradients as gradients_module
from eyas.envs.circuit.conditions import Corner
from eyas.envs.circuit.gradients import differentiable_metrics, gradients_of, metric_gradients
from eyas.envs.circuit.gradients_device import (
    CBD,
    CBS,
    CGB,
    CGD,
    CGS,
    COLUMNS,
    CURRENT,
    DRAIN_CURRENT,
    GBD,
    GBS,
    GDS,
    GM,
    GMB,
    QUANTITIES,
    device_derivatives,
)
from eyas.envs.circuit.gradients_metrics import interval_weights
from eyas.envs.circuit.gradients_sweep import plan
from eyas.envs.circuit.model_card import N018, P018
from eyas.envs.circuit.mosfet import (
    DEVICE_PARAMETERS,
    channel,
    fill_device,
    junction,
    junction_capacitance,
    meyer,
)
from eyas.envs.circuit.netlist import Capacitor, Mosfet, Netlist, Resistor, VoltageSource
from eyas.envs.circuit.results import DEVICE_COLUMNS
from eyas.envs.circuit.simulator import Simulator, card_row
from eyas.envs.circuit.topology import TOPOLOGIES, Bench, Topology, Variable, find_topology
from eyas.errors import InputError


@pytest.fixture(scope="module")
def simulators():
    return {name: Simulator(find_topology(name)) for name in TOPOLOGIES}


def random_designs(topology, count, seed):
    random = np.random.default_rng(seed)
    low, high = (np.array([getattr(v, key) for v in topology.variables]) for key in ("low", "high"))
    low = np.where(low > 0, low, 1e-3 * high)
    return np.exp(random.uniform(np.log(low), np.log(high), (count, len(low))))


def differences(simulator, designs, metrics, step, **conditions):
    """Derivatives by relative steps of each variable, fourth order, shape (n, metrics, variables)."""

    def evaluate(changed):
        results = simulator.simulate(changed, poles=False, **conditions)
        return np.stack([results.column(name) for name in metrics], axis=1)

    found = np.empty((len(designs), len(metrics), designs.shape[1]))
    for k in range(designs.shape[1]):
        values = []
        for sign in (1, -1, 2, -2):
            changed = designs.copy()
            changed[:, k] *= 1 + sign * step
            values.append(evaluate(changed))
        near, far = values[0] - values[1], values[2] - values[3]
        found[:, :, k] = (8 * near - far) / (12 * step * designs[:, k])[:, None]
    return found


def agreement(simulator, designs, metrics, **conditions):
    """Relative errors of all gradients, and which of them lie where the metrics are smooth."""
    values, gradients = metric_gradients(simulator, designs, metrics, **conditions)
    coarse, fine = (differences(simulator, designs, metrics, h, **conditions) for h in (4e-4, 1e-4))
    sizes = np.abs(gradients) * designs[:, None, :]
    scale = np.max(sizes, axis=2, keepdims=True) + 1e-9 * np.abs(values)[:, :, None]
    with np.errstate(all="ignore"):
        unsure = np.abs(coarse - fine) * designs[:, None, :] / scale
        errors = np.abs(gradients - coarse) * designs[:, None, :] / scale
    smooth = (unsure < 1e-5).all(axis=2)
    return values, gradients, errors.max(axis=2), smooth


@pytest.mark.parametrize("name", TOPOLOGIES)
def test_agrees_with_differences_of_the_simulator(simulators, name):
    simulator = simulators[name]
    designs = np.concatenate(
        [simulator.topology.nominal[None] + 1e-3, random_designs(simulator.topology, 5, 3)]
    )
    metrics = differentiable_metrics(simulator.topology)
    values, gradients, errors, smooth = agreement(simulator, designs, metrics)
    results = simulator.simulate(designs)
    for column, metric in enumerate(metrics):
        np.testing.assert_array_equal(values[:, column], results.column(metric), err_msg=metric)
    exists = np.isfinite(values)
    np.testing.assert_array_equal(np.isfinite(gradients).all(axis=2), exists)
    assert smooth[exists].mean() > 0.85  # elsewhere a crossing passes a point of the grid
    assert np.max(errors[exists & smooth]) < 1e-5
    assert np.median(errors[exists & smooth]) < 1e-9


def test_agrees_at_a_corner_with_mismatch(simulators):
    simulator = simulators["two-stage-opamp"]
    designs = random_designs(simulator.topology, 3, 5)
    transistors = len(simulator.topology.netlist.transistors)
    mismatch = np.random.default_rng(0).normal(0, [5e-3, 0.01], (3, transistors, 2))
    conditions = {"corner": Corner("hot", "slow", "fast", 0.95, 85.0), "mismatch": mismatch}
    metrics = ("power", "gain_db", "f3db", "ugbw", "pm_deg", "inoise_f0", "inoise_total")
    _, plain = metric_gradients(simulator, designs, metrics)
    _, gradients, errors, smooth = agreement(simulator, designs, metrics, **conditions)
    assert smooth.mean() > 0.85
    assert np.max(errors[smooth]) < 1e-5
    assert not np.allclose(plain, gradients, rtol=1e-3)


def forward_biased_stage():
    """A stage whose bulk is above its source, a supply and a bias that are variables, a load with L."""
    return Topology(
        name="forward-biased",
        title="A stage with a forward-biased bulk",
        netlist=Netlist(
            models=(N018, P018),
            elements=(
                VoltageSource("vdd", "vdd", "0", "VDD"),
                VoltageSource("vin", "in", "0", "VIN", ac=1.0),
                VoltageSource("vbulk", "bulk", "0", "0.6"),
                Resistor("rmid", "mid", "0", "RS"),
                Mosfet("m1", "out", "in", "mid", "bulk", "n018", "W", "L"),
                Mosfet("m2", "out", "out", "vdd", "vdd", "p018", "2*W**0.5", "L"),
                Capacitor("cl", "out", "0", "CL*1e-15"),
            ),
        ),
        variables=(
            Variable("W", "um", 1.0, 50.0, 0.01, 10.0),
            Variable("L", "um", 0.18, 1.0, 0.01, 0.3),
            Variable("RS", "ohm", 10.0, 5000.0, 1.0, 300.0),
            Variable("CL", "fF", 1.0, 500.0, 1.0, 50.0),
            Variable("VDD", "V", 1.0, 3.0, 0.01, 1.8),
            Variable("VIN", "V", 0.5, 1.5, 0.01, 0.9),
            Variable("NOTHING", "1", 0.5, 1.5, 0.01, 0.9),
        ),
        bench=Bench("vin", ("out", "0"), 1e6, 1e11, 20, ("vdd",)),
        area="W*L",
    )


def test_forward_biased_bulk_and_sources_that_are_variables():
    simulator = Simulator(forward_biased_stage())
    designs = simulator.topology.nominal * np.array([[1.0] * 7, [0.7, 1.3, 2, 0.8, 1.1, 0.95, 1]])
    metrics = ("power", "area", "gain", "f3db", "phase_at_f3db_deg", "onoise_f0", "inoise_total")
    corner = Corner("low", supply=0.9)
    bias = simulator.simulate(designs, corner=corner).devices[:, 0, DEVICE_COLUMNS.index("vbs")]
    assert np.all(bias > 0.1)
    _, gradients, errors, smooth = agreement(simulator, designs, metrics, corner=corner)
    assert smooth.all()
    assert np.max(errors) < 1e-6
    assert np.all(gradients[:, :, simulator.topology.index("NOTHING")] == 0.0)
    assert np.all(gradients[:, 0, simulator.topology.index("CL")] == 0.0)  # no power in a capacitor
    assert np.all(gradients[:, 0, simulator.topology.index("VDD")] > 0.0)


def test_failed_rows_and_missing_crossings_are_alone(simulators):
    simulator = simulators["two-stage-opamp"]
    good = simulator.topology.nominal
    designs = np.array([good, good, good, good])
    designs[1, 0] = -1.0
    designs[2, 3] = np.nan
    designs[3, simulator.topology.index("W6")] = 1e-3  # hardly any gain: no unity-gain frequency
    metrics = ("power", "area", "gain", "ugbw", "pm_deg", "onoise_total")
    values, gradients = metric_gradients(simulator, designs, metrics)
    assert np.isnan(values[1:3]).all()
    assert np.isnan(gradients[1:3]).all()
    assert np.isnan(gradients[3, 3:5]).all()
    assert np.isfinite(gradients[3, [0, 1, 2, 5]]).all()
    alone = metric_gradients(simulator, good, metrics)
    np.testing.assert_array_equal(gradients[0], alone[1][0])
    with pytest.raises(InputError, match="'stable' of two-stage-opamp has no gradient"):
        metric_gradients(simulator, designs, ("gain", "stable"))


def test_any_choice_of_metrics_gives_the_same_gradients(simulators):
    simulator = simulators["two-stage-tia"]
    designs = random_designs(simulator.topology, 4, 9)
    names = differentiable_metrics(simulator.topology)
    _, every = metric_gradients(simulator, designs, names)
    results = simulator.simulate(designs, poles=False, spectra=True)
    for chosen in (("irn_rms",), ("inoise_f3db", "area", "inoise_f3db"), ("f3db_max", "power"), ()):
        _, some = gradients_of(simulator, results, chosen)
        expected = every[:, [names.index(name) for name in chosen]]
        np.testing.assert_allclose(some, expected, rtol=1e-9, equal_nan=True)


@pytest.mark.parametrize("name", TOPOLOGIES)
def test_totals_agree_with_those_of_elimination_with_pivots(simulators, name, monkeypatch):
    simulator = simulators[name]
    designs = random_designs(simulator.topology, 5, 4)
    metrics = ("onoise_total", "inoise_total", "irn_rms")
    _, fast = metric_gradients(simulator, designs, metrics)
    monkeypatch.setattr(
        gradients_module, "plan", lambda *args: plan(*args)._replace(worst_residual=0.0)
    )
    _, slow = metric_gradients(Simulator(simulator.topology), designs, metrics)
    assert not np.array_equal(fast, slow)  # another order of sums: it is another computation
    scale = np.max(np.abs(slow) * designs[:, None, :], axis=2, keepdims=True)
    assert np.max(np.abs(fast - slow) * designs[:, None, :] / scale) < 1e-8


def test_threads_change_nothing():
    topology = replace(find_topology("two-stage-tia"))
    designs = random_designs(topology, 600, 1)
    metrics = ("gain", "f3db", "power")
    one = metric_gradients(Simulator(topology), designs, metrics)
    two = metric_gradients(Simulator(topology, threads=2), designs, metrics)
    for a, b in zip(one, two, strict=True):
        np.testing.assert_array_equal(a, b)


VOLTAGES = st.floats(-1.9, 1.9)


@settings(deadline=None, max_examples=200)
@given(
    vgs=VOLTAGES,
    vds=VOLTAGES,
    vbs=st.floats(-1.9, 0.55),
    width=st.floats(0.3, 80),
    length=st.floats(0.2, 2),
)
def test_device_derivatives(vgs, vds, vbs, width, length):
    card = card_row(N018, Corner("tt"))
    forward = vds >= 0
    if not forward:  # the frame of a reversed transistor
        vgs, vds, vbs = vgs - vds, -vds, min(vbs - vds, 0.55)

    def quantities(vg, vd, vb, w, length_):
        p = np.zeros(DEVICE_PARAMETERS)
        fill_device(p, card, w, length_, 0.0, 0.0)
        state = channel(p, vg, vd, vb)
        found = np.zeros(QUANTITIES)
        found[[CURRENT, GM, GDS, GMB]] = state.current, state.gm, state.gds, state.gmb
        ibd, found[GBD] = junction(p, vb - vd)
        ibs, found[GBS] = junction(p, vb)
        found[CGS], found[CGD], found[CGB] = meyer(p, vg, vd, state)
        found[CBD], found[CBS] = junction_capacitance(p, vb - vd), junction_capacitance(p, vb)
        found[DRAIN_CURRENT] = state.current - ibd if forward else -state.current - ibs
        return found, state

    at = np.array([vgs, vds, vbs, width, length])
    values, state = quantities(*at)
    steps = np.array([1e-6, 1e-6, 1e-6, 1e-6 * width, 1e-6 * length])
    x, vt, phi = vgs - state.von, 0.02585, N018.phi
    kinks = (x, x - vds, vds - max(x, 0.025), x - 0.025, x + phi, x + phi / 2, vbs, vds,
             vbs - N018.fc * N018.pb, vbs - vds - N018.fc * N018.pb, vbs + 3 * vt, vbs - vds + 3 * vt)  # fmt: skip
    if min(map(abs, kinks)) < 1e-3:
        return
    p, derivatives = np.zeros(DEVICE_PARAMETERS), np.zeros((QUANTITIES, COLUMNS))
    fill_device(p, card, width, length, 0.0, 0.0)
    device_derivatives(p, card, width, length, forward, vgs, vds, vbs, derivatives)
    for column, step in enumerate(steps):
        ahead, behind = at.copy(), at.copy()
        ahead[column] += step
        behind[column] -= step
        expected = (quantities(*ahead)[0] - quantities(*behind)[0]) / (2 * step)
        size = np.abs(values) / (at[column] if column > 2 else 0.02) + 1e-30
        assert np.all(np.abs(derivatives[:, column] - expected) < 3e-7 * size + 1e-6 * np.abs(expected))


@settings(deadline=None, max_examples=100)
@given(slope=st.floats(-30, 30), decades=st.floats(0.01, 0.1))
def test_interval_weights(slope, decades):
    f1, f2, s1 = 1e6, 1e6 * 10**decades, 1e-16
    s2 = s1 * (f2 / f1) ** slope
    log_ratio = np.log(f2 / f1)
    area, left, right = interval_weights(s1, s2, f1, f2, log_ratio)
    grid = np.exp(np.linspace(np.log(f1), np.log(f2), 20001))
    assert area == pytest.approx(np.trapezoid(s1 * (grid / f1) ** slope, grid), rel=1e-6)
    by_left = interval_weights(s1 * (1 + 1e-5), s2, f1, f2, log_ratio)[0]
    by_left -= interval_weights(s1 * (1 - 1e-5), s2, f1, f2, log_ratio)[0]
    by_right = interval_weights(s1, s2 * (1 + 1e-5), f1, f2, log_ratio)[0]
    by_right -= interval_weights(s1, s2 * (1 - 1e-5), f1, f2, log_ratio)[0]
    assert left * s1 == pytest.approx(by_left / 2e-5, abs=1e-6 * area)
    assert right * s2 == pytest.approx(by_right / 2e-5, abs=1e-6 * area)
    assert left * s1 + right * s2 == pytest.approx(area, rel=1e-9)
