"""Which ground shapes a walker's parts are near, and the contacts of a step's start."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..jit import inner
from .collide import TWO_RADII, collide_edge, collide_polygon, place_part
from .contact_solver import add_contact, prepare_contact
from .ground import Ground, cell_of
from .model import State, Work

F = np.float32
ZERO = F(0)


@inner
def find_near(
    i: int, ground: Ground, left: float, right: float, low: float, high: float, t: Any
) -> int:
    """List the ground shapes whose boxes meet the given one, newest first; returns how many."""
    near = t.near
    room = near.shape[0]
    count = 0
    cell = cell_of(left)
    start = stop = ground.first_polygon[i, cell]
    while stop < ground.polygon_count[i] and ground.bounds[i, stop, 0] <= right:
        stop += 1
    for p in range(stop - 1, start - 1, -1):
        if (
            ground.bounds[i, p, 2] >= left
            and ground.bounds[i, p, 1] <= high
            and ground.bounds[i, p, 3] >= low
            and count < room
        ):
            near[count] = -1 - p
            count += 1
    start = stop = ground.first_edge[i, cell]
    while stop < ground.edge_count[i] and ground.edges[i, stop, 0] <= right:
        stop += 1
    for e in range(stop - 1, start - 1, -1):
        y1, y2 = ground.edges[i, e, 1], ground.edges[i, e, 3]
        if (
            ground.edges[i, e, 2] >= left
            and min(y1, y2) <= high
            and max(y1, y2) >= low
            and count < room
        ):
            near[count] = e
            count += 1
    return count


@inner
def near_part(i: int, part: Any, margin: float, ground: Ground, t: Any) -> int:
    """List the ground shapes near a placed part; returns how many."""
    box = part.box
    return find_near(i, ground, box[0] - margin, box[2] + margin, box[1] - margin, box[3] + margin, t)


@inner
def collide(i: int, key: int, part: Any, ground: Ground, t: Any) -> int:
    """Manifold of a placed part and a ground shape; returns the number of points."""
    if key >= 0:
        e = ground.edges
        return collide_edge(part, t, e[i, key, 0], e[i, key, 1], e[i, key, 2], e[i, key, 3])
    return collide_polygon(i, -1 - key, ground, part, t)


@inner
def find_contacts(i: int, work: Work, state: State, ground: Ground) -> tuple[int, bool]:
    """Contacts at the current poses as constraints, with last step's impulses.

    Begin and end events set and clear the parts' contact flags. Returns the number of contacts and
    whether a critical part began to touch.
    """
    t, before = work.temporary[0], work.before
    old_count = state.touch_count[i]
    for r in range(old_count):
        before[r] = state.touches[i, r]
    room = work.contacts.shape[0]
    count = 0
    critical = False
    for order in range(work.parts.shape[0]):
        k = work.parts[order].contact_order
        part = work.parts[k]
        place_part(part)
        near = near_part(i, part, TWO_RADII, ground, t)
        for n in range(near):
            key = t.near[n]
            points = collide(i, key, part, ground, t)
            old = -1
            for r in range(old_count):
                if before[r].part == k and before[r].key == key:
                    old = r
                    break
            touched = old >= 0 and before[old].count > 0
            if points == 0:
                if touched:
                    state.contact_flag[i, k] = 0
                    before[old].count = 0
                continue
            if not touched:
                state.contact_flag[i, k] = 1
                critical = critical or part.critical == 1
            if count == room:
                continue
            c, touch = work.contacts[count], state.touches[i, count]
            add_contact(c, k, part.friction, t)
            prepare_contact(c, part)
            touch.part, touch.key, touch.count = k, key, points
            for p in range(points):
                touch.features[p] = t.features[p]
                if touched:
                    for m in range(before[old].count):
                        if before[old].features[m] == t.features[p]:
                            c.normal_impulse[p] = before[old].impulse[2 * m]
                            c.tangent_impulse[p] = before[old].impulse[2 * m + 1]
            if touched:
                before[old].count = 0  # seen
            count += 1
    for r in range(old_count):
        if before[r].count > 0:
            state.contact_flag[i, before[r].part] = 0
    state.touch_count[i] = count
    return count, critical
