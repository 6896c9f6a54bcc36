"""One physics step of one walker, in the order of Box2D 2.3's b2World::Step.

Contacts are found at the start poses, velocities are solved with warm starting, positions are
integrated and corrected, and parts that would run into the ground within the step are stopped at
their time of impact.
"""

from __future__ import annotations

import numpy as np

from ..jit import inlined
from .collide import SLOP
from .contact_solver import (
    BAUMGARTE,
    solve_contact_positions,
    solve_contact_velocities,
    warm_start_contacts,
)
from .contacts import find_contacts
from .ground import Ground
from .impacts import solve_impacts
from .integrate import TIME_STEP, integrate
from .joint_solver import prepare_joints, solve_joint_positions, solve_joint_velocities
from .model import State, Work
from .reduced_solver import solve_reduced_velocities

F = np.float32
ZERO = F(0)
GRAVITY = F(-10.0)
POSITION_DONE = F(-3) * SLOP


@inlined
def _solve_velocities(
    i: int, count: int, iterations: int, reduced: bool, work: Work, state: State
) -> None:
    """Velocities that respect joints, motors, limits and contacts; warm started, impulses kept."""
    parts, joints, contacts = work.parts, work.joints, work.contacts
    for j in range(joints.shape[0]):
        joints[j].limit = state.joint_limit[i, j]
        for m in range(4):
            joints[j].impulse[m] = state.joint_impulse[i, j, m]
    if reduced:
        solve_reduced_velocities(count, iterations, work)
    else:
        warm_start_contacts(count, contacts, parts)
        prepare_joints(joints, parts)
        for _ in range(iterations):
            change = solve_joint_velocities(joints, parts)
            # A pass that changes nothing is a fixed point: later passes change nothing either.
            if max(change, solve_contact_velocities(count, contacts, parts)) == ZERO:
                break
    for j in range(joints.shape[0]):
        state.joint_limit[i, j] = joints[j].limit
        for m in range(4):
            state.joint_impulse[i, j, m] = joints[j].impulse[m]
    for n in range(count):
        touch = state.touches[i, n]
        for m in range(2):
            touch.impulse[2 * m] = contacts[n].normal_impulse[m]
            touch.impulse[2 * m + 1] = contacts[n].tangent_impulse[m]


@inlined
def physics_step(
    i: int,
    force: float,
    velocity_iterations: int,
    position_iterations: int,
    reduced: bool,
    work: Work,
    state: State,
    ground: Ground,
) -> bool:
    """Advance walker i by one time step; returns whether a critical part began to touch.

    The joints' ``speed`` and ``most`` hold the action; ``force`` is horizontal (N), on the pushed
    parts. ``reduced`` solves velocities in generalised coordinates instead of part by part.
    """
    parts, joints, contacts = work.parts, work.joints, work.contacts
    for k in range(parts.shape[0]):
        part = parts[k]
        for m in range(3):
            part.x[m] = state.position[i, k, m]
            part.v[m] = state.velocity[i, k, m]
            part.sweep[m] = part.x[m]
        part.sweep[3] = ZERO
        part.sine, part.cosine = state.rotation[i, k, 0], state.rotation[i, k, 1]
    count, critical = find_contacts(i, work, state, ground)
    for k in range(parts.shape[0]):
        part = parts[k]
        part.v[1] += TIME_STEP * GRAVITY
        if part.pushed:
            part.v[0] += TIME_STEP * part.inverse_mass * force
    _solve_velocities(i, count, velocity_iterations, reduced, work, state)
    for k in range(parts.shape[0]):
        integrate(parts[k], TIME_STEP)
    for _ in range(position_iterations):
        smallest = solve_contact_positions(count, BAUMGARTE, contacts, parts)
        if solve_joint_positions(joints, parts) and smallest >= POSITION_DONE:
            break
    critical = solve_impacts(i, work, state, ground) or critical
    for k in range(parts.shape[0]):
        for m in range(3):
            state.position[i, k, m] = parts[k].x[m]
            state.velocity[i, k, m] = parts[k].v[m]
        state.rotation[i, k, 0] = parts[k].sine
        state.rotation[i, k, 1] = parts[k].cosine
    return critical
