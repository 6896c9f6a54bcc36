"""What an evaluation needs of a simulator of many quadrotors."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ..airframe import Airframes

Array = NDArray[np.float32]

STEP_SECONDS = 0.01
"""Between two decisions."""
POSITION = slice(0, 3)
ROTATION = slice(3, 12)
LINEAR_VELOCITY = slice(12, 15)
ANGULAR_VELOCITY = slice(15, 18)
PREVIOUS_ACTION = slice(18, 22)
"""Where in an observation what stands; the layout is that of
``policies.quadrotor_metadata.OBSERVATION``."""
OBSERVATION_SIZE, ACTION_SIZE = 22, 4


class Simulator(Protocol):
    """One copy of each of some airframes, all stepped together, without resets of its own."""

    @property
    def airframes(self) -> Airframes:
        """Who flies, in the order of all rows."""

    def start_hover(self) -> None:
        """Put everybody at the origin, level and at rest, rotors at hover speed; no force acts."""

    def start_recovery(self, seed: int, force_std: NDArray[np.float64] | None) -> None:
        """Draw l2f's initial states (rl-tools, ``environments/l2f``, ``sample_initial_state``).

        Position within 0.5 m per axis, attitude within 1 rad, velocities within 1 m/s and 1 rad/s,
        rotors at 0 to 50 %; one time in ten at the origin, level and at rest.

        Args:
            seed: of the draw.
            force_std: standard deviation of the constant disturbance force per axis (N), shape
                ``(count,)``; None for no force.
        """

    def observe(self) -> Array:
        """The true state as the 22 numbers of an observation, shape ``(count, 22)``.

        Position and velocity are those in the world. The array may be overwritten by the next call.
        """

    def step(self, actions: Array) -> None:
        """Fly 10 ms.

        Args:
            actions: within [-1, 1], shape ``(count, 4)``.
        """
