"""What every sizer offers, agents and black-box optimizers alike: ask for designs, be told scores."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ...envs.circuit.problem import Evaluation
from ...errors import InputError


class Sizer(Protocol):
    """Chooses the designs to simulate next.

    ``ask`` and ``tell`` alternate. All randomness comes from generators of the sizer's own, so the
    same seed and the same scores give the same designs. A state is taken between ``tell`` and ``ask``.
    """

    def ask(self) -> NDArray[np.float64]:
        """Points in the unit cube to simulate next, shape ``(n, dimension)`` with any ``n >= 1``."""

    def tell(self, evaluation: Evaluation) -> None:
        """Take the outcome of all points of the last ``ask``, in their order."""

    def state(self) -> dict[str, Any]:
        """All it takes to go on later: a tree of arrays, numbers and strings."""

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from :meth:`state` of a sizer with the same problem, seed and budget.

        Raises:
            InputError: the state is of another sizer or problem.
        """


class ReplayingSizer:
    """A sizer around a library's optimizer that gives no state of its own: it is told the scores again.

    The optimizer is deterministic, so that the scores alone, in order, bring a new one to where the
    old one was; nothing is simulated again.
    """

    def __init__(self) -> None:
        self._told: list[NDArray[np.float64]] = []

    def ask(self) -> NDArray[np.float64]:
        """Points in the unit cube, shape ``(n, dimension)``."""
        raise NotImplementedError

    def tell(self, evaluation: Evaluation) -> None:
        """Take the scores of the last ``ask``."""
        self._told.append(np.array(evaluation.scores, dtype=np.float64))
        self._tell(self._told[-1])

    def state(self) -> dict[str, Any]:
        """The scores so far."""
        return {"scores": np.concatenate([np.empty(0), *self._told])}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Tell them again to a new sizer.

        Raises:
            InputError: this sizer was told something already, or its batches have other sizes.
        """
        scores = np.asarray(state["scores"], dtype=np.float64)
        if self._told:
            raise InputError("only a new sizer can be restored")
        while len(scores):
            batch = len(self.ask())
            if batch > len(scores):
                raise InputError("the saved scores do not fit the batches of this sizer")
            self._told.append(scores[:batch])
            self._tell(scores[:batch])
            scores = scores[batch:]

    def _tell(self, scores: NDArray[np.float64]) -> None:
        """Take the scores of the last ``ask``, higher is better."""
        raise NotImplementedError
