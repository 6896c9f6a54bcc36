"""ADR, automatic domain randomisation: a box that grows where the student is good at its faces."""

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
from .teacher import Coordinates, Teacher, TeacherSettings, check_success_return

FACE_TOLERANCE = 1e-9
"""A task this near to a face, in shares of the range, was sampled on it."""


@dataclass(frozen=True, kw_only=True)
class ADRSettings(TeacherSettings):
    """Settings of :class:`ADR`; the published values are TeachMyAgent's."""

    boundary_ratio: float = 0.5
    """Share of tasks that are put on a face of the box, in [0, 1] (published: 0.7)."""
    step_size: float = 0.05
    """How far a face moves, as a share of the range (published: 0.1 task units, the same for all
    parameters)."""
    queue: int = 10
    """Returns on a face before it may move (published: 10)."""
    success_return: float | None = None
    """Mean return from which a face moves outwards (published: 180)."""
    failure_return: float | None = None
    """Mean return up to which it moves inwards; None never does (published: 0)."""
    start_low: tuple[float, ...] | None = None
    """Lower corner of the first box in task units; None draws one task, the box's middle if the
    settings are ours (published: a mean of easy tasks given by an expert, else one random task)."""
    start_high: tuple[float, ...] | None = None
    """Upper corner of it; None takes the lower one."""
    task_units: bool = False
    """Measure the step in task units (published: True)."""
    random_start: bool = False
    """Without a start given, begin at a random task and not in the middle (published: True)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number("boundary_ratio", self.boundary_ratio, 0.0, 1.0)
        check_number("step_size", self.step_size, 0.0, exclude_low=True)
        check_integer("queue", self.queue, 1)
        for name in ("success_return", "failure_return"):
            if getattr(self, name) is not None:
                check_number(name, getattr(self, name))
        for name in ("start_low", "start_high"):
            corner = getattr(self, name)
            if corner is not None and not isinstance(corner, tuple):
                raise InputError(f"{name} = {corner!r} must be a tuple of numbers or None")
        if self.start_high is not None and self.start_low is None:
            raise InputError("start_high is given, start_low is not; both or neither are needed")


class ADR(Teacher):
    """A box of tasks whose faces move by what the student earns on them.

    Tasks are uniform in the box; ``boundary_ratio`` of them have one parameter on a face. When
    ``queue`` returns have been earned on a face, it moves outwards if their mean is at least
    ``success_return``, inwards if it is at most ``failure_return``, and the queue is emptied.

    Source: OpenAI, "Solving Rubik's cube with a robot hand" (2019), section 5; TeachMyAgent adr.py.
    Unlike there, a face that cannot move further still queues returns, so the box can shrink again.
    """

    name = "adr"
    settings_type = ADRSettings
    presets: ClassVar[Mapping[str, TeacherSettings]] = {
        "eyas": ADRSettings(),
        "published": ADRSettings(
            boundary_ratio=0.7,
            step_size=0.1,
            success_return=180.0,
            failure_return=0.0,
            task_units=True,
            random_start=True,
        ),
    }

    def __init__(
        self, task_space: TaskSpace, *, seed: int, settings: TeacherSettings | None = None
    ) -> None:
        super().__init__(task_space, seed=seed, settings=settings)
        own, dimension = self.settings, task_space.dimension
        success = check_success_return(self.name, own.success_return)
        failure = own.failure_return
        if failure is not None and failure >= success:
            raise InputError(f"failure_return = {failure} must be below success_return = {success}")
        self._success = self._scaled(success)
        self._failure = -np.inf if failure is None else self._scaled(failure)
        self._coordinates = Coordinates(task_space, normalised=True)
        ranges = task_space.high - task_space.low
        self._step: NDArray[np.float64] = (
            own.step_size / ranges if own.task_units else np.full(dimension, own.step_size)
        )
        self._corners: NDArray[np.float64] = np.tile(self._start(), (2, 1))
        if own.start_high is not None:
            self._corners[1] = self._corner("start_high", own.start_high)
            if (self._corners[1] < self._corners[0]).any():
                raise InputError(f"start_high = {own.start_high} must not be below start_low")
        # Returns earned on each face: low and high, by parameter.
        self._queues: list[list[list[float]]] = [[[] for _ in range(dimension)] for _ in range(2)]

    def _start(self) -> NDArray[np.float64]:
        if self.settings.start_low is not None:
            return self._corner("start_low", self.settings.start_low)
        if self.settings.random_start:
            return self._rng.random(self.task_space.dimension)
        return np.full(self.task_space.dimension, 0.5)

    def _corner(self, name: str, given: tuple[float, ...]) -> NDArray[np.float64]:
        if len(given) != self.task_space.dimension:
            raise InputError(
                f"{name} has {len(given)} numbers, but this world has {self.task_space.dimension} parameters"
            )
        return self._coordinates.from_task(self.task_space.validate(list(given)))

    def _sample(self) -> Task:
        low, high = self._corners
        point = low + (high - low) * self._rng.random(len(low))
        if self._rng.random() < self.settings.boundary_ratio:
            dimension = int(self._rng.integers(len(low)))
            point[dimension] = self._corners[int(self._rng.integers(2)), dimension]
        return self._coordinates.to_task(point)

    def _update(self, task: Task, return_: float) -> None:
        point = self._coordinates.from_task(task)
        for side in range(2):
            # What was in flight while its face moved counts for nothing.
            on_face = np.abs(point - self._corners[side]) <= FACE_TOLERANCE
            for dimension in np.flatnonzero(on_face):
                queue = self._queues[side][dimension]
                queue.append(return_)
                if len(queue) >= self.settings.queue:
                    self._move(side, int(dimension), float(np.mean(queue)))
                    queue.clear()

    def _move(self, side: int, dimension: int, mean: float) -> None:
        outwards = 1.0 if side == 1 else -1.0
        if mean >= self._success:
            change = outwards
        elif mean <= self._failure:
            change = -outwards
        else:
            return
        limits = (0.0, self._corners[1, dimension]) if side == 0 else (self._corners[0, dimension], 1.0)
        moved = self._corners[side, dimension] + change * self._step[dimension]
        self._corners[side, dimension] = min(max(moved, limits[0]), limits[1])

    def describe(self) -> dict[str, Any]:
        """``teacher``, ``episodes``, ``window_low`` and ``window_high``, the box in task units, and
        ``volume``, its share of the task space."""  # noqa: D205, D209
        low, high = self._corners
        return {
            "teacher": self.name,
            "episodes": self.episodes,
            "window_low": self._coordinates.to_task(low),
            "window_high": self._coordinates.to_task(high),
            "volume": float(np.prod(high - low)),
        }

    def _memory(self) -> dict[str, Any]:
        queues = [queue for side in self._queues for queue in side]
        return {
            "corners": self._corners.copy(),
            "queued": np.array([len(queue) for queue in queues], dtype=np.int64),
            "returns": np.array([r for queue in queues for r in queue], dtype=np.float64),
        }

    def _remember(self, memory: StateReader) -> None:
        dimension = self.task_space.dimension
        corners = memory.array("corners", (2, dimension))
        if (corners < 0.0).any() or (corners > 1.0).any() or (corners[0] > corners[1]).any():
            raise InputError("teacher state: field memory/corners must be a box in [0, 1]")
        queued = memory.array("queued", (2 * dimension,), np.int64)
        if (queued < 0).any() or (queued >= self.settings.queue).any():
            raise InputError("teacher state: field memory/queued holds more than a queue")
        returns = memory.array("returns", (int(queued.sum()),))
        parts = [part.tolist() for part in np.split(returns, np.cumsum(queued)[:-1])]
        self._corners, self._queues = corners, [parts[:dimension], parts[dimension:]]
