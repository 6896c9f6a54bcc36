"""Bodies: sizes, masses, joints and flags of teachDeepRL and TeachMyAgent."""

from __future__ import annotations

import math

import pytest

from eyas.envs.walker.bodies import PIXEL, QUADRUPED_LEGACY, Body, Joint, Part, box
from eyas.envs.walker.bodies_teachmyagent import BODIES, make_body
from eyas.errors import InputError

PI = math.pi


def mass_and_inertia(part):
    """Mass and inertia about the origin of the part's frame, from triangles around that origin."""
    mass = inertia = 0.0
    corners = part.vertices
    for (ax, ay), (bx, by) in zip(corners, (*corners[1:], corners[0]), strict=True):
        triangle = part.density * (ax * by - ay * bx) / 2
        mass += triangle
        inertia += triangle * (ax * ax + ax * bx + bx * bx + ay * ay + ay * by + by * by) / 6
    return mass, inertia


def world(part, point):
    """A point of the part's frame, at its start pose."""
    c, s = math.cos(part.angle), math.sin(part.angle)
    return (
        part.position[0] + c * point[0] - s * point[1],
        part.position[1] + s * point[0] + c * point[1],
    )


@pytest.mark.parametrize(
    ("name", "actions", "state", "mass", "penalty"),
    [
        ("short", 4, 10, 5.966, 3.5e-4),
        ("default", 4, 10, 6.510, 3.5e-4),
        ("quadrupedal", 8, 20, 16.436, None),
        ("spider", 12, 28, 3.72, 1.75e-4),
        ("millipede", 16, 40, 9.53, 8.75e-5),
        ("wheel", 8, 20, 2.54, 1.75e-4),
        ("chimpanzee", 14, 36, 8.12, 7e-5),
    ],
)
def test_sizes_masses_and_costs(name, actions, state, mass, penalty):
    body = BODIES[name]
    assert body.name == name
    assert (body.action_size, body.state_size) == (actions, state)
    assert sum(mass_and_inertia(part)[0] for part in body.parts) == pytest.approx(mass, abs=0.006)
    if penalty is None:  # teachDeepRL charges its quadruped by its torque
        assert body.action_cost == pytest.approx(0.00035 / 8 * 300)
    else:
        assert body.action_cost == pytest.approx(penalty * 80)


@pytest.mark.parametrize(
    ("name", "masses", "inertias"),
    [
        ("short", (5.4222, 0.1511, 0.1209), (2.0017, 0.0049, 0.0037)),
        ("default", (5.4222, 0.3022, 0.2418), (2.0017, 0.0341, 0.0268)),
        ("quadrupedal", (12.3556, 0.5667, 0.4533), (10.6193, 0.1417, 0.1119)),
    ],
)
def test_teachdeeprl_masses_and_inertias(name, masses, inertias):
    measured = [mass_and_inertia(part) for part in BODIES[name].parts[:3]]
    assert [m for m, _ in measured] == pytest.approx(masses, abs=1e-4)
    assert [i for _, i in measured] == pytest.approx(inertias, abs=1e-4)


@pytest.mark.parametrize("name", sorted(BODIES))
def test_box2d_weighs_the_same(name):
    box2d = pytest.importorskip("Box2D")
    physics = box2d.b2World()
    for part in BODIES[name].parts:
        fixture = box2d.b2FixtureDef(
            shape=box2d.b2PolygonShape(vertices=list(part.vertices)), density=part.density
        )
        placed = physics.CreateDynamicBody(fixtures=fixture)
        mass, inertia = mass_and_inertia(part)
        assert placed.mass == pytest.approx(mass, rel=1e-5)
        assert placed.inertia == pytest.approx(inertia, rel=1e-5)


@pytest.mark.parametrize("name", ["spider", "millipede", "wheel", "chimpanzee"])
def test_teachmyagents_bodies_start_assembled(name):
    body = BODIES[name]
    lowest = min(world(part, corner)[1] for part in body.parts for corner in part.vertices)
    assert -1e-9 < lowest < 0.12, "feet on or just above the ground"
    for joint in body.joints:
        parent, child = body.parts[joint.parent], body.parts[joint.child]
        assert world(parent, joint.parent_anchor) == pytest.approx(world(child, joint.child_anchor))
        assert child.angle - parent.angle == pytest.approx(joint.reference_angle)
        height = max(y for _, y in child.vertices)
        if joint.motorised:  # limbs hang on their joint with an end
            assert joint.child_anchor == pytest.approx(
                (0, math.copysign(height, joint.child_anchor[1]))
            )


def motors(body):
    """Name, speed, torque, limits in pi, angle offset, and whether a flag follows, per action."""
    return [
        (
            joint.name,
            joint.speed,
            joint.torque,
            (round(joint.lower / PI, 4), round(joint.upper / PI, 4)),
            joint.angle_offset,
            joint.contact_part == joint.child,
        )
        for joint in body.joints
        if joint.motorised
    ]


def test_spider():
    body = BODIES["spider"]
    expected = []
    for leg in range(4):
        expected += [
            (f"upper_{leg}", 4, 100, (-0.1, 0.1), 0, False),
            (f"middle_{leg}", 4, 100, (-0.15, 0.15), 0, False),
            (f"lower_{leg}", 6, 100, (-0.2, 0.2), 0, True),
        ]
    assert motors(body) == expected
    angles = [part.angle / PI for part in body.parts[1:]]
    assert angles == pytest.approx([0.25, 0.7, 0.9, -0.25, -0.7, -0.9] * 2)
    feet = [world(part, (0, 10 * PIXEL))[0] for part in body.parts if part.name.startswith("lower")]
    assert [x < 0 for x in feet] == [True, False, True, False], "legs alternate from the left side"
    assert body.parts[0].position == pytest.approx((0, 24 * PIXEL))
    assert [part.name for part in body.parts if part.critical] == ["core"]
    assert body.angle_term
    assert body.width == pytest.approx(100 * PIXEL)


def leg(name, torque, hip=(-0.2546, 0.3501), knee=(-0.5093, -0.0318)):
    return [
        (f"upper_{name}", 4, torque, hip, 0, False),
        (f"lower_{name}", 6, torque, knee, 1, True),
    ]


def test_millipede():
    body = BODIES["millipede"]
    sides = [f"{k}_{side}" for k in range(4) for side in ("left", "right")]
    assert motors(body) == [row for name in sides for row in leg(name, 200)]
    links = [joint for joint in body.joints if not joint.motorised]
    assert [(body.parts[j.parent].name, body.parts[j.child].name) for j in links] == [
        ("core_1", "core_0"),
        ("core_2", "core_1"),
        ("core_3", "core_2"),
    ]
    assert all((j.lower, j.upper) == pytest.approx((-0.05 * PI, 0.05 * PI)) for j in links)
    cores = [part for part in body.parts if part.name.startswith("core")]
    assert body.parts[0] == max(cores, key=lambda part: part.position[0]), "the hull is the foremost"
    assert sorted(part.position[0] / PIXEL for part in cores) == pytest.approx([-40, -20, 0, 20])
    assert [part.position[1] for part in cores] == pytest.approx([23 * PIXEL] * 4)
    assert not any(part.critical for part in body.parts)
    assert {body.parts[k].name for k in body.pushed} == {part.name for part in cores}
    assert body.angle_term
    assert body.width == pytest.approx(80 * PIXEL)


def test_wheel():
    body = BODIES["wheel"]
    names = ("down", "up", "back", "front")
    assert motors(body) == [row for name in names for row in leg(name, 500)]
    tips = [body.parts[2 + 2 * k].position for k in range(4)]
    y = 30 * PIXEL
    reach = 25 * PIXEL
    for tip, way in zip(tips, ((0, -1), (0, 1), (-1, 0), (1, 0)), strict=True):
        assert tip == pytest.approx((way[0] * reach, y + way[1] * reach))
    assert [part.angle / PI for part in body.parts[1:]] == pytest.approx([0] * 4 + [0.5] * 4)
    assert [part.name for part in body.parts if part.critical] == ["core"]
    assert not body.angle_term


def test_chimpanzee():
    body = BODIES["chimpanzee"]
    expected = []
    for side in ("left", "right"):
        expected += leg(f"leg_{side}", 100, (-0.3, 0.6), (-0.75, -0.0318))
    for side in ("left", "right"):
        expected += [
            (f"upper_arm_{side}", 4, 100, (-0.5, 0.8), 0, False),
            (f"lower_arm_{side}", 4, 100, (0, 0.75), 0, False),
            (f"hand_0_{side}", 8, 100, (-0.4, 0.35), 0, True),
            (f"hand_1_{side}", 8, 100, (-0.5, 0), 0, True),
            (f"hand_2_{side}", 8, 100, (-0.8, 0), 0, True),
        ]
    assert motors(body) == expected
    (neck,) = [joint for joint in body.joints if not joint.motorised]
    assert (body.parts[neck.parent].name, body.parts[neck.child].name) == ("head", "trunk")
    assert (neck.lower, neck.upper) == pytest.approx((-0.1 * PI, 0.1 * PI))
    assert body.parts[0].position == pytest.approx((0, 68 * PIXEL + 32.5 * PIXEL + 0.2))
    assert [part.name for part in body.parts if part.critical] == ["head", "trunk"]
    assert not body.angle_term


def test_teachdeeprl_legs_start_at_joint_angle_zero():
    for name in ("short", "default", "quadrupedal"):
        for joint in BODIES[name].joints:
            body = BODIES[name]
            turned = body.parts[joint.child].angle - body.parts[joint.parent].angle
            assert joint.reference_angle == pytest.approx(turned)


def test_legacy_quadruped_has_its_quirks():
    legacy, ours = make_body("quadrupedal", legacy=True), make_body("quadrupedal")
    assert legacy is QUADRUPED_LEGACY
    flags = [[j.contact_part for j in b.joints if j.contact_part is not None] for b in (legacy, ours)]
    assert flags == [[2, 4, -1, -1], [2, 4, 6, 8]]
    assert [legacy.parts[k].position[0] for k in (1, 5)] == pytest.approx([-1.6, 1.36])
    assert [ours.parts[k].position[0] for k in (1, 5)] == pytest.approx([-1.2, 0.85])
    assert make_body("spider", legacy=True) is BODIES["spider"]


def test_unknown_body_is_refused_with_the_names():
    with pytest.raises(
        InputError, match=r"body = 'fish' is not one of: short, default, quadrupedal, spider"
    ):
        make_body("fish")


def test_senseless_bodies_are_refused():
    part = Part(name="a", vertices=box(1, 1), position=(0, 0))
    with pytest.raises(InputError, match="density = 0"):
        Body(
            name="b",
            parts=(Part(name="a", vertices=box(1, 1), position=(0, 0), density=0),),
            joints=(),
            action_cost=0,
        )
    with pytest.raises(InputError, match=r"pushed part 1 is outside \[0, 0\]"):
        Body(name="b", parts=(part,), joints=(), action_cost=0, pushed=(1,))
    joint = Joint(
        name="j", parent=0, child=1, parent_anchor=(0, 0), child_anchor=(0, 0), lower=1, upper=0
    )
    with pytest.raises(InputError, match=r"joint j: limits \[1, 0\] are reversed"):
        Body(name="b", parts=(part, part), joints=(joint,), action_cost=0)
