"""The static world of every copy: a line of edges and convex polygons, as arrays.

Terrain generators fill these arrays; collision, lidar and rendering read them. All lengths are
metres, in the frame of Gymnasium's BipedalWalker (y up, the track starts at x = 0).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..jit import inner

TERRAIN_STEP = 14.0 / 30.0
"""Grid of the track (m)."""
TERRAIN_LENGTH = 200
"""Grid steps of the track."""
TERRAIN_HEIGHT = 400.0 / 30.0 / 4.0
"""Height of the start pad (m)."""
START_PAD_STEPS = 20
"""Flat start of every track, at least (grid steps)."""
START_STEP = 10
"""The walker starts above this grid step."""
FINISH_X = (TERRAIN_LENGTH - 10) * TERRAIN_STEP
"""Finish line (m)."""
GROUND_FRICTION = 2.5

MAX_VERTICES = 6
CELL = 0.5
"""Width of a cell of the index along x (m)."""
CELLS = 208


class Ground(NamedTuple):
    """Static geometry of N copies.

    Edges come in order of x and join end to end (a vertical or zero-length one is allowed).
    Polygons come in order of their left ends, convex and counter-clockwise in Box2D's vertex order.
    """

    edges: NDArray[np.float32]
    """(N, max edges, 4): x1, y1, x2, y2, with x1 <= x2."""
    edge_count: NDArray[np.int32]
    """(N,)."""
    vertices: NDArray[np.float32]
    """(N, max polygons, MAX_VERTICES, 2)."""
    normals: NDArray[np.float32]
    """(N, max polygons, MAX_VERTICES, 2): unit, outward, normal k belongs to the side k to k+1."""
    vertex_count: NDArray[np.int32]
    """(N, max polygons)."""
    bounds: NDArray[np.float32]
    """(N, max polygons, 4): x low, y low, x high, y high."""
    polygon_count: NDArray[np.int32]
    """(N,)."""
    first_edge: NDArray[np.int32]
    """(N, CELLS): first edge whose right end is not left of the cell."""
    first_polygon: NDArray[np.int32]
    """(N, CELLS): first polygon whose right end is not left of the cell."""


def empty_ground(num_envs: int, max_edges: int, max_polygons: int) -> Ground:
    """Arrays for N copies without any geometry."""
    polygons = max(1, max_polygons)
    return Ground(
        edges=np.zeros((num_envs, max_edges, 4), np.float32),
        edge_count=np.zeros(num_envs, np.int32),
        vertices=np.zeros((num_envs, polygons, MAX_VERTICES, 2), np.float32),
        normals=np.zeros((num_envs, polygons, MAX_VERTICES, 2), np.float32),
        vertex_count=np.zeros((num_envs, polygons), np.int32),
        bounds=np.zeros((num_envs, polygons, 4), np.float32),
        polygon_count=np.zeros(num_envs, np.int32),
        first_edge=np.zeros((num_envs, CELLS), np.int32),
        first_polygon=np.zeros((num_envs, CELLS), np.int32),
    )


@inner
def clear_ground(i: int, ground: Ground) -> None:
    """Remove all geometry of copy i."""
    ground.edge_count[i] = 0
    ground.polygon_count[i] = 0


@inner
def add_edge(i: int, ground: Ground, x1: float, y1: float, x2: float, y2: float) -> None:
    """Append an edge to copy i (left to right)."""
    k = ground.edge_count[i]
    if k == ground.edges.shape[1]:
        return
    ground.edges[i, k, 0] = x1
    ground.edges[i, k, 1] = y1
    ground.edges[i, k, 2] = x2
    ground.edges[i, k, 3] = y2
    ground.edge_count[i] = k + 1


@inner
def add_polygon(i: int, ground: Ground, points: NDArray[np.float32], count: int) -> None:
    """Append the convex hull of ``points[:count]`` to copy i, stored as Box2D stores it.

    Gift wrapping from the rightmost (then lowest) point, as b2PolygonShape::Set of Box2D 2.3.
    """
    k = ground.polygon_count[i]
    if k == ground.vertex_count.shape[1]:
        return
    start = 0
    for j in range(1, count):
        right, level = points[j, 0] > points[start, 0], points[j, 0] == points[start, 0]
        if right or (level and points[j, 1] < points[start, 1]):
            start = j
    here, size = start, 0
    while size < MAX_VERTICES:
        ground.vertices[i, k, size, 0] = points[here, 0]
        ground.vertices[i, k, size, 1] = points[here, 1]
        size += 1
        candidate = 0
        for j in range(1, count):
            if candidate == here:
                candidate = j
                continue
            ax, ay = points[candidate, 0] - points[here, 0], points[candidate, 1] - points[here, 1]
            bx, by = points[j, 0] - points[here, 0], points[j, 1] - points[here, 1]
            cross = ax * by - ay * bx
            if cross < 0 or (cross == 0 and bx * bx + by * by > ax * ax + ay * ay):
                candidate = j
        here = candidate
        if here == start:
            break
    ground.vertex_count[i, k] = size
    x_low = y_low = np.float32(1e30)
    x_high = y_high = np.float32(-1e30)
    for a in range(size):
        b = (a + 1) % size
        x, y = ground.vertices[i, k, a, 0], ground.vertices[i, k, a, 1]
        ex, ey = ground.vertices[i, k, b, 0] - x, ground.vertices[i, k, b, 1] - y
        length = np.sqrt(ex * ex + ey * ey)
        ground.normals[i, k, a, 0] = ey / length
        ground.normals[i, k, a, 1] = -ex / length
        x_low, x_high = min(x_low, x), max(x_high, x)
        y_low, y_high = min(y_low, y), max(y_high, y)
    ground.bounds[i, k, 0] = x_low
    ground.bounds[i, k, 1] = y_low
    ground.bounds[i, k, 2] = x_high
    ground.bounds[i, k, 3] = y_high
    ground.polygon_count[i] = k + 1


@inner
def add_box(
    i: int,
    ground: Ground,
    corners: NDArray[np.float32],
    x_low: float,
    y_low: float,
    x_high: float,
    y_high: float,
) -> None:
    """Append an upright rectangle to copy i; ``corners`` is work space, shape (4, 2)."""
    corners[0, 0] = x_low
    corners[0, 1] = y_low
    corners[1, 0] = x_high
    corners[1, 1] = y_low
    corners[2, 0] = x_high
    corners[2, 1] = y_high
    corners[3, 0] = x_low
    corners[3, 1] = y_high
    add_polygon(i, ground, corners, 4)


@inner
def index_ground(i: int, ground: Ground) -> None:
    """Fill the index along x of copy i; call once all edges and polygons are there."""
    edge = polygon = 0
    for cell in range(CELLS):
        left = cell * CELL
        while edge < ground.edge_count[i] and ground.edges[i, edge, 2] < left:
            edge += 1
        while polygon < ground.polygon_count[i] and ground.bounds[i, polygon, 2] < left:
            polygon += 1
        ground.first_edge[i, cell] = edge
        ground.first_polygon[i, cell] = polygon


@inner
def cell_of(x: float) -> int:
    """The index cell that holds x; positions off the track belong to the outermost cells."""
    return min(max(int(x / CELL), 0), CELLS - 1)
