"""Tracks, and what is on them."""

import numpy as np
import pytest

from eyas.envs.walker.ground import START_PAD_STEPS, TERRAIN_STEP, empty_ground
from eyas.envs.walker.terrain import make_terrain


def _lay(name, tasks, seed=0, *, legacy=False, pad=START_PAD_STEPS):
    """Grounds of as many copies as there are tasks."""
    terrain = make_terrain(name, legacy)
    tasks = np.atleast_2d(np.asarray(tasks, np.float64))
    ground = empty_ground(len(tasks), terrain.max_edges, terrain.max_polygons)
    states = np.random.SeedSequence(seed).generate_state(len(tasks), np.uint64)
    terrain.generate(np.arange(len(tasks)), tasks, states, pad, ground)
    return ground


def _edges_of(ground, copy=0):
    return ground.edges[copy, : ground.edge_count[copy]].astype(np.float64)


def _polygons_of(ground, copy=0):
    return [
        ground.vertices[copy, k, : ground.vertex_count[copy, k]].astype(np.float64)
        for k in range(ground.polygon_count[copy])
    ]


def _boxes_of(ground, copy=0):
    """x low, y low, x high, y high of the polygons, in grid steps."""
    return ground.bounds[copy, : ground.polygon_count[copy]].astype(np.float64) / TERRAIN_STEP


@pytest.fixture(scope="session")
def lay():
    """Lay tracks: ``lay(name, tasks, seed=0)`` gives the grounds of as many copies as there are tasks."""
    return _lay


@pytest.fixture(scope="session")
def edges_of():
    """The edges of one copy's ground."""
    return _edges_of


@pytest.fixture(scope="session")
def polygons_of():
    """The corners of each polygon of one copy's ground."""
    return _polygons_of


@pytest.fixture(scope="session")
def boxes_of():
    """x low, y low, x high, y high of one copy's polygons, in grid steps."""
    return _boxes_of
