"""RIAC: regions, their progress, and where they are split."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eyas.curricula import make_teacher
from eyas.envs.tasks import TaskSpace

PLANE = TaskSpace.from_bounds({"x": (0.0, 10.0), "y": (-1.0, 1.0)})


def test_progress_by_hand():
    riac = make_teacher("riac", PLANE, seed=0, region_size=6)
    assert riac._alp([]) == riac._alp([1.0, 5.0]) == 0.0
    assert riac._alp([1.0, 2.0, 6.0]) == pytest.approx(6.0 - 1.5)  # 3 returns: the newer half is 1
    assert riac._alp([0.0, 0.0, 5.0, 5.0]) == 5.0
    # Only the last 6 count.
    assert riac._alp([99.0, 98.0, 1.0, 1.0, 1.0, 3.0, 3.0, 6.0]) == pytest.approx(4.0 - 1.0)


def rising_right_of_six(riac, episodes=201, seed=0):
    """Returns rise with time where x > 6 and stay 0 elsewhere; y has no influence."""
    rng = np.random.default_rng(seed)
    for episode in range(episodes):
        task = PLANE.sample(rng)
        riac.update(task, float(episode) if task[0] > 6.0 else 0.0)


@pytest.mark.parametrize("preset", ["eyas", "published"])
def test_the_split_separates_progress_from_none(preset):
    riac = make_teacher("riac", PLANE, seed=0, preset=preset, region_size=200, return_range=None)
    rising_right_of_six(riac, 200)
    assert riac.describe()["regions"] == 1
    rising_right_of_six(riac, 1, seed=1)
    summary = riac.describe()
    assert summary["regions"] == 3
    low, high = summary["leaf_low"], summary["leaf_high"]
    np.testing.assert_array_equal(low[:, 1], [-1.0, -1.0])  # cut along x
    assert high[0, 0] == low[1, 0] == pytest.approx(6.0, abs=1.0)
    children = riac._regions[1:]
    assert sum(len(child.returns) for child in children) == 201
    for child in children:
        points = np.array([riac._points[i] for i in child.episodes])
        assert ((points >= child.low) & (points <= child.high)).all()
        assert child.episodes == sorted(child.episodes)
    # The next tasks come from the right side or the whole box, but for the uniform 20 %.
    tasks = np.array([riac.sample() for _ in range(600)])
    assert np.mean(tasks[:, 0] > 5.0) > 0.6


def test_new_regions_have_their_own_progress_unless_stale():
    """teachDeepRL gives both children the progress of the last cut it tried."""
    for stale in (False, True):
        riac = make_teacher("riac", PLANE, seed=3, region_size=200, stale_progress=stale)
        rising_right_of_six(riac)
        own = [riac._alp(region.returns) for region in riac._regions[1:]]
        stored = riac.describe()["progress"]
        assert (np.abs(stored - own).max() < 1e-12) is not stale


def test_a_cut_leaves_both_sides_populated_and_wide():
    riac = make_teacher("riac", PLANE, seed=0, region_size=40, min_population=0.2, min_side=0.2)
    rng = np.random.default_rng(0)
    for _ in range(2000):
        riac.update(PLANE.sample(rng), float(rng.random()))
    summary = riac.describe()
    sides = (summary["leaf_high"] - summary["leaf_low"]) / [10.0, 2.0]
    assert summary["regions"] > 5
    assert (sides >= 0.2 - 1e-12).all()


def test_a_leaf_that_cannot_be_split_forgets_its_oldest():
    """Equal tasks cannot be separated: no endless search, the oldest quarter goes."""
    riac = make_teacher("riac", PLANE, seed=0, region_size=40, split_attempts=2)
    for episode in range(41):
        riac.update([5.0, 0.0], float(episode))
    region = riac._regions[0]
    assert len(riac._regions) == 1
    assert region.returns == [float(episode) for episode in range(10, 41)]


def test_kinds_of_tasks():
    """10 % mutations of the worst task, 20 % from the whole box, 70 % from regions with progress."""
    space = TaskSpace.from_bounds({"x": (0.0, 1.0)})
    riac = make_teacher("riac", space, seed=0, region_size=100, mutation=1e-4, leaves_only=True)
    rng = np.random.default_rng(0)
    riac.update([0.9], -1000.0)
    for episode in range(100):
        x = float(rng.random())
        riac.update([x], 0.0 if x < 0.5 else float(episode))
    leaves = riac.describe()
    right = leaves["leaf_low"][-1, 0]
    assert len(leaves["leaf_low"]) == 2 and 0.4 < right < 0.8
    tasks = np.array([riac.sample()[0] for _ in range(4000)])
    assert np.mean(np.abs(tasks - 0.9) < 5e-4) == pytest.approx(0.1, abs=0.03)
    assert np.mean(tasks < right) == pytest.approx(0.2 * right, abs=0.03)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32), dimension=st.integers(1, 3), leaves_only=st.booleans())
def test_leaves_tile_the_box_and_hold_their_episodes(seed, dimension, leaves_only):
    space = TaskSpace.from_bounds({f"x{i}": (-3.0, 5.0) for i in range(dimension)})
    riac = make_teacher("riac", space, seed=seed, region_size=12, leaves_only=leaves_only)
    rng = np.random.default_rng([seed, 1])  # not the teacher's own stream, which made the splits
    for _ in range(300):
        riac.update(riac.sample(), float(rng.normal()))
    summary = riac.describe()
    volumes = np.prod(summary["leaf_high"] - summary["leaf_low"], axis=1)
    assert volumes.sum() == pytest.approx(8.0**dimension)
    for task in space.sample(rng, 20):
        inside = (task >= summary["leaf_low"]) & (task <= summary["leaf_high"])
        assert inside.all(axis=1).sum() == 1
    for region in riac._regions:
        assert 1 <= len(region.returns) == len(region.episodes) <= 13
