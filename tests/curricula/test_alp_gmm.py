"""ALP-GMM and what it is made of: nearest neighbours, learning progress, mixtures."""

from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.cluster import KMeans
from sklearn.mixture import GaussianMixture

from eyas.curricula import make_teacher, neighbours
from eyas.curricula.expectation_maximisation import fit as compiled_fit
from eyas.curricula.expectation_maximisation import maximise, trials
from eyas.curricula.mixture import Mixture, fit_mixture, parameter_count
from eyas.curricula.neighbours import EpisodeHistory
from eyas.curricula.state import StateReader
from eyas.curricula.teacher import draw_in_proportion
from eyas.envs.tasks import TaskSpace

LINE = TaskSpace.from_bounds({"x": (0.0, 10.0)})
# Two sides of very different length: normalisation decides which task is nearest.
PLANE = TaskSpace.from_bounds({"long": (0.0, 100.0), "short": (0.0, 1.0)})


def progress_of(teacher, episodes):
    for task, return_ in episodes:
        teacher.update(task, return_)
    return teacher.state_dict()["memory"]["rows"][:, -1].tolist()


def test_learning_progress_by_hand():
    """Six episodes fill the history; then each is compared with the nearest one before it."""
    teacher = make_teacher("alp-gmm", LINE, seed=0)
    first = [([float(x)], 10.0 * x) for x in range(6)]
    # nearest to 2.4 is 2 (20), to 2.3 then 2.4 (25), to 9 is 5 (50), to 9.5 then 9 (-30)
    later = [([2.4], 25.0), ([2.3], 21.0), ([9.0], -30.0), ([9.5], -30.0)]
    assert progress_of(teacher, first + later) == [0.0] * 6 + [5.0, 4.0, 80.0, 0.0]


def test_which_of_several_equal_tasks_counts():
    """The latest one; with the published settings the tree's, and in a short history the oldest."""
    same = [([5.0], float(return_)) for return_ in (1, 2, 4, 8, 16, 32, 64)]
    ours = make_teacher("alp-gmm", LINE, seed=0)
    assert progress_of(ours, same) == [0.0] * 6 + [64.0 - 32.0]
    published = make_teacher("alp-gmm", LINE, seed=0, preset="published", return_range=None)
    assert progress_of(published, same) == [0.0] * 6 + [64.0 - 1.0]


def test_normalisation_decides_what_is_near():
    episodes = [([0.0, 0.0], 0.0)] * 4 + [([50.0, 0.5], 10.0), ([40.0, 0.9], 3.0), ([42.0, 0.5], 7.0)]
    raw = make_teacher("alp-gmm", PLANE, seed=0, preset="published", return_range=None)
    unit = make_teacher("alp-gmm", PLANE, seed=0, normalise=True)
    assert progress_of(raw, episodes)[-1] == 7.0 - 3.0  # 40 is 2 away, 50 is 8 away
    assert progress_of(unit, episodes)[-1] == 10.0 - 7.0  # 0.9 is 0.4 of its side away


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    dimension=st.integers(1, 3),
    levels=st.sampled_from([3, 1000]),
    capacity=st.sampled_from([None, 1, 30]),
    newest_twin=st.booleans(),
)
def test_history_equals_brute_force(seed, dimension, levels, capacity, newest_twin):
    """Against a plain list, over several rebuilds of the tree, with and without equal points."""
    with mock.patch.object(neighbours, "BUFFER_SIZE", 20):
        rng = np.random.default_rng(seed)
        history = EpisodeHistory(dimension, capacity, newest_twin=newest_twin)
        kept = []
        in_tree = 0
        for episode in range(110):
            point = rng.integers(levels, size=dimension) / (levels - 1)
            if kept:
                distances = [float(np.sum((other - point) ** 2)) for other, _ in kept]
                nearest = [kept[i][1] for i, d in enumerate(distances) if d <= min(distances) + 1e-12]
                found = history.nearest_return(point)
                assert found in nearest
                if newest_twin and min(distances) == 0.0:
                    assert found == nearest[-1]
            if len(kept) - in_tree == min(20, capacity or 20):
                kept = kept[-capacity:] if capacity else kept
                in_tree = len(kept)
            history.add(point, float(episode))
            kept.append((point, float(episode)))
            assert len(history) == len(kept)
        copy = EpisodeHistory(dimension, capacity, newest_twin=newest_twin)
        copy.remember(StateReader(history.memory()))
        for point in rng.random((20, dimension)):
            assert copy.nearest_return(point) == history.nearest_return(point)


def test_tasks_follow_mean_learning_progress():
    """After the uniform start, tasks go where returns change and nowhere else."""
    teacher = make_teacher("alp-gmm", LINE, seed=1, random_ratio=0.0, fit_every=200)
    rng = np.random.default_rng(0)
    for _ in range(1000):
        task = LINE.sample(rng)
        teacher.update(task, float(rng.random() if 6.0 < task[0] < 8.0 else 0.5))
    tasks = np.array([teacher.sample()[0] for _ in range(500)])
    assert np.mean((tasks > 5.0) & (tasks < 9.0)) > 0.8  # under a uniform draw: 0.4


def test_uniform_start_and_random_ratio():
    """Before the first fit all tasks are uniform; afterwards ``random_ratio`` of them."""
    teacher = make_teacher("alp-gmm", LINE, seed=0, fit_every=50, random_ratio=0.3)
    for episode in range(50):
        assert teacher.describe()["gaussians"] == 0
        teacher.update([5.0], float(episode % 2))
    assert teacher.describe()["gaussians"] > 0
    # All progress was at 5.0, so any other task is a uniform one.
    tasks = np.array([teacher.sample()[0] for _ in range(2000)])
    assert np.mean(np.abs(tasks - 5.0) > 0.1) == pytest.approx(0.3 * 0.98, abs=0.04)


def test_equal_returns_give_uniform_gaussians():
    teacher = make_teacher("alp-gmm", LINE, seed=0, fit_every=60)
    for _ in range(60):
        teacher.update(teacher.sample(), 1.0)
    probabilities = teacher.describe()["probabilities"]
    np.testing.assert_allclose(probabilities, 1.0 / len(probabilities))


def blobs(count=300):
    rng = np.random.default_rng(0)
    centres = np.array([[0.0, 0.0], [4.0, 0.0], [0.0, 4.0]])
    return centres[rng.integers(3, size=count)] + 0.2 * rng.standard_normal((count, 2))


def fit(rows, **changes):
    arguments = {
        "component_counts": range(1, 7),
        "criterion": "bic",
        "counted_columns": rows.shape[1],
        "restarts": 1,
        "standardise": False,
        "random_state": 0,
    }
    return fit_mixture(rows, **{**arguments, **changes})


@pytest.mark.parametrize("criterion", ["aic", "aicc", "bic"])
def test_mixture_finds_three_blobs(criterion):
    mixture = fit(blobs(), criterion=criterion, component_counts=range(1, 4))
    assert len(mixture.weights) == 3
    np.testing.assert_allclose(sorted(mixture.means.sum(axis=1)), [0.0, 4.0, 4.0], atol=0.2)


def test_standardised_fit_does_not_depend_on_units():
    rows = blobs()
    units = np.array([1e-3, 1e4])
    plain, scaled = fit(rows, standardise=True), fit(rows * units + 7.0, standardise=True)
    np.testing.assert_allclose(scaled.means, plain.means * units + 7.0, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(
        scaled.covariances, plain.covariances * np.multiply.outer(units, units), rtol=1e-4, atol=1e-12
    )


def test_degenerate_rows_can_be_fitted():
    constant = np.ones((50, 3))
    mixture = fit(constant, standardise=True)
    np.testing.assert_allclose(mixture.means[0], 1.0)


def test_aicc_counts():
    """Full-covariance Gaussians: k - 1 shares, k d means, k d (d + 1) / 2 covariances make k (...) - 1."""
    for k in (1, 2, 5):
        for d in (1, 3, 4):
            free = (k - 1) + k * d + k * d * (d + 1) // 2
            assert parameter_count(k, d) == free
    # The penalty grows with the parameters: 60 rows of noise are worth one or two Gaussians.
    rows = np.random.default_rng(0).standard_normal((60, 3))
    assert len(fit(rows, criterion="aicc").weights) <= 2 < len(fit(rows, criterion="aic").weights)
    # Counted with too few columns, as teachDeepRL does, it punishes less.
    assert len(fit(rows, criterion="aicc", counted_columns=1).weights) > 2


def test_draw_in_proportion():
    rng = np.random.default_rng(0)
    draws = [draw_in_proportion(np.array([0.0, 3.0, 0.0, 1.0, 0.0]), rng) for _ in range(4000)]
    shares = np.bincount(draws, minlength=5) / 4000
    np.testing.assert_allclose(shares, [0.0, 0.75, 0.0, 0.25, 0.0], atol=0.03)
    assert shares[0] == shares[2] == shares[4] == 0.0
    flat = [draw_in_proportion(np.zeros(4), rng) for _ in range(4000)]
    np.testing.assert_allclose(np.bincount(flat, minlength=4) / 4000, 0.25, atol=0.03)


def test_weights_are_mean_progress_whatever_the_shares():
    teacher = make_teacher("alp-gmm", LINE, seed=0, random_ratio=0.0)
    covariances = np.tile(np.diag([1e-6, 1e-6]), (3, 1, 1))
    mixture = Mixture(
        np.array([0.9, 0.05, 0.05]), np.array([[0.1, 1.0], [0.5, 3.0], [0.9, -1.0]]), covariances
    )
    teacher._adopt(mixture)
    np.testing.assert_allclose(teacher.describe()["probabilities"], [0.25, 0.75, 0.0])
    tasks = np.array([teacher.sample()[0] for _ in range(2000)])
    assert np.mean(np.abs(tasks - 5.0) < 0.5) == pytest.approx(0.75, abs=0.04)
    assert np.mean(np.abs(tasks - 1.0) < 0.5) == pytest.approx(0.25, abs=0.04)


@pytest.mark.parametrize(
    ("components", "columns", "seed"), [(1, 2, 0), (3, 2, 1), (5, 3, 2), (10, 4, 3)]
)
def test_expectation_maximisation_is_that_of_scikit_learn(components, columns, seed):
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal((250, columns)) + 2.0 * rng.integers(-1, 2, size=(250, 1))
    theirs = GaussianMixture(components, random_state=seed).fit(rows)
    labels = KMeans(components, n_init=1, random_state=np.random.RandomState(seed)).fit(rows).labels_
    responsibilities = np.eye(components)[labels]
    weights, means = np.empty(components), np.empty((components, columns))
    covariances = np.empty((components, columns, columns))
    likelihood = maximise(rows, responsibilities, weights, means, covariances)
    np.testing.assert_allclose(weights, theirs.weights_, rtol=1e-8)
    np.testing.assert_allclose(means, theirs.means_, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(covariances, theirs.covariances_, rtol=1e-8, atol=1e-10)
    assert likelihood == pytest.approx(theirs.score(rows), rel=1e-10)
    # With a start of its own it finds mixtures as likely.
    ours = [_own_likelihood(rows, components, np.random.default_rng(s)) for s in range(10)]
    others = [GaussianMixture(components, random_state=s).fit(rows).score(rows) for s in range(10)]
    assert np.mean(ours) == pytest.approx(np.mean(others), abs=0.03)


def _own_likelihood(rows, components, rng):
    count = trials(components)
    uniforms = rng.random(1 + (components - 1) * count)
    columns = rows.shape[1]
    weights, means = np.empty(components), np.empty((components, columns))
    covariances = np.empty((components, columns, columns))
    labels = np.empty(len(rows), dtype=np.int64)
    return compiled_fit(rows, uniforms, count, labels, weights, means, covariances)
