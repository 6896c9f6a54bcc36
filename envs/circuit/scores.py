"""How good a design is under a spec: the scores of L2DC, AutoCkt and GCN-RL, over many designs at once.

Sources: Wang et al. 2018 (L2DC) as its authors coded it in ``park/envs/circuit``; Settaluri et al. 2020
(AutoCkt), ``ksettaluri6/AutoCkt``; Wang et al. 2020 (GCN-RL Circuit Designer), section on the reward.

Every function takes ``values`` and ``limits`` of shape ``(n, metrics)`` in the order of ``metrics``; a
value that is missing (no crossing) and a limit that a metric does not have are NaN. ``unstable`` tells
which designs break a required stability. Each returns the scores ``(n,)``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from .spec import MetricSpec

Array = NDArray[np.float64]

FAILED = -5.0
"""Score of a design whose simulation failed; no score is below it."""
UNSTABLE = -1.0
"""What an unstable design adds where stability is required: as a constraint met to zero per cent."""
REACHED = -0.02
"""AutoCkt takes a spec for reached from this score on."""


def l2dc(
    metrics: tuple[MetricSpec, ...], values: Array, limits: Array, unstable: NDArray[np.bool_]
) -> Array:
    """L2DC's: hard constraints first, then targets.

    With the ratio q of a metric to its limit (of the limit to the metric where it is minimised; of their
    logarithms on a logarithmic scale), the sum of ``min(q, 1) - 1`` over all constraints if any is
    violated, which is negative; otherwise the sum over the targets of the same ratio to the target,
    unbounded above. :data:`FAILED` where a metric is missing.
    """
    short = _shortfall(metrics, values, limits, unstable)
    reward = np.zeros(len(values))
    for column, metric in enumerate(metrics):
        if metric.target is not None:
            reward += _ratio(metric, values[:, column], np.asarray(metric.target))
    scores = np.where(short < 0, short, reward)
    return _floored(scores, np.any(np.isnan(values), axis=1))


def gcn_rl(
    metrics: tuple[MetricSpec, ...], values: Array, limits: Array, unstable: NDArray[np.bool_]
) -> Array:
    """GCN-RL's figure of merit: the sum of ``w (min(m, bound) - low) / (high - low)``.

    The weight w is 1 for a metric to be maximised and -1 for one to be minimised (whose bound holds from
    below). The paper gives a negative number where a limit is violated; here it is L2DC's sum over the
    constraints less the number of minimised metrics, so that it lies below the merit of designs that
    meet them and tells how far they are. :data:`FAILED` where a metric is missing.
    """
    short = _shortfall(metrics, values, limits, unstable)
    merit = np.zeros(len(values))
    minimised = 0
    for column, metric in enumerate(metrics):
        if metric.low is None or metric.high is None:
            continue
        value = values[:, column]
        maximised = metric.goal == "maximise"
        minimised += not maximised
        if metric.bound is not None:
            value = np.minimum(value, metric.bound) if maximised else np.maximum(value, metric.bound)
        merit += (1 if maximised else -1) * (value - metric.low) / (metric.high - metric.low)
    scores = np.where(short < 0, short - minimised, merit)
    return _floored(scores, np.any(np.isnan(values), axis=1))


def autockt(
    metrics: tuple[MetricSpec, ...], values: Array, limits: Array, unstable: NDArray[np.bool_]
) -> Array:
    """AutoCkt's: the sum of ``min(0, (x - g) / (x + g))``, the sign turned where x is minimised.

    Zero is a spec that is met; :data:`REACHED` is near enough. The denominator is ``|x| + |g|``: the same
    for positive metrics, and -1 for a negative phase margin, where the published one changes sign.
    A missing metric counts as -1, the worst.
    """
    signs = np.array([1.0 if metric.goal == "maximise" else -1.0 for metric in metrics])
    ratings = signs * (values - limits) / (np.abs(values) + np.abs(limits))
    ratings = np.where(np.isnan(values), -1.0, np.minimum(ratings, 0.0))
    scores = ratings.sum(axis=1) + UNSTABLE * unstable
    return _floored(scores, np.zeros(len(values), np.bool_))


SCORES = {"l2dc": l2dc, "gcn-rl": gcn_rl, "autockt": autockt}
"""By the name that a spec gives."""


def _shortfall(
    metrics: tuple[MetricSpec, ...], values: Array, limits: Array, unstable: NDArray[np.bool_]
) -> Array:
    """L2DC's sum over the hard constraints: 0 where all are met, negative where one is not."""
    total = UNSTABLE * unstable
    for column, metric in enumerate(metrics):
        if metric.limit is None:
            continue
        limit, value = limits[:, column], values[:, column]
        # At the limit the ratio is exactly 1; beyond it nothing is gained.
        capped = np.minimum(value, limit) if metric.goal == "maximise" else np.maximum(value, limit)
        total = total + np.where(capped == limit, 0.0, _ratio(metric, capped, limit) - 1)
    return np.asarray(total, dtype=np.float64)


def _ratio(metric: MetricSpec, value: Array, reference: Array) -> Array:
    with np.errstate(divide="ignore", invalid="ignore"):
        if metric.scale == "log":
            # A metric of zero has no logarithm; the floor of the score then holds.
            value, reference = np.log10(np.maximum(value, 1e-300)), np.log10(reference)
        quotient = value / reference if metric.goal == "maximise" else reference / value
    return np.asarray(quotient)


def _floored(scores: Array, missing: NDArray[np.bool_]) -> Array:
    return np.where(missing | ~np.isfinite(scores), FAILED, np.maximum(scores, FAILED))
