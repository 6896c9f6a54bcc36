"""When a moving part first comes near a ground shape, as Box2D 2.3 finds it.

Distance by Gilbert, Johnson and Keerthi (b2Distance.cpp), time by conservative advancement with
bracketed root finding (b2TimeOfImpact.cpp). The ground shape stands in ``temporary.shape``;
the part sweeps from ``part.sweep`` to ``part.x``.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..jit import inner
from .collide import SLOP, TWO_RADII, sine_cosine

F = np.float32
ZERO, ONE, HALF, TWO = F(0), F(1), F(0.5), F(2)
EPSILON = F(1.1920929e-07)
TARGET = max(SLOP, TWO_RADII - F(3) * SLOP)
"""Distance of the bare shapes at the time of impact (m)."""
TOLERANCE = F(0.25) * SLOP


@inner
def _pose(part: Any, time: float) -> tuple[float, float, float, float]:
    """Position, sine and cosine of the part at a time (0 to 1) of its sweep."""
    sweep, x = part.sweep, part.x
    rest = ONE - time
    angle = rest * sweep[2] + time * x[2]
    px = rest * sweep[0] + time * x[0]
    py = rest * sweep[1] + time * x[1]
    s, c = sine_cosine(angle)
    return px, py, s, c


@inner
def _length(x: float, y: float) -> float:
    return math.sqrt(x * x + y * y)


@inner
def _support_ground(count: int, t: Any, dx: float, dy: float) -> int:
    best, highest = 0, t.shape[0, 0] * dx + t.shape[0, 1] * dy
    for k in range(1, count):
        value = t.shape[k, 0] * dx + t.shape[k, 1] * dy
        if value > highest:
            best, highest = k, value
    return best


@inner
def _support_part(part: Any, dx: float, dy: float) -> int:
    best, highest = 0, part.local_vertices[0, 0] * dx + part.local_vertices[0, 1] * dy
    for k in range(1, part.vertex_count):
        value = part.local_vertices[k, 0] * dx + part.local_vertices[k, 1] * dy
        if value > highest:
            best, highest = k, value
    return best


@inner
def _vertex(
    row: int,
    index_a: int,
    index_b: int,
    part: Any,
    t: Any,
    pose: tuple[float, float, float, float],
) -> None:
    x, y, s, c = pose
    simplex = t.simplex
    vx, vy = part.local_vertices[index_b, 0], part.local_vertices[index_b, 1]
    simplex[row, 0], simplex[row, 1] = t.shape[index_a, 0], t.shape[index_a, 1]
    simplex[row, 2], simplex[row, 3] = c * vx - s * vy + x, s * vx + c * vy + y
    simplex[row, 4] = simplex[row, 2] - simplex[row, 0]
    simplex[row, 5] = simplex[row, 3] - simplex[row, 1]
    t.simplex_index[2 * row] = index_a
    t.simplex_index[2 * row + 1] = index_b


@inner
def _copy_vertex(source: int, target: int, t: Any) -> None:
    for k in range(8):
        t.simplex[target, k] = t.simplex[source, k]
    t.simplex_index[2 * target] = t.simplex_index[2 * source]
    t.simplex_index[2 * target + 1] = t.simplex_index[2 * source + 1]


@inner
def _reduce(count: int, t: Any) -> int:
    """Keep the part of the simplex nearest to the origin, with its weights (column 6)."""
    w = t.simplex
    if count == 1:
        w[0, 6] = ONE
        return 1
    x1, y1, x2, y2 = w[0, 4], w[0, 5], w[1, 4], w[1, 5]
    ex, ey = x2 - x1, y2 - y1
    d12_1, d12_2 = x2 * ex + y2 * ey, -(x1 * ex + y1 * ey)
    if count == 2:
        if d12_2 <= ZERO:
            w[0, 6] = ONE
            return 1
        if d12_1 <= ZERO:
            _copy_vertex(1, 0, t)
            w[0, 6] = ONE
            return 1
        inverse = ONE / (d12_1 + d12_2)
        w[0, 6], w[1, 6] = d12_1 * inverse, d12_2 * inverse
        return 2
    x3, y3 = w[2, 4], w[2, 5]
    fx, fy = x3 - x1, y3 - y1
    d13_1, d13_2 = x3 * fx + y3 * fy, -(x1 * fx + y1 * fy)
    gx, gy = x3 - x2, y3 - y2
    d23_1, d23_2 = x3 * gx + y3 * gy, -(x2 * gx + y2 * gy)
    n = ex * fy - ey * fx
    d123_1, d123_2 = n * (x2 * y3 - y2 * x3), n * (x3 * y1 - y3 * x1)
    d123_3 = n * (x1 * y2 - y1 * x2)
    if d12_2 <= ZERO and d13_2 <= ZERO:
        w[0, 6] = ONE
        return 1
    if d12_1 > ZERO and d12_2 > ZERO and d123_3 <= ZERO:
        inverse = ONE / (d12_1 + d12_2)
        w[0, 6], w[1, 6] = d12_1 * inverse, d12_2 * inverse
        return 2
    if d13_1 > ZERO and d13_2 > ZERO and d123_2 <= ZERO:
        inverse = ONE / (d13_1 + d13_2)
        _copy_vertex(2, 1, t)
        w[0, 6], w[1, 6] = d13_1 * inverse, d13_2 * inverse
        return 2
    if d12_1 <= ZERO and d23_2 <= ZERO:
        _copy_vertex(1, 0, t)
        w[0, 6] = ONE
        return 1
    if d13_1 <= ZERO and d23_1 <= ZERO:
        _copy_vertex(2, 0, t)
        w[0, 6] = ONE
        return 1
    if d23_1 > ZERO and d23_2 > ZERO and d123_1 <= ZERO:
        inverse = ONE / (d23_1 + d23_2)
        _copy_vertex(2, 0, t)
        w[0, 6], w[1, 6] = d23_2 * inverse, d23_1 * inverse
        return 2
    inverse = ONE / (d123_1 + d123_2 + d123_3)
    w[0, 6], w[1, 6], w[2, 6] = d123_1 * inverse, d123_2 * inverse, d123_3 * inverse
    return 3


@inner
def _distance(
    shape_count: int,
    part: Any,
    t: Any,
    pose: tuple[float, float, float, float],
) -> float:
    """Distance of the bare shapes (m); starts from the simplex left by the last call."""
    w, index = t.simplex, t.simplex_index
    s, c = pose[2], pose[3]
    count = index[7]
    if count > 1:
        for row in range(count):
            _vertex(row, index[2 * row], index[2 * row + 1], part, t, pose)
        if count == 2:
            metric = _length(w[0, 4] - w[1, 4], w[0, 5] - w[1, 5])
        else:
            metric = (w[1, 4] - w[0, 4]) * (w[2, 5] - w[0, 5]) - (w[1, 5] - w[0, 5]) * (
                w[2, 4] - w[0, 4]
            )
        if metric < HALF * w[0, 7] or TWO * w[0, 7] < metric or metric < EPSILON:
            count = 0
    elif count == 1:
        _vertex(0, index[0], index[1], part, t, pose)
    if count == 0:
        _vertex(0, 0, 0, part, t, pose)
        count = 1
    for _ in range(20):
        saved_count = count
        a0, b0, a1, b1, a2, b2 = index[0], index[1], index[2], index[3], index[4], index[5]
        count = _reduce(count, t)
        if count == 3:
            break
        if count == 1:
            dx, dy = -w[0, 4], -w[0, 5]
        else:
            ex, ey = w[1, 4] - w[0, 4], w[1, 5] - w[0, 5]
            if ex * -w[0, 5] - ey * -w[0, 4] > ZERO:
                dx, dy = -ey, ex
            else:
                dx, dy = ey, -ex
        if dx * dx + dy * dy < EPSILON * EPSILON:
            break
        index_a = _support_ground(shape_count, t, -dx, -dy)
        index_b = _support_part(part, c * dx + s * dy, -s * dx + c * dy)
        duplicate = index_a == a0 and index_b == b0
        duplicate = duplicate or (saved_count > 1 and index_a == a1 and index_b == b1)
        duplicate = duplicate or (saved_count > 2 and index_a == a2 and index_b == b2)
        _vertex(count, index_a, index_b, part, t, pose)
        if duplicate:
            break
        count += 1
    index[7] = count
    if count == 1:
        w[0, 7] = ZERO
        return math.sqrt(w[0, 4] * w[0, 4] + w[0, 5] * w[0, 5])
    if count == 2:
        w[0, 7] = _length(w[0, 4] - w[1, 4], w[0, 5] - w[1, 5])
        px = w[0, 6] * w[0, 4] + w[1, 6] * w[1, 4]
        py = w[0, 6] * w[0, 5] + w[1, 6] * w[1, 5]
        return math.sqrt(px * px + py * py)
    w[0, 7] = (w[1, 4] - w[0, 4]) * (w[2, 5] - w[0, 5]) - (w[1, 5] - w[0, 5]) * (w[2, 4] - w[0, 4])
    return ZERO


@inner
def time_of_impact(shape_count: int, part: Any, t: Any) -> tuple[bool, float]:
    """Whether the part touches the shape within its sweep, and at which fraction of it (0 to 1)."""
    index, shape, local = t.simplex_index, t.shape, part.local_vertices
    index[7] = 0
    t1 = ZERO
    for _ in range(20):
        pose = _pose(part, t1)
        distance = _distance(shape_count, part, t, pose)
        if distance <= ZERO:
            return False, ZERO
        if distance < TARGET + TOLERANCE:
            return True, t1

        # The separating axis: 0 between points, 1 a face of the ground, 2 a face of the part.
        x, y, s, c = pose
        mx = my = ZERO
        if index[7] == 1:
            kind = 0
            w = t.simplex
            ax, ay = w[0, 4] / distance, w[0, 5] / distance
        elif index[0] == index[2]:
            kind = 2
            b1x, b1y = local[index[1], 0], local[index[1], 1]
            b2x, b2y = local[index[3], 0], local[index[3], 1]
            ax, ay = b2y - b1y, -(b2x - b1x)
            length = math.sqrt(ax * ax + ay * ay)
            ax, ay = ax / length, ay / length
            mx, my = HALF * (b1x + b2x), HALF * (b1y + b2y)
            nx, ny = c * ax - s * ay, s * ax + c * ay
            qx, qy = c * mx - s * my + x, s * mx + c * my + y
            if (shape[index[0], 0] - qx) * nx + (shape[index[0], 1] - qy) * ny < ZERO:
                ax, ay = -ax, -ay
        else:
            kind = 1
            a1x, a1y = shape[index[0], 0], shape[index[0], 1]
            a2x, a2y = shape[index[2], 0], shape[index[2], 1]
            ax, ay = a2y - a1y, -(a2x - a1x)
            length = math.sqrt(ax * ax + ay * ay)
            ax, ay = ax / length, ay / length
            mx, my = HALF * (a1x + a2x), HALF * (a1y + a2y)
            vx, vy = local[index[1], 0], local[index[1], 1]
            qx, qy = c * vx - s * vy + x, s * vx + c * vy + y
            if (qx - mx) * ax + (qy - my) * ay < ZERO:
                ax, ay = -ax, -ay

        t2 = ONE
        for _push in range(16):
            index_a, index_b, s2 = _deepest(kind, ax, ay, mx, my, shape_count, part, t, t2)
            if s2 > TARGET + TOLERANCE:
                return False, ONE
            if s2 > TARGET - TOLERANCE:
                t1 = t2
                break
            s1 = _separation(kind, ax, ay, mx, my, index_a, index_b, part, t, t1)
            if s1 < TARGET - TOLERANCE:
                return False, t1
            if s1 <= TARGET + TOLERANCE:
                return True, t1
            low, high = t1, t2
            for root in range(50):
                if root & 1:
                    guess = low + (TARGET - s1) * (high - low) / (s2 - s1)
                else:
                    guess = HALF * (low + high)
                middle = _separation(kind, ax, ay, mx, my, index_a, index_b, part, t, guess)
                if abs(middle - TARGET) < TOLERANCE:
                    t2 = guess
                    break
                if middle > TARGET:
                    low, s1 = guess, middle
                else:
                    high, s2 = guess, middle
    return False, t1


@inner
def _separation(
    kind: int,
    ax: float,
    ay: float,
    mx: float,
    my: float,
    index_a: int,
    index_b: int,
    part: Any,
    t: Any,
    time: float,
) -> float:
    """Separation along the axis of the given vertices at a time (m)."""
    x, y, s, c = _pose(part, time)
    if kind == 2:
        nx, ny = c * ax - s * ay, s * ax + c * ay
        qx, qy = c * mx - s * my + x, s * mx + c * my + y
        return (t.shape[index_a, 0] - qx) * nx + (t.shape[index_a, 1] - qy) * ny
    vx, vy = part.local_vertices[index_b, 0], part.local_vertices[index_b, 1]
    qx, qy = c * vx - s * vy + x, s * vx + c * vy + y
    if kind == 1:
        return (qx - mx) * ax + (qy - my) * ay
    return (qx - t.shape[index_a, 0]) * ax + (qy - t.shape[index_a, 1]) * ay


@inner
def _deepest(
    kind: int,
    ax: float,
    ay: float,
    mx: float,
    my: float,
    shape_count: int,
    part: Any,
    t: Any,
    time: float,
) -> tuple[int, int, float]:
    """The vertices with the smallest separation along the axis at a time, and that separation."""
    s, c = _pose(part, time)[2:]
    index_a = index_b = 0
    if kind == 2:
        nx, ny = c * ax - s * ay, s * ax + c * ay
        index_a = _support_ground(shape_count, t, -nx, -ny)
    else:
        index_b = _support_part(part, -(c * ax + s * ay), -(-s * ax + c * ay))
        if kind == 0:
            index_a = _support_ground(shape_count, t, ax, ay)
    return (
        index_a,
        index_b,
        _separation(kind, ax, ay, mx, my, index_a, index_b, part, t, time),
    )
