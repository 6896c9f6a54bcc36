"""The progress forest: its trees by hand, what it is invariant to, and noise."""

import numpy as np
import pytest

from eyas.curricula import make_teacher
from eyas.curricula.grid_toy import GridToy, run_toy
from eyas.curricula.regression_tree import grow
from eyas.envs.tasks import TaskSpace


def tree(points, returns, minimum=5, threshold=10.0, shrinkage=0.0):
    low, high, progress = np.empty_like(points), np.empty_like(points), np.empty(len(points))
    leaves = grow(points, returns, minimum, threshold, shrinkage, low, high, progress)
    return low[:leaves], high[:leaves], progress[:leaves]


def test_a_step_is_cut_where_it_is():
    points = np.random.default_rng(0).random((200, 3))
    low, high, progress = tree(points, 5.0 * (points[:, 1] > 0.3))
    assert len(low) == 2
    upper = int(low[1, 1] > low[0, 1])
    nearest = points[:, 1][points[:, 1] > 0.3].min(), points[:, 1][points[:, 1] <= 0.3].max()
    assert low[upper, 1] == high[1 - upper, 1] == pytest.approx(np.mean(nearest))
    assert (low[:, [0, 2]] == 0.0).all() and (high[:, [0, 2]] == 1.0).all()  # do not matter: not cut
    np.testing.assert_allclose(progress, 0.0, atol=1e-12)


def test_progress_is_the_slope_per_episode():
    points = np.random.default_rng(0).random((40, 2))
    returns = 3.0 + 0.25 * np.arange(40)
    low, _, progress = tree(points, returns, minimum=20, threshold=1e9)
    assert len(low) == 1 and progress[0] == pytest.approx(0.25)
    noisy = returns + np.random.default_rng(1).standard_normal(40)
    slope, residual, *_ = np.polyfit(np.arange(40), noisy, 1, full=True)
    variance = residual[0] / 38 / ((np.arange(40) - 19.5) ** 2).sum()
    expected = slope[0] * (1 - 0.5 * variance / slope[0] ** 2)
    assert tree(points, noisy, 20, 1e9, 0.5)[2][0] == pytest.approx(expected)
    flat = np.random.default_rng(2).standard_normal(40)
    assert abs(tree(points, flat, 20, 1e9, 10.0)[2][0]) == 0.0  # not told from noise


def test_leaves_tile_the_box():
    rng = np.random.default_rng(0)
    points = rng.random((300, 3))
    low, high, _ = tree(points, np.sin(9 * points[:, 0]) + points[:, 2] ** 2, threshold=4.0)
    assert len(low) > 5
    assert np.prod(high - low, axis=1).sum() == pytest.approx(1.0)
    inside = ((points[:, None] >= low) & (points[:, None] <= high)).all(axis=2).sum(axis=0)
    assert inside.min() >= 5 and inside.sum() >= 300


def test_equal_points_and_equal_returns_can_be_grown():
    assert len(tree(np.full((50, 2), 0.5), np.arange(50.0))[0]) == 1
    assert len(tree(np.random.default_rng(0).random((50, 2)), np.ones(50))[0]) == 1


def play(teacher, episodes, scale=1.0, offset=0.0):
    tasks = []
    for episode in range(episodes):
        task = teacher.sample()
        where = teacher.task_space.normalise(task)
        tasks.append(where)
        teacher.update(task, offset + scale * (np.sin(5.0 * where[0]) + 1e-3 * episode * where[-1]))
    return np.array(tasks)


def test_units_of_tasks_and_returns_do_not_matter():
    plain = TaskSpace.from_bounds({"a": (0.0, 1.0), "b": (0.0, 1.0)})
    other = TaskSpace.from_bounds({"a": (-7.0, 3.0), "b": (1e3, 5e3)})
    ours = play(make_teacher("progress-forest", plain, seed=3), 400)
    theirs = play(make_teacher("progress-forest", other, seed=3), 400, scale=300.0, offset=-50.0)
    np.testing.assert_allclose(ours, theirs, atol=1e-9)


@pytest.mark.parametrize("configuration", [(10, 2, 0), (10, 2, 3), (5, 3, 0)])
def test_it_masters_the_toy(configuration):
    cells, dimensions, irrelevant = configuration
    scores = run_toy(
        "progress-forest",
        cells=cells,
        dimensions=dimensions,
        irrelevant_dimensions=irrelevant,
        episodes=20_000,
        seed=0,
        preset="eyas",
    )
    assert scores[-1] >= 80.0  # of 20 seeds the worst is 87


def test_it_masters_most_of_a_noisy_toy():
    """Noise of a tenth of all that can be earned; ALP-GMM masters less than half of this."""
    scores = {}
    for name in ("progress-forest", "alp-gmm"):
        toy, rng = GridToy(cells=10, dimensions=2), np.random.default_rng(0)
        teacher = make_teacher(name, toy.task_space, seed=0)
        for _ in range(20_000):
            task = teacher.sample()
            teacher.update(task, toy.episode(task) + 0.1 * rng.standard_normal())
        scores[name] = toy.score()
    assert scores["progress-forest"] > 55.0 and scores["progress-forest"] > 1.5 * scores["alp-gmm"]
