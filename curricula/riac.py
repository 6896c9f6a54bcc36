"""RIAC: split the task box where the two sides differ most in learning progress."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..envs.tasks import Task, TaskSpace
from ..errors import InputError
from .checks import check_flag, check_integer, check_number
from .state import StateReader
from .teacher import Coordinates, Teacher, TeacherSettings, draw_in_proportion

MUTATION_RATIO = 0.1
"""Share of tasks made by mutating a region's worst task (published: 0.1)."""
UNIFORM_RATIO = 0.2
"""Share of tasks drawn uniformly from the whole box (published: 0.2)."""
MARGIN = 1e-5
"""How far inside its region a mutated task stays (published: 1e-5)."""
MAX_REDRAWS = 100
"""Cuts drawn per attempt before it is given up because one side stays too empty."""


@dataclass(frozen=True, kw_only=True)
class RIACSettings(TeacherSettings):
    """Settings of :class:`RIAC`; the published values are teachDeepRL's."""

    region_size: int = 100
    """Episodes a leaf holds before it is split; also the window in which its progress is measured
    (published: 200)."""
    split_attempts: int = 50
    """Random cuts tried per split (published: 50)."""
    min_population: float = 0.05
    """Episodes each side of a cut must hold, as a fraction of ``region_size`` (published: 1/20)."""
    min_side: float = 0.1
    """Shortest side of a region, as a fraction of the parameter's range (published: 1/15)."""
    discard_ratio: float = 0.25
    """Oldest part of ``region_size`` that a leaf forgets when no cut is valid (published: 1/4)."""
    leaves_only: bool = True
    """Sample from the leaves alone, not from the regions they came from (published: False)."""
    mutation: float = 0.1
    """Standard deviation of a mutation, per dimension, as a fraction of its range with ``normalise``,
    else in task units (published: 0.1)."""
    normalise: bool = True
    """Map every task dimension to [0, 1] first (published: False)."""
    ignore_population: bool = False
    """Score a cut by the difference in progress alone, not times both populations (published: True,
    a slip)."""
    stale_progress: bool = False
    """Give new regions the progress of the last cut tried instead of their own until they see an
    episode (published: True, a slip)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_integer("region_size", self.region_size, 4)
        check_integer("split_attempts", self.split_attempts, 1)
        check_number("min_population", self.min_population, 0.0, 0.5)
        check_number("min_side", self.min_side, 0.0, 0.5)
        check_number("discard_ratio", self.discard_ratio, 0.0, 1.0, exclude_low=True)
        check_number("mutation", self.mutation, 0.0)
        for name in ("leaves_only", "normalise", "ignore_population", "stale_progress"):
            check_flag(name, getattr(self, name))


@dataclass
class Region:
    """A box of the tree, with the latest episodes inside it."""

    low: NDArray[np.float64]
    high: NDArray[np.float64]
    episodes: list[int] = field(default_factory=list)
    """Positions in the teacher's history, oldest first."""
    returns: list[float] = field(default_factory=list)
    """Their returns."""
    axis: int = -1
    """Dimension of the cut; -1 in a leaf."""
    threshold: float = 0.0
    """Where it is cut: points up to here, and here, are in the first child."""
    first_child: int = -1
    """Position of the first child in the list of regions; the second one follows it."""


@dataclass(frozen=True)
class Cut:
    """A way to split a region."""

    axis: int
    threshold: float
    below: NDArray[np.bool_]
    """Which of the region's episodes are in the first child."""
    progress: tuple[float, float]
    """Learning progress of the two sides."""


class RIAC(Teacher):
    """Robust intelligent adaptive curiosity.

    A tree of boxes, each with the latest episodes inside it. The absolute learning progress (ALP) of
    a region is the difference between the mean returns of the older and the newer half of its
    window. A leaf that is full is split by the best of ``split_attempts`` random cuts. Tasks come
    from regions drawn in proportion to ALP (70 %), from the whole box (20 %), or from mutations of
    the task with the lowest return in a region drawn in proportion to ALP (10 %).

    Source: Baranes and Oudeyer, "R-IAC: robust intrinsically motivated exploration and active
    learning" (IEEE TAMD 2009), in the form of Portelas et al. (CoRL 2019), appendix; teachDeepRL
    riac.py.
    """

    name = "riac"
    settings_type = RIACSettings
    presets: ClassVar[Mapping[str, TeacherSettings]] = {
        "eyas": RIACSettings(),
        "published": RIACSettings(
            return_range=(-150.0, 350.0),
            region_size=200,
            min_side=1.0 / 15.0,
            leaves_only=False,
            normalise=False,
            ignore_population=True,
            stale_progress=True,
        ),
    }

    def __init__(
        self, task_space: TaskSpace, *, seed: int, settings: TeacherSettings | None = None
    ) -> None:
        super().__init__(task_space, seed=seed, settings=settings)
        self._coordinates = Coordinates(task_space, normalised=self.settings.normalise)
        self._range = self._coordinates.high - self._coordinates.low
        self._points: list[NDArray[np.float64]] = []
        self._regions = [Region(self._coordinates.low, self._coordinates.high)]
        self._progress: NDArray[np.float64] = np.zeros(1)
        self._leaves = np.zeros(1, dtype=np.int64)

    def _sample(self) -> Task:
        kind = self._rng.random()
        if MUTATION_RATIO <= kind < MUTATION_RATIO + UNIFORM_RATIO or not self._points:
            return self.task_space.sample(self._rng)
        region = self._draw_region()
        if kind < MUTATION_RATIO:
            worst = region.episodes[region.returns.index(min(region.returns))]
            point = self._points[worst] + self.settings.mutation * self._rng.standard_normal(
                self.task_space.dimension
            )
            # The margin keeps the task out of the neighbouring regions.
            point = np.clip(point, region.low + MARGIN, region.high - MARGIN)
        else:
            point = region.low + (region.high - region.low) * self._rng.random(
                self.task_space.dimension
            )
        return self._coordinates.to_task(point)

    def _draw_region(self) -> Region:
        if not self.settings.leaves_only:
            return self._regions[draw_in_proportion(self._progress, self._rng)]
        return self._regions[self._leaves[draw_in_proportion(self._progress[self._leaves], self._rng)]]

    def _find_leaves(self) -> None:
        leaves = [index for index, region in enumerate(self._regions) if region.axis < 0]
        self._leaves = np.array(leaves, dtype=np.int64)

    def _update(self, task: Task, return_: float) -> None:
        point = self._coordinates.from_task(task)
        self._points.append(point)
        touched = self._path(point)
        for index in touched:
            region = self._regions[index]
            region.episodes.append(len(self._points) - 1)
            region.returns.append(return_)
            if len(region.returns) > self.settings.region_size + 1:
                del region.episodes[0], region.returns[0]
        leaf = touched[-1]
        if len(self._regions[leaf].returns) > self.settings.region_size:
            self._split_or_forget(leaf)
        for index in touched:
            self._progress[index] = self._alp(self._regions[index].returns)

    def _path(self, point: NDArray[np.float64]) -> list[int]:
        """The regions that hold a point, from the whole box to the leaf."""
        path = [0]
        while (region := self._regions[path[-1]]).axis >= 0:
            path.append(region.first_child + int(point[region.axis] > region.threshold))
        return path

    def _alp(self, returns: list[float]) -> float:
        if len(returns) <= 2:
            return 0.0
        window = min(len(returns), self.settings.region_size)
        half = window // 2
        older, newer = returns[-window:-half], returns[-half:]
        return abs(sum(older) / len(older) - sum(newer) / len(newer))

    def _split_or_forget(self, index: int) -> None:
        region = self._regions[index]
        best, last_progress = self._best_cut(region)
        if best is None:
            forgotten = max(1, int(self.settings.region_size * self.settings.discard_ratio))
            del region.episodes[:forgotten], region.returns[:forgotten]
            return
        region.axis, region.threshold = best.axis, best.threshold
        region.first_child = len(self._regions)
        for side in (best.below, ~best.below):
            child = Region(region.low.copy(), region.high.copy())
            kept = np.flatnonzero(side)
            child.episodes = [region.episodes[i] for i in kept]
            child.returns = [region.returns[i] for i in kept]
            self._regions.append(child)
        self._regions[-2].high[best.axis] = best.threshold
        self._regions[-1].low[best.axis] = best.threshold
        progress = last_progress if self.settings.stale_progress else best.progress
        self._progress = np.append(self._progress, progress)
        self._find_leaves()

    def _best_cut(self, region: Region) -> tuple[Cut | None, tuple[float, float]]:
        """The best valid cut, if any, and the progress of the two sides of the last cut tried."""
        settings = self.settings
        points = np.array([self._points[i] for i in region.episodes])
        returns = np.array(region.returns)
        best, best_score, last = None, 0.0, (0.0, 0.0)
        for _ in range(settings.split_attempts):
            cut = self._random_cut(region, points, returns)
            if cut is None:
                continue
            last = cut.progress
            score = abs(cut.progress[0] - cut.progress[1])
            if not settings.ignore_population:
                below = int(cut.below.sum())
                score *= below * (len(points) - below)
            shortest = settings.min_side * self._range[cut.axis]
            valid = (
                cut.threshold - region.low[cut.axis] >= shortest
                and region.high[cut.axis] - cut.threshold >= shortest
            )
            if valid and score >= best_score:
                best, best_score = cut, score
        return best, last

    def _random_cut(
        self, region: Region, points: NDArray[np.float64], returns: NDArray[np.float64]
    ) -> Cut | None:
        """A uniformly drawn cut with enough episodes on both sides, or None if none is found."""
        least = max(1.0, self.settings.region_size * self.settings.min_population)
        for _ in range(MAX_REDRAWS):
            axis = int(self._rng.integers(len(region.low)))
            threshold = float(self._rng.uniform(region.low[axis], region.high[axis]))
            below = points[:, axis] <= threshold
            population = int(np.count_nonzero(below))
            if population >= least and len(points) - population >= least:
                sides = self._alp(returns[below].tolist()), self._alp(returns[~below].tolist())
                return Cut(axis, threshold, below, sides)
        return None

    def describe(self) -> dict[str, Any]:
        """A summary of the tree's leaves, in task units.

        ``teacher``; ``episodes``; ``regions``, how many there are, parents included; ``leaf_low``
        and ``leaf_high``, shape ``(leaves, dimension)``; ``progress`` of each leaf, shape
        ``(leaves,)``; ``mean_progress`` over the leaves.
        """
        leaves = self._leaves
        to_task = self._coordinates.to_task
        return {
            "teacher": self.name,
            "episodes": self.episodes,
            "regions": len(self._regions),
            "leaf_low": to_task(np.array([self._regions[i].low for i in leaves])),
            "leaf_high": to_task(np.array([self._regions[i].high for i in leaves])),
            "progress": self._progress[leaves],
            "mean_progress": float(self._progress[leaves].mean()),
        }

    def _memory(self) -> dict[str, Any]:
        regions = self._regions
        referenced = np.array([i for region in regions for i in region.episodes], dtype=np.int64)
        # Only episodes that some region still holds are worth keeping.
        kept, positions = np.unique(referenced, return_inverse=True)
        points = [self._points[i] for i in kept]
        return {
            "points": np.array(points, dtype=np.float64).reshape(len(kept), self.task_space.dimension),
            "episodes": positions.astype(np.int64),
            "returns": np.array([r for region in regions for r in region.returns], dtype=np.float64),
            "counts": np.array([len(region.episodes) for region in regions], dtype=np.int64),
            "low": np.array([region.low for region in regions]),
            "high": np.array([region.high for region in regions]),
            "axis": np.array([region.axis for region in regions], dtype=np.int64),
            "threshold": np.array([region.threshold for region in regions], dtype=np.float64),
            "first_child": np.array([region.first_child for region in regions], dtype=np.int64),
            "progress": self._progress.copy(),
        }

    def _remember(self, memory: StateReader) -> None:
        d = self.task_space.dimension
        points = memory.array("points", (None, d))
        low = memory.array("low", (None, d))
        n = len(low)
        high = memory.array("high", (n, d))
        axis = memory.array("axis", (n,), np.int64)
        threshold = memory.array("threshold", (n,))
        first_child = memory.array("first_child", (n,), np.int64)
        progress = memory.array("progress", (n,))
        counts = memory.array("counts", (n,), np.int64)
        if n == 0 or (counts < 0).any():
            raise InputError(
                "teacher state: field memory/counts must hold one count or more, none negative"
            )
        episodes = memory.array("episodes", (int(counts.sum()),), np.int64)
        returns = memory.array("returns", (len(episodes),))
        if ((episodes < 0) | (episodes >= len(points))).any():
            raise InputError(
                "teacher state: field memory/episodes points at episodes that are not there"
            )
        parents = axis >= 0
        # Children come after their parents, or a look-up would never end.
        if (axis >= d).any() or (
            parents & ((first_child <= np.arange(n)) | (first_child + 1 >= n))
        ).any():
            raise InputError("teacher state: fields memory/axis and memory/first_child are not a tree")
        ends = np.cumsum(counts)
        self._regions = [
            Region(
                low=low[i],
                high=high[i],
                episodes=episodes[ends[i] - counts[i] : ends[i]].tolist(),
                returns=returns[ends[i] - counts[i] : ends[i]].tolist(),
                axis=int(axis[i]),
                threshold=float(threshold[i]),
                first_child=int(first_child[i]),
            )
            for i in range(n)
        ]
        self._points = list(points)
        self._progress = progress
        self._find_leaves()
