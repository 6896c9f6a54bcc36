"""Gaussian mixtures fitted to recent episodes, the number of Gaussians chosen by a criterion."""

from __future__ import annotations

import functools
import math
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

CRITERIA = ("aic", "aicc", "bic")


@dataclass(frozen=True)
class Mixture:
    """A fitted Gaussian mixture."""

    weights: NDArray[np.float64]
    """Shares of the Gaussians, shape ``(k,)``."""
    means: NDArray[np.float64]
    """Shape ``(k, columns)``."""
    covariances: NDArray[np.float64]
    """Shape ``(k, columns, columns)``."""


def parameter_count(components: int, columns: int) -> float:
    """Free numbers of a mixture as teachDeepRL counts them for AICc."""
    return components * ((columns * columns - columns) / 2 + 2 * columns + 1) - 1


def fit_mixture(
    rows: NDArray[np.float64],
    *,
    component_counts: range,
    criterion: str,
    counted_columns: int,
    restarts: int,
    standardise: bool,
    random_state: int,
) -> Mixture | None:
    """Fit full-covariance mixtures of several sizes by expectation maximisation and keep the best.

    Args:
        rows: the data, shape ``(n, columns)``.
        component_counts: the numbers of Gaussians to try.
        criterion: "aic", "bic" or "aicc"; the smallest value wins, the smaller mixture on a tie.
        counted_columns: columns that AICc's parameter count assumes.
        restarts: runs of expectation maximisation per size, from different k-means results.
        standardise: fit in units of each column's standard deviation, so that the result does not
            depend on the columns' units.
        random_state: seed of the k-means initialisation, in [0, 2^32).

    Returns:
        The best mixture, or None if no size could be fitted (columns of wildly different scale).
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture

    shift, scale = np.zeros(rows.shape[1]), np.ones(rows.shape[1])
    if standardise:
        shift, scale = rows.mean(axis=0), rows.std(axis=0)
        scale[scale == 0.0] = 1.0
    data = (rows - shift) / scale

    best, best_value = None, math.inf
    # One thread: the matrices are tiny, and a second thread doubles the time.
    with _thread_controller().limit(limits=1), warnings.catch_warnings(), np.errstate(under="ignore"):
        # Neither equal rows (fewer clusters than Gaussians) nor 100 iterations without convergence
        # spoil a teacher: the criterion judges the result.
        warnings.simplefilter("ignore", ConvergenceWarning)
        for components in component_counts:
            model = GaussianMixture(components, n_init=restarts, random_state=random_state)
            try:
                model.fit(data)
                value = _criterion(model, data, criterion, counted_columns)
            except (ValueError, np.linalg.LinAlgError):
                continue  # an ill-conditioned covariance; another size may do
            if value < best_value:
                best, best_value = model, value
    if best is None:
        return None
    return Mixture(
        best.weights_, best.means_ * scale + shift, best.covariances_ * np.multiply.outer(scale, scale)
    )


def _criterion(model: Any, data: NDArray[np.float64], criterion: str, counted_columns: int) -> float:
    if criterion == "bic":
        return float(model.bic(data))
    value = float(model.aic(data))
    if criterion == "aicc":
        k = parameter_count(model.n_components, counted_columns)
        spare = len(data) - k - 1
        value += 2.0 * k * (k + 1.0) / spare if spare else math.inf
    return value


@functools.cache
def _thread_controller() -> Any:
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
