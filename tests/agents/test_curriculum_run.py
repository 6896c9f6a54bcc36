"""The job: it learns, tests, saves, and a run that was killed equals one that was not."""

import dataclasses
import json
import multiprocessing
import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest

from eyas import InputError
from eyas.agents.curriculum_run import (
    BEST_POLICY,
    POLICY,
    CurriculumRun,
    load_training_state,
)
from eyas.agents.play import play, play_batch
from eyas.agents.world import TEST_SEED
from eyas.policies.policy import load_policy
from eyas.runs import MASTERED, MEAN_RETURN, Run

CLOCK = {"time", "train/seconds", "train/steps_per_second"}
FORK = multiprocessing.get_context("fork")  # a fresh interpreter would spend seconds on imports


def metrics_of(folder: Path) -> list[dict]:
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{name: value for name, value in line.items() if name not in CLOCK} for line in lines]


def last_step(folder: Path) -> int:
    """Step of the last whole line of metrics that somebody may be writing right now."""
    path = folder / "metrics.jsonl"
    lines = path.read_text().splitlines(keepends=True) if path.exists() else []
    whole = [line for line in lines if line.endswith("\n")]
    return json.loads(whole[-1])["step"] if whole else -1


def last_state(folder: Path) -> dict:
    with Run.open(folder) as run:
        checkpoint = run.latest_checkpoint()
    assert checkpoint is not None
    state = load_training_state(checkpoint.folder)
    assert state.pop("seconds") > 0
    return state


def assert_same(a, b, path="") -> None:
    assert type(a) is type(b), path
    if isinstance(a, dict):
        assert a.keys() == b.keys(), path
        for name in a:
            assert_same(a[name], b[name], f"{path}/{name}")
    elif isinstance(a, list):
        assert len(a) == len(b), path
        for number, (left, right) in enumerate(zip(a, b, strict=True)):
            assert_same(left, right, f"{path}/{number}")
    elif isinstance(a, np.ndarray):
        np.testing.assert_array_equal(a, b, err_msg=path)
    else:
        assert a == b, path


def assert_same_runs(ours: Path, theirs: Path) -> None:
    assert metrics_of(ours) == metrics_of(theirs)
    assert_same(last_state(ours), last_state(theirs))
    for name in (POLICY, BEST_POLICY):
        left, right = load_policy(ours / name), load_policy(theirs / name)
        assert all(map(np.array_equal, left.weights + left.biases, right.weights + right.biases))


def tree_of(folder: Path) -> dict[str, bytes]:
    return {str(p): p.read_bytes() for p in folder.rglob("*") if p.is_file() and p.name != "run.lock"}


@pytest.fixture(scope="module")
def job(point_job):
    return point_job.settings("ppo", steps=20_000)


@pytest.fixture(scope="module")
def reference(tmp_path_factory, point_job, job) -> Path:
    folder = tmp_path_factory.mktemp("reference") / "run"
    assert point_job.work(folder, job) is None
    return folder


def test_learns_and_says_so(reference):
    lines = metrics_of(reference)
    steps = [line["step"] for line in lines]
    assert steps[0] == 0 and steps == sorted(steps) and steps[-1] >= 20_000
    tests = [line for line in lines if MASTERED in line]
    assert len(tests) == 6
    assert tests[0][MASTERED] < 0.2 and tests[-1][MASTERED] > 0.9
    assert lines[-1][MEAN_RETURN] > 80
    assert {"train/episodes", "student/value_loss", "teacher/gaussians"} <= lines[-1].keys()
    state = last_state(reference)
    assert len(state["curriculum"]["log"]["returns"]) == lines[-1]["train/episodes"]


def test_saved_policy_repeats_the_last_test(reference, point_world):
    policy = load_policy(reference / POLICY)
    assert policy.metadata["world"] == "point"
    assert policy.metadata["origin"]["steps"] == metrics_of(reference)[-1]["step"]
    tests = last_state(reference)["tests"]
    tasks = point_world.TASK_SPACE.sample(np.random.default_rng(4222), 20)
    played = play_batch(point_world.PointWorld(20), policy, tasks, seed=TEST_SEED)
    np.testing.assert_array_equal(played.returns, tests[-1]["returns"])
    shares = [(test["returns"] > 80).mean() for test in tests]
    best = load_policy(reference / BEST_POLICY).metadata["origin"]["steps"]
    assert shares[[test["step"] for test in tests].index(best)] == max(shares)


def test_killed_at_random_moments_and_resumed_equals_uninterrupted(reference, point_job, job, tmp_path):
    folder = tmp_path / "run"
    rng = np.random.default_rng(8)
    for goal in (500, 3000, 6000, 11_000, 16_000):
        child = FORK.Process(target=point_job.work, args=(folder, job))
        child.start()
        while last_step(folder) < goal + rng.integers(2000):
            assert child.exitcode is None
            time.sleep(0.002)
        time.sleep(rng.uniform(0, 0.1))  # in the middle of an update, a test or a checkpoint
        os.kill(child.pid, signal.SIGKILL)
        child.join()
        assert child.exitcode == -signal.SIGKILL
    point_job.work(folder, job)
    assert_same_runs(folder, reference)


def test_stopped_by_a_signal_saves_and_goes_on(reference, point_job, job, tmp_path):
    folder = tmp_path / "run"
    child = FORK.Process(target=lambda: os._exit(100 + (point_job.work(folder, job) or 0)))
    child.start()
    while last_step(folder) < 1000:
        time.sleep(0.002)
    os.kill(child.pid, signal.SIGTERM)
    child.join(60)
    assert child.exitcode == 100 + signal.SIGTERM
    with Run.open(folder) as run:
        checkpoint = run.latest_checkpoint()
    assert checkpoint is not None and 0 < checkpoint.step < job.steps
    assert metrics_of(folder)[-1]["step"] <= checkpoint.step
    assert point_job.work(folder, job) is None
    assert_same_runs(folder, reference)


def test_more_steps_later(reference, point_job, job, tmp_path):
    folder = tmp_path / "run"
    point_job.work(folder, dataclasses.replace(job, steps=6000))
    first = metrics_of(folder)
    point_job.work(folder, job)
    assert metrics_of(folder)[: len(first)] == first
    ours, theirs = last_state(folder), last_state(reference)
    assert_same(ours["student"], theirs["student"])
    assert_same(ours["curriculum"], theirs["curriculum"])


@pytest.mark.parametrize(("student", "teacher"), [("sac", "random"), ("td3", "riac")])
def test_other_students_and_teachers_resume_exactly(point_job, tmp_path, student, teacher):
    job = point_job.settings(student, steps=4000, teacher=teacher, evaluate_every=2000)
    point_job.work(tmp_path / "whole", job)
    point_job.work(tmp_path / "parts", dataclasses.replace(job, steps=2000))
    with Run.open(tmp_path / "parts", write=True) as run:
        CurriculumRun(run, point_job.point_world(), job).train()
    whole, parts = last_state(tmp_path / "whole"), last_state(tmp_path / "parts")
    assert_same(whole["student"], parts["student"])
    assert_same(whole["batch"], parts["batch"])
    assert_same(whole["curriculum"], parts["curriculum"])


def test_same_seed_same_run_and_other_seed_another(reference, point_job, job, tmp_path):
    short = dataclasses.replace(job, steps=2000)
    for name, seed in (("a", 3), ("b", 0)):
        point_job.work(tmp_path / name, dataclasses.replace(short, seed=seed))
    assert metrics_of(tmp_path / "a")[:2] == metrics_of(reference)[:2]
    assert metrics_of(tmp_path / "b")[1] != metrics_of(reference)[1]


def test_a_state_of_another_network_is_refused_and_kept(reference, point_job, job):
    before = tree_of(reference)
    other = dataclasses.replace(
        job, steps=40_000, student_config=dataclasses.replace(job.student_config, hidden=(8,))
    )
    with pytest.raises(InputError, match="does not fit"):
        point_job.work(reference, other)
    with pytest.raises(InputError, match="alp-gmm"):
        point_job.work(reference, dataclasses.replace(job, teacher="random"))
    with pytest.raises(InputError, match="shape"):
        point_job.work(reference, dataclasses.replace(job, copies=8))
    assert tree_of(reference) == before


def test_divergence_is_told_in_one_sentence(point_job, job, tmp_path, monkeypatch):
    with Run.create(tmp_path / "run", job, [], job="test") as run:
        work = CurriculumRun(run, point_job.point_world(), job)
        monkeypatch.setattr(work.student, "losses", lambda: {"train/loss": float("nan")})
        with pytest.raises(InputError, match=r"diverged after \d+ steps.*learning_rate = 0.003"):
            work.train()


def test_play_is_the_same_in_blocks_and_refuses_a_foreign_world(reference, point_world):
    policy = load_policy(reference / POLICY)
    tasks = point_world.TASK_SPACE.sample(np.random.default_rng(0), 10)
    runs = [play(point_world.PointWorld, policy, tasks, seed=1, copies=4) for _ in range(2)]
    np.testing.assert_array_equal(runs[0].returns, runs[1].returns)
    whole = play(point_world.PointWorld, policy, tasks, seed=1, copies=10)
    assert np.abs(whole.returns - runs[0].returns).max() < 10  # other random starts, same tasks
    smaller = dataclasses.replace(
        policy,
        weights=policy.weights[:-1],
        biases=policy.biases[:-1],
        action_low=np.zeros(16, np.float32),
        action_high=np.ones(16, np.float32),
    )
    with pytest.raises(InputError, match="3 observations to 16 actions, the world has 3 and 1"):
        play(point_world.PointWorld, smaller, tasks, seed=1)
