"""Pictures of a quadrotor, by both renderers."""

import os
import subprocess
import sys

import numpy as np
import pytest

from eyas.envs.quadrotor import gl_renderer
from eyas.envs.quadrotor.env import QuadrotorBatch
from eyas.envs.quadrotor.gl_renderer import opengl_loader
from eyas.envs.quadrotor.named import NAMED
from eyas.envs.quadrotor.render import NO_OPENGL, QuadrotorRenderer
from eyas.envs.quadrotor.view import View, camera_axes, chase, overview
from eyas.errors import InputError

WIDTH, HEIGHT = 240, 160
LEVEL = (1.0, 0.0, 0.0, 0.0)
ORIGIN = (0.0, 0.0, 0.0)
HALF = (0.5, 0.5, 0.5, 0.5)


@pytest.fixture(params=["opengl", "plot"])
def renderer(request):
    if request.param == "opengl" and opengl_loader() is None:
        pytest.skip("no OpenGL on this machine (neither EGL nor OSMesa)")
    renderer = QuadrotorRenderer(WIDTH, HEIGHT, backend=request.param)
    yield renderer
    renderer.close()


def orange(picture):
    """Where the front rotors are."""
    red, green, blue = picture.astype(int).transpose(2, 0, 1)
    return (red - green > 40) & (green - blue > 25)


def blue(picture):
    """Where the rear rotors are."""
    red, _, blue = picture.astype(int).transpose(2, 0, 1)
    return blue - red > 60


def green(picture):
    """Where the reference is."""
    red, green, blue = picture.astype(int).transpose(2, 0, 1)
    return (green - red > 50) & (green - blue > 15)


def middle(mask):
    """Column and row of the mean pixel, from the lower left."""
    rows, columns = np.nonzero(mask)
    assert len(rows), "nothing of this colour"
    return np.array([columns.mean(), HEIGHT - 1 - rows.mean()])


@pytest.mark.parametrize("name", ["crazyflie", "soft", "x500"])
def test_every_vehicle_fills_the_same_part_of_the_picture(renderer, name):
    picture = renderer.draw(NAMED[name], (3, -2, 1), LEVEL, HALF)
    assert picture.shape == (HEIGHT, WIDTH, 3)
    assert picture.dtype == np.uint8
    rotors = orange(picture) | blue(picture)
    assert 0.02 < rotors.mean() < 0.2
    assert np.abs(middle(rotors) - [WIDTH / 2, HEIGHT / 2]).max() < 0.06 * WIDTH


def test_front_is_where_the_camera_sees_it(renderer):
    """The camera looks along azimuth 125 degrees: x points to the right and towards it."""
    view = View(centre=ORIGIN, distance=2, marker=0.03)
    airframe = NAMED["x500"]
    right, up, _ = camera_axes(view)
    for turn in (LEVEL, (np.cos(np.pi / 4), 0, 0, np.sin(np.pi / 4)), (0, 0, 0, 1)):
        picture = renderer.draw(airframe, ORIGIN, turn, HALF, view=view)
        way = middle(orange(picture)) - middle(blue(picture))
        w, z = turn[0], turn[3]
        nose = np.array([w * w - z * z, 2 * w * z, 0])
        seen = np.array([right @ nose, up @ nose])
        cosine = way @ seen / np.linalg.norm(way) / np.linalg.norm(seen)
        assert cosine > 0.97


def test_the_reference_is_where_it_should_be(renderer):
    view = View(centre=ORIGIN, distance=2, marker=0.05)
    right, up, forward = camera_axes(view)
    for place in (0.3 * right + 0.2 * up, -0.4 * right, -0.3 * up + 0.2 * forward):
        picture = renderer.draw(NAMED["crazyflie"], ORIGIN, LEVEL, HALF, place, view=view)
        scale = HEIGHT / 2 / np.tan(np.radians(20)) / (2 + forward @ place)
        expected = np.array([WIDTH, HEIGHT]) / 2 + scale * np.array([right @ place, up @ place])
        assert np.abs(middle(green(picture)) - expected).max() < 2.5


def test_both_renderers_show_the_same():
    if opengl_loader() is None:
        pytest.skip("no OpenGL on this machine (neither EGL nor OSMesa)")
    view = View(centre=(0.1, 0, 0.05), distance=1.5, marker=0.04)
    turn = np.array([0.95, 0.2, -0.15, 0.1]) / np.linalg.norm([0.95, 0.2, -0.15, 0.1])
    found = []
    for backend in ("opengl", "plot"):
        renderer = QuadrotorRenderer(WIDTH, HEIGHT, backend=backend)
        picture = renderer.draw(NAMED["x500"], ORIGIN, turn, HALF, (0.35, 0.1, 0.2), view=view)
        found.append([middle(mask(picture)) for mask in (orange, blue, green)])
        renderer.close()
    assert np.abs(np.array(found[0]) - np.array(found[1])).max() < 4


def test_faster_rotors_are_denser(renderer):
    slow = renderer.draw(NAMED["x500"], ORIGIN, LEVEL, (0, 0, 0, 0)).astype(float)
    fast = renderer.draw(NAMED["x500"], ORIGIN, LEVEL, (1, 1, 1, 1)).astype(float)
    assert orange(fast).sum() >= orange(slow).sum()
    colour = [picture[orange(fast)].mean(axis=0) for picture in (slow, fast)]
    assert np.ptp(colour[1]) > np.ptp(colour[0]) + 10


def test_trail_and_path_are_drawn(renderer):
    line = np.stack([np.linspace(-0.5, 0.5, 40), np.zeros(40), np.full(40, 0.1)], axis=1)
    given = (NAMED["crazyflie"], (5, 5, 5), LEVEL, HALF)
    view = View(centre=ORIGIN, distance=2, marker=0.05)
    empty = renderer.draw(*given, view=view)
    trail = renderer.draw(*given, trail=line, view=view)
    path = renderer.draw(*given, path=line, view=view)
    point = renderer.draw(*given, trail=line[:1], path=line[:0], view=view)
    assert np.abs(point.astype(int) - empty).max() <= 2
    for picture in (trail, path):
        changed = (picture != empty).any(axis=2)
        assert np.ptp(np.nonzero(changed)[1]) > 0.25 * WIDTH
    assert not np.array_equal(trail, path)


@pytest.mark.parametrize("aspect", [0.5, 1.7])
def test_an_overview_has_everything_in_it(aspect):
    points = np.random.default_rng(0).normal(size=(200, 3)) * [3, 1, 0.3] + [5, -4, 2]
    view = overview(points, aspect, 0.04)
    seen = (points - view.centre) @ camera_axes(view).T
    depth = seen[:, 2] + view.distance
    tangent = np.tan(np.radians(20))
    used = np.abs(seen[:, :2]) / depth[:, None] / tangent / [aspect, 1]
    assert depth.min() > 0
    assert 0.8 < used.max() < 0.91
    assert view.vehicle_marker > 0
    assert overview(np.zeros((3, 3)), aspect, 0.2).vehicle_marker == 0


def test_the_chase_follows():
    view = chase((1, 2, 3), 0.1)
    assert view.centre == (1, 2, 3)
    assert view.distance == pytest.approx(0.9)


def test_the_world_draws_its_copies():
    world = QuadrotorBatch(2)
    world.reset(seed=0)
    first, second = world.render_copy(0), world.render_copy(1)
    assert first.shape == (480, 640, 3)
    assert (orange(first) | blue(first)).mean() > 0.02
    assert not np.array_equal(first, second)


# --- without OpenGL --------------------------------------------------------------------------------


@pytest.fixture
def no_loader_yet():
    opengl_loader.cache_clear()
    yield
    opengl_loader.cache_clear()


@pytest.mark.usefixtures("no_loader_yet")
def test_without_opengl_it_says_so_and_plots(monkeypatch):
    monkeypatch.setenv("MUJOCO_GL", "off")
    with pytest.warns(RuntimeWarning) as told:
        renderer = QuadrotorRenderer(WIDTH, HEIGHT)
    assert [str(warning.message) for warning in told] == [NO_OPENGL]
    assert renderer.backend == "plot"
    assert orange(renderer.draw(NAMED["x500"], ORIGIN, LEVEL, HALF)).any()
    with pytest.raises(InputError, match="backend = 'opengl': no OpenGL"):
        QuadrotorRenderer(WIDTH, HEIGHT, backend="opengl").draw(NAMED["x500"], ORIGIN, LEVEL, HALF)


@pytest.mark.usefixtures("no_loader_yet")
@pytest.mark.parametrize(
    ("asked", "working", "tried", "found"),
    [
        ("", {"egl", "osmesa"}, ["egl"], "egl"),
        ("", {"osmesa"}, ["egl", "osmesa"], "osmesa"),
        ("", set(), ["egl", "osmesa"], None),
        ("osmesa", {"egl", "osmesa"}, ["osmesa"], "osmesa"),
        ("osmesa", {"egl"}, ["osmesa"], None),
        ("off", {"egl"}, [], None),
    ],
)
def test_which_opengl_is_taken(monkeypatch, asked, working, tried, found):
    monkeypatch.setenv("MUJOCO_GL", asked)
    monkeypatch.setattr(gl_renderer.sys, "platform", "linux")
    calls = []

    def run(words, **options):
        calls.append(words[-1])
        if words[-1] in working:
            return subprocess.CompletedProcess(words, 0, b"drawn\n")
        return subprocess.CompletedProcess(words, -11, b"")  # a driver that takes the process with it

    monkeypatch.setattr(gl_renderer.subprocess, "run", run)
    assert opengl_loader() == found
    assert calls == tried


@pytest.mark.skipif(sys.platform != "linux", reason="EGL and OSMesa are Linux's")
def test_a_probe_that_fails_is_no_crash():
    done = subprocess.run(
        [sys.executable, "-c", gl_renderer._PROBE, "nothing"],
        capture_output=True,
        env={**os.environ, "MUJOCO_GL": "off"},
        check=False,
    )
    assert done.returncode == 1
    assert b"drawn" not in done.stdout


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"width": 15}, r"picture width = 15 is outside \[16, 1920\] pixels"),
        ({"height": 2000}, r"picture height = 2000 is outside \[16, 1088\] pixels"),
    ],
)
def test_a_bad_size_is_refused(given, message):
    with pytest.raises(InputError, match=message):
        QuadrotorRenderer(**given)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"position": (0, 0)}, r"position = .* of shape \(3,\)"),
        ({"quaternion": (np.nan, 0, 0, 0)}, "quaternion = .*nan.* must be finite"),
        (
            {"trail": np.zeros((4, 2))},
            r"trail must be finite and of shape \(count, 3\), it has \(4, 2\)",
        ),
    ],
)
def test_bad_numbers_are_refused(change, message):
    given = {"position": ORIGIN, "quaternion": LEVEL, "rotor_speeds": HALF} | change
    with pytest.raises(InputError, match=message):
        QuadrotorRenderer(WIDTH, HEIGHT, backend="plot").draw(NAMED["x500"], **given)
