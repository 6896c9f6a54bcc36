"""The random teacher: the baseline every curriculum has to beat."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from ..envs.tasks import Task
from .state import StateReader
from .teacher import Teacher, TeacherSettings


class RandomTeacher(Teacher):
    """Draws tasks uniformly from the box and learns nothing (domain randomisation).

    ``describe`` gives ``teacher`` and ``episodes``.
    """

    name = "random"
    presets: ClassVar[Mapping[str, TeacherSettings]] = {
        "eyas": TeacherSettings(),
        "published": TeacherSettings(return_range=(-150.0, 350.0)),
    }

    def _sample(self) -> Task:
        return self.task_space.sample(self._rng)

    def _update(self, task: Task, return_: float) -> None:
        pass  # a uniform draw does not depend on results

    def describe(self) -> dict[str, Any]:
        """``teacher`` and ``episodes``; there is nothing else to tell."""
        return {"teacher": self.name, "episodes": self.episodes}

    def _memory(self) -> dict[str, Any]:
        return {}

    def _remember(self, memory: StateReader) -> None:
        pass
