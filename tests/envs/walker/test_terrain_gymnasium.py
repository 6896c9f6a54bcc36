"""Terrain: Gymnasium's own tracks from the same draws, and its numbers and distributions."""

from __future__ import annotations

import numpy as np
import pytest

from eyas.envs import random as eyas_random
from eyas.envs.walker.ground import TERRAIN_HEIGHT, TERRAIN_STEP

T, H = TERRAIN_STEP, TERRAIN_HEIGHT
NO_OBSTACLES = [1.0, 0, 0, 0, 0, 0, 0, 1.0]


class SharedDraws:
    """Stands in for Gymnasium's generator and draws from one of our streams."""

    def __init__(self, seed):
        self.state = np.random.SeedSequence(seed).generate_state(1, np.uint64)

    def uniform(self, low, high):
        return eyas_random.uniform(self.state, 0, float(low), float(high))

    def random(self):
        return self.uniform(0, 1)

    def integers(self, low, high):
        if high - low == 1:
            return int(low)  # nothing to choose; ours does not draw
        return eyas_random.integer(self.state, 0, int(low), int(high))


def gymnasium_track(hardcore, generator):
    """x and y of the terrain's points and the corners of its polygons, from Gymnasium's own code."""
    pytest.importorskip("Box2D")
    from gymnasium.envs.box2d.bipedal_walker import BipedalWalker

    walker = BipedalWalker(hardcore=hardcore)
    walker._np_random = generator
    walker._generate_terrain(hardcore)
    shapes = [np.array(body.fixtures[0].shape.vertices) for body in reversed(walker.terrain)]
    polygons = [shape for shape in shapes if len(shape) > 2]
    return np.stack([walker.terrain_x, walker.terrain_y], axis=1), polygons


@pytest.mark.parametrize("hardcore", [False, True])
@pytest.mark.parametrize("seed", range(12))
def test_same_draws_give_gymnasiums_track(lay, edges_of, polygons_of, hardcore, seed):
    points, polygons = gymnasium_track(hardcore, SharedDraws(seed))
    ground = lay("hardcore" if hardcore else "plain", [1.0], seed)
    edges = edges_of(ground)
    assert np.abs(edges[:, :2] - points[:-1]).max() < 1e-5
    assert np.abs(edges[:, 2:] - points[1:]).max() < 1e-5
    ours = polygons_of(ground)
    assert (len(ours) > 0) == hardcore
    for a, b in zip(ours, polygons, strict=True):
        assert a == pytest.approx(b, abs=2e-5), "the corners, in the order of Box2D"


def obstacle_shares(tracks):
    """Stumps, stairs and pillars of pits per track, told apart by how they stand to the ground."""
    counts = np.zeros((len(tracks), 3))
    for row, (points, polygons) in enumerate(tracks):
        for polygon in polygons:
            width, height = np.ptp(polygon, axis=0) / T
            ground_line = np.interp(polygon[:, 0].min(), points[:, 0], points[:, 1])
            if height > 3:
                counts[row, 2] += 1
            elif width > 3:
                counts[row, 1] += 1
            else:
                assert polygon[:, 1].min() == pytest.approx(ground_line, abs=1e-4)
                counts[row, 0] += 1
    return counts


def test_hardcore_has_gymnasiums_distribution(lay, edges_of, polygons_of):
    count = 120
    theirs = [gymnasium_track(True, np.random.default_rng(seed)) for seed in range(count)]
    ground = lay("hardcore", [[1.0]] * count)
    ours = []
    for copy in range(count):
        edges = edges_of(ground, copy)
        ours.append((np.vstack([edges[:, :2], edges[-1:, 2:]]), polygons_of(ground, copy)))
    a, b = obstacle_shares(ours), obstacle_shares(theirs)
    error = np.sqrt((a.var(axis=0) + b.var(axis=0)) / count)
    assert (np.abs(a.mean(axis=0) - b.mean(axis=0)) < 4 * error).all()
    assert (a.mean(axis=0) > 2).all(), "every kind appears"
    widths = [
        np.concatenate([np.ptp(p, axis=0) for _, ps in t for p in ps]) / T for t in (ours, theirs)
    ]
    for values in widths:
        assert set(np.round(values).astype(int)) == {1, 2, 4}
    heights = [np.array([p[-1, 1] for p, _ in t]) for t in (ours, theirs)]
    spread = np.sqrt((heights[0].var() + heights[1].var()) / count)
    assert abs(heights[0].mean() - heights[1].mean()) < 4 * spread


def test_plain_has_gymnasiums_distribution(lay, edges_of):
    count = 100
    theirs = np.diff([gymnasium_track(False, np.random.default_rng(s))[0][:, 1] for s in range(count)])
    ground = lay("plain", [[1.0]] * count)
    ours = np.stack(
        [edges_of(ground, copy)[:, 3] - edges_of(ground, copy)[:, 1] for copy in range(count)]
    )
    for values in (ours, theirs):
        assert np.allclose(values[:, :20], 0, atol=1e-6)
    assert abs(ours[:, 21:].mean() - theirs[:, 21:].mean()) < 4 * ours.std() / np.sqrt(count * 20)
    assert ours[:, 21:].std() == pytest.approx(theirs[:, 21:].std(), rel=0.03)
    for lag in (1, 2, 5):
        pair = [
            np.corrcoef(v[:, 25:-lag].ravel(), v[:, 25 + lag :].ravel())[0, 1] for v in (ours, theirs)
        ]
        assert pair[0] == pytest.approx(pair[1], abs=0.03)


def test_roughness_scales_the_slope(lay, edges_of):
    smooth = edges_of(lay("plain", [0.0], seed=4))
    assert np.allclose(smooth[:, [1, 3]], H)
    plain, rough = (edges_of(lay("plain", [r], seed=4)) for r in (1.0, 3.0))
    # The pull back to the start height has a sign only, so the first steps scale exactly.
    assert rough[20, 3] - H == pytest.approx(3 * (plain[20, 3] - H), rel=1e-3)
    assert np.diff(rough[:, 1]).std() > 2 * np.diff(plain[:, 1]).std()


# Obstacle course ------------------------------------------------------------------------------


def test_course_without_obstacles_is_plain(lay, edges_of):
    course, plain = lay("obstacle-course", NO_OBSTACLES, seed=9), lay("plain", [1.0], seed=9)
    assert course.polygon_count[0] == 0
    assert (edges_of(course) == edges_of(plain)).all()


@pytest.mark.parametrize(
    ("position", "below", "above"), [(1, 0.79, 0.81), (3, 0.19, 0.21), (5, 0.19, 0.21)]
)
def test_small_obstacles_are_left_out(lay, position, below, above):
    task = [*NO_OBSTACLES[:7], 9.0]
    for value, appears in ((below, False), (above, True)):
        task[position] = value
        tracks = lay("obstacle-course", [task] * 20)
        assert (tracks.polygon_count.sum() > 0) == appears


def test_pairs_are_sorted(lay, edges_of, polygons_of):
    task = np.array([2.0, 1.0, 6.0, 0.5, 2.5, 0.3, 2.0, 7.0])
    swapped = task[[0, 2, 1, 4, 3, 6, 5, 7]]
    one, two = (lay("obstacle-course", t, seed=1) for t in (task, swapped))
    assert (edges_of(one) == edges_of(two)).all()
    assert len(polygons_of(one)) > 5


def test_course_stumps(lay, boxes_of):
    task = [0.0, 0, 0, 1.5, 2.5, 0, 0, 1.0]
    tracks = lay("obstacle-course", [task] * 30)
    boxes = np.concatenate([boxes_of(tracks, k) for k in range(30)])
    assert np.allclose(boxes[:, 2] - boxes[:, 0], 1, atol=1e-4)
    assert np.allclose(boxes[:, 1], H / T, atol=1e-4)
    heights = boxes[:, 3] - boxes[:, 1]
    assert heights.min() > 1.5 - 1e-4
    assert heights.max() < 2.5 + 1e-4
    assert heights.mean() == pytest.approx(2.0, abs=0.06)
    gaps = np.unique(np.round(np.concatenate([np.diff(boxes_of(tracks, k)[:, 0]) for k in range(30)])))
    assert (gaps.min(), gaps.max()) == (10, 18), "5 to 9 points with the stump, 5 to 9 of grass"


def test_course_pits(lay, edges_of, boxes_of):
    task = [0.0, 2.2, 4.7, 0, 0, 0, 0, 1.0]
    tracks = lay("obstacle-course", [task] * 30)
    widths = []
    for copy in range(30):
        boxes, edges = boxes_of(tracks, copy), edges_of(tracks, copy) / T
        assert np.allclose(boxes[:, 3], H / T, atol=1e-4)
        assert np.allclose(boxes[:, 3] - boxes[:, 1], 4, atol=1e-4)
        assert np.allclose(boxes[:, 2] - boxes[:, 0], 1, atol=1e-4)
        for near, far in zip(boxes[::2], boxes[1::2], strict=True):
            widths.append(far[0] - near[0] - 1)
            if far[2] > 198:
                continue  # cut off by the end of the track
            # The ground falls under the near pillar and rises again to the far one's far side.
            inside = (edges[:, 0] > near[0] + 0.5) & (edges[:, 2] < far[0] + 1e-4)
            assert np.allclose(edges[inside][:, [1, 3]], H / T - 4, atol=1e-4)
            end = edges[np.argmin(np.abs(edges[:, 2] - far[2]))]
            assert end[2:] == pytest.approx([far[2], H / T], abs=1e-4)
    assert min(widths) > 2.2 - 1e-3
    assert max(widths) < 4.7 + 1e-3
    assert np.mean(widths) == pytest.approx(3.45, abs=0.15)


def test_course_stairs(lay, edges_of, boxes_of):
    task = [0.0, 0, 0, 0, 0, 0.5, 1.5, 5.4]
    tracks = lay("obstacle-course", [task] * 60)
    runs, slopes = [], []
    for copy in range(60):
        boxes, edges = boxes_of(tracks, copy), edges_of(tracks, copy) / T
        assert np.allclose(boxes[:, 2] - boxes[:, 0], 4, atol=1e-4)
        height = boxes[:, 3] - boxes[:, 1]
        assert height.min() > 0.5 - 1e-3
        assert height.max() < 1.5 + 1e-3
        joined = np.abs(boxes[1:, 0] - boxes[:-1, 2]) < 1e-3
        starts = np.flatnonzero(np.append(True, ~joined)) if len(boxes) else []
        for begin, end in zip(starts, [*starts[1:], len(boxes)], strict=True):
            rise = np.diff(boxes[begin:end, 3])
            assert np.allclose(np.abs(rise), height[begin], atol=1e-3), (
                "every stair is one height up or down"
            )
            if boxes[end - 1, 2] < 195:
                runs.append(end - begin)
            slopes.extend(np.sign(rise[:1]))
        for x, _, right, top in boxes[boxes[:, 2] < 195]:
            middle = edges[np.argmin(np.abs(edges[:, 0] - (x + right) / 2))]
            assert middle[1] <= top + 1e-3, "the ground line never sticks out of a stair"
    assert set(runs) == {1, 2, 3, 4}, "5 steps mean 0 to 4 stairs, as in DCD"
    assert abs(np.mean(slopes)) < 0.35


def test_every_obstacle_kind_is_equally_likely(lay, boxes_of):
    task = [0.0, 2.0, 2.0, 1.0, 1.0, 1.0, 1.0, 2.0]  # stairs: 0 or 1
    tracks = lay("obstacle-course", [task] * 300)
    counts = np.zeros(3)
    for copy in range(300):
        boxes = boxes_of(tracks, copy)
        first = boxes[:1]
        if len(first) and first[0, 0] < 20.5:
            width, height = first[0, 2] - first[0, 0], first[0, 3] - first[0, 1]
            counts[2 if height > 3 else 1 if width > 3 else 0] += 1
    # The first obstacle: a third each, and half of the staircases are empty.
    assert counts / 300 == pytest.approx([1 / 3, 1 / 6, 1 / 3], abs=0.09)
