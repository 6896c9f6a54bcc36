"""ADR: faces move by what was earned on them."""

import numpy as np
import pytest

from eyas.curricula import make_teacher
from eyas.envs.tasks import TaskSpace
from eyas.errors import InputError

PLANE = TaskSpace.from_bounds({"x": (0.0, 10.0), "y": (-2.0, 2.0)})
START = {"start_low": (4.0, -1.0), "start_high": (6.0, 1.0)}


def make(**changes):
    options = {"queue": 3, "step_size": 0.1, "success_return": 100.0, "failure_return": 0.0, **START}
    return make_teacher("adr", PLANE, seed=0, **{**options, **changes})


def box(teacher):
    summary = teacher.describe()
    return [summary["window_low"].tolist(), summary["window_high"].tolist()]


@pytest.mark.parametrize(
    ("returns", "expected"),
    [
        ((100.0, 100.0, 100.0), [[4.0, -1.0], [7.0, 1.0]]),  # outwards, a tenth of the range
        ((300.0, 0.0, 0.0), [[4.0, -1.0], [7.0, 1.0]]),  # the mean counts
        ((0.0, 0.0, -5.0), [[4.0, -1.0], [5.0, 1.0]]),  # inwards
        ((50.0, 50.0, 50.0), [[4.0, -1.0], [6.0, 1.0]]),  # stays
        ((500.0, 500.0), [[4.0, -1.0], [6.0, 1.0]]),  # not yet
    ],
)
def test_a_face_moves_by_its_own_returns(returns, expected):
    teacher = make()
    for return_ in returns:
        teacher.update([6.0, 0.3], return_)
        teacher.update([5.0, 0.3], 1000.0)  # inside: counts for no face
    np.testing.assert_allclose(box(teacher), expected)


def test_faces_stop_at_the_walls_and_at_each_other():
    teacher = make()
    for _ in range(60):
        teacher.update([box(teacher)[1][0], 0.0], 200.0)
        teacher.update([5.0, box(teacher)[0][1]], -1.0)
    np.testing.assert_allclose(box(teacher), [[4.0, 1.0], [10.0, 1.0]])
    assert teacher.describe()["volume"] == 0.0


def test_tasks_on_faces():
    teacher = make(boundary_ratio=0.6)
    tasks = np.array([teacher.sample() for _ in range(3000)])
    on_face = ((tasks == [4.0, -1.0]) | (tasks == [6.0, 1.0])).sum(axis=1)
    assert np.mean(on_face == 1) == pytest.approx(0.6, abs=0.03) and on_face.max() == 1
    assert (tasks >= [4.0, -1.0]).all() and (tasks <= [6.0, 1.0]).all()


def test_the_box_covers_what_the_student_can_do():
    teacher = make_teacher("adr", PLANE, seed=0, success_return=50.0)
    for _ in range(6000):
        task = teacher.sample()
        teacher.update(task, 100.0 * (task[0] < 8.0) * (task[1] > -1.5))
    low, high = box(teacher)
    assert low[0] == 0.0 and high[1] == 2.0
    assert 7.5 <= high[0] <= 8.5 and -1.7 <= low[1] <= -1.3


def test_the_published_step_is_in_task_units():
    options = {"return_range": None, "queue": 1, **START}
    teacher = make_teacher("adr", PLANE, seed=0, preset="published", **options)
    teacher.update([6.0, 0.0], 180.0)
    teacher.update([5.0, 1.0], 180.0)
    np.testing.assert_allclose(box(teacher)[1], [6.1, 1.1])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"success_return": None}, "the adr teacher needs success_return"),
        ({"failure_return": 100.0}, "failure_return = 100.0 must be below success_return = 100.0"),
        ({"start_low": (1.0,)}, "start_low has 1 numbers, but this world has 2"),
        ({"start_high": (5.0, -2.0)}, "must not be below start_low"),
        ({"start_low": None}, "start_high is given, start_low is not"),
        ({"start_low": (40.0, 0.0)}, "x"),
    ],
)
def test_settings_that_cannot_be(changes, message):
    with pytest.raises(InputError, match=message):
        make(**changes)
