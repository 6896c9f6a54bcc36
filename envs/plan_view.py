"""Pictures of small worlds in the plane, seen from above; nothing but numpy."""

from __future__ import annotations

import numpy as np

SIZE = 400
"""Width and height of the pictures (pixels)."""
COLOURS = {
    "ground": (244, 246, 248),
    "wall": (43, 48, 56),
    "goal": (58, 160, 92),
    "area": (208, 234, 216),
    "agent": (214, 93, 48),
}


class PlanView:
    """A square of the plane around (0, 0), y upwards, on which shapes are painted one after another.

    Args:
        reach: what lies at the border, in the world's units.

    Attributes:
        picture: uint8, shape ``(SIZE, SIZE, 3)``.
    """

    def __init__(self, reach: float) -> None:
        self.picture = np.full((SIZE, SIZE, 3), COLOURS["ground"], dtype=np.uint8)
        middles = reach * ((np.arange(SIZE) + 0.5) * 2 / SIZE - 1)
        self._x, self._y = middles[np.newaxis], -middles[:, np.newaxis]

    def rectangle(self, left: float, low: float, right: float, high: float, colour: str) -> None:
        """Paint a rectangle; nothing if it is empty."""
        across = (left <= self._x) & (self._x <= right)
        self.picture[across & (low <= self._y) & (self._y <= high)] = COLOURS[colour]

    def disc(self, x: float, y: float, radius: float, colour: str) -> None:
        """Paint a disc."""
        self.picture[np.hypot(self._x - x, self._y - y) <= radius] = COLOURS[colour]
