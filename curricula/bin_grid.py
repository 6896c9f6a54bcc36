"""A box cut into equal bins, the arms of a bandit."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ..envs.tasks import Task, TaskSpace
from .teacher import Coordinates

MOST_BINS = 4096
"""Arms that a bandit may have."""


class BinGrid:
    """Every parameter is cut into as many equal parts as ``bins`` allow.

    In boxes of so many parameters that not even two parts each fit, only the first ones are cut.

    Attributes:
        count: how many bins there are, at most ``bins``.
    """

    def __init__(self, task_space: TaskSpace, bins: int) -> None:
        self._dimension = task_space.dimension
        self._coordinates = Coordinates(task_space, normalised=True)
        self._sides = max(int(bins ** (1.0 / self._dimension) + 1e-9), 1)
        self._cut = self._dimension
        if self._sides < 2:
            self._sides, self._cut = 2, int(math.log2(bins))
        self._shape = (self._sides,) * self._cut
        self.count = self._sides**self._cut

    def find(self, task: Task) -> int:
        """The bin that a task is in."""
        point = self._coordinates.from_task(task)
        places = np.minimum((point[: self._cut] * self._sides).astype(int), self._sides - 1)
        return int(np.ravel_multi_index(tuple(places), self._shape))

    def draw(self, bin_: int, rng: np.random.Generator) -> Task:
        """A uniform task of a bin."""
        point = rng.random(self._dimension)
        corner = np.array(np.unravel_index(bin_, self._shape), dtype=np.float64)
        point[: self._cut] = (corner + point[: self._cut]) / self._sides
        return self._coordinates.to_task(point)

    def bounds(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Low and high corners of all bins in task units, shapes ``(count, dimension)``."""
        corners = np.stack(np.unravel_index(np.arange(self.count), self._shape), axis=1) / self._sides
        low = np.zeros((self.count, self._dimension))
        high = np.ones_like(low)
        low[:, : self._cut], high[:, : self._cut] = corners, corners + 1.0 / self._sides
        return self._coordinates.to_task(low), self._coordinates.to_task(high)
