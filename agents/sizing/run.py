"""Run a sizer for a number of simulations and keep the history."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...envs.circuit.problem import Evaluation, SizingProblem
from ...errors import InputError
from .sizer import Sizer

SAVED = ("scores", "feasible", "unit")


class History:
    """Every simulation of a run, in order.

    Args:
        dimension: of the problem.
        budget: how many simulations there can be.
    """

    def __init__(self, dimension: int, budget: int) -> None:
        if budget < 1:
            raise InputError(f"a budget of {budget} simulations must be at least 1")
        self.budget = budget
        self.count = 0
        """Simulations so far."""
        self.seconds = 0.0
        """Wall time of the sizer and the simulator."""
        self.best_design = np.empty(0)
        """The design with the highest score, all variables of its topology; empty at the start."""
        self._scores = np.empty(budget)
        self._feasible = np.empty(budget, dtype=bool)
        self._unit = np.empty((budget, dimension))

    @property
    def scores(self) -> NDArray[np.float64]:
        """Score of each simulation, shape ``(count,)``."""
        return self._scores[: self.count]

    @property
    def feasible(self) -> NDArray[np.bool_]:
        """Whether each met all hard constraints, shape ``(count,)``."""
        return self._feasible[: self.count]

    @property
    def unit(self) -> NDArray[np.float64]:
        """The points in the unit cube, shape ``(count, dimension)``."""
        return self._unit[: self.count]

    @property
    def best_so_far(self) -> NDArray[np.float64]:
        """The highest score up to each simulation, shape ``(count,)``."""
        return np.asarray(np.maximum.accumulate(self.scores))

    @property
    def best_index(self) -> int:
        """Which simulation has the highest score, the first of equals."""
        return int(np.argmax(self.scores))

    @property
    def best_score(self) -> float:
        """The highest score; minus infinity before the first simulation."""
        return float(self.scores[self.best_index]) if self.count else -np.inf

    @property
    def best_unit(self) -> NDArray[np.float64]:
        """The point with the highest score, shape ``(dimension,)``."""
        return self.unit[self.best_index]

    def append(self, evaluation: Evaluation) -> None:
        """Add a batch."""
        batch = slice(self.count, self.count + len(evaluation.scores))
        best = int(np.argmax(evaluation.scores))
        if evaluation.scores[best] > self.best_score:
            self.best_design = np.array(evaluation.designs[best])
        self._scores[batch] = evaluation.scores
        self._feasible[batch] = evaluation.feasible
        self._unit[batch] = evaluation.unit
        self.count = batch.stop

    def state(self) -> dict[str, Any]:
        """A tree of arrays and numbers."""
        return {
            **{name: np.array(getattr(self, name)) for name in SAVED},
            "best_design": np.array(self.best_design),
            "seconds": self.seconds,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Become the history that :meth:`state` was taken of.

        Raises:
            InputError: it has more simulations than this budget, or other dimensions.
        """
        count, dimension = np.shape(state["unit"])
        if count > self.budget or dimension != self._unit.shape[1]:
            raise InputError(
                f"the saved history of {count} simulations of {dimension} variables does not fit"
                f" {self.budget} of {self._unit.shape[1]}"
            )
        self.count = count
        for name in SAVED:
            getattr(self, f"_{name}")[:count] = state[name]
        self.best_design = np.array(state["best_design"])
        self.seconds = float(state["seconds"])


def run_sizer(
    sizer: Sizer,
    problem: SizingProblem,
    budget: int,
    on_batch: Callable[[History], None] | None = None,
    *,
    history: History | None = None,
) -> History:
    """Simulate what the sizer asks for until the budget is spent.

    The last batch is cut to what is left of the budget; the sizer is not told of it then.

    Args:
        sizer: chooses the designs.
        problem: simulates and scores them.
        budget: simulations in total.
        on_batch: called after every batch. To go on after an interruption, save ``sizer.state()`` and
            ``history.state()`` here.
        history: of the same run so far, with the sizer restored to where it was.

    Returns:
        The history: a new one, or the given one continued.

    Raises:
        InputError: the budget is below 1 or not the history's.
    """
    if history is None:
        history = History(problem.dimension, budget)
    elif history.budget != budget:
        raise InputError(f"the history is of {history.budget} simulations, not of {budget}")
    while (left := budget - history.count) > 0:
        start = time.perf_counter()
        points = sizer.ask()
        evaluation = problem.evaluate(points[:left])
        if len(points) <= left:
            sizer.tell(evaluation)
        history.seconds += time.perf_counter() - start
        history.append(evaluation)
        if on_batch is not None:
            on_batch(history)
    return history
