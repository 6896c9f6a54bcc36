"""What counts as a success, and how often tasks succeed, from returns alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def success_line(returns: NDArray[np.float64], success_return: float, quantile: float | None) -> float:
    """The return above which an episode is a success: the one asked for, or less if hardly any has it.

    A student that masters nothing yet has tasks all the same on which it does better than elsewhere.

    Args:
        returns: the latest ones, shape ``(n,)``.
        success_return: what is asked for.
        quantile: of the returns that is enough, in [0, 1]; None asks for the whole.
    """
    if quantile is None:
        return success_return
    return min(success_return, float(np.quantile(returns, quantile)))


def nearest_rates(
    points: NDArray[np.float64], won: NDArray[np.bool_], neighbours: int
) -> NDArray[np.float64]:
    """Share of successes among each point and its nearest ones, shape ``(n,)``.

    Args:
        points: shape ``(n, dimension)``.
        won: whether there was a success, shape ``(n,)``.
        neighbours: how many to look at, fewer if there are not as many.
    """
    from scipy.spatial import cKDTree

    count = min(neighbours + 1, len(points))
    near = cKDTree(points).query(points, k=count)[1].reshape(len(points), count)
    rates: NDArray[np.float64] = won[near].mean(axis=1)
    return rates
