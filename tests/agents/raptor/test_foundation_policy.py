"""The policy that comes with the program flies what it says it flies."""

import numpy as np
import pytest

from eyas.agents.raptor.evaluation import evaluate_unseen, unseen
from eyas.envs.quadrotor.airframe import Airframes
from eyas.envs.quadrotor.evaluation.own_simulator import OwnSimulator
from eyas.envs.quadrotor.evaluation.protocols import PROTOCOLS, Conditions
from eyas.envs.quadrotor.named import NAMED
from eyas.policies.quadrotor_policy import SHIPPED, load_quadrotor_policy


@pytest.fixture(scope="module")
def policy():
    return load_quadrotor_policy(SHIPPED)


def test_it_is_small_and_says_where_it_comes_from(policy):
    assert policy.parameter_count <= 2084
    assert SHIPPED.stat().st_size < 40_000
    metadata = policy.metadata
    assert metadata["rate_hz"] == 100
    assert sum(part["size"] for part in metadata["observation"]) == policy.observation_size
    assert metadata["command"].startswith("eyas raptor distill")
    assert len(metadata["revision"]) == 40
    assert metadata["evaluation"]["protocols"]["P1"]["error"]["median"] < 0.006


def test_it_flies_unseen_quadrotors(policy):
    # Seed 5 is neither the evaluation's nor a training's.
    sample = unseen(256, 5)
    names = ("P0", "P1", "P2 5.5 s", "P3 10 ms")
    result = evaluate_unseen(
        policy, sample, OwnSimulator(sample.airframes), names, seeds=1, progress=lambda steps: None
    )
    protocols = result["protocols"]
    failed = {name: protocols[name]["failed"] for name in names}
    medians = {name: protocols[name]["error"]["median"] for name in names}
    assert failed["P0"] <= 0.02
    assert failed["P1"] == 0
    assert medians["P1"] < 0.006
    assert failed["P2 5.5 s"] <= 0.005
    assert medians["P2 5.5 s"] < 0.1
    assert failed["P3 10 ms"] <= 0.01
    assert result["probe"] > 0.6  # of 256 vehicles; 0.95 of 1,024


def test_it_flies_what_lies_outside_its_distribution(policy):
    airframes = Airframes.stack([NAMED["flightmare"], NAMED["race"], NAMED["fs"]])
    conditions = Conditions(force_std=np.zeros(3), position_limit=np.ones(3), seeds=1)
    simulator = OwnSimulator(airframes)
    hover = PROTOCOLS["P1"].run(simulator, policy, conditions, lambda steps: None).summary()
    assert hover["failed"] == 0
    assert hover["error"]["median"] < 0.02
