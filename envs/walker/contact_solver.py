"""Contact constraints of one walker: sequential impulses as in Box2D 2.3's b2ContactSolver.cpp.

Every contact is between a part and the static ground, so only the part's side appears. Two-point
manifolds use Box2D's block solver.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..jit import inner
from .collide import RADIUS, SLOP, TWO_RADII, turn_part
from .model import Records

F = np.float32
ZERO, ONE, HALF = F(0), F(1), F(0.5)
BAUMGARTE, TOI_BAUMGARTE = F(0.2), F(0.75)
MAX_CORRECTION = F(0.2)
MAX_CONDITION = F(1000)


@inner
def add_contact(c: Any, part: int, friction: float, t: Any) -> None:
    """Make a constraint from the last manifold of this part."""
    c.part, c.count, c.on_part, c.friction = part, t.count, t.on_part, friction
    for k in range(2):
        c.local_normal[k] = t.normal[k]
        c.plane[k] = t.plane[k]
        c.points[k, 0] = t.points[k, 0]
        c.points[k, 1] = t.points[k, 1]


@inner
def prepare_contact(c: Any, part: Any) -> None:
    """Lever arms and effective masses at the part's pose; impulses start at zero."""
    count = c.count
    c.block = count
    x, y, s, co = part.x[0], part.x[1], part.sine, part.cosine
    nx, ny, px, py = c.local_normal[0], c.local_normal[1], c.plane[0], c.plane[1]
    sign = ONE
    if c.on_part:
        nx, ny = co * nx - s * ny, s * nx + co * ny
        px, py = co * px - s * py + x, s * px + co * py + y
        sign = -ONE
    mass, inertia = part.inverse_mass, part.inverse_inertia
    for k in range(count):
        qx, qy = c.points[k, 0], c.points[k, 1]
        if not c.on_part:
            qx, qy = co * qx - s * qy + x, s * qx + co * qy + y
        # Middle of both skins along the reference normal.
        distance = (qx - px) * nx + (qy - py) * ny
        shift = HALF * ((RADIUS - distance) - RADIUS)
        rx, ry = qx + shift * nx - x, qy + shift * ny - y
        rn = sign * (rx * ny - ry * nx)
        rt = -sign * (rx * nx + ry * ny)
        c.normal_arm[k] = rn
        c.tangent_arm[k] = rt
        c.normal_mass[k] = ONE / (mass + inertia * rn * rn)
        c.tangent_mass[k] = ONE / (mass + inertia * rt * rt)
        c.normal_impulse[k] = ZERO
        c.tangent_impulse[k] = ZERO
    c.normal[0] = sign * nx
    c.normal[1] = sign * ny
    if count == 2:
        r1, r2 = c.normal_arm[0], c.normal_arm[1]
        k11, k22 = mass + inertia * r1 * r1, mass + inertia * r2 * r2
        k12 = mass + inertia * r1 * r2
        determinant = k11 * k22 - k12 * k12
        if k11 * k11 < MAX_CONDITION * determinant:
            inverse = ONE / determinant
            c.matrix[0], c.matrix[1], c.matrix[2] = k11, k12, k22
            c.inverse[0] = inverse * k22
            c.inverse[1] = -inverse * k12
            c.inverse[2] = inverse * k11
        else:
            c.block = 1


@inner
def warm_start_contacts(count: int, contacts: Records, parts: Records) -> None:
    """Apply the impulses that the constraints start with."""
    for n in range(count):
        c = contacts[n]
        part = parts[c.part]
        nx, ny = c.normal[0], c.normal[1]
        for k in range(c.block):
            normal, tangent = c.normal_impulse[k], c.tangent_impulse[k]
            turn = normal * c.normal_arm[k] + tangent * c.tangent_arm[k]
            part.v[0] += part.inverse_mass * (normal * nx + tangent * ny)
            part.v[1] += part.inverse_mass * (normal * ny - tangent * nx)
            part.v[2] += part.inverse_inertia * turn


@inner
def solve_pair(
    b1: float, b2: float, a1: float, a2: float, c: Any, mass1: float, mass2: float
) -> tuple[float, float]:
    """Impulses x >= 0 of two points with speeds c.matrix x + b >= 0, not both non-zero each.

    The four cases of the complementarity problem in Box2D's order; the old impulses (a1, a2) stay if
    none fits.
    """
    x1 = -(c.inverse[0] * b1 + c.inverse[1] * b2)
    x2 = -(c.inverse[1] * b1 + c.inverse[2] * b2)
    if x1 >= ZERO and x2 >= ZERO:
        return x1, x2
    x1 = -mass1 * b1
    if x1 >= ZERO and c.matrix[1] * x1 + b2 >= ZERO:
        return x1, ZERO
    x2 = -mass2 * b2
    if x2 >= ZERO and c.matrix[1] * x2 + b1 >= ZERO:
        return ZERO, x2
    if b1 >= ZERO and b2 >= ZERO:
        return ZERO, ZERO
    return a1, a2


@inner
def solve_contact_velocities(count: int, contacts: Records, parts: Records) -> float:
    """One pass over all contacts: friction, then the non-penetration of one or two points.

    Returns the largest change of an impulse (N s).
    """
    change = ZERO
    for n in range(count):
        c = contacts[n]
        part = parts[c.part]
        mass, inertia = part.inverse_mass, part.inverse_inertia
        vx, vy, w = part.v[0], part.v[1], part.v[2]
        nx, ny = c.normal[0], c.normal[1]
        for k in range(c.block):
            arm = c.tangent_arm[k]
            speed = vx * ny - vy * nx + w * arm
            limit = c.friction * c.normal_impulse[k]
            before = c.tangent_impulse[k]
            impulse = max(-limit, min(before - c.tangent_mass[k] * speed, limit))
            c.tangent_impulse[k] = impulse
            impulse -= before
            change = max(change, abs(impulse))
            vx += mass * impulse * ny
            vy -= mass * impulse * nx
            w += inertia * impulse * arm
        if c.block == 1:
            arm = c.normal_arm[0]
            speed = vx * nx + vy * ny + w * arm
            before = c.normal_impulse[0]
            impulse = max(before - c.normal_mass[0] * speed, ZERO)
            c.normal_impulse[0] = impulse
            impulse -= before
            change = max(change, abs(impulse))
            vx += mass * impulse * nx
            vy += mass * impulse * ny
            w += inertia * impulse * arm
        else:
            a1, a2 = c.normal_impulse[0], c.normal_impulse[1]
            r1, r2 = c.normal_arm[0], c.normal_arm[1]
            k12 = c.matrix[1]
            approach = vx * nx + vy * ny
            b1 = approach + w * r1 - (c.matrix[0] * a1 + k12 * a2)
            b2 = approach + w * r2 - (k12 * a1 + c.matrix[2] * a2)
            x1, x2 = solve_pair(b1, b2, a1, a2, c, c.normal_mass[0], c.normal_mass[1])
            c.normal_impulse[0], c.normal_impulse[1] = x1, x2
            d1, d2 = x1 - a1, x2 - a2
            change = max(change, max(abs(d1), abs(d2)))
            vx += mass * (d1 + d2) * nx
            vy += mass * (d1 + d2) * ny
            w += inertia * (r1 * d1 + r2 * d2)
        part.v[0], part.v[1], part.v[2] = vx, vy, w
    return change


@inner
def solve_contact_positions(count: int, baumgarte: float, contacts: Records, parts: Records) -> float:
    """One pass of position correction; returns the smallest separation found (m).

    Sines and cosines of the parts are kept with their angles.
    """
    smallest = ZERO
    for n in range(count):
        c = contacts[n]
        part = parts[c.part]
        mass, inertia = part.inverse_mass, part.inverse_inertia
        for k in range(c.count):
            x, y, s, co = part.x[0], part.x[1], part.sine, part.cosine
            nx, ny, px, py = c.local_normal[0], c.local_normal[1], c.plane[0], c.plane[1]
            qx, qy = c.points[k, 0], c.points[k, 1]
            sign = ONE
            if c.on_part:
                nx, ny = co * nx - s * ny, s * nx + co * ny
                px, py = co * px - s * py + x, s * px + co * py + y
                sign = -ONE
            else:
                qx, qy = co * qx - s * qy + x, s * qx + co * qy + y
            separation = (qx - px) * nx + (qy - py) * ny - TWO_RADII
            smallest = min(smallest, separation)
            correction = max(-MAX_CORRECTION, min(baumgarte * (separation + SLOP), ZERO))
            if correction == ZERO:
                continue
            nx, ny = sign * nx, sign * ny
            rn = (qx - x) * ny - (qy - y) * nx
            impulse = -correction / (mass + inertia * rn * rn)
            part.x[0] = x + mass * impulse * nx
            part.x[1] = y + mass * impulse * ny
            turn_part(part, inertia * impulse * rn)
    return smallest
