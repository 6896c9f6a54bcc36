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
_NEIGHBOURS, _REPORTS = 8, 4  # airframes per task of a fleet; scenarios it hears of per window


def tasks_of(airframes: Airframes) -> Array:
    """Where airframes lie in the task space, shape ``(count, 3)``; those outside lie on its border."""
    columns = (airframes.thrust_to_weight, airframes.torque_to_inertia, airframes.mass)
    return TASK_SPACE.clip(np.log(np.stack(columns, axis=1)))


class AirframeCurriculum:
    """Chooses members of a set of airframes.

    Args:
        name: of the teacher (:data:`~eyas.curricula.TEACHERS`).
        seed: of its private generator.

    Attributes:
        teacher: who chooses.
        tasks: where the airframes on offer lie, shape ``(count, 3)``.
    """

    def __init__(self, name: str, seed: int) -> None:
        self.teacher = make_teacher(name, TASK_SPACE, seed=seed)
        self.tasks: Array = np.zeros((0, TASK_SPACE.dimension))

    def offer(self, airframes: Airframes) -> None:
        """Choose from these from now on."""
        self.tasks = tasks_of(airframes)
        self._tree = cKDTree(TASK_SPACE.normalise(self.tasks))

    def choose(self, count: int, neighbours: int = 1) -> NDArray[np.int64]:
        """Members to fly next, ``count`` of them; some may come more than once.

        Args:
            count: how many, at least 1.
            neighbours: how many members fly for each task the teacher chooses, the nearest ones.
        """
        neighbours = min(neighbours, len(self.tasks))
        tasks = np.array([self.teacher.sample() for _ in range(-(-count // neighbours))])
        _, members = self._tree.query(TASK_SPACE.normalise(tasks), k=neighbours)
        return np.asarray(members, np.int64).reshape(-1)[:count]

    def report(self, tasks: Array, results: Array) -> None:
        """Tell the teacher what was achieved on tasks: returns, or costs, whose sign it ignores."""
        for task, result in zip(tasks, results.tolist(), strict=True):
            self.teacher.update(task, result)


class FleetCurriculum:
    """Chooses the airframes of a fleet whose vehicles fly one scenario after the other.

    The result of a scenario is its mean cost per step. A fleet finishes hundreds of scenarios at a
    time: the teacher hears of a few of them, and each of its tasks is flown by a few airframes.

    Args:
        name: of the teacher.
        vehicles: of the fleet.
        seed: of the teacher's generator.
    """

    def __init__(self, name: str, vehicles: int, seed: int) -> None:
        self._curriculum = AirframeCurriculum(name, seed)
        self._tasks: Array = np.zeros((vehicles, TASK_SPACE.dimension))
        self._costs: Array = np.zeros(vehicles)
        self._windows: Array = np.zeros(vehicles)

    def offer(self, airframes: Airframes) -> None:
        """Choose from these from now on; scenarios that are being flown keep their airframes."""
        self._curriculum.offer(airframes)

    def tell(self, costs: NDArray[np.floating]) -> None:
        """Note the mean cost per step of every vehicle in the window that was just flown."""
        self._costs += costs.reshape(-1)
        self._windows += 1

    def choose(self, ended: NDArray[np.int64]) -> NDArray[np.int64]:
        """The next airframes of vehicles, at least one, whose scenarios have ended."""
        known = ended[self._windows[ended] > 0]
        told = known[:: max(1, len(known) // _REPORTS)][:_REPORTS]
        self._curriculum.report(self._tasks[told], self._costs[told] / self._windows[told])
        members = self._curriculum.choose(len(ended), _NEIGHBOURS)
        self._tasks[ended] = self._curriculum.tasks[members]
        self._costs[ended] = self._windows[ended] = 0
        return members

    def state_dict(self) -> dict[str, Any]:
        """What is needed to go on, but for the airframes on offer."""
        return {
            "teacher": self._curriculum.teacher.state_dict(),
            "tasks": self._tasks,
            "costs": self._costs,
            "windows": self._windows,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from :meth:`state_dict`.

        Raises:
            InputError: the state does not fit.
        """
        self._curriculum.teacher.load_state_dict(state["teacher"])
        self._tasks[:], self._costs[:] = state["tasks"], state["costs"]
        self._windows[:] = state["windows"]
