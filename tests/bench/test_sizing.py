import json
import shutil
import sys

import numpy as np
import pytest

from eyas.bench import sizing
from eyas.errors import InputError


@pytest.fixture
def small(monkeypatch, tmp_path):
    """Three short runs of two sizers."""
    monkeypatch.setattr(sizing, "BUDGETS", {"cma-es": 300, "random": 200})
    monkeypatch.setattr(sizing, "SEEDS", 3)
    monkeypatch.chdir(tmp_path)
    return sizing.SizingBenchConfig(
        sizers=("cma-es", "random"), specs=("three-stage-tia",), seeds=3, folder=sizing.FOLDER
    )


def test_every_mark_within_the_budget_is_told(small, tmp_path):
    rows = [row for row in sizing.results(small) if isinstance(row, sizing.Row)]
    assert [(row.sizer, row.simulations) for row in rows] == [
        ("cma-es", 100),
        ("cma-es", 200),
        ("random", 100),
        ("random", 200),
    ]
    assert rows[0].lowest <= rows[0].mean <= rows[0].highest <= rows[1].highest
    assert all(row.runs == 3 and row.deviation > 0 for row in rows)
    stored = sorted((tmp_path / sizing.FOLDER / "three-stage-tia").iterdir())
    assert len(stored) == 6


def test_finished_runs_are_not_repeated(small, monkeypatch):
    first = list(sizing.results(small))

    def refuse(*_):
        raise AssertionError("a finished run was repeated")

    monkeypatch.setattr(sizing, "run_sizer", refuse)
    assert list(sizing.results(small)) == first
    path = small.folder / "three-stage-tia" / "random-200-seed1.safetensors"
    path.unlink()
    with pytest.raises(AssertionError, match="repeated"):
        list(sizing.results(small))


def test_stored_runs_are_told_without_running_any(small, monkeypatch):
    config = sizing.SizingBenchConfig(
        sizers=("random",), specs=("three-stage-tia",), seeds=3, folder=small.folder, stored=True
    )
    assert list(sizing.results(config)) == []
    list(sizing.results(small))
    (small.folder / "three-stage-tia" / "random-200-seed2.safetensors").unlink()
    rows = list(sizing.results(config))
    assert [row.runs for row in rows[:2]] == [2, 2]


def test_winning_designs_are_signed_off(small):
    *_, signed = [row for row in sizing.results(small) if row.sizer == "cma-es"]
    assert 1 <= signed.winners <= 3
    assert signed.stable == signed.winners
    if shutil.which("ngspice") is None:
        pytest.skip("ngspice is not installed")
    assert signed.ngspice == signed.winners


def test_a_design_that_ngspice_does_not_find_feasible_is_not_signed_off(small, monkeypatch):
    if shutil.which("ngspice") is None:
        pytest.skip("ngspice is not installed")
    list(sizing.results(small))
    path = small.folder / "three-stage-tia" / "cma-es-300-seed0.safetensors"
    tree = sizing.read_tree(path, sizing._KIND, sizing._VERSION)
    problem = sizing._problem("three-stage-tia")
    tree["best_design"] = problem.designs(np.full((1, 10), 0.5))[0]  # not what the scores are of
    tree["feasible"][:] = True
    path.write_bytes(sizing.tree_bytes(sizing._KIND, sizing._VERSION, tree))
    signed = next(row for row in sizing.results(small) if isinstance(row, sizing.SignedOff))
    assert signed.ngspice == signed.winners - 1


def test_the_benchmark_puts_them_beside_cma_es(small, monkeypatch):
    monkeypatch.setattr(sizing, "SPECS", ("three-stage-tia",))
    monkeypatch.setattr(
        sizing,
        "SizingBenchConfig",
        lambda seed: small if seed == 0 else pytest.fail("seed"),
    )
    rows = {row.name: row for row in sizing.measure(1.0, 0)}
    ours = rows["three-stage-tia, cma-es, 200 simulations"]
    theirs = rows["three-stage-tia, random, 200 simulations"]
    assert theirs.peer == "cma-es" and theirs.peer_value == ours.value and ours.peer == ""
    assert "of 3 runs" in ours.unit
    assert rows["three-stage-tia, cma-es, winning designs"].value >= 1


def test_the_command_prints_json_and_refuses_unknown_names(small, monkeypatch, capsys):
    words = ["--sizers", "random", "--specs", "three-stage-tia", "--seeds", "2"]
    monkeypatch.setattr(sys, "argv", ["sizing", *words])
    assert sizing.main() == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line.get("simulations") for line in lines] == [100, 200, None]
    monkeypatch.setattr(sys, "argv", ["sizing", "--sizers", "annealing"])
    assert sizing.main() == 2
    assert "sizer 'annealing' does not exist" in capsys.readouterr().err
    with pytest.raises(InputError, match="spec 'ldo9' does not exist"):
        list(sizing.results(sizing.SizingBenchConfig(sizers=("random",), specs=("ldo9",))))
