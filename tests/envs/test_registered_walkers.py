"""The registered ids, made by Gymnasium itself."""

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode
from stable_baselines3.common.env_checker import check_env as sb3_check_env

import eyas.envs

IDS = [name for name in gymnasium.registry if name.startswith("eyas/Walker")]


@pytest.mark.parametrize("name", IDS)
def test_checkers_pass(name):
    assert eyas.envs.__doc__ is not None and name in eyas.envs.__doc__
    env = gymnasium.make(name, disable_env_checker=True)
    check_env(env.unwrapped, skip_render_check=True)
    sb3_check_env(env.unwrapped)


@pytest.mark.parametrize("name", IDS)
def test_vector_form(name):
    envs = gymnasium.make_vec(name, num_envs=3, body="short", autoreset_mode="SameStep")
    assert envs.metadata["autoreset_mode"] is AutoresetMode.SAME_STEP
    observations, infos = envs.reset(seed=0)
    assert observations.shape == (3, 24) and observations.dtype == np.float32
    dimension = envs.unwrapped.task_space.dimension
    assert infos["task"].shape == (3, dimension)
    again, _ = gymnasium.make_vec(name, num_envs=3, body="short").reset(seed=0)
    np.testing.assert_array_equal(observations, again)


def test_default_autoreset_mode_is_gymnasiums():
    envs = gymnasium.make_vec("eyas/Walker-v0", num_envs=2)
    assert envs.metadata["autoreset_mode"] is AutoresetMode.NEXT_STEP
