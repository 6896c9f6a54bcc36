"""The walker's lidar: ten rays from the hull, down to nearly straight ahead, nearest hit."""

from __future__ import annotations

import math

import numpy as np

from ..jit import inner
from .ground import Ground, cell_of
from .model import RAYS, Float, State

F = np.float32
ZERO, ONE = F(0), F(1)
LIDAR_RANGE = F(160.0 / 30.0)
"""Length of a ray (m)."""
_ANGLES = [1.5 * ray / RAYS for ray in range(RAYS)]
RAY_X: Float = np.array([math.sin(a) for a in _ANGLES], np.float32) * LIDAR_RANGE
RAY_Y: Float = np.array([-math.cos(a) for a in _ANGLES], np.float32) * LIDAR_RANGE
"""Ray ends from the hull's frame origin, in world axes (m)."""


@inner
def cast_rays(i: int, x: float, y: float, ground: Ground, state: State) -> None:
    """Write the fractions of the range at which the rays from (x, y) hit, 1 where nothing is hit."""
    edges, lidar = ground.edges, state.lidar
    cell = cell_of(x)
    start = ground.first_edge[i, cell]
    count = ground.edge_count[i]
    while start < count and edges[i, start, 2] < x:
        start += 1
    above = False
    if start < count:
        ax, ay = edges[i, start, 0], edges[i, start, 1]
        bx, by = edges[i, start, 2], edges[i, start, 3]
        above = ax <= x and (bx - ax) * (y - ay) - (by - ay) * (x - ax) > ZERO
    first = start
    for ray in range(RAYS):
        dx, dy = RAY_X[ray], RAY_Y[ray]
        lidar[i, ray] = ONE
        nearest = ONE
        # Seen from above, a flatter ray first hits at or beyond the edge that a steeper one hit.
        e = first if above else start
        right = x + dx
        while e < count and edges[i, e, 0] <= right:
            ax, ay = edges[i, e, 0] - x, edges[i, e, 1] - y
            bx, by = edges[i, e, 2] - x, edges[i, e, 3] - y
            side_a, side_b = dx * ay - dy * ax, dx * by - dy * bx
            if (side_a <= ZERO) != (side_b < ZERO) or side_a == ZERO:
                nx, ny = by - ay, ax - bx
                slope = nx * dx + ny * dy
                if slope != ZERO:
                    t = (nx * ax + ny * ay) / slope
                    if ZERO <= t <= nearest:
                        nearest = t
                        first = e
                        break
            e += 1
        lidar[i, ray] = nearest

    p = ground.first_polygon[i, cell]
    reach = x + LIDAR_RANGE
    while p < ground.polygon_count[i] and ground.bounds[i, p, 0] <= reach:
        low, high = ground.bounds[i, p, 1], ground.bounds[i, p, 3]
        left, right = ground.bounds[i, p, 0], ground.bounds[i, p, 2]
        if right >= x and low <= y:
            for ray in range(RAYS):
                dx, dy = RAY_X[ray], RAY_Y[ray]
                nearest = lidar[i, ray]
                # The rays go down and right: compare heights above the polygon's box.
                enter, leave = max(left - x, ZERO), right - x
                if enter > dx * nearest or y * dx + enter * dy < low * dx:
                    continue
                if y * dx + leave * dy > high * dx and dx > ZERO:
                    continue
                t = _cast_polygon(i, p, x, y, dx, dy, nearest, ground)
                lidar[i, ray] = min(nearest, t)
        p += 1


@inner
def _cast_polygon(
    i: int, p: int, x: float, y: float, dx: float, dy: float, most: float, ground: Ground
) -> float:
    """Fraction at which a ray enters the polygon; ``most`` if it does not (b2PolygonShape::RayCast)."""
    lower, upper = ZERO, most
    hit = False
    for k in range(ground.vertex_count[i, p]):
        nx, ny = ground.normals[i, p, k, 0], ground.normals[i, p, k, 1]
        numerator = nx * (ground.vertices[i, p, k, 0] - x) + ny * (ground.vertices[i, p, k, 1] - y)
        denominator = nx * dx + ny * dy
        if denominator == ZERO:
            if numerator < ZERO:
                return most
        elif denominator < ZERO and numerator < lower * denominator:
            lower = numerator / denominator
            hit = True
        elif denominator > ZERO and numerator < upper * denominator:
            upper = numerator / denominator
        if upper < lower:
            return most
    return lower if hit else most
