"""The flight of one quadrotor in whatever simulator, with everything that happened on the way."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...envs.quadrotor.airframe import Airframe, Airframes
from ...envs.quadrotor.evaluation.flight import PER_SECOND, Pilot, fly
from ...envs.quadrotor.evaluation.simulator import (
    ANGULAR_VELOCITY,
    LINEAR_VELOCITY,
    POSITION,
    PREVIOUS_ACTION,
    ROTATION,
    STEP_SECONDS,
    Array,
)
from ...envs.quadrotor.trajectories import Lissajous, Trajectory
from ...envs.quadrotor.vehicle import Vehicle, VehicleState
from ...policies.quadrotor_metadata import ACTION_SIZE, OBSERVATION_SIZE

CRASH = 2.0
"""Farther from the reference is a crash (m)."""
_AFTER_CRASH = 0.5  # seconds that are kept
_GUIDED = 0.1
_LARGEST_POSITION, _LARGEST_ANGLE, _LARGEST_VELOCITY, _LARGEST_ROTOR = 0.5, 1.0, 1.0, 0.5

Rows = NDArray[np.float64]


class RecordingSimulator:
    """A vehicle behind the interface of the evaluation, which writes down what it does.

    Args:
        vehicle: who flies.
    """

    def __init__(self, vehicle: Vehicle) -> None:
        self._vehicle = vehicle
        self._airframes = Airframes.stack([vehicle.airframe])
        self._observation = np.zeros((1, OBSERVATION_SIZE), np.float32)
        self.states: list[VehicleState] = []
        """One per call of :meth:`observe`."""
        self.actions: list[Rows] = []
        """One per call of :meth:`step`, shape ``(4,)`` each."""
        self.start_hover()

    @property
    def airframes(self) -> Airframes:
        """The one."""
        return self._airframes

    def start_hover(self) -> None:
        """Put it at the origin, level and at rest, rotors at hover speed; no force acts."""
        hover = np.full(ACTION_SIZE, self._vehicle.airframe.hover_throttle)
        self._start(VehicleState.read(rotor_speeds=hover))

    def start_recovery(self, seed: int, force_std: NDArray[np.float64] | None) -> None:
        """Draw one of l2f's initial states, see :meth:`~.simulator.Simulator.start_recovery`."""
        rng = np.random.default_rng(seed)
        state = _thrown(rng)
        guided = rng.random() < _GUIDED
        self._start(VehicleState.read(rotor_speeds=state.rotor_speeds) if guided else state)
        if force_std is not None:
            self._vehicle.set_disturbance(rng.normal(size=3) * force_std[0])

    def start_thrown(self, seed: int) -> None:
        """Like :meth:`start_recovery` without force, but never from rest at the origin."""
        self._start(_thrown(np.random.default_rng(seed)))

    def _start(self, state: VehicleState) -> None:
        self._vehicle.set_state(state)
        self._observation[:, PREVIOUS_ACTION] = 2 * state.rotor_speeds - 1
        self.states, self.actions = [], []

    def observe(self) -> Array:
        """The true state, shape ``(1, 22)``; overwritten by the next call."""
        state = self._vehicle.state
        self.states.append(state)
        seen = self._observation[0]
        seen[POSITION] = state.position
        seen[ROTATION] = state.rotation.ravel()
        seen[LINEAR_VELOCITY] = state.linear_velocity
        seen[ANGULAR_VELOCITY] = state.angular_velocity
        return self._observation

    def step(self, actions: Array) -> None:
        """Fly 10 ms."""
        self._observation[:, PREVIOUS_ACTION] = actions
        self.actions.append(actions[0].astype(np.float64))
        self._vehicle.step(actions[0])


@dataclass(frozen=True, kw_only=True)
class RecordedFlight:
    """What happened; time is the first axis, states and references are one more than actions."""

    airframe: Airframe
    time: Rows
    """s, shape ``(steps + 1,)``."""
    position: Rows
    """World (m), shape ``(steps + 1, 3)``."""
    quaternion: Rows
    """(w, x, y, z), body to world, shape ``(steps + 1, 4)``."""
    rotor_speeds: Rows
    """Fractions of the range, shape ``(steps + 1, 4)``."""
    reference: Rows
    """World (m), shape ``(steps + 1, 3)``."""
    setpoints: Rows
    """Commanded rotor speeds, fractions of the range, shape ``(steps, 4)``."""
    crash_time: float | None
    """When it first was farther than :data:`CRASH` from the reference (s); None for never. The
    flight ends half a second later."""
    scored_from: float
    """From when on the tracking error counts (s)."""

    @property
    def error(self) -> Rows:
        """Distance from the reference (m), shape ``(steps + 1,)``."""
        return np.asarray(np.linalg.norm(self.position - self.reference, axis=1))

    def figures(self) -> dict[str, float | bool | None]:
        """The flight in numbers, JSON values; m and s."""
        error = self.error
        scored = error[self.time >= self.scored_from - 1e-9]
        whole = self.crash_time is None
        return {
            "duration": float(self.time[-1]),
            "rmse": _root_mean_square(error) if whole else None,
            "scored_from": self.scored_from,
            "scored_rmse": _root_mean_square(scored) if whole and len(scored) else None,
            "max_error": float(error.max()),
            "final_error": float(error[-1]),
            "crashed": not whole,
            "crash_time": self.crash_time,
        }


def record_flight(
    vehicle: Vehicle,
    pilot: Pilot,
    trajectory: Trajectory,
    *,
    duration: float | None = None,
    noise: bool = False,
    delay: int = 0,
    thrown: bool = False,
    seed: int = 0,
) -> RecordedFlight:
    """Fly along a trajectory, errors shown to the policy clipped as PX4 does (``mc_raptor``).

    Args:
        vehicle: who flies.
        pilot: starts with an empty memory.
        trajectory: what to follow.
        duration: s; None for the trajectory's.
        noise: add the noise of protocol P3 to what the pilot sees.
        delay: steps by which it sees everything late but its own last action.
        thrown: start with :meth:`RecordingSimulator.start_thrown` instead of in hover at the origin.
        seed: of noise and start.
    """
    seconds = trajectory.duration if duration is None else duration
    steps = max(round(seconds * PER_SECOND), 1)
    start_seed, noise_seed = np.random.SeedSequence(seed).generate_state(2).tolist()
    simulator = RecordingSimulator(vehicle)
    if thrown:
        simulator.start_thrown(start_seed)

    def reference(time: float) -> tuple[list[float], list[float]]:
        position, velocity = trajectory.at(time)
        return position.tolist(), velocity.tolist()

    fly(
        simulator,
        pilot,
        steps,
        reference=reference,
        clip=True,
        noise=np.random.default_rng(noise_seed) if noise else None,
        delay=delay,
    )
    time: Rows = STEP_SECONDS * np.arange(steps + 1, dtype=np.float64)
    position, quaternion, _, _, rotors = (
        np.array(part) for part in zip(*simulator.states, strict=True)
    )
    target = trajectory.at(time)[0]
    lost = np.linalg.norm(position - target, axis=1) > CRASH
    crash_time = float(time[lost.argmax()]) if lost.any() else None
    kept = len(time)
    if crash_time is not None:
        kept = min(kept, int(lost.argmax()) + 1 + round(_AFTER_CRASH * PER_SECOND))
    return RecordedFlight(
        airframe=vehicle.airframe,
        time=time[:kept],
        position=position[:kept],
        quaternion=quaternion[:kept],
        rotor_speeds=rotors[:kept],
        reference=target[:kept],
        setpoints=(np.array(simulator.actions)[: kept - 1] + 1) / 2,
        crash_time=crash_time,
        scored_from=_scored_from(trajectory, seconds),
    )


def _thrown(rng: np.random.Generator) -> VehicleState:
    """One of l2f's initial states that are not at the origin."""
    axis = rng.normal(size=3)
    half = rng.uniform(0, _LARGEST_ANGLE) / 2
    return VehicleState.read(
        position=rng.uniform(-_LARGEST_POSITION, _LARGEST_POSITION, 3),
        quaternion=[np.cos(half), *(np.sin(half) * axis / np.linalg.norm(axis))],
        linear_velocity=rng.uniform(-_LARGEST_VELOCITY, _LARGEST_VELOCITY, 3),
        angular_velocity=rng.uniform(-_LARGEST_VELOCITY, _LARGEST_VELOCITY, 3),
        rotor_speeds=rng.uniform(0, _LARGEST_ROTOR, ACTION_SIZE),
    )


def _scored_from(trajectory: Trajectory, seconds: float) -> float:
    """The second lap at full speed, as in protocol P2, where there is one; else the start."""
    if not isinstance(trajectory, Lissajous):
        return 0.0
    second_lap = trajectory.hold + trajectory.ramp + trajectory.period
    return second_lap if seconds > second_lap else 0.0


def _root_mean_square(values: Rows) -> float:
    return float(np.sqrt(np.mean(np.square(values))))
