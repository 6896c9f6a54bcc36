"""The registered quadrotor, made by Gymnasium itself."""

import json

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode
from stable_baselines3.common.env_checker import check_env as sb3_check_env

import eyas.envs
from eyas.agents.vec_env import BatchVecEnv
from eyas.envs.listing import EnvsConfig, list_airframes, list_worlds, run
from eyas.envs.quadrotor.named import NAMED
from eyas.envs.quadrotor.task_airframes import TASK_SPACE
from eyas.errors import InputError

NAME = "eyas/Quadrotor-v0"


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"airframes": "crazyflie"},
        {"airframes": "wide", "conditions": "random", "observation": "teacher"},
    ],
)
def test_checkers_pass(options):
    assert eyas.envs.__doc__ is not None and NAME in eyas.envs.__doc__
    env = gymnasium.make(NAME, disable_env_checker=True, **options)
    check_env(env.unwrapped, skip_render_check=True)
    sb3_check_env(env.unwrapped)


def test_a_task_makes_the_airframe():
    env = gymnasium.make(NAME)
    _, info = env.reset(seed=0, options={"task": {"size": 0.5, "thrust_to_weight": 2.0}})
    assert info["task"].shape == (TASK_SPACE.dimension,)
    airframe = env.unwrapped.batch.airframes[0]
    assert airframe.mass == pytest.approx(0.125)
    assert airframe.thrust_to_weight == pytest.approx(2.0)
    with pytest.raises(InputError, match="thrust_to_weight"):
        env.reset(options={"task": {"thrust_to_weight": 0.5}})


def test_vector_form():
    envs = gymnasium.make_vec(NAME, num_envs=3, airframes="race", autoreset_mode="SameStep")
    assert envs.metadata["autoreset_mode"] is AutoresetMode.SAME_STEP
    observations, infos = envs.reset(seed=0)
    assert observations.shape == (3, 22) and observations.dtype == np.float32
    assert infos["task"].shape == (3, 1)
    again, _ = gymnasium.make_vec(NAME, num_envs=3, airframes="race").reset(seed=0)
    np.testing.assert_array_equal(observations, again)
    default = gymnasium.make_vec(NAME, num_envs=2)
    assert default.metadata["autoreset_mode"] is AutoresetMode.NEXT_STEP


def test_episodes_end_in_both_autoreset_modes():
    """Episodes end and are reported in both."""
    returns = {}
    for mode in ("SameStep", "NextStep"):
        envs = gymnasium.make_vec(NAME, num_envs=8, airframes="raptor", autoreset_mode=mode)
        envs.reset(seed=3)
        envs.action_space.seed(0)
        ended = 0
        for _ in range(200):
            *_, terminated, truncated, infos = envs.step(envs.action_space.sample())
            ended += int((terminated | truncated).sum())
            if "episode" in infos:
                assert (infos["episode"]["l"][infos["_episode"]] > 0).all()
        returns[mode] = ended
    assert min(returns.values()) > 20


def test_stable_baselines_form():
    from eyas.envs.quadrotor.env import QuadrotorBatch

    env = BatchVecEnv(QuadrotorBatch(4, airframes="raptor"))
    observations = env.reset()
    assert observations.shape == (4, 22)
    for _ in range(100):
        observations, rewards, dones, infos = env.step(np.zeros((4, 4), np.float32))
    assert np.isfinite(observations).all() and rewards.shape == dones.shape == (4,) and len(infos) == 4


def test_the_list_names_world_and_airframes(capsys):
    world = next(world for world in list_worlds() if world.id == NAME)
    assert world.terrain is None and world.parameters == TASK_SPACE.parameters
    assert [a.airframe for a in list_airframes()] == list(NAMED)
    assert run(EnvsConfig()) == 0
    shown = capsys.readouterr().out
    assert NAME in shown and "thrust_curvature" in shown and "flightmare" in shown
    assert run(EnvsConfig(json=True)) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {"airframe", "mass", "thrust_to_weight"} < set(lines[-1])
