"""The nearest earlier episode: what learning progress is measured against."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from .state import StateReader

BUFFER_SIZE = 500
"""Episodes kept beside the tree before it is rebuilt (teachDeepRL: 500)."""


class EpisodeHistory:
    """Past episodes (point, return) with exact nearest-neighbour look-up.

    Old episodes are in a k-d tree, the latest ones in a buffer that is searched directly, so that a
    tree is built once per :data:`BUFFER_SIZE` episodes (per ``capacity``, if that is less).

    Args:
        dimension: length of a point.
        capacity: how many episodes the tree keeps, the latest ones; None keeps all. The buffer's,
            as many at most, come on top.
        newest_twin: which of several episodes on the same point is found: the latest one, or, as in
            teachDeepRL, whichever the tree comes upon first, and the tree's before the buffer's.
    """

    def __init__(self, dimension: int, capacity: int | None, *, newest_twin: bool) -> None:
        self._capacity = capacity
        self._buffer_size = BUFFER_SIZE if capacity is None else min(BUFFER_SIZE, capacity)
        self._newest_twin = newest_twin
        self._points: NDArray[np.float64] = np.empty((2 * BUFFER_SIZE, dimension))
        self._returns: NDArray[np.float64] = np.empty(2 * BUFFER_SIZE)
        self._count = 0
        self._in_tree = 0
        self._tree: Any = None
        self._rows: NDArray[np.int64] = np.empty(0, dtype=np.int64)

    def __len__(self) -> int:
        return self._count

    def nearest_return(self, point: NDArray[np.float64]) -> float:
        """The return of the episode nearest to ``point`` (Euclidean); needs a history."""
        best, squared = -1, np.inf
        if self._tree is not None:
            distance, row = self._tree.query(point)
            best, squared = self._rows[row], distance * distance
        if self._count > self._in_tree:
            latest_first = self._points[self._in_tree : self._count][::-1]
            differences = (latest_first if self._newest_twin else latest_first[::-1]) - point
            distances = np.einsum("ij,ij->i", differences, differences)
            row = int(distances.argmin())
            if distances[row] < squared or (self._newest_twin and distances[row] == squared):
                best = self._count - 1 - row if self._newest_twin else self._in_tree + row
        return float(self._returns[best])

    def add(self, point: NDArray[np.float64], return_: float) -> None:
        """Append an episode."""
        if self._count - self._in_tree == self._buffer_size:
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
        from scipy.spatial import cKDTree

        points = self._points[: self._in_tree]
        self._rows = np.arange(self._in_tree)
        if self._newest_twin:
            # Of equal points a tree finds any one; so it gets the latest of them alone.
            points, latest = np.unique(points[::-1], axis=0, return_index=True)
            self._rows = self._rows[::-1][latest]
        # teachDeepRL's kind of tree: which of several equal points it finds depends on it.
        self._tree = (
            cKDTree(points, compact_nodes=False, balanced_tree=False) if self._in_tree else None
        )

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
        if len(points) - in_tree > self._buffer_size:
            raise InputError(
                "teacher state: the episode history has more episodes than its buffer holds"
            )
        room = max(len(points), 2 * BUFFER_SIZE)
        self._points, self._returns = np.empty((room, points.shape[1])), np.empty(room)
        self._points[: len(points)], self._returns[: len(points)] = points, returns
        self._count, self._in_tree = len(points), in_tree
        self._plant()
