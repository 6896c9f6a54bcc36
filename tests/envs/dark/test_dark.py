"""The dark rooms: rules against a transcription, published optima, the optimal action reaches them."""

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

import eyas.envs
from eyas.envs.dark.env import DarkBatch
from eyas.envs.dark.rules import PERMUTATIONS, ROOMS, all_tasks, maximum_returns, split_tasks
from eyas.errors import InputError

STEPS = [(1, 0), (-1, 0), (0, 1), (0, -1), (0, 0)]


class Plain:
    """The rules once more, without arrays."""

    def __init__(self, room, task):
        self.room, self.task = room, [round(float(v)) for v in task]
        self.x, self.y = room.start
        self.key = self.door = False

    def step(self, action):
        if self.room.kind == 1:
            action = PERMUTATIONS[self.task[0]][action]
        dx, dy = STEPS[action]
        self.x = min(max(self.x + dx, 0), self.room.size - 1)
        self.y = min(max(self.y + dy, 0), self.room.size - 1)
        if self.room.kind == 0:
            return float([self.x, self.y] == self.task)
        if self.room.kind == 1:
            return float(self.x == self.y == self.room.size - 1)
        if not self.key and [self.x, self.y] == self.task[:2]:
            self.key = True
            return 1.0
        if self.key and not self.door and [self.x, self.y] == self.task[2:]:
            self.door = True
            return 1.0
        return 0.0


@pytest.mark.parametrize("name", ROOMS)
def test_rules(name):
    room, rng = ROOMS[name], np.random.default_rng(0)
    tasks = rng.permutation(all_tasks(room))[:40]
    batch = DarkBatch(len(tasks), room=name)
    batch.reset(tasks=tasks)
    plain = [Plain(room, task) for task in tasks]
    for step in range(room.horizon):
        actions = rng.integers(5, size=len(tasks))
        _, rewards, terminated, truncated, _ = batch.step(actions, autoreset=False)
        assert rewards.tolist() == [one.step(a) for one, a in zip(plain, actions, strict=True)]
        assert batch.observations.tolist() == [[one.x, one.y] for one in plain]
        assert not terminated.any() and truncated.all() == (step == room.horizon - 1)


@pytest.mark.parametrize("name", ROOMS)
def test_the_optimal_action_earns_the_maximum(name):
    room = ROOMS[name]
    tasks = np.random.default_rng(1).permutation(all_tasks(room))[:300]
    batch = DarkBatch(len(tasks), room=name)
    batch.reset(tasks=tasks)
    for _ in range(room.horizon):
        episodes = batch.step(batch.optimal_actions())[-1]
    np.testing.assert_array_equal(episodes.returns, maximum_returns(room, tasks))


def test_published_optima():
    assert maximum_returns(ROOMS["darkroom"], all_tasks(ROOMS["darkroom"])).mean() == pytest.approx(
        16.54, abs=5e-3
    )
    large = ROOMS["darkroom-large"]
    assert maximum_returns(large, all_tasks(large)).mean() == pytest.approx(43.53, abs=5e-3)
    assert set(maximum_returns(ROOMS["darkroom-permuted"], all_tasks(ROOMS["darkroom-permuted"]))) == {
        35
    }
    assert set(maximum_returns(ROOMS["dark-key-to-door"], all_tasks(ROOMS["dark-key-to-door"]))) == {
        2.0
    }


def test_the_split_is_that_of_dicp():
    train, test = split_tasks(ROOMS["darkroom"])
    assert test.tolist() == [[4, 2], [5, 6], [6, 8], [7, 2], [3, 6], [0, 5], [5, 8], [5, 4]]
    assert maximum_returns(ROOMS["darkroom"], test).mean() == 17.25
    sizes = {name: [len(part) for part in split_tasks(room)] for name, room in ROOMS.items()}
    assert sizes["darkroom"] == [73, 8] and sizes["darkroom-permuted"] == [108, 12]
    assert sizes["dark-key-to-door"] == [6233, 328]
    both = np.concatenate([train, test])
    assert len(np.unique(both, axis=0)) == 81


@pytest.mark.parametrize("name", ROOMS)
def test_gymnasium(name):
    env = gymnasium.make("eyas/DarkRoom-v0", room=name)
    check_env(env.unwrapped, skip_render_check=True)
    envs = gymnasium.make_vec("eyas/DarkRoom-v0", num_envs=3, room=name)
    envs.reset(seed=0)
    observations, rewards, *_ = envs.step(envs.action_space.sample())
    assert observations.shape == (3, 2) and rewards.shape == (3,)
    assert eyas.envs is not None


def test_state_goes_on_where_it_was():
    batch, other = DarkBatch(5), DarkBatch(5)
    batch.reset(tasks=[[1.0, 2.0]] * 5)
    rng = np.random.default_rng(0)
    for _ in range(7):
        batch.step(rng.integers(5, size=5))
    other.load_state_dict(batch.state_dict())
    for _ in range(30):
        actions = rng.integers(5, size=5)
        a, b = batch.step(actions), other.step(actions)
        np.testing.assert_array_equal(a[0], b[0])
        np.testing.assert_array_equal(a[1], b[1])


def test_unknown_room():
    with pytest.raises(InputError, match=r"unknown dark room 'cellar'; known are darkroom"):
        DarkBatch(1, room="cellar")
