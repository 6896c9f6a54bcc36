"""WalkerBatch: N parameterized BipedalWalkers."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar

import gymnasium
import numpy as np
from numpy.typing import NDArray

from ...errors import InputError
from ..batch import BatchEnv
from ..jit import announced
from . import kernels
from .bodies import Body
from .ground import empty_ground
from .lidar import RAY_X, RAY_Y
from .model import compile_body, empty_state, part_mass
from .terrain import Terrain, make_terrain, start_pad_steps

SOLVERS: dict[str, tuple[int, int]] = {"fast": (8, 10), "box2d": (180, 60)}
"""Effort per step at most: subspace rounds of the velocity solver ("fast") or its passes, and position
passes. Gymnasium runs Box2D with 180 and 60."""


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class WalkerBatch(BatchEnv):
    """N planar walkers on parameterized tracks.

    ## Description
    A robot with motorised joints walks to the right over a track of 93 m. Bodies, terrains and
    their parameters (the task) are data; see :mod:`~eyas.envs.walker.bodies` and
    :mod:`~eyas.envs.walker.terrain`. The physics is a planar rigid-body solver at 50 Hz that
    follows Box2D 2.3.

    ## Action space
    ``Box(-1, 1, (motorised joints,))``: the sign chooses the direction of the motor's fixed speed,
    the size the fraction of its torque.

    ## Observation space
    ``4 + body.state_size + 10`` float32 values: hull angle (rad), hull angular velocity x 2/50,
    horizontal and vertical hull velocity (x 0.12 and x 0.08); per motorised joint its angle (rad,
    plus the body's offset), its speed as a fraction of the motor's, and for feet a contact flag; ten
    lidar fractions (1 = nothing within 5.33 m).

    ## Reward
    130/30 per metre of progress, minus 5 per radian of hull angle (change of both), minus the body's
    cost per joint and unit of action. Falling or leaving the track at the left: -100 instead.

    ## Starting state
    Standing at x = 4.67 m, pushed by a random horizontal force of up to 5 N in the first step.

    ## Episode end
    Terminated when a critical part touches something, at x < 0 and beyond the finish line at
    x = 88.67 m; truncated after the terrain's ``max_episode_steps``.

    ## Arguments
    Args:
        num_envs: copies N, at least 1.
        terrain: a name from ``TERRAINS`` or a :class:`~eyas.envs.walker.terrain.Terrain`.
        body: a name from ``BODIES`` or a :class:`~eyas.envs.walker.bodies.Body`.
        solver: "fast" solves velocities in joint coordinates, nearly to convergence; "box2d" runs
            Box2D's sequential impulses with Gymnasium's iteration counts.
        threads: threads that share the copies; 0 takes all cores.
        legacy: teachDeepRL's quirks: the quadruped's mis-placed legs and silent front feet, ground
            that can end before the finish, a zero-length edge behind the start pad.
        max_episode_steps: time limit; the terrain's own by default.

    ## Version history
    v0: first version.
    """

    render_modes: ClassVar[tuple[str, ...]] = ("rgb_array", "human")
    render_fps: ClassVar[int] = 50

    def __init__(
        self,
        num_envs: int = 1,
        *,
        terrain: str | Terrain = "stump-tracks",
        body: str | Body = "default",
        solver: str = "fast",
        threads: int = 1,
        legacy: bool = False,
        max_episode_steps: int | None = None,
    ) -> None:
        if isinstance(terrain, str):
            terrain = make_terrain(terrain, legacy)
        if isinstance(body, str):
            from .bodies_teachmyagent import make_body

            body = make_body(body, legacy=legacy)
        if solver not in SOLVERS:
            raise InputError(f"solver = {solver!r} is unknown; choose from {', '.join(SOLVERS)}")
        if threads < 0:
            raise InputError(f"threads = {threads} must be 0 (all cores) or more")
        steps = terrain.max_episode_steps if max_episode_steps is None else max_episode_steps
        if steps < 1:
            raise InputError(f"max_episode_steps = {steps} must be at least 1")
        self.terrain, self.body, self.solver = terrain, body, solver
        self._centres = np.array([part_mass(part)[2:] for part in body.parts])
        self.state = empty_state(max(num_envs, 1), body)
        self.ground = empty_ground(max(num_envs, 1), terrain.max_edges, terrain.max_polygons)
        self.pad_steps = start_pad_steps(body.width)
        threads = min(threads or _cores(), max(num_envs, 1))
        self._work = [compile_body(body) for _ in range(threads)]
        self._shares = np.array_split(np.arange(num_envs), threads)
        self._no_action = np.zeros((num_envs, body.action_size), np.float32)
        self._pool = ThreadPoolExecutor(threads - 1) if threads > 1 else None
        self._renderer: Any = None
        size = 4 + body.state_size + 10
        super().__init__(
            num_envs,
            terrain.task_space,
            gymnasium.spaces.Box(-np.inf, np.inf, (size,), np.float32),
            gymnasium.spaces.Box(-1.0, 1.0, (body.action_size,), np.float32),
            steps,
        )
        with announced(f"walker on {terrain.name}", Path(kernels.__file__)):
            self._compile()

    @property
    def initial_force(self) -> NDArray[np.float32]:
        """Horizontal force in the reset step of the running episodes (N), shape ``(num_envs,)``."""
        return self.state.initial_force

    def _compile(self) -> None:
        """Run the kernels once on nothing, so that compilation happens here and not mid-training."""
        none = np.empty(0, np.int64)
        self._reset_copies(none)

    def _run(
        self, thread: int, copies: NDArray[np.int64], starting: bool, actions: NDArray[np.float32]
    ) -> None:
        kernels.advance(
            copies,
            starting,
            actions,
            *SOLVERS[self.solver],
            self.solver == "fast",
            self.random_state,
            self._work[thread],
            self.state,
            self.ground,
            self.observations,
            self.rewards,
            self.terminated,
        )

    def _reset_copies(self, copies: NDArray[np.int64]) -> None:
        self.terrain.generate(copies, self.tasks, self.random_state, self.pad_steps, self.ground)
        self._run(0, copies, True, self._no_action)

    def _advance(self, actions: NDArray[np.float32]) -> None:
        actions = np.ascontiguousarray(actions, dtype=np.float32)
        if actions.shape != self._no_action.shape:
            raise InputError(f"actions have shape {actions.shape}, expected {self._no_action.shape}")
        others = [
            self._pool.submit(self._run, thread, share, False, actions)
            for thread, share in enumerate(self._shares)
            if thread > 0 and self._pool is not None
        ]
        self._run(0, self._shares[0], False, actions)
        for other in others:
            other.result()

    def part_poses(self, copy: int = 0) -> NDArray[np.float32]:
        """x, y (m) and angle (rad) of each part's frame, shape ``(parts, 3)``."""
        poses = self.state.position[copy].copy()
        sine, cosine = np.sin(poses[:, 2]), np.cos(poses[:, 2])
        cx, cy = self._centres.T
        poses[:, 0] -= cosine * cx - sine * cy
        poses[:, 1] -= sine * cx + cosine * cy
        return poses

    def joint_angles(self, copy: int = 0) -> NDArray[np.float32]:
        """Joint angles (rad), shape ``(joints,)``."""
        angle = self.state.position[copy, :, 2]
        joints = self.body.joints
        return np.array(
            [angle[j.child] - angle[j.parent] - j.reference_angle for j in joints], np.float32
        )

    def _state_arrays(self) -> dict[str, NDArray[Any]]:
        fields = self.state._asdict()
        touches = fields.pop("touches")
        fields |= {f"touches_{name}": touches[name] for name in touches.dtype.names}
        return fields | {f"ground_{k}": v for k, v in self.ground._asdict().items()}

    def render_copy(self, copy: int = 0) -> NDArray[np.uint8]:
        """A picture of one walker on its track, uint8, shape ``(400, 600, 3)``."""
        from .render import WalkerRenderer

        if self._renderer is None:
            self._renderer = WalkerRenderer()
        poses = self.part_poses(copy)
        fractions = self.state.lidar[copy]
        ends = poses[0, :2] + fractions[:, None] * np.stack([RAY_X, RAY_Y], axis=1)
        return self._renderer.draw(self.ground, copy, self.body, poses, ends)
