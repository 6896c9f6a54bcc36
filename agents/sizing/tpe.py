"""Tree-structured Parzen estimator (Bergstra et al. 2011), the multivariate one of optuna."""

from __future__ import annotations

import warnings

import numpy as np
import optuna
from numpy.typing import NDArray

from ...envs.circuit.problem import SizingProblem
from .sizer import ReplayingSizer


class TPESizer(ReplayingSizer):
    """optuna's defaults with one density over all variables, one simulation at a time.

    A choice takes time in proportion to the simulations so far: thousands of them are slow.

    Args:
        problem: what is sized.
        seed: of the sampler.
        budget: unused.
    """

    def __init__(self, problem: SizingProblem, seed: int, budget: int) -> None:
        super().__init__()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            sampler = optuna.samplers.TPESampler(seed=seed, multivariate=True)
        verbosity = optuna.logging.get_verbosity()
        optuna.logging.set_verbosity(optuna.logging.WARNING)  # it announces the study otherwise
        self._study = optuna.create_study(direction="maximize", sampler=sampler)
        optuna.logging.set_verbosity(verbosity)
        self._space: dict[str, optuna.distributions.BaseDistribution] = {
            name: optuna.distributions.FloatDistribution(0.0, 1.0) for name in problem.names
        }

    def ask(self) -> NDArray[np.float64]:
        """One point, shape ``(1, dimension)``."""
        self._trial = self._study.ask(self._space)
        return np.array([[self._trial.params[name] for name in self._space]])

    def _tell(self, scores: NDArray[np.float64]) -> None:
        self._study.tell(self._trial, float(scores[0]))
