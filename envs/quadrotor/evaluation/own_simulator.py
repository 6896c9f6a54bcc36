"""The compiled dynamics of ``envs.quadrotor`` behind the interface of the evaluation."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...jit import kernel
from ..airframe import Airframes
from ..dynamics import (
    ACCELERATION,
    ANGULAR_VELOCITY,
    LINEAR_VELOCITY,
    LOAD_ROWS,
    ORIENTATION,
    POSITION,
    POWER,
    ROTOR_SPEED,
    STATE_ROWS,
    four,
    pack,
    rotation,
    step_block,
    three,
)
from ..lanes import LANES, to_blocks
from .simulator import ACTION_SIZE, OBSERVATION_SIZE, PREVIOUS_ACTION, Array

_GUIDED = 0.1
_LARGEST_POSITION, _LARGEST_ANGLE, _LARGEST_VELOCITY, _LARGEST_ROTOR = 0.5, 1.0, 1.0, 0.5


class OwnSimulator:
    """One copy of each of some airframes in the compiled dynamics.

    Args:
        airframes: who flies.
    """

    def __init__(self, airframes: Airframes) -> None:
        self._airframes = airframes
        self._frames = to_blocks(pack(airframes))
        self._observation = np.zeros((len(airframes), OBSERVATION_SIZE), np.float32)
        self.start_hover()

    @property
    def airframes(self) -> Airframes:
        """Who flies."""
        return self._airframes

    def start_hover(self) -> None:
        """Put everybody at the origin, level and at rest, rotors at hover speed; no force acts."""
        states = np.zeros((STATE_ROWS, len(self._airframes)))
        states[ORIENTATION] = 1
        states[ROTOR_SPEED:] = self._airframes.hover_throttle
        self._start(states, np.zeros((3, len(self._airframes))))

    def start_recovery(self, seed: int, force_std: NDArray[np.float64] | None) -> None:
        """Draw l2f's initial states, see :meth:`Simulator.start_recovery`."""
        count = len(self._airframes)
        rng = np.random.default_rng(seed)
        states = np.zeros((STATE_ROWS, count))
        states[POSITION : POSITION + 3] = rng.uniform(-_LARGEST_POSITION, _LARGEST_POSITION, (3, count))
        axis = rng.normal(size=(3, count))
        axis /= np.linalg.norm(axis, axis=0)
        half = rng.uniform(0, _LARGEST_ANGLE, count) / 2
        states[ORIENTATION] = np.cos(half)
        states[ORIENTATION + 1 : ORIENTATION + 4] = np.sin(half) * axis
        velocities = rng.uniform(-_LARGEST_VELOCITY, _LARGEST_VELOCITY, (6, count))
        states[LINEAR_VELOCITY : LINEAR_VELOCITY + 3] = velocities[:3]
        states[ANGULAR_VELOCITY : ANGULAR_VELOCITY + 3] = velocities[3:]
        guided = rng.random(count) < _GUIDED
        states[:ROTOR_SPEED, guided] = 0
        states[ORIENTATION, guided] = 1
        states[ROTOR_SPEED:] = rng.uniform(0, _LARGEST_ROTOR, (4, count))
        force = rng.normal(size=(3, count)) * (0 if force_std is None else force_std)
        self._start(states, force)

    def set_state(
        self, position: Array, orientation: Array, velocity: Array, rates: Array, rotors: Array
    ) -> None:
        """Put every vehicle somewhere; force and previous action stay.

        Args:
            position: in the world (m), shape ``(count, 3)``.
            orientation: quaternions (w, x, y, z), body to world, shape ``(count, 4)``.
            velocity: in the world (m/s), shape ``(count, 3)``.
            rates: angular velocity in the body (rad/s), shape ``(count, 3)``.
            rotors: speeds in [0, 1], shape ``(count, 4)``.
        """
        rows = np.hstack([position, orientation, velocity, rates, rotors]).T
        self._states = to_blocks(rows.astype(np.float32))

    def observe(self) -> Array:
        """The true state, shape ``(count, 22)``; overwritten by the next call."""
        _look(self._states, self._observation)
        return self._observation

    def step(self, actions: Array) -> None:
        """Fly 10 ms."""
        _advance(self._frames, self._loads, np.ascontiguousarray(actions), self._states)
        self._observation[:, PREVIOUS_ACTION] = actions

    def _start(self, states: NDArray[np.float64], force: NDArray[np.float64]) -> None:
        loads = np.zeros((LOAD_ROWS, len(self._airframes)))
        loads[ACCELERATION : ACCELERATION + 3] = force / self._airframes.mass
        loads[POWER:] = 1
        self._loads = to_blocks(loads.astype(np.float32))
        self._states = to_blocks(states.astype(np.float32))
        # The rotors seem to follow a command given long ago.
        self._observation[:, PREVIOUS_ACTION] = 2 * states[ROTOR_SPEED:].T - 1


@kernel
def _advance(
    frames: NDArray[np.float32],
    loads: NDArray[np.float32],
    actions: NDArray[np.float32],
    states: NDArray[np.float32],
) -> None:
    """One step of all blocks; actions have shape ``(count, 4)``."""
    rows = np.zeros(ACTION_SIZE * LANES, np.float32)
    for b in range(states.shape[0]):
        for lane in range(min(LANES, actions.shape[0] - b * LANES)):
            for k in range(ACTION_SIZE):
                rows[k * LANES + lane] = actions[b * LANES + lane, k]
        step_block(frames[b], loads[b], rows, states[b])


@kernel
def _look(states: NDArray[np.float32], observations: NDArray[np.float32]) -> None:
    """Write the first 18 columns of observations, shape ``(count, 22)``."""
    for i in range(observations.shape[0]):
        block, lane = states[i // LANES], i % LANES
        p = three(block, POSITION, lane)
        turned = rotation(four(block, ORIENTATION, lane))
        v = three(block, LINEAR_VELOCITY, lane)
        w = three(block, ANGULAR_VELOCITY, lane)
        for k in range(3):
            observations[i, k] = p[k]
            for j in range(3):
                observations[i, 3 + 3 * k + j] = turned[k][j]
            observations[i, 12 + k] = v[k]
            observations[i, 15 + k] = w[k]
