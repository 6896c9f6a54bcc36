"""Covar-GMM: rows of (task, time, return), Gaussians weighted by the covariance of the last two."""

import numpy as np
import pytest

from eyas.curricula import make_teacher
from eyas.curricula.mixture import Mixture
from eyas.envs.tasks import TaskSpace

LINE = TaskSpace.from_bounds({"x": (0.0, 10.0)})


def test_rows_by_hand():
    teacher = make_teacher("covar-gmm", LINE, seed=0, fit_every=20, normalise=True)
    for x in (1.0, 4.0, 9.0):
        teacher.update([x], 10.0 * x)
    rows = teacher.state_dict()["memory"]["rows"]
    np.testing.assert_allclose(rows, [[0.1, 0.0, 10.0], [0.4, 0.05, 40.0], [0.9, 0.1, 90.0]])
    for _ in range(18):
        teacher.update([5.0], 1.0)
    # The 21st episode is the first of the next window: its time is 0 again.
    np.testing.assert_allclose(teacher.state_dict()["memory"]["rows"], [[0.5, 0.0, 1.0]])


@pytest.mark.parametrize(
    ("absolute", "expected"), [(False, [1 / 3, 0.0, 2 / 3]), (True, [0.2, 0.4, 0.4])]
)
def test_weights_by_hand(absolute, expected):
    """Covariances of time and return of 1, -2 and 2; falling returns count only with ``absolute``."""
    teacher = make_teacher("covar-gmm", LINE, seed=0, absolute=absolute)
    covariances = np.tile(np.diag([1.0, 9.0, 9.0]), (3, 1, 1))
    for k, value in enumerate((1.0, -2.0, 2.0)):
        covariances[k, 1, 2] = covariances[k, 2, 1] = value
    teacher._adopt(Mixture(np.array([0.5, 0.2, 0.3]), np.zeros((3, 3)), covariances))
    np.testing.assert_allclose(teacher.describe()["probabilities"], expected)


@pytest.mark.parametrize("preset", ["eyas", "published"])
def test_tasks_go_where_returns_rise(preset):
    teacher = make_teacher(
        "covar-gmm", LINE, seed=0, preset=preset, return_range=None, random_ratio=0.0, absolute=False
    )
    rng = np.random.default_rng(1)
    for episode in range(250):
        task = LINE.sample(rng)
        teacher.update(task, episode / 250 if 2.0 < task[0] < 4.0 else 0.5 + 0.1 * float(rng.normal()))
    tasks = np.array([teacher.sample()[0] for _ in range(500)])
    assert np.mean((tasks > 1.5) & (tasks < 4.5)) > 0.6  # under a uniform draw: 0.3
