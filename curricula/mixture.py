"""Gaussian mixtures fitted to recent episodes, the number of Gaussians chosen by a criterion."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .expectation_maximisation import fit, trials

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
    shift, scale = np.zeros(rows.shape[1]), np.ones(rows.shape[1])
    if standardise:
        shift, scale = rows.mean(axis=0), rows.std(axis=0)
        scale[scale == 0.0] = 1.0
    data = (rows - shift) / scale
    centre = data.mean(axis=0)  # k-means in numbers near 0 loses no digits
    data -= centre

    rng = np.random.Generator(np.random.PCG64(random_state))
    best, best_value = None, math.inf
    for components in component_counts:
        mixture, likelihood = _most_likely(data, components, restarts, rng)
        value = _criterion(likelihood, data, components, criterion, counted_columns)
        if value < best_value:
            best, best_value = mixture, value
    if best is None:
        return None
    return Mixture(
        best.weights,
        (best.means + centre) * scale + shift,
        best.covariances * np.multiply.outer(scale, scale),
    )


def _most_likely(
    data: NDArray[np.float64], components: int, restarts: int, rng: np.random.Generator
) -> tuple[Mixture | None, float]:
    """The best of some fits of one size, with its mean log likelihood; None if all failed."""
    n, columns = data.shape
    candidates = trials(components)
    labels = np.empty(n, dtype=np.int64)
    best, best_likelihood = None, -math.inf
    for _ in range(restarts):
        mixture = Mixture(
            np.empty(components),
            np.empty((components, columns)),
            np.empty((components, columns, columns)),
        )
        uniforms = rng.random(1 + (components - 1) * candidates)
        likelihood = fit(
            data,
            uniforms,
            candidates,
            labels,
            mixture.weights,
            mixture.means,
            mixture.covariances,
        )
        if likelihood > best_likelihood:  # never for NaN, an ill-conditioned covariance
            best, best_likelihood = mixture, likelihood
    return best, best_likelihood


def _criterion(
    likelihood: float,
    data: NDArray[np.float64],
    components: int,
    criterion: str,
    counted_columns: int,
) -> float:
    n, columns = data.shape
    free = components * (columns * (columns + 1) // 2 + columns + 1) - 1
    if criterion == "bic":
        return -2.0 * likelihood * n + free * math.log(n)
    value = -2.0 * likelihood * n + 2.0 * free
    if criterion == "aicc":
        k = parameter_count(components, counted_columns)
        spare = n - k - 1
        value += 2.0 * k * (k + 1.0) / spare if spare else math.inf
    return value
