"""Published test sets: regenerated draw by draw, and inside their task spaces."""

from __future__ import annotations

import numpy as np
import pytest

from eyas.envs.walker.terrain import TERRAINS
from eyas.envs.walker.test_sets import (
    DCD_TESTS,
    TEST_SETS,
    make_test_set,
    stump_tracks_grid,
)
from eyas.errors import InputError


def test_stump_set_is_drawn_alternately():
    legacy = np.random.RandomState(4222)
    expected = [[legacy.uniform(0, 3), legacy.uniform(0, 6)] for _ in range(50)]
    assert make_test_set("stump-tracks-50").tolist() == expected


def test_hexagon_set_is_drawn_task_by_task():
    legacy = np.random.RandomState(4222)
    expected = [legacy.uniform(0, 4, 12).tolist() for _ in range(50)]
    assert make_test_set("hexagon-tracks-50").tolist() == expected


def test_sets_leave_the_global_generator_alone():
    np.random.seed(1)  # noqa: NPY002
    expected = np.random.rand()  # noqa: NPY002
    np.random.seed(1)  # noqa: NPY002
    make_test_set("stump-tracks-50")
    assert np.random.rand() == expected  # noqa: NPY002


def test_grid_covers_the_space_evenly():
    grid = stump_tracks_grid()
    assert grid.shape == (100, 2)
    assert grid[0].tolist() == [0, 0]
    assert grid[-1].tolist() == [3, 6]
    assert grid[1] == pytest.approx([0, 2 / 3])
    assert len(np.unique(grid, axis=0)) == 100


@pytest.mark.parametrize("name", sorted(TEST_SETS))
def test_every_task_is_valid(name):
    space = TERRAINS[name.rsplit("-", 1)[0]].task_space
    for task in make_test_set(name):
        assert (space.validate(task) == task).all()


@pytest.mark.parametrize("name", sorted(DCD_TESTS))
def test_every_named_task_is_valid(name):
    named = DCD_TESTS[name]
    TERRAINS[named.terrain].task_space.validate(named.task)


def test_named_tasks_are_the_published_ones():
    roses = [name for name in DCD_TESTS if name.startswith("POET-Rose")]
    assert len(roses) == 6
    values = TERRAINS["obstacle-course"].task_space.to_dict(DCD_TESTS["POET-Rose-2b"].task)
    assert values == {
        "roughness": 5.76,
        "pit_gap_low": 1.6,
        "pit_gap_high": 7.2,
        "stump_height_low": 2.16,
        "stump_height_high": 2.76,
        "stair_height_low": 0.0,
        "stair_height_high": 0.0,
        "stair_steps": 1.0,
    }
    assert DCD_TESTS["Med-Stairs"].task == (0, 0, 0, 0, 0, 2, 2, 5)
    assert DCD_TESTS["Insane"].task == (9, 10, 10, 5, 5, 5, 5, 9)
    assert DCD_TESTS["BipedalWalkerHardcore-v3"].terrain == "hardcore"


def test_unknown_set_is_refused_with_the_names():
    with pytest.raises(InputError, match=r"test set = 'mine' is not one of: stump-tracks-50"):
        make_test_set("mine")
