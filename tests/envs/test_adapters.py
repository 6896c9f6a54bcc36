"""The same world through Gymnasium's two interfaces and SB3's gives the same episodes."""

import importlib.util
from pathlib import Path

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode
from hypothesis import given, settings
from hypothesis import strategies as st
from stable_baselines3.common.env_checker import check_env as sb3_check_env

import eyas.envs
from eyas import InputError
from eyas.agents.vec_env import BatchVecEnv
from eyas.envs.gym_vector import GymVectorEnv
from eyas.envs.single import SingleEnv

PATH = Path(__file__).parents[1] / "agents" / "point_world.py"
spec = importlib.util.spec_from_file_location("point_world_of_adapters", PATH)
assert spec is not None and spec.loader is not None
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
PointWorld = module.PointWorld

COPIES = 5
STEPS = 60
FAR = np.array([6.0, 1.5])


def actions_for(steps: int, copies: int = COPIES) -> np.ndarray:
    # Mostly forwards, so that some episodes end at the goal and others at the time limit.
    return np.random.default_rng(1).uniform(-0.6, 1.0, (steps, copies, 1)).astype(np.float32)


def single_transitions(copy: int) -> list[tuple]:
    """What one copy of a batch of COPIES lives through, one episode after the other."""
    batch = PointWorld(COPIES)
    batch.reset(seed=7)
    env = SingleEnv(PointWorld(1))
    observation, _ = env.reset(seed=0)
    env.batch.random_state[0] = np.random.SeedSequence(7).generate_state(COPIES, dtype=np.uint64)[copy]
    observation = env.batch.reset()[0].copy()
    transitions = []
    for action in actions_for(STEPS)[:, copy]:
        after, reward, terminated, truncated, _ = env.step(action)
        transitions.append((observation, action, reward, terminated, truncated, after))
        observation = after
        if terminated or truncated:
            observation, _ = env.reset()
    return transitions


def vector_transitions(mode: AutoresetMode) -> list[list[tuple]]:
    """The transitions of every copy, without those that only reset."""
    envs = GymVectorEnv(PointWorld(COPIES), mode)
    assert envs.metadata["autoreset_mode"] is mode
    observations, _ = envs.reset(seed=7)
    taken = np.zeros(COPIES, dtype=int)
    actions = actions_for(STEPS)
    transitions: list[list[tuple]] = [[] for _ in range(COPIES)]
    ended = np.zeros(COPIES, dtype=bool)
    while taken.min() < STEPS:
        chosen = np.stack([actions[min(taken[i], STEPS - 1), i] for i in range(COPIES)])
        after, rewards, terminated, truncated, infos = envs.step(chosen)
        for i in range(COPIES):
            if mode is AutoresetMode.NEXT_STEP and ended[i]:
                assert rewards[i] == 0 and not terminated[i] and not truncated[i]
                continue
            last = after[i]
            if mode is AutoresetMode.SAME_STEP and (terminated[i] or truncated[i]):
                last = infos["final_obs"][i]
            row = (observations[i], chosen[i], rewards[i], terminated[i], truncated[i], last)
            if taken[i] < STEPS:
                transitions[i].append(row)
            taken[i] += 1
        ended = terminated | truncated
        observations = after
    return transitions


def sb3_transitions() -> list[list[tuple]]:
    env = BatchVecEnv(PointWorld(COPIES))
    env.seed(7)
    observations = env.reset()
    transitions: list[list[tuple]] = [[] for _ in range(COPIES)]
    for actions in actions_for(STEPS):
        after, rewards, dones, infos = env.step(actions)
        for i in range(COPIES):
            truncated = infos[i].get("TimeLimit.truncated", False)
            last = infos[i]["terminal_observation"] if dones[i] else after[i]
            row = (observations[i], actions[i], rewards[i], dones[i] and not truncated, truncated, last)
            transitions[i].append(row)
        observations = after
    return transitions


def assert_same(ours: list[tuple], theirs: list[tuple]) -> None:
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs, strict=True):
        for left, right in zip(a, b, strict=True):
            np.testing.assert_array_equal(np.float32(left), np.float32(right))


@pytest.fixture(scope="module")
def reference() -> list[list[tuple]]:
    transitions = [single_transitions(copy) for copy in range(COPIES)]
    ends = (
        [row[3] for copy in transitions for row in copy],
        [row[4] for copy in transitions for row in copy],
    )
    assert any(ends[0]) and any(ends[1]), "the test needs both kinds of ends"
    return transitions


@pytest.mark.parametrize("mode", [AutoresetMode.SAME_STEP, AutoresetMode.NEXT_STEP])
def test_vector_env_lives_through_the_same_as_single_envs(reference, mode):
    for ours, theirs in zip(vector_transitions(mode), reference, strict=True):
        assert_same(ours, theirs)


def test_sb3_env_lives_through_the_same_as_single_envs(reference):
    for ours, theirs in zip(sb3_transitions(), reference, strict=True):
        assert_same(ours, theirs)


@pytest.mark.parametrize("render_mode", [None, "rgb_array"])
def test_gymnasium_and_sb3_checkers_pass(render_mode):
    check_env(SingleEnv(PointWorld(1), render_mode=render_mode), skip_render_check=True)
    sb3_check_env(SingleEnv(PointWorld(1), render_mode=render_mode))


def test_single_env_task_as_vector_and_as_mapping():
    env = SingleEnv(PointWorld(1))
    _, info = env.reset(seed=0, options={"task": [3.0, 0.5]})
    np.testing.assert_array_equal(info["task"], [3.0, 0.5])
    _, info = env.reset()
    np.testing.assert_array_equal(info["task"], [3.0, 0.5], "the task stays")
    _, info = env.reset(options={"task": {"wind": 1.0}})
    np.testing.assert_array_equal(info["task"], [2.0, 1.0], "what is left out takes its default")
    assert env.step(env.action_space.sample())[4]["task"] is not None


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"task": [3.0]}, "shape"),
        ({"task": [3.0, np.nan]}, "wind"),
        ({"task": [99.0, 0.0]}, "distance = 99"),
        ({"task": {"hight": 1.0}}, "hight"),
        ({"tusk": [3.0, 0.0]}, "tusk"),
    ],
)
def test_bad_tasks_are_refused_by_name(options, words):
    env = SingleEnv(PointWorld(1))
    envs = GymVectorEnv(PointWorld(2))
    for world in (env, envs):
        with pytest.raises(InputError, match=words):
            world.reset(seed=0, options=options)


@pytest.mark.parametrize("action", [[[0.0]], [0.0, 0.0], [np.nan]])
def test_bad_actions_are_refused(action):
    env = SingleEnv(PointWorld(1))
    with pytest.raises(InputError, match="before reset"):
        env.step(np.zeros(1, np.float32))
    env.reset(seed=0)
    with pytest.raises(InputError, match="action"):
        env.step(np.array(action, np.float32))


def test_single_env_refuses_steps_after_the_end():
    env = SingleEnv(PointWorld(1, max_episode_steps=1))
    env.reset(seed=0)
    assert env.step(np.zeros(1, np.float32))[3]
    with pytest.raises(InputError, match="reset"):
        env.step(np.zeros(1, np.float32))


def test_unseeded_envs_differ_and_seeded_ones_do_not():
    starts = [SingleEnv(PointWorld(1)).reset()[0] for _ in range(2)]
    assert not np.array_equal(*starts)
    starts = [SingleEnv(PointWorld(1)).reset(seed=0)[0] for _ in range(2)]
    np.testing.assert_array_equal(*starts)
    vectors = [GymVectorEnv(PointWorld(3)).reset(seed=[1, None, 1])[0] for _ in range(2)]
    np.testing.assert_array_equal(vectors[0][0], vectors[0][2])
    np.testing.assert_array_equal(vectors[0][0], vectors[1][0])
    assert not np.array_equal(vectors[0][1], vectors[1][1])
    with pytest.raises(InputError, match="2 seeds for 3 copies"):
        GymVectorEnv(PointWorld(3)).reset(seed=[1, 2])


def test_human_mode_shows_a_window(monkeypatch):
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    import pygame

    env = SingleEnv(PointWorld(1), render_mode="human")
    env.reset(seed=0)
    env.step(np.zeros(1, np.float32))
    shown = pygame.surfarray.array3d(pygame.display.get_surface()).swapaxes(0, 1)
    np.testing.assert_array_equal(shown, env.batch.render_copy(0))
    env.close()
    assert pygame.display.get_surface() is None
    with pytest.raises(InputError, match="ansi"):
        SingleEnv(PointWorld(1), render_mode="ansi")


def test_returned_arrays_are_the_callers_own():
    for make in (lambda b: GymVectorEnv(b), lambda b: BatchVecEnv(b)):
        env = make(PointWorld(COPIES))
        env.reset()
        first = env.step(np.ones((COPIES, 1), np.float32))
        kept = [np.array(part) for part in first[:3]]
        env.step(np.ones((COPIES, 1), np.float32))
        for part, copy in zip(first[:3], kept, strict=True):
            np.testing.assert_array_equal(part, copy)


@settings(max_examples=20, deadline=None)
@given(limit=st.integers(1, 12), seed=st.integers(0, 2**63 - 1), same=st.booleans())
def test_episode_statistics_add_up(limit, seed, same):
    mode = AutoresetMode.SAME_STEP if same else AutoresetMode.NEXT_STEP
    envs = GymVectorEnv(PointWorld(COPIES, limit), mode)
    envs.reset(seed=seed)
    returns, lengths = np.zeros(COPIES), np.zeros(COPIES, dtype=int)
    waiting = np.zeros(COPIES, dtype=bool)
    for actions in actions_for(30):
        _, rewards, terminated, truncated, infos = envs.step(actions)
        returns += rewards
        lengths += ~waiting
        ended = terminated | truncated
        assert ("episode" in infos) == ended.any()
        if ended.any():
            np.testing.assert_array_equal(infos["_episode"], ended)
            np.testing.assert_allclose(infos["episode"]["r"][ended], returns[ended], rtol=1e-5)
            np.testing.assert_array_equal(infos["episode"]["l"][ended], lengths[ended])
            assert (lengths[ended] <= limit).all()
        returns[ended], lengths[ended] = 0, 0
        waiting = ended & (not same)


@pytest.mark.parametrize("mode", ["SameStep", "NextStep"])
def test_next_tasks_begin_with_the_next_episode(mode):
    envs = GymVectorEnv(PointWorld(2, max_episode_steps=3), mode)
    _, infos = envs.reset(seed=0, options={"tasks": [[5.0, 0.0], [4.0, 0.0]]})
    np.testing.assert_array_equal(infos["task"][:, 0], [5.0, 4.0])
    envs.set_next_tasks(FAR)
    still = np.zeros((2, 1), np.float32)
    tasks = [envs.step(still)[4] for _ in range(4)]
    np.testing.assert_array_equal(tasks[1]["task"][:, 0], [5.0, 4.0])
    end = 2
    if mode == "SameStep":
        np.testing.assert_array_equal(tasks[end]["task"], [FAR, FAR])
        np.testing.assert_array_equal(tasks[end]["final_info"]["task"][:, 0], [5.0, 4.0])
    else:
        np.testing.assert_array_equal(tasks[end]["task"][:, 0], [5.0, 4.0])
        np.testing.assert_array_equal(tasks[end + 1]["task"], [FAR, FAR])


def test_vector_env_refuses_what_it_cannot_do():
    with pytest.raises(InputError, match="Disabled"):
        GymVectorEnv(PointWorld(2), AutoresetMode.DISABLED)
    with pytest.raises(InputError, match="human"):
        GymVectorEnv(PointWorld(2), render_mode="human")
    envs = GymVectorEnv(PointWorld(2))
    with pytest.raises(InputError, match="before reset"):
        envs.step(np.zeros((2, 1), np.float32))
    envs.reset(seed=0)
    with pytest.raises(InputError, match=r"shape \(3, 1\)"):
        envs.step(np.zeros((3, 1), np.float32))
    assert len(GymVectorEnv(PointWorld(2), render_mode="rgb_array").render() or ()) == 2


def test_ids_are_registered_without_compiling_anything():
    import subprocess
    import sys

    code = (
        "import sys, gymnasium, eyas.envs;"
        "spec = gymnasium.spec('eyas/Walker-v0');"
        "assert spec.vector_entry_point and spec.kwargs == {'terrain': 'stump-tracks'};"
        "assert 'numba' not in sys.modules and 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
    assert eyas.envs.__doc__ is not None
    for name in ("", "Hexagon", "Plain", "Hardcore", "ObstacleCourse"):
        assert f"``eyas/Walker{name}-v0``" in eyas.envs.__doc__
        assert f"eyas/Walker{name}-v0" in gymnasium.registry
