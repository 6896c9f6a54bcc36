"""A bandit over bins that is made for rewards that change: Exp3.S on learning progress."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..envs.tasks import Task, TaskSpace
from ..errors import InputError
from .bin_grid import MOST_BINS, BinGrid
from .checks import check_flag, check_integer, check_number
from .state import StateReader
from .teacher import Teacher, TeacherSettings, draw_in_proportion


@dataclass(frozen=True, kw_only=True)
class Exp3BanditSettings(TeacherSettings):
    """Settings of :class:`Exp3Bandit`; the published values are those of CURROT's baseline "ACL"."""

    bins: int = 100
    """Arms at most; every parameter is cut into as many equal parts as fit (published: 50 x 50 in two
    dimensions, 20 x 20 x 20 in three)."""
    learning_rate: float = 0.025
    """What a full reward adds to the logarithm of a bin's weight, times 1 / its probability
    (published: 0.025 or 0.05)."""
    random_ratio: float = 0.2
    """Share of tasks drawn uniformly, in [0, 1] (published: 0.2)."""
    weigh_by_policy: bool = True
    """Divide rewards by the probability of having been drawn, the uniform share included; False leaves
    that out, so that rewards of neglected bins count for more than they should (published: False)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_integer("bins", self.bins, 2, MOST_BINS)
        check_number("learning_rate", self.learning_rate, 0.0, 1.0, exclude_low=True)
        check_number("random_ratio", self.random_ratio, 0.0, 1.0)
        check_flag("weigh_by_policy", self.weigh_by_policy)


class Exp3Bandit(Teacher):
    """Draws bins by exponential weights of the changes of return seen in them.

    The reward of an episode is abs(return - previous return in the bin), mapped to [-1, 1] by the
    smallest and largest one so far. The bin's log weight grows by learning_rate * reward /
    probability; then every weight takes 1/t of the mean of all, t the number of episodes. With
    several tasks in flight the probability is today's, not that of when the task was drawn.

    Source: Graves, Bellemare, Menick, Munos, Kavukcuoglu, "Automated curriculum learning for neural
    networks" (ICML 2017); Auer et al., "The nonstochastic multiarmed bandit problem" (2002);
    psclklnk/currot, acl.py and exp3s.py, whose tasks are bin centres, while here they are uniform in
    their bin.
    """

    name = "exp3-bandit"
    settings_type = Exp3BanditSettings
    presets: ClassVar[Mapping[str, TeacherSettings]] = {
        "eyas": Exp3BanditSettings(),
        "published": Exp3BanditSettings(bins=2500, weigh_by_policy=False),
    }

    def __init__(
        self, task_space: TaskSpace, *, seed: int, settings: TeacherSettings | None = None
    ) -> None:
        super().__init__(task_space, seed=seed, settings=settings)
        self._grid = BinGrid(task_space, self.settings.bins)
        count = self._grid.count
        self._log_weights: NDArray[np.float64] = np.full(count, -math.log(count))
        self._previous: NDArray[np.float64] = np.zeros(count)
        self._tries: NDArray[np.int64] = np.zeros(count, dtype=np.int64)
        self._progress: NDArray[np.float64] = np.zeros(count)
        self._smallest, self._largest = math.inf, -math.inf

    def _sample(self) -> Task:
        if self._rng.random() < self.settings.random_ratio:
            return self.task_space.sample(self._rng)
        return self._grid.draw(draw_in_proportion(np.exp(self._log_weights), self._rng), self._rng)

    def _update(self, task: Task, return_: float) -> None:
        own, arm = self.settings, self._grid.find(task)
        progress = abs(return_ - self._previous[arm]) if self._tries[arm] else 0.0
        self._previous[arm], self._progress[arm] = return_, progress
        self._tries[arm] += 1
        self._smallest = min(self._smallest, progress)
        self._largest = max(self._largest, progress)
        reward = 0.0
        if self._largest > self._smallest:
            reward = 2.0 * (progress - self._smallest) / (self._largest - self._smallest) - 1.0
        weights, count = self._log_weights, self._grid.count
        probability = math.exp(weights[arm])
        if own.weigh_by_policy:
            probability = (1.0 - own.random_ratio) * probability + own.random_ratio / count
        # Never nought: every weight keeps a share of the mean.
        weights[arm] += own.learning_rate * reward / max(probability, 1e-300)
        share = 1.0 / (self.episodes + 2)
        relative = np.exp(weights - weights.max())
        relative /= relative.sum()
        self._log_weights = np.log((1.0 - share) * relative + share / count)

    def describe(self) -> dict[str, Any]:
        """``teacher``, ``episodes``, ``leaf_low`` and ``leaf_high``, the bins in task units, shape
        ``(bins, dimension)``, the last ``progress`` of each, ``probabilities`` of drawing it (the
        uniform share aside) and ``mean_progress``.
        """  # noqa: D205
        low, high = self._grid.bounds()
        return {
            "teacher": self.name,
            "episodes": self.episodes,
            "leaf_low": low,
            "leaf_high": high,
            "progress": self._progress.copy(),
            "probabilities": np.exp(self._log_weights),
            "mean_progress": float(self._progress.mean()),
        }

    def _memory(self) -> dict[str, Any]:
        seen = [self._smallest, self._largest] if self._largest >= self._smallest else []
        return {
            "log_weights": self._log_weights.copy(),
            "previous": self._previous.copy(),
            "tries": self._tries.copy(),
            "progress": self._progress.copy(),
            "seen": np.array(seen, dtype=np.float64),
        }

    def _remember(self, memory: StateReader) -> None:
        count = self._grid.count
        log_weights = memory.array("log_weights", (count,))
        previous = memory.array("previous", (count,))
        tries = memory.array("tries", (count,), np.int64)
        progress = memory.array("progress", (count,))
        seen = memory.array("seen", (None,))
        if (log_weights > 1e-6).any():
            raise InputError("teacher state: field memory/log_weights must not be above 0")
        if (tries < 0).any() or len(seen) != (2 if tries.any() else 0) or (np.diff(seen) < 0).any():
            raise InputError("teacher state: fields memory/tries and memory/seen contradict each other")
        self._log_weights, self._previous = log_weights, previous
        self._tries, self._progress = tries, progress
        self._smallest, self._largest = seen if len(seen) else (math.inf, -math.inf)
