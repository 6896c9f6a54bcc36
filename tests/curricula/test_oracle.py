"""The Oracle's window and when it moves."""

import numpy as np
import pytest

from eyas.curricula import make_teacher
from eyas.envs.tasks import TaskSpace
from eyas.errors import InputError

STUMPS = TaskSpace.from_bounds({"stump_height": (0.0, 3.0), "obstacle_spacing": (0.0, 6.0)})


def window(teacher):
    summary = teacher.describe()
    return summary["window_low"], summary["window_high"]


def test_window_starts_at_the_easy_end_and_moves_to_the_hard_end():
    oracle = make_teacher("oracle", STUMPS, seed=0)
    low, high = window(oracle)
    np.testing.assert_allclose(low, [0.0, 5.0])  # low stumps, far apart
    np.testing.assert_allclose(high, [0.5, 6.0])
    for advance in range(1, 30):
        for _ in range(49):
            oracle.update(oracle.sample(), 250.0)
        before = window(oracle)[0]
        oracle.update(oracle.sample(), 250.0)  # the 50th
        expected = [min(0.1 * advance, 2.5), max(5.0 - 0.2 * advance, 0.0)]
        np.testing.assert_allclose(window(oracle)[0], expected, atol=1e-12)
        assert advance > 25 or (before != window(oracle)[0]).any()


def test_window_stays_at_the_threshold_and_forgets_the_episodes():
    oracle = make_teacher("oracle", STUMPS, seed=0)
    for _ in range(50):
        oracle.update([0.0, 6.0], 230.0)  # not above 230
    np.testing.assert_allclose(window(oracle)[0], [0.0, 5.0])
    for _ in range(50):
        oracle.update([0.0, 6.0], 230.5)  # the first 50 no longer count
    np.testing.assert_allclose(window(oracle)[0], [0.1, 4.8])


def test_tasks_fill_the_window():
    oracle = make_teacher("oracle", STUMPS, seed=0)
    tasks = np.array([oracle.sample() for _ in range(500)])
    low, high = window(oracle)
    assert (tasks >= low).all() and (tasks <= high).all()
    np.testing.assert_allclose(tasks.min(axis=0), low, atol=0.05)
    np.testing.assert_allclose(tasks.max(axis=0), high, atol=0.05)


def test_hexagon_tracks_have_known_steps():
    space = TaskSpace.from_bounds({f"corner_{i}_{axis}": (0.0, 4.0) for i in range(6) for axis in "xy"})
    oracle = make_teacher("oracle", space, seed=0)
    for _ in range(50):
        oracle.update(oracle.sample(), 300.0)
    np.testing.assert_allclose(window(oracle)[0], 0.1)


def test_a_world_without_known_steps_asks_for_them():
    space = TaskSpace.from_bounds({"stump_height": (0.0, 3.0), "roughness": (0.0, 1.0)})
    with pytest.raises(InputError, match=r"no step for the parameter 'roughness'.*give steps"):
        make_teacher("oracle", space, seed=0)
    oracle = make_teacher("oracle", space, seed=0, steps=(0.0, 0.1))
    low, _ = window(oracle)
    np.testing.assert_allclose(low, [2.5, 0.0])  # a step of 0 stays at the high end, as published
