"""Moving a part along its velocity."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..jit import inner
from .collide import rotate_part

F = np.float32
TIME_STEP = F(1.0 / 50.0)
MAX_TRANSLATION = F(2.0)
"""Per step (m), Box2D's limit."""
MAX_ROTATION = F(0.5 * math.pi)


@inner
def integrate(part: Any, duration: float) -> None:
    """Move a part along its velocity, within Box2D's limits per step."""
    v, x = part.v, part.x
    tx, ty, turn = duration * v[0], duration * v[1], duration * v[2]
    square = tx * tx + ty * ty
    if square > MAX_TRANSLATION * MAX_TRANSLATION:
        ratio = MAX_TRANSLATION / math.sqrt(square)
        v[0] *= ratio
        v[1] *= ratio
    if turn * turn > MAX_ROTATION * MAX_ROTATION:
        v[2] *= MAX_ROTATION / abs(turn)
    for k in range(3):
        x[k] += duration * v[k]
    rotate_part(part)
