"""One transistor against ngspice 39.3 in 336 bias points, and what must hold of any transistor."""

import csv
import math
from pathlib import Path

import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eyas.envs.circuit import mosfet
from eyas.envs.circuit.conditions import TYPICAL
from eyas.envs.circuit.model_card import N018, P018
from eyas.envs.circuit.simulator import card_row

DATA = Path(__file__).parents[2] / "data" / "circuit" / "mos1_device.csv"


@numba.njit
def device(card, width, length):
    parameters = np.zeros(mosfet.DEVICE_PARAMETERS)
    mosfet.fill_device(parameters, card, width, length, 0.0, 0.0)
    return parameters


@numba.njit
def at(p, vgs, vds, vbs):
    state = mosfet.channel(p, vgs, vds, vbs)
    ibs, gbs = mosfet.junction(p, vbs)
    ibd, gbd = mosfet.junction(p, vbs - vds)
    cgs, cgd, cgb = mosfet.meyer(p, vgs, vds, state)
    cbs = mosfet.junction_capacitance(p, vbs)
    cbd = mosfet.junction_capacitance(p, vbs - vds)
    through = state.current if state.forward else -state.current
    return (
        through, state.gm, state.gds, state.gmb, state.von, state.vdsat, ibs, gbs, ibd, gbd, cgs, cgd, cgb,
        cbs, cbd,
    )  # fmt: skip


CARDS = {"n018": N018, "p018": P018}


def test_every_bias_point_agrees_to_eight_digits():
    compared = 0
    with DATA.open() as file:
        for row in csv.DictReader(file):
            model = CARDS[row["card"]]
            sign = 1 if model.polarity == "nmos" else -1
            p = device(card_row(model, TYPICAL), float(row["W"]), float(row["L"]))
            bias = [sign * float(row[v]) for v in ("vgs", "vds", "vbs")]
            through, gm, gds, gmb, von, vdsat, ibs, gbs, ibd, gbd, cgs, cgd, cgb, cbs, cbd = at(
                p, *bias
            )
            if abs(float(row["I_drain"])) > 1e3 or abs(float(row["I_bulk"])) > 1e3:
                continue  # a bulk driven far forward: terminals carry kiloamperes
            ours = {
                "I_drain": sign * (through - ibd), "I_source": sign * (-through - ibs),
                "I_bulk": sign * (ibs + ibd), "id": through - ibd, "gm": gm, "gds": gds, "gmbs": gmb,
                "von": sign * von, "vdsat": sign * vdsat, "cgs": cgs, "cgd": cgd, "cgb": cgb, "cbd": cbd,
                "cbs": cbs, "gbd": gbd, "gbs": gbs, "ibd": ibd, "ibs": ibs,
            }  # fmt: skip
            for name, value in ours.items():
                # SPICE's terminal currents are differences: their last digits are those of the largest.
                scale = max(abs(float(row[k])) for k in ("I_drain", "I_source", "I_bulk"))
                absolute = (
                    1e-9 * scale if name.startswith("I_") or name in ("id", "ibd", "ibs") else 0.0
                )
                assert value == pytest.approx(float(row[name]), rel=1e-8, abs=absolute + 1e-21), (
                    name,
                    row,
                )
            compared += 1
    assert compared > 130


VOLTAGE = st.floats(-1.8, 1.8)
SIZE = st.floats(0.5, 50)


@given(VOLTAGE, VOLTAGE, st.floats(-1.8, 0.3), SIZE)
def test_drain_and_source_are_interchangeable(vgs, vds, vbs, width):
    """Level 1 is symmetric: exchanging the names of drain and source only turns the current around."""
    p = device(card_row(N018, TYPICAL), width, 0.36)
    current = at(p, vgs, vds, vbs)[0]
    swapped = at(p, vgs - vds, -vds, vbs - vds)[0]
    assert current == pytest.approx(-swapped, rel=1e-9, abs=1e-18)


@given(st.floats(0.6, 1.8), st.floats(0.01, 1.8), st.floats(-1.5, 0.0))
def test_conductances_are_the_derivatives_of_the_current(vgs, vds, vbs):
    p = device(card_row(N018, TYPICAL), 10.0, 0.36)
    _, gm, gds, gmb, _, vdsat, *_ = at(p, vgs, vds, vbs)
    h = 1e-6
    if abs(vds - vdsat) < 1e-5 or vdsat < 1e-5:
        return  # the kink between the regions

    def slope(a, b):
        return (at(p, *b)[0] - at(p, *a)[0]) / (2 * h)

    assert slope((vgs - h, vds, vbs), (vgs + h, vds, vbs)) == pytest.approx(gm, rel=1e-4, abs=1e-8)
    assert slope((vgs, vds - h, vbs), (vgs, vds + h, vbs)) == pytest.approx(gds, rel=1e-4, abs=1e-8)
    assert slope((vgs, vds, vbs - h), (vgs, vds, vbs + h)) == pytest.approx(gmb, rel=1e-4, abs=1e-8)


@given(st.floats(-1.8, 0.79))
def test_the_junction_charge_is_continuous_and_grows(v):
    p = device(card_row(N018, TYPICAL), 10.0, 0.36)
    assert at(p, 0.0, 0.0, v + 1e-3)[13] > at(p, 0.0, 0.0, v)[13] > 0
    assert at(p, 0.0, 0.0, 0.4 - 1e-12)[13] == pytest.approx(at(p, 0.0, 0.0, 0.4 + 1e-12)[13], rel=1e-9)


def test_a_transistor_without_inversion_carries_only_leakage():
    p = device(card_row(N018, TYPICAL), 10.0, 0.36)
    through, gm, *_ = at(p, 0.2, 1.0, 0.0)
    assert through == 0.0 and gm == 0.0
    assert math.isclose(at(p, 0.2, 1.0, 0.0)[8], -1e-14 - 1e-12, rel_tol=1e-6)
