"""Point mass and ring maze: against a transcription of their rules, and what every batch promises."""

import math

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from stable_baselines3.common.env_checker import check_env as sb3_check_env

import eyas.envs
from eyas.envs.listing import list_worlds
from eyas.envs.maze.env import MazeBatch, distance_to_ring, is_feasible
from eyas.envs.point_mass.env import BEST_BEFORE_GATE, PointMassBatch
from eyas.errors import InputError

MASK = 2**64 - 1
IDS = {"eyas/PointMass-v0": {}, "eyas/SparseMaze-v0": {}}


def with_friction(num_envs=1):
    return PointMassBatch(num_envs, friction=True)


BATCHES = [PointMassBatch, with_friction, MazeBatch]


class Stream:
    """SplitMix64 with Python's own numbers; the same draws as the batch's."""

    def __init__(self, state):
        self.state = int(state)

    def unit(self):
        self.state = (self.state + 0x9E3779B97F4A7C15) & MASK
        z = self.state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        return ((z ^ (z >> 31)) >> 11) / 2**53

    def pair(self):
        """Two normal numbers."""
        radius = math.sqrt(-2 * math.log(1 - self.unit()))
        angle = 2 * math.pi * self.unit()
        return np.array([radius * math.cos(angle), radius * math.sin(angle)])


class PlainPointMass:
    """The published environment's rules; state (x, velocity in x, y, velocity in y)."""

    def __init__(self, task, stream):
        self.position, self.width = task[:2]
        self.friction = task[2] if len(task) > 2 else 0.0
        self.stream = stream
        self.state = np.array([0.0, 0.0, 3.0, 0.0])

    def step(self, action):
        force = np.clip(10 * np.asarray(action, dtype=np.float64), -10, 10)
        crash = False
        for _ in range(10):
            old = self.state
            slope = np.zeros(4)
            slope[0::2] = old[1::2]
            slope[1::2] = 1.5 * force - self.friction * old[1::2] + 0.05 * self.stream.pair()
            limit = np.array([4, np.inf, 4, np.inf])
            new = np.clip(old + 0.01 * slope, -limit, limit)
            if old[2] >= 0 > new[2] or old[2] <= 0 < new[2]:
                share = (0 - old[2]) / (new[2] - old[2])
                x = share * new[0] + (1 - share) * old[0]
                if abs(x - self.position) > 0.5 * self.width:
                    new, crash = np.array([x, 0, 0, 0]), True
            self.state = new
            if crash:
                break
        distance = np.linalg.norm(self.state[0::2] - [0, -3])
        return np.exp(-0.6 * distance), crash


class PlainMaze:
    """The published environment's rules."""

    def __init__(self, task, stream):
        self.task = task
        self.state = np.array([-7 + 2 * stream.unit(), -7 + 2 * stream.unit()])

    def step(self, action):
        action = np.clip(np.asarray(action, dtype=np.float64), -1, 1)
        old = self.state
        new = np.clip(old + 0.3 * action / max(1, np.linalg.norm(action)), -7, 7)
        if -5 < new[0] < 5 and -5 < new[1] < 5:
            new = np.where((old <= -5) & (new > -5), -5, new)
            new = np.where((old >= 5) & (new < 5), 5, new)
        self.state = new
        there = bool(np.linalg.norm(self.task[:2] - new) < self.task[2])
        return (0.0 if there else -1.0), there


def steer(batch, rng):
    """Lively actions that get somewhere: a random pull that lasts, noise, and beyond the bounds."""
    pull = rng.uniform(-1, 1, (batch.num_envs, 2))
    return lambda: (pull + rng.normal(0, 0.7, pull.shape)).astype(np.float32)


@pytest.mark.parametrize("make", BATCHES)
def test_rules(make):
    plain_world = PlainMaze if make is MazeBatch else PlainPointMass
    batch, rng = make(60), np.random.default_rng(0)
    tasks = batch.task_space.sample(rng, 60)
    tasks[:, 1 if make is not MazeBatch else 2] /= 2  # narrower, so that more goes wrong
    tasks = batch.task_space.clip(tasks)
    batch.seed(5)
    streams = [Stream(state) for state in batch.random_state]
    first = batch.reset(tasks=tasks).copy()
    plain = [plain_world(task, stream) for task, stream in zip(tasks, streams, strict=True)]
    size = len(plain[0].state)
    np.testing.assert_array_equal(first[:, :size], np.float32([one.state for one in plain]))
    np.testing.assert_array_equal(first[:, size:], np.float32(tasks))
    draw, running, ended = steer(batch, rng), np.ones(60, bool), 0
    for _ in range(batch.max_episode_steps):
        actions = draw()
        batch.step(actions, autoreset=False)
        for copy in np.flatnonzero(running):
            reward, end = plain[copy].step(actions[copy])
            assert batch.rewards[copy] == pytest.approx(reward, abs=1e-6)
            np.testing.assert_allclose(batch.observations[copy, :size], plain[copy].state, atol=1e-5)
            assert batch.terminated[copy] == end
            running[copy] = not end
            ended += end
    assert 5 < ended < 60


@pytest.mark.parametrize("make", BATCHES)
def test_copies_are_independent_and_seeded(make):
    """A copy's episodes follow from its stream alone, whatever runs beside it."""
    rng = np.random.default_rng(1)
    many, tasks = make(9), make(1).task_space.sample(rng, 9)
    many.reset(seed=7, tasks=tasks)
    streams, alone = many.random_state.copy(), make(1)
    alone.reset(tasks=tasks[4])
    many.random_state[:] = streams
    alone.random_state[:] = streams[4:5]
    many.reset()
    alone.reset()
    for _ in range(250):
        actions = rng.uniform(-1, 1, (9, 2)).astype(np.float32)
        many.step(actions)
        alone.step(actions[4:5])
        np.testing.assert_array_equal(many.observations[4:5], alone.observations)
        assert many.rewards[4] == alone.rewards[0]
    again = make(9)
    np.testing.assert_array_equal(again.reset(seed=7, tasks=tasks), make(9).reset(seed=7, tasks=tasks))


@pytest.mark.parametrize("make", BATCHES)
def test_state_goes_on_exactly(make):
    rng = np.random.default_rng(2)
    batch, other = make(5), make(5)
    batch.reset(seed=1, tasks=batch.task_space.sample(rng, 5))
    actions = rng.uniform(-1, 1, (300, 5, 2)).astype(np.float32)
    for row in actions[:120]:
        batch.step(row)
    other.load_state_dict(batch.state_dict())
    for row in actions[120:]:
        ours = [np.copy(part) for part in batch.step(row)[:4]]
        for left, right in zip(ours, other.step(row)[:4], strict=True):
            np.testing.assert_array_equal(left, right)


@pytest.mark.parametrize("make", BATCHES)
def test_same_step_autoreset(make):
    """The row of an ended copy shows the next task's start; the last observation is kept aside."""
    batch, rng = make(30), np.random.default_rng(3)
    space = batch.task_space
    batch.reset(seed=0, tasks=space.sample(rng, 30))
    draw, seen = steer(batch, rng), 0
    for _ in range(250):
        next_tasks = space.sample(rng, 30)
        batch.set_next_tasks(next_tasks)
        episodes = batch.step(draw())[-1]
        if episodes is None:
            continue
        rows = episodes.copies
        np.testing.assert_array_equal(batch.observations[rows, -space.dimension :], np.float32(next_tasks[rows]))  # fmt: skip
        np.testing.assert_array_equal(batch.final_observations[rows, -space.dimension :], np.float32(episodes.tasks))  # fmt: skip
        assert not (batch.terminated & batch.truncated).any()
        assert (episodes.lengths <= batch.max_episode_steps).all()
        seen += len(rows)
    assert seen >= 30


def test_nobody_gets_much_before_the_gate():
    batch = PointMassBatch(1)
    batch.reset(tasks=[0.0, 8.0])
    for _ in range(99):
        x, _, y, speed = batch.states[0]
        batch.step(np.array([[-x, 0.6 * (0.02 - y) - 0.35 * speed]], np.float32))
        assert batch.states[0, 2] >= 0  # it waits at the wall
    assert 8 < batch.episode_returns[0] < BEST_BEFORE_GATE


def test_crash_lies_where_it_hit():
    batch = PointMassBatch(1)
    batch.reset(tasks=[4.0, 0.5])
    episodes = None
    while episodes is None:
        episodes = batch.step(np.array([[0.0, -1.0]], np.float32), autoreset=False)[-1]
    assert batch.terminated[0] and episodes.lengths[0] < 20
    np.testing.assert_array_equal(batch.states[0, 1:], 0)
    assert batch.rewards[0] == pytest.approx(math.exp(-1.8), abs=1e-3)


def test_maze_returns():
    """A huge tolerance is met by the first step; an unreachable goal costs every step."""
    batch = MazeBatch(2)
    batch.reset(tasks=[[0, 0, 18], [0, 0, 4.9]])
    first = batch.step(np.zeros((2, 2), np.float32))[-1]
    assert first is not None and first.copies.tolist() == [0] and first.returns[0] == 0
    for _ in range(199):
        episodes = batch.step(np.zeros((2, 2), np.float32))[-1]
    assert episodes is not None and 1 in episodes.copies
    assert episodes.returns[list(episodes.copies).index(1)] == -200


def test_feasible_goals():
    goals = [[6, 0, 1], [0, 0, 1], [7, 7, 1], [7.1, 0, 1], [8, 8, 1], [5, 5, 1], [-4.9, 4.0, 1]]
    assert is_feasible(goals).tolist() == [True, False, True, False, False, True, False]
    expected = [0, 5, 0, 0.1, math.sqrt(2), 0, 0.1]
    np.testing.assert_allclose(distance_to_ring(goals), expected, atol=1e-12)


@pytest.mark.parametrize("name", IDS)
def test_registered(name):
    assert name in (eyas.envs.__doc__ or "")
    for mode in (None, "rgb_array"):
        env = gymnasium.make(name, disable_env_checker=True, render_mode=mode)
        check_env(env.unwrapped, skip_render_check=mode is not None)
        sb3_check_env(env.unwrapped)
    envs = gymnasium.make_vec(name, num_envs=3, autoreset_mode="SameStep")
    observations, infos = envs.reset(seed=0)
    assert observations.shape[0] == 3 and infos["task"].shape[0] == 3
    entry = next(world for world in list_worlds() if world.id == name)
    assert entry.parameters == envs.unwrapped.task_space.parameters
    with pytest.raises(InputError, match="is outside"):
        envs.reset(options={"task": [99.0] * len(entry.parameters)})


@pytest.mark.parametrize("make", BATCHES)
def test_pictures(make):
    batch = make(2)
    batch.reset(seed=0)
    before = batch.render_copy(1).copy()
    assert before.shape == (400, 400, 3) and before.dtype == np.uint8 and len(np.unique(before)) > 4
    for _ in range(5):
        batch.step(np.array([[1, -1], [1, 1]], np.float32))
    assert (batch.render_copy(1) != before).any()
