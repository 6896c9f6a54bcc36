"""A walker body compiled to records, and the arrays that hold N walkers.

Numba turns a record into one pointer with constant offsets, so the kernels read like code on
structs, compile quickly and index with constants.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError
from .bodies import Body, Part
from .ground import GROUND_FRICTION, START_STEP, TERRAIN_HEIGHT, TERRAIN_STEP
from .impulse_solver import Impulses, empty_impulses

Float = NDArray[np.float32]
Int = NDArray[np.int32]
Records = NDArray[Any]

POLYGON_VERTICES = 8
RAYS = 10
CONTACT_POINTS = 32
"""Contact points that the fast solver has room for; more are ignored."""

PART = np.dtype(
    [
        # What the body is; lengths are from the centre of mass.
        ("local_vertices", "f4", (POLYGON_VERTICES, 2)),
        ("local_normals", "f4", (POLYGON_VERTICES, 2)),  # normal k: side from vertex k to k + 1
        ("vertex_count", "i4"),
        ("radius", "f4"),  # largest distance of a vertex from the centre of mass
        ("centre", "f4", (2,)),  # centre of mass in the part's frame
        ("inverse_mass", "f4"),
        ("inverse_inertia", "f4"),  # about the centre of mass
        ("friction", "f4"),  # mixed with the ground's
        ("critical", "i4"),  # touching anything ends the episode
        ("pushed", "i4"),  # the random force at the start acts on it
        ("start", "f4", (3,)),  # x, y, angle of the centre of mass
        ("contact_order", "i4"),  # entry k: the k-th part that Box2D's island search meets
        ("tree_order", "i4"),  # entry k: the k-th part of a walk from the hull outwards
        ("tree_joint", "i4"),  # the joint towards the hull; -1 for the hull
        # Where it is now.
        ("x", "f4", (3,)),  # x, y, angle of the centre of mass
        ("v", "f4", (3,)),
        ("sweep", "f4", (4,)),  # x, y, angle and time (0 to 1) at the start of the sweep
        ("sine", "f4"),
        ("cosine", "f4"),
        ("vertices", "f4", (POLYGON_VERTICES, 2)),  # in the world
        ("normals", "f4", (POLYGON_VERTICES, 2)),
        ("box", "f4", (4,)),  # of the vertices: left, low, right, high
    ],
    align=True,
)
"""A part of the walker a thread works on (m, kg, rad, s)."""

JOINT = np.dtype(
    [
        ("parent", "i4"),
        ("child", "i4"),
        ("anchors", "f4", (4,)),  # parent x, y, child x, y, from the centres of mass
        ("lower", "f4"),
        ("upper", "f4"),
        ("reference", "f4"),  # child angle - parent angle at joint angle 0
        ("full_speed", "f4"),
        ("full_torque", "f4"),
        ("action", "i4"),  # component of the action, -1: not motorised
        ("slot", "i4"),  # place of its angle in the observation
        ("angle_offset", "f4"),
        ("contact_part", "i4"),  # contact flag that follows; -1: always 0; -2: none
        ("arms", "f4", (4,)),  # anchors in world axes
        ("point", "f4", (3,)),  # inverse of the point's mass matrix: 11, 12, 22
        ("full", "f4", (6,)),  # inverse with the limit: 11, 12, 13, 22, 23, 33
        ("coupling", "f4", (2,)),  # of point and limit in the mass matrix: 13, 23
        ("angle_mass", "f4"),
        ("impulse", "f4", (4,)),  # x, y, limit, motor
        ("limit", "i4"),  # 0 free, 1 at the lower limit, 2 at the upper, 3 locked
        ("speed", "f4"),  # the motor's target
        ("most", "f4"),  # the motor's largest impulse
    ],
    align=True,
)
"""A joint of the walker a thread works on, in the order of Box2D's island search."""

CONTACT = np.dtype(
    [
        ("part", "i4"),
        ("count", "i4"),  # points of the manifold
        ("block", "i4"),  # points in the velocity solver
        ("on_part", "i4"),  # the reference face is the part's
        ("local_normal", "f4", (2,)),  # manifold in the frame of the reference face
        ("plane", "f4", (2,)),
        ("points", "f4", (2, 2)),  # in the other frame
        ("normal", "f4", (2,)),  # in the world, ground to part
        ("friction", "f4"),
        ("normal_arm", "f4", (2,)),
        ("tangent_arm", "f4", (2,)),
        ("normal_mass", "f4", (2,)),
        ("tangent_mass", "f4", (2,)),
        ("normal_impulse", "f4", (2,)),
        ("tangent_impulse", "f4", (2,)),
        ("matrix", "f4", (3,)),  # of both normals: 11, 12, 22
        ("inverse", "f4", (3,)),
    ],
    align=True,
)
"""A contact constraint; the ground is the other side."""

IMPACT = np.dtype([("part", "i4"), ("key", "i4"), ("tries", "i4"), ("known", "i4"), ("time", "f4")])
"""A part and a ground shape that it may run into within the step."""

TEMPORARY = np.dtype(
    [
        ("near", "i4", (64,)),  # ground shapes: edge k as k, polygon k as -1 - k
        ("normal", "f4", (2,)),  # the last manifold
        ("plane", "f4", (2,)),
        ("points", "f4", (2, 2)),
        ("count", "i4"),
        ("on_part", "i4"),
        ("features", "i4", (2,)),
        ("clip", "f4", (6, 2)),  # three segments for clipping, and their feature ids
        ("clip_features", "i4", (6,)),
        ("shape", "f4", (POLYGON_VERTICES, 2)),  # the ground shape under test
        ("moved", "f4", (POLYGON_VERTICES, 2)),  # vertices of the part where its sweep ends
        # GJK: witness on the ground, on the part, difference, weight, metric; and vertex indices.
        ("simplex", "f4", (3, 8)),
        ("simplex_index", "i4", (8,)),
    ],
    align=True,
)

TOUCH = np.dtype(
    [
        ("part", "i4"),
        ("key", "i4"),
        ("count", "i4"),  # points; 0: not touching any more
        ("features", "i4", (2,)),
        ("impulse", "f4", (4,)),  # normal, tangential of both points
    ],
    align=True,
)
"""A contact as it is kept from step to step."""


class Work(NamedTuple):
    """The walker a thread works on: the body, and everything that is rebuilt in each step."""

    parts: Records
    """(B,) of PART."""
    joints: Records
    """(J,) of JOINT."""
    contacts: Records
    """(C,) of CONTACT."""
    before: Records
    """(C,) of TOUCH: the contacts of the step before."""
    impacts: Records
    """(C,) of IMPACT."""
    temporary: Records
    """(1,) of TEMPORARY."""
    jacobian: Float
    """(B, 3, D): velocities of the parts (x, y, angle) from generalised velocities: the hull's three,
    then the joints'. D is padded to a multiple of 8."""
    inverse: Float
    """(D, D): inverse of the generalised mass matrix."""
    speed: Float
    """(2, D): generalised velocities and momenta."""
    lines: Float
    """(M, D): the rows of contacts in generalised coordinates."""
    responses: Float
    """(M, D): change of the generalised velocities per unit impulse of each contact row."""
    axis: Int
    """(M,): for motor and limit rows the joint, plus J for a limit."""
    impulses: Impulses
    """M rows."""
    passes: Int
    """(1,): passes of the last solution."""
    reward: Float
    """(2,): cost per joint at action 1, cost per radian of hull angle."""


class State(NamedTuple):
    """N walkers, field by field."""

    position: Float
    """(N, B, 3): x, y, angle of the centres of mass (m, rad)."""
    rotation: Float
    """(N, B, 2): sine and cosine of the angles."""
    velocity: Float
    """(N, B, 3): m/s, rad/s."""
    contact_flag: NDArray[np.int32]
    """(N, B): 1 between a part's begin- and end-of-contact events."""
    joint_impulse: Float
    """(N, J, 4): kept for warm starting."""
    joint_limit: NDArray[np.int32]
    """(N, J)."""
    touches: Records
    """(N, C) of TOUCH."""
    touch_count: NDArray[np.int32]
    """(N,)."""
    shaping: Float
    """(N,): the potential whose increase is the reward."""
    initial_force: Float
    """(N,): horizontal force during the reset step (N)."""
    lidar: Float
    """(N, 10): fractions of the range at which the rays hit."""


def part_mass(part: Part) -> tuple[float, float, float, float]:
    """Mass (kg), inertia about the centre of mass (kg m^2) and the centre's x, y (m)."""
    area = inertia = cx = cy = 0.0
    points = part.vertices
    for (ax, ay), (bx, by) in zip(points, points[1:] + points[:1], strict=True):
        cross = ax * by - ay * bx
        area += cross / 2
        cx += cross * (ax + bx) / 6
        cy += cross * (ay + by) / 6
        inertia += cross * (ax * ax + ax * bx + bx * bx + ay * ay + ay * by + by * by) / 12
    cx, cy = cx / area, cy / area
    mass = part.density * area
    return mass, part.density * inertia - mass * (cx * cx + cy * cy), cx, cy


def _island_order(body: Body) -> tuple[list[int], list[int]]:
    """Depth-first order of b2World::Solve: newest part first, newest joint first."""
    parts: list[int] = []
    joints: list[int] = []
    seen: set[int] = set()
    for seed in reversed(range(len(body.parts))):
        if seed in seen:
            continue
        stack = [seed]
        seen.add(seed)
        while stack:
            part = stack.pop()
            parts.append(part)
            for index in reversed(range(len(body.joints))):
                joint = body.joints[index]
                if part not in (joint.parent, joint.child) or index in joints:
                    continue
                joints.append(index)
                other = joint.child if part == joint.parent else joint.parent
                if other not in seen:
                    seen.add(other)
                    stack.append(other)
    return parts, joints


def _tree_order(joints: Records, parts: int) -> tuple[list[int], list[int]]:
    """Parts from the hull outwards, and each part's joint towards the hull."""
    order, towards = [0], [-1] * parts
    for part in order:
        for index, joint in enumerate(joints):
            if joint["parent"] == part:
                if joint["child"] in order:
                    raise InputError("a walker's joints must form a tree that starts at the hull")
                order.append(int(joint["child"]))
                towards[joint["child"]] = index
    if len(order) != parts:
        raise InputError("every part of a walker must hang on the hull, parents before children")
    return order, towards


def _fill_part(row: Any, part: Part) -> None:
    mass, inertia, cx, cy = part_mass(part)
    count = len(part.vertices)
    points = np.array(part.vertices) - (cx, cy)
    side = np.roll(points, -1, axis=0) - points
    row["local_vertices"][:count] = points
    row["local_normals"][:count] = np.stack([side[:, 1], -side[:, 0]], 1) / np.hypot(*side.T)[:, None]
    row["vertex_count"] = count
    row["radius"] = np.hypot(*points.T).max()
    row["centre"] = cx, cy
    row["inverse_mass"], row["inverse_inertia"] = 1 / mass, 1 / inertia
    row["friction"] = math.sqrt(part.friction * GROUND_FRICTION)
    row["critical"] = part.critical
    cosine, sine = math.cos(part.angle), math.sin(part.angle)
    row["start"] = (
        START_STEP * TERRAIN_STEP + part.position[0] + cosine * cx - sine * cy,
        TERRAIN_HEIGHT + part.position[1] + sine * cx + cosine * cy,
        part.angle,
    )


def compile_body(body: Body) -> Work:
    """The records of a body, as one thread's work space."""
    parts, joints = np.zeros(len(body.parts), PART), np.zeros(len(body.joints), JOINT)
    part_order, joint_order = _island_order(body)
    for k, part in enumerate(body.parts):
        _fill_part(parts[k], part)
        parts[k]["pushed"] = k in body.pushed
        parts[k]["contact_order"] = part_order[k]
    action, slot = 0, 4
    for index, joint in enumerate(body.joints):
        row = joints[joint_order.index(index)]
        row["parent"], row["child"] = joint.parent, joint.child
        row["anchors"][:2] = joint.parent_anchor - parts["centre"][joint.parent]
        row["anchors"][2:] = joint.child_anchor - parts["centre"][joint.child]
        row["lower"], row["upper"] = joint.lower, joint.upper
        row["reference"] = joint.reference_angle
        row["full_speed"], row["full_torque"] = joint.speed, joint.torque * joint.motorised
        row["angle_offset"] = joint.angle_offset
        row["contact_part"] = -2 if joint.contact_part is None else joint.contact_part
        row["action"] = action if joint.motorised else -1
        row["slot"] = slot
        if joint.motorised:
            action += 1
            slot += 2 if joint.contact_part is None else 3
    parts["tree_order"], parts["tree_joint"] = _tree_order(joints, len(parts))
    room = contact_room(body)
    degrees = -(-(3 + len(joints)) // 8) * 8
    rows = 2 * len(joints) + 2 * CONTACT_POINTS
    f4 = np.float32
    return Work(
        parts=parts,
        joints=joints,
        contacts=np.zeros(room, CONTACT),
        before=np.zeros(room, TOUCH),
        impacts=np.zeros(room, IMPACT),
        temporary=np.zeros(1, TEMPORARY),
        jacobian=np.zeros((len(parts), 3, degrees), f4),
        inverse=np.zeros((degrees, degrees), f4),
        speed=np.zeros((2, degrees), f4),
        lines=np.zeros((rows, degrees), f4),
        responses=np.zeros((rows, degrees), f4),
        axis=np.zeros(rows, np.int32),
        impulses=empty_impulses(rows),
        passes=np.zeros(1, np.int32),
        reward=np.array([body.action_cost, 5.0 if body.angle_term else 0.0], f4),
    )


def contact_room(body: Body) -> int:
    """Touching contacts a walker has room for; more are ignored."""
    return 8 + 3 * len(body.parts)


def empty_state(num_envs: int, body: Body) -> State:
    """Zeroed arrays for N walkers."""
    parts, joints = len(body.parts), len(body.joints)
    f4, i4 = np.float32, np.int32
    return State(
        position=np.zeros((num_envs, parts, 3), f4),
        rotation=np.zeros((num_envs, parts, 2), f4),
        velocity=np.zeros((num_envs, parts, 3), f4),
        contact_flag=np.zeros((num_envs, parts), i4),
        joint_impulse=np.zeros((num_envs, joints, 4), f4),
        joint_limit=np.zeros((num_envs, joints), i4),
        touches=np.zeros((num_envs, contact_room(body)), TOUCH),
        touch_count=np.zeros(num_envs, i4),
        shaping=np.zeros(num_envs, f4),
        initial_force=np.zeros(num_envs, f4),
        lidar=np.ones((num_envs, RAYS), f4),
    )
