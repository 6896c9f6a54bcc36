"""The quadrotor's twin: the same airframe flown in MuJoCo.

It shares no physics code with the compiled world, only the data, :class:`~.airframe.Airframe`.
MuJoCo's free body turns the thrusts at their places into torques, and integrates them with its own
fourth-order Runge-Kutta method; the rotors' lag and thrust curve are computed here, because MuJoCo's
actuators have one time constant and a force linear in their state.
"""

from __future__ import annotations

import mujoco
import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...errors import InputError
from .airframe import Airframe
from .mjcf import mjcf

CONTROL_STEP = 0.01
"""Seconds between two actions."""
_SIMPSON = np.array([1.0, 4.0, 1.0]) / 6.0


class MujocoQuadrotor:
    """One quadrotor in MuJoCo, at 100 Hz of control.

    It starts at the origin, level, at rest, with its rotors still; call :meth:`set_state`.

    The set-point is constant during a control step, so a rotor moves one way only, its time constant
    is known at the start, and its speed is an exponential in closed form. Each physics step gets the
    thrust's mean over that step (Simpson's rule), which leaves an error of second order in the step
    where the thrust at its start would leave one of first order.

    Args:
        airframe: the quadrotor.
        physics_step: of MuJoCo's integrator (s); a whole number of them makes a control step.

    Raises:
        InputError: no whole number of physics steps makes a control step.
    """

    def __init__(self, airframe: Airframe, *, physics_step: float = 0.001) -> None:
        count = round(CONTROL_STEP / physics_step) if physics_step > 0 else 0
        if count < 1 or abs(count * physics_step - CONTROL_STEP) > 1e-9:
            raise InputError(f"physics_step = {physics_step} is not a whole part of {CONTROL_STEP} s")
        self.airframe = airframe
        self.physics_steps = count
        self.model = mujoco.MjModel.from_xml_string(mjcf(airframe, physics_step=CONTROL_STEP / count))
        self.data = mujoco.MjData(self.model)
        self._body = self.model.body("quadrotor").id
        self._curve = np.array(airframe.thrust_coefficients)
        self._rising = np.array(airframe.rising_time_constants)
        self._falling = np.array(airframe.falling_time_constants)
        self._rotors = np.zeros(4)
        # Start, middle and end of every physics step, as shares of the control step.
        steps = np.arange(count)
        self._shares = (steps[:, None] + np.array([0.0, 0.5, 1.0])) / count

    def set_state(
        self,
        position: ArrayLike,
        quaternion: ArrayLike,
        linear_velocity: ArrayLike,
        angular_velocity: ArrayLike,
        rotor_speeds: ArrayLike,
    ) -> None:
        """Put it somewhere.

        Args:
            position: world (m), shape ``(3,)``.
            quaternion: (w, x, y, z), body to world, of any length but 0; shape ``(4,)``.
            linear_velocity: world (m/s), shape ``(3,)``.
            angular_velocity: body (rad/s), shape ``(3,)``.
            rotor_speeds: fractions of the range, 0 to 1, shape ``(4,)``.

        Raises:
            InputError: a shape is wrong or a number not finite, the quaternion is 0, or a rotor
                speed out of range.
        """
        turn = _numbers("quaternion", quaternion, 4)
        length = float(np.linalg.norm(turn))
        if length == 0:
            raise InputError("quaternion = 0 is no orientation")
        rotors = _numbers("rotor_speeds", rotor_speeds, 4)
        if rotors.min() < 0 or rotors.max() > 1:
            raise InputError(f"rotor_speeds = {rotors.tolist()} are not all in [0, 1]")
        where = _numbers("position", position, 3)
        speed = _numbers("linear_velocity", linear_velocity, 3)
        spin = _numbers("angular_velocity", angular_velocity, 3)
        mujoco.mj_resetData(self.model, self.data)
        self.data.qpos[:] = [*where, *(turn / length)]
        self.data.qvel[:] = [*speed, *spin]
        self._rotors = rotors

    def set_disturbance(self, force: ArrayLike) -> None:
        """Push with a constant force at the centre of mass, until the next :meth:`set_state`.

        Args:
            force: world (N), shape ``(3,)``.
        """
        self.data.xfrc_applied[self._body, :3] = _numbers("force", force, 3)

    def step(self, action: ArrayLike) -> None:
        """Fly for :data:`CONTROL_STEP`.

        Args:
            action: set-points of the rotors' speeds, -1 (still) to 1 (full), shape ``(4,)``; what
                is outside is clipped.
        """
        target = (np.clip(_numbers("action", action, 4), -1, 1) + 1) / 2
        start = self._rotors
        lag = CONTROL_STEP / np.where(target >= start, self._rising, self._falling)
        speeds = target + (start - target) * np.exp(-lag * self._shares[..., None])
        c0, c1, c2 = self._curve.T
        thrusts = np.tensordot(_SIMPSON, c0 + speeds * (c1 + speeds * c2), axes=(0, 1))
        for thrust in thrusts:
            self.data.ctrl[:4] = thrust
            mujoco.mj_step(self.model, self.data)
        self._rotors = speeds[-1, -1]

    @property
    def position(self) -> NDArray[np.float64]:
        """World (m), shape ``(3,)``."""
        return self.data.qpos[:3].copy()

    @property
    def quaternion(self) -> NDArray[np.float64]:
        """(w, x, y, z), body to world, of length 1; shape ``(4,)``."""
        return self.data.qpos[3:7] / np.linalg.norm(self.data.qpos[3:7])

    @property
    def linear_velocity(self) -> NDArray[np.float64]:
        """World (m/s), shape ``(3,)``."""
        return self.data.qvel[:3].copy()

    @property
    def angular_velocity(self) -> NDArray[np.float64]:
        """Body (rad/s), shape ``(3,)``."""
        return self.data.qvel[3:].copy()

    @property
    def rotor_speeds(self) -> NDArray[np.float64]:
        """Fractions of the range, 0 to 1, shape ``(4,)``."""
        return self._rotors.copy()

    @property
    def state(self) -> NDArray[np.float64]:
        """All of it in the order of :meth:`set_state`, shape ``(17,)``."""
        return np.concatenate([self.data.qpos, self.data.qvel, self._rotors])


def _numbers(name: str, values: ArrayLike, size: int) -> NDArray[np.float64]:
    try:
        given = np.array(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError(f"{name} = {values!r} is not numbers") from None
    if given.shape != (size,):
        raise InputError(f"{name} has shape {given.shape}, expected ({size},)")
    if not np.isfinite(given).all():
        raise InputError(f"{name} = {given.tolist()} must be finite")
    return given
