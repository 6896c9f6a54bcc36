"""The fast velocity solver: generalised coordinates.

Box2D holds a walker together with impulses at its joints and needs many passes for it, because light
legs carry a heavy hull. Here the joints hold exactly: the unknowns are the velocities of the hull
and of the joint angles (Featherstone, *Rigid Body Dynamics Algorithms*, 2008, ch. 3 and 6), and only
motors, limits and contacts are left, as a small complementarity problem. Its solution is the one
that Box2D's iterations approach.
"""

from __future__ import annotations

import numpy as np

from ..jit import inlined, inner
from .collide import ANGULAR_SLOP
from .impulse_solver import solve_impulses
from .model import Work

F = np.float32
ZERO, ONE, TWO = F(0), F(1), F(2)
UNBOUNDED = F(1e9)


@inner
def _fill_jacobian(work: Work) -> None:
    """How the parts move with the generalised velocities, at the current poses."""
    parts, joints, jacobian = work.parts, work.joints, work.jacobian
    jacobian[0, 0, 0] = jacobian[0, 1, 1] = jacobian[0, 2, 2] = ONE
    for order in range(1, parts.shape[0]):
        k = parts[order].tree_order
        part = parts[k]
        j = part.tree_joint
        joint = joints[j]
        parent = parts[joint.parent]
        ax, ay, bx, by = joint.anchors[0], joint.anchors[1], joint.anchors[2], joint.anchors[3]
        # From the anchor to the part, and from the parent to the part along both arms.
        rx, ry = -(part.cosine * bx - part.sine * by), -(part.sine * bx + part.cosine * by)
        dx = parent.cosine * ax - parent.sine * ay + rx
        dy = parent.sine * ax + parent.cosine * ay + ry
        for d in range(jacobian.shape[2]):
            turn = jacobian[joint.parent, 2, d]
            jacobian[k, 0, d] = jacobian[joint.parent, 0, d] - dy * turn
            jacobian[k, 1, d] = jacobian[joint.parent, 1, d] + dx * turn
            jacobian[k, 2, d] = turn
        jacobian[k, 0, 3 + j] = -ry
        jacobian[k, 1, 3 + j] = rx
        jacobian[k, 2, 3 + j] = ONE


@inner
def _invert_masses(work: Work) -> None:
    """The inverse of the generalised mass matrix, by Gauss-Jordan (it is positive definite)."""
    parts, jacobian, inverse = work.parts, work.jacobian, work.inverse
    size, width = 3 + work.joints.shape[0], inverse.shape[1]
    for a in range(size):
        for b in range(width):
            inverse[a, b] = ZERO
    for k in range(parts.shape[0]):
        mass, inertia = ONE / parts[k].inverse_mass, ONE / parts[k].inverse_inertia
        for a in range(size):
            turn = jacobian[k, 2, a]
            if turn == ZERO and a > 2:
                continue  # the part does not hang on this joint
            mx, my, mt = mass * jacobian[k, 0, a], mass * jacobian[k, 1, a], inertia * turn
            for b in range(width):
                inverse[a, b] += (
                    mx * jacobian[k, 0, b] + my * jacobian[k, 1, b] + mt * jacobian[k, 2, b]
                )
    for p in range(size):
        pivot = ONE / inverse[p, p]
        inverse[p, p] = ONE
        for b in range(width):
            inverse[p, b] *= pivot
        for a in range(size):
            if a == p:
                continue
            factor = inverse[a, p]
            inverse[a, p] = ZERO
            if factor != ZERO:
                for b in range(width):
                    inverse[a, b] -= factor * inverse[p, b]


@inner
def _project_velocities(work: Work) -> None:
    """The generalised velocities nearest to the parts' own in kinetic energy."""
    parts, jacobian, inverse, speed = work.parts, work.jacobian, work.inverse, work.speed
    width = inverse.shape[1]
    for d in range(width):
        speed[0, d] = ZERO
        speed[1, d] = ZERO
    for k in range(parts.shape[0]):
        part = parts[k]
        px, py = part.v[0] / part.inverse_mass, part.v[1] / part.inverse_mass
        turn = part.v[2] / part.inverse_inertia
        for d in range(width):
            speed[1, d] += px * jacobian[k, 0, d] + py * jacobian[k, 1, d] + turn * jacobian[k, 2, d]
    for a in range(3 + work.joints.shape[0]):
        momentum = speed[1, a]
        for d in range(width):
            speed[0, d] += momentum * inverse[a, d]


@inner
def _motor_rows(work: Work) -> int:
    """Rows of motors and active limits; returns how many."""
    parts, joints, rows = work.parts, work.joints, work.impulses
    count = 0
    for j in range(joints.shape[0]):
        joint = joints[j]
        angle = parts[joint.child].x[2] - parts[joint.parent].x[2] - joint.reference
        before = joint.limit
        limit = 0
        if abs(joint.upper - joint.lower) < TWO * ANGULAR_SLOP:
            limit = 3
        elif angle <= joint.lower:
            limit = 1
        elif angle >= joint.upper:
            limit = 2
        if limit == 0 or (limit != before and limit != 3):
            joint.impulse[2] = ZERO
        joint.limit = limit
        if limit != 3 and joint.full_torque > ZERO:
            work.axis[count] = j
            rows.bias[count] = work.speed[0, 3 + j] - joint.speed
            rows.low[count], rows.high[count] = -joint.most, joint.most
            rows.impulse[count] = max(-joint.most, min(joint.impulse[3], joint.most))
            rows.normal[count] = -1
            count += 1
        if limit != 0:
            work.axis[count] = j + joints.shape[0]
            rows.bias[count] = work.speed[0, 3 + j]
            rows.low[count] = ZERO if limit == 1 else -UNBOUNDED
            rows.high[count] = ZERO if limit == 2 else UNBOUNDED
            rows.impulse[count] = joint.impulse[2]
            rows.normal[count] = -1
            count += 1
    for a in range(count):
        j = work.axis[a] % joints.shape[0]
        for b in range(count):
            rows.matrix[a, b] = work.inverse[3 + j, 3 + work.axis[b] % joints.shape[0]]
    return count


@inner
def _contact_rows(contacts: int, motors: int, work: Work) -> int:
    """Normal and friction rows of the contacts' points behind the motors'; returns the total."""
    lines, responses, rows = work.lines, work.responses, work.impulses
    jacobian, inverse, speed = work.jacobian, work.inverse, work.speed
    width, size = lines.shape[1], 3 + work.joints.shape[0]
    room = rows.bias.shape[0]
    count = motors
    for n in range(contacts):
        c = work.contacts[n]
        k, nx, ny = c.part, c.normal[0], c.normal[1]
        for p in range(c.count):
            if count + 2 > room:
                break
            normal, tangent = c.normal_arm[p], c.tangent_arm[p]
            for d in range(width):
                jx, jy, turn = jacobian[k, 0, d], jacobian[k, 1, d], jacobian[k, 2, d]
                lines[count, d] = nx * jx + ny * jy + normal * turn
                lines[count + 1, d] = ny * jx - nx * jy + tangent * turn
                responses[count, d] = ZERO
                responses[count + 1, d] = ZERO
            for a in range(size):
                first, second = lines[count, a], lines[count + 1, a]
                if first != ZERO or second != ZERO:
                    for d in range(width):
                        responses[count, d] += first * inverse[a, d]
                        responses[count + 1, d] += second * inverse[a, d]
            rows.low[count], rows.high[count], rows.normal[count] = ZERO, UNBOUNDED, -1
            rows.high[count + 1], rows.normal[count + 1] = c.friction, count
            rows.impulse[count] = c.normal_impulse[p]
            rows.impulse[count + 1] = c.tangent_impulse[p]
            for r in range(count, count + 2):
                bias = ZERO
                for d in range(width):
                    bias += lines[r, d] * speed[0, d]
                rows.bias[r] = bias
                for m in range(motors):
                    j = work.axis[m] % work.joints.shape[0]
                    rows.matrix[r, m] = rows.matrix[m, r] = responses[r, 3 + j]
                for q in range(motors, r + 1):
                    total = ZERO
                    for d in range(width):
                        total += responses[r, d] * lines[q, d]
                    rows.matrix[r, q] = rows.matrix[q, r] = total
            count += 2
    return count


@inner
def _take_impulses(contacts: int, motors: int, count: int, work: Work) -> None:
    """Apply the impulses to the generalised velocities and keep them in joints and contacts."""
    joints, rows, speed = work.joints, work.impulses, work.speed
    for j in range(joints.shape[0]):
        joints[j].impulse[2] = joints[j].impulse[3] = ZERO
    for r in range(motors):
        j, impulse = work.axis[r], rows.impulse[r]
        if j < joints.shape[0]:
            joints[j].impulse[3] = impulse
        else:
            j -= joints.shape[0]
            joints[j].impulse[2] = impulse
        for d in range(speed.shape[1]):
            speed[0, d] += impulse * work.inverse[3 + j, d]
    r = motors
    for n in range(contacts):
        c = work.contacts[n]
        for p in range(c.count):
            if r == count:
                break
            c.normal_impulse[p] = rows.impulse[r]
            c.tangent_impulse[p] = rows.impulse[r + 1]
            r += 2
    for r in range(motors, count):
        impulse = rows.impulse[r]
        if impulse != ZERO:
            for d in range(speed.shape[1]):
                speed[0, d] += impulse * work.responses[r, d]


@inner
def _velocities(work: Work) -> None:
    """Velocities of the parts from the generalised ones."""
    parts, jacobian, speed = work.parts, work.jacobian, work.speed
    for k in range(parts.shape[0]):
        vx = vy = turn = ZERO
        for d in range(speed.shape[1]):
            vx += jacobian[k, 0, d] * speed[0, d]
            vy += jacobian[k, 1, d] * speed[0, d]
            turn += jacobian[k, 2, d] * speed[0, d]
        part = parts[k]
        part.v[0], part.v[1], part.v[2] = vx, vy, turn


@inlined
def solve_reduced_velocities(contacts: int, rounds: int, work: Work) -> None:
    """Velocities of the parts that respect joints, motors, limits and the first ``contacts``.

    The joints' ``limit`` and ``impulse`` (limit and motor) are last step's on entry, this step's on
    return; likewise the contacts' impulses.
    """
    _fill_jacobian(work)
    _invert_masses(work)
    _project_velocities(work)
    motors = _motor_rows(work)
    count = _contact_rows(contacts, motors, work)
    work.passes[0] = solve_impulses(count, rounds, work.impulses)
    _take_impulses(contacts, motors, count, work)
    _velocities(work)
