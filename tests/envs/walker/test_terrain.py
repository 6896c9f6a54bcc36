"""Terrain: invariants of the geometry, and the originals' structure, numbers and distributions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eyas.envs import random as eyas_random
from eyas.envs.walker.ground import (
    CELL,
    CELLS,
    START_PAD_STEPS,
    TERRAIN_HEIGHT,
    TERRAIN_LENGTH,
    TERRAIN_STEP,
    empty_ground,
)
from eyas.envs.walker.terrain import TERRAINS, make_terrain, start_pad_steps
from eyas.errors import InputError

T, H = TERRAIN_STEP, TERRAIN_HEIGHT
TRACK_END = TERRAIN_LENGTH * T
GRID = ("plain", "hardcore", "obstacle-course")
NO_OBSTACLES = [1.0, 0, 0, 0, 0, 0, 0, 1.0]


def lay(name, tasks, seed=0, *, legacy=False, pad=START_PAD_STEPS):
    """Grounds of as many copies as there are tasks."""
    terrain = make_terrain(name, legacy)
    tasks = np.atleast_2d(np.asarray(tasks, np.float64))
    ground = empty_ground(len(tasks), terrain.max_edges, terrain.max_polygons)
    states = np.random.SeedSequence(seed).generate_state(len(tasks), np.uint64)
    terrain.generate(np.arange(len(tasks)), tasks, states, pad, ground)
    return ground


def edges_of(ground, copy=0):
    return ground.edges[copy, : ground.edge_count[copy]].astype(np.float64)


def polygons_of(ground, copy=0):
    return [
        ground.vertices[copy, k, : ground.vertex_count[copy, k]].astype(np.float64)
        for k in range(ground.polygon_count[copy])
    ]


def boxes_of(ground, copy=0):
    """x low, y low, x high, y high of the polygons, in grid steps."""
    return ground.bounds[copy, : ground.polygon_count[copy]].astype(np.float64) / T


@st.composite
def tracks(draw):
    name = draw(st.sampled_from(sorted(TERRAINS)))
    space = TERRAINS[name].task_space
    task = [draw(st.floats(p.low, p.high)) for p in space.parameters]
    return name, task, draw(st.integers(0, 2**32)), draw(st.booleans()), draw(st.integers(20, 30))


@given(tracks())
@settings(max_examples=150, deadline=None)
def test_geometry_is_well_formed_for_every_task(track):
    name, task, seed, legacy, pad = track
    ground = lay(name, task, seed, legacy=legacy, pad=pad)
    terrain = TERRAINS[name]
    edges, polygons = edges_of(ground), polygons_of(ground)
    assert len(edges) <= terrain.max_edges
    assert len(polygons) < max(1, terrain.max_polygons), "no room left means that one may be lost"
    # Edges: from left to right, joined end to end, flat under the start.
    assert np.isfinite(edges).all()
    assert (edges[:, 0] <= edges[:, 2]).all()
    assert (edges[1:, :2] == edges[:-1, 2:]).all()
    assert edges[0, 0] == 0
    on_pad = edges[:, 2] <= pad * T - 1e-4
    assert np.allclose(edges[on_pad][:, [1, 3]], H)
    assert np.interp(pad * T - 1e-3, edges[:, 2], edges[:, 3]) == pytest.approx(H, abs=1e-6)
    if name in GRID:
        assert len(edges) == TERRAIN_LENGTH - 1
        assert edges[-1, 2] == pytest.approx((TERRAIN_LENGTH - 1) * T, abs=1.1 * T)
    elif not legacy:
        assert edges[-1, 2] == pytest.approx(TRACK_END)
    # Polygons: sorted by their left ends, off the start pad, convex, counter-clockwise, from the
    # rightmost and then lowest corner, with unit normals that point outwards.
    lefts = [points[:, 0].min() for points in polygons]
    assert lefts == sorted(lefts)
    for k, points in enumerate(polygons):
        assert 3 <= len(points) <= 6
        side = np.roll(points, -1, axis=0) - points
        turn = side[:, 0] * np.roll(side[:, 1], -1) - side[:, 1] * np.roll(side[:, 0], -1)
        assert (turn > -1e-6).all()
        area = (
            points[:, 0] * np.roll(points[:, 1], -1) - points[:, 1] * np.roll(points[:, 0], -1)
        ).sum()
        assert area > 0
        rightmost = points[points[:, 0] == points[:, 0].max()]
        assert (points[0] == rightmost[rightmost[:, 1].argmin()]).all()
        normals = ground.normals[0, k, : len(points)]
        assert np.allclose(np.hypot(*normals.T), 1, atol=1e-5)
        assert (np.abs((normals * side).sum(axis=1)) < 1e-5).all()
        assert (normals[:, 0] * side[:, 1] - normals[:, 1] * side[:, 0] > 0).all()
        box = [*points.min(axis=0), *points.max(axis=0)]
        assert ground.bounds[0, k].tolist() == box


@given(tracks())
@settings(max_examples=60, deadline=None)
def test_index_finds_the_first_shape_by_brute_force(track):
    name, task, seed, legacy, pad = track
    ground = lay(name, task, seed, legacy=legacy, pad=pad)
    edge_ends = edges_of(ground)[:, 2]
    polygon_ends = np.array([points[:, 0].max() for points in polygons_of(ground)])
    for cell in range(CELLS):
        first = np.flatnonzero(edge_ends >= cell * CELL)
        assert ground.first_edge[0, cell] == (first[0] if len(first) else len(edge_ends))
        first = np.flatnonzero(polygon_ends >= cell * CELL)
        assert ground.first_polygon[0, cell] == (first[0] if len(first) else len(polygon_ends))


@pytest.mark.parametrize("name", sorted(TERRAINS))
def test_a_seed_gives_the_same_track_in_any_batch(name):
    terrain = TERRAINS[name]
    tasks = terrain.task_space.sample(np.random.default_rng(3), 5)
    together = lay(name, tasks, seed=11)
    states = np.random.SeedSequence(11).generate_state(5, np.uint64)
    apart = empty_ground(5, terrain.max_edges, terrain.max_polygons)
    terrain.generate(np.array([4, 1]), tasks, states, START_PAD_STEPS, apart)
    for copy in (4, 1):
        assert (edges_of(apart, copy) == edges_of(together, copy)).all()
        for a, b in zip(polygons_of(apart, copy), polygons_of(together, copy), strict=True):
            assert (a == b).all()
    assert (apart.edge_count[[0, 2, 3]] == 0).all(), "the other copies are left alone"
    again = edges_of(apart, 4).copy(), polygons_of(apart, 4)
    terrain.generate(np.array([4]), tasks, states, START_PAD_STEPS, apart)  # the streams have moved on
    if name == "plain":
        assert not np.array_equal(edges_of(apart, 4), again[0])
    else:
        assert any(
            a.shape != b.shape or (a != b).any()
            for a, b in zip(polygons_of(apart, 4), again[1], strict=False)
        )


def test_unknown_terrain_is_refused_with_the_names():
    with pytest.raises(
        InputError, match=r"terrain = 'hills' is not one of: stump-tracks, hexagon-tracks"
    ):
        make_terrain("hills")


def test_start_pad_grows_with_the_body():
    assert start_pad_steps(0.0) == start_pad_steps(7.0) == 20
    assert start_pad_steps(8.0) == 23  # 8 / 0.4667 + 5 = 22.1


# Stump Tracks ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spacing", "count"), [(0.0, 177), (0.01, 177), (1.0, 58), (3.0, 25), (6.0, 13)]
)
def test_number_of_stumps_is_the_originals(spacing, count):
    ground = lay("stump-tracks", [1.0, spacing])
    assert ground.polygon_count[0] == count
    boxes = boxes_of(ground)
    assert boxes[0, 0] == pytest.approx(20)
    assert np.allclose(boxes[:, 2] - boxes[:, 0], 1, atol=1e-4)
    assert np.allclose(np.diff(boxes[:, 0]), 1 + max(0.01, spacing) / T, atol=1e-4)


@pytest.mark.parametrize("mean", [0.0, 0.05, 1.5, 3.0])
def test_stump_heights_are_clamped_normals(mean):
    ground = lay("stump-tracks", [[mean, 0.5]] * 40)
    heights = np.concatenate([boxes_of(ground, k)[:, 3] - H / T for k in range(40)])
    draws = np.maximum(0.05, np.random.default_rng(0).normal(mean, 0.1, 400_000))
    assert heights.min() >= 0.05 - 1e-5
    error = 4 / np.sqrt(len(heights))
    assert abs(heights.mean() - draws.mean()) < error * draws.std()
    assert abs(heights.std() / draws.std() - 1) < error
    assert abs((heights < 0.0501).mean() - (draws < 0.0501).mean()) < error


def test_legacy_stump_track_ends_early_and_repeats_a_point():
    ours = edges_of(lay("stump-tracks", [1.0, 6.0]))
    legacy = edges_of(lay("stump-tracks", [1.0, 6.0], legacy=True))
    pad = 20 * T
    assert legacy[1] == pytest.approx([pad, H, pad, H])
    assert legacy[-1, 2] == pytest.approx(87.4, abs=1e-3)
    assert np.allclose(np.delete(legacy, 1, axis=0), ours[:-1])
    assert ours[-1] == pytest.approx([87.4, H, TRACK_END, H], abs=1e-3)


# Hexagon Tracks -------------------------------------------------------------------------------


def test_hexagon_track_has_the_originals_bodies():
    ground = lay("hexagon-tracks", np.zeros(12), legacy=True)
    assert ground.edge_count[0] + ground.polygon_count[0] == 31
    assert edges_of(ground)[-1, 2] == pytest.approx(91.333, abs=1e-3)
    ends = edges_of(lay("hexagon-tracks", np.zeros(12)))[:, 2]
    starts = 20 * T + 9 * np.arange(10)
    assert ends == pytest.approx(np.sort(np.concatenate([starts, starts + 1, [TRACK_END]])), abs=1e-4)


def test_hexagons_are_the_shifted_base_shape():
    task = np.array([0.5, 0, 0.0, 1.0, 0.5, 2.0, 1.0, 2.0, 1.5, 1.0, 1.0, 0])
    base = np.array([[-0.5, 0], [-0.5, 0.25], [-0.25, 0.5], [0.25, 0.5], [0.5, 0.25], [0.5, 0]])
    expected = base + task.reshape(6, 2)
    ground = lay("hexagon-tracks", [task] * 200)
    corners = []
    for copy in range(200):
        for k, points in enumerate(polygons_of(ground, copy)):
            if len(points) == 6:
                shape = (points - (20 * T + 9 * k, H)) / T
                corners.append(
                    np.roll(shape, -np.argmin(np.abs(shape - expected[0]).sum(axis=1)), axis=0)
                )
    found = np.array(corners)[:, ::-1]  # counter-clockwise, against the order of the base shape
    found = np.roll(found, 1, axis=1)
    assert len(found) > 1500
    error = 4 * 0.1 / np.sqrt(len(found))
    assert np.abs(found.mean(axis=0) - expected).max() < error
    deviation = found.std(axis=0)
    assert np.allclose(deviation[[0, 5], 1], 0, atol=1e-4), "two corners stay on the ground"
    assert np.allclose(deviation[1:5], 0.1, atol=0.01)


def test_height_of_the_ground_corners_has_no_effect():
    rng = np.random.default_rng(5)
    task = rng.uniform(0, 4, 12)
    other = task.copy()
    other[[1, 11]] = rng.uniform(0, 4, 2)
    for a, b in zip(
        *(polygons_of(lay("hexagon-tracks", t, seed=2)) for t in (task, other)), strict=True
    ):
        assert (a == b).all()


# Gymnasium ------------------------------------------------------------------------------------


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
def test_same_draws_give_gymnasiums_track(hardcore, seed):
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


def test_hardcore_has_gymnasiums_distribution():
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


def test_plain_has_gymnasiums_distribution():
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


def test_roughness_scales_the_slope():
    smooth = edges_of(lay("plain", [0.0], seed=4))
    assert np.allclose(smooth[:, [1, 3]], H)
    plain, rough = (edges_of(lay("plain", [r], seed=4)) for r in (1.0, 3.0))
    # The pull back to the start height has a sign only, so the first steps scale exactly.
    assert rough[20, 3] - H == pytest.approx(3 * (plain[20, 3] - H), rel=1e-3)
    assert np.diff(rough[:, 1]).std() > 2 * np.diff(plain[:, 1]).std()


# Obstacle course ------------------------------------------------------------------------------


def test_course_without_obstacles_is_plain():
    course, plain = lay("obstacle-course", NO_OBSTACLES, seed=9), lay("plain", [1.0], seed=9)
    assert course.polygon_count[0] == 0
    assert (edges_of(course) == edges_of(plain)).all()


@pytest.mark.parametrize(
    ("position", "below", "above"), [(1, 0.79, 0.81), (3, 0.19, 0.21), (5, 0.19, 0.21)]
)
def test_small_obstacles_are_left_out(position, below, above):
    task = [*NO_OBSTACLES[:7], 9.0]
    for value, appears in ((below, False), (above, True)):
        task[position] = value
        tracks = lay("obstacle-course", [task] * 20)
        assert (tracks.polygon_count.sum() > 0) == appears


def test_pairs_are_sorted():
    task = np.array([2.0, 1.0, 6.0, 0.5, 2.5, 0.3, 2.0, 7.0])
    swapped = task[[0, 2, 1, 4, 3, 6, 5, 7]]
    one, two = (lay("obstacle-course", t, seed=1) for t in (task, swapped))
    assert (edges_of(one) == edges_of(two)).all()
    assert len(polygons_of(one)) > 5


def test_course_stumps():
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


def test_course_pits():
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


def test_course_stairs():
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


def test_every_obstacle_kind_is_equally_likely():
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
