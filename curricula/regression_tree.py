"""A regression tree over recent episodes, compiled: boxes of tasks that earn alike.

Splits are those of CART (Breiman et al., 1984): the cut, over all dimensions, that lowers the squared
error of the return most. A cut is made only if it is worth ``threshold`` times the variance that is left,
an F-test's statistic, so that noise and dimensions that do not matter cut nothing.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..envs.jit import kernel

Floats = NDArray[np.float64]


@kernel
def grow(
    points: Floats,
    returns: Floats,
    minimum: int,
    threshold: float,
    shrinkage: float,
    low: Floats,
    high: Floats,
    progress: Floats,
) -> int:
    """Cut the unit box into leaves and measure the learning progress in each.

    Progress is the slope of the least-squares line through a leaf's returns in the order of time, as a
    gain per episode spent there; where the slope's standard error is as large as the slope,
    ``shrinkage`` of it is taken away.

    Args:
        points: tasks in the unit box in the order of time, shape ``(n, dimension)``.
        returns: what they earned, shape ``(n,)``.
        minimum: episodes that each side of a cut needs.
        threshold: F statistic that a cut needs.
        shrinkage: how much an uncertain slope is distrusted, 0 or more.
        low: result, the leaves' lower corners, shape ``(n, dimension)``; only the first rows are set.
        high: result, their upper corners.
        progress: result, slopes by leaf, their sign kept, shape ``(n,)``.

    Returns:
        The number of leaves.
    """
    n, dimension = points.shape
    order = np.arange(n)
    spare = np.empty(n, dtype=np.int64)
    column = np.empty(n)
    # Boxes still to be looked at: episodes begin to end of ``order``, and corners.
    begins, ends = np.empty(n + 1, dtype=np.int64), np.empty(n + 1, dtype=np.int64)
    lows, highs = np.empty((n + 1, dimension)), np.empty((n + 1, dimension))
    begins[0], ends[0], lows[0], highs[0] = 0, n, 0.0, 1.0
    waiting, leaves = 1, 0
    while waiting > 0:
        waiting -= 1
        begin, end = begins[waiting], ends[waiting]
        count = end - begin
        inside = order[begin:end]
        total = 0.0
        for row in inside:
            total += returns[row]
        mean = total / count
        error = 0.0
        for row in inside:
            error += (returns[row] - mean) ** 2
        best, cut_dimension, cut = 0.0, -1, 0.0
        if count >= 2 * minimum and error > 0.0:
            for d in range(dimension):
                for k in range(count):
                    column[k] = points[inside[k], d]
                ranks = np.argsort(column[:count])
                left = 0.0
                for k in range(count - minimum):
                    left += returns[inside[ranks[k]]] - mean
                    here, following = column[ranks[k]], column[ranks[k + 1]]
                    if k + 1 < minimum or following <= here:
                        continue
                    gain = left * left * count / ((k + 1.0) * (count - k - 1.0))
                    if gain > best:
                        best, cut_dimension, cut = gain, d, 0.5 * (here + following)
        if cut_dimension >= 0 and best * (count - 2.0) > threshold * max(error - best, 0.0):
            middle, kept = begin, 0
            for k in range(begin, end):
                row = order[k]
                if points[row, cut_dimension] <= cut:
                    order[middle] = row
                    middle += 1
                else:
                    spare[kept] = row
                    kept += 1
            for k in range(kept):
                order[middle + k] = spare[k]
            lows[waiting + 1], highs[waiting + 1] = lows[waiting], highs[waiting]
            begins[waiting], ends[waiting] = begin, middle
            begins[waiting + 1], ends[waiting + 1] = middle, end
            highs[waiting, cut_dimension] = cut
            lows[waiting + 1, cut_dimension] = cut
            waiting += 2
            continue
        moment, centre = 0.0, 0.5 * (count - 1.0)
        for k in range(count):
            moment += (k - centre) * returns[inside[k]]
        spread = count * (count * count - 1.0) / 12.0  # of 0, 1, ..., count - 1
        slope = moment / spread if count > 2 else 0.0
        if count > 2 and slope != 0.0:
            variance = max(error - slope * slope * spread, 0.0) / (count - 2.0) / spread
            slope *= max(1.0 - shrinkage * variance / (slope * slope), 0.0)
        low[leaves], high[leaves], progress[leaves] = lows[waiting], highs[waiting], slope
        leaves += 1
    return leaves
