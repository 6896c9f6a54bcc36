"""Process, supply and temperature; temperature against ngspice 39.3, stored and live.

``temperature.csv`` has, for each card and temperature, nine bias points of a transistor of 10 by 0.36 um
(print-outs of ``op``, currents and voltages type-normalised) and the output noise of a common-source stage
with a load of 1 kOhm at three frequencies and three gate voltages. :func:`ngspice_devices` and
:func:`ngspice_noise` make such rows.
"""

import csv
import dataclasses
import math
import re
import shutil
import subprocess
from pathlib import Path

import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eyas.envs.circuit import mosfet
from eyas.envs.circuit.conditions import (
    BOLTZMANN,
    PROCESS_CORNERS,
    TYPICAL,
    Corner,
    card_at,
    process_card,
    pvt_corners,
)
from eyas.envs.circuit.model_card import COURSE_NMOS, COURSE_PMOS, N018, P018
from eyas.envs.circuit.netlist import Mosfet, Netlist, Resistor, VoltageSource
from eyas.envs.circuit.simulator import Simulator, card_row
from eyas.envs.circuit.topology import Bench, Topology, Variable
from eyas.errors import InputError

DATA = Path(__file__).parents[2] / "data" / "circuit" / "temperature.csv"
CARDS = {card.name: card for card in (N018, P018, COURSE_NMOS, COURSE_PMOS)}
WIDTH, LENGTH = 10.0, 0.36
QUANTITIES = (
    "id", "gm", "gds", "gmbs", "von", "vdsat", "cgs", "cgd", "cgb", "cbd", "cbs", "gbd", "gbs", "ibd", "ibs",
)  # fmt: skip
needs_ngspice = pytest.mark.skipif(
    shutil.which("ngspice") is None, reason="ngspice is not installed (Debian: apt install ngspice)"
)


def sign_of(card):
    return 1.0 if card.polarity == "nmos" else -1.0


@numba.njit
def at_bias(card, vgs, vds, vbs):
    """QUANTITIES of a transistor, type-normalised."""
    p = np.zeros(mosfet.DEVICE_PARAMETERS)
    mosfet.fill_device(p, card, 10.0, 0.36, 0.0, 0.0)
    state = mosfet.channel(p, vgs, vds, vbs)
    ibd, gbd = mosfet.junction(p, vbs - vds)
    ibs, gbs = mosfet.junction(p, vbs)
    cgs, cgd, cgb = mosfet.meyer(p, vgs, vds, state)
    cbd, cbs = mosfet.junction_capacitance(p, vbs - vds), mosfet.junction_capacitance(p, vbs)
    through = state.current if state.forward else -state.current
    return (
        through - ibd, state.gm, state.gds, state.gmb, state.von, state.vdsat,
        cgs, cgd, cgb, cbd, cbs, gbd, gbs, ibd, ibs,
    )  # fmt: skip


def stage(card):
    """A common-source stage; the gate voltage VG is its variable."""
    low = card.polarity == "nmos"
    rail, drain_rail = ("0", "vdd") if low else ("vdd", "0")
    return Topology(
        name="stage", title="", area="1",
        netlist=Netlist(models=(card,), elements=(
            VoltageSource("vdd", "vdd", "0", "1.8"),
            VoltageSource("vg", "g", "0", "VG", ac=1.0),
            Resistor("r", "d", drain_rail, "1e3"),
            Mosfet("m", "d", "g", rail, rail, card.name, str(WIDTH), str(LENGTH)),
        )),
        variables=(Variable("VG", "V", 0.1, 1.8, 0.01, 0.9),),
        bench=Bench("vg", ("d", "0"), 1e3, 1e9, 1, ("vdd",)),
    )  # fmt: skip


def ngspice(lines, temperature, control):
    """What ngspice prints as ``name = number``, in order."""
    run = subprocess.run(
        ["ngspice", "-b", "/dev/stdin"],
        input="\n".join([
            "* temperature", *lines,
            f".options temp={temperature!r} reltol=1e-9 vntol=1e-12 abstol=1e-18",
            ".control", "set numdgt=15", *control, ".endc", ".end", "",
        ]),
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    found = re.findall(r"^[^=\n]+ = (\S+)$", run.stdout, re.MULTILINE)
    return np.array([float(text) for text in found if re.match(r"^[-+0-9.e]+$", text)])


def model_and_transistor(card, name, nodes):
    area, perimeter = 2 * card.hdif * WIDTH, 4 * card.hdif + WIDTH
    keys = (
        "vto", "kp", "gamma", "phi", "tox", "cgso", "cgdo", "cgbo", "cj", "cjsw", "pb", "mj", "mjsw", "kf",
        "af",
    )  # fmt: skip
    numbers = " ".join(f"{key}={getattr(card, key)!r}" for key in keys)
    return (
        f".model q {card.polarity} level=1 lambda={card.lambda_length / LENGTH!r} {numbers}",
        f"{name} {nodes} q w={WIDTH}u l={LENGTH}u ad={area!r}p as={area!r}p pd={perimeter!r}u ps={perimeter!r}u",
    )  # fmt: skip


def ngspice_devices(card, temperature, biases):
    """QUANTITIES at each bias (vgs, vds, vbs, type-normalised), shape ``(biases, quantities)``."""
    sign, lines, control = sign_of(card), [], ["op"]
    for i, bias in enumerate(biases):
        model, transistor = model_and_transistor(card, f"m{i}", f"d{i} g{i} 0 b{i}")
        lines += [transistor] if i else [model, transistor]
        for node, voltage in zip("gdb", bias, strict=True):
            lines.append(f"v{node}{i} {node}{i} 0 {sign * voltage!r}")
        control += [f"print @m{i}[{quantity}]" for quantity in QUANTITIES]
    values = ngspice(lines, temperature, control).reshape(len(biases), len(QUANTITIES))
    values[:, 4:6] *= sign  # ngspice prints von and vdsat with the sign of the device
    return values


def ngspice_noise(card, temperature, gate):
    """Output noise density (V/sqrt(Hz)) of the stage at 1 kHz ... 1 GHz, a point for each decade."""
    rail, drain_rail = ("0", "vdd") if card.polarity == "nmos" else ("vdd", "0")
    model, transistor = model_and_transistor(card, "m1", f"d g {rail} {rail}")
    lines = [
        model, transistor, "vdd vdd 0 1.8", f"vg g 0 dc {gate!r} ac 1", f"r d {drain_rail} 1k",
    ]  # fmt: skip
    control = ["noise v(d) vg dec 1 1k 1g", "setplot noise1"]
    control += [f"print onoise_spectrum[{i}]" for i in range(7)]
    return ngspice(lines, temperature, control)


def ours_at(card, temperature, bias):
    return np.array(at_bias(card_row(card, Corner("t", temperature=temperature)), *bias))


def rows(kind):
    with DATA.open() as file:
        return [row for row in csv.DictReader(file) if row["kind"] == kind]


def test_transistors_at_four_temperatures_agree_to_eight_digits():
    stored = rows("op")
    assert {float(row["temperature"]) for row in stored} == {-40.0, 27.0, 85.0, 125.0}
    for row in stored:
        bias = [float(row[name]) for name in ("vgs", "vds", "vbs")]
        ours = ours_at(CARDS[row["card"]], float(row["temperature"]), bias)
        theirs = [float(row[name]) for name in QUANTITIES]
        np.testing.assert_allclose(ours, theirs, rtol=1e-8, atol=1e-24, err_msg=str(row))


def test_noise_at_four_temperatures_agrees_to_eight_digits():
    for name in ("n018", "p018"):
        simulator = Simulator(stage(CARDS[name]))
        for row in rows("noise"):
            if row["card"] != name:
                continue
            corner = Corner("t", temperature=float(row["temperature"]))
            results = simulator.simulate([[float(row["vgs"])]], corner=corner, spectra=True)
            ours = results.output_noise[0, [0, 3, 6]]
            theirs = [float(row[f"noise_{f}"]) for f in ("1k", "1M", "1G")]
            np.testing.assert_allclose(ours, theirs, rtol=1e-8, err_msg=str(row))


@needs_ngspice
@pytest.mark.parametrize("card", CARDS.values(), ids=CARDS)
def test_transistors_agree_with_ngspice_at_random_temperatures_and_biases(card):
    rng = np.random.default_rng(7)
    for temperature in [*rng.uniform(-60.0, 160.0, 3).tolist(), 27.0]:
        biases = (rng.uniform([-1.5, -0.8, -1.2], [1.8, 1.8, 0.4], (12, 3))).tolist()
        theirs = ngspice_devices(card, temperature, biases)
        ours = np.array([ours_at(card, temperature, bias) for bias in biases])
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-24)


@needs_ngspice
@pytest.mark.parametrize("card", [N018, P018], ids=["n018", "p018"])
def test_noise_agrees_with_ngspice_at_random_temperatures(card):
    simulator = Simulator(stage(card))
    rng = np.random.default_rng(8)
    for temperature in rng.uniform(-60.0, 160.0, 3).tolist():
        gate = float(rng.uniform(0.5, 1.2))
        corner = Corner("t", temperature=temperature)
        ours = simulator.simulate([[gate]], corner=corner, spectra=True).output_noise[0]
        np.testing.assert_allclose(ours, ngspice_noise(card, temperature, gate), rtol=1e-8)


@pytest.mark.parametrize("card", CARDS.values(), ids=CARDS)
def test_the_typical_corner_leaves_every_bit_and_its_surroundings_are_smooth(card):
    assert card_at(card, TYPICAL) is card
    near = card_at(card, Corner("near", temperature=27.0 + 1e-11))
    for field in dataclasses.fields(card):
        value = getattr(card, field.name)
        if isinstance(value, float):
            assert getattr(near, field.name) == pytest.approx(value, rel=1e-11, abs=0.0)


@given(
    temperature=st.floats(-60.0, 160.0),
    step=st.floats(1.0, 20.0),
    card=st.sampled_from(list(CARDS.values())),
)
def test_heat_lowers_thresholds_and_mobility_and_raises_leakage(temperature, step, card):
    cold, hot = (card_at(card, Corner("t", temperature=t)) for t in (temperature, temperature + step))
    assert abs(hot.vto) < abs(cold.vto)
    assert hot.kp < cold.kp and hot.phi < cold.phi and hot.pb < cold.pb
    assert hot.cj > cold.cj and hot.cjsw > cold.cjsw
    assert hot.saturation_current > cold.saturation_current
    assert hot.kp == pytest.approx(
        cold.kp * ((273.15 + temperature) / (273.15 + temperature + step)) ** 1.5
    )


def test_process_corners_shift_each_polarity_by_a_tenth():
    fast_slow = PROCESS_CORNERS["fs"]
    fast, slow = process_card(N018, fast_slow), process_card(P018, fast_slow)
    assert (fast.vto, fast.kp) == pytest.approx((0.405, 187e-6))
    assert (slow.vto, slow.kp) == pytest.approx((-0.506, 50.4e-6))
    assert process_card(dataclasses.replace(N018, vto=-0.2), fast_slow).vto == pytest.approx(-0.22)
    assert card_at(P018, fast_slow) == slow
    assert process_card(N018, Corner("hot", temperature=125.0)) is N018


def test_heat_acts_on_the_shifted_card():
    hot_fast = card_at(N018, Corner("x", "fast", "slow", temperature=85.0))
    hot = card_at(N018, Corner("x", temperature=85.0))
    assert hot_fast.vto - hot.vto == pytest.approx(-0.045)
    assert hot_fast.kp / hot.kp == pytest.approx(1.1)


def test_thermal_voltage_and_energy():
    assert pytest.approx(0.02586492, rel=1e-6) == TYPICAL.thermal_voltage
    assert TYPICAL.thermal_energy == BOLTZMANN * 300.15
    assert Corner("t", temperature=-40.0).kelvin == pytest.approx(233.15)


def test_the_grid_has_every_combination_once():
    corners = pvt_corners(supplies=(0.9, 1.1), temperatures=(-40.0, 125.0))
    assert len(corners) == 20
    assert len({(c.nmos, c.pmos, c.supply, c.temperature) for c in corners}) == 20
    assert len({c.name for c in corners}) == 20
    assert corners[1].name == "tt/0.9/125C"
    assert len(pvt_corners()) == 45


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"nmos": "quick"}, r"corner x: nmos = 'quick' must be one of: typical, fast, slow"),
        ({"pmos": ""}, r"corner x: pmos = '' must be one of: typical, fast, slow"),
        ({"supply": 0.0}, r"corner x: supply = 0 must be a positive number"),
        ({"supply": math.nan}, r"corner x: supply = nan must be a positive number"),
        ({"temperature": -274.0}, r"corner x: temperature = -274 must be a number above -273.15"),
        ({"temperature": math.inf}, r"corner x: temperature = inf must be a number above"),
    ],
)
def test_impossible_corners_are_refused(arguments, sentence):
    with pytest.raises(InputError, match=sentence):
        Corner("x", **arguments)


def test_a_heat_that_silicon_does_not_stand_is_refused():
    with pytest.raises(InputError, match=r"temperature = 600 C is too high for model n018: its phi"):
        card_at(N018, Corner("x", temperature=600.0))
