"""TeachMyAgent's walkers without a biped's or quadruped's shape, and the registry of all bodies.

Spider, millipede, wheel and chimpanzee as TeachMyAgent's Stump Tracks instantiate them
(TeachMyAgent/environments/envs/bodies/walkers/{SpiderBody,MillipedeBody,WheelBody,
ProfileChimpanzee}.py with their default arguments and ``reset_on_hull_critical_contact=True``, by
parametric_continuous_stump_tracks.py). The reward there charges ``TORQUE_PENALTY * 80`` per motor at
action 1, whatever the motor's torque.
"""

from __future__ import annotations

import math

from ...errors import InputError
from .bodies import (
    DEFAULT,
    PIXEL,
    QUADRUPED,
    QUADRUPED_LEGACY,
    SHORT,
    Body,
    Joint,
    Part,
    Point,
    box,
    polygon,
)

HIP_SPEED, KNEE_SPEED, HAND_SPEED = 4.0, 6.0, 8.0
"""Motor speeds (rad/s)."""
CORE_SIZE = 20 * PIXEL
"""Side of the square trunk of spider, millipede and wheel (m)."""
_COST_PER_PENALTY = 80.0


def _core(name: str, vertices: tuple[Point, ...], position: Point, *, critical: bool) -> Part:
    return Part(
        name=name,
        vertices=vertices,
        position=position,
        density=5.0,
        friction=0.1,
        critical=critical,
    )


def _square(name: str, position: Point, *, critical: bool) -> Part:
    x = CORE_SIZE / 2
    return _core(name, polygon([(-x, x), (x, x), (x, -x), (-x, -x)]), position, critical=critical)


def _local(part: Part, point: Point) -> Point:
    """A point relative to the start, in the frame of the part at its start pose (m)."""
    dx, dy = point[0] - part.position[0], point[1] - part.position[1]
    c, s = math.cos(part.angle), math.sin(part.angle)
    return (c * dx + s * dy, c * dy - s * dx)


class _Assembly:
    """Parts and joints in the order of creation; joints are anchored where the parts start."""

    def __init__(self, *cores: Part) -> None:
        self.parts = list(cores)
        self.joints: list[Joint] = []

    def link(self, parent: int, child: int, anchor: Point, limit: float) -> None:
        """A free joint with limits -limit and +limit (rad)."""
        name = f"{self.parts[parent].name}_{self.parts[child].name}"
        self._join(parent, child, anchor, name=name, lower=-limit, upper=limit, motorised=False)

    def add(
        self,
        parent: int,
        part: Part,
        anchor: Point,
        *,
        limits: tuple[float, float],
        speed: float,
        torque: float,
        angle_offset: float = 0.0,
        contact: bool = False,
    ) -> int:
        """A part on a motorised joint; ``contact`` reports its ground contact after the joint."""
        child = len(self.parts)
        self.parts.append(part)
        self._join(
            parent,
            child,
            anchor,
            name=part.name,
            lower=limits[0],
            upper=limits[1],
            speed=speed,
            torque=torque,
            angle_offset=angle_offset,
            contact_part=child if contact else None,
        )
        return child

    def _join(
        self,
        parent: int,
        child: int,
        anchor: Point,
        *,
        name: str,
        lower: float,
        upper: float,
        speed: float = HIP_SPEED,
        torque: float = 0.0,
        motorised: bool = True,
        angle_offset: float = 0.0,
        contact_part: int | None = None,
    ) -> None:
        self.joints.append(
            Joint(
                name=name,
                parent=parent,
                child=child,
                parent_anchor=_local(self.parts[parent], anchor),
                child_anchor=_local(self.parts[child], anchor),
                lower=lower,
                upper=upper,
                reference_angle=self.parts[child].angle - self.parts[parent].angle,
                speed=speed,
                torque=torque,
                motorised=motorised,
                angle_offset=angle_offset,
                contact_part=contact_part,
            )
        )

    def body(
        self,
        name: str,
        *,
        torque_penalty: float,
        width: float,
        angle_term: bool = True,
        pushed: tuple[int, ...] = (0,),
    ) -> Body:
        return Body(
            name=name,
            parts=tuple(self.parts),
            joints=tuple(self.joints),
            action_cost=torque_penalty * _COST_PER_PENALTY,
            angle_term=angle_term,
            width=width,
            pushed=pushed,
        )


def _spider() -> Body:
    """Four legs of three segments that rise, bend over and come down; two on each side."""
    width, length, torque = 6 * PIXEL, 20 * PIXEL, 100.0
    hip_drop = 4 * PIXEL
    height = length + hip_drop
    spider = _Assembly(_square("core", (0.0, height), critical=True))
    segments = (
        ("upper", 0.25 * math.pi, 0.1 * math.pi, width, HIP_SPEED),
        ("middle", 0.7 * math.pi, 0.15 * math.pi, width, HIP_SPEED),
        ("lower", 0.9 * math.pi, 0.2 * math.pi, 0.8 * width, KNEE_SPEED),
    )
    for leg, side in enumerate((1, -1, 1, -1)):
        parent = 0
        anchor = (-side * CORE_SIZE / 2, height - hip_drop)
        for name, angle, limit, thickness, speed in segments:
            # A segment points along its own +y, from its anchor outwards.
            along = (-math.sin(side * angle) * length, math.cos(side * angle) * length)
            segment = Part(
                name=f"{name}_{leg}",
                vertices=box(thickness, length),
                position=(anchor[0] + along[0] / 2, anchor[1] + along[1] / 2),
                angle=side * angle,
            )
            parent = spider.add(
                parent,
                segment,
                anchor,
                limits=(-limit, limit),
                speed=speed,
                torque=torque,
                contact=name == "lower",
            )
            anchor = (anchor[0] + along[0], anchor[1] + along[1])
    return spider.body("spider", torque_penalty=0.00035 / 2, width=CORE_SIZE + 4 * length)


def _add_leg(
    assembly: _Assembly,
    core: int,
    anchor: Point,
    direction: Point,
    name: str,
    *,
    width: float,
    length: float,
    torque: float,
    angle: float = 0.0,
    hip: tuple[float, float] = (-0.8, 1.1),
    knee: tuple[float, float] = (-1.6, -0.1),
) -> None:
    """A straight leg of two segments from ``anchor`` along ``direction`` (unit length)."""
    parent, (x, y), (dx, dy) = core, anchor, direction
    for segment, thickness in (("upper", width), ("lower", 0.8 * width)):
        lower = segment == "lower"
        parent = assembly.add(
            parent,
            Part(
                name=f"{segment}_{name}",
                vertices=box(thickness, length),
                position=(x + dx * length / 2, y + dy * length / 2),
                angle=angle,
            ),
            (x, y),
            limits=knee if lower else hip,
            speed=KNEE_SPEED if lower else HIP_SPEED,
            torque=torque,
            angle_offset=1.0 if lower else 0.0,
            contact=lower,
        )
        x, y = x + dx * length, y + dy * length


def _millipede() -> Body:
    """Four trunks in a row on free joints, a pair of legs under each.

    The foremost trunk is the hull. No part is critical: TeachMyAgent sets the flag on an object that
    its contact listener never reads, so its millipede can only end an episode by leaving the track.
    """
    width, length, torque, count = 4 * PIXEL, 10 * PIXEL, 200.0, 4
    hip_drop = 3 * PIXEL
    height = 2 * length + hip_drop
    trunks = [(k - count / 2) * CORE_SIZE for k in range(count)]
    head = count - 1
    # The hull comes first, then the others in the order of creation.
    millipede = _Assembly(_square("core_3", (trunks[head], height), critical=False))
    cores: list[int] = []
    for k, x in enumerate(trunks):
        if k == head:
            cores.append(0)
        else:
            cores.append(len(millipede.parts))
            millipede.parts.append(_square(f"core_{k}", (x, height), critical=False))
        for side in ("left", "right"):
            _add_leg(
                millipede,
                cores[k],
                (x, height - hip_drop),
                (0.0, -1.0),
                f"{k}_{side}",
                width=width,
                length=length,
                torque=torque,
            )
        if k > 0:
            # The original's bodies A and B are the other way round; joints here lead away from the hull.
            millipede.link(cores[k], cores[k - 1], (x - CORE_SIZE / 2, height), 0.05 * math.pi)
    return millipede.body(
        "millipede",
        torque_penalty=0.00035 / count,
        width=CORE_SIZE * count,
        pushed=tuple(cores),
    )


def _wheel() -> Body:
    """A trunk with a leg on each of its four sides."""
    width, length = 4 * PIXEL, 10 * PIXEL
    height = CORE_SIZE / 2 + 2 * length
    wheel = _Assembly(_square("core", (0.0, height), critical=True))
    sides = (
        ("down", (0.0, -1.0), 0.0),
        ("up", (0.0, 1.0), 0.0),
        ("back", (-1.0, 0.0), math.pi / 2),
        ("front", (1.0, 0.0), math.pi / 2),
    )
    for name, (dx, dy), angle in sides:
        anchor = (dx * CORE_SIZE / 2, height + dy * CORE_SIZE / 2)
        _add_leg(
            wheel, 0, anchor, (dx, dy), name, width=width, length=length, torque=500.0, angle=angle
        )
    return wheel.body("wheel", torque_penalty=0.00035 / 2, width=CORE_SIZE, angle_term=False)


def _add_arm(
    assembly: _Assembly, body: int, anchor: Point, side: str, *, width: float, length: float
) -> None:
    """An arm of two segments and a hand of three, hanging down."""
    hand_width, hand_length = 4 * PIXEL, 8 * PIXEL
    pi = math.pi
    segments = (
        ("upper_arm", width, length, (-0.5 * pi, 0.8 * pi), HIP_SPEED),
        ("lower_arm", 0.8 * width, length, (0.0, 0.75 * pi), HIP_SPEED),
        ("hand_0", hand_width, hand_length, (-0.4 * pi, 0.35 * pi), HAND_SPEED),
        ("hand_1", hand_width, hand_length, (-0.5 * pi, 0.0), HAND_SPEED),
        ("hand_2", hand_width, hand_length, (-0.8 * pi, 0.0), HAND_SPEED),
    )
    parent, (x, y) = body, anchor
    for name, thickness, size, limits, speed in segments:
        part = Part(name=f"{name}_{side}", vertices=box(thickness, size), position=(x, y - size / 2))
        parent = assembly.add(
            parent,
            part,
            (x, y),
            limits=limits,
            speed=speed,
            torque=100.0,
            contact=name.startswith("hand"),
        )
        y -= size


def _chimpanzee() -> Body:
    """A head and a trunk on a free joint, two legs, two arms with hands. The head is the hull."""
    width, length = 8 * PIXEL, 28 * PIXEL
    hip_drop, arm_rise = 12 * PIXEL, 22 * PIXEL
    neck = 45 * PIXEL / 2
    height = 2 * length + hip_drop
    head = _core(
        "head",
        polygon([(x * PIXEL, y * PIXEL) for x, y in ((-5, 10), (5, 10), (5, -10), (-5, -10))]),
        (0.0, height + neck + 20 * PIXEL / 2 + 0.2),
        critical=True,
    )
    trunk = _core(
        "trunk",
        polygon([(x * PIXEL, y * PIXEL) for x, y in ((-12, 25), (12, 25), (8, -20), (-8, -20))]),
        (0.0, height),
        critical=True,
    )
    chimpanzee = _Assembly(head, trunk)
    chimpanzee.link(0, 1, (0.0, height + neck), 0.1 * math.pi)
    for side in ("left", "right"):
        _add_leg(
            chimpanzee,
            1,
            (0.0, height - hip_drop),
            (0.0, -1.0),
            f"leg_{side}",
            width=width,
            length=length,
            torque=100.0,
            hip=(-0.3 * math.pi, 0.6 * math.pi),
            knee=(-0.75 * math.pi, -0.1),
        )
    for side in ("left", "right"):
        _add_arm(chimpanzee, 1, (0.0, height + arm_rise), side, width=width, length=length)
    return chimpanzee.body("chimpanzee", torque_penalty=0.00035 / 5, width=24 * PIXEL, angle_term=False)


SPIDER = _spider()
MILLIPEDE = _millipede()
WHEEL = _wheel()
CHIMPANZEE = _chimpanzee()

BODIES: dict[str, Body] = {
    body.name: body for body in (SHORT, DEFAULT, QUADRUPED, SPIDER, MILLIPEDE, WHEEL, CHIMPANZEE)
}
"""Every body by its name."""


def make_body(name: str, legacy: bool = False) -> Body:
    """The body with this name.

    Args:
        name: a key of :data:`BODIES`.
        legacy: with teachDeepRL's quirks; only the quadruped has any.

    Raises:
        InputError: there is no such body.
    """
    if name not in BODIES:
        raise InputError(f"body = {name!r} is not one of: {', '.join(BODIES)}")
    if legacy and name == QUADRUPED.name:
        return QUADRUPED_LEGACY
    return BODIES[name]
