"""Learning-progress bandits: a grid of bins, one arm each."""

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
from .checks import check_integer, check_number
from .state import StateReader
from .teacher import Teacher, TeacherSettings, draw_in_proportion


@dataclass(frozen=True, kw_only=True)
class LPBanditSettings(TeacherSettings):
    """Settings of :class:`LPBandit`; the published values are OpenAI's and Syllabus'."""

    bins: int = 100
    """Arms at most; every parameter is cut into as many equal parts as fit."""
    fast_rate: float = 0.1
    """How fast the fast average of a bin follows its returns, in (0, 1] (published: 0.1)."""
    slow_rate: float = 0.1
    """How fast the slow average follows the fast one, in (0, 1] (published: 0.1)."""
    reweighting: float = 0.1
    """Tilts progress towards low success rates, in (0, 1); 0.5 leaves it alone (published: 0.1)."""
    random_ratio: float = 0.1
    """Share of tasks drawn uniformly, in [0, 1] (published: 0)."""
    sharpness: float = 2.0
    """Slope of the sigmoid that turns standardised progress into weights (published: 1)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_integer("bins", self.bins, 2, MOST_BINS)
        check_number("fast_rate", self.fast_rate, 0.0, 1.0, exclude_low=True)
        check_number("slow_rate", self.slow_rate, 0.0, 1.0, exclude_low=True)
        check_number("reweighting", self.reweighting, 1e-6, 1.0 - 1e-6)
        check_number("random_ratio", self.random_ratio, 0.0, 1.0)
        check_number("sharpness", self.sharpness, 0.0)


class LPBandit(Teacher):
    """Draws bins by the difference of a fast and a slow average of what was earned in them.

    Returns are mapped to [0, 1] by the range seen so far (or ``return_range``), in the place of the
    published success rate. With f(p) = p (1 - t) / (p + t (1 - 2 p)), t the ``reweighting``, a bin's
    progress is abs(f(fast) - f(slow)). Bins with progress are drawn in proportion to the sigmoid of
    their standardised progress, the others never but for ``random_ratio``. Bins never tried count as
    having the largest progress seen. Inside its bin a task is uniform.

    Source: Kanitscheider et al., "Multi-task curriculum learning in a complex, visual, hard-exploration
    domain: Minecraft" (2021); Syllabus, learning_progress.py.
    """

    name = "lp-bandit"
    settings_type = LPBanditSettings
    presets: ClassVar[Mapping[str, TeacherSettings]] = {
        "eyas": LPBanditSettings(),
        "published": LPBanditSettings(random_ratio=0.0, sharpness=1.0),
    }

    def __init__(
        self, task_space: TaskSpace, *, seed: int, settings: TeacherSettings | None = None
    ) -> None:
        super().__init__(task_space, seed=seed, settings=settings)
        self._grid = BinGrid(task_space, self.settings.bins)
        count = self._grid.count
        self._fast: NDArray[np.float64] = np.zeros(count)
        self._slow: NDArray[np.float64] = np.zeros(count)
        self._tries: NDArray[np.int64] = np.zeros(count, dtype=np.int64)
        self._range = np.array([math.inf, -math.inf])
        self._weights: NDArray[np.float64] | None = None

    def _sample(self) -> Task:
        rng = self._rng
        if self.episodes == 0 or rng.random() < self.settings.random_ratio:
            return self.task_space.sample(rng)
        if self._weights is None:
            self._weights = self._draw_weights()
        return self._grid.draw(draw_in_proportion(self._weights, rng), rng)

    def _progress(self) -> NDArray[np.float64]:
        """Of every bin; those never tried have the largest there is."""
        low, high = self._range
        width = high - low
        if not width > 0.0:
            return np.zeros(len(self._fast))
        t = self.settings.reweighting
        p = np.clip((np.stack([self._fast, self._slow]) - low) / width, 0.0, 1.0)
        tilted = p * (1.0 - t) / (p + t * (1.0 - 2.0 * p))
        progress: NDArray[np.float64] = np.abs(tilted[0] - tilted[1])
        progress[self._tries == 0] = progress.max()
        return progress

    def _draw_weights(self) -> NDArray[np.float64]:
        progress = self._progress()
        alive = progress > 0.0
        if not alive.any():
            return np.ones(len(progress))
        spread = progress[alive].std()
        standard = (progress - progress[alive].mean()) / spread if spread > 0.0 else 0.0 * progress
        # The sigmoid, written so that nothing overflows.
        sigmoid = 0.5 + 0.5 * np.tanh(0.5 * self.settings.sharpness * standard)
        return np.where(alive, sigmoid, 0.0)

    def _update(self, task: Task, return_: float) -> None:
        own, arm = self.settings, self._grid.find(task)
        self._range[0] = min(self._range[0], return_)
        self._range[1] = max(self._range[1], return_)
        if self._tries[arm] == 0:
            self._fast[arm] = self._slow[arm] = return_
        else:
            self._fast[arm] += own.fast_rate * (return_ - self._fast[arm])
            self._slow[arm] += own.slow_rate * (self._fast[arm] - self._slow[arm])
        self._tries[arm] += 1
        self._weights = None

    def describe(self) -> dict[str, Any]:
        """``teacher``, ``episodes``, ``leaf_low`` and ``leaf_high``, the bins in task units, shape
        ``(bins, dimension)``, ``progress`` of each and ``mean_progress``."""  # noqa: D205, D209
        low, high = self._grid.bounds()
        progress = self._progress()
        return {
            "teacher": self.name,
            "episodes": self.episodes,
            "leaf_low": low,
            "leaf_high": high,
            "progress": progress,
            "mean_progress": float(progress.mean()),
        }

    def _memory(self) -> dict[str, Any]:
        memory: dict[str, Any] = {
            "fast": self._fast.copy(),
            "slow": self._slow.copy(),
            "tries": self._tries.copy(),
        }
        if self.episodes:
            memory["range"] = self._range.copy()
        return memory

    def _remember(self, memory: StateReader) -> None:
        count = len(self._fast)
        fast, slow = memory.array("fast", (count,)), memory.array("slow", (count,))
        tries = memory.array("tries", (count,), np.int64)
        if (tries < 0).any():
            raise InputError("teacher state: field memory/tries must not be negative")
        seen = np.array([math.inf, -math.inf])
        if tries.any():
            seen = memory.array("range", (2,))
            if seen[0] > seen[1]:
                raise InputError("teacher state: field memory/range must have low <= high")
        self._fast, self._slow, self._tries, self._range = fast, slow, tries, seen
        self._weights = None
