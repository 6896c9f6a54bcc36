"""Against hand-computed values and scipy."""

import numpy as np
import pytest
from scipy import stats

from eyas.agents.statistics import (
    area_under_curve,
    improvement_interval,
    interquartile_mean,
    optimality_gap,
    probability_of_improvement,
    run_interval,
    stratified_interval,
    tail_mean,
    welch,
)
from eyas.errors import InputError


def test_interquartile_mean_is_that_of_the_middle_half():
    assert interquartile_mean([[0.0, 1.0, 2.0, 3.0], [4.0, 5.0, 6.0, 100.0]]) == 3.5
    assert optimality_gap([[0.5, 2.0]]) == 0.25


def test_stratified_interval_covers_and_keeps_tasks_apart():
    # Tasks differ much, runs do not: resampling within tasks gives a narrow interval.
    rng = np.random.default_rng(0)
    scores = np.array([0.0, 10.0, 20.0]) + 0.1 * rng.standard_normal((8, 3))
    interval = stratified_interval(scores, lambda s: float(s.mean()), repetitions=500)
    assert interval.low < interval.value < interval.high
    assert interval.high - interval.low < 0.2
    # Of a normal sample the interval is that of its mean, nearly.
    one = rng.standard_normal((400, 1))
    low, high = stratified_interval(one, lambda s: float(s.mean()))[1:]
    assert high - low == pytest.approx(2 * 1.96 / np.sqrt(400), rel=0.15)
    # The share of intervals that hold the truth.
    holds = 0
    for seed in range(100):
        sample = np.random.default_rng(seed).standard_normal((20, 1))
        low, high = stratified_interval(sample, lambda s: float(s.mean()), repetitions=200)[1:]
        holds += low <= 0.0 <= high
    assert holds >= 84


def test_tasks_of_a_run_that_rise_together_need_whole_runs():
    # 50 tasks that all show the same policy are one measurement, not fifty.
    def mean(scores):
        return float(scores.mean())

    holds = {stratified_interval: 0, run_interval: 0}
    for seed in range(60):
        rng = np.random.default_rng(seed)
        scores = rng.standard_normal((20, 1)) + 0.1 * rng.standard_normal((20, 50))
        for interval in holds:
            low, high = interval(scores, mean, repetitions=200)[1:]
            holds[interval] += low <= 0.0 <= high
    assert holds[run_interval] >= 50 and holds[stratified_interval] <= 20
    assert run_interval([[1.0, 2.0]], mean) == (1.5, 1.5, 1.5)


def test_probability_of_improvement():
    assert probability_of_improvement([[2.0], [3.0]], [[1.0], [2.0]]) == (1 + 0.5 + 1 + 1) / 4
    x, y = np.random.default_rng(1).standard_normal((2, 9, 1)) + np.array([[[0.5]], [[0.0]]])
    u = stats.mannwhitneyu(x[:, 0], y[:, 0]).statistic
    assert probability_of_improvement(x, y) == pytest.approx(u / 81)
    interval = improvement_interval(x, y, repetitions=300)
    assert interval.low < interval.value < interval.high
    with pytest.raises(InputError, match="same tasks, got 1 and 2"):
        probability_of_improvement([[1.0]], [[1.0, 2.0]])


def test_welch():
    x, y = [1.0, 2.0, 4.0], [2.0, 5.0, 6.0, 7.0]
    result = welch(x, y)
    mean, variance = np.mean(x) - np.mean(y), np.var(x, ddof=1) / 3 + np.var(y, ddof=1) / 4
    assert result.statistic == pytest.approx(mean / np.sqrt(variance))
    assert result.p == pytest.approx(stats.ttest_ind(x, y, equal_var=False).pvalue)
    assert np.isnan(welch([1.0], y).p)
    assert welch([1.0, 1.0], [1.0, 1.0]).p == 1.0 and welch([1.0, 1.0], [0.0, 0.0]).p == 0.0


def test_tail_is_ranked_and_measured_apart():
    ranking, measured = [0.1, 0.9, 0.0, 0.8], [0.5, 1.0, 0.3, 0.0]
    assert tail_mean(ranking, measured, 0.5) == pytest.approx(0.4)
    assert tail_mean(ranking, measured, 0.01) == 0.3
    assert tail_mean(ranking, measured, 1.0) == pytest.approx(0.45)
    # Noise alone: ranked and measured on one set the tail looks bad, on two it does not.
    rng = np.random.default_rng(0)
    first, second = rng.standard_normal((2, 5000))
    assert tail_mean(first, first, 0.1) < -1.5 and abs(tail_mean(first, second, 0.1)) < 0.1
    with pytest.raises(InputError, match=r"share = 0 must be"):
        tail_mean(ranking, measured, 0)


def test_area():
    assert area_under_curve([0, 10, 20], [0.0, 1.0, 1.0]) == 0.75
    assert area_under_curve([5], [0.3]) == 0.3


def test_scores_without_runs():
    with pytest.raises(InputError, match=r"shape \(0,\)"):
        stratified_interval([], np.mean)
