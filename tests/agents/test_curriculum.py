"""The teacher hears of every episode once, and its next task is the one that runs next."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eyas import InputError
from eyas.agents.curriculum import Curriculum
from eyas.agents.episode_log import EpisodeLog
from eyas.curricula import make_teacher
from eyas.envs.batch import Episodes


class Recorder:
    """A teacher that writes down what it says and hears."""

    def __init__(self, task_space):
        self._rng = np.random.default_rng(0)
        self.task_space = task_space
        self.sampled: list[np.ndarray] = []
        self.heard: list[tuple[np.ndarray, float]] = []

    def sample(self):
        self.sampled.append(self.task_space.sample(self._rng))
        return self.sampled[-1]

    def scouts(self, task):
        return False

    def update(self, task, return_):
        self.heard.append((np.array(task), return_))


def test_every_episode_once_with_its_own_task(point_world):
    batch = point_world.PointWorld(3, max_episode_steps=15)
    teacher = Recorder(batch.task_space)
    curriculum = Curriculum(batch, teacher, lambda: 42)
    curriculum.begin()
    batch.reset(seed=0)
    running = [task.copy() for task in batch.tasks]
    assert [task.tolist() for task in running] == [task.tolist() for task in teacher.sampled]
    expected = []
    rng = np.random.default_rng(1)
    returns = np.zeros(3)
    for _ in range(100):
        said = len(teacher.sampled)
        _, rewards, _, _, episodes = batch.step(rng.uniform(-0.2, 1, (3, 1)).astype(np.float32))
        returns += rewards
        copies = [] if episodes is None else episodes.copies
        for number, copy in enumerate(copies):
            expected.append((running[copy], returns[copy]))
            running[copy] = teacher.sampled[said + number]
            returns[copy] = 0
        np.testing.assert_array_equal(batch.tasks, running)
    assert len(teacher.heard) == len(expected) == len(curriculum.log) > 10
    for (task, return_), (own_task, own_return) in zip(teacher.heard, expected, strict=True):
        np.testing.assert_array_equal(task, own_task)
        assert return_ == pytest.approx(own_return, rel=1e-5)
    np.testing.assert_allclose(curriculum.log.returns, [r for _, r in teacher.heard], rtol=1e-6)
    assert (curriculum.log.steps == 42).all()
    assert curriculum.mean_of_last(5)[0] == pytest.approx(curriculum.log.returns[-5:].mean())


@pytest.mark.parametrize("name", ["random", "oracle", "alp-gmm", "covar-gmm", "riac"])
def test_state_goes_on_bit_for_bit(point_world, name):
    def build():
        batch = point_world.PointWorld(4, max_episode_steps=5)
        options = {"steps": (0.5, 0.1)} if name == "oracle" else {}
        teacher = make_teacher(name, batch.task_space, seed=1, **options)
        curriculum = Curriculum(batch, teacher, lambda: 0)
        curriculum.begin()
        batch.reset(seed=0)
        return batch, curriculum

    def work(batch, steps):
        for _ in range(steps):
            batch.step(np.full((4, 1), 0.5, np.float32))

    batch, curriculum = build()
    work(batch, 400)
    saved = batch.state_dict(), curriculum.state_dict()
    work(batch, 400)
    other_batch, other = build()
    other_batch.load_state_dict(saved[0])
    other.load_state_dict(saved[1])
    work(other_batch, 400)
    np.testing.assert_array_equal(batch.tasks, other_batch.tasks)
    np.testing.assert_array_equal(curriculum.log.tasks, other.log.tasks)
    assert len(curriculum.log) > 400


@settings(max_examples=30, deadline=None)
@given(counts=st.lists(st.integers(0, 900), max_size=8))
def test_log_grows_and_comes_back(counts):
    log = EpisodeLog(2)
    rng = np.random.default_rng(0)
    rows = []
    for step, count in enumerate(counts):
        episodes = Episodes(
            np.arange(count), rng.random((count, 2)), rng.random(count), rng.integers(1, 99, count)
        )
        log.append(episodes, step)
        rows.extend(episodes.returns)
    np.testing.assert_array_equal(log.returns, np.float32(rows))
    other = EpisodeLog(2)
    other.load_state_dict(log.state_dict())
    other.append(Episodes(np.arange(1), np.ones((1, 2)), np.ones(1), np.ones(1, int)), 99)
    np.testing.assert_array_equal(other.tasks[:-1], log.tasks)
    assert other.steps[-1] == 99


def test_log_refuses_what_is_not_one():
    state = EpisodeLog(2).state_dict()
    for change in (
        {"tasks": np.zeros((0, 3), np.float32)},
        {"steps": np.zeros(2, np.int64)},
        {"lengths": None},
    ):
        with pytest.raises(InputError, match="episode log"):
            EpisodeLog(2).load_state_dict(state | change)
