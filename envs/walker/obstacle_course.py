"""The obstacle course: DCD's 8-D family of rough ground, pits, stumps and stairs.

facebookresearch/dcd, envs/bipedalwalker/adversarial.py (ranges, thresholds) and walker_env.py, after
POET (Wang et al., 2019). Both ends of a pair are free and are sorted when the track is laid. A class
of obstacles whose upper end is below 0.8 (pits) or 0.2 (stumps, stairs) does not appear.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..jit import kernel
from ..tasks import Parameter, TaskSpace
from .grid_terrain import (
    COURSE_SIZE,
    GAP_LOW,
    ROUGHNESS,
    STAIR_LOW,
    STAIR_STEPS,
    STUMP_LOW,
    lay_grid,
)
from .ground import Ground

_STEP = "0.467 m"

TASK_SPACE = TaskSpace(
    (
        Parameter("roughness", 0.0, 10.0, 1.0, "1", "factor on the slope of the grass; 1: Gymnasium's"),
        Parameter("pit_gap_low", 0.0, 10.0, 0.0, _STEP, "least width of a pit, less one step"),
        Parameter("pit_gap_high", 0.0, 10.0, 0.0, _STEP, "greatest width of a pit, less one step"),
        Parameter("stump_height_low", 0.0, 5.0, 0.0, _STEP, "least height of a stump"),
        Parameter("stump_height_high", 0.0, 5.0, 0.0, _STEP, "greatest height of a stump"),
        Parameter("stair_height_low", 0.0, 5.0, 0.0, _STEP, "least height of a stair"),
        Parameter("stair_height_high", 0.0, 5.0, 0.0, _STEP, "greatest height of a stair"),
        Parameter(
            "stair_steps", 1.0, 9.0, 1.0, "1", "rounded; a staircase has 0 to this many less one stairs"
        ),
    )
)


@kernel
def generate(
    copies: NDArray[np.int64],
    tasks: NDArray[np.float64],
    random_state: NDArray[np.uint64],
    pad_steps: int,
    ground: Ground,
) -> None:
    """Write obstacle courses; see :class:`~.terrain.Terrain`."""
    corners = np.empty((4, 2), np.float32)
    course = np.zeros(COURSE_SIZE)
    for i in copies:
        course[ROUGHNESS] = tasks[i, ROUGHNESS]
        course[STAIR_STEPS] = tasks[i, STAIR_STEPS]
        for low in (GAP_LOW, STUMP_LOW, STAIR_LOW):
            course[low] = min(tasks[i, low], tasks[i, low + 1])
            course[low + 1] = max(tasks[i, low], tasks[i, low + 1])
        lay_grid(i, course, False, random_state, pad_steps, corners, ground)
