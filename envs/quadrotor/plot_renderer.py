"""Pictures of a quadrotor drawn by matplotlib, for machines without OpenGL.

The scene is what :mod:`.gl_renderer` draws, as lines and filled circles in perspective.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .airframe import Airframe
from .mjcf import FRONT, REAR, disc_radius
from .vehicle import rotation_matrix
from .view import FIELD_OF_VIEW, PATH_COLOUR, REFERENCE_COLOUR, TRAIL_COLOURS, View, camera_axes

_INCH = 100  # pixels
_CORNERS = np.linspace(0, 2 * np.pi, 33)
_SKY, _GROUND = "#e8eef4", "#c3cad2"
_MOST_PIECES = 300


class PlotRenderer:
    """Draws one airframe with matplotlib.

    Args:
        airframe: what to draw.
        width: of the pictures (pixels).
        height: the same.
        ground: height of the ground (m).
    """

    def __init__(self, airframe: Airframe, width: int, height: int, ground: float) -> None:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        self._airframe = airframe
        self._ground = ground
        self._size = np.array([width, height], dtype=np.float64)
        figure = Figure(figsize=(width / _INCH, height / _INCH), dpi=_INCH, facecolor=_SKY)
        self._canvas: Any = FigureCanvasAgg(figure)
        self._axes = figure.add_axes((0, 0, 1, 1))

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
        axes = self._axes
        axes.clear()
        axes.set_axis_off()
        width, height = self._size
        axes.set_xlim(0, width)
        axes.set_ylim(0, height)
        camera = _Camera(view, width, height)
        self._draw_ground(camera, view)
        self._line(camera, path, PATH_COLOUR, 1.2)
        self._trail(camera, trail)
        self._vehicle(
            camera, position, rotation_matrix(quaternion / np.linalg.norm(quaternion)), rotor_speeds
        )
        if view.vehicle_marker:
            self._ball(camera, position, view.vehicle_marker, FRONT)
        if reference is not None:
            self._ball(camera, reference, view.marker, REFERENCE_COLOUR)
        self._canvas.draw()
        return np.asarray(self._canvas.buffer_rgba())[..., :3].copy()

    def close(self) -> None:
        """Nothing to give back."""

    def _draw_ground(self, camera: _Camera, view: View) -> None:
        """A grid below the middle of the picture, and the horizon's side of it as plain ground."""
        reach = 3.0 * view.distance
        step = 10.0 ** np.floor(np.log10(view.distance))
        x, y = np.round(np.array(view.centre[:2]) / step) * step
        lines = []
        for offset in np.arange(-np.ceil(reach / step), np.ceil(reach / step) + 1) * step:
            along = np.linspace(-reach, reach, 40)
            lines.append(
                np.stack([x + along, np.full(40, y + offset), np.full(40, self._ground)], axis=1)
            )
            lines.append(
                np.stack([np.full(40, x + offset), y + along, np.full(40, self._ground)], axis=1)
            )
        for line in lines:
            self._line(camera, line, _GROUND, 0.8)

    def _vehicle(
        self,
        camera: _Camera,
        position: NDArray[np.float64],
        turn: NDArray[np.float64],
        rotor_speeds: NDArray[np.float64],
    ) -> None:
        rotors = np.array(self._airframe.rotor_positions)
        hub = rotors.mean(axis=0)
        nose = hub + np.array([0.4 * np.linalg.norm(rotors, axis=1).max(), 0, 0])
        for rotor in rotors:
            self._line(camera, position + np.stack([hub, rotor]) @ turn.T, "#2b3038", 3.0)
        self._line(camera, position + np.stack([hub, nose]) @ turn.T, FRONT, 4.0)
        circle = np.pad(disc_radius(self._airframe) * _circle(), ((0, 0), (0, 1)))
        order = np.argsort(-camera.depth(position + rotors @ turn.T))
        for rotor in order:
            spots, scale = camera.project(position + (rotors[rotor] + circle) @ turn.T)
            if scale.min() > 0:
                colour = FRONT if rotor in (0, 3) else REAR
                self._disc(spots, colour, 0.25 + 0.45 * float(rotor_speeds[rotor]))

    def _trail(self, camera: _Camera, trail: NDArray[np.float64]) -> None:
        from matplotlib.collections import LineCollection

        pieces = min(len(trail) - 1, _MOST_PIECES)
        if pieces < 1:
            return
        ends = trail[np.linspace(0, len(trail) - 1, pieces + 1).round().astype(int)]
        spots, scale = camera.project(ends)
        old, new = np.array(TRAIL_COLOURS)
        share = np.linspace(0, 1, pieces)[:, None]
        seen = (scale[:-1] > 0) & (scale[1:] > 0)
        segments: Any = np.stack([spots[:-1], spots[1:]], axis=1)[seen]
        colours: Any = (old + share * (new - old))[seen]
        self._axes.add_collection(
            LineCollection(segments, colors=colours, linewidths=2.2, capstyle="round")
        )

    def _line(self, camera: _Camera, points: NDArray[np.float64], colour: Any, width: float) -> None:
        if len(points) < 2:
            return
        spots, scale = camera.project(points)
        spots = np.where(scale[:, None] > 0, spots, np.nan)  # what is behind the camera
        self._axes.plot(*spots.T, color=colour, linewidth=width, solid_capstyle="round")

    def _ball(self, camera: _Camera, place: NDArray[np.float64], radius: float, colour: Any) -> None:
        (spot,), (scale,) = camera.project(place[None])
        if scale > 0:
            self._disc(spot + radius * scale * _circle(), colour, 0.85)

    def _disc(self, spots: NDArray[np.float64], colour: Any, opacity: float) -> None:
        self._axes.fill(*spots.T, facecolor=(*colour, opacity), edgecolor=(*colour, 1.0), linewidth=1.2)


class _Camera:
    """Perspective of a view."""

    def __init__(self, view: View, width: float, height: float) -> None:
        self._axes = camera_axes(view)
        self._place = np.array(view.centre) - view.distance * self._axes[2]
        self._middle = np.array([width, height]) / 2
        self._focal = height / 2 / np.tan(np.radians(FIELD_OF_VIEW / 2))
        self._near = 0.02 * view.distance

    def depth(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """How far in front of the camera (m), shape ``(count,)``."""
        return (points - self._place) @ self._axes[2]

    def project(self, points: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Pixels from the lower left, shape ``(count, 2)``, and pixels per metre there.

        The second is 0 for what is behind the camera.
        """
        seen = (points - self._place) @ self._axes.T
        in_front = seen[:, 2] > self._near
        scale = np.where(in_front, self._focal / np.maximum(seen[:, 2], self._near), 0.0)
        return self._middle + seen[:, :2] * scale[:, None], scale


def _circle() -> NDArray[np.float64]:
    return np.stack([np.cos(_CORNERS), np.sin(_CORNERS)], axis=1)
