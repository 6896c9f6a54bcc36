"""``eyas size``: the run folder, resuming, the files it leaves, bad input."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from eyas import InputError
from eyas.agents.sizing import size as job
from eyas.agents.sizing.registry import SIZERS
from eyas.agents.sizing.size import make_problem, read_spec, size
from eyas.agents.sizing.size_config import SizeConfig, SizerName, sizers_of
from eyas.agents.sizing.sizing_run import SizingRun
from eyas.envs.circuit.simulator import Simulator
from eyas.envs.circuit.spec import find_spec
from eyas.runs import Run

SMALL = SizeConfig(
    topology="three-stage-tia", agent="cma-es", compare="random", simulations=150, seed=3, quiet=True
)
EVERY = sorted(set(SIZERS) - {"gaussian-process"})


def metrics_of(folder):
    """All lines but what the clock says."""
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{k: v for k, v in line.items() if k not in ("time", "seconds")} for line in lines]


def report_of(folder):
    """The report but for what the clock says."""
    tree = json.loads((folder / "report.json").read_text())
    for entry in tree["search"].values():
        del entry["seconds"]
    return tree


@pytest.fixture(scope="module")
def sized(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("size") / "run"
    assert size(dataclasses.replace(SMALL, out=folder)) == 0
    return folder


def test_names_on_the_command_line_are_the_registry():
    assert set(get_args(SizerName)) == set(SIZERS)


def test_run_folder_is_complete(sized):
    with Run.open(sized) as run:
        assert run.status == "finished"
        assert run.record["job"] == "size"
        assert run.config_as(SizeConfig).seed == 3
        assert run.latest_checkpoint().step == 300
    lines = metrics_of(sized)
    assert {line["sizer"] for line in lines} == {"cma-es", "random"}
    assert lines[-1]["step"] == 300 and lines[-1]["simulations"] == 150
    best = [line["best_score"] for line in lines if line["sizer"] == "cma-es"]
    assert best == sorted(best) and len(best) > 10
    names = {path.name for path in (sized / "figures").iterdir()}
    assert {"convergence.png", "bode.png", "noise.png", "poles.png", "corners.png", "step.png"} <= names


def test_report_tells_what_the_best_design_does(sized):
    found = report_of(sized)
    problem = make_problem(SMALL, find_spec("three-stage-tia"))
    design = np.array([list(found["design"].values())])
    results = Simulator(problem.topology).simulate(design)
    scores, feasible = problem.spec.score(results)
    assert found["score"] == scores[0] == found["search"]["cma-es"]["best_score"]
    assert found["reached"] == feasible[0]
    assert found["nominal_score"] == pytest.approx(2.0, abs=1e-3)
    for name in ("gain", "f3db", "power", "area", "v_vouta", "mb_id"):
        assert found["metrics"]["sized"][name] == results.column(name)[0]
    assert found["metrics"]["nominal"]["power"] == pytest.approx(1.3694e-3, rel=1e-4)
    curve = found["search"]["random"]["best_so_far"]
    assert curve[0][0] == 1 and curve[-1][0] == 150
    fixed = set(problem.topology.names) - set(problem.names)
    nominal = dict(zip(problem.topology.names, problem.topology.nominal, strict=True))
    assert fixed and all(found["design"][name] == nominal[name] for name in fixed)


def test_resuming_a_run_that_stopped_gives_the_same_result(sized, tmp_path, monkeypatch, capsys):
    """Stopped in the first sizer and again in the second, as by a signal."""
    folder = tmp_path / "run"
    for number, batch in enumerate((4, 14)):
        _stop_after(monkeypatch, batch)
        given = (
            dataclasses.replace(SMALL, out=folder)
            if not number
            else SizeConfig(resume=folder, quiet=True)
        )
        assert size(given) == 128 + signal.SIGTERM
        assert f"go on with: eyas size --resume {folder}" in capsys.readouterr().out
        assert not (folder / "report.json").exists()
    monkeypatch.undo()
    assert size(SizeConfig(resume=folder, quiet=True)) == 0
    assert report_of(folder) == report_of(sized)
    assert metrics_of(folder)[-1] == metrics_of(sized)[-1]
    with Run.open(folder) as run:
        assert run.status == "finished" and len(run.record["resumed"]) == 2


def _stop_after(monkeypatch, batches):
    """Let SIGTERM come in a batch."""
    original = job.make_problem
    left = [batches]

    def make(*arguments):
        problem = original(*arguments)
        evaluate = problem.evaluate

        def counted(unit, tasks=None):
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGTERM)
            return evaluate(unit, tasks)

        problem.evaluate = counted
        return problem

    monkeypatch.setattr(job, "make_problem", make)


def test_killed_and_resumed_gives_the_same_result(sized, tmp_path):
    folder = tmp_path / "run"
    script = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from eyas.agents.sizing import sizing_run\n"
        "from eyas.agents.sizing.size import size\n"
        "from eyas.agents.sizing.size_config import SizeConfig\n"
        "line = sizing_run.SizingRun._line\n"
        "def killed(self, name, history):\n"
        "    line(self, name, history)\n"
        "    if history.count > 60:\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "sizing_run.SizingRun._line = killed\n"
        "size(SizeConfig(topology='three-stage-tia', agent='cma-es', compare='random', simulations=150,"
        " seed=3, quiet=True, out=Path(sys.argv[1])))\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(folder)], timeout=300, check=False)
    assert done.returncode == -signal.SIGKILL
    assert 0 < metrics_of(folder)[-1]["simulations"] < 150
    with Run.open(folder) as run:
        assert run.status == "interrupted"
    assert size(SizeConfig(resume=folder, quiet=True)) == 0
    assert report_of(folder) == report_of(sized)
    assert metrics_of(folder) == metrics_of(sized)


@pytest.mark.parametrize("name", EVERY)
def test_every_sizer_goes_on_from_a_checkpoint_where_it_was(name, tmp_path):
    """The histories are equal to the last bit."""
    problem = make_problem(SMALL, find_spec("three-stage-tia"))

    def run_to(folder, batches):
        seen = [0]
        evaluate = problem.evaluate

        class Stop:
            signal = None

        stop = Stop()

        class Counted:
            def __getattr__(self, attribute):
                return getattr(problem, attribute)

            def evaluate(self, unit, tasks=None):
                seen[0] += 1
                stop.signal = signal.SIGTERM if seen[0] >= batches else None
                return evaluate(unit, tasks)

        create = not folder.exists()
        with Run.create(folder, {}, [], job="size") if create else Run.open(folder, write=True) as run:
            sizing = SizingRun(run, Counted(), (name,), 120, 7, quiet=True)
            ended = sizing.search(stop)
            return ended, sizing.histories[name]

    _, whole = run_to(tmp_path / "whole", 10**9)
    for _ in range(3):
        ended, parts = run_to(tmp_path / "parts", 2)
    if ended is not None:
        ended, parts = run_to(tmp_path / "parts", 10**9)
    assert ended is None and parts.count == whole.count == 120
    assert np.array_equal(parts.unit, whole.unit)
    assert np.array_equal(parts.scores, whole.scores)
    assert np.array_equal(parts.best_design, whole.best_design)


def test_spec_of_a_file_is_kept_with_the_run(tmp_path, capsys):
    """A run goes on with the spec it began with, whatever has become of the file."""
    file = tmp_path / "mine.yaml"
    file.write_text(
        "topology: two-stage-tia\nscoring: l2dc\nmetrics:\n"
        "  - {name: gain, goal: maximise, limit: 300}\n"
        "  - {name: power, goal: minimise, target: 8.0e-3}\n"
    )
    config = SizeConfig(
        topology="two-stage-tia", agent="random", simulations=100, spec=str(file), compare="none", quiet=True,
        out=tmp_path / "run",
    )  # fmt: skip
    assert size(config) == 0
    told = capsys.readouterr().out
    assert ">= 300 ohm" in told and "Sign-off" in told
    file.write_text("topology: nonsense\n")
    assert read_spec(dataclasses.replace(config, spec=str(tmp_path / "run" / "spec.yaml"))).metrics
    before = report_of(tmp_path / "run")
    assert size(SizeConfig(resume=tmp_path / "run", quiet=True)) == 0
    assert report_of(tmp_path / "run") == before


def test_progress_is_told_where_standard_error_is_no_terminal(tmp_path, capsys):
    config = dataclasses.replace(
        SMALL, quiet=False, compare="none", simulations=20, out=tmp_path / "run"
    )
    assert size(config) == 0
    told = capsys.readouterr().err
    assert "cma-es: 20 of 20 simulations, best score -" in told and "(limits not met)" in told


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"topology": None}, "topology is missing; there are: two-stage-tia"),
        ({"topology": "nine-stage"}, "topology 'nine-stage' does not exist"),
        ({"agent": "nobody"}, "agent = 'nobody' is not one of eyas, l2dc"),
        ({"simulations": 0}, "simulations = 0"),
        ({"seed": -1}, "seed = -1"),
        ({"threads": 0}, "threads = 0"),
        ({"spec": "nowhere.yaml"}, r"nowhere\.yaml cannot be read"),
        (
            {"spec": "two-stage-tia"},
            "spec two-stage-tia is for topology two-stage-tia, not three-stage",
        ),
        ({"spec": "bad.yaml"}, "unknown metric 'speed'; three-stage-tia has: power"),
        ({"spec": "broken.yaml"}, "is not YAML"),
        ({"compare": "nobody"}, "compare = 'nobody' does not exist; there are: eyas"),
        ({"compare": "random,random"}, "random would be run twice"),
        ({"compare": "cma-es"}, "cma-es would be run twice"),
        ({"out": Path("full")}, "exists and is not empty"),
        ({"resume": Path("nowhere")}, "run folder nowhere does not exist"),
    ],
)
def test_bad_settings_are_refused_before_anything_is_written(changes, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("precious")
    (tmp_path / "broken.yaml").write_text("metrics: [\n")
    (tmp_path / "bad.yaml").write_text(
        "topology: three-stage-tia\nmetrics:\n  - {name: speed, goal: maximise, limit: 1}\n"
    )
    before = sorted(tmp_path.rglob("*"))
    config = dataclasses.replace(SMALL, out=tmp_path / "run")
    with pytest.raises(InputError, match=words) as refusal:
        size(dataclasses.replace(config, **changes))
    assert "\n" not in str(refusal.value)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_topology_without_a_spec_of_its_own_needs_one(monkeypatch):
    monkeypatch.setattr(job, "SPECS", ("two-stage-tia",))
    with pytest.raises(InputError, match="ldo has none of its own, give a YAML file"):
        read_spec(SizeConfig(topology="ldo"))


def test_without_ngspice_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    config = dataclasses.replace(SMALL, simulator="ngspice", out=tmp_path / "run")
    with pytest.raises(InputError, match="ngspice is not installed"):
        size(config)
    assert not (tmp_path / "run").exists()


def test_resume_refuses_what_contradicts_the_run(sized, tmp_path):
    for changes in ({"agent": "random"}, {"simulations": 200}, {"topology": "two-stage-tia"}):
        with pytest.raises(InputError, match="contradicts the run to resume"):
            size(SizeConfig(resume=sized, quiet=True, **changes))
    Run.create(tmp_path / "other", {}, [], job="something else").close()
    with pytest.raises(InputError, match="something else"):
        size(SizeConfig(resume=tmp_path / "other"))


def test_who_is_compared_is_read_leniently():
    assert sizers_of(SizeConfig(compare=" cma-es, random,")) == ("eyas", "cma-es", "random")
    assert sizers_of(SizeConfig()) == ("eyas", "cma-es", "random")
    assert sizers_of(SizeConfig(agent="cma-es")) == ("cma-es", "random")
    assert sizers_of(SizeConfig(simulator="ngspice")) == ("eyas",)
    assert sizers_of(SizeConfig(compare="none")) == sizers_of(SizeConfig(compare="")) == ("eyas",)
