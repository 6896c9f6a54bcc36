"""The report of a sizing run: sign-off, tables, figures, and designs that are no good."""

import dataclasses
import json
import math
import re
import shutil
import subprocess
from html.parser import HTMLParser

import numpy as np
import pytest
from rich.console import Console

from eyas.agents.sizing import sign_off as signing
from eyas.agents.sizing.assessment import NOMINAL, SIZED, assess
from eyas.agents.sizing.report import write_report
from eyas.agents.sizing.run import History
from eyas.agents.sizing.sign_off import SignOff, compare, sign_off
from eyas.agents.sizing.size_tables import quantity, search_table, spec_table
from eyas.envs.circuit.problem import SizingProblem
from eyas.envs.circuit.simulator import Simulator
from eyas.envs.circuit.spec import find_spec
from eyas.errors import InputError
from eyas.runs import Run

needs_ngspice = pytest.mark.skipif(shutil.which("ngspice") is None, reason="ngspice is not installed")
# CMA-ES's best of 20,000 evaluations scores 2.657; this is on its way there.
GOOD_THREE_STAGE = {
    "W1": 5.6, "WL1": 2.0, "WB1": 2.0, "W2": 5.0, "WL2": 2.0, "WB2": 2.0, "W3": 17.0, "WB3": 6.8,
    "WB": 2.2, "RB": 100.0,
}  # fmt: skip


class Page(HTMLParser):
    """What a page refers to and what it shows."""

    def __init__(self, text):
        super().__init__()
        self.links, self.text, self.open = [], "", []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.links += [value for name, value in attrs if name in ("src", "href", "data")]
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


@pytest.fixture(scope="module")
def problem():
    spec = find_spec("three-stage-tia")
    return SizingProblem(spec.topology, spec)


@pytest.fixture(scope="module")
def good(problem):
    return assess(problem.spec, problem.topology.design(GOOD_THREE_STAGE), problem.simulator)


def histories_of(problem):
    """As if the agent had tried the nominal design and one in the middle of the box."""
    history = History(problem.dimension, 2)
    for tried in (problem.unit(problem.topology.nominal[None]), np.full((1, problem.dimension), 0.5)):
        history.append(problem.evaluate(tried))
    return {"cma-es": history}


def written(folder, problem, assessment, signed):
    config = {"agent": "cma-es", "simulator": "native", "seed": 0, "note": "<b>&"}
    with Run.create(folder, config, ["eyas", "size", "<x>"], job="size") as run:
        path = write_report(run, problem, histories_of(problem), assessment, signed)
    return path, json.loads((folder / "report.json").read_text())


def shown(table):
    console = Console(width=160)
    with console.capture() as capture:
        console.print(table)
    return capture.get()


# The assessment ---------------------------------------------------------------------------------


def test_the_published_good_design_scores_what_was_published(good):
    assert good.scores[SIZED] == pytest.approx(2.636, abs=0.01)
    assert good.scores[NOMINAL] == pytest.approx(2.0, abs=1e-3)
    assert good.reached.tolist() == [True, True]
    assert good.reference == "human"


def test_corners_and_mismatch_are_those_of_the_design(problem, good):
    typical = [corner.name for corner in good.corners.corners].index("tt/1/27C")
    assert good.corners.column("gain")[typical, 0] == good.results.column("gain")[SIZED]
    value, corner = good.worst("power")
    assert value == good.corners.column("power").max() and corner.startswith("ff/1.1/")
    value, corner = good.worst("gain")
    assert value == good.corners.column("gain").min()
    assert good.worst("area") == (good.results.column("area")[SIZED], "all")
    names = good.mismatch.results.metric_names
    mean = good.mismatch.mean[0, names.index("gain")]
    assert mean == pytest.approx(good.results.column("gain")[SIZED], rel=0.02)
    met = good.as_json()["mismatch"]
    assert met["interval"][0] <= met["yield"] <= met["interval"][1]


def test_the_step_is_that_of_the_bandwidth(good):
    """A low-pass of little overshoot rises in 0.34 to 0.35 periods of its bandwidth."""
    bandwidth = good.results.column("f3db")
    assert good.step.rise_time() * bandwidth == pytest.approx([0.345, 0.345], abs=0.01)
    assert good.step.change == pytest.approx(
        0.01 * good.results.column("gain") / good.results.column("gain")[0], rel=1e-3
    )
    told = good.as_json()["step"]
    assert told["overshoot"] < 0.1 and told["rise_time"] < told["settling_time"]


def test_a_design_that_cannot_be_simulated_is_reported_as_such(problem, tmp_path):
    bad = problem.topology.nominal
    bad[0] = -1.0
    assessment = assess(problem.spec, bad, problem.simulator)
    assert not assessment.works and assessment.scores[SIZED] == -5
    assert not assessment.reached[SIZED] and assessment.mismatch.passed[0] == 0
    signed = sign_off(assessment)
    assert "cannot be simulated" in signed.sentence
    path, data = written(tmp_path / "run", problem, assessment, signed)
    assert (
        "The best design cannot be simulated: a size is not a positive number"
        in Page(path.read_text()).text
    )
    assert data["metrics"]["sized"]["gain"] is None and not data["reached"]
    assert "NOT REACHED" in shown(spec_table(assessment))
    assert {file.name for file in (tmp_path / "run" / "figures").iterdir()} == {"convergence.png"}


# Sign-off -----------------------------------------------------------------------------------------


def test_sign_off_finds_every_difference(problem, good):
    ours = good.results
    same = compare(problem.spec, ours, ours)
    assert same.passed and max(entry.difference for entry in same.comparisons) == 0
    for place, name in enumerate(ours.metric_names):
        metrics = ours.metrics.copy()
        metrics[0, place] = metrics[0, place] * 1.002 + 2e-6
        found = compare(problem.spec, ours, dataclasses.replace(ours, metrics=metrics))
        assert not found.agrees and not found.passed
        assert [entry.name for entry in found.comparisons if not entry.agrees] == [name]
        assert found.sentence.startswith(f"Sign-off FAILED: {name} is ")
        metrics[0, place] = math.nan
        assert not compare(problem.spec, ours, dataclasses.replace(ours, metrics=metrics)).agrees


def test_sign_off_fails_where_the_spec_is_not_reached(problem):
    design = problem.topology.design({"W1": 2.0})
    assessment = assess(problem.spec, design, problem.simulator)
    assert not assessment.reached[SIZED]
    found = compare(problem.spec, assessment.results, assessment.results)
    assert found.agrees and not found.passed and "the spec is not reached" in found.sentence


def test_sign_off_where_ngspice_fails_or_is_missing(problem, good, monkeypatch):
    class Failing:
        def simulate(self, designs):
            results = problem.simulator.simulate(designs)
            return dataclasses.replace(
                results, status=np.full(1, 5, np.uint8), reasons=("ngspice: it crashed (signal 11)",)
            )

    monkeypatch.setattr(signing, "make_simulator", lambda *_: Failing())
    found = sign_off(good)
    assert found.sentence == (
        "Sign-off FAILED: ngspice cannot simulate the design: ngspice: it crashed (signal 11)"
    )
    assert found.as_json()["passed"] is False

    def missing(*_):
        raise InputError("ngspice is not installed")

    monkeypatch.setattr(signing, "make_simulator", missing)
    found = sign_off(good)
    assert found.sentence == "Sign-off skipped: ngspice is not installed"
    assert found.as_json() == {"passed": None, "skipped": "ngspice is not installed"}


@needs_ngspice
def test_a_good_design_is_signed_off_by_ngspice(good):
    found = sign_off(good)
    assert found.passed, found.sentence
    assert max(entry.difference for entry in found.comparisons) < 1e-8
    assert found.score == pytest.approx(good.scores[SIZED], rel=1e-9)


# The page and the files beside it -------------------------------------------------------------------


def test_the_page_needs_no_other_file(problem, good, tmp_path):
    path, data = written(tmp_path / "run", problem, good, SignOff(skipped="ngspice is <missing>"))
    page = Page(path.read_text())
    assert len(page.links) == 6 and all(
        link.startswith("data:image/png;base64,") for link in page.links
    )
    assert page.open == []
    for words in (
        "2.636",
        "ngspice is <missing>",
        "eyas size '<x>'",
        '"note": "<b>&"',
        ".param W1=5.6",
    ):
        assert words in page.text, words
    assert data["sign_off"]["passed"] is None
    assert data["search"]["cma-es"]["simulations"] == 2
    assert len(data["corners"]) == 45
    poles = np.array(data["poles"])
    assert poles[:, 0].max() == pytest.approx(data["metrics"]["sized"]["pole_max_re"], rel=1e-12)


@needs_ngspice
def test_the_netlist_beside_it_runs_in_ngspice(problem, good, tmp_path):
    written(tmp_path / "run", problem, good, SignOff(skipped="not asked"))
    done = subprocess.run(
        ["ngspice", "-n", "-b", "sized.cir"],
        cwd=tmp_path / "run",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,  # it exits with 1 where a deck has no lines to print or plot in batch mode
    )
    crossing = float(re.search(r"f3db\s*=\s*(\S+)", done.stdout)[1])
    assert crossing == pytest.approx(good.results.column("f3db")[SIZED], rel=1e-3)


@pytest.mark.parametrize("name", ["inverter-tia", "two-stage-opamp", "ldo"])
def test_other_circuits_can_be_drawn_and_told(name, tmp_path):
    """An unstable nominal design, a phase margin, disturbances."""
    spec = find_spec(name)
    problem = SizingProblem(spec.topology, spec, simulator=Simulator(spec.topology))
    assessment = assess(spec, spec.topology.nominal, problem.simulator)
    assert assessment.reference == "nominal"
    path, data = written(tmp_path / "run", problem, assessment, SignOff(skipped="not asked"))
    told = shown(spec_table(assessment))
    for metric in spec.metrics:
        assert metric.name in told
        assert metric.name in data["corners"][0]
    if name == "inverter-tia":
        assert re.search(r"stable\s+│\s+yes │\s+NO │ MISSED", told)
    assert len(Page(path.read_text()).links) == 6


# Numbers in tables ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (20140.0, "ohm", "20.14 kohm"),
        (999.96, "Hz", "1 kHz"),
        (9.017e7, "Hz", "90.17 MHz"),
        (1.3694e-3, "W", "1.369 mW"),
        (-2.5e-6, "A", "-2.5 uA"),
        (1e-19, "A", "0.0001 fA"),
        (211.2, "um^2", "211.2 um^2"),
        (10077.2, "V/V", "10,077 V/V"),
        (0.5, "1", "0.5"),
        (0.0, "W", "0 W"),
        (math.nan, "Hz", "-"),
        (5e15, "Hz", "5000 THz"),
    ],
)
def test_quantities(value, unit, text):
    assert quantity(value, unit) == text


def test_the_search_is_told_at_round_numbers(problem):
    history = History(problem.dimension, 150)
    evaluation = problem.evaluate(np.random.default_rng(0).random((150, problem.dimension)))
    feasible = np.zeros(150, bool)
    feasible[119] = True
    scores = np.linspace(-1, 0.49, 150)
    history.append(dataclasses.replace(evaluation, scores=scores, feasible=feasible))
    told = shown(search_table({"tpe": history}))
    assert re.search(r"100\s+┃\s+150", told)
    assert re.search(r"tpe\s+│ -0.01\s+│\s+0.49 │\s+120", told)
