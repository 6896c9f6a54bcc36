"""A policy earns in Gymnasium's BipedalWalker-v3 what it earns in ours, and the reverse.

Short versions with a policy that was trained in Gymnasium (PPO, 4.5 million steps) and one that was trained in
ours (`eyas train walker --terrain plain --teacher random --steps 4M --seed 1`); `python -m
eyas.bench.transfer` gives the full figures.
"""

import json
from pathlib import Path

import numpy as np
import pytest

from eyas.bench import transfer
from eyas.policies.policy import load_policy

pytest.importorskip("Box2D")

DATA = Path(__file__).parents[2] / "data"
KEPT = 0.95
"""Share of the return that a policy must keep in the other world."""


@pytest.fixture(scope="module")
def gymnasium_policy():
    return load_policy(DATA / "gymnasium_walker_policy.safetensors")


@pytest.fixture(scope="module")
def returns_at_home(gymnasium_policy):
    return transfer.returns_in_gymnasium(gymnasium_policy, 20, seed=0)


@pytest.mark.parametrize("solver", ["fast", "box2d"])
def test_a_policy_trained_in_gymnasium_walks_in_ours(gymnasium_policy, returns_at_home, solver):
    away = transfer.returns_in_ours(gymnasium_policy, 100, seed=0, solver=solver)
    result = transfer.transfer(returns_at_home, away)
    assert result.home.mean > 230
    assert result.ratio + 3 * result.ratio_error > KEPT
    assert np.median(away) > KEPT * np.median(returns_at_home)


def test_a_policy_trained_in_ours_walks_in_gymnasium():
    policy = load_policy(DATA / "eyas_walker_policy.safetensors")
    home = transfer.returns_in_ours(policy, 100, seed=0, solver="fast")
    away = transfer.returns_in_gymnasium(policy, 10, seed=0)
    result = transfer.transfer(home, away)
    assert result.home.mean > 270
    assert result.ratio + 3 * result.ratio_error > KEPT
    assert np.median(away) > KEPT * np.median(home)


def test_episodes_in_gymnasium_repeat(gymnasium_policy, returns_at_home):
    again = transfer.returns_in_gymnasium(gymnasium_policy, 2, seed=1)
    np.testing.assert_array_equal(again, returns_at_home[1:3])


def test_ratio_and_its_error():
    result = transfer.transfer(np.array([190.0, 210.0]), np.array([95.0, 105.0]))
    assert result.home == (200.0, 10.0, 190.0, 2)
    assert result.away == (100.0, 5.0, 95.0, 2)
    assert result.ratio == 0.5
    assert result.ratio_error == pytest.approx(0.5 * np.hypot(0.05, 0.05))


def test_command_line(capsys):
    policy = str(DATA / "gymnasium_walker_policy.safetensors")
    assert transfer.main([policy, "--trained-in", "gymnasium", "--episodes", "2"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["home"]["episodes"] == 2
    assert result["ratio"] == pytest.approx(result["away"]["mean"] / result["home"]["mean"])


def test_command_line_refuses_bad_input(capsys, tmp_path):
    assert transfer.main([str(tmp_path / "none.safetensors")]) == 2
    assert "none.safetensors" in capsys.readouterr().err
    assert transfer.main([str(DATA / "gymnasium_walker_policy.safetensors"), "--episodes", "1"]) == 2
    assert "episodes" in capsys.readouterr().err
