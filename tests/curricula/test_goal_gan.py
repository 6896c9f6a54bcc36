"""GoalGAN: its networks, which tasks it calls good, and where its generator goes."""

import numpy as np
import pytest
import torch

from eyas.curricula import make_teacher
from eyas.curricula.goal_gan_network import LeastSquaresGAN, Perceptron, product
from eyas.curricula.success import nearest_rates, success_line
from eyas.envs.tasks import TaskSpace
from eyas.errors import InputError

PLANE = TaskSpace.from_bounds({"x": (0.0, 1.0), "y": (0.0, 1.0)})
SMALL = {"generator_hidden": 16, "discriminator_hidden": 16, "pretraining": 0}


def make(space=PLANE, **changes):
    return make_teacher("goal-gan", space, seed=0, **{"success_return": 0.5, **changes})


def published(**changes):
    options = {"preset": "published", "rollouts": 2, "update_size": 4, "history": 4, "iterations": 1}
    return make(**{**options, **SMALL, **changes})


def test_products():
    rng = np.random.default_rng(0)
    a, b = (rng.standard_normal(shape, dtype=np.float32) for shape in ((7, 5), (5, 3)))
    np.testing.assert_allclose(product(a, b), a @ b, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(product(b.T, a.T), b.T @ a.T, rtol=1e-5, atol=1e-6)


def test_gradients_and_steps_are_those_of_torch():
    rng = np.random.default_rng(1)
    ours = Perceptron((3, 8, 6, 2), 0.2, rng)
    ours.parameters += 0.1 * rng.standard_normal(len(ours.parameters), dtype=np.float32)
    inputs = rng.standard_normal((10, 3), dtype=np.float32)
    theirs = torch.tensor(ours.parameters, requires_grad=True)
    into = torch.tensor(inputs, requires_grad=True)
    hidden, at = into, 0
    for number, (wide, out) in enumerate(((3, 8), (8, 6), (6, 2))):
        weights = theirs[at : at + wide * out].view(wide, out)
        at += wide * out
        hidden = hidden @ weights + theirs[at : at + out]
        at += out
        if number < 2:
            hidden = torch.nn.functional.leaky_relu(hidden, 0.2)
    (0.5 * hidden**2).sum().backward()
    passed = ours.forward(inputs)
    np.testing.assert_allclose(passed[-1], hidden.detach().numpy(), rtol=1e-4, atol=1e-5)
    to_inputs = ours.backward(passed, passed[-1])
    np.testing.assert_allclose(to_inputs, into.grad.numpy(), rtol=1e-3, atol=1e-4)
    gradient = theirs.grad.numpy()
    before = ours.parameters.copy()
    ours.step(0.01)
    expected = before - 0.01 * gradient / np.sqrt(0.9 + 0.1 * gradient**2)
    np.testing.assert_allclose(ours.parameters, expected, rtol=1e-4, atol=1e-5)


def test_the_generator_goes_where_the_labels_are():
    rng = np.random.default_rng(2)
    gan = LeastSquaresGAN(2, 32, 32, rng)
    points = rng.uniform(-1.0, 1.0, (400, 2)).astype(np.float32)
    labels = ((points[:, 0] > 0.2) & (points[:, 1] < -0.2)).astype(np.float32)
    gan.train(points, labels, iterations=400, batch=64, learning_rate=1e-3, rng=rng)
    made = gan.generate(rng.standard_normal((500, 2), dtype=np.float32))
    assert np.mean((made[:, 0] > 0.1) & (made[:, 1] < -0.1)) > 0.7
    assert (made.std(axis=0) > 0.05).all()  # not all at one place


def test_rates_and_lines():
    points = np.array([[0.0], [1.0], [2.1], [10.0], [11.0]])
    won = np.array([True, False, False, True, True])
    np.testing.assert_allclose(nearest_rates(points, won, 1), [0.5, 0.5, 0.0, 1.0, 1.0])
    np.testing.assert_allclose(nearest_rates(points, won, 9), 0.6)
    returns = np.array([0.0, 1.0, 2.0, 3.0, 4.0])
    assert success_line(returns, 2.5, 0.75) == 2.5
    assert success_line(returns, 9.0, 0.75) == 3.0
    assert success_line(returns, 9.0, None) == 9.0


def test_a_generated_task_is_tried_twice_and_judged_by_its_mean():
    teacher = published(noise=0.1)
    seen = []
    for wins in ((1, 0), (1, 1), (0, 0)):
        first, second = teacher.sample(), teacher.sample()
        np.testing.assert_array_equal(first, second)
        for task, won in zip((first, second), wins, strict=True):
            teacher.update(task, float(won))
        seen.append(first)
    memory = teacher.state_dict()["memory"]
    np.testing.assert_array_equal(memory["values"], [0.5, 1.0, 0.0])
    np.testing.assert_allclose(memory["points"], seen, atol=1e-9)
    np.testing.assert_allclose(teacher.describe()["buffer_tasks"], seen[1:2], atol=1e-9)
    teacher.update([0.123, 0.456], 1.0)  # not one of its own: nothing to learn from
    assert len(teacher.state_dict()["memory"]["values"]) == 3


def test_no_good_task_no_training():
    teacher = published()
    teacher._ready = True  # its first weights make up tasks, as in the original without easy ones
    before = teacher.state_dict()["memory"]["generator"]["parameters"]
    for _ in range(8):
        teacher.update(teacher.sample(), 0.0)
    after = teacher.state_dict()["memory"]
    np.testing.assert_array_equal(before, after["generator"]["parameters"])
    assert len(after["points"]) == 0  # the new ones alone are looked at, then forgotten


def test_easy_tasks_to_start_with():
    easy = {"pretraining": 300, "start_mean": (0.2, 0.8), "noise": 0.01, "rollouts": 1}
    teacher = published(**{**easy, "generator_hidden": 32})
    tasks = np.array([teacher.sample() for _ in range(300)])
    np.testing.assert_allclose(tasks.mean(axis=0), [0.2, 0.8], atol=0.12)


def test_successes_are_kept_apart():
    teacher = published(distance=0.1)
    for x in (0.1, 0.15, 0.3, 0.32, 0.9):
        teacher._keep(np.array([x, 0.5]), 1.0)
        teacher._keep(np.array([0.5, 0.9]), 0.75)  # good, not won
    np.testing.assert_allclose(teacher.describe()["buffer_tasks"][:, 0], [0.1, 0.3, 0.9])


def run(space, episodes=600):
    """The unit tasks of a learner that wins in one quarter of the box, now and then."""
    teacher = make(space, iterations=30)
    rng, tasks = np.random.default_rng(5), []
    for _ in range(episodes):
        task = teacher.sample()
        unit = space.normalise(task)
        chance = 0.5 if (unit < 0.5).all() else 0.0
        teacher.update(task, float(rng.random() < chance))
        tasks.append(unit)
    return np.array(tasks)


def test_it_looks_for_intermediate_difficulty_in_any_units():
    tasks = run(PLANE)
    assert np.mean((tasks[-200:] < 0.55).all(axis=1)) > 0.5
    scaled = TaskSpace.from_bounds({"x": (-3.0, 40.0), "y": (0.01, 0.013)})
    np.testing.assert_allclose(run(scaled), tasks, atol=1e-9)


@pytest.mark.parametrize("return_", [-1e9, 0.0, 1e9])
@pytest.mark.parametrize("dimension", [1, 12])
@pytest.mark.parametrize("preset", ["eyas", "published"])
def test_constant_returns(preset, dimension, return_):
    space = TaskSpace.from_bounds({f"p{i}": (0.0, 1e-6 * 10.0**i) for i in range(dimension)})
    teacher = make(space, preset=preset, generator_hidden=8, discriminator_hidden=8, iterations=5)
    tasks = []
    for _ in range(450):
        tasks.append(teacher.sample())
        teacher.update(tasks[-1], return_)
    assert np.isfinite(tasks).all()
    if preset == "eyas":  # nothing is good: uniform, but for what lies near successes
        spread = space.normalise(tasks[-300:])[:, -1].std()
        assert spread == pytest.approx(np.sqrt(1 / 12), abs=0.05)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"success_return": None}, "the goal-gan teacher needs success_return"),
        ({"old_ratio": 0.6, "random_ratio": 0.6}, "old_ratio \\+ random_ratio = 1.2"),
        ({"rate_low": 0.9, "rate_high": 0.1}, "rate_low = 0.9 must not be above"),
        ({"neighbours": 0}, "relative_success needs neighbours"),
        ({"history": 50}, "history = 50"),
        ({"start_mean": 3.0}, "start_mean = 3.0 must be a tuple"),
        ({"start_mean": (0.1,), "pretraining": 1}, "start_mean has 1 numbers"),
        ({"start_mean": (9.0, 0.1), "pretraining": 1}, "x"),
    ],
)
def test_settings_that_cannot_be(changes, message):
    with pytest.raises(InputError, match=message):
        make(**changes)


def test_a_spoilt_state_changes_nothing():
    teacher = published()
    for _ in range(6):
        teacher.update(teacher.sample(), 1.0)
    state = teacher.state_dict()
    other = published()
    before = other.state_dict()
    state["memory"]["discriminator"]["parameters"] = np.zeros(3, dtype=np.float32)
    with pytest.raises(InputError, match="memory/discriminator/parameters has shape"):
        other.load_state_dict(state)
    np.testing.assert_array_equal(
        before["memory"]["generator"]["parameters"],
        other.state_dict()["memory"]["generator"]["parameters"],
    )
    assert other.episodes == 0
