"""Every student learns, goes on bit for bit from its saved state, and exports what it does."""

import dataclasses

import numpy as np
import pytest
import torch

from eyas import InputError
from eyas.agents.config import StudentConfig
from eyas.agents.students import STUDENTS, make_student
from eyas.agents.vec_env import BatchVecEnv
from eyas.policies.state_file import read_tree, write_tree

CONFIG = StudentConfig(
    hidden=(16, 16),
    learning_rate=2e-3,
    final_learning_rate=0.5,
    gamma=0.95,
    minibatch=64,
    n_steps=16,
    learning_starts=300,
    buffer=1500,
)
SEED = 5


def build(point_world, name, **changes):
    torch.set_num_threads(1)
    batch = point_world.PointWorld(16)
    config = dataclasses.replace(CONFIG, **changes)
    return batch, make_student(name, BatchVecEnv(batch), config, total_steps=20_000, seed=SEED)


def arrays_of(tree, path=""):
    if isinstance(tree, np.ndarray):
        return {path: tree}
    if isinstance(tree, dict):
        return {
            k: v for name, node in tree.items() for k, v in arrays_of(node, f"{path}/{name}").items()
        }
    return (
        {path: np.array(tree, dtype=object)}
        if not isinstance(tree, list)
        else {path: np.array(str(tree))}
    )


@pytest.mark.parametrize("normalise", [False, True])
@pytest.mark.parametrize("name", STUDENTS)
def test_goes_on_bit_for_bit(point_world, name, normalise, tmp_path):
    options = {"normalise_observations": normalise, "normalise_rewards": normalise}
    advances = 6 if name == "ppo" else 2
    batch, student = build(point_world, name, **options)
    for _ in range(advances // 2):
        student.advance()
    write_tree(
        tmp_path / "state", "test", 1, {"student": student.state_dict(), "world": batch.state_dict()}
    )
    for _ in range(advances // 2):
        student.advance()

    other_batch, other = build(point_world, name, **options)
    other.advance()  # and the global generators are somewhere else entirely
    state = read_tree(tmp_path / "state", "test", 1)
    other.load_state_dict(state["student"])
    other_batch.load_state_dict(state["world"])
    for _ in range(advances // 2):
        other.advance()
    ours, theirs = arrays_of(student.state_dict()), arrays_of(other.state_dict())
    assert ours.keys() == theirs.keys() and len(ours) > 20
    for path, array in ours.items():
        np.testing.assert_array_equal(array, theirs[path], err_msg=path)
    assert student.losses() == other.losses() != {}
    assert student.losses()["train/learning_rate"] < CONFIG.learning_rate


@pytest.mark.parametrize("name", STUDENTS)
@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_policy_is_what_the_student_does(point_world, name, activation):
    batch, student = build(point_world, name, normalise_observations=True, activation=activation)
    student.advance()
    policy = student.policy({"world": "point"})
    observations = batch.observations.copy()
    seen = student._normaliser.normalize_obs(observations)
    expected, _ = student._model.predict(seen, deterministic=True)
    np.testing.assert_allclose(policy(observations), expected, atol=2e-6)
    before = [weight.copy() for weight in policy.weights]
    student.advance()
    student.advance()
    assert all(map(np.array_equal, before, policy.weights)), "a policy does not change afterwards"


@pytest.mark.parametrize(("name", "advances"), [("ppo", 50), ("sac", 12), ("td3", 12)])
def test_learns_to_drive_against_the_wind(point_world, name, advances):
    options = {"minibatch": 128, "learning_rate": 3e-3, "normalise_rewards": name == "ppo"}
    batch, student = build(point_world, name, exploration_noise=0.3, **options)
    batch.set_next_tasks([5.0, 1.0])
    student.advance()
    before = student._model.ep_info_buffer[0]["r"]
    for _ in range(advances):
        student.advance()
    returns = [info["r"] for info in student._model.ep_info_buffer]
    assert before < 0
    assert np.mean(returns[-20:]) > 90


def test_fixed_temperature(point_world):
    _, student = build(point_world, "sac", entropy_temperature=0.005)
    student.advance()
    assert student.losses()["train/ent_coef"] == pytest.approx(0.005)


def test_another_students_state_is_refused(point_world):
    _, ppo = build(point_world, "ppo")
    ppo.advance()
    state = ppo.state_dict()
    _, sac = build(point_world, "sac")
    with pytest.raises(InputError, match="PPOStudent"):
        sac.load_state_dict(state)
    _, wider = build(point_world, "ppo", hidden=(32, 16))
    with pytest.raises(InputError, match="shape"):
        wider.load_state_dict(state)
    _, deeper = build(point_world, "ppo", hidden=(16, 16, 16))
    with pytest.raises(InputError, match="one of them only"):
        deeper.load_state_dict(state)
    with pytest.raises(InputError, match=r"student = 'dqn'.*ppo, sac, td3"):
        build(point_world, "dqn")
