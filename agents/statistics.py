"""Statistics of learning runs, as rliable defines them, and what curriculum papers add.

Scores are arrays of shape ``(runs, tasks)``: one number per run (seed) and test task. Source of the
aggregates: Agarwal et al., "Deep reinforcement learning at the edge of the statistical precipice"
(NeurIPS 2021); of the tail: Rutherford et al., "No regrets" (SFL, NeurIPS 2024).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InputError

Scores = NDArray[np.float64]
REPETITIONS = 2000
"""Bootstrap samples behind an interval (rliable's for tables)."""


class Interval(NamedTuple):
    """A figure with its 95 % bootstrap interval."""

    value: float
    low: float
    high: float


def interquartile_mean(scores: ArrayLike) -> float:
    """Mean of the middle half of all scores of all runs and tasks."""
    from scipy.stats import trim_mean

    return float(trim_mean(np.asarray(scores, dtype=np.float64), 0.25, axis=None))


def optimality_gap(scores: ArrayLike, best: float = 1.0) -> float:
    """By how much scores fall short of ``best`` on average; what is above it does not make up."""
    return float(best - np.minimum(np.asarray(scores, dtype=np.float64), best).mean())


def stratified_interval(
    scores: ArrayLike,
    statistic: Callable[[Scores], float],
    *,
    seed: int = 0,
    repetitions: int = REPETITIONS,
) -> Interval:
    """A statistic with its percentile interval under stratified bootstrap.

    For each task on its own, as many runs as there are are drawn with replacement.

    Args:
        scores: shape ``(runs, tasks)``.
        statistic: of such an array.
        seed: of the draws.
        repetitions: how many samples.

    Raises:
        InputError: no scores, or not two dimensions.
    """
    matrix = _matrix(scores)
    rng = np.random.default_rng(seed)
    columns = np.arange(matrix.shape[1])
    drawn = [
        statistic(matrix[rng.integers(len(matrix), size=matrix.shape), columns])
        for _ in range(repetitions)
    ]
    low, high = np.percentile(drawn, [2.5, 97.5])
    return Interval(statistic(matrix), float(low), float(high))


def run_interval(
    scores: ArrayLike,
    statistic: Callable[[Scores], float],
    *,
    seed: int = 0,
    repetitions: int = REPETITIONS,
) -> Interval:
    """A statistic with its percentile interval when whole runs are drawn again.

    The test tasks of a run share one policy, so they rise and fall together;
    :func:`stratified_interval` takes them as independent and is too narrow where they are not.

    Args:
        scores: shape ``(runs, tasks)``.
        statistic: of such an array.
        seed: of the draws.
        repetitions: how many samples.

    Raises:
        InputError: no scores, or not two dimensions.
    """
    matrix = _matrix(scores)
    rng = np.random.default_rng(seed)
    drawn = [statistic(matrix[rng.integers(len(matrix), size=len(matrix))]) for _ in range(repetitions)]
    low, high = np.percentile(drawn, [2.5, 97.5])
    return Interval(statistic(matrix), float(low), float(high))


def probability_of_improvement(ours: ArrayLike, theirs: ArrayLike) -> float:
    """How likely a run of ours beats one of theirs on a random task; ties count half."""
    x, y = _matrix(ours), _matrix(theirs)
    if x.shape[1] != y.shape[1]:
        raise InputError(
            f"scores to compare must be of the same tasks, got {x.shape[1]} and {y.shape[1]}"
        )
    difference = x[:, None, :] - y[None, :, :]
    return float((0.5 * (np.sign(difference) + 1.0)).mean())


def improvement_interval(
    ours: ArrayLike, theirs: ArrayLike, *, seed: int = 0, repetitions: int = REPETITIONS
) -> Interval:
    """:func:`probability_of_improvement` with its interval; the runs of both are drawn again."""
    x, y = _matrix(ours), _matrix(theirs)
    rng = np.random.default_rng(seed)
    drawn = [
        probability_of_improvement(
            x[rng.integers(len(x), size=len(x))], y[rng.integers(len(y), size=len(y))]
        )
        for _ in range(repetitions)
    ]
    low, high = np.percentile(drawn, [2.5, 97.5])
    return Interval(probability_of_improvement(x, y), float(low), float(high))


class Welch(NamedTuple):
    """Welch's t-test of two means."""

    statistic: float
    p: float
    """Two-sided."""


def welch(ours: ArrayLike, theirs: ArrayLike) -> Welch:
    """Whether two samples have the same mean; NaN where one sample has fewer than two runs."""
    from scipy.stats import ttest_ind

    x, y = np.asarray(ours, dtype=np.float64), np.asarray(theirs, dtype=np.float64)
    if len(x) < 2 or len(y) < 2:
        return Welch(math.nan, math.nan)
    if x.std() == 0.0 and y.std() == 0.0:
        same = x.mean() == y.mean()
        return Welch(
            0.0 if same else math.copysign(math.inf, x.mean() - y.mean()), 1.0 if same else 0.0
        )
    result = ttest_ind(x, y, equal_var=False)
    return Welch(float(result.statistic), float(result.pvalue))


def tail_mean(ranking: ArrayLike, measured: ArrayLike, share: float) -> float:
    """Mean score on the worst tasks: conditional value at risk without the winner's curse.

    Tasks are ranked by one set of rollouts and measured on a second, independent one.

    Args:
        ranking: a score per task, shape ``(tasks,)``.
        measured: the same from other rollouts.
        share: of the tasks that count, in (0, 1]; at least one does.
    """
    if not 0.0 < share <= 1.0:
        raise InputError(f"share = {share!r} must be a number in (0, 1]")
    order = np.argsort(np.asarray(ranking), kind="stable")
    worst = order[: max(round(share * len(order)), 1)]
    return float(np.asarray(measured, dtype=np.float64)[worst].mean())


def area_under_curve(steps: ArrayLike, values: ArrayLike) -> float:
    """Mean of a curve over its steps (trapezoids)."""
    x, y = np.asarray(steps, dtype=np.float64), np.asarray(values, dtype=np.float64)
    if len(x) < 2:
        return float(y.mean())
    return float(np.trapezoid(y, x) / (x[-1] - x[0]))


def _matrix(scores: ArrayLike) -> Scores:
    matrix = np.asarray(scores, dtype=np.float64)
    if matrix.ndim != 2 or matrix.size == 0:
        raise InputError(f"scores have shape {matrix.shape}, expected (runs, tasks) and none of them 0")
    return matrix
