"""Pictures of a quadrotor drawn by MuJoCo with OpenGL, off screen.

OpenGL without a window comes from EGL (a graphics driver or Mesa) or OSMesa (in software). A broken
driver may end the process that tries it, so each is tried in a process of its own first.
"""

from __future__ import annotations

import functools
import importlib
import os
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

import mujoco
import numpy as np
from numpy.typing import NDArray

from .airframe import Airframe
from .mjcf import FRONT, REAR, mjcf
from .view import PATH_COLOUR, REFERENCE_COLOUR, TRAIL_COLOURS, View

_PROBE = """
import importlib, sys, mujoco
context = importlib.import_module("mujoco." + sys.argv[1]).GLContext(64, 64)
context.make_current()
mujoco.MjrContext(mujoco.MjModel.from_xml_string("<mujoco/>"), 100)
print("drawn")
"""
_PROBE_SECONDS = 60
_LOADERS = {"linux": ("egl", "osmesa"), "darwin": ("cgl",), "win32": ("glfw",)}
_OFF = ("disable", "disabled", "off", "false", "0")
_MOST_PIECES = 1500  # of trail, its shadow and path in a scene
_SHADOW, _TRAIL_SHADOW = (0.10, 0.12, 0.15, 0.35), (0.25, 0.28, 0.32, 1.0)
_DISC_ALPHA = (0.25, 0.45)
"""Opacity of a still rotor's disc, and what full speed adds."""


@functools.cache
def opengl_loader() -> str | None:
    """How OpenGL can be had here without a window: the name of MuJoCo's module for it, or None.

    The environment variable ``MUJOCO_GL`` chooses one (``egl``, ``osmesa``) or forbids it (``off``).
    """
    asked = os.environ.get("MUJOCO_GL", "").lower().strip()
    if asked in _OFF:
        return None
    names = _LOADERS.get(sys.platform, ())
    for name in (asked,) if asked in names else names:
        try:
            tried = subprocess.run(
                [sys.executable, "-c", _PROBE, name],
                capture_output=True,
                timeout=_PROBE_SECONDS,
                check=False,
                env={**os.environ, "MUJOCO_GL": name},
            )
        except (OSError, subprocess.TimeoutExpired):
            continue
        if tried.returncode == 0 and b"drawn" in tried.stdout:
            return name
    return None


class GlRenderer:
    """Draws one airframe with MuJoCo.

    Args:
        airframe: what to draw.
        width: of the pictures (pixels).
        height: the same.
        ground: height of the ground (m).

    Raises:
        RuntimeError: there is no OpenGL, see :func:`opengl_loader`.
    """

    def __init__(self, airframe: Airframe, width: int, height: int, ground: float) -> None:
        loader = opengl_loader()
        if loader is None:
            raise RuntimeError("no OpenGL")
        self._context: Any = importlib.import_module(f"mujoco.{loader}").GLContext(width, height)
        self._context.make_current()
        self._model = mujoco.MjModel.from_xml_string(mjcf(airframe, ground=ground))
        self._data = mujoco.MjData(self._model)
        self._ground = ground
        self._discs = [self._model.geom(f"disc{rotor}").id for rotor in range(4)]
        self._drawer = mujoco.MjrContext(self._model, mujoco.mjtFontScale.mjFONTSCALE_100.value)
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN.value, self._drawer)
        self._scene = mujoco.MjvScene(self._model, maxgeom=_MOST_PIECES + 100)
        self._scene.flags[mujoco.mjtRndFlag.mjRND_FOG] = True
        self._scene.flags[mujoco.mjtRndFlag.mjRND_HAZE] = True
        self._camera = mujoco.MjvCamera()
        self._area = mujoco.MjrRect(0, 0, width, height)
        self._picture = np.empty((height, width, 3), dtype=np.uint8)

    def draw(
        self,
        position: NDArray[np.float64],
        quaternion: NDArray[np.float64],
        rotor_speeds: NDArray[np.float64],
        reference: NDArray[np.float64] | None,
        trail: NDArray[np.float64],
        path: NDArray[np.float64],
        view: View,
    ) -> NDArray[np.uint8]:
        """One picture, shape ``(height, width, 3)``; the arguments are those of the front."""
        self._context.make_current()
        self._data.qpos[:] = [*position, *quaternion]
        mujoco.mj_kinematics(self._model, self._data)
        mujoco.mj_camlight(self._model, self._data)
        for rotor, geom in enumerate(self._discs):
            # A faster rotor is a denser disc.
            still, more = _DISC_ALPHA
            self._model.geom_rgba[geom] = [
                *(FRONT if rotor in (0, 3) else REAR),
                still + more * float(rotor_speeds[rotor]),
            ]
        self._camera.lookat[:] = view.centre
        self._camera.distance = view.distance
        self._camera.azimuth, self._camera.elevation = view.azimuth, view.elevation
        mujoco.mjv_updateScene(
            self._model,
            self._data,
            mujoco.MjvOption(),
            None,
            self._camera,
            mujoco.mjtCatBit.mjCAT_ALL.value,
            self._scene,
        )
        thickness = view.distance / self._picture.shape[0]  # about 1.4 pixels
        self._ribbon(path, [(*PATH_COLOUR, 1.0)], 0.75 * thickness)
        self._ribbon(trail, TRAIL_COLOURS, 1.6 * thickness)
        self._shadow(trail, 1.6 * thickness)
        if view.vehicle_marker:
            size = np.full(3, view.vehicle_marker)
            self._add(mujoco.mjtGeom.mjGEOM_SPHERE, size, position, (*FRONT, 1.0))
        if reference is not None:
            size = np.full(3, view.marker)
            self._add(mujoco.mjtGeom.mjGEOM_SPHERE, size, reference, (*REFERENCE_COLOUR, 0.85))
        mujoco.mjr_render(self._area, self._scene, self._drawer)
        mujoco.mjr_readPixels(self._picture, None, self._area, self._drawer)
        return self._picture[::-1].copy()

    def close(self) -> None:
        """Give the OpenGL context back."""
        self._context.make_current()
        self._drawer.free()
        self._context.free()

    def _shadow(self, trail: NDArray[np.float64], thickness: float) -> None:
        """What the vehicle and its trail would cast straight down; shadow maps cost half a frame."""
        below = trail.copy()
        below[:, 2] = self._ground
        self._ribbon(below, [_TRAIL_SHADOW], 0.7 * thickness)
        for geom in self._discs:
            x, y, _ = self._data.geom_xpos[geom]
            radius = self._model.geom_size[geom, 0]
            self._add(
                mujoco.mjtGeom.mjGEOM_ELLIPSOID,
                np.array([radius, radius, 0.01 * radius]),
                np.array([x, y, self._ground]),
                _SHADOW,
            )

    def _ribbon(
        self, points: NDArray[np.float64], colours: Sequence[tuple[float, ...]], radius: float
    ) -> None:
        """Rods between neighbouring points, coloured from the first colour to the last."""
        pieces = min(len(points) - 1, _MOST_PIECES // 3)
        if pieces < 1:
            return
        ends = points[np.linspace(0, len(points) - 1, pieces + 1).round().astype(int)]
        stops = np.linspace(0, pieces - 1, len(colours))
        table = np.array(colours)
        shades = np.stack(
            [np.interp(np.arange(pieces), stops, table[:, channel]) for channel in range(4)], axis=1
        )
        rod = mujoco.mjtGeom.mjGEOM_CAPSULE
        for start, end, shade in zip(ends[:-1], ends[1:], shades, strict=True):
            if (start != end).any():
                geom = self._add(rod, np.zeros(3), np.zeros(3), shade)
                mujoco.mjv_connector(geom, rod.value, radius, start, end)

    def _add(
        self,
        kind: mujoco.mjtGeom,
        size: NDArray[np.float64],
        place: NDArray[np.float64],
        colour: Sequence[float] | NDArray[np.float64],
    ) -> Any:
        """One more shape in the scene, upright."""
        geom = self._scene.geoms[self._scene.ngeom]
        self._scene.ngeom += 1
        shade = np.array(colour, dtype=np.float32)
        mujoco.mjv_initGeom(geom, kind.value, size, place, np.eye(3).ravel(), shade)
        geom.emission = 0.35
        return geom
