"""Contact manifolds of a walker part with the ground, as Box2D 2.3 makes them.

Part against edge follows b2CollideEdge.cpp (an edge without neighbours), part against polygon
b2CollidePolygon.cpp, clipping b2Collision.cpp. The ground's frame is the world's. The manifold is
left in the temporary record.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..jit import inner
from .ground import Ground

F = np.float32
ZERO, ONE, HALF, THIRD = F(0), F(1), F(0.5), F(1.0 / 3.0)
BIG = F(1e30)
SLOP = F(0.005)
"""Box2D's linearSlop (m): penetration that is left alone."""
RADIUS = F(0.01)
"""Box2D's polygonRadius (m): the skin of every shape."""
TWO_RADII = RADIUS + RADIUS
ANGULAR_SLOP = F(2.0 / 180.0 * math.pi)
EDGE_RELATIVE, EDGE_ABSOLUTE = F(0.98), F(0.001)
POLYGON_TOLERANCE = F(0.1) * SLOP


TWO_OVER_PI = F(2.0 / math.pi)
HALF_PI = F(1.5703125), F(4.837512969970703e-4), F(7.549789948768648e-8)
"""In three parts, the first two short enough for exact products with small integers."""


@inner
def sine_cosine(angle: float) -> tuple[float, float]:
    """Sine and cosine of one angle, to 1e-7 for the few turns a walker can make.

    Reduction to a quarter turn and the minimax polynomials of Cephes' sinf.c; a third of the cost of
    two calls of the C library.
    """
    turns = int(angle * TWO_OVER_PI + (HALF if angle >= ZERO else -HALF))
    n = F(turns)
    r = ((angle - n * HALF_PI[0]) - n * HALF_PI[1]) - n * HALF_PI[2]
    z = r * r
    s = ((F(-1.9515296e-4) * z + F(8.3321609e-3)) * z + F(-1.6666655e-1)) * z * r + r
    c = ((F(2.4433157e-5) * z + F(-1.3887316e-3)) * z + F(4.1666646e-2)) * z * z - HALF * z + ONE
    quarter = turns & 3
    if quarter == 0:
        return s, c
    if quarter == 1:
        return c, -s
    if quarter == 2:
        return -s, -c
    return -c, s


@inner
def place_part(part: Any) -> None:
    """World vertices, normals and box of a part at its current pose; its sine and cosine are set."""
    x, y, s, c = part.x[0], part.x[1], part.sine, part.cosine
    left = low = BIG
    right = high = -BIG
    for k in range(part.vertex_count):
        vx, vy = part.local_vertices[k, 0], part.local_vertices[k, 1]
        nx, ny = part.local_normals[k, 0], part.local_normals[k, 1]
        wx, wy = c * vx - s * vy + x, s * vx + c * vy + y
        part.vertices[k, 0], part.vertices[k, 1] = wx, wy
        part.normals[k, 0] = c * nx - s * ny
        part.normals[k, 1] = s * nx + c * ny
        left, right = min(left, wx), max(right, wx)
        low, high = min(low, wy), max(high, wy)
    part.box[0], part.box[1], part.box[2], part.box[3] = left, low, right, high


@inner
def rotate_part(part: Any) -> None:
    """Set sine and cosine from the angle."""
    part.sine, part.cosine = sine_cosine(part.x[2])


@inner
def turn_part(part: Any, turn: float) -> None:
    """Add to the angle of a part; small turns update sine and cosine by their series."""
    part.x[2] += turn
    if abs(turn) < F(0.02):
        s, c = part.sine, part.cosine
        square = HALF * turn * turn
        sine = turn - turn * square * THIRD
        part.sine = s + (c * sine - s * square)
        part.cosine = c - (s * sine + c * square)
    else:
        part.sine, part.cosine = sine_cosine(part.x[2])


@inner
def _feature(index_a: int, index_b: int, face_a: int, face_b: int) -> int:
    return index_a | (index_b << 8) | (face_a << 16) | (face_b << 24)


@inner
def _swapped(feature: int) -> int:
    return (
        ((feature & 0xFF) << 8)
        | ((feature >> 8) & 0xFF)
        | (((feature >> 16) & 0xFF) << 24)
        | (((feature >> 24) & 0xFF) << 16)
    )


@inner
def _set_clip(t: Any, row: int, x: float, y: float, feature: int) -> None:
    t.clip[row, 0] = x
    t.clip[row, 1] = y
    t.clip_features[row] = feature


@inner
def _clip(t: Any, source: int, nx: float, ny: float, offset: float, vertex: int) -> int:
    """Clip the segment in rows source, source + 1 to the half plane, into the next two rows."""
    ax, ay = t.clip[source, 0], t.clip[source, 1]
    bx, by = t.clip[source + 1, 0], t.clip[source + 1, 1]
    first, second = t.clip_features[source], t.clip_features[source + 1]
    d0 = nx * ax + ny * ay - offset
    d1 = nx * bx + ny * by - offset
    target = source + 2
    count = 0
    if d0 <= ZERO:
        _set_clip(t, target, ax, ay, first)
        count = 1
    if d1 <= ZERO:
        _set_clip(t, target + count, bx, by, second)
        count += 1
    if d0 * d1 < ZERO and count < 2:
        share = d0 / (d0 - d1)
        feature = _feature(vertex, (first >> 8) & 0xFF, 0, 1)
        _set_clip(t, target + count, ax + share * (bx - ax), ay + share * (by - ay), feature)
        count += 1
    return count


@inner
def _keep_points(part: Any, t: Any, rx: float, ry: float, nx: float, ny: float, on_part: int) -> int:
    """Keep the clipped points (rows 4, 5) within the skin of the reference face."""
    count = 0
    for k in range(4, 6):
        px, py = t.clip[k, 0], t.clip[k, 1]
        if nx * (px - rx) + ny * (py - ry) <= TWO_RADII:
            feature = t.clip_features[k]
            if on_part:
                t.points[count, 0] = px
                t.points[count, 1] = py
                t.features[count] = _swapped(feature)
            else:
                dx, dy = px - part.x[0], py - part.x[1]
                t.points[count, 0] = part.cosine * dx + part.sine * dy
                t.points[count, 1] = -part.sine * dx + part.cosine * dy
                t.features[count] = feature
            count += 1
    t.count = count
    t.on_part = on_part
    return count


@inner
def _set_plane(t: Any, nx: float, ny: float, px: float, py: float) -> None:
    t.normal[0], t.normal[1] = nx, ny
    t.plane[0], t.plane[1] = px, py


@inner
def collide_edge(part: Any, t: Any, x1: float, y1: float, x2: float, y2: float) -> int:
    """Manifold of a placed part and the edge (x1, y1)-(x2, y2); returns the number of points."""
    ex, ey = x2 - x1, y2 - y1
    length = math.sqrt(ex * ex + ey * ey)
    if length < F(1e-6):
        return 0
    nx, ny = ey / length, -ex / length
    front = nx * (part.x[0] - x1) + ny * (part.x[1] - y1) >= ZERO
    if not front:
        nx, ny = -nx, -ny
    vertices, normals = part.vertices, part.normals
    count = part.vertex_count

    edge_separation = BIG
    for k in range(count):
        edge_separation = min(edge_separation, nx * (vertices[k, 0] - x1) + ny * (vertices[k, 1] - y1))
    if edge_separation > TWO_RADII:
        return 0

    # Separation along the part's own normals, those nearly along the edge's normal only.
    side, separation = -1, -BIG
    for k in range(count):
        px, py = -normals[k, 0], -normals[k, 1]
        vx, vy = vertices[k, 0], vertices[k, 1]
        s = min(px * (vx - x1) + py * (vy - y1), px * (vx - x2) + py * (vy - y2))
        if s > TWO_RADII:
            return 0
        # Both limits of an edge without neighbours are the reversed front normal.
        if (px + nx) * nx + (py + ny) * ny < -ANGULAR_SLOP:
            continue
        if s > separation:
            side, separation = k, s

    if side >= 0 and separation > EDGE_RELATIVE * edge_separation + EDGE_ABSOLUTE:
        on_part = 1
        _set_clip(t, 0, x1, y1, _feature(0, side, 0, 1))
        _set_clip(t, 1, x2, y2, _feature(0, side, 0, 1))
        i1 = side
        i2 = i1 + 1 if i1 + 1 < count else 0
        rx, ry = vertices[i1, 0], vertices[i1, 1]
        qx, qy = vertices[i2, 0], vertices[i2, 1]
        nx, ny = normals[i1, 0], normals[i1, 1]
        local, normal = part.local_vertices, part.local_normals
        _set_plane(t, normal[i1, 0], normal[i1, 1], local[i1, 0], local[i1, 1])
    else:
        on_part = 0
        best, lowest = 0, BIG
        for k in range(count):
            s = nx * normals[k, 0] + ny * normals[k, 1]
            if s < lowest:
                best, lowest = k, s
        after = best + 1 if best + 1 < count else 0
        _set_clip(t, 0, vertices[best, 0], vertices[best, 1], _feature(0, best, 1, 0))
        _set_clip(t, 1, vertices[after, 0], vertices[after, 1], _feature(0, after, 1, 0))
        if front:
            i1, i2 = 0, 1
            rx, ry, qx, qy = x1, y1, x2, y2
        else:
            i1, i2 = 1, 0
            rx, ry, qx, qy = x2, y2, x1, y1
        _set_plane(t, nx, ny, rx, ry)
    sx, sy = ny, -nx
    if _clip(t, 0, sx, sy, sx * rx + sy * ry, i1) < 2:
        return 0
    if _clip(t, 2, -sx, -sy, -sx * qx - sy * qy, i2) < 2:
        return 0
    return _keep_points(part, t, rx, ry, nx, ny, on_part)


@inner
def collide_polygon(i: int, polygon: int, ground: Ground, part: Any, t: Any) -> int:
    """Manifold of a placed part and a polygon of copy i; returns the number of points."""
    ours, our_normals = part.vertices, part.normals
    theirs, their_normals = ground.vertices, ground.normals
    count, sides = part.vertex_count, ground.vertex_count[i, polygon]

    ground_side, ground_separation = 0, -BIG
    for k in range(sides):
        nx, ny = their_normals[i, polygon, k, 0], their_normals[i, polygon, k, 1]
        vx, vy = theirs[i, polygon, k, 0], theirs[i, polygon, k, 1]
        lowest = BIG
        for j in range(count):
            lowest = min(lowest, nx * (ours[j, 0] - vx) + ny * (ours[j, 1] - vy))
        if lowest > ground_separation:
            ground_side, ground_separation = k, lowest
            if lowest > TWO_RADII:
                return 0
    part_side, part_separation = 0, -BIG
    for k in range(count):
        nx, ny = our_normals[k, 0], our_normals[k, 1]
        vx, vy = ours[k, 0], ours[k, 1]
        lowest = BIG
        for j in range(sides):
            s = nx * (theirs[i, polygon, j, 0] - vx) + ny * (theirs[i, polygon, j, 1] - vy)
            lowest = min(lowest, s)
        if lowest > part_separation:
            part_side, part_separation = k, lowest
            if lowest > TWO_RADII:
                return 0

    best, lowest = 0, BIG
    if part_separation > ground_separation + POLYGON_TOLERANCE:
        on_part = 1
        i1 = part_side
        i2 = i1 + 1 if i1 + 1 < count else 0
        ax, ay = ours[i1, 0], ours[i1, 1]
        bx, by = ours[i2, 0], ours[i2, 1]
        nx, ny = our_normals[i1, 0], our_normals[i1, 1]
        for k in range(sides):
            s = nx * their_normals[i, polygon, k, 0] + ny * their_normals[i, polygon, k, 1]
            if s < lowest:
                best, lowest = k, s
        after = best + 1 if best + 1 < sides else 0
        first, second = _feature(i1, best, 1, 0), _feature(i1, after, 1, 0)
        _set_clip(t, 0, theirs[i, polygon, best, 0], theirs[i, polygon, best, 1], first)
        _set_clip(t, 1, theirs[i, polygon, after, 0], theirs[i, polygon, after, 1], second)
        local, normal = part.local_vertices, part.local_normals
        px, py = HALF * (local[i1, 0] + local[i2, 0]), HALF * (local[i1, 1] + local[i2, 1])
        _set_plane(t, normal[i1, 0], normal[i1, 1], px, py)
    else:
        on_part = 0
        i1 = ground_side
        i2 = i1 + 1 if i1 + 1 < sides else 0
        ax, ay = theirs[i, polygon, i1, 0], theirs[i, polygon, i1, 1]
        bx, by = theirs[i, polygon, i2, 0], theirs[i, polygon, i2, 1]
        nx, ny = their_normals[i, polygon, i1, 0], their_normals[i, polygon, i1, 1]
        for k in range(count):
            s = nx * our_normals[k, 0] + ny * our_normals[k, 1]
            if s < lowest:
                best, lowest = k, s
        after = best + 1 if best + 1 < count else 0
        _set_clip(t, 0, ours[best, 0], ours[best, 1], _feature(i1, best, 1, 0))
        _set_clip(t, 1, ours[after, 0], ours[after, 1], _feature(i1, after, 1, 0))
        _set_plane(t, nx, ny, HALF * (ax + bx), HALF * (ay + by))
    tx, ty = -ny, nx
    if _clip(t, 0, -tx, -ty, -(tx * ax + ty * ay) + TWO_RADII, i1) < 2:
        return 0
    if _clip(t, 2, tx, ty, tx * bx + ty * by + TWO_RADII, i2) < 2:
        return 0
    return _keep_points(part, t, ax, ay, nx, ny, on_part)
