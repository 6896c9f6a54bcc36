"""The compiled step and reset of N walkers: actions, physics, observation, reward, falls.

Formulas as in Gymnasium's ``bipedal_walker.py`` and teachDeepRL's copy of it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..jit import inlined, inner, kernel
from ..random import uniform
from .collide import sine_cosine
from .ground import FINISH_X, Ground
from .integrate import TIME_STEP
from .lidar import cast_rays
from .model import RAYS, Float, State, Work
from .physics import physics_step

F = np.float32
ZERO, ONE = F(0), F(1)
ANGULAR_SCALE = F(2.0 / 50.0)
X_SCALE, Y_SCALE = F(0.3 * 20.0 / 50.0), F(0.3 * (400.0 / 30.0) / 50.0)
PROGRESS = F(130.0 / 30.0)
"""Reward per metre."""
FALL = F(-100.0)
FINISH = F(FINISH_X)
LOST = F(1e6)
INITIAL_RANDOM = 5.0
"""Largest horizontal force on the hull in the reset step (N)."""


@inlined
def _observe(
    i: int, x: float, y: float, work: Work, state: State, ground: Ground, observations: Float
) -> None:
    """Write the observation of walker i; (x, y) is the hull's frame origin (m)."""
    parts = work.parts
    observations[i, 0] = parts[0].x[2]
    observations[i, 1] = ANGULAR_SCALE * parts[0].v[2]
    observations[i, 2] = X_SCALE * parts[0].v[0]
    observations[i, 3] = Y_SCALE * parts[0].v[1]
    for j in range(work.joints.shape[0]):
        joint = work.joints[j]
        if joint.action < 0:
            continue
        a, b, n = parts[joint.parent], parts[joint.child], joint.slot
        observations[i, n] = b.x[2] - a.x[2] - joint.reference + joint.angle_offset
        observations[i, n + 1] = (b.v[2] - a.v[2]) / joint.full_speed
        k = joint.contact_part
        if k >= -1:
            observations[i, n + 2] = F(state.contact_flag[i, k]) if k >= 0 else ZERO
    cast_rays(i, x, y, ground, state)
    n = observations.shape[1] - RAYS
    for ray in range(RAYS):
        observations[i, n + ray] = state.lidar[i, ray]


@inlined
def _place_at_start(i: int, work: Work, state: State, random_state: NDArray[np.uint64]) -> None:
    for k in range(work.parts.shape[0]):
        state.contact_flag[i, k] = 0
        for m in range(3):
            state.position[i, k, m] = work.parts[k].start[m]
            state.velocity[i, k, m] = ZERO
        state.rotation[i, k, 0], state.rotation[i, k, 1] = sine_cosine(state.position[i, k, 2])
    for j in range(work.joints.shape[0]):
        state.joint_limit[i, j] = 0
        for m in range(4):
            state.joint_impulse[i, j, m] = ZERO
    state.touch_count[i] = 0
    state.initial_force[i] = uniform(random_state, i, -INITIAL_RANDOM, INITIAL_RANDOM)


@inlined
def _set_motors(i: int, actions: Float, work: Work) -> float:
    """Hand the action to the joints; returns the sum of its components' sizes."""
    cost = ZERO
    for j in range(work.joints.shape[0]):
        joint = work.joints[j]
        joint.speed = joint.most = ZERO
        if joint.action < 0:
            continue
        action = actions[i, joint.action]
        if action != action:
            continue  # NaN from a policy that has diverged must not poison the world
        size = min(abs(action), ONE)
        joint.speed = joint.full_speed if action > ZERO else -joint.full_speed
        joint.most = TIME_STEP * joint.full_torque * size
        cost += size
    return cost


@inner
def _advance_one(
    i: int,
    starting: bool,
    actions: Float,
    velocity_iterations: int,
    position_iterations: int,
    reduced: bool,
    random_state: NDArray[np.uint64],
    work: Work,
    state: State,
    ground: Ground,
    observations: Float,
    rewards: Float,
    terminated: NDArray[np.bool_],
) -> None:
    """Step walker i, or start its episode with one step without action."""
    force, cost = ZERO, ZERO
    if starting:
        _place_at_start(i, work, state, random_state)
        force = state.initial_force[i]
        for j in range(work.joints.shape[0]):
            work.joints[j].speed = ZERO
            work.joints[j].most = ZERO
    else:
        cost = _set_motors(i, actions, work)
    fallen = physics_step(
        i, force, velocity_iterations, position_iterations, reduced, work, state, ground
    )
    hull = work.parts[0]
    s, c = hull.sine, hull.cosine
    x = hull.x[0] - (c * hull.centre[0] - s * hull.centre[1])
    y = hull.x[1] - (s * hull.centre[0] + c * hull.centre[1])
    if not (abs(x) < LOST and abs(y) < LOST):
        # Never seen to happen; but a broken walker must not hand NaN to a learner.
        fallen, x, y = True, ZERO, ZERO
        for k in range(work.parts.shape[0]):
            for m in range(3):
                work.parts[k].x[m] = state.position[i, k, m] = ZERO
                work.parts[k].v[m] = state.velocity[i, k, m] = ZERO
    _observe(i, x, y, work, state, ground, observations)
    shaping = PROGRESS * x - work.reward[1] * abs(hull.x[2])
    if not starting:
        fallen = fallen or x < ZERO
        reward = shaping - state.shaping[i] - work.reward[0] * cost
        rewards[i] = FALL if fallen else reward
        terminated[i] = fallen or x > FINISH
    state.shaping[i] = shaping


@kernel
def advance(
    copies: NDArray[np.int64],
    starting: bool,
    actions: Float,
    velocity_iterations: int,
    position_iterations: int,
    reduced: bool,
    random_state: NDArray[np.uint64],
    work: Work,
    state: State,
    ground: Ground,
    observations: Float,
    rewards: Float,
    terminated: NDArray[np.bool_],
) -> None:
    """Step these walkers, or start their episodes with one step without action.

    Writes observations and, unless starting, rewards and terminated.
    """
    for i in copies:
        _advance_one(
            i,
            starting,
            actions,
            velocity_iterations,
            position_iterations,
            reduced,
            random_state,
            work,
            state,
            ground,
            observations,
            rewards,
            terminated,
        )
