"""Every teacher in front of a synthetic learner: it finds what can be learnt, and follows when that moves.

The learner improves on a task by practice nearby, inside one region of the box only; elsewhere all
episodes fail. Returns have a walker's units and some noise.
"""

import numpy as np
import pytest

from eyas.curricula import TEACHERS, make_teacher
from eyas.curricula.registry import world_settings
from eyas.envs.tasks import TaskSpace

FAILED, RANGE, NOISE = -50.0, 300.0, 5.0
SUCCESS = FAILED + 0.25 * RANGE  # within reach of a uniform curriculum
CELLS = 8
LEFT = np.array([[0.1, 0.2], [0.4, 0.8]])  # of the unit box: low and high corner, 18 % of it
RIGHT = np.array([[0.65, 0.2], [0.95, 0.8]])
# What cannot pass by definition: no learning, a window moved by hand, and a box that grows from one
# task that must have been chosen well.
UNAWARE = {"random", "oracle", "adr"}


class Learner:
    """Competence per cell of the unit box; ``region`` is where practice helps."""

    def __init__(self, region, seed):
        self.competence = np.zeros((CELLS, CELLS))
        self.region = region
        self.rng = np.random.default_rng(seed)

    def episode(self, where, learns=True):
        inside = (where[:2] >= self.region[0]).all() and (where[:2] <= self.region[1]).all()
        cell = tuple(np.minimum((where[:2] * CELLS).astype(int), CELLS - 1))
        if inside and learns:
            self.competence[cell] += 0.02 * (1.0 - self.competence[cell])
        level = self.competence[cell] if inside else 0.0
        return FAILED + RANGE * level + NOISE * self.rng.standard_normal()


def quick_space():
    return TaskSpace.from_bounds({"height": (0.0, 3.0), "spacing": (-10.0, 60.0)})


def build(name, space, seed):
    settings = world_settings(name, "eyas", SUCCESS, always=True)
    return make_teacher(name, space, seed=seed, **settings)


def teach(teacher, learner, episodes):
    """Eight tasks in flight; the tasks in the unit box, shape ``(episodes, dimension)``."""
    space, flying, seen = teacher.task_space, [], []
    for _ in range(episodes):
        task = teacher.sample()
        flying.append((task, not teacher.scouts(task)))
        seen.append(space.normalise(task))
        if len(flying) == 8:
            task, learns = flying.pop(int(learner.rng.integers(8)))
            teacher.update(task, learner.episode(space.normalise(task), learns))
    return np.array(seen)


def share(tasks, region):
    return float(np.mean(((tasks >= region[0]) & (tasks <= region[1])).all(axis=1)))


@pytest.mark.parametrize("name", [name for name in TEACHERS if name not in UNAWARE])
def test_it_finds_what_can_be_learnt(name):
    shares = []
    for seed in range(3):
        teacher, learner = build(name, quick_space(), seed), Learner(LEFT, seed)
        shares.append(max(share(part, LEFT) for part in np.split(teach(teacher, learner, 2400), 8)[1:]))
    assert np.mean(shares) > 1.5 * 0.18, shares


@pytest.mark.parametrize("name", [name for name in TEACHERS if name not in UNAWARE])
def test_it_follows_when_that_moves(name):
    before, after = [], []
    for seed in range(3):
        teacher, learner = build(name, quick_space(), seed), Learner(LEFT, seed)
        before.append(share(teach(teacher, learner, 1500)[-300:], RIGHT))
        learner.region = RIGHT  # and what was learnt is forgotten
        learner.competence[:] = 0.0
        after.append(max(share(part, RIGHT) for part in np.split(teach(teacher, learner, 2400), 8)))
    assert np.mean(after) > max(1.3 * 0.18, np.mean(before)), (before, after)
