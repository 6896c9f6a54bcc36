"""The nearest earlier episode: what learning progress is measured against."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from ..errors import InputError
from .state import StateReader

BUFFER_SIZE = 500
"""Episodes kept beside the tree before it is rebuilt (teachDeepRL: 500)."""


class EpisodeHistory:
    """Past episodes (point, return) with exact nearest-neighbour look-up.

    Old episodes are in a k-d tree, the latest ones in a buffer that is searched directly, so that a
    tree is built once per :data:`BUFFER_SIZE` episodes. Among equally near episodes the oldest is
    found.

    Args:
        dimension: length of a point.
        capacity: how many episodes the tree keeps, the latest ones; None keeps all. The buffer's
            come on top, as in teachDeepRL.
    """

    def __init__(self, dimension: int, capacity: int | None) -> None:
        self._capacity = capacity
        self._points: NDArray[np.float64] = np.empty((2 * BUFFER_SIZE, dimension))
        self._returns: NDArray[np.float64] = np.empty(2 * BUFFER_SIZE)
        self._count = 0
        self._in_tree = 0
        self._tree: Any = None
        self._oldest: NDArray[np.int64] = np.empty(0, dtype=np.int64)

    def __len__(self) -> int:
        return self._count

    def nearest_return(self, point: NDArray[np.float64]) -> float:
        """The return of the episode nearest to ``point`` (Euclidean); needs a history."""
        best, squared = -1, np.inf
        if self._tree is not None:
            distance, row = self._tree.query(point)
            best, squared = self._oldest[row], distance * distance
        if self._count > self._in_tree:
            differences = self._points[self._in_tree : self._count] - point
            distances = np.einsum("ij,ij->i", differences, differences)
            row = int(distances.argmin())
            if distances[row] < squared:
                best = self._in_tree + row
        return float(self._returns[best])

    def add(self, point: NDArray[np.float64], return_: float) -> None:
        """Append an episode."""
        if self._count - self._in_tree == BUFFER_SIZE:
            self._rebuild()
        if self._count == len(self._returns):
            self._points = np.concatenate([self._points, np.empty_like(self._points)])
            self._returns = np.concatenate([self._returns, np.empty_like(self._returns)])
        self._points[self._count] = point
        self._returns[self._count] = return_
        self._count += 1

    def _rebuild(self) -> None:
        if self._capacity is not None and self._count > self._capacity:
            kept = slice(self._count - self._capacity, self._count)
            self._points[: self._capacity] = self._points[kept].copy()
            self._returns[: self._capacity] = self._returns[kept].copy()
            self._count = self._capacity
        self._in_tree = self._count
        self._plant()

    def _plant(self) -> None:
        # A tree returns any one of several equal points; it gets the oldest of them alone.
        points, self._oldest = np.unique(self._points[: self._in_tree], axis=0, return_index=True)
        self._tree = cKDTree(points) if self._in_tree else None

    def memory(self) -> dict[str, Any]:
        """The history as numpy arrays and numbers."""
        return {
            "points": self._points[: self._count].copy(),
            "returns": self._returns[: self._count].copy(),
            "in_tree": self._in_tree,
        }

    def remember(self, memory: StateReader) -> None:
        """Take over what ``memory`` gave."""
        points = memory.array("points", (None, self._points.shape[1]))
        returns = memory.array("returns", (len(points),))
        in_tree = memory.integer("in_tree", 0, len(points))
        if len(points) - in_tree > BUFFER_SIZE:
            raise InputError(
                "teacher state: the episode history has more episodes than its buffer holds"
            )
        room = max(len(points), 2 * BUFFER_SIZE)
        self._points, self._returns = np.empty((room, points.shape[1])), np.empty(room)
        self._points[: len(points)], self._returns[: len(points)] = points, returns
        self._count, self._in_tree = len(points), in_tree
        self._plant()
