"""Terrain on Gymnasium's grid of 200 points: plain, hardcore and DCD's parametric one.

One state machine lays all three: stretches of rough grass, in the hardcore and parametric form
separated by stumps, stairs and pits (gymnasium/envs/box2d/bipedal_walker.py and facebookresearch/dcd,
envs/bipedalwalker/walker_env.py, ``_generate_terrain``). The two differ in how obstacles are drawn,
how long a stump and a staircase occupy the grid, and in the ground line under stairs.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ..jit import inner
from ..random import integer, uniform
from .ground import (
    TERRAIN_HEIGHT,
    TERRAIN_LENGTH,
    TERRAIN_STEP,
    Ground,
    add_box,
    add_edge,
    clear_ground,
    index_ground,
)

GRASS, STUMP, STAIRS, PIT = 0, 1, 2, 3
"""What the grid point under the walker's way belongs to."""

# Layout of a course, a vector of eight numbers.
ROUGHNESS, GAP_LOW, GAP_HIGH, STUMP_LOW, STUMP_HIGH, STAIR_LOW, STAIR_HIGH, STAIR_STEPS = range(8)
COURSE_SIZE = 8

PIT_DEPTH = 4.0
STAIR_WIDTH = 4
"""Grid steps."""
MIN_GAP, MIN_OBSTACLE = 0.8, 0.2
"""A class of obstacles whose upper bound is below this does not appear (grid steps)."""
FLAT_STAIR = 0.01
"""Lower stairs have no body (grid steps)."""
MIN_STUMP = 0.01
"""Lower stumps would be degenerate polygons in single precision (grid steps)."""
MAX_EDGES = TERRAIN_LENGTH - 1
MAX_POLYGONS = 64


@inner
def _choose_obstacle(
    i: int, random_state: NDArray[np.uint64], stumps: bool, stairs: bool, pits: bool
) -> int:
    """One of the classes that appear, all equally likely."""
    count = int(stumps) + int(stairs) + int(pits)
    chosen = integer(random_state, i, 1, count + 1)
    for kind in range(1, 4):
        appears = (kind == STUMP and stumps) or (kind == STAIRS and stairs) or (kind == PIT and pits)
        if appears:
            chosen -= 1
            if chosen == 0:
                return kind
    return GRASS


@inner
def _draw_stairs(
    i: int, course: NDArray[np.float64], hardcore: bool, random_state: NDArray[np.uint64]
) -> tuple[float, int, int]:
    """Height of one stair (grid steps), up (1) or down (-1), and the number of stairs."""
    rise = 1.0
    if not hardcore:
        rise = uniform(random_state, i, course[STAIR_LOW], course[STAIR_HIGH])
    slope = 1 if uniform(random_state, i, 0.0, 1.0) > 0.5 else -1
    if hardcore:
        return rise, slope, integer(random_state, i, 3, 5)
    # The upper bound is never reached, as in DCD.
    return rise, slope, integer(random_state, i, 0, int(np.rint(course[STAIR_STEPS])))


@inner
def _add_stairs(
    i: int,
    ground: Ground,
    corners: NDArray[np.float32],
    x: float,
    y: float,
    rise: float,
    slope: int,
    steps: int,
) -> None:
    width, height = STAIR_WIDTH * TERRAIN_STEP, rise * TERRAIN_STEP
    for k in range(steps):
        top = y + k * slope * height
        add_box(i, ground, corners, x + k * width, top - height, x + (k + 1) * width, top)


@inner
def _stairs_line(done: int, rise: float, slope: int, hardcore: bool) -> float:
    """Height of the ground line along stairs over their start (m), ``done`` grid steps later."""
    if hardcore:
        return (done - slope) / STAIR_WIDTH * slope * TERRAIN_STEP
    height = (done // STAIR_WIDTH) * slope * rise
    return (height - rise if slope == -1 else height) * TERRAIN_STEP


@inner
def lay_grid(
    i: int,
    course: NDArray[np.float64],
    hardcore: bool,
    random_state: NDArray[np.uint64],
    pad_steps: int,
    corners: NDArray[np.float32],
    ground: Ground,
) -> None:
    """Write the geometry of copy i.

    Args:
        i: the copy.
        course: bounds of what is drawn, in grid steps, as laid out above; pairs are sorted.
        hardcore: draw Gymnasium's obstacles instead of the course's.
        random_state: one stream per copy; advances row i.
        pad_steps: flat start (grid steps).
        corners: work space, shape (4, 2).
        ground: written.
    """
    clear_ground(i, ground)
    step_size = TERRAIN_STEP
    stumps = hardcore or course[STUMP_HIGH] >= MIN_OBSTACLE
    stairs = hardcore or course[STAIR_HIGH] >= MIN_OBSTACLE
    pits = hardcore or course[GAP_HIGH] >= MIN_GAP
    state, first, counter = GRASS, False, pad_steps
    velocity, y, base = 0.0, TERRAIN_HEIGHT, TERRAIN_HEIGHT
    rise, slope, steps, shift = 0.0, 1, 0, 0.0
    last_x, last_y = 0.0, y
    for step in range(TERRAIN_LENGTH):
        x = step * step_size
        point_x = x
        if state == GRASS:
            if not first:
                velocity = 0.8 * velocity + 0.01 * np.sign(TERRAIN_HEIGHT - y)
                if step > pad_steps:
                    velocity += uniform(random_state, i, -1.0, 1.0) / 30.0
                y += course[ROUGHNESS] * velocity
        elif state == PIT:
            if first:
                if hardcore:
                    gap = float(integer(random_state, i, 3, 5))
                else:
                    gap = 1.0 + uniform(random_state, i, course[GAP_LOW], course[GAP_HIGH])
                spanned = math.ceil(gap)
                counter, shift = spanned + 2, spanned - gap
                base = y
                floor = y - PIT_DEPTH * step_size
                far = x + gap * step_size
                add_box(i, ground, corners, x, floor, x + step_size, y)
                add_box(i, ground, corners, far, floor, far + step_size, y)
            elif counter > 1:
                y = base - PIT_DEPTH * step_size
            else:
                y = base
                point_x = x - shift * step_size
        elif state == STUMP and first:
            if hardcore:
                # As wide as high, and the grid goes on right after it.
                counter = integer(random_state, i, 1, 3)
                size = counter * step_size
                add_box(i, ground, corners, x, y, x + size, y + size)
            else:
                height = uniform(random_state, i, course[STUMP_LOW], course[STUMP_HIGH])
                top = y + max(MIN_STUMP, height) * step_size
                add_box(i, ground, corners, x, y, x + step_size, top)
        elif state == STAIRS and first:
            base = y
            rise, slope, steps = _draw_stairs(i, course, hardcore, random_state)
            if rise > FLAT_STAIR:
                _add_stairs(i, ground, corners, x, y, rise, slope, steps)
                counter = steps * STAIR_WIDTH + (0 if hardcore else 1)
        elif state == STAIRS:
            y = base + _stairs_line(steps * STAIR_WIDTH - counter, rise, slope, hardcore)
        if step > 0:
            add_edge(i, ground, last_x, last_y, point_x, y)
        last_x, last_y = point_x, y
        first = False
        counter -= 1
        if counter == 0:
            counter = integer(random_state, i, 5, 10)
            if state == GRASS and (stumps or stairs or pits):
                state = _choose_obstacle(i, random_state, stumps, stairs, pits)
            else:
                state = GRASS
            first = True
    index_ground(i, ground)
