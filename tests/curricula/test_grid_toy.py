"""The compiled toy against its definition written out in plain Python."""

import csv
import itertools
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eyas.curricula import make_teacher
from eyas.curricula.grid_toy import GridToy, run_toy, teach
from eyas.errors import InputError


class PlainToy:
    """The definition, cell by cell and neighbour by neighbour."""

    def __init__(self, cells, dimensions):
        self.cells, self.dimensions = cells, dimensions
        self.competence = {cell: 0 for cell in itertools.product(range(cells), repeat=dimensions)}

    def episode(self, task):
        cell = tuple(
            min(int(np.floor(p * self.cells)), self.cells - 1) for p in task[: self.dimensions]
        )
        before = set(itertools.product(*[{i, max(0, i - 1)} for i in cell])) - {cell}
        if not any(cell) or any(self.competence[other] >= 75 for other in before):
            self.competence[cell] = min(self.competence[cell] + 1, 100)
        return self.competence[cell] / 100

    def score(self):
        return 100 * sum(c > 75 for c in self.competence.values()) / len(self.competence)


@settings(max_examples=25, deadline=None)
@given(
    cells=st.integers(1, 5),
    dimensions=st.integers(1, 3),
    irrelevant=st.integers(0, 2),
    seed=st.integers(0, 2**32),
)
def test_toy_follows_its_definition(cells, dimensions, irrelevant, seed):
    toy = GridToy(cells=cells, dimensions=dimensions, irrelevant_dimensions=irrelevant)
    plain = PlainToy(cells, dimensions)
    rng = np.random.default_rng(seed)
    # Small powers of a uniform draw stay near the origin, where there is something to learn first;
    # every tenth task lies on an edge of its cell.
    for episode in range(1500):
        task = rng.random(dimensions + irrelevant) ** rng.uniform(0.5, 4.0)
        if episode % 10 == 0:
            task = rng.integers(0, cells + 1, size=dimensions + irrelevant) / cells
        assert toy.episode(task) == plain.episode(task)
    for cell, competence in plain.competence.items():
        assert toy.competence[cell] == competence
    assert toy.score() == pytest.approx(plain.score())


def test_cells_unlock_at_75_and_are_mastered_at_76():
    toy = GridToy(cells=2, dimensions=2)
    origin, right, diagonal = np.array([0.2, 0.2]), np.array([0.7, 0.2]), np.array([1.0, 1.0])
    assert [toy.episode(origin) for _ in range(74)] == [n / 100 for n in range(1, 75)]
    assert toy.episode(right) == toy.episode(diagonal) == 0.0
    toy.episode(origin)
    assert toy.score() == 0.0  # 75 unlocks, but is not mastery
    assert toy.episode(right) == toy.episode(diagonal) == 0.01
    toy.episode(origin)
    assert toy.score() == 25.0
    assert [toy.episode(origin) for _ in range(30)][-2:] == [1.0, 1.0]


def test_environment_part_of_a_run_takes_under_a_tenth_of_a_second():
    toy = GridToy()
    tasks = np.random.default_rng(0).random((20_000, 2))
    toy.episode(tasks[0])
    best = min(_timed(toy, tasks) for _ in range(3))
    assert best < 0.1


def _timed(toy, tasks):
    start = time.process_time()
    for task in tasks:
        toy.episode(task)
    return time.process_time() - start


def test_a_perfect_teacher_masters_everything_in_76_episodes_per_cell():
    toy = GridToy(cells=10, dimensions=2)
    for cell in itertools.product(range(10), repeat=2):
        for _ in range(76):
            toy.episode((np.array(cell) + 0.5) / 10)
    assert toy.score() == 100.0


def test_random_teaching_unlocks_shell_after_shell():
    """Under uniform tasks a cell takes 75 n^D episodes; the shell behind it starts only then.

    So the 10 x 10 grid has nothing mastered after 4,000 episodes, about one cell after 10,000, the
    four of the second shell around 15,000 to 17,000, and none of the nine of the third before
    22,500 but by luck. In 5^3 cells a shell takes 9,400, so that the 8 of 125 cells of the second
    one are due shortly before 20,000, and never more.
    """
    scores = np.array([run_toy("random", seed=seed) for seed in range(5)])
    assert scores.shape == (5, 21)
    assert scores[:, :5].max() == 0.0
    assert 0.8 <= scores[:, 10].mean() <= 1.6
    assert 4.0 <= scores[:, 20].mean() <= 6.0
    assert (np.diff(scores, axis=1) >= 0.0).all()
    deep = np.array([run_toy("random", cells=5, dimensions=3, seed=seed)[-1] for seed in range(10)])
    assert deep.max() <= 100 * 8 / 125 and deep.mean() > 100 * 4 / 125


@pytest.mark.parametrize(
    ("configuration", "cells", "dimensions", "components", "seeds"),
    [("A", 10, 2, 2, 20), ("B", 10, 2, 5, 10), ("C", 5, 3, 3, 10)],
)
def test_the_published_tasks_give_the_published_scores(
    configuration, cells, dimensions, components, seeds
):
    """teachDeepRL's own toy on the tasks its random controller drew: the same scores, all of them.

    Its tasks come from numpy's legacy generator with seeds 1, 2, ... so that its whole random run
    can be repeated: mean, standard deviation, minimum and maximum after each 1,000 episodes.
    """
    scores = []
    for seed in range(1, seeds + 1):
        toy = GridToy(cells=cells, dimensions=dimensions)
        run = [0.0]
        tasks = np.random.RandomState(seed).random_sample((20_000, components))
        for episode, task in enumerate(tasks):
            toy.episode(task)
            if episode % 1000 == 999:
                run.append(toy.score())
        scores.append(run)
    ours = np.array(scores)
    for row in published_rows(configuration):
        column = ours[:, int(row["episode"]) // 1000]
        assert float(row["mean"]) == pytest.approx(column.mean(), abs=1e-3)
        assert float(row["std"]) == pytest.approx(column.std(ddof=1), abs=1e-3)
        assert float(row["min"]) == pytest.approx(column.min(), abs=1e-3)
        assert float(row["max"]) == pytest.approx(column.max(), abs=1e-3)


def published_rows(configuration):
    path = Path(__file__).parents[1] / "data" / "toy_reference_summary.csv"
    with open(path, newline="") as file:
        rows = [row for row in csv.DictReader(file)]
    rows = [row for row in rows if row["config"] == configuration and row["teacher"] == "Random"]
    assert len(rows) == 21
    return rows


def test_scores_are_taken_before_each_thousand_and_at_the_end():
    toy = GridToy(cells=1, dimensions=1)
    scores = teach(make_teacher("random", toy.task_space, seed=0), toy, 1500)
    np.testing.assert_array_equal(scores, [0.0, 100.0, 100.0])
    assert len(run_toy("random", episodes=2000)) == 3


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"cells": 0}, "cells"),
        ({"dimensions": 11}, "dimensions"),
        ({"irrelevant_dimensions": -1}, "irrelevant_dimensions"),
        ({"cells": 1000, "dimensions": 9}, "cells"),
        ({"episodes": 0}, "episodes"),
        ({"seed": -1}, "seed"),
        ({"preset": "none"}, "preset"),
        ({"colour": 1}, "colour"),
    ],
)
def test_bad_arguments(arguments, named):
    with pytest.raises(InputError, match=named):
        run_toy("random", **arguments)
