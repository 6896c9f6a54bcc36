"""The terrain of Gymnasium's BipedalWalker-v3 and BipedalWalkerHardcore-v3, with its roughness.

Same geometry in distribution as gymnasium/envs/box2d/bipedal_walker.py, ``_generate_terrain``.
Gymnasium has no parameters; the roughness that multiplies the ground's slope is DCD's, and 1 is
Gymnasium.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..jit import kernel
from ..tasks import Parameter, TaskSpace
from .grid_terrain import COURSE_SIZE, ROUGHNESS, lay_grid
from .ground import Ground

TASK_SPACE = TaskSpace(
    (Parameter("roughness", 0.0, 10.0, 1.0, "1", "factor on the slope of the grass; 1 is Gymnasium's"),)
)


@kernel
def generate_plain(
    copies: NDArray[np.int64],
    tasks: NDArray[np.float64],
    random_state: NDArray[np.uint64],
    pad_steps: int,
    ground: Ground,
) -> None:
    """Write rough ground without obstacles; see :class:`~.terrain.Terrain`."""
    corners = np.empty((4, 2), np.float32)
    course = np.zeros(COURSE_SIZE)
    for i in copies:
        course[ROUGHNESS] = tasks[i, 0]
        lay_grid(i, course, False, random_state, pad_steps, corners, ground)


@kernel
def generate_hardcore(
    copies: NDArray[np.int64],
    tasks: NDArray[np.float64],
    random_state: NDArray[np.uint64],
    pad_steps: int,
    ground: Ground,
) -> None:
    """Write rough ground with stumps, stairs and pits; see :class:`~.terrain.Terrain`."""
    corners = np.empty((4, 2), np.float32)
    course = np.zeros(COURSE_SIZE)
    for i in copies:
        course[ROUGHNESS] = tasks[i, 0]
        lay_grid(i, course, True, random_state, pad_steps, corners, ground)
