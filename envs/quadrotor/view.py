"""Where a picture of a quadrotor is taken from, and its colours."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

REFERENCE_COLOUR = (0.10, 0.65, 0.38)
PATH_COLOUR = (0.30, 0.35, 0.42)
TRAIL_COLOURS = [(0.55, 0.42, 0.78, 1.0), (0.98, 0.72, 0.20, 1.0)]
"""Red, green, blue, opacity: of the oldest part and of the newest."""
FIELD_OF_VIEW = 40.0
"""Vertical angle of the picture (deg)."""


@dataclass(frozen=True, kw_only=True)
class View:
    """A camera that looks at a point."""

    centre: tuple[float, float, float]
    """What it looks at, world (m)."""
    distance: float
    """How far it is from there (m)."""
    marker: float
    """Radius to draw the reference with (m)."""
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


def overview(points: NDArray[np.float64], aspect: float) -> View:
    """All points are in the picture.

    Args:
        points: world (m), shape ``(count, 3)``.
        aspect: width over height of the picture.
    """
    low, high = points.min(axis=0), points.max(axis=0)
    x, y, z = ((low + high) / 2).tolist()
    reach = float(np.linalg.norm(high - low)) / 2
    narrow = np.tan(np.radians(FIELD_OF_VIEW / 2)) * min(1.0, aspect)
    distance = max(1.1 * reach / float(narrow), 0.3)
    return View(centre=(x, y, z), distance=distance, marker=distance / 70, elevation=-32.0)
