"""The grid of a comparison: it resumes, says what failed, and its page holds what the runs say."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from eyas.agents.compare import compare, teachers_of
from eyas.agents.compare_config import CompareConfig
from eyas.agents.compare_results import OneRun, markdown_table, table_rows, teacher_curves
from eyas.agents.config import StudentConfig
from eyas.agents.worlds import WORLDS, find_world
from eyas.curricula import TEACHERS
from eyas.errors import InputError
from eyas.runs import Run

SMALL = StudentConfig(hidden=(8,), n_steps=32, minibatch=64, epochs=1)


def config(folder, **changes):
    options = {
        "out": folder,
        "teachers": "random,riac",
        "world": "point-mass",
        "steps": 3000,
        "seeds": 1,
        "copies": 8,
        "evaluate_every": 1500,
        "episodes": 2,
        "quiet": True,
        "student_config": SMALL,
    }
    return CompareConfig(**{**options, **changes})


def test_a_grid_is_finished_once(tmp_path, capsys):
    assert compare(config(tmp_path)) == 0
    runs = tmp_path / "runs"
    assert {p.name for p in runs.iterdir() if p.is_dir()} == {"random-seed1", "riac-seed1"}
    times = {p: p.stat().st_mtime_ns for p in runs.glob("*/final.json")}
    # Another teacher joins; nobody runs again.
    assert compare(config(tmp_path, teachers="random,alp-gmm")) == 0
    assert all(p.stat().st_mtime_ns == at for p, at in times.items())
    results = json.loads((tmp_path / "results.json").read_text())
    assert {row["teacher"] for row in results["rows"]} == {"random", "riac", "alp-gmm"}
    table = (tmp_path / "table.md").read_text()
    page = (tmp_path / "report.html").read_text()
    assert table.count("\n") == 5 and page.count("data:image/png") == 3 and "http" not in page
    with Run.open(runs / "random-seed1") as run:
        assert run.status == "finished"
        mastered = [line["test/mastered"] for line in run.read_metrics() if "test/mastered" in line]
    (own,) = [run for run in results["runs"] if run["teacher"] == "random"]
    assert own["mastered"] == mastered and own["seed"] == 1


def test_a_killed_grid_goes_on_and_ends_alike(tmp_path):
    plain, cut = config(tmp_path / "a", teachers="random"), config(tmp_path / "b", teachers="random")
    assert compare(plain) == 0
    code = (
        "import json, sys; from eyas.agents.compare import compare;"
        "from eyas.agents.compare_config import CompareConfig; from eyas.records import from_json;"
        "sys.exit(compare(from_json(CompareConfig, json.loads(sys.argv[1]))))"
    )
    from eyas.records import to_json

    process = subprocess.Popen([sys.executable, "-c", code, json.dumps(to_json(cut))])
    metrics = tmp_path / "b" / "runs" / "random-seed1" / "metrics.jsonl"
    deadline = time.monotonic() + 60
    while not metrics.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGTERM)  # ends its runs with a checkpoint, and itself with 130
    assert process.wait(60) in (130, 0)
    assert compare(cut) == 0
    a, b = (json.loads((tmp_path / x / "results.json").read_text())["runs"] for x in "ab")
    for run in (*a, *b):
        del run["seconds"]
    assert a == b


def test_what_fails_is_named_and_the_rest_is_reported(tmp_path, capsys):
    other = config(tmp_path, teachers="riac", steps=2000)
    assert compare(other) == 0
    # riac-seed1 now holds a run of other settings; it is neither taken for ours nor overwritten.
    assert compare(config(tmp_path)) == 1
    assert "failed: riac-seed1: error: run folder" in capsys.readouterr().err
    results = json.loads((tmp_path / "results.json").read_text())
    assert [row["teacher"] for row in results["rows"]] == ["random"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"world": "moon"}, "unknown world 'moon'; known are stump-tracks"),
        ({"teachers": "random,genius"}, "unknown teacher 'genius'"),
        ({"teachers": "oracle"}, "the oracle teacher knows no step"),
        ({"seeds": 0}, "seeds"),
        ({"report_only": True}, "no finished run"),
    ],
)
def test_what_cannot_be(tmp_path, changes, message):
    with pytest.raises(InputError, match=message):
        compare(config(tmp_path / "new", **changes))
    assert not (tmp_path / "new").exists()


def test_all_is_every_teacher_that_can(tmp_path):
    names = teachers_of(config(tmp_path, teachers="all"), find_world("point-mass"))
    assert set(names) == set(TEACHERS) - {"oracle"}


def one(teacher, seed, end, scouted=0.0):
    rng = np.random.default_rng(seed)
    tasks = np.clip(end + 0.2 * rng.standard_normal((2, 20)), 0, 1)
    return OneRun(teacher, seed, [0, 10, 20], [0.0, end / 2, end], tasks.tolist(), scouted, 5.0, 100)


def test_table(tmp_path):
    runs = [one("random", s, 0.2 + 0.01 * s) for s in range(4)]
    runs += [one("good", s, 0.6 + 0.01 * s, 0.25) for s in range(4)]
    rows = table_rows(runs, config(tmp_path))
    assert [row.teacher for row in rows] == ["good", "random"]
    good, random = rows
    means = [np.mean(run.final[1]) for run in runs[4:]]
    assert good.mastered == pytest.approx(np.mean(means))
    assert good.deviation == pytest.approx(np.std(means, ddof=1))
    assert good.p_end < 1e-6 and good.improvement.value > 0.9 and good.scouted == 0.25
    assert good.area == pytest.approx(0.615 / 2)
    assert good.interquartile.low < good.interquartile.value < good.interquartile.high
    assert np.isnan(random.p_end) and random.improvement is None
    lines = markdown_table(rows, config(tmp_path)).splitlines()
    assert lines[2].startswith(f"| good | 4 | {100 * np.mean(means):.1f} ± ") and "| 25 % |" in lines[2]


def test_curves_are_tested_step_by_step():
    runs = [one("random", s, 0.2 + 0.01 * s) for s in range(4)]
    runs += [one("good", s, 0.6 + 0.01 * s) for s in range(4)]
    good, random = sorted(teacher_curves(runs, "random"), key=lambda curve: curve.teacher)
    assert good.steps == [0, 10, 20] and good.mastered == pytest.approx([0, 0.3075, 0.615])
    assert good.p[0] == 1.0 and good.p[1] < 1e-6 and good.p[2] < 1e-6 and np.isnan(random.p).all()
    assert 0.60 <= good.low[2] < 0.615 < good.high[2] <= 0.63


def test_challenges_map_the_teachers_tasks():
    for name in WORLDS:
        world = find_world(name)
        space = world.teacher_space or world.make_batch(1).task_space
        assert (world.teacher_space is None) == (world.realise is None)
        if world.realise is not None:
            assert world.test_tasks.shape == (100, 2) and world.test_tasks.max() == 6.0
            assert np.isfinite(world.realise(space.high)).all()
    rugged = find_world("rugged", seed=3)
    rng = np.random.default_rng(0)
    tasks = rugged.teacher_space.sample(rng, 4000)
    mapped = np.array([rugged.realise(task) for task in tasks])
    # Pieces are moved as they are: a permutation of the box, uniform stays uniform.
    assert (mapped >= rugged.teacher_space.low).all() and (mapped <= rugged.teacher_space.high).all()
    np.testing.assert_allclose(mapped.mean(axis=0), [1.5, 3.0], rtol=0.05)
    assert not np.allclose(mapped, tasks)
    near = rugged.realise(np.array([0.1, 0.1])) - rugged.realise(np.array([0.2, 0.1]))
    np.testing.assert_allclose(near, [-0.1, 0.0], atol=1e-12)
    again = find_world("rugged", seed=3).realise(np.array([0.1, 0.1]))
    np.testing.assert_array_equal(again, rugged.realise(np.array([0.1, 0.1])))


def test_config_is_frozen(tmp_path):
    with pytest.raises(dataclasses.FrozenInstanceError):
        config(tmp_path).seeds = 3
