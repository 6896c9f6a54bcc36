"""What SB3 gets from the adapter, and that it does not overwrite what SB3 keeps."""

import numpy as np
import pytest
import torch
from stable_baselines3 import PPO

from eyas import InputError
from eyas.agents.vec_env import BatchVecEnv

COPIES = 4


@pytest.fixture
def env(point_world):
    return BatchVecEnv(point_world.PointWorld(COPIES, max_episode_steps=6))


def test_rollout_buffer_holds_what_happened(env, point_world):
    torch.set_num_threads(1)
    model = PPO("MlpPolicy", env, n_steps=20, batch_size=16, n_epochs=1, seed=0, device="cpu")
    model.learn(20 * COPIES)
    buffer = model.rollout_buffer

    def of_step(name, step):  # SB3 leaves some arrays as (steps, copies) and others flat, copy by copy
        array = getattr(buffer, name)
        if len(array) != 20:
            array = array.reshape(COPIES, 20, *array.shape[1:]).swapaxes(0, 1)
        return array[step].reshape(COPIES, -1)

    world = point_world.PointWorld(COPIES, max_episode_steps=6)
    observations = world.reset(seed=0).copy()
    lengths = np.zeros(COPIES, dtype=int)
    starts = np.ones(COPIES)
    timeouts = 0
    for step in range(20):
        np.testing.assert_array_equal(of_step("observations", step), observations)
        np.testing.assert_array_equal(of_step("episode_starts", step)[:, 0], starts)
        actions = np.clip(of_step("actions", step), -1, 1)
        after, rewards, terminated, truncated, _ = world.step(actions)
        bootstrapped = of_step("rewards", step)[:, 0] != rewards
        np.testing.assert_array_equal(bootstrapped, truncated)
        timeouts += int(truncated.sum())
        observations, starts = after.copy(), (terminated | truncated).astype(np.float32)
        lengths = np.where(starts, 0, lengths + 1)
    assert timeouts > 0


def test_infos_are_filled_only_where_an_episode_ended(env):
    env.reset()
    seen = 0
    for _ in range(12):
        _, _, dones, infos = env.step(np.full((COPIES, 1), -0.1, np.float32))
        for done, info in zip(dones, infos, strict=True):
            if not done:
                assert info == {}
                continue
            seen += 1
            assert info["TimeLimit.truncated"] is True
            assert info["episode"]["l"] == 6
            assert info["terminal_observation"].shape == (3,)
            info["later"] = "a wrapper may write into it"
    assert seen == 2 * COPIES


def test_attributes_and_methods_per_copy(env):
    env.reset()
    assert env.get_attr("max_episode_steps") == [6] * COPIES
    assert [row.shape for row in env.get_attr("tasks", [0, 2])] == [(2,), (2,)]
    env.env_method("set_next_task", {"distance": 5.0}, indices=[1])
    np.testing.assert_array_equal(env.batch.next_tasks[:, 0], [2, 5, 2, 2])
    env.set_attr("max_episode_steps", 9)
    assert env.batch.max_episode_steps == 9
    assert env.env_is_wrapped(object) == [False] * COPIES
    assert env.env_method("render_copy", indices=0)[0].shape == (40, 160, 3)
    assert len(env.get_images()) == COPIES
    with pytest.raises(InputError, match="some"):
        env.set_attr("max_episode_steps", 9, indices=[0])
    with pytest.raises(AttributeError, match="set_next_task"):
        env.env_method("set_difficulty", 3)
    with pytest.raises(AttributeError):
        env.get_attr("no_such_thing")
    with pytest.raises(InputError, match="distance = 99"):
        env.env_method("set_next_task", [99.0, 0.0])


def test_options_name_the_task_of_the_next_reset(env):
    env.set_options({"task": {"distance": 4.0}})
    env.reset()
    assert (env.batch.tasks[:, 0] == 4).all()
    assert env.reset_infos[0]["task"][0] == 4
