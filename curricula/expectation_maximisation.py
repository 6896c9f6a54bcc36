"""Expectation maximisation for small Gaussian mixtures, compiled.

The same steps as scikit-learn's ``GaussianMixture`` with full covariances: greedy k-means++ and Lloyd's
algorithm for the start, ``REGULARISATION`` on every diagonal, ``TOLERANCE`` on the mean log
likelihood. From the same start both give the same mixture; a fit of 250 rows takes a tenth of the time,
which matters because a teacher fits nine mixtures every 250 episodes.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ..envs.jit import inner, kernel

Floats = NDArray[np.float64]
REGULARISATION = 1e-6
TOLERANCE = 1e-3
MAX_ITERATIONS = 100
MAX_LLOYD_ITERATIONS = 300
LLOYD_TOLERANCE = 1e-4
_TINY = 10.0 * np.finfo(np.float64).eps
_LOG_2_PI = math.log(2.0 * math.pi)


def trials(components: int) -> int:
    """Candidates that k-means++ draws for every centre, scikit-learn's number."""
    return 2 + int(math.log(components))


@kernel
def fit(
    data: Floats,
    uniforms: Floats,
    candidates: int,
    labels: NDArray[np.int64],
    weights: Floats,
    means: Floats,
    covariances: Floats,
) -> float:
    """Fit one mixture; the start is k-means.

    Args:
        data: float64, shape ``(n, columns)``.
        uniforms: numbers in [0, 1), shape ``(1 + (k - 1) * candidates,)``.
        candidates: draws per centre of k-means++.
        labels: work space, int64, shape ``(n,)``.
        weights: result, shape ``(k,)``.
        means: result, shape ``(k, columns)``.
        covariances: result, shape ``(k, columns, columns)``.

    Returns:
        The mean log likelihood of a row, NaN if a covariance could not be factorised.
    """
    n, columns = data.shape
    k = len(weights)
    nearest, trial, best = np.empty(n), np.empty(n), np.empty(n)
    sums = np.empty((k, columns))
    counts = np.empty(k)
    choose_centres(data, uniforms, candidates, means, nearest, trial, best)
    lloyd(data, means, labels, sums, counts)
    responsibilities = np.zeros((n, k))
    for row in range(n):
        responsibilities[row, labels[row]] = 1.0
    return maximise(data, responsibilities, weights, means, covariances)


@kernel
def maximise(
    data: Floats, responsibilities: Floats, weights: Floats, means: Floats, covariances: Floats
) -> float:
    """Maximise the likelihood from given responsibilities, shape ``(n, k)``; results as in :func:`fit`."""
    k, columns = means.shape
    factors = np.empty((k, columns, columns))
    constants = np.empty(k)
    difference = np.empty(columns)
    update(data, responsibilities, weights, means, covariances)
    bound = -math.inf
    for _ in range(MAX_ITERATIONS):
        if not factorise(weights, covariances, factors, constants):
            return math.nan
        previous = bound
        bound = expect(data, means, factors, constants, difference, responsibilities)
        update(data, responsibilities, weights, means, covariances)
        if abs(bound - previous) < TOLERANCE:
            break
    if not factorise(weights, covariances, factors, constants):
        return math.nan
    return expect(data, means, factors, constants, difference, responsibilities)


@inner
def squared_distance(a, b):
    """Between two points."""
    total = 0.0
    for i in range(a.shape[0]):
        total += (a[i] - b[i]) * (a[i] - b[i])
    return total


@inner
def choose_centres(data, uniforms, candidates, centres, nearest, trial, best):
    """Greedy k-means++ (Arthur and Vassilvitskii, 2007): of some draws keep the one that helps most."""
    n, columns = data.shape
    first = min(int(uniforms[0] * n), n - 1)
    for i in range(columns):
        centres[0, i] = data[first, i]
    total = 0.0
    for row in range(n):
        nearest[row] = squared_distance(data[row], data[first])
        total += nearest[row]
    used = 1
    for centre in range(1, centres.shape[0]):
        best_total, best_row = math.inf, 0
        for _ in range(candidates):
            goal = uniforms[used] * total
            used += 1
            drawn, cumulated = n - 1, 0.0
            for row in range(n):
                cumulated += nearest[row]
                if cumulated > goal:
                    drawn = row
                    break
            tried = 0.0
            for row in range(n):
                trial[row] = min(nearest[row], squared_distance(data[row], data[drawn]))
                tried += trial[row]
            if tried < best_total:
                best_total, best_row = tried, drawn
                for row in range(n):
                    best[row] = trial[row]
        for i in range(columns):
            centres[centre, i] = data[best_row, i]
        for row in range(n):
            nearest[row] = best[row]
        total = best_total


@inner
def lloyd(data, centres, labels, sums, counts):
    """Lloyd's algorithm; an empty cluster keeps its centre."""
    n, columns = data.shape
    k = centres.shape[0]
    spread = 0.0
    for i in range(columns):
        mean, square = 0.0, 0.0
        for row in range(n):
            mean += data[row, i]
            square += data[row, i] * data[row, i]
        spread += square / n - (mean / n) * (mean / n)
    tolerance = LLOYD_TOLERANCE * max(spread, 0.0) / columns
    for row in range(n):
        labels[row] = -1
    for _ in range(MAX_LLOYD_ITERATIONS):
        changed = False
        for j in range(k):
            counts[j] = 0.0
            for i in range(columns):
                sums[j, i] = 0.0
        for row in range(n):
            label, shortest = 0, math.inf
            for j in range(k):
                distance = squared_distance(data[row], centres[j])
                if distance < shortest:
                    label, shortest = j, distance
            changed |= labels[row] != label
            labels[row] = label
            counts[label] += 1.0
            for i in range(columns):
                sums[label, i] += data[row, i]
        if not changed:
            return
        moved = 0.0
        for j in range(k):
            if counts[j] > 0.0:
                for i in range(columns):
                    centre = sums[j, i] / counts[j]
                    moved += (centre - centres[j, i]) * (centre - centres[j, i])
                    centres[j, i] = centre
        if moved <= tolerance:
            return


@inner
def update(data, responsibilities, weights, means, covariances):
    """The maximisation step."""
    n, columns = data.shape
    k = weights.shape[0]
    whole = 0.0
    for j in range(k):
        share = _TINY
        for i in range(columns):
            means[j, i] = 0.0
            for m in range(columns):
                covariances[j, i, m] = 0.0
        for row in range(n):
            share += responsibilities[row, j]
            for i in range(columns):
                means[j, i] += responsibilities[row, j] * data[row, i]
        for i in range(columns):
            means[j, i] /= share
        for row in range(n):
            weight = responsibilities[row, j]
            if weight == 0.0:
                continue
            for i in range(columns):
                scaled = weight * (data[row, i] - means[j, i])
                for m in range(i + 1):
                    covariances[j, i, m] += scaled * (data[row, m] - means[j, m])
        for i in range(columns):
            for m in range(i + 1):
                covariances[j, i, m] /= share
                covariances[j, m, i] = covariances[j, i, m]
            covariances[j, i, i] += REGULARISATION
        weights[j] = share
        whole += share
    for j in range(k):
        weights[j] /= whole


@inner
def factorise(weights, covariances, factors, constants):
    """Cholesky factors, and all of the log density that does not depend on the row; False on failure."""
    k, columns = covariances.shape[0], covariances.shape[1]
    for j in range(k):
        constant = math.log(weights[j]) - 0.5 * columns * _LOG_2_PI
        for i in range(columns):
            for m in range(i + 1):
                total = covariances[j, i, m]
                for p in range(m):
                    total -= factors[j, i, p] * factors[j, m, p]
                if i == m:
                    if not total > 0.0:
                        return False
                    factors[j, i, i] = math.sqrt(total)
                    constant -= math.log(factors[j, i, i])
                else:
                    factors[j, i, m] = total / factors[j, m, m]
        constants[j] = constant
    return True


@inner
def expect(data, means, factors, constants, difference, responsibilities):
    """The expectation step; returns the mean log likelihood of a row."""
    n, columns = data.shape
    k = means.shape[0]
    total = 0.0
    for row in range(n):
        highest = -math.inf
        for j in range(k):
            square = 0.0
            for i in range(columns):
                value = data[row, i] - means[j, i]
                for p in range(i):
                    value -= factors[j, i, p] * difference[p]
                difference[i] = value / factors[j, i, i]
                square += difference[i] * difference[i]
            responsibilities[row, j] = constants[j] - 0.5 * square
            highest = max(highest, responsibilities[row, j])
        density = 0.0
        for j in range(k):
            responsibilities[row, j] = math.exp(responsibilities[row, j] - highest)
            density += responsibilities[row, j]
        for j in range(k):
            responsibilities[row, j] /= density
        total += highest + math.log(density)
    return total / n
