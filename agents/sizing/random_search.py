"""Random search: independent uniform points, that is log-uniform sizes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...envs.circuit.problem import Evaluation, SizingProblem

BATCH = 64


class RandomSizer:
    """Draws designs and learns nothing.

    Args:
        problem: what is sized.
        seed: of the draws.
        budget: unused, as for every sizer without a schedule.
    """

    def __init__(self, problem: SizingProblem, seed: int, budget: int) -> None:
        self._dimension = problem.dimension
        self._rng = np.random.default_rng(seed)

    def ask(self) -> NDArray[np.float64]:
        """The next 64 points, shape ``(64, dimension)``."""
        return self._rng.random((BATCH, self._dimension))

    def tell(self, evaluation: Evaluation) -> None:
        """Nothing to learn."""

    def state(self) -> dict[str, Any]:
        """That of the generator."""
        return {"rng": self._rng.bit_generator.state}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on with the draws."""
        self._rng.bit_generator.state = state["rng"]
