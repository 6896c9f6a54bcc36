"""The quadrotor's twin: the same airframe flown in MuJoCo.

It shares no physics code with the compiled world, only the data, :class:`~.airframe.Airframe`.
MuJoCo's free body turns the thrusts at their places into torques, and integrates them with its own
fourth-order Runge-Kutta method; the rotors' lag and thrust curve are computed here, because MuJoCo's
actuators have one time constant and a force linear in their state.
"""

from __future__ import annotations

import mujoco
import numpy as np
from numpy.typing import ArrayLike

from ...errors import InputError
from .airframe import Airframe
from .mjcf import mjcf
from .vehicle import CONTROL_STEP, VehicleState, numbers

_SIMPSON = np.array([1.0, 4.0, 1.0]) / 6.0


class MujocoQuadrotor:
    """A :class:`~.vehicle.Vehicle` in MuJoCo.

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
        self._airframe = airframe
        self.model = mujoco.MjModel.from_xml_string(mjcf(airframe, physics_step=CONTROL_STEP / count))
        self.data = mujoco.MjData(self.model)
        self._body = self.model.body("quadrotor").id
        self._curve = np.array(airframe.thrust_coefficients).T
        self._rising = np.array(airframe.rising_time_constants)
        self._falling = np.array(airframe.falling_time_constants)
        self._rotors = np.zeros(4)
        # Start, middle and end of every physics step, as shares of the control step.
        self._shares = (np.arange(count)[:, None] + np.array([0.0, 0.5, 1.0])) / count

    @property
    def airframe(self) -> Airframe:
        """Who flies."""
        return self._airframe

    @property
    def state(self) -> VehicleState:
        """Where it is; a copy."""
        place, motion = self.data.qpos, self.data.qvel
        turn = place[3:] / np.linalg.norm(place[3:])
        rotors = self._rotors.copy()
        return VehicleState(place[:3].copy(), turn, motion[:3].copy(), motion[3:].copy(), rotors)

    def set_state(self, state: VehicleState) -> None:
        """Put it somewhere; no force acts any more."""
        mujoco.mj_resetData(self.model, self.data)
        self.data.qpos[:3], self.data.qpos[3:] = state.position, state.quaternion
        self.data.qvel[:3], self.data.qvel[3:] = state.linear_velocity, state.angular_velocity
        self._rotors = state.rotor_speeds.copy()

    def set_disturbance(self, force: ArrayLike) -> None:
        """Push with a constant force, see :meth:`~.vehicle.Vehicle.set_disturbance`."""
        self.data.xfrc_applied[self._body, :3] = numbers("force", force, 3)

    def step(self, action: ArrayLike) -> None:
        """Fly for 10 ms, see :meth:`~.vehicle.Vehicle.step`."""
        target = (np.clip(numbers("action", action, 4), -1, 1) + 1) / 2
        start = self._rotors
        lag = CONTROL_STEP / np.where(target >= start, self._rising, self._falling)
        speeds = target + (start - target) * np.exp(-lag * self._shares[..., None])
        c0, c1, c2 = self._curve
        thrusts = np.tensordot(_SIMPSON, c0 + speeds * (c1 + speeds * c2), axes=(0, 1))
        for thrust in thrusts:
            self.data.ctrl[:4] = thrust
            mujoco.mj_step(self.model, self.data)
        self._rotors = speeds[-1, -1]
