"""A teacher of the curriculum chooses airframes: where the student's progress is largest.

The task is what an airframe flies like: thrust-to-weight, torque-to-inertia and mass. The teacher
chooses such tasks; of a given set of airframes, those nearest to them fly.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from ...curricula import make_teacher
from ...envs.quadrotor.airframe import Airframes
from ...envs.tasks import Parameter, TaskSpace

Array = NDArray[np.float64]

TASK_SPACE = TaskSpace(
    (
        Parameter("log_thrust_to_weight", np.log(1.1), np.log(12.0), np.log(3.0), "1"),
        Parameter("log_torque_to_inertia", np.log(40.0), np.log(1200.0), np.log(400.0), "rad/s^2"),
        Parameter("log_mass", np.log(0.02), np.log(5.0), np.log(1.0), "kg"),
    )
)
"""Natural logarithms; the units are those of the quantities themselves."""
_NEIGHBOURS = 8
"""Airframes that fly for one task where many are wanted at once."""


def tasks_of(airframes: Airframes) -> Array:
    """Where airframes lie in the task space, shape ``(count, 3)``; those outside lie on its border."""
    columns = (airframes.thrust_to_weight, airframes.torque_to_inertia, airframes.mass)
    return TASK_SPACE.clip(np.log(np.stack(columns, axis=1)))


class AirframeCurriculum:
    """Chooses members of a set of airframes.

    Args:
        name: of the teacher (:data:`~eyas.curricula.TEACHERS`).
        seed: of its private generator.
    """

    def __init__(self, name: str, seed: int) -> None:
        self.teacher = make_teacher(name, TASK_SPACE, seed=seed)
        self._tasks: Array = np.zeros((0, TASK_SPACE.dimension))

    def offer(self, airframes: Airframes) -> None:
        """Choose from these from now on."""
        self._tasks = tasks_of(airframes)
        self._tree = cKDTree(TASK_SPACE.normalise(self._tasks))

    def choose(self, count: int, neighbours: int = _NEIGHBOURS) -> NDArray[np.int64]:
        """Members to fly next, ``count`` of them; some may come more than once.

        Args:
            count: how many.
            neighbours: how many members fly for each task, the nearest ones.
        """
        neighbours = min(neighbours, len(self._tasks))
        tasks = np.array([self.teacher.sample() for _ in range(-(-count // neighbours))])
        if not count:
            return np.zeros(0, np.int64)
        _, members = self._tree.query(TASK_SPACE.normalise(tasks), k=neighbours)
        return np.asarray(members, np.int64).reshape(-1)[:count]

    def report(self, members: NDArray[np.int64], results: Array) -> None:
        """Tell the teacher what members achieved: returns, or costs, whose sign does not matter to it."""
        for member, result in zip(members.tolist(), results.tolist(), strict=True):
            self.teacher.update(self._tasks[member], result)

    def state_dict(self) -> dict[str, Any]:
        """The teacher's state; the set of airframes is to be offered again."""
        return self.teacher.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from :meth:`state_dict`.

        Raises:
            InputError: the state does not fit.
        """
        self.teacher.load_state_dict(state)
