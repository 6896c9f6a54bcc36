"""CMA-ES (Hansen 2016) by the ``cma`` package, restarted with a doubled population."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...envs.circuit.problem import SizingProblem
from .sizer import ReplayingSizer

SIGMA = 0.3
"""Initial step size, of the unit cube's edge."""


class CMAESSizer(ReplayingSizer):
    """Covariance matrix adaptation with increasing populations (IPOP, Auger and Hansen 2005).

    The first search starts in the middle of the box, each restart at a random point with twice the
    population; when it ends is left to the package's default criteria.

    Args:
        problem: what is sized.
        seed: of the samples and the starting points.
        budget: unused.
    """

    def __init__(self, problem: SizingProblem, seed: int, budget: int) -> None:
        super().__init__()
        self._dimension = problem.dimension
        self._rng = np.random.default_rng(seed)
        self._population = 4 + int(3 * np.log(problem.dimension))
        self._search = self._start(np.full(problem.dimension, 0.5))

    def ask(self) -> NDArray[np.float64]:
        """One generation, shape ``(population, dimension)``."""
        self._points = self._search.ask()
        return np.clip(np.array(self._points), 0.0, 1.0)

    def _tell(self, scores: NDArray[np.float64]) -> None:
        self._search.tell(self._points, (-scores).tolist())
        if self._search.stop():
            self._population *= 2
            self._search = self._start(self._rng.random(self._dimension))

    def _start(self, centre: NDArray[np.float64]) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of optional plotting
            import cma
        options = {
            "bounds": [0.0, 1.0],
            "popsize": self._population,
            "randn": lambda *shape: self._rng.standard_normal(shape),
            "seed": np.nan,  # leaves numpy's global generator alone
            "verbose": -9,
            "verb_log": 0,
        }
        return cma.CMAEvolutionStrategy(centre, SIGMA, options)
