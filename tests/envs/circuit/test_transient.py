"""Transient analysis against ngspice, the poles, and circuits whose answer is known."""

import shutil
import subprocess

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eyas.envs.circuit.conditions import Corner
from eyas.envs.circuit.deck import Deck
from eyas.envs.circuit.kernels import matrices, operating_points
from eyas.envs.circuit.model_card import N018, P018
from eyas.envs.circuit.mosfet import DEVICE_PARAMETERS, fill_device, junction_capacitance
from eyas.envs.circuit.netlist import (
    Capacitor,
    CurrentSource,
    Inductor,
    Mosfet,
    Netlist,
    Resistor,
    VoltageSource,
)
from eyas.envs.circuit.simulator import Simulator, card_row
from eyas.envs.circuit.topology import TOPOLOGIES, Bench, Topology, Variable, find_topology
from eyas.envs.circuit.transient import Pulse, StepResponse, step_response
from eyas.envs.circuit.transient_charges import junction_charge
from eyas.errors import InputError

NGSPICE = shutil.which("ngspice")


@pytest.fixture(scope="module")
def simulators():
    return {name: Simulator(find_topology(name)) for name in TOPOLOGIES}


def ngspice_transient(topology, design, pulse, start, stop, folder):
    """Times and output of ngspice's ``tran``; the loop of an op-amp is closed for good."""
    lines = []
    for line in Deck(topology, design).circuit():
        name = line.split()[0].lower()
        if name in topology.bench.closure:
            element = next(e for e in topology.netlist.elements if e.name == name)
            line = f"vshort {element.plus} {element.minus} 0" if isinstance(element, Inductor) else "*"
        elif name == pulse.source:
            fall, width = pulse.fall_time or pulse.rise_time, min(pulse.width, 10 * stop)
            line = (
                f"{' '.join(line.split()[:3])} pulse({start:.12g} {start + pulse.step:.12g} {pulse.delay:.12g}"
                f" {pulse.rise_time:.12g} {fall:.12g} {width:.12g} {1000 * stop:.12g})"
            )
        lines.append(line)
    plus, minus = topology.bench.output
    output = f"v({plus})" if minus == "0" else f"v({plus})-v({minus})"
    script = [
        *(line for line in lines if not line.startswith(".options")),
        ".options reltol=1e-6 vntol=1e-11 abstol=1e-16 trtol=1 chgtol=1e-20 itl1=1000 itl4=100 method=trap",
        ".control",
        "set wr_singlescale",
        "set numdgt=12",
        f"tran {stop / 1000:.6g} {stop:.6g} 0 {stop / 4000:.6g}",
        f"let answer = {output}",
        "wrdata answer.txt answer",
        "quit 0",
        ".endc",
        ".end",
    ]
    (folder / "circuit.cir").write_text("\n".join(script) + "\n")
    subprocess.run(
        [NGSPICE, "-n", "-b", "circuit.cir"], cwd=folder, timeout=120, check=True, capture_output=True
    )
    table = np.loadtxt(folder / "answer.txt")
    return table[:, 0], table[:, 1]


CASES = {
    "two-stage-tia": (Pulse("iin", 20e-6, delay=50e-12, rise_time=5e-12), 0.0, 1e-9),
    "three-stage-tia": (Pulse("iinb", 5e-6, delay=1e-9, rise_time=0.2e-9), 0.0, 20e-9),
    "inverter-tia": (
        Pulse("iin", 50e-6, delay=20e-12, rise_time=5e-12, width=400e-12, fall_time=20e-12), 0.0, 1e-9,
    ),
    "two-stage-opamp": (Pulse("vcm", 0.3, initial=0.75, delay=50e-9, rise_time=1e-9), 0.75, 1e-6),
    "folded-cascode-ota": (Pulse("vcm", 0.2, initial=0.7, delay=50e-9, rise_time=1e-9), 0.7, 1e-6),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_agrees_with_ngspice(simulators, name, tmp_path):
    if NGSPICE is None:
        pytest.skip("ngspice is not installed")
    simulator, (pulse, start, stop) = simulators[name], CASES[name]
    topology = simulator.topology
    for number, factor in enumerate((1.0, 1.3)):
        design = topology.nominal.copy()
        design[0] *= factor
        design[2] /= factor
        response = step_response(simulator, design, pulse, stop, tolerance=1e-7)
        assert response.reason(0) == "ok"
        folder = tmp_path / str(number)
        folder.mkdir()
        times, expected = ngspice_transient(topology, design, pulse, start, stop, folder)
        swing = np.ptp(expected)
        assert swing > 1e-3
        errors = response.outputs[0] - np.interp(response.times, times, expected)
        assert np.max(np.abs(errors)) < 1e-4 * swing
        assert np.median(np.abs(errors)) < 1e-5 * swing


def linear_step(simulator, design, times, step):
    """The output after a step of the input, from the small-signal matrices."""
    structure, n = simulator.structure, simulator.structure.unknowns
    values = simulator.element_values(design[None])[0]
    voltages = np.zeros((1, structure.size))
    operating_points(
        structure, simulator.cards(), simulator.no_mismatch, values[None], simulator.start,
        np.zeros(1, dtype=np.uint8), voltages,
    )  # fmt: skip
    conductances, capacitance = matrices(structure, simulator.cards(), values, voltages[0])
    poles, modes = np.linalg.eig(np.linalg.solve(capacitance[:n, :n], -conductances[:n, :n]))
    rest = np.linalg.solve(conductances[:n, :n], structure.input_currents[0])
    weights = np.linalg.solve(modes, rest.astype(complex))
    moved = step * ((1.0 - np.exp(times[:, None] * poles)) * weights) @ modes.T
    plus, minus = (np.append(np.arange(n), [-1] * (structure.size - n))[i] for i in structure.output)
    output = moved[:, plus].real
    return output - moved[:, minus].real if minus >= 0 else output


@pytest.mark.parametrize(
    ("name", "growing"), [("two-stage-tia", False), ("inverter-tia", False), ("inverter-tia", True)]
)
def test_a_small_step_is_the_linear_response(simulators, name, growing):
    simulator = simulators[name]
    topology = simulator.topology
    loads = {"WN4": 10.0, "WP4": 25.0, "RF": 300.0}
    changes = loads if name == "inverter-tia" and not growing else {}
    design = topology.design(changes)
    assert simulator.simulate(design).column("stable")[0] == (not growing)
    stop = 1e-9
    response = step_response(
        simulator, design, Pulse("iin", 1e-8, rise_time=1e-17), stop, tolerance=1e-7
    )
    assert response.reason(0) == "ok"
    expected = linear_step(simulator, design, response.times, 1e-8)
    moved = response.outputs[0] - response.outputs[0, 0]
    assert np.max(np.abs(moved - expected)) < 1e-3 * np.ptp(expected)
    gain = simulator.simulate(design).column("gain")[0] * 1e-8
    if growing:
        assert np.ptp(moved) > 3 * gain
        assert np.isnan(response.settling_time(0.01)[0])
    else:
        assert abs(response.change[0]) == pytest.approx(gain, rel=1e-3)


def passive(*elements, output=("out", "0")):
    return Topology(
        name="passive",
        title="A circuit without transistors",
        netlist=Netlist(elements=elements),
        variables=(
            Variable("R", "ohm", 1.0, 1e6, 1.0, 1000.0),
            Variable("C", "pF", 1e-3, 10.0, 1e-3, 1.0),
        ),
        bench=Bench("vin", output, 1e6, 1e10, 10, ("vin",)),
        area="R",
    )


@settings(deadline=None, max_examples=25)
@given(
    resistance=st.floats(10, 1e5), capacitance=st.floats(0.01, 10), step=st.floats(-2, 2).filter(lambda x: abs(x) > 1e-3),
    initial=st.floats(-1, 1), rise=st.floats(1e-3, 3), delay=st.floats(0, 2),
)  # fmt: skip
def test_rc_is_exact(resistance, capacitance, step, initial, rise, delay):
    simulator = rc_simulator()
    tau = resistance * capacitance * 1e-12
    pulse = Pulse("vin", step, initial, delay=delay * tau, rise_time=rise * tau)
    response = step_response(simulator, [resistance, capacitance], pulse, 8 * tau, samples=400)
    assert response.reason(0) == "ok"
    t = np.maximum(response.times / tau - delay, 0.0)
    after = np.maximum(t - rise, 0.0)
    ramp = (t - 1 + np.exp(-t)) - (after - 1 + np.exp(-after))
    assert np.max(np.abs(response.outputs[0] - initial - step / rise * ramp)) < 3e-5 * abs(step)
    assert response.final[0] == pytest.approx(initial + step, abs=1e-9)


_RC = []


def rc_simulator():
    if not _RC:
        _RC.append(Simulator(passive(
            VoltageSource("vin", "in", "0", "0", ac=1.0), Resistor("r", "in", "out", "R"),
            Capacitor("c", "out", "0", "C*1e-12"),
        )))  # fmt: skip
    return _RC[0]


def test_a_tank_keeps_its_energy():
    """1 uH and 1 pF, hit by a step through almost nothing: the swing neither grows nor decays."""
    simulator = Simulator(passive(
        VoltageSource("vin", "in", "0", "0", ac=1.0), Inductor("l", "in", "out", "1e-6"),
        Capacitor("c", "out", "0", "C*1e-12"), Resistor("r", "out", "0", "1e12"),
    ))  # fmt: skip
    period = 2 * np.pi * 1e-9
    response = step_response(
        simulator, [1.0, 1.0], Pulse("vin", 1.0, rise_time=1e-15), 20 * period, tolerance=1e-7
    )
    expected = 1 - np.cos(2 * np.pi * response.times / period)
    assert np.max(np.abs(response.outputs[0] - expected)) < 5e-3
    late = response.times > 19 * period
    assert np.ptp(response.outputs[0, late]) == pytest.approx(2.0, abs=2e-3)


def test_a_current_charges_a_gate_and_a_junction():
    """What a current source delivers is in the capacitances of a transistor that carries no current."""
    topology = Topology(
        name="charged",
        title="A current into a drain junction",
        netlist=Netlist(
            models=(N018, P018),
            elements=(
                VoltageSource("vdd", "vdd", "0", "1.8"),
                CurrentSource("iin", "0", "out", "0", ac=1.0),
                Resistor("r", "out", "0", "1e12"),
                Mosfet("m1", "out", "0", "0", "0", "n018", "W", "0.18"),
                Mosfet("m2", "vdd", "vdd", "vdd", "vdd", "p018", "W", "0.18"),
            ),
        ),
        variables=(Variable("W", "um", 1.0, 100.0, 0.01, 10.0),),
        bench=Bench("iin", ("out", "0"), 1e6, 1e10, 10, ("vdd",)),
        area="W",
    )
    pulse = Pulse("iin", 1e-6, rise_time=1e-15, width=20e-9)
    response = step_response(Simulator(topology), [10.0], pulse, 20e-9)
    p = np.zeros(DEVICE_PARAMETERS)
    fill_device(p, card_row(N018, Corner("tt")), 10.0, 0.18, 0.0, 0.0)
    reached = response.outputs[0, -1]
    stored = -junction_charge(p, -reached) + N018.cgdo * 10e-6 * reached
    assert 0.5 < reached < 1.8
    assert stored == pytest.approx(1e-6 * 20e-9, rel=1e-5)


@settings(deadline=None)
@given(v=st.floats(-3, 1.2), width=st.floats(0.5, 100))
def test_charge_is_the_integral_of_the_capacitance(v, width):
    p = np.zeros(DEVICE_PARAMETERS)
    fill_device(p, card_row(P018, Corner("tt")), width, 0.18, 0.0, 0.0)
    slope = (junction_charge(p, v + 1e-6) - junction_charge(p, v - 1e-6)) / 2e-6
    assert slope == pytest.approx(junction_capacitance(p, v), rel=1e-6)
    assert junction_charge(p, 0.0) == 0.0


def test_figures_of_a_step():
    t = np.linspace(0, 20, 40001)
    first = 1 - np.exp(-np.maximum(t - 2, 0))
    damping = 0.3
    late, w = np.maximum(t - 2, 0), np.sqrt(1 - damping**2)
    second = 1 - np.exp(-damping * late) * (np.cos(w * late) + damping / w * np.sin(w * late))
    outputs = np.stack([3 + 2 * first, 1 - 0.5 * second, np.full_like(t, np.nan), 3 + 2 * first])
    final = np.array([5.0, 0.5, np.nan, 9.0])
    status, steps = np.array([0, 0, 2, 0], dtype=np.uint8), np.zeros((4, 2), dtype=np.int64)
    response = StepResponse(t, outputs, final, status, steps, 2.0)
    np.testing.assert_allclose(response.rise_time()[:1], np.log(9), rtol=1e-6)
    np.testing.assert_allclose(response.slew_rate()[0], 1.6 / np.log(9), rtol=1e-6)
    np.testing.assert_allclose(response.settling_time(0.01)[0], np.log(100), rtol=1e-5)
    np.testing.assert_allclose(response.overshoot()[:2], [0, np.exp(-np.pi * damping / w)], atol=1e-6)
    away = t[np.abs(second - 1) > 0.05][-1] - 2
    np.testing.assert_allclose(response.settling_time(0.05)[1], away, atol=1e-3)
    for figure in (response.rise_time(), response.settling_time(), response.slew_rate()):
        assert np.isnan(figure[2:]).all()  # failed; a window that ends at a third of the way
    assert response.reason(2) == "no operating point was found"


def test_failed_rows_are_alone_and_bad_input_is_a_sentence(simulators):
    simulator = simulators["two-stage-tia"]
    good = simulator.topology.nominal
    designs = np.array([good, good, good])
    designs[1, 0] = -1.0
    pulse = Pulse("iin", 1e-6)
    response = step_response(simulator, designs, pulse, 0.3e-9)
    assert response.reason(1) == "a size is not a positive number"
    assert np.isnan(response.outputs[1]).all()
    np.testing.assert_array_equal(response.outputs[0], response.outputs[2])
    alone = step_response(simulator, good, pulse, 0.3e-9)
    np.testing.assert_array_equal(response.outputs[0], alone.outputs[0])
    for call, message in (
        (
            lambda: step_response(simulator, good, Pulse("v9", 1.0), 1e-9),
            "no source 'v9'; it has: iin, vdd",
        ),
        (lambda: step_response(simulator, good, [pulse, pulse], 1e-9), "two waveforms"),
        (lambda: step_response(simulator, good, pulse, -1e-9), "stop_time = -1e-09"),
        (lambda: step_response(simulator, good, pulse, 1e-9, samples=1), "samples = 1"),
        (lambda: step_response(simulator, good, pulse, 1e-9, tolerance=1.0), "tolerance = 1"),
        (lambda: step_response(simulator, good[:3], pulse, 1e-9), "takes"),
        (lambda: Pulse("iin", float("nan")), "step = nan"),
        (lambda: Pulse("iin", 1.0, rise_time=0.0), "rise_time = 0"),
        (lambda: Pulse("iin", 1.0, width=-1.0), "width = -1"),
    ):
        with pytest.raises(InputError, match=message):
            call()
