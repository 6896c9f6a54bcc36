"""The goal-conditioned policy: its files, its world, its training, and the one that comes along."""

import dataclasses
import itertools

import numpy as np
import pytest

from eyas.agents.sizing import goal_training
from eyas.agents.sizing.goal_config import TrainGoalsConfig, resumed_config
from eyas.agents.sizing.goal_policy import (
    SHIPPED,
    GoalPolicy,
    load_goal_policy,
    policy_inputs,
    save_goal_policy,
)
from eyas.agents.sizing.goal_training import train_goals
from eyas.agents.sizing.goal_world import GoalWorld, evaluate_goals
from eyas.bench import goals
from eyas.errors import InputError
from eyas.policies.state_file import write_tree
from eyas.runs import Run

SMALL = TrainGoalsConfig(simulations=1400, goals=8, attempts=3, updates=5, hidden=8, quiet=True)


@pytest.fixture(scope="module")
def world():
    return GoalWorld()


@pytest.fixture(scope="module")
def policy():
    return load_goal_policy()


def random_policy(world, seed=0, hidden=8):
    rng = np.random.default_rng(seed)
    sizes = (world.inputs, hidden, hidden, world.problem.dimension)
    weights = [rng.standard_normal(shape) * 0.3 for shape in itertools.pairwise(sizes)]
    return GoalPolicy(
        tuple(weight.astype(np.float32) for weight in weights),
        tuple(np.zeros(size, np.float32) for size in sizes[1:]),
        {"seed": seed},
    )


# The policy that comes along -------------------------------------------------------------------


def test_it_reaches_97_per_cent_of_unseen_specifications_in_few_simulations(policy):
    reached, simulations = evaluate_goals(policy, 500, seed=20)
    assert reached >= 0.97
    assert simulations <= 20


def test_it_adapts_to_specifications_that_no_single_design_meets(policy, world):
    tasks = world.draw(100, 21, "tight")
    outcome = world.size(policy, tasks, np.random.default_rng(0))
    every = world.simulate(outcome.unit)
    alone = [world.rate(np.tile(metrics, (100, 1)), tasks)[1].mean() for metrics in every]
    assert outcome.reached.mean() > max(alone) + 0.05


def test_it_is_small(policy, world):
    assert SHIPPED.stat().st_size < 100_000
    assert (policy.inputs, policy.outputs) == (world.inputs, world.problem.dimension)


# Files -----------------------------------------------------------------------------------------


def test_a_policy_is_read_back_as_written(world, tmp_path):
    written = random_policy(world)
    save_goal_policy(tmp_path / "policy", written)
    read = load_goal_policy(tmp_path / "policy")
    for a, b in zip(read.weights + read.biases, written.weights + written.biases, strict=True):
        np.testing.assert_array_equal(a, b)
    assert read.metadata == written.metadata


def test_files_that_are_no_policy_are_refused(world, tmp_path):
    with pytest.raises(InputError, match="there is no file"):
        load_goal_policy(tmp_path / "nothing")
    write_tree(tmp_path / "other", "another kind", 1, {"first": np.zeros(3)})
    with pytest.raises(InputError, match="no eyas circuit goal policy"):
        load_goal_policy(tmp_path / "other")
    broken = random_policy(world)
    broken = dataclasses.replace(broken, biases=(np.zeros(3, np.float32), *broken.biases[1:]))
    save_goal_policy(tmp_path / "broken", broken)
    with pytest.raises(InputError, match="do not fit"):
        load_goal_policy(tmp_path / "broken")


# The world -------------------------------------------------------------------------------------


def test_specifications_are_drawn_as_autockt_draws_them(world):
    limits = world.limits(world.draw(4000, 0))
    names = [metric.name for metric in world.spec.metrics]
    by_name = dict(zip(names, limits.T, strict=True))
    ranges = {"gain": (200, 400), "ugbw": (1e6, 25e6), "power": (0.18e-3, 18e-3)}
    for name, (low, high) in ranges.items():
        values = by_name[name]
        assert low <= values.min() and values.max() <= high
        assert np.median(values) == pytest.approx((low + high) / 2, rel=0.05)
    assert (by_name["pm_deg"] == 60).all()
    tight = dict(zip(names, world.limits(world.draw(400, 0, "tight")).T, strict=True))
    assert tight["power"].max() <= 0.18e-3


def test_slack_is_positive_exactly_where_a_limit_holds(world):
    tasks = world.draw(300, 3)
    metrics = world.simulate(np.random.default_rng(0).random((300, world.problem.dimension)))
    limits = world.limits(tasks)
    slack = world.slack(metrics, limits)
    met = world.rate(metrics, tasks)[1]
    finite = np.isfinite(slack).all(axis=1)
    np.testing.assert_array_equal((slack[finite] >= 0).all(axis=1), met[finite])


def test_outcomes_count_every_simulation_and_stop_at_the_first_success(world):
    counted = 0
    simulate = world.simulate

    class Counting(GoalWorld):
        def simulate(self, unit):
            nonlocal counted
            counted += len(unit)
            return simulate(unit)

    tasks = world.draw(40, 5)
    outcome = Counting().size(random_policy(world), tasks, np.random.default_rng(0), 4)
    assert counted == outcome.simulations.sum()
    assert (outcome.simulations[~outcome.reached] == 4).all()
    met = world.rate(world.simulate(outcome.unit), tasks)[1]
    np.testing.assert_array_equal(met, outcome.reached)


def test_an_unsimulated_design_shows_no_metrics(world):
    goals_, unit = np.full((2, 3), 0.5), np.full((2, 9), 0.5)
    inputs = policy_inputs(goals_, np.array([False, True]), np.full((2, 4), np.nan), unit)
    assert np.isfinite(inputs).all()
    assert (inputs[0, 3:8] == 0).all()
    assert (inputs[1, 4:8] == -3).all()


# Training --------------------------------------------------------------------------------------


def test_training_improves_the_policy(world, tmp_path):
    config = dataclasses.replace(
        SMALL, simulations=2600, goals=32, updates=20, hidden=32, out=tmp_path / "run"
    )
    assert train_goals(config) == 0
    trained = load_goal_policy(tmp_path / "run" / "policy.safetensors")
    reached, simulations = evaluate_goals(trained, 100, seed=3)
    before = evaluate_goals(random_policy(world), 100, seed=3, most=5)
    assert reached > 0.9 > before[0]
    assert simulations < 10


@pytest.mark.parametrize("teacher", ["random", "alp-gmm"])
def test_a_resumed_run_ends_with_the_same_policy(tmp_path, monkeypatch, teacher):
    monkeypatch.setattr(goal_training, "_TEST_GOALS", 4)
    whole = dataclasses.replace(SMALL, teacher=teacher, out=tmp_path / "whole")
    train_goals(whole)
    half = dataclasses.replace(whole, out=tmp_path / "half")
    with Run.create(half.out, half, ["test"], job=goal_training.JOB) as run:
        training = goal_training.GoalTraining(run, half)
        for _ in range(4):
            training.round()
        training.save()
    resume = TrainGoalsConfig(resume=tmp_path / "half", quiet=True)
    assert train_goals(resume) == 0
    one, two = (load_goal_policy(tmp_path / name / "policy.safetensors") for name in ("whole", "half"))
    for a, b in zip(one.weights, two.weights, strict=True):
        np.testing.assert_array_equal(a, b)


def test_only_more_simulations_may_be_asked_for_on_resuming():
    with pytest.raises(InputError, match="only more"):
        resumed_config(dataclasses.replace(SMALL, simulations=1000, quiet=False), SMALL)
    with pytest.raises(InputError, match="contradicts"):
        resumed_config(TrainGoalsConfig(hidden=20), SMALL)
    assert resumed_config(TrainGoalsConfig(simulations=90_000), SMALL).simulations == 90_000


def test_another_jobs_run_is_refused(tmp_path):
    with Run.create(tmp_path / "run", SMALL, ["test"], job="train walker"):
        pass
    with pytest.raises(InputError, match="train walker"):
        train_goals(TrainGoalsConfig(resume=tmp_path / "run"))


# The benchmark ---------------------------------------------------------------------------------


def test_the_benchmark_measures_both_sets_and_a_fixed_design(monkeypatch):
    monkeypatch.setattr(goals, "SPECIFICATIONS", 40)
    rows = {row.name: row for row in goals.measure(0.1, 0)}
    assert rows["AutoCkt's specifications, reached"].value >= 90
    assert rows["AutoCkt's specifications, reached"].peer_value == 96.3
    assert 1 <= rows["AutoCkt's specifications, simulations each"].value <= 20
    assert 0 < rows["a hundredth of the supply current, reached"].value < 100
    assert rows["AutoCkt's specifications, reached by one fixed design"].unit == "%"
