"""The compiled walker against the real Box2D; the full figures come from `eyas.bench.parity`."""

import itertools
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from eyas.bench import parity
from eyas.envs.walker.bodies_teachmyagent import BODIES, make_body

pytest.importorskip("Box2D")

TERRAINS = ("plain", "stump-tracks", "hexagon-tracks")


STEADY = ("short", "default", "quadrupedal", "spider")
"""Bodies on which the real Box2D follows itself; strong motors on light limbs make the others chaotic."""


def test_first_steps_follow_box2d():
    """More than 100 cases over bodies, terrains and kinds of actions."""
    cases = 5
    within = [
        parity.share_within(parity.compare(body, terrain, cases, actions=actions).ours)
        for body, terrain, actions in itertools.product(STEADY, TERRAINS, ("random", "smooth"))
    ]
    assert cases * len(within) >= 100
    assert np.mean(within) >= 0.95


@pytest.mark.parametrize("body", sorted(set(BODIES) - set(STEADY)))
def test_chaotic_bodies_part_like_box2d_from_itself(body):
    parts = make_body(body).parts
    # Some of these start with their feet exactly on the ground or joints exactly at a limit, where
    # one bit of rounding decides; begin in the air instead.
    lifted = replace(
        make_body(body),
        parts=tuple(replace(p, position=(p.position[0], p.position[1] + 0.02)) for p in parts),
    )
    comparison = parity.compare(lifted, "stump-tracks", 10)
    early = comparison.ours[:, :5].max(axis=1)
    assert np.median(early) < 1e-3
    ours, itself = (np.median(deviation.max(axis=1)) for deviation in comparison)
    assert ours < 10 * itself + 1e-3


def test_the_comparison_sees_another_solver():
    few = parity.compare("default", "plain", 10, solver="fast")
    assert parity.share_within(few.ours) < 0.5
    assert parity.share_within(few.itself) > 0.8  # the real Box2D follows itself


@pytest.mark.parametrize(
    ("body", "terrain", "actions"),
    [
        ("default", "plain", "smooth"),
        ("short", "stump-tracks", "random"),
        ("quadrupedal", "hexagon-tracks", "smooth"),
    ],
)
def test_long_rollouts_have_the_same_statistics(body, terrain, actions):
    batch = parity.make_batch(body, terrain, 30, seed=3)
    size = batch.body.action_size
    twin = parity.roll_out_twin(batch, parity.open_loop(actions, 30, size, seed=3))
    ours = parity.roll_out_batch(batch, parity.open_loop(actions, 30, size, seed=3))
    p_values = parity.agreement_tests(ours, twin)
    assert min(p_values.values()) > 1e-3, p_values


def test_agreement_tests_tell_simulators_apart():
    rng = np.random.default_rng(0)

    def rollouts(shift, falls):
        returns = rng.normal(shift, 1, 100)
        return parity.Rollouts(returns, returns / 4, np.arange(100) < falls, np.full(100, 50, np.int64))

    here = rollouts(0, 50)
    same = parity.agreement_tests(here, rollouts(0, 55))
    assert set(same) == {
        "returns_mean",
        "returns_distribution",
        "distances_mean",
        "distances_distribution",
        "falls",
    }
    assert min(same.values()) > 0.05
    other = parity.agreement_tests(here, rollouts(1, 90))
    assert max(other.values()) < 1e-3


def test_open_loop_actions_repeat_and_stay_in_range():
    for kind in ("random", "smooth"):
        first, again = (parity.open_loop(kind, 5, 4, seed=1) for _ in range(2))
        for step in range(20):
            actions = first(np.empty(0), step)
            np.testing.assert_array_equal(actions, again(np.empty(0), step))
            assert actions.shape == (5, 4)
            assert np.abs(actions).max() <= 1
            assert np.unique(actions).size == 20


def test_command_line_refuses_bad_input(capsys):
    assert parity.main(["--cases", "1"]) == 2
    assert "cases" in capsys.readouterr().err
    assert parity.main(["--bodies", "snake"]) == 2
    assert "snake" in capsys.readouterr().err


def test_a_policy_measured_and_shown(capsys, tmp_path):
    policy = Path(__file__).parents[2] / "data" / "gymnasium_walker_policy.safetensors"
    choice = ["--cases", "3", "--bodies", "default", "--terrains", "stump-tracks"]
    assert parity.main([*choice, "--policy", str(policy)]) == 0
    written = capsys.readouterr().out
    row = json.loads(written)
    assert row["ours"]["length"] > 50
    file = tmp_path / "rows.jsonl"
    file.write_text(written)
    assert parity.main(["--table", str(file)]) == 0
    body, cases, share = capsys.readouterr().out.splitlines()[-1].split("|")[1:4]
    assert (body.strip(), cases.strip()) == ("`default`", "3")
    assert share.strip() == f"{row['within_tolerance']:.1%}"
    assert parity.main([*choice[:2], "--bodies", "spider", "--policy", str(policy)]) == 2
    assert "24" in capsys.readouterr().err
    assert parity.main(["--table", str(policy)]) == 2
    assert str(policy) in capsys.readouterr().err
