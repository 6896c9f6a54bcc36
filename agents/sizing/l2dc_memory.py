"""L2DC's replay memory: every simulation of the run, and scores on a scale that a critic can resolve."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import ndtri
from torch import Tensor

from ...errors import InputError
from .l2dc_network import LOCAL, Floats, Layout

_SAVED = ("local", "shared", "actions", "scores", "first")


class Minibatch(NamedTuple):
    """Transitions drawn at random."""

    before: tuple[Tensor, Tensor]
    """What was seen, of each component and of the circuit."""
    actions: Tensor
    """Shape ``(n, dimension)``."""
    scores: Tensor
    """Of the designs that followed, as normal quantiles; shape ``(n,)``."""
    after: tuple[Tensor, Tensor]
    """What was seen of those designs."""


class Memory:
    """Rounds of simulations, one of each episode that runs.

    Args:
        capacity: simulations that there can be.
        episodes: simulations of a round.
        layout: of the circuit.
    """

    def __init__(self, capacity: int, episodes: int, layout: Layout) -> None:
        rows = -(-capacity // episodes) * episodes
        self.count = 0
        """Simulations so far."""
        self.local = np.zeros((rows, layout.length, LOCAL), np.float32)
        self.shared = np.zeros((rows, layout.shared), np.float32)
        self.actions = np.zeros((rows, len(layout.component)), np.float32)
        self.scores = np.zeros(rows)
        self.first = np.zeros(rows, dtype=bool)
        """Whether an episode began with this design."""
        self._episodes = episodes
        self._ordered = np.empty(0)

    def add(
        self,
        actions: Floats,
        scores: NDArray[np.float64],
        after: tuple[Floats, Floats],
        first: bool,
    ) -> None:
        """Add a round."""
        rows = slice(self.count, self.count + self._episodes)
        self.actions[rows], self.scores[rows], self.first[rows] = actions, scores, first
        self.local[rows], self.shared[rows] = after
        self.count = rows.stop
        self._ordered = np.sort(self.scores[: self.count])

    def quantiles(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """Normal quantiles of the ranks that scores have among all so far; equal ones share a rank."""
        below = np.searchsorted(self._ordered, scores, "left")
        up_to = np.searchsorted(self._ordered, scores, "right")
        ranks = np.clip((below + up_to) / 2, 0.5, self.count - 0.5)
        return np.asarray(ndtri(ranks / self.count))

    def draw(self, rng: np.random.Generator, size: int) -> Minibatch:
        """Transitions with equal chances."""
        rows = rng.integers(self.count, size=size)
        earlier = rows - self._episodes  # the same episode's design before
        begins = self.first[rows]
        before = tuple(
            torch.from_numpy(np.where(begins.reshape(-1, *[1] * (seen.ndim - 1)), 0, seen[earlier]))
            for seen in (self.local, self.shared)
        )
        scores = self.quantiles(self.scores[rows]).astype(np.float32)
        return Minibatch(
            before=(before[0], before[1]),
            actions=torch.from_numpy(self.actions[rows]),
            scores=torch.from_numpy(scores),
            after=(torch.from_numpy(self.local[rows]), torch.from_numpy(self.shared[rows])),
        )

    def state(self) -> dict[str, NDArray[Any]]:
        """Its contents."""
        return {name: getattr(self, name)[: self.count].copy() for name in _SAVED}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Hold what :meth:`state` gave.

        Raises:
            InputError: it holds more than this memory can, or another circuit's.
        """
        for name in _SAVED:
            own, saved = getattr(self, name), state[name]
            if len(saved) > len(own) or saved.shape[1:] != own.shape[1:]:
                raise InputError(
                    f"the saved memory ({name}: {saved.shape}) does not fit this one: {own.shape}"
                )
            own[: len(saved)] = saved
        self.count = len(state["scores"])
        self._ordered = np.sort(self.scores[: self.count])
