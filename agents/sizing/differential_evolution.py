"""Differential evolution (Storn and Price 1997) by scipy, restarted when it has converged."""

from __future__ import annotations

import queue
import threading
import weakref

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import differential_evolution

from ...envs.circuit.problem import SizingProblem
from .sizer import ReplayingSizer

POPULATION = 4
"""Points for each free variable."""

Points = NDArray[np.float64]


class DifferentialEvolutionSizer(ReplayingSizer):
    """scipy's strategy "best1bin" with a population of 4 for each variable, a generation at a time.

    scipy calls the function that it minimises, so it runs in a thread of its own that hands each
    generation over and waits for the scores. Once its population has converged, by scipy's default
    tolerance, it starts again from a new one; the best so far is not kept in it.

    Args:
        problem: what is sized.
        seed: of the populations and trials.
        budget: unused.
    """

    def __init__(self, problem: SizingProblem, seed: int, budget: int) -> None:
        super().__init__()
        generations: queue.SimpleQueue[Points] = queue.SimpleQueue()
        losses: queue.SimpleQueue[Points | None] = queue.SimpleQueue()
        rng = np.random.default_rng(seed)
        self._generations, self._losses = generations, losses
        arguments = (problem.dimension, rng, generations, losses)
        threading.Thread(target=_search, args=arguments, daemon=True).start()
        weakref.finalize(self, losses.put, None)

    def ask(self) -> Points:
        """One generation, shape ``(4 dimension, dimension)``."""
        return self._generations.get()

    def _tell(self, scores: Points) -> None:
        self._losses.put(-scores)


class _Abandoned(Exception):  # noqa: N818
    """Nobody waits for the search any more."""


def _search(
    dimension: int,
    rng: np.random.Generator,
    generations: queue.SimpleQueue[Points],
    losses: queue.SimpleQueue[Points | None],
) -> None:
    """Minimise again and again what the queue gives, until it gives None."""

    def losses_of(points: Points) -> Points:
        # Points come as columns; outside of the box there are rounding errors at most.
        generations.put(np.clip(points.T, 0.0, 1.0))
        values = losses.get()
        if values is None:
            raise _Abandoned
        return values

    try:
        while True:
            differential_evolution(
                losses_of,
                [(0.0, 1.0)] * dimension,
                popsize=POPULATION,
                maxiter=1_000_000,
                rng=rng,
                polish=False,
                updating="deferred",
                vectorized=True,
            )
    except _Abandoned:
        pass
