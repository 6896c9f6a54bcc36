"""Decks: what is in them, and that ngspice reads back the same numbers."""

import re
import shutil
import subprocess
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eyas.envs.circuit.conditions import Corner
from eyas.envs.circuit.deck import Deck, ModelCards, number
from eyas.envs.circuit.netlist import Resistor
from eyas.envs.circuit.topology import TOPOLOGIES, Topology, Variable, find_topology
from eyas.errors import InputError

needs_ngspice = pytest.mark.skipif(shutil.which("ngspice") is None, reason="ngspice is not installed")


def deck(name, **values):
    topology = find_topology(name)
    return Deck(topology, topology.design(values))


def line(text, start):
    return next(found for found in text.splitlines() if found.startswith(start))


@given(st.floats(min_value=1e-30, max_value=1e30))
def test_numbers_are_written_to_the_last_bit(value):
    assert float(number(value)) == value


def test_the_design_is_the_first_parameter_line_and_sizes_follow_it():
    text = deck("two-stage-tia", W1=1.37, RF=421).text()
    first = line(text, ".param")
    assert "W1=1.37 " in first and "RF=421 " in first and "L1=0.18 " in first
    assert "w={W1*1u} l={L1*1u} ad={0.64*W1*1p}" in line(text, "m1 ")
    assert "w={(A*W1)*1u}" in line(text, "m2 ")
    assert line(text, "rf ") == "rf out1 in {RF}"
    assert "1.37" not in text.replace(first, "")


def test_each_length_has_its_own_card():
    text = deck("two-stage-tia").text()
    cards = re.findall(r"^\.model (\S+) (\S+) .*lambda=\{(\S+)\}", text, re.M)
    assert ("n018_l5", "nmos", "0.05/L5") in cards and ("p018", "pmos", "0.07/L3") in cards
    assert len(cards) == 4
    assert len(re.findall(r"^\.model", deck("two-stage-opamp").text(), re.M)) == 2


def test_mismatch_gives_each_transistor_its_own_card():
    topology = find_topology("two-stage-tia")
    mismatch = np.zeros((6, 2))
    mismatch[1] = 0.01, -0.05  # the PMOS m3
    cards = dict(
        re.findall(
            r"^\.model (\S+) (.*)", Deck(topology, topology.nominal, mismatch=mismatch).text(), re.M
        )
    )
    assert len(cards) == 6
    found = dict(re.findall(r"(vto|kp)=(\S+)", cards["p018_m3"]))
    assert float(found["vto"]) == pytest.approx(-0.47) and float(found["kp"]) == pytest.approx(
        56e-6 * 0.95
    )
    assert "vto=0.45" in cards["n018_m1"]


def test_a_corner_changes_cards_supply_and_temperature():
    topology = find_topology("two-stage-tia")
    text = Deck(topology, topology.nominal, Corner("x", "fast", "typical", 0.9, 85.0)).text()
    assert ".temp 85\n" in text
    assert line(text, "vdd ") == "vdd vdd 0 dc {(1.8)*0.9}"
    assert "vto=0.405 " in line(text, ".model n018_l1") and "vto=-0.46 " in line(text, ".model p018")


def test_flicker_noise_is_the_same_formula_in_newer_versions():
    topology = find_topology("two-stage-tia")
    old, new = (
        line(Deck(topology, topology.nominal, version=v).text(), ".model p018") for v in (42, 43)
    )
    assert "nlev" not in old and new.endswith("nlev=1")
    kf = [float(re.search(r"kf=(\S+)", card)[1]) for card in (old, new)]
    cox = 3.9 * 8.854214871e-12 / 4.1e-9
    assert kf[0] / cox**2 == pytest.approx(kf[1] / cox)


def test_the_closed_loop_has_shorts_and_no_amplitudes():
    text = "\n".join(deck("two-stage-opamp").circuit(for_poles=True))
    assert "lfb" not in text and "cfb" not in text and " ac " not in text
    assert re.search(r"^m1 x1 out t 0 n018 ", text, re.M)  # the inverting input is the output
    assert "xinn" not in deck("two-stage-opamp").pole_nodes


def test_own_model_cards_replace_ours(tmp_path):
    file = tmp_path / "own cards.lib"
    file.write_text("* nothing\n")
    topology = find_topology("two-stage-opamp")
    text = Deck(
        topology, topology.nominal, model_cards=ModelCards(file, "nch", "pch", section="tt")
    ).text()
    assert f'.lib "{file}" tt\n' in text and ".model" not in text
    assert " nch w=" in line(text, "m1 ") and " pch w=" in line(text, "m3 ")
    inside = ModelCards(file, "nfet", "pfet", inside="m{model}", micrometre=1)
    whole = Deck(topology, topology.nominal, model_cards=inside)
    assert f'.include "{file}"\n' in whole.text()
    assert line(whole.text(), "xm1 ").startswith(
        "xm1 x1 xinn t 0 nfet w={W1*1} l={L*1} ad={0.64*W1*1} "
    )
    assert whole.device(topology.netlist.transistors[2]) == "m.xm3.mpfet"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"path": "nowhere.lib"}, "nowhere.lib is not a file"),
        ({"nmos": ""}, "nmos = '' must be one word"),
        ({"pmos": "two words"}, "pmos = 'two words' must be one word"),
        ({"section": "tt\n.include x"}, "must be one word"),
        ({"micrometre": 0.0}, "micrometre = 0 must be a positive number"),
    ],
)
def test_bad_model_cards_are_refused(tmp_path, change, message):
    file = tmp_path / "cards.lib"
    file.write_text("\n")
    with pytest.raises(InputError, match=re.escape(message)):
        ModelCards(**({"path": file, "nmos": "n", "pmos": "p"} | change))


def test_own_model_cards_have_no_process_and_no_mismatch(tmp_path):
    file = tmp_path / "cards.lib"
    file.write_text("\n")
    topology, cards = find_topology("two-stage-tia"), ModelCards(file, "n", "p")
    Deck(topology, topology.nominal, Corner("hot", temperature=85.0), model_cards=cards)
    with pytest.raises(InputError, match="corner ff: own model cards bring their own process"):
        Deck(topology, topology.nominal, Corner("ff", "fast", "fast"), model_cards=cards)
    with pytest.raises(InputError, match="mismatch is of level-1 cards"):
        Deck(topology, topology.nominal, mismatch=np.zeros((6, 2)), model_cards=cards)


def test_variables_that_spice_cannot_tell_apart_are_refused():
    topology = find_topology("two-stage-tia")
    twice = (*topology.variables, Variable("rf", "ohm", 1.0, 2.0, 1.0, 1.0))
    with pytest.raises(InputError, match="two variables 'rf'"):
        Deck(replace(topology, variables=twice), np.ones(12))


def test_an_element_gets_the_letter_of_its_kind():
    topology = find_topology("two-stage-tia")
    elements = tuple(
        replace(e, name="load") if isinstance(e, Resistor) and e.name == "rf" else e
        for e in topology.netlist.elements
    )
    changed = replace(topology, netlist=replace(topology.netlist, elements=elements))
    assert isinstance(changed, Topology)
    assert line(Deck(changed, changed.nominal).text(), "r_load ") == "r_load out1 in {RF}"


@needs_ngspice
@pytest.mark.parametrize("name", TOPOLOGIES)
def test_the_deck_that_is_handed_over_runs_by_itself(name, tmp_path):
    (tmp_path / "deck.cir").write_text(deck(name).text())
    done = subprocess.run(
        ["ngspice", "-n", "-b", "deck.cir"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "rror" not in done.stderr
    for wanted in ("gain_db_f0 ", "f3db ", "onoise_total ", "inoise_total ", "i(vdd) "):
        value = re.search(rf"^{re.escape(wanted)}\s*=\s*(\S+)", done.stdout, re.M)
        assert value and np.isfinite(float(value[1]))
    if name == "two-stage-tia":  # the human design: 54.27 dB, 6.74 GHz, 0.845 mV of noise
        assert float(re.search(r"gain_db_f0\s*=\s*(\S+)", done.stdout)[1]) == pytest.approx(
            54.26777783, rel=1e-6
        )
        assert float(re.search(r"^onoise_total = (\S+)", done.stdout, re.M)[1]) == pytest.approx(
            0.0008446396108, rel=1e-8
        )
        assert "pole(1) = -4.962495250e+10" in done.stdout
