"""Where a picture of a quadrotor is taken from, and its colours."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

REFERENCE_COLOUR = (0.10, 0.65, 0.38)
PATH_COLOUR = (0.30, 0.35, 0.42)
TRAIL_COLOURS = [(0.55, 0.42, 0.78, 1.0), (0.98, 0.72, 0.20, 1.0)]
"""Red, green, blue, opacity: of the oldest part and of the newest."""
FIELD_OF_VIEW = 40.0
"""Vertical angle of the picture (deg)."""
_MARGIN = 0.9  # share of an overview that is used


@dataclass(frozen=True, kw_only=True)
class View:
    """A camera that looks at a point."""

    centre: tuple[float, float, float]
    """What it looks at, world (m)."""
    distance: float
    """How far it is from there (m)."""
    marker: float
    """Radius to draw the reference with (m)."""
    vehicle_marker: float = 0.0
    """Radius of a ball to draw at the vehicle, if it would be too small to be seen (m)."""
    azimuth: float = 125.0
    """Direction it looks in, from the world's x axis to y (deg)."""
    elevation: float = -24.0
    """The same above the horizon; below 0 it looks down (deg)."""


def chase(position: ArrayLike, size: float) -> View:
    """The vehicle fills a third of the picture.

    Args:
        position: of the vehicle, world (m), shape ``(3,)``.
        size: distance of its farthest rotor from its centre (m).
    """
    x, y, z = np.asarray(position, dtype=np.float64).tolist()
    return View(centre=(x, y, z), distance=9 * size, marker=0.12 * size)


def overview(points: NDArray[np.float64], aspect: float, size: float) -> View:
    """All points are in the picture.

    Args:
        points: world (m), shape ``(count, 3)``.
        aspect: width over height of the picture.
        size: distance of the vehicle's farthest rotor from its centre (m).
    """
    low, high = points.min(axis=0), points.max(axis=0)
    x, y, z = ((low + high) / 2).tolist()
    view = View(centre=(x, y, z), distance=1.0, marker=0.0, elevation=-36.0)
    right, up, forward = camera_axes(view) @ (points - view.centre).T
    tangent = _MARGIN * np.tan(np.radians(FIELD_OF_VIEW / 2))
    room = 1.6 * size  # a rotor's disc reaches beyond its centre
    needed = np.maximum((np.abs(right) + room) / aspect, np.abs(up) + room) / tangent - forward
    distance = max(float(needed.max()), 9 * size)
    ball = distance / 60
    return replace(
        view,
        distance=distance,
        marker=ball,
        vehicle_marker=ball if size < 2 * ball else 0.0,
    )


def camera_axes(view: View) -> NDArray[np.float64]:
    """Right, up and forward of the picture, unit vectors in the world, shape ``(3, 3)``."""
    azimuth, elevation = np.radians(view.azimuth), np.radians(view.elevation)
    level = np.array([np.cos(azimuth), np.sin(azimuth), 0])
    forward = np.cos(elevation) * level + np.array([0, 0, np.sin(elevation)])
    right = np.array([level[1], -level[0], 0])
    return np.stack([right, np.cross(right, forward), forward])
