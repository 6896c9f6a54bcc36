"""The teacher protocol: choose a task, be told the return it earned."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..envs.tasks import Task, TaskSpace
from ..errors import InputError
from .checks import check_integer, check_number
from .state import StateReader

STATE_VERSION = 1
"""Goes up when the meaning of a saved state changes."""


@dataclass(frozen=True, kw_only=True)
class TeacherSettings:
    """What every teacher can be told. Each teacher's settings derive from it."""

    return_range: tuple[float, float] | None = None
    """Returns are clipped to (low, high) and mapped to [0, 1] before the teacher sees them; None
    passes them on as they are. teachDeepRL: (-150, 350) for every teacher but the Oracle."""

    def __post_init__(self) -> None:
        if self.return_range is not None:
            if not isinstance(self.return_range, tuple) or len(self.return_range) != 2:
                raise InputError(
                    f"return_range = {self.return_range!r} must be a (low, high) pair or None"
                )
            for bound in self.return_range:
                check_number("return_range", bound)
            if self.return_range[0] >= self.return_range[1]:
                raise InputError(f"return_range = {self.return_range!r} must have low < high")


class Teacher(ABC):
    """Chooses tasks for a student.

    ``sample`` gives the next task; when an episode on it has ended, ``update`` is told the task and
    the return. Any number of tasks may be in flight, and results may arrive in any order, because
    each comes with its task. All randomness comes from one private generator, so the same seed and
    the same sequence of calls give the same tasks.

    Attributes:
        task_space: the box the tasks come from.
        settings: the frozen settings of this teacher.
        episodes: how many results it has been told.
    """

    name: ClassVar[str]
    """How the command line calls this teacher."""
    settings_type: ClassVar[type[TeacherSettings]] = TeacherSettings
    may_scout: bool = False
    """Whether :meth:`scouts` can be true."""
    wants_scores: bool = False
    """Whether :meth:`update_score` makes a difference."""
    presets: ClassVar[Mapping[str, TeacherSettings]]
    """Settings by name: "eyas" for ours, "published" for those of the paper or its code."""

    def __init__(
        self, task_space: TaskSpace, *, seed: int, settings: TeacherSettings | None = None
    ) -> None:
        check_integer("seed", seed, 0)
        settings = self.presets["eyas"] if settings is None else settings
        if type(settings) is not self.settings_type:
            raise InputError(
                f"the {self.name} teacher takes {self.settings_type.__name__}, got {type(settings).__name__}"
            )
        if task_space.dimension < 1:
            raise InputError(
                "a teacher needs a task space of at least one parameter, this one has none"
            )
        self.task_space = task_space
        self.settings: Any = settings
        self.episodes = 0
        self._rng = np.random.Generator(np.random.PCG64(int(seed)))

    def sample(self) -> Task:
        """Choose the next task: float64, shape ``(dimension,)``, inside the task space."""
        return self.task_space.clip(self._sample())

    def update(self, task: ArrayLike, return_: float) -> None:
        """Learn that an episode on ``task`` earned the undiscounted return ``return_``.

        Raises:
            InputError: the task is not in the task space, or the return is NaN or infinite.
        """
        checked = self.task_space.validate(task)
        check_number("return_", return_)
        self._update(checked, self._scaled(float(return_)))
        self.episodes += 1

    def scouts(self, task: Task) -> bool:
        """Whether the episode on ``task``, just sampled, is only to look at.

        Ask right after ``sample``. The student plays such an episode but does not learn from it; it
        counts in every budget all the same. False for all teachers that do not say otherwise.
        """
        return False

    def update_score(self, task: ArrayLike, score: float) -> None:
        """Learn the student's own measure of what ``task`` has to teach.

        Such as its mean positive advantage in an episode on it. It may come long after ``update``,
        or never.

        Raises:
            InputError: the task is not in the task space, or the score is NaN or infinite.
        """
        checked = self.task_space.validate(task)
        check_number("score", score)
        self._update_score(checked, float(score))

    def _update_score(self, task: Task, score: float) -> None:  # noqa: B027 - may stay empty
        """Only teachers that replay tasks by such a score make use of it."""

    def _scaled(self, return_: float) -> float:
        """A return, or a threshold of returns, as the teacher sees it."""
        if self.settings.return_range is None:
            return return_
        low, high = self.settings.return_range
        return min(max((return_ - low) / (high - low), 0.0), 1.0)

    @abstractmethod
    def _sample(self) -> Task:
        """Choose a task; the caller clips it to the box."""

    @abstractmethod
    def _update(self, task: Task, return_: float) -> None:
        """Learn from a checked task and a scaled return; ``episodes`` does not count it yet."""

    @abstractmethod
    def _memory(self) -> dict[str, Any]:
        """What the teacher has learnt, as JSON values and numpy arrays."""

    @abstractmethod
    def _remember(self, memory: StateReader) -> None:
        """Take over what ``_memory`` gave; checks all of it before it changes anything."""

    @abstractmethod
    def describe(self) -> dict[str, Any]:
        """A small summary for progress displays and figures, in task units.

        Always has ``teacher`` and ``episodes``; the rest is documented by each teacher.
        """

    def state_dict(self) -> dict[str, Any]:
        """Everything needed to go on bit for bit: nested dicts of JSON values and numpy arrays."""
        return {
            "version": STATE_VERSION,
            "teacher": self.name,
            "settings": settings_to_json(self.settings),
            "task_space": {
                "names": list(self.task_space.names),
                "low": self.task_space.low.copy(),
                "high": self.task_space.high.copy(),
            },
            "episodes": self.episodes,
            "generator": self._rng.bit_generator.state,
            "memory": self._memory(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue where the teacher that gave ``state`` stood. On an error nothing is changed.

        Raises:
            InputError: the state is corrupt, or of another version, teacher, task space or settings.
        """
        reader = StateReader(state)
        version = reader.plain("version")
        if version != STATE_VERSION:
            raise InputError(f"teacher state: version {version!r} cannot be read, only {STATE_VERSION}")
        if (teacher := reader.text("teacher")) != self.name:
            raise InputError(f"teacher state: it is a {teacher} teacher's, this teacher is {self.name}")
        self._compare_settings(reader.level("settings"))
        self._compare_space(reader.level("task_space"))
        episodes = reader.integer("episodes", 0)
        generator = reader.generator("generator")
        self._remember(reader.level("memory"))
        self.episodes = episodes
        self._rng = generator

    def _compare_settings(self, stored: StateReader) -> None:
        for field, ours in settings_to_json(self.settings).items():
            theirs = stored.plain(field)
            if theirs != ours:
                raise InputError(
                    f"teacher state: saved with {field} = {theirs}, this teacher has {ours}"
                )

    def _compare_space(self, stored: StateReader) -> None:
        names = stored.plain("names")
        if names != list(self.task_space.names):
            raise InputError(
                f"teacher state: saved for the parameters {names}, this world has"
                f" {list(self.task_space.names)}"
            )
        for key, ours in (("low", self.task_space.low), ("high", self.task_space.high)):
            theirs = stored.array(key, (self.task_space.dimension,))
            for name, a, b in zip(self.task_space.names, theirs, ours, strict=True):
                if a != b:
                    raise InputError(
                        f"teacher state: saved with {key} bound {a:g} of {name}, this world has {b:g}"
                    )


def check_success_return(teacher: str, success_return: float | None) -> float:
    """The return above which an episode is a success, for a teacher that cannot do without.

    Raises:
        InputError: it was not given.
    """
    if success_return is None:
        raise InputError(
            f"the {teacher} teacher needs success_return, the return above which an episode is a success"
        )
    return success_return


def settings_to_json(settings: TeacherSettings) -> dict[str, Any]:
    """Settings as JSON values: tuples become lists."""
    return {
        field: list(value) if isinstance(value, tuple) else value
        for field, value in dataclasses.asdict(settings).items()
    }


class Coordinates:
    """The coordinates in which a teacher measures distances and fits Gaussians.

    Either the task units, or every dimension mapped to [0, 1] so that none outweighs another.

    Attributes:
        low: float64, shape ``(dimension,)``.
        high: float64, shape ``(dimension,)``.
        scale: task units per unit of these coordinates, shape ``(dimension,)``.
    """

    def __init__(self, task_space: TaskSpace, *, normalised: bool) -> None:
        dimension = task_space.dimension
        self.low: NDArray[np.float64] = np.zeros(dimension) if normalised else task_space.low
        self.high: NDArray[np.float64] = np.ones(dimension) if normalised else task_space.high
        self.scale: NDArray[np.float64] = (
            task_space.high - task_space.low if normalised else np.ones(dimension)
        )
        self._origin = task_space.low if normalised else np.zeros(dimension)

    def from_task(self, task: Task) -> NDArray[np.float64]:
        """Map tasks (any leading shape) to these coordinates."""
        return (task - self._origin) / self.scale

    def to_task(self, point: NDArray[np.float64]) -> Task:
        """Map points (any leading shape) back to task units."""
        return self._origin + point * self.scale


def draw_in_proportion(weights: NDArray[np.float64], rng: np.random.Generator) -> int:
    """Draw an index in proportion to weights of shape ``(n,)``; uniformly if none is positive."""
    cumulated = np.cumsum(weights)
    total = cumulated[-1]
    if not total > 0.0:
        return int(rng.integers(len(weights)))
    return int(min(np.searchsorted(cumulated, rng.random() * total, side="right"), len(weights) - 1))
