"""Failures by kind of vehicle: mass, thrust-to-weight ratio, torque-to-inertia ratio."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...envs.quadrotor.airframe import Airframes


class Property(NamedTuple):
    """A number of an airframe and the edges of its bins."""

    name: str
    unit: str
    edges: Sequence[float]
    """Rising; whatever lies outside them belongs to the first or last bin."""


PROPERTIES = (
    Property("mass", "kg", (0.02, 0.074, 0.2, 0.5, 1.0, 2.0, 5.0)),
    Property("thrust_to_weight", "", (1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0)),
    Property("torque_to_inertia", "rad/s^2", (40, 170, 300, 450, 600, 800, 1000, 1200)),
)


def failures_by_bin(airframes: Airframes, failed: NDArray[np.bool_]) -> dict[str, list[dict[str, Any]]]:
    """The share of failed flights in each bin of each property.

    Args:
        airframes: who flew.
        failed: shape ``(flights, vehicles)``.

    Returns:
        for each property its bins: ``from``, ``to``, ``vehicles`` and ``failed`` (None where a bin is
        empty).
    """
    result = {}
    for name, _, edges in PROPERTIES:
        values = getattr(airframes, name)
        place = np.digitize(values, edges[1:-1])
        rows = []
        for number, (low, high) in enumerate(pairwise(edges)):
            inside = place == number
            share = float(failed[:, inside].mean()) if inside.any() else None
            rows.append({"from": low, "to": high, "vehicles": int(inside.sum()), "failed": share})
        result[name] = rows
    return result
