"""One quadrotor by itself: its state, who may fly it, and the one of the compiled dynamics."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...errors import InputError
from ..jit import kernel
from .airframe import Airframe, Airframes
from .dynamics import LOAD_ROWS, POWER, pack, step_block
from .lanes import from_blocks, to_blocks

Array = NDArray[np.float64]
Rows = NDArray[np.float32]

CONTROL_STEP = 0.01
"""Seconds between two actions."""


class VehicleState(NamedTuple):
    """Where a quadrotor is and how it moves."""

    position: Array
    """World (m), shape ``(3,)``."""
    quaternion: Array
    """(w, x, y, z), body to world, of length 1; shape ``(4,)``."""
    linear_velocity: Array
    """World (m/s), shape ``(3,)``."""
    angular_velocity: Array
    """Body (rad/s), shape ``(3,)``."""
    rotor_speeds: Array
    """Fractions of the range, 0 to 1, shape ``(4,)``."""

    @property
    def rotation(self) -> Array:
        """Body to world, shape ``(3, 3)``."""
        return rotation_matrix(self.quaternion)

    def as_array(self) -> Array:
        """All of it in a row, shape ``(17,)``."""
        return np.concatenate(self)

    @staticmethod
    def read(
        position: ArrayLike = (0, 0, 0),
        quaternion: ArrayLike = (1, 0, 0, 0),
        linear_velocity: ArrayLike = (0, 0, 0),
        angular_velocity: ArrayLike = (0, 0, 0),
        rotor_speeds: ArrayLike = (0, 0, 0, 0),
    ) -> VehicleState:
        """A state from anything array-like; the quaternion may have any length but 0.

        Raises:
            InputError: a shape is wrong or a number not finite, the quaternion is 0, or a rotor
                speed out of range.
        """
        turn = numbers("quaternion", quaternion, 4)
        length = float(np.linalg.norm(turn))
        if length == 0:
            raise InputError("quaternion = 0 is no orientation")
        rotors = numbers("rotor_speeds", rotor_speeds, 4)
        if rotors.min() < 0 or rotors.max() > 1:
            raise InputError(f"rotor_speeds = {rotors.tolist()} are not all in [0, 1]")
        return VehicleState(
            numbers("position", position, 3),
            turn / length,
            numbers("linear_velocity", linear_velocity, 3),
            numbers("angular_velocity", angular_velocity, 3),
            rotors,
        )


class Vehicle(Protocol):
    """One quadrotor, in whatever simulator; it starts at the origin, level, at rest, rotors still."""

    @property
    def airframe(self) -> Airframe:
        """Who flies."""

    @property
    def state(self) -> VehicleState:
        """Where it is; a copy."""

    def set_state(self, state: VehicleState) -> None:
        """Put it somewhere; no force acts any more."""

    def set_disturbance(self, force: ArrayLike) -> None:
        """Push with a constant force at the centre of mass, until the next :meth:`set_state`.

        Args:
            force: world (N), shape ``(3,)``.
        """

    def step(self, action: ArrayLike) -> None:
        """Fly for :data:`CONTROL_STEP`.

        Args:
            action: set-points of the rotors' speeds, -1 (still) to 1 (full), shape ``(4,)``; what
                is outside is clipped.
        """


class CompiledQuadrotor:
    """A :class:`Vehicle` in the compiled dynamics, in single precision.

    Args:
        airframe: the quadrotor.
    """

    def __init__(self, airframe: Airframe) -> None:
        self._airframe = airframe
        self._frame = to_blocks(pack(Airframes.stack([airframe])))[0]
        self.set_state(VehicleState.read())

    @property
    def airframe(self) -> Airframe:
        """Who flies."""
        return self._airframe

    @property
    def state(self) -> VehicleState:
        """Where it is; a copy."""
        row = from_blocks(self._states[None], 1)[:, 0].astype(np.float64)
        return VehicleState(row[:3], row[3:7], row[7:10], row[10:13], row[13:])

    def set_state(self, state: VehicleState) -> None:
        """Put it somewhere; no force acts any more."""
        self._states = _block(state.as_array())
        self.set_disturbance((0, 0, 0))

    def set_disturbance(self, force: ArrayLike) -> None:
        """Push with a constant force, see :meth:`Vehicle.set_disturbance`."""
        loads = np.zeros(LOAD_ROWS)
        loads[:3] = numbers("force", force, 3) / self._airframe.mass
        loads[POWER:] = 1
        self._loads = _block(loads)

    def step(self, action: ArrayLike) -> None:
        """Fly for :data:`CONTROL_STEP`, see :meth:`Vehicle.step`."""
        _step(self._frame, self._loads, _block(numbers("action", action, 4)), self._states)


@kernel
def _step(airframe: Rows, loads: Rows, action: Rows, states: Rows) -> None:
    step_block(airframe, loads, action, states)


def _block(values: Array) -> Rows:
    """One vehicle's numbers in all lanes."""
    return to_blocks(values.astype(np.float32)[:, None])[0]


def rotation_matrix(quaternion: Array) -> Array:
    """Body to world of a quaternion (w, x, y, z) of length 1; shape ``(3, 3)``."""
    w, x, y, z = quaternion
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )


def numbers(name: str, values: ArrayLike, size: int) -> Array:
    """Finite numbers of this shape.

    Raises:
        InputError: they are not.
    """
    try:
        given = np.array(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError(f"{name} = {values!r} is not numbers") from None
    if given.shape != (size,):
        raise InputError(f"{name} has shape {given.shape}, expected ({size},)")
    if not np.isfinite(given).all():
        raise InputError(f"{name} = {given.tolist()} must be finite")
    return given
