"""A linear probe: how much of a vehicle's thrust-to-weight ratio can be read from the policy's memory.

RAPTOR's authors report an R^2 of 0.949 for theirs (arXiv 2509.11481).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import RidgeCV
from sklearn.metrics import r2_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

LEAST_VEHICLES = 8
"""Fewer give no figure."""


def linear_probe(
    memories: NDArray[np.float32], failed: NDArray[np.bool_], values: NDArray[np.float64]
) -> float | None:
    """Predict a number of each vehicle from the memories at the end of its flights.

    A ridge regression is fitted to every other vehicle and scored on the rest.

    Args:
        memories: shape ``(flights, vehicles, hidden)``.
        failed: flights that are left out, shape ``(flights, vehicles)``.
        values: what to predict, shape ``(vehicles,)``.

    Returns:
        R^2 on the held-out vehicles; None if too few vehicles of either half completed a flight.
    """
    flown = ~failed & np.isfinite(memories).all(axis=2)
    halves = []
    for first in (0, 1):
        vehicles = np.arange(first, len(values), 2)
        kept = flown[:, vehicles]
        if kept.any(axis=0).sum() < LEAST_VEHICLES:
            return None
        targets = np.broadcast_to(values[vehicles], kept.shape)
        halves.append((memories[:, vehicles][kept], targets[kept]))
    (fitted, fitted_targets), (held_out, held_out_targets) = halves
    model = make_pipeline(StandardScaler(), RidgeCV(alphas=np.logspace(-6, 3, 19)))
    model.fit(fitted.astype(np.float64), fitted_targets)
    return float(r2_score(held_out_targets, model.predict(held_out.astype(np.float64))))
