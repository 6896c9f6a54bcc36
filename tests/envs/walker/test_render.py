"""Pictures: sizes, what is where, and that nothing outside is touched."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from eyas.envs.walker import render
from eyas.envs.walker.bodies_teachmyagent import BODIES
from eyas.envs.walker.ground import FINISH_X, TERRAIN_HEIGHT, TERRAIN_STEP, empty_ground
from eyas.envs.walker.render import WalkerRenderer, draw_track
from eyas.envs.walker.terrain import make_terrain
from eyas.errors import InputError


def lay(name, task, seed=3):
    terrain = make_terrain(name)
    ground = empty_ground(1, terrain.max_edges, terrain.max_polygons)
    states = np.array([seed], np.uint64)
    terrain.generate(np.arange(1), np.array([task], np.float64), states, 20, ground)
    return ground


def standing(body, x=14 / 3, lift=0.0):
    """Start poses, moved to x."""
    return np.array(
        [(x + p.position[0], TERRAIN_HEIGHT + lift + p.position[1], p.angle) for p in body.parts],
        np.float32,
    )


def pixel(picture, hull_x, x, y):
    """The colour of a world point in a picture of the usual size whose hull is at hull_x."""
    return tuple(picture[round(400 - 30 * y), round(30 * (x - hull_x) + 120)].tolist())


@pytest.mark.parametrize("name", sorted(BODIES))
def test_picture_shows_sky_earth_and_every_part(name):
    body = BODIES[name]
    poses = standing(body)
    picture = WalkerRenderer().draw(lay("plain", [0.0]), 0, body, poses)
    assert picture.shape == (400, 600, 3)
    assert picture.dtype == np.uint8
    x = float(poses[0, 0])
    assert pixel(picture, x, x + 2, TERRAIN_HEIGHT + 1) == render.SKY
    assert pixel(picture, x, x + 2, TERRAIN_HEIGHT - 1) == render.EARTH
    assert (picture == render.HULL[0]).all(axis=2).sum() > 150
    drawn = {colour[0] for colour in render._colours(body)}
    assert drawn >= {render.HULL[0], render.FAR_LIMB[0]}
    for (px, py, _), colours in zip(poses, render._colours(body), strict=True):
        # In front of a far limb there may be its neighbour or the hull.
        assert pixel(picture, x, px, py) in {colours[0], render.HULL[0], render.NEAR_LIMB[0]}


def test_parts_are_turned_by_their_angle():
    body = BODIES["default"]
    poses = standing(body, lift=3.0)
    poses[:, 2] = 0
    poses[0, 2] = np.pi / 2
    picture = WalkerRenderer().draw(lay("plain", [0.0]), 0, body, poses)
    x, y = poses[0, :2].astype(float)
    assert pixel(picture, x, x, y + 1.0) == render.HULL[0], "the nose points up"
    assert pixel(picture, x, x + 1.0, y) == render.SKY


def test_camera_follows_the_hull():
    body, ground = BODIES["default"], lay("stump-tracks", [2.0, 3.0])
    renderer = WalkerRenderer()
    pictures = [renderer.draw(ground, 0, body, standing(body, x)) for x in (20.0, 55.0)]
    for picture, x in zip(pictures, (20.0, 55.0), strict=True):
        left = ground.bounds[0, : ground.polygon_count[0]]
        stump = left[np.searchsorted(left[:, 0], x + 3)]
        middle = stump.reshape(2, 2).mean(axis=0)
        assert pixel(picture, x, *middle) == render.OBSTACLE[0]
    assert (pictures[0] != pictures[1]).any()
    high = renderer.draw(ground, 0, body, standing(body, 20.0, lift=30.0))
    hull = np.argwhere((high == render.HULL[0]).all(axis=2))
    assert len(hull) > 500, "still in the picture far above the ground"


def test_lidar_rays_are_red_lines():
    body = BODIES["default"]
    poses = standing(body)
    ground, renderer = lay("plain", [0.0]), WalkerRenderer()
    origin = poses[0, :2]
    ends = origin + np.array([[4.0, 0.0], [3.0, -1.0]])
    plain = renderer.draw(ground, 0, body, poses)
    picture = renderer.draw(ground, 0, body, poses, ends)
    x = float(origin[0])
    assert pixel(plain, x, x + 2, float(origin[1])) == render.SKY
    red, green, _ = pixel(picture, x, x + 2, float(origin[1]))
    assert red > 220
    assert green < 140
    changed = (plain != picture).any(axis=2)
    assert 80 < changed.sum() < 800


def test_size_is_free_and_the_view_is_always_as_high():
    body, ground = BODIES["short"], lay("plain", [0.0])
    big = WalkerRenderer(1200, 800).draw(ground, 0, body, standing(body))
    small = WalkerRenderer(300, 200).draw(ground, 0, body, standing(body))
    assert big.shape == (800, 1200, 3)
    assert small.shape == (200, 300, 3)
    half = big.reshape(200, 4, 300, 4, 3).mean(axis=(1, 3))
    assert np.abs(half - small).mean() < 2


@pytest.mark.parametrize("size", [(0, 400), (600, 5000)])
def test_impossible_sizes_are_refused(size):
    with pytest.raises(InputError, match=r"is outside \[16, 4096\] pixels"):
        WalkerRenderer(*size)


def test_wrong_poses_are_refused():
    with pytest.raises(InputError, match=r"poses have shape \(4, 3\), expected \(5, 3\)"):
        WalkerRenderer().draw(lay("plain", [0.0]), 0, BODIES["default"], np.zeros((4, 3)))


@pytest.mark.parametrize("name", ["stump-tracks", "hexagon-tracks", "hardcore", "obstacle-course"])
def test_track_strip_shows_all_obstacles_and_the_finish(name):
    space = make_terrain(name).task_space
    task = space.denormalise(np.full(space.dimension, 0.4))
    ground = lay(name, task)
    strip = draw_track(ground, 0, (1400, 140))
    assert strip.shape == (140, 1400, 3)
    scale = 1400 / (200 * TERRAIN_STEP)
    white = (strip > 240).all(axis=2)
    bounds = ground.bounds[0, : ground.polygon_count[0]]
    assert len(bounds) > 4
    for x in (bounds[:, 0] + bounds[:, 2]) / 2:
        if x * scale < 1400:
            assert white[:, int(x * scale)].any()
    black = (strip < 90).all(axis=2).sum(axis=0)
    assert (
        abs(int(black.argmax()) - FINISH_X * scale) < 3
        or abs(int(black.argmax()) - 42 * scale / 30) < 3
    )


def test_pictures_need_no_display_and_touch_no_environment_variable():
    script = (
        "import os\n"
        "before = dict(os.environ)\n"
        "import numpy as np\n"
        "from eyas.envs.walker.bodies import DEFAULT\n"
        "from eyas.envs.walker.ground import add_edge, empty_ground\n"
        "from eyas.envs.walker.render import WalkerRenderer\n"
        "ground = empty_ground(1, 1, 0)\n"
        "add_edge(0, ground, 0.0, 3.0, 90.0, 3.0)\n"
        "WalkerRenderer().draw(ground, 0, DEFAULT, np.ones((5, 3)))\n"
        "assert dict(os.environ) == before\n"
    )
    variables = {
        key: value
        for key, value in os.environ.items()
        if key != "DISPLAY" and not key.startswith("SDL_")
    }
    done = subprocess.run(
        [sys.executable, "-c", script], env=variables, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
