"""Stump Tracks: a flat track with stumps of about one height at one spacing.

teachDeepRL's 2-D family (gym_flowers/envs/bipedal_walker_continuous.py, ``_generate_terrain`` with
``stump_height`` and ``obstacle_spacing``; Portelas et al., 2019), which TeachMyAgent's Stump Tracks
share.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ..jit import inner, kernel
from ..random import normal
from ..tasks import Parameter, TaskSpace
from .ground import (
    START_PAD_STEPS,
    TERRAIN_HEIGHT,
    TERRAIN_LENGTH,
    TERRAIN_STEP,
    Ground,
    add_box,
    add_edge,
    clear_ground,
    index_ground,
)

TASK_SPACE = TaskSpace(
    (
        Parameter(
            "stump_height",
            0.0,
            3.0,
            0.0,
            "0.467 m",
            "mean height of a stump; each is normal with deviation 0.1 and at least 0.05",
        ),
        Parameter(
            "obstacle_spacing",
            0.0,
            6.0,
            6.0,
            "m",
            "flat ground between two stumps, which are 0.467 m wide; at least 0.01",
        ),
    )
)

HEIGHT_DEVIATION = 0.1
MIN_HEIGHT = 0.05
MIN_SPACING = 0.01
TRACK_END = TERRAIN_LENGTH * TERRAIN_STEP
"""Where no further obstacle starts (m)."""
_OBSTACLE_TRACK = (TERRAIN_LENGTH - START_PAD_STEPS) * TERRAIN_STEP
MAX_POLYGONS = math.ceil(_OBSTACLE_TRACK / (TERRAIN_STEP + MIN_SPACING)) + 1
MAX_EDGES = 2 * MAX_POLYGONS + 2


@inner
def _lay_track(
    i: int,
    task: NDArray[np.float64],
    random_state: NDArray[np.uint64],
    pad_steps: int,
    corners: NDArray[np.float32],
    ground: Ground,
    legacy: bool,
) -> None:
    clear_ground(i, ground)
    x, y = pad_steps * TERRAIN_STEP, TERRAIN_HEIGHT
    spacing = max(MIN_SPACING, task[1])
    add_edge(i, ground, 0.0, y, x, y)
    if legacy:
        add_edge(i, ground, x, y, x, y)
    while True:
        height = max(MIN_HEIGHT, normal(random_state, i, task[0], HEIGHT_DEVIATION))
        add_box(i, ground, corners, x, y, x + TERRAIN_STEP, y + height * TERRAIN_STEP)
        if x + TERRAIN_STEP >= TRACK_END:
            break
        add_edge(i, ground, x, y, x + TERRAIN_STEP, y)
        x += TERRAIN_STEP
        if x + spacing >= TRACK_END:
            break
        add_edge(i, ground, x, y, x + spacing, y)
        x += spacing
    if not legacy:
        add_edge(i, ground, x, y, TRACK_END, y)
    index_ground(i, ground)


@kernel
def generate(
    copies: NDArray[np.int64],
    tasks: NDArray[np.float64],
    random_state: NDArray[np.uint64],
    pad_steps: int,
    ground: Ground,
) -> None:
    """Write stump tracks; see :class:`~.terrain.Terrain`. The ground ends with the track."""
    corners = np.empty((4, 2), np.float32)
    for i in copies:
        _lay_track(i, tasks[i], random_state, pad_steps, corners, ground, False)


@kernel
def generate_legacy(
    copies: NDArray[np.int64],
    tasks: NDArray[np.float64],
    random_state: NDArray[np.uint64],
    pad_steps: int,
    ground: Ground,
) -> None:
    """Write stump tracks with the original's two quirks.

    An edge of length zero follows the start pad, and the ground ends at the last obstacle's side,
    with wide spacings before the finish line: the walker then finishes in the air.
    """
    corners = np.empty((4, 2), np.float32)
    for i in copies:
        _lay_track(i, tasks[i], random_state, pad_steps, corners, ground, True)
