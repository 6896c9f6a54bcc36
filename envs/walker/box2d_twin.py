"""The walker's twin: the same ground and body in the real Box2D 2.3, through pybox2d.

It shares no physics code with the compiled world, only the data: :class:`~.ground.Ground` and
:class:`~.bodies.Body`. Step, observation, reward and contact flags follow Gymnasium's
BipedalWalker-v3 (gymnasium/envs/box2d/bipedal_walker.py), of which it is an exact copy when given
that environment's own terrain (:func:`gymnasium_ground`).
"""

from __future__ import annotations

import functools
import math
from types import ModuleType
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...errors import InputError
from .bodies import Body, Joint, Part, box
from .ground import (
    FINISH_X,
    GROUND_FRICTION,
    START_STEP,
    TERRAIN_HEIGHT,
    TERRAIN_STEP,
    Ground,
    add_edge,
    add_polygon,
    empty_ground,
    index_ground,
)

STEPS_PER_SECOND = 50
VELOCITY_ITERATIONS = 180
POSITION_ITERATIONS = 60
LIDAR_RAYS = 10
LIDAR_RANGE = 160.0 / 30.0
"""Metres."""
_GROUND_BIT, _WALKER_BIT = 0x0001, 0x0020


def import_box2d() -> ModuleType:
    """The ``Box2D`` module.

    Raises:
        InputError: it is not installed.
    """
    try:
        import Box2D
    except ImportError:
        raise InputError(
            "Box2D is not installed; the walker's twin needs it: pip install 'eyas[bench]'"
        ) from None
    return Box2D


@functools.cache
def _callbacks() -> tuple[type, type]:
    """The contact listener and the ray callback; they can only be declared once Box2D is there."""
    import_box2d()
    import Box2D

    class Contacts(Box2D.b2ContactListener):  # type: ignore[misc]
        """Ground-contact flags as the original keeps them.

        One flag per part: any contact that begins sets it and any that ends clears it, even if
        the part still touches another edge.
        """

        def __init__(self, parts: list[Any], critical: list[bool]) -> None:
            Box2D.b2ContactListener.__init__(self)
            self.parts = parts
            self.critical = critical
            self.flags = [False] * len(parts)
            self.critical_contact = False

        def BeginContact(self, contact: Any) -> None:  # noqa: N802
            for k, part in enumerate(self.parts):
                if part in (contact.fixtureA.body, contact.fixtureB.body):
                    self.flags[k] = True
                    self.critical_contact |= self.critical[k]

        def EndContact(self, contact: Any) -> None:  # noqa: N802
            for k, part in enumerate(self.parts):
                if part in (contact.fixtureA.body, contact.fixtureB.body):
                    self.flags[k] = False

    class NearestGround(Box2D.b2RayCastCallback):  # type: ignore[misc]
        """Keeps the nearest hit that is not a part of the walker."""

        def __init__(self) -> None:
            Box2D.b2RayCastCallback.__init__(self)
            self.fraction = 1.0

        def ReportFixture(self, fixture: Any, point: Any, normal: Any, fraction: float) -> float:  # noqa: N802
            if (fixture.filterData.categoryBits & _GROUND_BIT) == 0:
                return -1.0
            self.fraction = fraction
            return fraction

    return Contacts, NearestGround


class Box2DTwin:
    """One walker on one copy's ground, in the real Box2D.

    Construction does not start the episode; call :meth:`reset` first.

    Args:
        body: the walker.
        ground: static geometry; it is read at :meth:`reset`.
        copy: which copy of ``ground`` to stand on.

    Raises:
        InputError: Box2D is not installed, or ``ground`` has no such copy.
    """

    def __init__(self, body: Body, ground: Ground, copy: int = 0) -> None:
        self._box2d = import_box2d()
        if not 0 <= copy < len(ground.edge_count):
            raise InputError(f"copy = {copy} is outside [0, {len(ground.edge_count) - 1}]")
        self.body = body
        self.ground = ground
        self.copy = copy
        self._motors = [k for k, joint in enumerate(body.joints) if joint.motorised]
        self._shaping = 0.0

    def reset(self, initial_force: float = 0.0) -> NDArray[np.float32]:
        """Build the world anew and take one step without action, as the original does.

        Args:
            initial_force: horizontal force on each of ``body.pushed`` during that step (N).

        Returns:
            The first observation, shape ``(4 + body.state_size + 10,)``.
        """
        contacts_class, ray_class = _callbacks()
        self._world = self._box2d.b2World()
        self._build_ground()
        self._parts = [self._build_part(part) for part in self.body.parts]
        self._joints = [self._build_joint(joint) for joint in self.body.joints]
        for index in self.body.pushed:
            self._parts[index].ApplyForceToCenter((float(initial_force), 0.0), True)
        self._contacts = contacts_class(self._parts, [p.critical for p in self.body.parts])
        self._world.contactListener = self._contacts
        self._rays = [ray_class() for _ in range(LIDAR_RAYS)]
        self._shaping = 0.0
        observation, _, _ = self.step(np.zeros(self.body.action_size, np.float32))
        return observation

    def _build_ground(self) -> None:
        """Obstacles first, then the edges, one static body each: the order fixes the contact order."""
        ground, i, box2d = self.ground, self.copy, self._box2d
        shapes = []
        for k in range(ground.polygon_count[i]):
            corners = ground.vertices[i, k, : ground.vertex_count[i, k]].tolist()
            shapes.append(box2d.b2PolygonShape(vertices=corners))
        for k in range(ground.edge_count[i]):
            x1, y1, x2, y2 = ground.edges[i, k].tolist()
            shapes.append(box2d.b2EdgeShape(vertices=[(x1, y1), (x2, y2)]))
        for shape in shapes:
            fixture = box2d.b2FixtureDef(
                shape=shape, friction=GROUND_FRICTION, categoryBits=_GROUND_BIT
            )
            self._world.CreateStaticBody(fixtures=fixture)

    def _build_part(self, part: Part) -> Any:
        x, y = part.position
        fixture = self._box2d.b2FixtureDef(
            shape=_shape(self._box2d, part),
            density=part.density,
            friction=part.friction,
            restitution=0.0,
            categoryBits=_WALKER_BIT,
            maskBits=_GROUND_BIT,
        )
        return self._world.CreateDynamicBody(
            position=(START_STEP * TERRAIN_STEP + x, TERRAIN_HEIGHT + y),
            angle=part.angle,
            fixtures=fixture,
        )

    def _build_joint(self, joint: Joint) -> Any:
        return self._world.CreateJoint(
            self._box2d.b2RevoluteJointDef(
                bodyA=self._parts[joint.parent],
                bodyB=self._parts[joint.child],
                localAnchorA=joint.parent_anchor,
                localAnchorB=joint.child_anchor,
                referenceAngle=joint.reference_angle,
                enableMotor=joint.motorised,
                enableLimit=True,
                lowerAngle=joint.lower,
                upperAngle=joint.upper,
            )
        )

    def step(self, action: ArrayLike) -> tuple[NDArray[np.float32], float, bool]:
        """Advance by 1/50 s.

        Args:
            action: one number in [-1, 1] per motorised joint; more is clipped.

        Returns:
            Observation, reward, and whether the world ended the episode (there is no time limit).
        """
        given = np.asarray(action, dtype=np.float64)
        if given.shape != (len(self._motors),):
            raise InputError(f"action has shape {given.shape}, expected ({len(self._motors)},)")
        effort = np.minimum(np.abs(given), 1.0)
        for k, a, strength in zip(self._motors, given, effort, strict=True):
            joint = self.body.joints[k]
            self._joints[k].motorSpeed = float(joint.speed * np.sign(a))
            self._joints[k].maxMotorTorque = float(joint.torque * strength)
        self._world.Step(1.0 / STEPS_PER_SECOND, VELOCITY_ITERATIONS, POSITION_ITERATIONS)
        observation = self._observe()
        hull = self._parts[0]
        x = hull.position.x
        shaping = 130.0 * x / 30.0
        if self.body.angle_term:
            shaping -= 5.0 * abs(hull.angle)
        reward = shaping - self._shaping - self.body.action_cost * float(effort.sum())
        self._shaping = shaping
        fallen = self._contacts.critical_contact or x < 0
        return observation, -100.0 if fallen else reward, fallen or x > FINISH_X

    def _observe(self) -> NDArray[np.float32]:
        hull = self._parts[0]
        velocity = hull.linearVelocity
        values = [
            hull.angle,
            2.0 * hull.angularVelocity / STEPS_PER_SECOND,
            0.3 * velocity.x * (600.0 / 30.0) / STEPS_PER_SECOND,
            0.3 * velocity.y * (400.0 / 30.0) / STEPS_PER_SECOND,
        ]
        for k in self._motors:
            joint = self.body.joints[k]
            values.append(self._joints[k].angle + joint.angle_offset)
            values.append(self._joints[k].speed / joint.speed)
            if joint.contact_part is not None:
                touches = joint.contact_part >= 0 and self._contacts.flags[joint.contact_part]
                values.append(float(touches))
        return np.array(values + self._lidar(), dtype=np.float32)

    def _lidar(self) -> list[float]:
        x, y = self._parts[0].position
        for i, ray in enumerate(self._rays):
            angle = 1.5 * i / LIDAR_RAYS
            end = (x + math.sin(angle) * LIDAR_RANGE, y - math.cos(angle) * LIDAR_RANGE)
            ray.fraction = 1.0
            self._world.RayCast(ray, (x, y), end)
        return [ray.fraction for ray in self._rays]

    def part_poses(self) -> NDArray[np.float64]:
        """Position (m) and angle (rad) of every part's frame origin, shape ``(parts, 3)``."""
        return np.array([(p.position.x, p.position.y, p.angle) for p in self._parts])

    def part_velocities(self) -> NDArray[np.float64]:
        """Velocity of every part's centre of mass (m/s) and its spin (rad/s), shape ``(parts, 3)``."""
        return np.array(
            [(p.linearVelocity.x, p.linearVelocity.y, p.angularVelocity) for p in self._parts]
        )

    def joint_angles(self) -> NDArray[np.float64]:
        """Joint angles (rad), shape ``(joints,)``."""
        return np.array([joint.angle for joint in self._joints])


def _shape(box2d: ModuleType, part: Part) -> Any:
    """The part's polygon; rectangles keep the vertex order of ``SetAsBox``, like the original's legs."""
    x, y = part.vertices[2 % len(part.vertices)]
    if part.vertices == box(2 * x, 2 * y):
        return box2d.b2PolygonShape(box=(x, y))
    return box2d.b2PolygonShape(vertices=list(part.vertices))


def gymnasium_ground(env: gymnasium.Env[Any, Any]) -> Ground:
    """The track that a BipedalWalker of Gymnasium is running on, as a ground of one copy.

    Args:
        env: ``BipedalWalker-v3`` or its hardcore form, after a reset.
    """
    walker: Any = env.unwrapped
    # Gymnasium reverses its list after making the bodies: obstacles first, then the edges.
    shapes = [body.fixtures[0].shape.vertices for body in reversed(walker.terrain)]
    edges = [shape for shape in shapes if len(shape) == 2]
    polygons = [shape for shape in shapes if len(shape) > 2]
    ground = empty_ground(1, len(edges), len(polygons))
    for corners in polygons:
        add_polygon(0, ground, np.array(corners, np.float32), len(corners))
    for (x1, y1), (x2, y2) in edges:
        add_edge(0, ground, x1, y1, x2, y2)
    index_ground(0, ground)
    return ground
