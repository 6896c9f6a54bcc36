"""Observations as they occur, by which the fixed-point formats choose their scales."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .host.worlds import drive, is_quadrotor_policy
from .network import Network
from .reference import FloatReference

Array = NDArray[np.float32]

VEHICLES = 64
SEED = 1
"""Of the vehicles; others than those that an export is judged by."""
_EVERY = 16
"""One step in so many is kept."""


def calibrate(network: Network) -> Array | None:
    """What a quadrotor's policy observes in recoveries, hovers and figure-eights.

    Returns:
        shape ``(any, observation size)``; None for other policies, whose world is not known here.
    """
    if not is_quadrotor_policy(network):
        return None
    recorder = _Recorder(FloatReference(network))
    drive(network, recorder, VEHICLES, SEED)
    return np.concatenate(recorder.rows)


class _Recorder:
    """A pilot that keeps some of what it sees."""

    def __init__(self, reference: FloatReference) -> None:
        self._reference = reference
        self._steps = 0
        self.rows: list[Array] = []

    def initial_state(self, count: int) -> Array:
        return self._reference.initial_state(count)

    def step(self, observations: Array, memory: Array) -> tuple[Array, Array]:
        if self._steps % _EVERY == 0:
            self.rows.append(observations.copy())
        self._steps += 1
        return self._reference.step(observations, memory)
