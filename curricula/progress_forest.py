"""The progress forest: regression trees find what matters, and where the returns are changing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..envs.tasks import Task, TaskSpace
from ..errors import InputError
from .checks import check_integer, check_number
from .regression_tree import grow
from .state import StateReader
from .teacher import Coordinates, Teacher, TeacherSettings, draw_in_proportion

FIRST_FIT = 100
"""Episodes before the first trees are grown; until then tasks are uniform."""


@dataclass(frozen=True, kw_only=True)
class ProgressForestSettings(TeacherSettings):
    """Settings of :class:`ProgressForest`."""

    window: int = 600
    """Latest episodes that the trees are grown on."""
    fit_every: int = 50
    """Episodes between two forests."""
    trees: int = 4
    """Trees of a forest."""
    bagging: float = 0.7
    """Share of the window's episodes that each tree sees, drawn anew for each, in (0, 1]."""
    minimum_leaf: int = 6
    """Episodes a leaf must hold."""
    split_threshold: float = 15.0
    """F statistic a cut must reach; higher trusts fewer cuts, which noise needs."""
    shrinkage: float = 0.5
    """How much a leaf's progress is reduced for the uncertainty of its slope; 0 takes it as it is."""
    random_ratio: float = 0.1
    """Share of tasks drawn uniformly, in [0, 1]."""
    overstep: float = 0.5
    """Half of the tasks are moved off their leaf by a normal step of this share of the leaf's sides,
    so that what lies beside it is tried too."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_integer("window", self.window, FIRST_FIT)
        check_integer("fit_every", self.fit_every, 1)
        check_integer("trees", self.trees, 1)
        check_number("bagging", self.bagging, 0.0, 1.0, exclude_low=True)
        check_integer("minimum_leaf", self.minimum_leaf, 3)
        check_number("split_threshold", self.split_threshold, 0.0)
        check_number("shrinkage", self.shrinkage, 0.0)
        check_number("random_ratio", self.random_ratio, 0.0, 1.0)
        check_number("overstep", self.overstep, 0.0)


class ProgressForest(Teacher):
    """Draws tasks from the leaves of regression trees, in proportion to the progress in them.

    Every ``fit_every`` episodes:

    1. Some regression trees are grown on the last ``window`` episodes, task against return, each on its
       own random share of them. Cuts are made where returns differ, so leaves become small at
       borders and stay whole along dimensions that do not matter.
    2. A leaf's progress is the slope of its returns over the episodes spent there, less what
       the slope's uncertainty explains. Up or down counts: what is being forgotten is practised.

    A task comes from a leaf drawn in proportion to its progress, uniformly inside; half of the tasks
    then take a normal step off, reflected at the walls of the box. ``random_ratio`` of the tasks
    are uniform, which is how new opportunities far away are noticed.

    Ours. It is closest to RIAC (regions of progress) with the cuts of CART in place of random
    ones, a window in place of a growing tree, and several trees so that no border is final. There is no
    publication; the preset "published" is the same as "eyas".
    """

    name = "progress-forest"
    settings_type = ProgressForestSettings
    presets: ClassVar[Mapping[str, TeacherSettings]] = {
        "eyas": ProgressForestSettings(),
        "published": ProgressForestSettings(),
    }

    def __init__(
        self, task_space: TaskSpace, *, seed: int, settings: TeacherSettings | None = None
    ) -> None:
        super().__init__(task_space, seed=seed, settings=settings)
        self._coordinates = Coordinates(task_space, normalised=True)
        window, dimension = self.settings.window, task_space.dimension
        # Twice the window, so that the oldest half is dropped in one go.
        self._points: NDArray[np.float64] = np.empty((2 * window, dimension))
        self._returns: NDArray[np.float64] = np.empty(2 * window)
        self._filled = 0
        self._since_fit = 0
        self._low: NDArray[np.float64] = np.empty((0, dimension))
        self._high: NDArray[np.float64] = np.empty((0, dimension))
        self._progress: NDArray[np.float64] = np.empty(0)

    def _sample(self) -> Task:
        settings, rng = self.settings, self._rng
        if not self._progress.any() or rng.random() < settings.random_ratio:
            return self.task_space.sample(rng)
        leaf = draw_in_proportion(self._progress, rng)
        side = self._high[leaf] - self._low[leaf]
        point = self._low[leaf] + side * rng.random(len(side))
        if rng.random() < 0.5:
            point += settings.overstep * side * rng.standard_normal(len(side))
            point = 1.0 - np.abs(1.0 - np.abs(point))  # reflected at 0 and at 1
        return self._coordinates.to_task(np.clip(point, 0.0, 1.0))

    def _update(self, task: Task, return_: float) -> None:
        window = self.settings.window
        if self._filled == 2 * window:
            self._points[:window] = self._points[window:]
            self._returns[:window] = self._returns[window:]
            self._filled = window
        self._points[self._filled] = self._coordinates.from_task(task)
        self._returns[self._filled] = return_
        self._filled += 1
        self._since_fit += 1
        if self._since_fit >= self.settings.fit_every and self._filled >= FIRST_FIT:
            self._since_fit = 0
            self._fit()

    def _fit(self) -> None:
        settings = self.settings
        latest = slice(max(self._filled - settings.window, 0), self._filled)
        points, returns = self._points[latest], self._returns[latest]
        spread = returns.std()
        if spread > 0.0:  # so that neither units nor an offset change a rounding
            returns = (returns - returns.mean()) / spread
        parts = []
        for _ in range(settings.trees):
            seen = self._rng.random(len(points)) < settings.bagging
            if seen.sum() >= 2 * settings.minimum_leaf:
                parts.append(self._tree(points[seen], returns[seen]))
        if parts:
            self._low, self._high, self._progress = map(np.concatenate, zip(*parts, strict=True))

    def _tree(
        self, points: NDArray[np.float64], returns: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        settings = self.settings
        low, high = np.empty_like(points), np.empty_like(points)
        progress = np.empty(len(points))
        leaves = grow(
            points,
            returns,
            settings.minimum_leaf,
            settings.split_threshold,
            settings.shrinkage,
            low,
            high,
            progress,
        )
        return low[:leaves], high[:leaves], np.abs(progress[:leaves])

    def describe(self) -> dict[str, Any]:
        """A summary of the forest, in task units.

        ``teacher``; ``episodes``; ``leaves``, how many there are in all trees (0 before the first);
        ``leaf_low`` and ``leaf_high``, shape ``(leaves, dimension)``; ``progress`` of each in
        standard deviations of the window's returns per episode, shape ``(leaves,)``;
        ``mean_progress`` over the leaves.
        """
        summary: dict[str, Any] = {
            "teacher": self.name,
            "episodes": self.episodes,
            "leaves": len(self._progress),
        }
        if len(self._progress):
            summary.update(
                leaf_low=self._coordinates.to_task(self._low),
                leaf_high=self._coordinates.to_task(self._high),
                progress=self._progress.copy(),
                mean_progress=float(self._progress.mean()),
            )
        return summary

    def _memory(self) -> dict[str, Any]:
        return {
            "points": self._points[: self._filled].copy(),
            "returns": self._returns[: self._filled].copy(),
            "since_fit": self._since_fit,
            "low": self._low.copy(),
            "high": self._high.copy(),
            "progress": self._progress.copy(),
        }

    def _remember(self, memory: StateReader) -> None:
        dimension = self.task_space.dimension
        points = memory.array("points", (None, dimension))
        if len(points) > 2 * self.settings.window:
            raise InputError("teacher state: field memory/points holds more than two windows")
        returns = memory.array("returns", (len(points),))
        since_fit = memory.integer("since_fit", 0)
        progress = memory.array("progress", (None,))
        if (progress < 0.0).any():
            raise InputError("teacher state: field memory/progress must not be negative")
        low = memory.array("low", (len(progress), dimension))
        high = memory.array("high", (len(progress), dimension))
        if (low < 0.0).any() or (high > 1.0).any() or (low > high).any():
            raise InputError("teacher state: fields memory/low and memory/high must be boxes in [0, 1]")
        self._filled, self._since_fit = len(points), since_fit
        self._points[: len(points)], self._returns[: len(points)] = points, returns
        self._low, self._high, self._progress = low, high, progress
