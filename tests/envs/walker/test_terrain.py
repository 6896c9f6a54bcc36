"""Terrain: invariants of the geometry, and teachDeepRL's structure and numbers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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


@st.composite
def tracks(draw):
    name = draw(st.sampled_from(sorted(TERRAINS)))
    space = TERRAINS[name].task_space
    task = [draw(st.floats(p.low, p.high)) for p in space.parameters]
    return name, task, draw(st.integers(0, 2**32)), draw(st.booleans()), draw(st.integers(20, 30))


@given(tracks())
@settings(max_examples=150, deadline=None)
def test_geometry_is_well_formed_for_every_task(lay, edges_of, polygons_of, track):
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
def test_index_finds_the_first_shape_by_brute_force(lay, edges_of, polygons_of, track):
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
def test_a_seed_gives_the_same_track_in_any_batch(lay, edges_of, polygons_of, name):
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
def test_number_of_stumps_is_the_originals(lay, boxes_of, spacing, count):
    ground = lay("stump-tracks", [1.0, spacing])
    assert ground.polygon_count[0] == count
    boxes = boxes_of(ground)
    assert boxes[0, 0] == pytest.approx(20)
    assert np.allclose(boxes[:, 2] - boxes[:, 0], 1, atol=1e-4)
    assert np.allclose(np.diff(boxes[:, 0]), 1 + max(0.01, spacing) / T, atol=1e-4)


@pytest.mark.parametrize("mean", [0.0, 0.05, 1.5, 3.0])
def test_stump_heights_are_clamped_normals(lay, boxes_of, mean):
    ground = lay("stump-tracks", [[mean, 0.5]] * 40)
    heights = np.concatenate([boxes_of(ground, k)[:, 3] - H / T for k in range(40)])
    draws = np.maximum(0.05, np.random.default_rng(0).normal(mean, 0.1, 400_000))
    assert heights.min() >= 0.05 - 1e-5
    error = 4 / np.sqrt(len(heights))
    assert abs(heights.mean() - draws.mean()) < error * draws.std()
    assert abs(heights.std() / draws.std() - 1) < error
    assert abs((heights < 0.0501).mean() - (draws < 0.0501).mean()) < error


def test_legacy_stump_track_ends_early_and_repeats_a_point(lay, edges_of):
    ours = edges_of(lay("stump-tracks", [1.0, 6.0]))
    legacy = edges_of(lay("stump-tracks", [1.0, 6.0], legacy=True))
    pad = 20 * T
    assert legacy[1] == pytest.approx([pad, H, pad, H])
    assert legacy[-1, 2] == pytest.approx(87.4, abs=1e-3)
    assert np.allclose(np.delete(legacy, 1, axis=0), ours[:-1])
    assert ours[-1] == pytest.approx([87.4, H, TRACK_END, H], abs=1e-3)


# Hexagon Tracks -------------------------------------------------------------------------------


def test_hexagon_track_has_the_originals_bodies(lay, edges_of):
    ground = lay("hexagon-tracks", np.zeros(12), legacy=True)
    assert ground.edge_count[0] + ground.polygon_count[0] == 31
    assert edges_of(ground)[-1, 2] == pytest.approx(91.333, abs=1e-3)
    ends = edges_of(lay("hexagon-tracks", np.zeros(12)))[:, 2]
    starts = 20 * T + 9 * np.arange(10)
    assert ends == pytest.approx(np.sort(np.concatenate([starts, starts + 1, [TRACK_END]])), abs=1e-4)


def test_hexagons_are_the_shifted_base_shape(lay, polygons_of):
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


def test_height_of_the_ground_corners_has_no_effect(lay, polygons_of):
    rng = np.random.default_rng(5)
    task = rng.uniform(0, 4, 12)
    other = task.copy()
    other[[1, 11]] = rng.uniform(0, 4, 2)
    for a, b in zip(
        *(polygons_of(lay("hexagon-tracks", t, seed=2)) for t in (task, other)), strict=True
    ):
        assert (a == b).all()
