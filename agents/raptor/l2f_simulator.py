"""l2f itself (PyPI ``l2f``, rl-tools) behind the interface of the evaluation.

The package has vectors of powers of two only, so the rows are filled up with copies of the first
airframe. It samples no airframes; they are handed over one by one as JSON, at full precision.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...envs.quadrotor.airframe import Airframe, Airframes
from ...envs.quadrotor.evaluation.simulator import Array
from ...errors import InputError
from ...policies.quadrotor_metadata import ACTION_SIZE, OBSERVATION_SIZE
from .published import require

_LARGEST = 8192


class L2fSimulator:
    """One copy of each of some airframes in l2f.

    Args:
        airframes: at most 8,192, without drag, which l2f does not know.

    Raises:
        InputError: the package is not installed, or it cannot fly these airframes.
    """

    def __init__(self, airframes: Airframes) -> None:
        l2f = require("l2f", "l2f")
        if not 1 <= len(airframes) <= _LARGEST:
            raise InputError(f"l2f flies 1 to {_LARGEST} airframes together, not {len(airframes)}")
        for row in np.flatnonzero(airframes.drag.any(axis=1)):
            raise InputError(
                f"airframe {airframes.names[row]!r}: l2f knows no drag, but drag ="
                f" {airframes.drag[row].tolist()}"
            )
        self._airframes = airframes
        self._l2f = l2f
        size = 1 << (len(airframes) - 1).bit_length()
        self._vector = l2f.vector_selector[size]
        self._device = l2f.Device()
        self._environments = self._vector.VectorEnvironment()
        self._vector.initialize_environment(self._device, self._environments)
        self._rng = self._vector.VectorRng()
        self._state, self._next = self._vector.VectorState(), self._vector.VectorState()
        self._calm = self._parameters(np.zeros(len(airframes)))
        self._current = self._calm
        self._observation = np.zeros((size, self._environments.OBSERVATION_DIM), np.float32)
        self._actions = np.zeros((size, ACTION_SIZE), np.float32)

    @property
    def airframes(self) -> Airframes:
        """Who flies."""
        return self._airframes

    def start_hover(self) -> None:
        """Put everybody at the origin, level and at rest, rotors at hover speed; no force acts."""
        self._current = self._calm
        self._vector.initialize_rng(self._device, self._rng, 0)
        self._vector.initial_state(self._device, self._environments, self._current, self._state)

    def start_recovery(self, seed: int, force_std: NDArray[np.float64] | None) -> None:
        """Draw l2f's initial states, see :meth:`Simulator.start_recovery`."""
        self._current = self._calm if force_std is None else self._parameters(force_std)
        self._vector.initialize_rng(self._device, self._rng, seed)
        self._vector.sample_initial_state(
            self._device, self._environments, self._current, self._state, self._rng
        )

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
        states = self._state.states
        for row in range(len(self._airframes)):
            states[row].position = position[row]
            states[row].orientation = orientation[row]
            states[row].linear_velocity = velocity[row]
            states[row].angular_velocity = rates[row]
            states[row].rpm = rotors[row]
        self._state.states = states

    def observe(self) -> Array:
        """The true state, shape ``(count, 22)``; overwritten by the next call."""
        self._vector.observe(
            self._device,
            self._environments,
            self._current,
            self._state,
            self._observation,
            self._rng,
        )
        # Behind the newest action stand older ones.
        return self._observation[: len(self._airframes), :OBSERVATION_SIZE]

    def step(self, actions: Array) -> None:
        """Fly 10 ms."""
        self._actions[: len(actions)] = actions
        self._vector.step(
            self._device,
            self._environments,
            self._current,
            self._state,
            self._actions,
            self._next,
            self._rng,
        )
        self._state, self._next = self._next, self._state

    def _parameters(self, force_std: NDArray[np.float64]) -> Any:
        """The airframes as l2f's parameters."""
        l2f, device = self._l2f, self._device
        environment = l2f.Environment()
        l2f.initialize_environment(device, environment)
        nominal = l2f.Parameters()
        l2f.initial_parameters(device, environment, nominal)
        tree = json.loads(l2f.parameters_to_json(device, environment, nominal))
        rows = []
        for airframe, std in zip(self._airframes, force_std.tolist(), strict=True):
            tree["dynamics"].update(_dynamics(airframe))
            tree["disturbances"]["random_force"] = {"mean": 0.0, "std": std}
            parameters = l2f.Parameters()
            l2f.initial_parameters(device, environment, parameters)
            l2f.parameters_from_json(device, environment, json.dumps(tree), parameters)
            rows.append(parameters)
        rows += [rows[0]] * (self._environments.N_ENVIRONMENTS - len(rows))
        together = self._vector.VectorParameters()
        together.parameters = rows
        return together


def _dynamics(airframe: Airframe) -> dict[str, Any]:
    """An airframe in the words of l2f's JSON."""
    inverse = [1 / moment for moment in airframe.inertia]
    return {
        "mass": airframe.mass,
        "J": np.diag(airframe.inertia).tolist(),
        "J_inv": np.diag(inverse).tolist(),
        "rotor_positions": airframe.rotor_positions,
        "rotor_thrust_coefficients": airframe.thrust_coefficients,
        "rotor_torque_constants": airframe.torque_constants,
        "rotor_time_constants_rising": airframe.rising_time_constants,
        "rotor_time_constants_falling": airframe.falling_time_constants,
        "hovering_throttle_relative": airframe.hover_throttle,
    }
