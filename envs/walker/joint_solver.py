"""Revolute joints with motors and limits of one walker, as in Box2D 2.3's b2RevoluteJoint.cpp."""

from __future__ import annotations

import math

import numpy as np

from ..jit import inner
from .collide import ANGULAR_SLOP, SLOP, turn_part
from .model import Records

F = np.float32
ZERO, ONE, TWO = F(0), F(1), F(2)
MAX_ANGULAR_CORRECTION = F(8.0 / 180.0 * math.pi)


@inner
def prepare_joints(joints: Records, parts: Records) -> None:
    """Constraint matrices and limit states at the start poses; apply last step's impulses.

    The joints' ``impulse`` and ``limit`` come from the step before, ``speed`` and ``most`` from the
    action.
    """
    for j in range(joints.shape[0]):
        joint = joints[j]
        a, b = parts[joint.parent], parts[joint.child]
        ax, ay = joint.anchors[0], joint.anchors[1]
        bx, by = joint.anchors[2], joint.anchors[3]
        ax, ay = a.cosine * ax - a.sine * ay, a.sine * ax + a.cosine * ay
        bx, by = b.cosine * bx - b.sine * by, b.sine * bx + b.cosine * by
        joint.arms[0], joint.arms[1], joint.arms[2], joint.arms[3] = ax, ay, bx, by
        ma, mb, ia, ib = a.inverse_mass, b.inverse_mass, a.inverse_inertia, b.inverse_inertia
        k11 = ma + mb + ay * ay * ia + by * by * ib
        k12 = -ay * ax * ia - by * bx * ib
        k13 = -ay * ia - by * ib
        k22 = ma + mb + ax * ax * ia + bx * bx * ib
        k23 = ax * ia + bx * ib
        k33 = ia + ib
        inverse = ONE / (k11 * k22 - k12 * k12)
        joint.point[0] = inverse * k22
        joint.point[1] = -inverse * k12
        joint.point[2] = inverse * k11
        joint.coupling[0], joint.coupling[1] = k13, k23
        joint.angle_mass = ONE / k33

        angle = b.x[2] - a.x[2] - joint.reference
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
        if limit != 0:
            c11, c12, c13 = k22 * k33 - k23 * k23, k13 * k23 - k12 * k33, k12 * k23 - k13 * k22
            inverse = ONE / (k11 * c11 + k12 * c12 + k13 * c13)
            joint.full[0] = inverse * c11
            joint.full[1] = inverse * c12
            joint.full[2] = inverse * c13
            joint.full[3] = inverse * (k11 * k33 - k13 * k13)
            joint.full[4] = inverse * (k12 * k13 - k11 * k23)
            joint.full[5] = inverse * (k11 * k22 - k12 * k12)

        px, py = joint.impulse[0], joint.impulse[1]
        turn = joint.impulse[2] + joint.impulse[3]
        a.v[0] -= ma * px
        a.v[1] -= ma * py
        a.v[2] -= ia * (ax * py - ay * px + turn)
        b.v[0] += mb * px
        b.v[1] += mb * py
        b.v[2] += ib * (bx * py - by * px + turn)


@inner
def solve_joint_velocities(joints: Records, parts: Records) -> float:
    """One pass over all joints: motor, then point and limit together.

    Returns the largest change of an impulse (N s, N m s).
    """
    change = ZERO
    for j in range(joints.shape[0]):
        joint = joints[j]
        a, b = parts[joint.parent], parts[joint.child]
        ma, mb, ia, ib = a.inverse_mass, b.inverse_mass, a.inverse_inertia, b.inverse_inertia
        wa, wb = a.v[2], b.v[2]
        limit = joint.limit
        if limit != 3:
            before, most = joint.impulse[3], joint.most
            impulse = before - joint.angle_mass * (wb - wa - joint.speed)
            impulse = max(-most, min(impulse, most))
            joint.impulse[3] = impulse
            impulse -= before
            change = max(change, abs(impulse))
            wa -= ia * impulse
            wb += ib * impulse
        ax, ay, bx, by = joint.arms[0], joint.arms[1], joint.arms[2], joint.arms[3]
        cx = b.v[0] - wb * by - a.v[0] + wa * ay
        cy = b.v[1] + wb * bx - a.v[1] - wa * ax
        if limit == 0:
            px = -(joint.point[0] * cx + joint.point[1] * cy)
            py = -(joint.point[1] * cx + joint.point[2] * cy)
            pz = ZERO
        else:
            cz = wb - wa
            px = -(joint.full[0] * cx + joint.full[1] * cy + joint.full[2] * cz)
            py = -(joint.full[1] * cx + joint.full[3] * cy + joint.full[4] * cz)
            pz = -(joint.full[2] * cx + joint.full[4] * cy + joint.full[5] * cz)
            before = joint.impulse[2]
            total = before + pz
            if (limit == 1 and total < ZERO) or (limit == 2 and total > ZERO):
                # The limit would pull: drop its impulse and solve the point alone.
                rx = before * joint.coupling[0] - cx
                ry = before * joint.coupling[1] - cy
                px = joint.point[0] * rx + joint.point[1] * ry
                py = joint.point[1] * rx + joint.point[2] * ry
                pz = -before
            joint.impulse[2] = before + pz
            change = max(change, abs(pz))
        change = max(change, max(abs(px), abs(py)))
        joint.impulse[0] += px
        joint.impulse[1] += py
        a.v[0] -= ma * px
        a.v[1] -= ma * py
        a.v[2] = wa - ia * (ax * py - ay * px + pz)
        b.v[0] += mb * px
        b.v[1] += mb * py
        b.v[2] = wb + ib * (bx * py - by * px + pz)
    return change


@inner
def solve_joint_positions(joints: Records, parts: Records) -> bool:
    """One pass of position correction; returns whether all joints were within the slops.

    Sines and cosines of the parts are kept with their angles.
    """
    okay = True
    for j in range(joints.shape[0]):
        joint = joints[j]
        a, b = parts[joint.parent], parts[joint.child]
        ma, mb, ia, ib = a.inverse_mass, b.inverse_mass, a.inverse_inertia, b.inverse_inertia
        limit = joint.limit
        if limit != 0:
            angle = b.x[2] - a.x[2] - joint.reference
            if limit == 1:
                c = angle - joint.lower
                error = -c
                c = max(-MAX_ANGULAR_CORRECTION, min(c + ANGULAR_SLOP, ZERO))
            elif limit == 2:
                c = angle - joint.upper
                error = c
                c = max(ZERO, min(c - ANGULAR_SLOP, MAX_ANGULAR_CORRECTION))
            else:
                c = max(-MAX_ANGULAR_CORRECTION, min(angle - joint.lower, MAX_ANGULAR_CORRECTION))
                error = abs(c)
            okay = okay and error <= ANGULAR_SLOP
            impulse = -joint.angle_mass * c
            turn_part(a, -ia * impulse)
            turn_part(b, ib * impulse)
        sa, ca, sb, cb = a.sine, a.cosine, b.sine, b.cosine
        ax, ay = joint.anchors[0], joint.anchors[1]
        bx, by = joint.anchors[2], joint.anchors[3]
        ax, ay = ca * ax - sa * ay, sa * ax + ca * ay
        bx, by = cb * bx - sb * by, sb * bx + cb * by
        cx = b.x[0] + bx - a.x[0] - ax
        cy = b.x[1] + by - a.x[1] - ay
        okay = okay and cx * cx + cy * cy <= SLOP * SLOP
        k11 = ma + mb + ia * ay * ay + ib * by * by
        k12 = -ia * ax * ay - ib * bx * by
        k22 = ma + mb + ia * ax * ax + ib * bx * bx
        inverse = ONE / (k11 * k22 - k12 * k12)
        px = -inverse * (k22 * cx - k12 * cy)
        py = -inverse * (k11 * cy - k12 * cx)
        a.x[0] -= ma * px
        a.x[1] -= ma * py
        turn_part(a, -ia * (ax * py - ay * px))
        b.x[0] += mb * px
        b.x[1] += mb * py
        turn_part(b, ib * (bx * py - by * px))
    return okay
