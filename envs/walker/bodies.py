"""Walker bodies as data: parts, joints, and what the agent sees and pays.

Lengths are metres, angles radians, masses follow from density (kg/m^2) and area. The three bodies
here are teachDeepRL's (gym_flowers/envs/bipedal_walker_continuous.py, ``my_init``), which scale
Gymnasium's BipedalWalker: lengths in pixels divided by 30.
"""

from __future__ import annotations

from dataclasses import dataclass

from ...errors import InputError

Point = tuple[float, float]

PIXEL = 1.0 / 30.0
"""Metres per pixel of the original drawings."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """One rigid convex polygon."""

    name: str
    vertices: tuple[Point, ...]
    """Counter-clockwise, in the part's own frame (m); 3 to 8 of them."""
    position: Point
    """Start position of the part's frame, relative to the start point on the ground (m)."""
    angle: float = 0.0
    """Start angle (rad)."""
    density: float = 1.0
    """kg/m^2."""
    friction: float = 0.2
    """Coulomb coefficient; a contact takes the geometric mean of both sides."""
    critical: bool = False
    """Touching anything with it ends the episode with reward -100."""


@dataclass(frozen=True, kw_only=True)
class Joint:
    """One revolute joint with a motor, an angle limit and, for the agent, an action component."""

    name: str
    parent: int
    """Index of the parent part."""
    child: int
    """Index of the child part."""
    parent_anchor: Point
    """In the parent's frame (m)."""
    child_anchor: Point
    """In the child's frame (m)."""
    lower: float
    """Smallest joint angle (rad): child angle - parent angle - reference_angle."""
    upper: float
    """Largest joint angle (rad)."""
    reference_angle: float = 0.0
    """Child angle - parent angle at joint angle zero (rad). The originals give none, and pybox2d then
    takes the difference of the start angles."""
    speed: float = 4.0
    """Motor speed at any non-zero action, and the scale of the observed joint speed (rad/s)."""
    torque: float = 80.0
    """Motor torque at action 1 (N m)."""
    motorised: bool = True
    """False: a free link with limits only, no action component and no observation."""
    angle_offset: float = 0.0
    """Added to the observed joint angle (rad)."""
    contact_part: int | None = None
    """Part whose ground-contact flag follows this joint in the observation; -1: a flag that is always 0."""


@dataclass(frozen=True, kw_only=True)
class Body:
    """A walker body.

    Part 0 is the hull: its pose and velocity are observed, its centre is the lidar's origin and its
    x position is the progress that is rewarded. Motorised joints, in their order, are the action
    components.
    """

    name: str
    parts: tuple[Part, ...]
    """In order of creation."""
    joints: tuple[Joint, ...]
    """In order of creation."""
    action_cost: float
    """Reward lost per step and motorised joint at action 1."""
    angle_term: bool = True
    """Whether the shaping reward charges 5 per radian of hull angle."""
    width: float = 0.0
    """Overall width (m), where it lengthens the start pad (TeachMyAgent); 0: not."""
    pushed: tuple[int, ...] = (0,)
    """Parts that the random horizontal force at the start of an episode acts on, the same on each."""

    def __post_init__(self) -> None:
        for part in self.parts:
            if not 3 <= len(part.vertices) <= 8:
                raise InputError(f"part {part.name} has {len(part.vertices)} vertices, allowed 3 to 8")
            if not part.density > 0:
                raise InputError(f"part {part.name}: density = {part.density} must be above 0")
        for index in self.pushed:
            if not 0 <= index < len(self.parts):
                raise InputError(f"pushed part {index} is outside [0, {len(self.parts) - 1}]")
        for joint in self.joints:
            if not (0 <= joint.parent < len(self.parts) and 0 <= joint.child < len(self.parts)):
                raise InputError(f"joint {joint.name} names a part that is not there")
            if joint.lower > joint.upper:
                raise InputError(
                    f"joint {joint.name}: limits [{joint.lower}, {joint.upper}] are reversed"
                )

    @property
    def action_size(self) -> int:
        """Number of motorised joints."""
        return sum(joint.motorised for joint in self.joints)

    @property
    def state_size(self) -> int:
        """Observed joint angles and speeds and contact flags."""
        flags = sum(j.motorised and j.contact_part is not None for j in self.joints)
        return 2 * self.action_size + flags


def box(width: float, height: float) -> tuple[Point, ...]:
    """A rectangle around the origin (m), in the vertex order of Box2D's ``SetAsBox``."""
    x, y = width / 2, height / 2
    return ((-x, -y), (x, -y), (x, y), (-x, y))


def polygon(points: list[Point]) -> tuple[Point, ...]:
    """The convex hull of the points, counter-clockwise from the rightmost as Box2D stores it."""
    start = max(range(len(points)), key=lambda i: (points[i][0], -points[i][1]))
    hull, here = [], start
    while True:
        hull.append(points[here])
        candidate = 0
        for j in range(1, len(points)):
            if candidate == here:
                candidate = j
                continue
            ax, ay = points[candidate][0] - points[here][0], points[candidate][1] - points[here][1]
            bx, by = points[j][0] - points[here][0], points[j][1] - points[here][1]
            cross = ax * by - ay * bx
            if cross < 0 or (cross == 0 and bx * bx + by * by > ax * ax + ay * ay):
                candidate = j
        here = candidate
        if here == start:
            return tuple(hull)


def _pixels(*points: Point) -> tuple[Point, ...]:
    return polygon([(x * PIXEL, y * PIXEL) for x, y in points])


def _leg_pairs(
    *,
    hip_x: tuple[float, ...],
    start_x: tuple[float, ...],
    leg_width: float,
    leg_height: float,
    torque: float,
    contacts: tuple[bool, ...],
) -> tuple[tuple[Part, ...], tuple[Joint, ...]]:
    """Parts and joints of teachDeepRL's legs; the hull is part 0."""
    leg_down = -8 * PIXEL
    hull_y = 2 * leg_height
    parts: list[Part] = []
    joints: list[Joint] = []
    for pair, (anchor_x, x) in enumerate(zip(hip_x, start_x, strict=True)):
        for side in (-1, 1):
            upper = 1 + len(parts)
            name = f"{pair}{'left' if side < 0 else 'right'}"
            # The legs start where the original puts them, off their joints; the solver snaps them.
            parts.append(
                Part(
                    name=f"upper_{name}",
                    vertices=box(leg_width, leg_height),
                    position=(x, hull_y - leg_height / 2 - leg_down),
                    angle=side * 0.05,
                )
            )
            joints.append(
                Joint(
                    name=f"hip_{name}",
                    parent=0,
                    child=upper,
                    parent_anchor=(anchor_x, leg_down),
                    child_anchor=(0.0, leg_height / 2),
                    lower=-0.8,
                    upper=1.1,
                    reference_angle=side * 0.05,
                    speed=4.0,
                    torque=torque,
                )
            )
            parts.append(
                Part(
                    name=f"lower_{name}",
                    vertices=box(0.8 * leg_width, leg_height),
                    position=(x, hull_y - leg_height * 3 / 2 - leg_down),
                    angle=side * 0.05,
                )
            )
            joints.append(
                Joint(
                    name=f"knee_{name}",
                    parent=upper,
                    child=upper + 1,
                    parent_anchor=(0.0, -leg_height / 2),
                    child_anchor=(0.0, leg_height / 2),
                    lower=-1.6,
                    upper=-0.1,
                    speed=6.0,
                    torque=torque,
                    angle_offset=1.0,
                    contact_part=upper + 1 if contacts[pair] else -1,
                )
            )
    return tuple(parts), tuple(joints)


_BIPED_HULL = _pixels((-30, 9), (6, 9), (34, 1), (34, -8), (-30, -8))
_QUADRU_HULL = _pixels((-46, 13), (6, 13), (50, 5), (50, -12), (-46, -12))


def _biped(name: str, leg_height: float) -> Body:
    parts, joints = _leg_pairs(
        hip_x=(0.0,),
        start_x=(0.0,),
        leg_width=8 * PIXEL,
        leg_height=leg_height,
        torque=80.0,
        contacts=(True,),
    )
    hull = Part(
        name="hull",
        vertices=_BIPED_HULL,
        position=(0.0, 2 * leg_height),
        density=5.0,
        friction=0.1,
        critical=True,
    )
    return Body(name=name, parts=(hull, *parts), joints=joints, action_cost=0.00035 * 80)


def _quadruped(name: str, legacy: bool) -> Body:
    """Two leg pairs; the legacy one starts mis-placed and never reports its front contacts."""
    hip_x = (-1.2, 0.85)
    half_hull = 96 * PIXEL / 2
    placed = tuple(max(-1.0, min(1.0, x)) * half_hull for x in hip_x)
    leg_height = 51 * PIXEL
    parts, joints = _leg_pairs(
        hip_x=hip_x,
        start_x=placed if legacy else hip_x,
        leg_width=10 * PIXEL,
        leg_height=leg_height,
        torque=300.0,
        contacts=(True, not legacy),
    )
    hull = Part(
        name="hull",
        vertices=_QUADRU_HULL,
        position=(0.0, 2 * leg_height),
        density=5.0,
        friction=0.1,
        critical=True,
    )
    return Body(name=name, parts=(hull, *parts), joints=joints, action_cost=0.00035 / 8 * 300)


SHORT = _biped("short", 17 * PIXEL)
DEFAULT = _biped("default", 34 * PIXEL)
QUADRUPED = _quadruped("quadrupedal", legacy=False)
QUADRUPED_LEGACY = _quadruped("quadrupedal", legacy=True)
