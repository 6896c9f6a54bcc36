"""PLR, robust PLR, ACCEL and SFL by hand."""

import numpy as np
import pytest

from eyas.curricula import make_teacher
from eyas.envs.tasks import TaskSpace
from eyas.errors import InputError

LINE = TaskSpace.from_bounds({"x": (0.0, 10.0)})
PLANE = TaskSpace.from_bounds({"x": (0.0, 10.0), "y": (-1.0, 1.0)})


def filled(scores, **changes):
    """A PLR that has these scores for the tasks 0, 1, 2, ..., told by the student."""
    options = {"score": "student", "buffer": len(scores), "minimum_fill": 0.0, "replay_ratio": 1.0}
    teacher = make_teacher("plr", LINE, seed=0, **{**options, **changes})
    for x, score in enumerate(scores):
        teacher.update([float(x)], 0.0)
        teacher.update_score([float(x)], score)
    return teacher


def shares(teacher, draws=4000):
    drawn = np.array([teacher.sample()[0] for _ in range(draws)])
    return np.array([np.mean(drawn == x) for x in range(teacher.settings.buffer)])


def test_replay_follows_ranks():
    teacher = filled([0.1, 5.0, 0.2], temperature=0.5, staleness=0.0)
    weights = np.array([3.0, 1.0, 2.0]) ** -2.0
    np.testing.assert_allclose(shares(teacher), weights / weights.sum(), atol=0.03)


def test_replay_follows_powers():
    teacher = filled([1.0, 3.0, 0.0], transform="power", temperature=1.0, staleness=0.0)
    np.testing.assert_allclose(shares(teacher), [0.25, 0.75, 0.0], atol=0.03)


def test_replay_follows_staleness():
    teacher = filled([1.0, 1.0, 1.0], staleness=1.0)
    ages = 3 - np.array([1.0, 2.0, 3.0])  # told after its own episode, of three
    np.testing.assert_allclose(shares(teacher), ages / ages.sum(), atol=0.03)


def test_a_new_task_must_beat_the_least_promising():
    teacher = filled([1.0, 5.0, 2.0], staleness=0.0)
    teacher.update([7.0], 0.0)  # worth its returns' difference: nothing
    assert 7.0 not in teacher.describe()["buffer_tasks"]
    teacher.update_score([7.0], 3.0)
    assert sorted(teacher.describe()["buffer_tasks"][:, 0]) == [1.0, 2.0, 7.0]
    teacher.update_score([8.0], 0.5)
    assert 8.0 not in teacher.describe()["buffer_tasks"]


@pytest.mark.parametrize(
    ("score", "expected"),
    [("value_error", 6.0 - 2.0), ("max_monte_carlo", 0.0), ("learnability", 2 / 9)],
)
def test_scores_from_returns(score, expected):
    options = {"score": score, "neighbours": 2, "buffer": 50, "success_return": 3.5}
    teacher = make_teacher("plr", LINE, seed=0, **options)
    for x, return_ in ((0.0, 1.0), (0.5, 3.0), (9.0, 100.0), (0.2, 6.0)):
        teacher.update([x], return_)
    summary = teacher.describe()
    scores = dict(zip(summary["buffer_tasks"][:, 0], summary["buffer_scores"], strict=True))
    assert scores[0.2] == pytest.approx(expected)
    if score == "max_monte_carlo":
        teacher.update([0.1], 1.5)
        assert teacher.describe()["buffer_scores"][-1] == 6.0 - 1.5


def test_new_tasks_are_scouted_by_the_robust_one():
    teacher = make_teacher("robust-plr", LINE, seed=0, buffer=5, minimum_fill=0.4, replay_ratio=0.5)
    looked = []
    for _ in range(200):
        task = teacher.sample()
        known = task[0] in teacher.describe()["buffer_tasks"]
        assert teacher.scouts(task) != known
        looked.append(teacher.scouts(task))
        teacher.update(task, float(np.sin(task[0])))
    assert 0.4 < np.mean(looked) < 0.6
    assert not make_teacher("plr", LINE, seed=0).scouts(np.array([3.0]))


def test_children_are_edits_of_their_parents():
    options = {
        "buffer": 20,
        "minimum_fill": 0.1,
        "batch": 4,
        "parents": 2,
        "edits": 1,
        "edit_size": 0.1,
    }
    teacher = make_teacher("accel", PLANE, seed=0, replay_ratio=1.0, edit="easiest", **options)
    for x in range(4):
        teacher.update([float(x), 0.0], 0.0)
    played = [teacher.sample() for _ in range(4)]
    for task in played:
        teacher.update(task, float(task[0]))
    best = {tuple(task) for task in sorted(played, key=lambda task: -task[0])[:2]}
    for _ in range(4):
        child = teacher.sample()
        change = [np.array(child) - parent for parent in best]
        moved = [c for c in change if np.count_nonzero(np.abs(c) > 1e-12) <= 1]
        assert any(
            np.abs(c[0]) < 1.0 + 1e-9 and np.abs(c[1]) < 0.2 + 1e-9 for c in moved
        )  # one parameter, a tenth of its range
        teacher.update(child, 0.0)


def test_learnable_tasks_are_those_won_now_and_then():
    """Left of 3 never, right of 7 always, between by chance."""
    options = {"candidates": 200, "looks": 4, "kept": 30, "neighbours": 0, "round_every": 100}
    teacher = make_teacher("sfl", LINE, seed=0, success_return=0.5, learnable_ratio=0.5, **options)
    rng = np.random.default_rng(0)

    def won(x):
        return float(x > 7.0 or (x > 3.0 and rng.random() < 0.5))

    for _ in range(800):
        task = teacher.sample()
        assert teacher.scouts(task)
        teacher.update(task, won(task[0]))
    kept = teacher.describe()["buffer_tasks"][:, 0]
    assert len(kept) == 30 and (kept > 3.0).all() and (kept < 7.0).all()
    np.testing.assert_allclose(teacher.describe()["buffer_scores"], 0.25)
    tasks = []
    for _ in range(100):
        task = teacher.sample()
        assert not teacher.scouts(task)
        tasks.append(task[0])
        teacher.update(task, 0.0)
    assert 0.35 < np.mean(np.isin(tasks, kept)) < 0.65
    assert teacher.scouts(teacher.sample())  # the next round


def test_a_round_waits_for_its_own_results_only():
    """While looks are under way, the student trains; results may come in any order."""
    options = {"candidates": 40, "looks": 1, "kept": 3, "neighbours": 4, "round_every": 10}
    teacher = make_teacher("sfl", LINE, seed=0, success_return=0.5, **options)
    looks = [teacher.sample() for _ in range(40)]
    assert not teacher.scouts(teacher.sample())
    for task in reversed(looks):
        teacher.update(task, float(task[0] > 5.0))
    assert len(teacher.describe()["buffer_tasks"]) > 0


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("plr", {"score": "magic"}, "score = 'magic' must be one of value_error"),
        ("plr", {"score": "learnability"}, "the plr teacher needs success_return"),
        ("plr", {"transform": "log"}, "transform = 'log'"),
        ("sfl", {}, "the sfl teacher needs success_return"),
        (
            "sfl",
            {"kept": 101, "success_return": 1.0},
            r"kept = 101 must be a whole number in \[1, 100\]",
        ),
        ("accel", {"edit": "both"}, "edit = 'both' must be"),
    ],
)
def test_settings_that_cannot_be(name, changes, message):
    with pytest.raises(InputError, match=message):
        make_teacher(name, LINE, seed=0, **changes)


def test_scores_of_the_student_replace_those_from_returns():
    teacher = make_teacher("plr", LINE, seed=0, score="student", buffer=4)
    for x, return_ in ((1.0, 0.0), (2.0, 300.0), (3.0, -200.0)):
        teacher.update([x], return_)
    assert teacher.describe()["buffer_scores"].max() > 100.0
    teacher.update_score([2.0], 0.25)
    teacher.update([1.0], 500.0)  # a return says nothing any more
    teacher.update([4.0], 900.0)
    np.testing.assert_array_equal(teacher.describe()["buffer_tasks"][:, 0], [1.0, 2.0, 3.0])
    np.testing.assert_array_equal(teacher.describe()["buffer_scores"], [0.0, 0.25, 0.0])


def test_a_buffer_of_failures_is_not_frozen():
    for ties_enter in (False, True):
        teacher = make_teacher("plr", LINE, seed=0, buffer=3, ties_enter=ties_enter)
        for x in range(6):
            teacher.update([float(x)], 0.0)
        assert (5.0 in teacher.describe()["buffer_tasks"]) == ties_enter


def test_powers_of_large_scores():
    teacher = filled([1e200, 2e200, 0.0], transform="power", temperature=0.01)
    assert np.isfinite(teacher.sample()).all()


def test_a_round_ends_without_lost_results_and_despite_doubled_ones():
    options = {"candidates": 20, "looks": 2, "kept": 3, "neighbours": 0, "round_every": 10}
    teacher = make_teacher("sfl", LINE, seed=0, success_return=0.5, **options)
    looks = [teacher.sample() for _ in range(40)]
    for won, task in enumerate(looks[:30]):  # the others never come back
        for _ in range(3):
            teacher.update(task, float(won % 2))
    assert teacher.scouts(looks[-1])
    for _ in range(10):
        task = teacher.sample()
        assert not teacher.scouts(task)
        teacher.update(task, 0.0)
    assert not teacher.scouts(looks[-1])
    state = teacher.state_dict()
    make_teacher("sfl", LINE, seed=0, success_return=0.5, **options).load_state_dict(state)


@pytest.mark.parametrize("name", ["plr", "robust-plr", "accel", "sfl", "lp-bandit", "exp3-bandit"])
def test_units_of_the_box_do_not_matter(name):
    boxes = [
        TaskSpace.from_bounds({"x": (0.0, 1.0), "y": (0.0, 1.0)}),
        TaskSpace.from_bounds({"x": (-5.0, 200.0), "y": (3.0, 3.01)}),
    ]
    options = {"success_return": 0.5} if name == "sfl" else {}
    teachers = [make_teacher(name, box, seed=1, **options) for box in boxes]
    for episode in range(2000):
        tasks = [teacher.sample() for teacher in teachers]
        points = [box.normalise(task) for box, task in zip(boxes, tasks, strict=True)]
        np.testing.assert_allclose(points[0], points[1], atol=1e-9)
        assert teachers[0].scouts(tasks[0]) == teachers[1].scouts(tasks[1])
        return_ = float(np.sin(3.0 * points[0].sum()) + 1e-3 * episode * points[0][0])
        for teacher, task in zip(teachers, tasks, strict=True):
            teacher.update(task, return_)
