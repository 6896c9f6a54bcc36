"""Stop parts at their times of impact: b2World::SolveTOI of Box2D 2.3, without sub-stepping.

A part that would run into the ground within the step is moved to its time of impact, pushed out,
stopped there, and moves on for the rest of the step. Its joints wait for the next step.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..jit import inlined, inner
from .collide import BIG, SLOP, TWO_RADII, place_part, rotate_part
from .contact_solver import (
    TOI_BAUMGARTE,
    add_contact,
    prepare_contact,
    solve_contact_positions,
    solve_contact_velocities,
)
from .contacts import collide, near_part
from .ground import Ground
from .integrate import TIME_STEP, integrate
from .model import State, Work
from .time_of_impact import TARGET, TOLERANCE, time_of_impact

F = np.float32
ZERO, ONE = F(0), F(1)
LAST_TIME = ONE - F(10) * F(1.1920929e-07)
SUB_STEPS = 8
IMPACT_ITERATIONS = 180
"""Box2D's velocity iterations; the contacts of one part reach their fixed point much earlier."""
POSITION_ITERATIONS = 20
POSITION_DONE = F(-1.5) * SLOP
TOUCH_DISTANCE = TARGET + TOLERANCE


@inner
def _misses(i: int, key: int, part: Any, slack: float, ground: Ground, t: Any) -> bool:
    """Whether a cheap bound proves that the swept part stays clear of a ground shape.

    A face whose half plane holds all vertices at both ends of the sweep, ``slack`` (the sagitta of
    the vertices' arcs) included, separates them all the way.
    """
    start, end, count = part.vertices, t.moved, part.vertex_count
    clearance = TOUCH_DISTANCE + slack
    if key >= 0:
        x1, y1 = ground.edges[i, key, 0], ground.edges[i, key, 1]
        x2, y2 = ground.edges[i, key, 2], ground.edges[i, key, 3]
        nx, ny = y1 - y2, x2 - x1
        length = math.sqrt(nx * nx + ny * ny)
        if length < F(1e-6):
            return True
        if nx * (part.sweep[0] - x1) + ny * (part.sweep[1] - y1) < ZERO:
            length = -length
        nx, ny = nx / length, ny / length
        lowest = BIG
        for k in range(count):
            lowest = min(lowest, nx * (start[k, 0] - x1) + ny * (start[k, 1] - y1))
            lowest = min(lowest, nx * (end[k, 0] - x1) + ny * (end[k, 1] - y1))
        return lowest > clearance
    p = -1 - key
    for side in range(ground.vertex_count[i, p]):
        nx, ny = ground.normals[i, p, side, 0], ground.normals[i, p, side, 1]
        vx, vy = ground.vertices[i, p, side, 0], ground.vertices[i, p, side, 1]
        lowest = BIG
        for k in range(count):
            lowest = min(lowest, nx * (start[k, 0] - vx) + ny * (start[k, 1] - vy))
            lowest = min(lowest, nx * (end[k, 0] - vx) + ny * (end[k, 1] - vy))
        if lowest > clearance:
            return True
    return False


@inner
def _list_impacts(i: int, k: int, count: int, work: Work, ground: Ground) -> int:
    """Append the ground shapes that the swept part k may run into; returns the new count.

    The part is placed where its sweep starts; its sine and cosine are those of the end.
    """
    part, t, impacts = work.parts[k], work.temporary[0], work.impacts
    sweep, x = part.sweep, part.x
    dx, dy, turn = x[0] - sweep[0], x[1] - sweep[1], x[2] - sweep[2]
    reach = TOUCH_DISTANCE + math.sqrt(dx * dx + dy * dy) + abs(turn) * part.radius
    near = near_part(i, part, reach, ground, t)
    if near == 0:
        return count
    slack = part.radius * turn * turn * F(0.125)
    s, c = part.sine, part.cosine
    left, low, right, high = part.box[0], part.box[1], part.box[2], part.box[3]
    for n in range(part.vertex_count):
        vx, vy = part.local_vertices[n, 0], part.local_vertices[n, 1]
        px, py = c * vx - s * vy + x[0], s * vx + c * vy + x[1]
        t.moved[n, 0] = px
        t.moved[n, 1] = py
        left, right = min(left, px), max(right, px)
        low, high = min(low, py), max(high, py)
    margin = TOUCH_DISTANCE + slack
    for n in range(near):
        key = t.near[n]
        if key >= 0:
            y1, y2 = ground.edges[i, key, 1], ground.edges[i, key, 3]
            if (
                ground.edges[i, key, 2] < left - margin
                or ground.edges[i, key, 0] > right + margin
                or max(y1, y2) < low - margin
                or min(y1, y2) > high + margin
            ):
                continue
        known = False
        for m in range(count):
            known = known or (impacts[m].part == k and impacts[m].key == key)
        if known or count == impacts.shape[0]:
            continue
        if not _misses(i, key, part, slack, ground, t):
            impact = impacts[count]
            impact.part, impact.key, impact.tries, impact.known = k, key, 0, 0
            count += 1
    return count


@inner
def _impact_time(i: int, key: int, part: Any, ground: Ground, t: Any) -> float:
    """Time of impact of a part and a ground shape as a fraction of the step; 1 if there is none."""
    if key >= 0:
        count = 2
        for k in range(2):
            t.shape[k, 0] = ground.edges[i, key, 2 * k]
            t.shape[k, 1] = ground.edges[i, key, 2 * k + 1]
    else:
        count = ground.vertex_count[i, -1 - key]
        for k in range(count):
            t.shape[k, 0] = ground.vertices[i, -1 - key, k, 0]
            t.shape[k, 1] = ground.vertices[i, -1 - key, k, 1]
    touching, fraction = time_of_impact(count, part, t)
    if not touching:
        return ONE
    return min(part.sweep[3] + (ONE - part.sweep[3]) * fraction, ONE)


@inner
def _touch_now(i: int, key: int, k: int, points: int, work: Work, state: State) -> bool:
    """Write the contact of part k as it is at a time of impact; the manifold is the last one.

    Returns whether a critical part began or, without points, just ends a contact that was there.
    """
    t, r = work.temporary[0], 0
    count = state.touch_count[i]
    while r < count and (state.touches[i, r].part != k or state.touches[i, r].key != key):
        r += 1
    touched = r < count and state.touches[i, r].count > 0
    if points == 0:
        if touched:
            state.touches[i, r].count = 0
            state.contact_flag[i, k] = 0
        return False
    critical = False
    if not touched:
        state.contact_flag[i, k] = 1
        critical = work.parts[k].critical == 1
        if r == count:
            if r == state.touches.shape[1]:
                return critical
            state.touch_count[i] = r + 1
    touch = state.touches[i, r]
    known = touch.count if touched else 0
    f1, f2 = touch.features[0], touch.features[1]
    n1, t1, n2, t2 = touch.impulse[0], touch.impulse[1], touch.impulse[2], touch.impulse[3]
    touch.part, touch.key, touch.count = k, key, points
    for p in range(points):
        feature = t.features[p]
        touch.features[p] = feature
        normal = tangent = ZERO
        if known > 0 and f1 == feature:
            normal, tangent = n1, t1
        elif known > 1 and f2 == feature:
            normal, tangent = n2, t2
        touch.impulse[2 * p] = normal
        touch.impulse[2 * p + 1] = tangent
    return critical


@inner
def _contacts_at_impact(
    i: int, k: int, first_key: int, work: Work, state: State, ground: Ground
) -> tuple[int, bool]:
    """Constraints of part k at its placed pose, the given shape first.

    Returns their number, 0 if the given shape does not touch after all, and whether a critical part
    began to touch.
    """
    part, t = work.parts[k], work.temporary[0]
    points = collide(i, first_key, part, ground, t)
    if points == 0:
        return 0, False
    critical = _touch_now(i, first_key, k, points, work, state)
    add_contact(work.contacts[0], k, part.friction, t)
    contacts = 1
    near = near_part(i, part, TWO_RADII, ground, t)
    for n in range(near):
        key = t.near[n]
        if key == first_key:
            continue
        points = collide(i, key, part, ground, t)
        critical = _touch_now(i, key, k, points, work, state) or critical
        if points > 0 and contacts < work.contacts.shape[0]:
            add_contact(work.contacts[contacts], k, part.friction, t)
            contacts += 1
    return contacts, critical


@inlined
def solve_impacts(i: int, work: Work, state: State, ground: Ground) -> bool:
    """Stop parts at their times of impact; returns whether a critical part began to touch."""
    parts, impacts = work.parts, work.impacts
    count = 0
    for k in range(parts.shape[0]):
        count = _list_impacts(i, k, count, work, ground)
    critical = False
    while count > 0:
        first, earliest = -1, ONE
        for n in range(count):
            impact = impacts[n]
            if impact.tries > SUB_STEPS:
                continue
            if impact.known == 0:
                part = parts[impact.part]
                impact.time = _impact_time(i, impact.key, part, ground, work.temporary[0])
                impact.known = 1
            if impact.time < earliest:
                first, earliest = n, impact.time
        if first < 0 or earliest > LAST_TIME:
            break
        impact = impacts[first]
        k = impact.part
        part = parts[k]
        impact.tries += 1
        impact.known = 0

        # Move the part to the impact.
        ex, ey, ea = part.x[0], part.x[1], part.x[2]
        share = (earliest - part.sweep[3]) / (ONE - part.sweep[3])
        for m in range(3):
            part.x[m] = part.sweep[m] + share * (part.x[m] - part.sweep[m])
        rotate_part(part)
        place_part(part)
        contacts, began = _contacts_at_impact(i, k, impact.key, work, state, ground)
        critical = critical or began
        if contacts == 0:
            impact.tries = SUB_STEPS + 1
            part.x[0], part.x[1], part.x[2] = ex, ey, ea
            rotate_part(part)
            continue

        # Push out, then stop the approach; joints wait for the next step.
        for _ in range(POSITION_ITERATIONS):
            smallest = solve_contact_positions(contacts, TOI_BAUMGARTE, work.contacts, parts)
            if smallest >= POSITION_DONE:
                break
        for m in range(3):
            part.sweep[m] = part.x[m]
        part.sweep[3] = earliest
        place_part(part)
        for n in range(contacts):
            prepare_contact(work.contacts[n], part)
        for _ in range(IMPACT_ITERATIONS):
            if solve_contact_velocities(contacts, work.contacts, parts) == ZERO:
                break
        integrate(part, (ONE - earliest) * TIME_STEP)
        for n in range(count):
            if impacts[n].part == k:
                impacts[n].known = 0
        count = _list_impacts(i, k, count, work, ground)
    return critical
