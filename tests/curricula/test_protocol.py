"""What every teacher promises, whatever it does inside."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eyas.curricula import PRESETS, TEACHERS, make_settings, make_teacher
from eyas.envs.tasks import TaskSpace
from eyas.errors import InputError

STUMPS = TaskSpace.from_bounds({"stump_height": (0.0, 3.0), "obstacle_spacing": (0.0, 6.0)})
NAMES = list(TEACHERS)


def quick(name):
    """Settings under which a teacher fits or splits after a few episodes."""
    if name in ("alp-gmm", "covar-gmm"):
        return {"fit_every": 40, "max_components": 3}
    if name == "progress-forest":
        return {"window": 120, "fit_every": 20}
    if name == "riac":
        return {"region_size": 20}
    if name in ("plr", "robust-plr"):
        return {"buffer": 30, "minimum_fill": 0.2}
    if name == "accel":
        return {"buffer": 30, "minimum_fill": 0.2, "batch": 4, "parents": 2}
    if name == "adr":
        return {"queue": 3, "step_size": 0.1, "success_return": 20.0}
    if name == "goal-gan":
        sizes = {"generator_hidden": 8, "discriminator_hidden": 8}
        return {"update_size": 10, "history": 10, "iterations": 3, "success_return": 20.0, **sizes}
    if name == "setter-solver":
        sizes = {"setter_hidden": 4, "judge_hidden": 4, "blocks": 1, "layers": 1}
        return {"update_every": 20, "history": 20, "steps": 1, "success_return": 20.0, **sizes}
    if name == "sfl":
        return {
            "candidates": 15,
            "looks": 2,
            "kept": 5,
            "neighbours": 2,
            "round_every": 20,
            "success_return": 20.0,
        }
    if name == "oracle":
        return {"advance_every": 10, "threshold": 50.0}
    return {}


def make(name, space=STUMPS, *, seed=0, preset="eyas", **overrides):
    chosen = {**quick(name), **overrides}
    if name == "oracle" and "steps" not in chosen and space is not STUMPS:
        chosen["steps"] = tuple(0.1 * (space.high - space.low))
    return make_teacher(name, space, seed=seed, preset=preset, **chosen)


def return_of(space, task, episode=0):
    """A smooth return that also changes with time, so that there is progress to see."""
    where = space.normalise(task)
    return float(100.0 * np.sin(3.0 * where.sum()) + 0.5 * episode * where[0])


def play(teacher, episodes, start=0):
    tasks = []
    for episode in range(start, start + episodes):
        tasks.append(teacher.sample())
        teacher.update(tasks[-1], return_of(teacher.task_space, tasks[-1], episode))
    return np.array(tasks)


bounds = st.tuples(st.floats(-1e4, 1e4), st.floats(1e-3, 1e4)).map(
    lambda pair: (pair[0], pair[0] + pair[1])
)
boxes = st.lists(bounds, min_size=1, max_size=4).map(
    lambda sides: TaskSpace.from_bounds({f"p{i}": side for i, side in enumerate(sides)})
)


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=8, deadline=None)
@given(space=boxes, seed=st.integers(0, 2**40))
def test_samples_stay_in_any_box(name, preset, space, seed):
    teacher = make(name, space, seed=seed, preset=preset)
    tasks = play(teacher, 90)
    assert tasks.dtype == np.float64 and tasks.shape == (90, space.dimension)
    assert (tasks >= space.low).all() and (tasks <= space.high).all()
    assert teacher.episodes == 90


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("stop", [0, 7, 130])
def test_resume_is_bit_exact(name, preset, stop):
    whole, first = make(name, preset=preset), make(name, preset=preset)
    play(whole, stop)
    play(first, stop)
    second = make(name, preset=preset, seed=999)
    second.load_state_dict(first.state_dict())
    np.testing.assert_array_equal(play(whole, 150, stop), play(second, 150, stop))
    assert_same(whole.state_dict(), second.state_dict())


def assert_same(a, b):
    assert type(a) is type(b)
    if isinstance(a, dict):
        assert a.keys() == b.keys()
        for key in a:
            assert_same(a[key], b[key])
    elif isinstance(a, np.ndarray):
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)
    else:
        assert a == b


@pytest.mark.parametrize("name", NAMES)
def test_a_state_is_json_values_and_arrays(name):
    teacher = make(name)
    play(teacher, 130)

    def check(value):
        if isinstance(value, dict):
            for key, item in value.items():
                assert isinstance(key, str)
                check(item)
        elif isinstance(value, list):
            for item in value:
                check(item)
        else:
            assert value is None or type(value) in (bool, int, float, str, np.ndarray), type(value)

    check(teacher.state_dict())


@pytest.mark.parametrize("name", NAMES)
def test_a_state_does_not_change_with_its_teacher(name):
    teacher, twin = make(name), make(name)
    play(teacher, 50)
    play(twin, 50)
    state = teacher.state_dict()
    play(teacher, 50)
    assert_same(state, twin.state_dict())


@pytest.mark.parametrize("name", NAMES)
def test_seed_zero_is_a_seed(name):
    runs = [play(make(name, seed=seed), 60) for seed in (0, 0, 1)]
    np.testing.assert_array_equal(runs[0], runs[1])
    assert (runs[0] != runs[2]).any()


@pytest.mark.parametrize("name", NAMES)
def test_teachers_are_independent_and_leave_global_randomness_alone(name):
    alone = play(make(name), 120)
    before = np.random.get_state()  # noqa: NPY002
    teacher, other = make(name), make(name, seed=5)
    tasks = []
    for episode in range(120):
        for each in (teacher, other):
            task = each.sample()
            each.update(task, return_of(STUMPS, task, episode))
            if each is teacher:
                tasks.append(task)
    np.testing.assert_array_equal(np.array(tasks), alone)
    after = np.random.get_state()  # noqa: NPY002
    assert before[0] == after[0] and before[2:] == after[2:]
    np.testing.assert_array_equal(before[1], after[1])


@pytest.mark.parametrize("name", NAMES)
def test_results_may_come_late_and_in_any_order(name):
    teacher = make(name)
    rng = np.random.default_rng(3)
    in_flight = [teacher.sample() for _ in range(16)]
    for episode in range(200):
        task = in_flight.pop(int(rng.integers(len(in_flight))))
        teacher.update(task, return_of(STUMPS, task, episode))
        in_flight.append(teacher.sample())
    assert teacher.episodes == 200
    # Tasks the teacher did not choose itself are as good as its own.
    teacher.update([1.0, 2.0], 3.0)
    assert teacher.episodes == 201


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("task", "return_", "named"),
    [
        ([1.0, 1.0], np.nan, "return_"),
        ([1.0, 1.0], -np.inf, "return_"),
        ([1.0, 1.0], "high", "return_"),
        ([1.0, 6.1], 0.0, "obstacle_spacing"),
        ([np.nan, 1.0], 0.0, "stump_height"),
        ([1.0], 0.0, "shape"),
    ],
)
def test_bad_results_are_refused_and_change_nothing(name, task, return_, named):
    teacher = make(name)
    play(teacher, 30)
    state = teacher.state_dict()
    with pytest.raises(InputError, match=named):
        teacher.update(task, return_)
    assert_same(state, teacher.state_dict())


@pytest.mark.parametrize("name", NAMES)
def test_sampled_tasks_belong_to_the_caller(name):
    teacher, twin = make(name), make(name)
    for episode in range(100):
        task, same = teacher.sample(), twin.sample()
        teacher.update(task, return_of(STUMPS, task, episode))
        twin.update(same, return_of(STUMPS, same, episode))
        task[:] = -1.0
    np.testing.assert_array_equal(teacher.sample(), twin.sample())


@pytest.mark.parametrize("name", NAMES)
def test_describe(name):
    teacher = make(name)
    for episodes in (0, 120):
        play(teacher, episodes)
        summary = teacher.describe()
        assert summary["teacher"] == name and summary["episodes"] == episodes
    if name in ("alp-gmm", "covar-gmm"):
        k = summary["gaussians"]
        assert summary["means"].shape == (k, 2) and summary["covariances"].shape == (k, 2, 2)
        assert summary["probabilities"].sum() == pytest.approx(1.0)
        assert summary["weights"].sum() == pytest.approx(1.0)
        # In task units: the means of tasks drawn from a box of sides 3 and 6 are in that box.
        assert (summary["means"] >= 0.0).all() and (summary["means"] <= [3.0, 6.0]).all()
        assert summary["means"][:, 1].max() > 3.0
    if name == "progress-forest":
        assert summary["leaf_low"].shape == summary["leaf_high"].shape == (summary["leaves"], 2)
        assert (summary["progress"] >= 0.0).all()
    if name == "riac":
        areas = np.prod(summary["leaf_high"] - summary["leaf_low"], axis=1)
        assert areas.sum() == pytest.approx(18.0)
        assert summary["regions"] == 2 * len(areas) - 1 > 1


def test_returns_are_scaled_and_clipped_to_the_declared_range():
    plain = make("alp-gmm", return_range=None)
    scaled = make("alp-gmm", return_range=(-150.0, 350.0))
    rng = np.random.default_rng(0)
    for _ in range(100):
        task = STUMPS.sample(rng)
        return_ = rng.uniform(-300.0, 500.0)
        plain.update(task, float(np.interp(return_, (-150.0, 350.0), (0.0, 1.0))))
        scaled.update(task, return_)
    for key, ours in plain.state_dict()["memory"]["history"].items():
        np.testing.assert_allclose(scaled.state_dict()["memory"]["history"][key], ours, atol=1e-12)


def test_published_settings():
    """The defaults of teachDeepRL's classes, and what its controller does to returns."""
    for name in ("alp-gmm", "covar-gmm"):
        chosen = make_settings(name, "published")
        assert (chosen.fit_every, chosen.min_components, chosen.max_components) == (250, 2, 10)
        assert chosen.random_ratio == 0.2 and chosen.criterion == "aic" and not chosen.normalise
    riac = make_settings("riac", "published")
    assert (riac.region_size, riac.split_attempts, riac.min_side) == (200, 50, 1 / 15)
    oracle = make_settings("oracle", "published")
    assert (oracle.threshold, oracle.advance_every, oracle.window) == (230.0, 50, 1 / 6)
    for name in ("random", "alp-gmm", "covar-gmm", "riac"):
        assert make_settings(name, "published").return_range == (-150.0, 350.0)
    assert oracle.return_range is None


@pytest.mark.parametrize("name", NAMES)
def test_settings_are_frozen(name):
    with pytest.raises(dataclasses.FrozenInstanceError):
        make(name).settings.return_range = (0.0, 1.0)


@pytest.mark.parametrize(
    ("name", "arguments", "words"),
    [
        ("alpgmm", {}, ["'alpgmm'", "alp-gmm", "riac", "random"]),
        ("riac", {"preset": "tma"}, ["'tma'", "eyas", "published"]),
        ("riac", {"fit_every": 3}, ["'fit_every'", "region_size"]),
        ("riac", {"region_size": 2}, ["region_size", "2", "4"]),
        ("riac", {"min_side": 0.7}, ["min_side", "0.7", "0.5"]),
        ("riac", {"discard_ratio": 0.0}, ["discard_ratio", "(0, 1]"]),
        ("riac", {"leaves_only": 1}, ["leaves_only", "True or False"]),
        ("alp-gmm", {"fit_every": 0}, ["fit_every", "0"]),
        ("alp-gmm", {"fit_every": "abc"}, ["fit_every", "'abc'"]),
        ("alp-gmm", {"max_components": 300}, ["max_components", "300", "[2, 250]"]),
        ("alp-gmm", {"random_ratio": 1.5}, ["random_ratio", "1.5", "[0, 1]"]),
        ("alp-gmm", {"random_ratio": float("nan")}, ["random_ratio", "nan"]),
        ("alp-gmm", {"criterion": "loss"}, ["criterion", "'loss'", "aic"]),
        ("alp-gmm", {"history": 0}, ["history", "0"]),
        ("covar-gmm", {"absolute": "yes"}, ["absolute", "'yes'"]),
        ("random", {"return_range": (1.0, 1.0)}, ["return_range", "low < high"]),
        ("random", {"return_range": 3.0}, ["return_range", "pair"]),
        ("random", {"seed": -1}, ["seed", "-1"]),
        ("random", {"seed": 0.5}, ["seed", "0.5"]),
        ("oracle", {"window": 0.0}, ["window", "0"]),
        ("oracle", {"steps": (0.1,)}, ["steps", "2 parameters"]),
    ],
)
def test_bad_settings_are_refused_in_one_sentence(name, arguments, words):
    with pytest.raises(InputError) as refusal:
        make_teacher(name, STUMPS, **{"seed": 0, **arguments})
    for word in words:
        assert word in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_settings_of_another_teacher_are_refused():
    with pytest.raises(InputError, match="RIACSettings, got ALPGMMSettings"):
        TEACHERS["riac"](STUMPS, seed=0, settings=make_settings("alp-gmm"))


def test_a_world_without_parameters_has_nothing_to_teach():
    with pytest.raises(InputError, match="at least one parameter"):
        make_teacher("random", TaskSpace(()), seed=0)
