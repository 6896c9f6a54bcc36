"""Training by gradients: it learns, resumes exactly, and does not depend on threads."""

import dataclasses

import numpy as np
import pytest

from eyas.agents.raptor.gradient import POLICY, GradientTraining
from eyas.agents.raptor.gradient_config import GradientConfig
from eyas.agents.raptor.scenario_config import ScenarioConfig
from eyas.errors import InputError
from eyas.policies.recurrent_policy import load_recurrent_policy
from eyas.runs import Run

SMALL = GradientConfig(
    updates=6,
    vehicles=256,
    horizon=20,
    hidden=8,
    pool=64,
    pool_updates=4,
    log_every=2,
    quiet=True,
    seed=3,
)


def trained(folder, config):
    with Run.create(folder, config, ["test"], job="raptor distill") as run:
        training = GradientTraining(run, config)
        assert training.train() is None
    return training


def test_it_learns_to_hover(tmp_path):
    easy = ScenarioConfig(
        wide=0, recovery=0, hover=1, moving=0, delay=(1, 0, 0, 0), noise=0, force=0, clipped=0
    )
    config = dataclasses.replace(
        SMALL, updates=1000, horizon=50, warm_up=10, log_every=100, hidden=16, scenarios=easy
    )
    trained(tmp_path / "run", config)
    with Run.open(tmp_path / "run") as run:
        lines = run.read_metrics()
    worst = max(line["train/cost"] for line in lines)
    assert lines[-1]["train/cost"] < 0.2 * worst

    assert lines[-1]["train/lost"] < 0.02
    policy = load_recurrent_policy(tmp_path / "run" / POLICY)
    assert policy.parameter_count == 2084
    assert policy.metadata["origin"]["steps"] == 1000 * 256 * 50


def test_resumed_run_equals_an_uninterrupted_one(tmp_path):
    whole = trained(tmp_path / "whole", SMALL)
    with Run.create(tmp_path / "parts", SMALL, ["test"], job="raptor distill") as run:
        first = GradientTraining(run, SMALL)
        for _ in range(3):
            first.update()
        first.save()
        first.update()  # lost with the process
    with Run.open(tmp_path / "parts", write=True) as run:
        second = GradientTraining(run, SMALL)
        assert second.updates == 3
        second.train()
    np.testing.assert_array_equal(second.parameters, whole.parameters)
    np.testing.assert_array_equal(second.average, whole.average)


def test_threads_do_not_change_the_result(tmp_path):
    one = trained(tmp_path / "one", SMALL)
    two = trained(tmp_path / "two", dataclasses.replace(SMALL, threads=2))
    np.testing.assert_array_equal(one.parameters, two.parameters)


def test_starting_from_a_policy_of_another_size_is_refused(tmp_path):
    trained(tmp_path / "small", dataclasses.replace(SMALL, updates=1))
    start = load_recurrent_policy(tmp_path / "small" / POLICY)
    config = dataclasses.replace(SMALL, hidden=12)
    with (
        Run.create(tmp_path / "other", config, ["test"], job="raptor distill") as run,
        pytest.raises(InputError, match="8 hidden units, hidden is 12"),
    ):
        GradientTraining(run, config, start)
