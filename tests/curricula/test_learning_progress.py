"""The learning-progress bandit against its formulas."""

import numpy as np
import pytest

from eyas.curricula import make_teacher
from eyas.envs.tasks import TaskSpace

LINE = TaskSpace.from_bounds({"x": (0.0, 4.0)})


def test_progress_is_that_of_the_formula():
    teacher = make_teacher("lp-bandit", LINE, seed=0, bins=4, reweighting=0.1, return_range=(0.0, 10.0))
    series = [0.0, 1.0, 4.0, 10.0]
    for x in (1.5, 2.5, 3.5):
        teacher.update([x], 0.0)
    teacher.update([3.5], 10.0)  # so that all of [0, 1] has been seen
    fast = slow = series[0] / 10
    for k, return_ in enumerate(series):
        teacher.update([0.5], return_)
        if k:
            fast += 0.1 * (return_ / 10 - fast)
            slow += 0.1 * (fast - slow)

    def tilt(p):
        return p * 0.9 / (p + 0.1 * (1 - 2 * p))

    progress = teacher.describe()["progress"]
    assert progress[0] == pytest.approx(abs(tilt(fast) - tilt(slow)))
    assert progress[1] == progress[2] == 0.0


def test_bins_without_progress_are_left_alone():
    teacher = make_teacher("lp-bandit", LINE, seed=0, bins=4, random_ratio=0.0)
    for episode in range(60):
        for x in (0.5, 1.5, 2.5, 3.5):
            teacher.update([x], float(episode) if x > 3.0 else 0.0)
    tasks = np.array([teacher.sample()[0] for _ in range(500)])
    assert (tasks >= 3.0).all() and tasks.std() > 0.2


@pytest.mark.parametrize(
    ("dimension", "bins", "expected"), [(1, 100, 100), (2, 100, 100), (3, 100, 64)]
)
def test_bins_tile_the_box(dimension, bins, expected):
    space = TaskSpace.from_bounds({f"p{i}": (-1.0, 3.0) for i in range(dimension)})
    summary = make_teacher("lp-bandit", space, seed=0, bins=bins).describe()
    assert len(summary["progress"]) == expected
    volumes = np.prod(summary["leaf_high"] - summary["leaf_low"], axis=1)
    assert volumes.sum() == pytest.approx(4.0**dimension)


def test_many_dimensions():
    space = TaskSpace.from_bounds({f"p{i}": (0.0, 1.0) for i in range(12)})
    teacher = make_teacher("lp-bandit", space, seed=0)
    for episode in range(300):
        task = teacher.sample()
        teacher.update(task, float(episode * (task[0] > 0.5)))
    tasks = np.array([teacher.sample() for _ in range(300)])
    assert np.mean(tasks[:, 0] > 0.5) > 0.55


def test_exp3_weights_are_those_of_the_formula():
    """Four bins, three episodes, by hand; the settings published."""
    options = {"bins": 4, "learning_rate": 0.05, "random_ratio": 0.2, "weigh_by_policy": False}
    teacher = make_teacher("exp3-bandit", LINE, seed=0, **options)
    weights = np.zeros(4)
    rewards = [(0, 1.0, 0.0), (0, 4.0, 1.0), (2, 5.0, -1.0), (0, 4.0 + 1.5, 0.0)]
    for k, (arm, return_, reward) in enumerate(rewards):
        teacher.update([arm + 0.5], return_)
        shares = np.exp(weights) / np.exp(weights).sum()
        weights[arm] += 0.05 * reward / shares[arm]
        mean = np.exp(weights).mean()
        weights = np.log((1 - 1 / (k + 2)) * np.exp(weights) + mean / (k + 2))
    expected = np.exp(weights) / np.exp(weights).sum()
    np.testing.assert_allclose(teacher.describe()["probabilities"], expected, rtol=1e-12)
    np.testing.assert_array_equal(teacher.describe()["progress"], [1.5, 0.0, 0.0, 0.0])


def test_exp3_finds_the_bins_that_change_and_forgets_them():
    teacher = make_teacher("exp3-bandit", LINE, seed=0, bins=4)
    changing = 3
    for phase, arm in enumerate((3, 1)):
        changing = arm
        for episode in range(1500):
            task = teacher.sample()
            return_ = float(episode % 2) if int(task[0]) == changing else 0.0
            teacher.update(task, return_)
        tasks = np.array([teacher.sample()[0] for _ in range(300)])
        assert np.mean(tasks.astype(int) == changing) > 0.6, phase
