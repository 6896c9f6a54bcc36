"""The twin by subprocess: ground truth, a user's own models, and everything that can go wrong."""

import csv
import os
import shutil
import stat
import tempfile
from pathlib import Path

import numpy as np
import pytest

from eyas.envs.circuit import ngspice
from eyas.envs.circuit.conditions import Corner
from eyas.envs.circuit.deck import ModelCards
from eyas.envs.circuit.ngspice import NgspiceSimulator
from eyas.envs.circuit.ngspice_job import Job, Step, complaint, job
from eyas.envs.circuit.topology import find_topology
from eyas.errors import InputError

DATA = Path(__file__).parents[2] / "data" / "circuit"
FILES = {
    "two-stage-tia": "two_stage",
    "three-stage-tia": "three_stage",
    "inverter-tia": "inv3_tia",
    "two-stage-opamp": "two_stage_opamp",
}
LABELS = {"id", "tag", "status", "gmin_stepped", "src_stepped", "regions"}
ROWS = 4
BSIM3 = """* a small card, everything else by default
.model nch nmos level=8 version=3.3.0 tox=4.1e-9 vth0=0.4 u0=0.03 cj=1e-3 cgso=4e-10 cgdo=4e-10
.model pch pmos level=8 version=3.3.0 tox=4.1e-9 vth0=-0.4 u0=0.01 cj=1e-3 cgso=4e-10 cgdo=4e-10
"""
BSIM4 = """* a library with a section
.lib tt
.model nch nmos level=14 version=4.8.1 toxe=4e-9 vth0=0.4 u0=0.03
.model pch pmos level=14 version=4.8.1 toxe=4e-9 vth0=-0.4 u0=0.01
.endl
"""
SUBCIRCUITS = """* models as a PDK has them: subcircuits in micrometres
.option scale=1u
.subckt nfet d g s b w=1 l=1 ad=0 as=0 pd=0 ps=0
mnfet d g s b nch w={w} l={l} ad={ad} as={as} pd={pd} ps={ps}
.model nch nmos level=8 version=3.3.0 tox=4.1e-9 vth0=0.4 u0=0.03 cj=1e-3 cgso=4e-10 cgdo=4e-10
.ends
.subckt pfet d g s b w=1 l=1 ad=0 as=0 pd=0 ps=0
mpfet d g s b pch w={w} l={l} ad={ad} as={as} pd={pd} ps={ps}
.model pch pmos level=8 version=3.3.0 tox=4.1e-9 vth0=-0.4 u0=0.01 cj=1e-3 cgso=4e-10 cgdo=4e-10
.ends
"""
needs_ngspice = pytest.mark.skipif(shutil.which("ngspice") is None, reason="ngspice is not installed")


def fake_ngspice(folder, monkeypatch, body):
    """A program of this name that tells a version and otherwise does as the shell says."""
    file = folder / "ngspice"
    file.write_text(f'#!/bin/sh\n[ "$1" = --version ] && echo "** ngspice-39 **" && exit 0\n{body}\n')
    file.chmod(file.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}/usr/bin{os.pathsep}/bin")


@needs_ngspice
@pytest.mark.parametrize("name", FILES)
def test_ground_truth(name):
    """A sample of the rows, the nominal design first; all numbers of a row."""
    with (DATA / f"{FILES[name]}.csv").open() as file:
        rows = list(csv.DictReader(file))
    rows = rows[:: len(rows) // ROWS]
    topology = find_topology(name)
    results = NgspiceSimulator(topology).simulate(
        [[float(row[v]) for v in topology.names] for row in rows]
    )
    assert not results.status.any()
    columns = [key for key in rows[0] if key not in LABELS and key not in topology.names]
    assert len(columns) > 30
    for key in columns:
        expected = np.array([float(row[key] or "nan") for row in rows])
        np.testing.assert_allclose(results.column(key), expected, rtol=1e-8, atol=0.0, err_msg=key)
    transistors = [transistor.name for transistor in topology.netlist.transistors]
    order = sorted(transistors) if name == "two-stage-tia" else transistors  # as the file has them
    letters = results.regions[:, [transistors.index(transistor) for transistor in order]]
    assert [bytes(row).decode() for row in letters] == [row["regions"] for row in rows]


@needs_ngspice
def test_tolerances_that_are_not_reached_give_way(monkeypatch):
    topology = find_topology("two-stage-opamp")
    expected = NgspiceSimulator(topology).simulate(topology.nominal)
    monkeypatch.setattr(ngspice, "TIGHT", ".options reltol=1e-30 vntol=1e-30 abstol=1e-30 itl1=20")
    results = NgspiceSimulator(topology).simulate(topology.nominal)
    assert results.reason(0) == "ok"
    np.testing.assert_allclose(results.metrics, expected.metrics, rtol=1e-6)


@needs_ngspice
def test_frequencies_are_those_of_ngspice():
    simulator = NgspiceSimulator(find_topology("two-stage-tia"))
    plots = simulator.runners[0].run(job(simulator.deck(simulator.topology.nominal)))
    grid = simulator.topology.bench.frequencies
    np.testing.assert_allclose(plots["ac"]["frequency"].real, grid, rtol=1e-14)
    np.testing.assert_allclose(plots["noise"]["frequency"].real, grid, rtol=1e-14)


@needs_ngspice
def test_sizes_that_are_none_fail_alone_and_threads_change_nothing():
    topology = find_topology("two-stage-tia")
    designs = np.tile(topology.nominal, (6, 1))
    designs[:, 0] = [1.02, -1.0, np.nan, 2.0, 0.0, 3.0]
    one = NgspiceSimulator(topology).simulate(designs, spectra=True)
    assert one.status.tolist() == [0, 1, 1, 0, 1, 0]
    assert one.reason(1) == "a size is not a positive number" and one.reason(0) == "ok"
    assert np.isnan(one.metrics[1]).all() and one.column("regions")[2] == "??????"
    assert np.isfinite(one.response[[0, 3, 5]]).all() and np.isnan(one.response[1]).all()
    two = NgspiceSimulator(topology, threads=2).simulate(designs, spectra=True)
    np.testing.assert_array_equal(one.metrics, two.metrics)
    np.testing.assert_array_equal(one.response, two.response)


@needs_ngspice
@pytest.mark.parametrize("name", ["two-stage-tia", "two-stage-opamp"])
def test_own_cards(name, tmp_path):
    """BSIM3 plain and as subcircuits in micrometres is one circuit; BSIM4 is another."""
    topology = find_topology(name)
    for file, text in (("bsim3.lib", BSIM3), ("bsim4.lib", BSIM4), ("pdk.lib", SUBCIRCUITS)):
        (tmp_path / file).write_text(text)
    plain, wrapped, other = (
        NgspiceSimulator(topology, cards).simulate(topology.nominal)
        for cards in (
            ModelCards(tmp_path / "bsim3.lib", "nch", "pch"),
            ModelCards(tmp_path / "pdk.lib", "nfet", "pfet", inside="m{model}", micrometre=1),
            ModelCards(tmp_path / "bsim4.lib", "nch", "pch", section="tt"),
        )
    )
    for results in (plain, wrapped, other):
        assert results.reason(0) == "ok"
        assert set(results.column("regions")[0]) <= set("STC") and results.column("stable")[0] == 1.0
        assert results.column("gain_db")[0] > 50
        assert results.column("m1_cgs")[0] > 0 and results.column("m1_cgtot")[0] > 0
        assert 0 < results.column("m1_gds")[0] < results.column("m1_gm")[0]
        assert np.isnan(results.column("m1_beta")[0])
        poles = results.poles[0]
        assert len(poles) in (4, 5) and (poles.real < 0).all()
    np.testing.assert_allclose(plain.metrics, wrapped.metrics, rtol=1e-6)
    assert abs(other.column("power")[0] / plain.column("power")[0] - 1) > 1e-3


@needs_ngspice
def test_a_temperature_reaches_own_cards(tmp_path):
    (tmp_path / "bsim3.lib").write_text(BSIM3)
    simulator = NgspiceSimulator(
        find_topology("two-stage-tia"), ModelCards(tmp_path / "bsim3.lib", "nch", "pch")
    )
    nominal = simulator.topology.nominal
    cold, hot = (simulator.simulate(nominal, corner=Corner("t", temperature=t)) for t in (27.0, 125.0))
    assert hot.column("onoise_total")[0] > 1.02 * cold.column("onoise_total")[0]


@needs_ngspice
@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (BSIM3.replace("nch", "other"), "can't find model 'nch'"),
        (BSIM3.replace("level=8", "level=99", 1), "Only MOS device levels"),
        ('.include "nowhere.lib"\n', "Could not find include file"),
    ],
)
def test_own_cards_that_do_not_load_are_failed_rows(text, reason, tmp_path):
    (tmp_path / "cards.lib").write_text(text)
    topology = find_topology("two-stage-tia")
    results = NgspiceSimulator(topology, ModelCards(tmp_path / "cards.lib", "nch", "pch")).simulate(
        topology.nominal
    )
    assert results.status[0] and results.reason(0).startswith("ngspice: ")
    assert reason.lower() in results.reason(0).lower()
    assert np.isnan(results.metrics).all()


@needs_ngspice
def test_an_operating_point_that_is_not_found_is_ngspices_own_reason(monkeypatch):
    simulator = NgspiceSimulator(find_topology("two-stage-opamp"))
    monkeypatch.setattr(ngspice, "job", _without_a_solution)
    results = simulator.simulate(simulator.topology.nominal)
    assert results.status[0] == ngspice.NO_OPERATING_POINT
    assert "singular" in results.reason(0) or "failed" in results.reason(0)


def _without_a_solution(deck):
    """Two sources that contradict each other."""
    return Job(["* none", "v1 a 0 1", "v2 a 0 2"], [Step("op", ("op",), ("v(a)",))])


def test_ngspice_missing_is_one_sentence(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match="ngspice is not installed: there is no program 'ngspice'"):
        NgspiceSimulator(find_topology("two-stage-tia"))


@pytest.mark.parametrize(
    ("body", "timeout", "reason"),
    [
        ("kill -SEGV $$", 60.0, "ngspice: it crashed (signal 11)"),
        ("exec sleep 60", 0.5, "ngspice: it took longer than 0.5 s"),
        (
            "echo 'Error: no licence for today' >&2; exit 1",
            60.0,
            "ngspice: Error: no licence for today",
        ),
        ("exit 0", 60.0, "ngspice: the op analysis failed"),
    ],
)
def test_a_program_that_crashes_hangs_or_refuses_is_a_failed_row(
    body, timeout, reason, tmp_path, monkeypatch
):
    fake_ngspice(tmp_path, monkeypatch, body)
    before = set(Path(tempfile.gettempdir()).glob("eyas-ngspice-*"))
    topology = find_topology("two-stage-tia")
    results = NgspiceSimulator(topology, timeout=timeout).simulate(np.tile(topology.nominal, (2, 1)))
    assert results.status.all() and results.reason(0) == results.reason(1) == reason
    assert set(Path(tempfile.gettempdir()).glob("eyas-ngspice-*")) <= before


def test_a_program_that_is_no_ngspice_is_refused(tmp_path, monkeypatch):
    file = tmp_path / "ngspice"
    file.write_text("#!/bin/sh\necho hello\n")
    file.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}/usr/bin{os.pathsep}/bin")
    with pytest.raises(InputError, match="does not name an ngspice version"):
        NgspiceSimulator(find_topology("two-stage-tia"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"threads": 0}, "threads = 0 must be at least 1"),
        ({"timeout": 0.0}, "timeout = 0 s must be positive"),
        ({"by": "magic"}, "by = 'magic' must be 'subprocess' or 'library'"),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(InputError, match=message):
        NgspiceSimulator(find_topology("two-stage-tia"), **options)


@needs_ngspice
def test_bad_shapes():
    simulator = NgspiceSimulator(find_topology("two-stage-tia"))
    with pytest.raises(
        InputError, match=r"designs have shape \(3,\), but two-stage-tia takes \(n, 11\)"
    ):
        simulator.simulate([1.0, 2.0, 3.0])
    with pytest.raises(InputError, match=r"mismatch has shape \(1, 2\), not \(1, 6, 2\)"):
        simulator.simulate(simulator.topology.nominal, mismatch=np.zeros((1, 2)))


def test_a_complaint_leaves_notes_out_and_repeats_nothing():
    lines = [
        "Note: not an error",
        "all is well",
        "Error: one",
        "Error:   one",
        "DC solution failed -",
        "fatal",
    ]
    assert complaint(lines) == "Error: one; DC solution failed -"
