"""QuadrotorBatch: N quadrotors in free air."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import gymnasium
import numpy as np
from numpy.typing import NDArray

from ...errors import InputError
from ..batch import BatchEnv
from ..jit import announced
from ..tasks import Parameter, TaskSpace
from . import kernels
from .airframe import Airframe, Airframes
from .distribution import Conditions, RaptorSample
from .dynamics import STATE_ROWS, TIME_STEP
from .episode import (
    LIMITS,
    REFERENCES,
    REWARDS,
    STARTS,
    Limits,
    Reward,
    Start,
    preset,
    rules_array,
)
from .lanes import LANES, block_count
from .layout import (
    BLOCK_ROWS,
    REFERENCE,
    SENSED,
    STATE,
    STUDENT_SIZE,
    TEACHER_SIZE,
    VEHICLE_ACTION_DELAY,
    VEHICLE_COLUMNS,
    VEHICLE_NOISE,
    VEHICLE_OBSERVATION_DELAY,
    VEHICLE_POSITION_LIMIT,
)
from .task_airframes import TASK_SPACE, airframes_of_tasks, pack_tasks
from .trajectories import TRAJECTORIES, Trajectory
from .vehicles import choose_airframes, choose_conditions, vehicle_table, write_conditions

OBSERVATIONS: dict[str, int] = {"student": STUDENT_SIZE, "teacher": TEACHER_SIZE}
"""Sizes of the observations."""

PRESETS: dict[str, dict[str, Any]] = {
    "raptor-teacher": {
        "observation": "teacher",
        "start": "raptor-teacher",
        "reference": "raptor",
        "clip_actions": False,
    },
    "raptor-student": {"reference": "raptor", "errors": False, "clip_actions": False},
}
"""Keywords of :class:`QuadrotorBatch` for RAPTOR's training of teachers and for its distillation."""


class QuadrotorBatch(BatchEnv):
    """N quadrotors that have to stay on a reference, each with its own airframe.

    ## Description
    The dynamics of rl-tools' l2f: a rigid body in free air, four rotors with lag and a quadratic thrust
    curve, Runge-Kutta steps of 10 ms. What tells one vehicle from another is its
    :class:`~eyas.envs.quadrotor.airframe.Airframe` and the
    :class:`~eyas.envs.quadrotor.distribution.Conditions` it flies in.

    ## Action space
    ``Box(-1, 1, (4,))``: speeds asked of the rotors front-right, back-right, back-left, front-left; -1
    is at rest, 1 the full speed.

    ## Observation space
    ``student``, 22 float32 values: position (m), rotation matrix by rows, linear velocity (m/s, world),
    angular velocity (rad/s, body), previous action. Position and velocity are relative to the reference,
    with noise and delay where the conditions have them. ``teacher``, 26 values: the same without noise or
    delay, and the rotor speeds, -1 to 1.

    ## Reward
    RAPTOR's: ``1.5 - |position error| - 0.1 (yaw error) - |change of action|``, of the state before the
    step; -100 where the step ends the episode.

    ## Starting state
    One in ten at the reference, level and at rest; others up to 0.5 m away per axis, turned by up to
    1 rad, moving at up to 1 m/s and 1 rad/s per axis; rotors at up to half their speed.

    ## Episode end
    Terminated where a coordinate exceeds twenty rotor distances, a velocity component 2 m/s or a rate
    35 rad/s; truncated after 500 steps, or at the end of a trajectory.

    ## Arguments
    Args:
        num_envs: copies N, at least 1.
        airframes: who flies. None: the task is the airframe
            (:data:`~eyas.envs.quadrotor.task_airframes.TASK_SPACE`). Otherwise the task is the row of a
            set of airframes, -1 for one at random in each episode: a name from
            :data:`~eyas.envs.quadrotor.named.NAMED`; ``"raptor"`` or ``"wide"``, a pool drawn from that
            distribution; one or many airframes; a sample of RAPTOR's with its disturbance forces.
        conditions: noise, delays, fading power, forces: one row for all or one per airframe; ``"ideal"``,
            ``"random"`` (drawn with the pool's seed); None: ideal, with RAPTOR's forces where the
            airframes are RAPTOR's.
        pool: size of a pool.
        pool_seed: of a pool and of random conditions.
        observation: ``student`` or ``teacher``.
        reference: ``position`` (the origin), ``langevin`` (wandering), ``raptor`` (either, evenly), a
            name from :data:`~eyas.envs.quadrotor.trajectories.TRAJECTORIES` or a trajectory.
        start: a name from ``STARTS`` or a :class:`~eyas.envs.quadrotor.episode.Start`.
        reward: a name from ``REWARDS`` or a :class:`~eyas.envs.quadrotor.episode.Reward`.
        limits: a name from ``LIMITS`` or a :class:`~eyas.envs.quadrotor.episode.Limits`; by default
            ``relative`` on trajectories and ``raptor`` otherwise.
        errors: whether the student sees position and velocity relative to the reference; RAPTOR's
            students see them as they are. Teachers always see errors.
        error_clips: largest position (m) and velocity component (m/s) that the student sees.
        clip_actions: False keeps actions beyond -1 and 1 as they are in observations and in the reward,
            as l2f does; the motors get them clipped either way.
        max_episode_steps: time limit.

    Raises:
        InputError: an option is unknown or out of its range.

    ## Version history
    v0: first version.
    """

    render_modes: ClassVar[tuple[str, ...]] = ("rgb_array", "human")
    render_fps: ClassVar[int] = 100

    def __init__(
        self,
        num_envs: int = 1,
        *,
        airframes: str | Airframe | Airframes | RaptorSample | None = None,
        conditions: str | Conditions | None = None,
        pool: int = 4096,
        pool_seed: int = 0,
        observation: str = "student",
        reference: str | Trajectory = "position",
        start: str | Start = "raptor",
        reward: str | Reward = "raptor",
        limits: str | Limits | None = None,
        errors: bool = True,
        error_clips: tuple[float, float] | None = None,
        clip_actions: bool = True,
        max_episode_steps: int | None = None,
    ) -> None:
        if observation not in OBSERVATIONS:
            names = ", ".join(OBSERVATIONS)
            raise InputError(f"observation = {observation!r} is unknown; choose from {names}")
        moving, trajectory = self._choose_reference(reference)
        steps = 500 if trajectory is None else round(trajectory.duration / TIME_STEP)
        steps = steps if max_episode_steps is None else max_episode_steps
        if steps < 1:
            raise InputError(f"max_episode_steps = {steps} must be at least 1")
        self.reward = preset("reward", reward, REWARDS)
        self.start = preset("start", start, STARTS)
        fallback = "raptor" if trajectory is None else "relative"
        self.limits = preset("limits", fallback if limits is None else limits, LIMITS)
        self.trajectory = trajectory
        privileged = observation == "teacher"
        rules = (self.reward, self.limits, errors or privileged, error_clips, clip_actions)
        self._rules = rules_array(*rules)
        self._truth = rules_array(self.reward, self.limits, True, None, clip_actions)
        self._start = self.start.as_array(moving)
        self._table = _table(trajectory, steps)
        self._wanders = moving > 0
        self._airframes: Airframes | None = None
        space = TASK_SPACE
        if airframes is not None:
            chosen, force = choose_airframes(airframes, pool, pool_seed)
            self._airframes = chosen
            self._conditions = choose_conditions(conditions, chosen, force, pool_seed)
            self._vehicles = vehicle_table(chosen, self._conditions)
            space = _row_space(len(chosen))
        else:
            self._conditions = choose_conditions(conditions, None, None, pool_seed)
            self._vehicles = np.zeros((max(num_envs, 1), VEHICLE_COLUMNS), np.float32)
            write_conditions(self._conditions, self._vehicles)
        if self.limits.position is not None:
            self._vehicles[:, VEHICLE_POSITION_LIMIT] = self.limits.position
        blocks = block_count(max(num_envs, 1))
        self._blocks = np.zeros((blocks, BLOCK_ROWS * LANES), np.float32)
        queue = int(self._vehicles[:, VEHICLE_ACTION_DELAY].max())
        past = int(self._vehicles[:, VEHICLE_OBSERVATION_DELAY].max())
        self._queue = np.zeros((blocks, queue * 4 * LANES), np.float32)
        self._past = np.zeros((blocks, past * SENSED * LANES), np.float32)
        self._noisy = bool(self._vehicles[:, VEHICLE_NOISE : VEHICLE_NOISE + 4].any())
        self._rows = np.zeros(max(num_envs, 1), np.int64)
        self._renderer: Any = None
        super().__init__(
            num_envs,
            space,
            gymnasium.spaces.Box(-np.inf, np.inf, (OBSERVATIONS[observation],), np.float32),
            gymnasium.spaces.Box(-1.0, 1.0, (4,), np.float32),
            steps,
        )
        # Whole blocks of streams; those of the spare lanes drive nobody.
        self._streams = np.zeros(blocks * LANES, np.uint64)
        self._streams[:num_envs] = self.random_state
        self.random_state = self._streams[:num_envs]
        with announced("quadrotor", Path(kernels.__file__)):
            self._compile()

    @staticmethod
    def _choose_reference(reference: str | Trajectory) -> tuple[float, Trajectory | None]:
        """Probability that the reference wanders, and the trajectory if there is one."""
        if not isinstance(reference, str):
            return 0.0, reference
        if reference in REFERENCES:
            return REFERENCES[reference], None
        if reference in TRAJECTORIES:
            return 0.0, TRAJECTORIES[reference]
        names = ", ".join((*REFERENCES, *TRAJECTORIES))
        raise InputError(f"reference = {reference!r} is unknown; choose from {names}")

    def _compile(self) -> None:
        """Run the kernels once on nothing, so that compilation happens here and not mid-training."""
        none = np.empty(0, np.int64)
        self._reset_copies(none)
        self._step(np.zeros((self.num_envs, 4), np.float32), self._blocks[:0])
        self.privileged_observations()

    # What BatchEnv asks for -------------------------------------------------------------------

    def _reset_copies(self, copies: NDArray[np.int64]) -> None:
        if self._airframes is None:
            vehicles = self._vehicles[: len(copies)]
            pack_tasks(self.tasks[copies], vehicles)
            if self.limits.position is not None:
                vehicles[:, VEHICLE_POSITION_LIMIT] = self.limits.position
            rows = np.arange(len(copies))
        else:
            vehicles = self._vehicles
            rows = np.rint(self.tasks[copies, 0]).astype(np.int64)
        kernels.reset(
            copies,
            rows,
            vehicles,
            self._start,
            self._rules,
            self._table,
            self._noisy,
            self._blocks,
            self._queue,
            self._past,
            self._streams,
            self.observations,
        )
        self._rows[copies] = rows

    def _advance(self, actions: NDArray[np.float32]) -> None:
        actions = np.ascontiguousarray(actions, dtype=np.float32)
        if actions.shape != (self.num_envs, 4):
            raise InputError(f"actions have shape {actions.shape}, expected {(self.num_envs, 4)}")
        self._step(actions, self._blocks)

    def _step(self, actions: NDArray[np.float32], blocks: NDArray[np.float32]) -> None:
        kernels.step(
            actions,
            self._rules,
            self._table,
            self._wanders,
            self._noisy,
            blocks,
            self._queue,
            self._past,
            self._streams,
            self.observations,
            self.rewards,
            self.terminated,
        )

    def _state_arrays(self) -> dict[str, NDArray[Any]]:
        return {
            "blocks": self._blocks,
            "queue": self._queue,
            "past": self._past,
            "rows": self._rows,
        }

    # What the world has besides ---------------------------------------------------------------

    @property
    def airframes(self) -> Airframes:
        """Who flies in each copy now, ``num_envs`` of them."""
        if self._airframes is None:
            return airframes_of_tasks(self.tasks)
        return self._airframes.select(self._rows)

    @property
    def states(self) -> NDArray[np.float32]:
        """Copies of the true states, shape ``(num_envs, 17)``.

        Position (m), orientation (w, x, y, z), linear velocity (m/s), angular velocity (rad/s), rotor
        speeds (0 to 1).
        """
        return self._read(STATE, STATE_ROWS)

    def set_states(self, states: NDArray[np.float32]) -> None:
        """Put the copies into these states, shape ``(num_envs, 17)``; observations follow in the next step.

        Raises:
            InputError: the shape is another one, or a number is not finite.
        """
        values = np.asarray(states, dtype=np.float32)
        if values.shape != (self.num_envs, STATE_ROWS):
            raise InputError(
                f"states have shape {values.shape}, expected {(self.num_envs, STATE_ROWS)}"
            )
        if not np.isfinite(values).all():
            raise InputError("states must be finite")
        padded = self._lanes(STATE, STATE_ROWS)
        everybody = padded.transpose(0, 2, 1).reshape(-1, STATE_ROWS)
        everybody[: self.num_envs] = values
        padded[:] = everybody.reshape(-1, LANES, STATE_ROWS).transpose(0, 2, 1)

    @property
    def references(self) -> NDArray[np.float32]:
        """Positions (m) and velocities (m/s) to be at, shape ``(num_envs, 6)``."""
        return self._read(REFERENCE, 6)

    def privileged_observations(self) -> NDArray[np.float32]:
        """What a teacher would observe now, shape ``(num_envs, 26)``, whatever the observation is."""
        observations = np.empty((self.num_envs, TEACHER_SIZE), np.float32)
        kernels.look(self._blocks, self._truth, observations)
        return observations

    def _lanes(self, row: int, rows: int) -> NDArray[np.float32]:
        """A view of some rows, shape ``(blocks, rows, LANES)``."""
        return self._blocks.reshape(len(self._blocks), BLOCK_ROWS, LANES)[:, row : row + rows]

    def _read(self, row: int, rows: int) -> NDArray[np.float32]:
        values = self._lanes(row, rows).transpose(0, 2, 1).reshape(-1, rows)
        return values[: self.num_envs].copy()

    def render_copy(self, copy: int = 0) -> NDArray[np.uint8]:
        """A picture of one quadrotor and its reference, uint8, shape ``(480, 640, 3)``."""
        from .render import QuadrotorRenderer

        if self._renderer is None:
            self._renderer = QuadrotorRenderer()
        state = self.states[copy].astype(np.float64)
        airframe = self.airframes[copy]
        return self._renderer.draw(
            airframe, state[:3], state[3:7], state[13:], self.references[copy, :3].astype(np.float64)
        )


def _row_space(count: int) -> TaskSpace:
    row = Parameter(
        "airframe", -1, count - 1, -1, "row", "which airframe flies, rounded; -1: any of them"
    )
    return TaskSpace((row,))


def _table(trajectory: Trajectory | None, steps: int) -> NDArray[np.float32]:
    """A trajectory at the times of an episode's states; empty without one."""
    if trajectory is None:
        return np.zeros((0, 6), np.float32)
    position, velocity = trajectory.at(np.arange(steps + 1) * TIME_STEP)
    return np.concatenate([position, velocity], axis=1).astype(np.float32)
