import numpy as np

from eyas.bench import toy
from eyas.bench.toy import PythonGrid, measure
from eyas.curricula.grid_toy import GridToy


def test_both_grids_obey_the_same_rules():
    ours, theirs = GridToy(cells=4, dimensions=2), PythonGrid(4, 2)
    # Towards the easy corner, so that cells unlock one after the other.
    tasks = np.random.default_rng(0).random((6000, 2)) ** 1.5
    returns = np.array([(ours.episode(task), theirs.episode(task)) for task in tasks])
    np.testing.assert_array_equal(returns[:, 0], returns[:, 1])
    assert 0 < ours.score() <= 100
    assert all(theirs.competence.get(cell, 0) == n for cell, n in np.ndenumerate(ours.competence))


def test_every_figure_is_measured(monkeypatch):
    monkeypatch.setattr(toy, "_EPISODES", 300)
    monkeypatch.setattr(toy, "_COMPILING_EPISODES", 1)
    rows = list(measure(0.02, seed=0))
    assert rows[0].name == "grid 10 x 10"
    assert {"alp-gmm, an episode", "riac, an episode"} < {row.name for row in rows}
    assert all(row.value > 0 for row in rows)
    assert rows[0].ratio == rows[0].value / rows[0].peer_value
