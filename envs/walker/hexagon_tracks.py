"""Hexagon Tracks: a flat track with one obstacle of six freely placed corners every 9 m.

teachDeepRL's 12-D family (gym_flowers/envs/bipedal_walker_continuous.py, ``_generate_terrain`` with
``poly_shape``; Portelas et al., 2019).
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
    TERRAIN_STEP,
    Ground,
    add_edge,
    add_polygon,
    clear_ground,
    index_ground,
)
from .stump_tracks import TRACK_END

BASE_X = (-0.5, -0.5, -0.25, 0.25, 0.5, 0.5)
BASE_Y = (0.0, 0.25, 0.5, 0.5, 0.25, 0.0)
"""Corners of the undisplaced obstacle (grid steps)."""
CORNER_DEVIATION = 0.1
OBSTACLE_LENGTH = 1.0
"""Piece of ground that belongs to an obstacle (m)."""
SPACING = 8.0
"""Ground between two such pieces (m)."""
_OBSTACLE_TRACK = TRACK_END - START_PAD_STEPS * TERRAIN_STEP
MAX_POLYGONS = math.ceil(_OBSTACLE_TRACK / (OBSTACLE_LENGTH + SPACING)) + 1
MAX_EDGES = 2 * MAX_POLYGONS + 2


def _parameters() -> tuple[Parameter, ...]:
    parameters = []
    for corner in range(6):
        for axis in ("x", "y"):
            what = f"mean shift of corner {corner} along {axis}; each is normal with deviation 0.1"
            if axis == "y" and corner in (0, 5):
                what = f"without effect: corner {corner} stays on the ground"
            parameters.append(Parameter(f"corner_{corner}_{axis}", 0.0, 4.0, 0.0, "0.467 m", what))
    return tuple(parameters)


TASK_SPACE = TaskSpace(_parameters())


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
    add_edge(i, ground, 0.0, y, x, y)
    if legacy:
        add_edge(i, ground, x, y, x, y)
    while True:
        for corner in range(6):
            dx = normal(random_state, i, task[2 * corner], CORNER_DEVIATION)
            dy = normal(random_state, i, task[2 * corner + 1], CORNER_DEVIATION)
            if corner in (0, 5):
                dy = 0.0
            corners[corner, 0] = x + (BASE_X[corner] + dx) * TERRAIN_STEP
            corners[corner, 1] = y + (BASE_Y[corner] + dy) * TERRAIN_STEP
        add_polygon(i, ground, corners, 6)
        if x + OBSTACLE_LENGTH >= TRACK_END:
            break
        add_edge(i, ground, x, y, x + OBSTACLE_LENGTH, y)
        x += OBSTACLE_LENGTH
        if x + SPACING >= TRACK_END:
            break
        add_edge(i, ground, x, y, x + SPACING, y)
        x += SPACING
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
    """Write hexagon tracks; see :class:`~.terrain.Terrain`. The ground ends with the track."""
    corners = np.empty((6, 2), np.float32)
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
    """Write hexagon tracks with the original's two quirks.

    An edge of length zero follows the start pad, and the ground ends 2 m before the track does.
    """
    corners = np.empty((6, 2), np.float32)
    for i in copies:
        _lay_track(i, tasks[i], random_state, pad_steps, corners, ground, True)
