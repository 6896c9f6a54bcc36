"""The Oracle: a window of tasks that an expert's hand moves from easy to hard."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..envs.tasks import Task, TaskSpace
from ..errors import InputError
from .checks import check_integer, check_number
from .state import StateReader
from .teacher import Teacher, TeacherSettings

KNOWN_STEPS: Mapping[str, float] = {"stump_height": 0.1, "obstacle_spacing": -0.2}
"""Steps teachDeepRL gives by hand, in task units: higher stumps, closer together."""
HEXAGON_STEP = 0.1
"""teachDeepRL's step for each of the twelve numbers of Hexagon Tracks, ``corner_0_x`` and so on."""
_HEXAGON_PREFIX = "corner_"


@dataclass(frozen=True, kw_only=True)
class OracleSettings(TeacherSettings):
    """Settings of :class:`OracleTeacher`; the published values are teachDeepRL's."""

    steps: tuple[float, ...] | None = None
    """How far the window moves per advance, one number per parameter in task units; the sign says
    where hard is. None takes the published steps, known for stump and hexagon tracks (published:
    stump_height +0.1, obstacle_spacing -0.2; 0.1 for all twelve hexagon numbers)."""
    threshold: float = 230.0
    """Mean return above which the window advances (published: 230, on raw returns)."""
    advance_every: int = 50
    """Episodes between two looks at the mean return (published: 50)."""
    window: float = 1.0 / 6.0
    """Side of the window as a fraction of each parameter's range, in (0, 1] (published: 1/6)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.steps is not None:
            if not isinstance(self.steps, tuple):
                raise InputError(f"steps = {self.steps!r} must be a tuple of numbers or None")
            for step in self.steps:
                check_number("steps", step)
        check_number("threshold", self.threshold)
        check_integer("advance_every", self.advance_every, 1)
        check_number("window", self.window, 0.0, 1.0, exclude_low=True)


class OracleTeacher(Teacher):
    """Moves a window of tasks by hand-given steps whenever the student does well in it.

    Source: the Oracle baseline of Portelas et al., "Teacher algorithms for curriculum learning of
    deep RL in continuously parameterized environments" (CoRL 2019); teachDeepRL oracle_teacher.py.

    ``describe`` gives ``teacher``, ``episodes``, and ``window_low`` and ``window_high`` (task units,
    shape ``(dimension,)``).
    """

    name = "oracle"
    settings_type = OracleSettings
    presets: ClassVar[Mapping[str, TeacherSettings]] = {
        "eyas": OracleSettings(),
        "published": OracleSettings(),
    }

    def __init__(
        self, task_space: TaskSpace, *, seed: int, settings: TeacherSettings | None = None
    ) -> None:
        super().__init__(task_space, seed=seed, settings=settings)
        self._steps = _steps_of(task_space, self.settings.steps)
        self._side = self.settings.window * (task_space.high - task_space.low)
        self._last = np.maximum(task_space.high - self._side, task_space.low)
        self._position = np.where(self._steps > 0.0, task_space.low, self._last)
        self._returns: list[float] = []

    def _sample(self) -> Task:
        return self._position + self._side * self._rng.random(self.task_space.dimension)

    def _update(self, task: Task, return_: float) -> None:
        self._returns.append(return_)
        if len(self._returns) < self.settings.advance_every:
            return
        if np.mean(self._returns) > self.settings.threshold:
            self._position = np.clip(self._position + self._steps, self.task_space.low, self._last)
        self._returns.clear()

    def describe(self) -> dict[str, Any]:
        """``teacher``, ``episodes``, ``window_low`` and ``window_high``."""
        return {
            "teacher": self.name,
            "episodes": self.episodes,
            "window_low": self._position.copy(),
            "window_high": self._position + self._side,
        }

    def _memory(self) -> dict[str, Any]:
        return {"position": self._position.copy(), "returns": np.array(self._returns, dtype=np.float64)}

    def _remember(self, memory: StateReader) -> None:
        position = memory.array("position", (self.task_space.dimension,))
        if (position < self.task_space.low).any() or (position > self._last).any():
            raise InputError("teacher state: field memory/position is outside the task space")
        returns = memory.array("returns", (None,))
        if len(returns) >= self.settings.advance_every:
            raise InputError("teacher state: field memory/returns holds more than one look's episodes")
        self._position, self._returns = position, returns.tolist()


def _steps_of(task_space: TaskSpace, steps: tuple[float, ...] | None) -> NDArray[np.float64]:
    if steps is not None:
        if len(steps) != task_space.dimension:
            raise InputError(
                f"steps has {len(steps)} numbers, but this world has {task_space.dimension} parameters"
                f" ({', '.join(task_space.names)})"
            )
        return np.array(steps, dtype=np.float64)
    known = [
        HEXAGON_STEP if name.startswith(_HEXAGON_PREFIX) else KNOWN_STEPS.get(name, np.nan)
        for name in task_space.names
    ]
    for name, step in zip(task_space.names, known, strict=True):
        if np.isnan(step):
            raise InputError(
                f"the oracle teacher knows no step for the parameter {name!r}: give steps, one number"
                f" per parameter ({', '.join(task_space.names)}), signed towards the hard end"
            )
    return np.array(known, dtype=np.float64)
