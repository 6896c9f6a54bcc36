"""Every sizer but the agent on a quadratic: it learns, repeats itself and can be interrupted."""

import dataclasses
import gc
import threading

import numpy as np
import pytest

from eyas.agents.sizing.registry import SIZERS, make_sizer
from eyas.agents.sizing.run import History, run_sizer
from eyas.envs.circuit.problem import SizingProblem
from eyas.envs.circuit.spec import find_spec
from eyas.envs.circuit.topology import find_topology
from eyas.errors import InputError
from eyas.policies.state_file import read_tree, write_tree

OPTIMUM = np.array([0.3, 0.8, 0.45, 0.6, 0.2, 0.7, 0.5])
BUDGETS = {
    "cma-es": 400,
    "differential-evolution": 600,
    "gaussian-process": 52,
    "l2dc": 2400,
    "random": 200,
    "tpe": 120,
}
"""Simulations after which each is clearly better than random search."""
LEARNERS = sorted(set(BUDGETS) - {"random"})


class Quadratic(SizingProblem):
    """Real designs, so that agents have something to see, scored by their distance to a point."""

    def evaluate(self, unit, tasks=None):
        evaluation = super().evaluate(unit, tasks)
        scores = -np.sum((evaluation.unit - OPTIMUM) ** 2, axis=1)
        return dataclasses.replace(evaluation, scores=scores, feasible=scores > -0.1)


@pytest.fixture(scope="module")
def problem():
    return Quadratic(find_topology("two-stage-tia"), find_spec("two-stage-tia"))


def short(name):
    """A budget that reaches a third model of the process and gradient steps of L2DC."""
    return 32 if name == "gaussian-process" else min(BUDGETS[name], 450)


class InterruptError(Exception):
    """Somebody pressed a key."""


def interrupted(name, problem, budget, after, path):
    """Run until some simulations are done, saving after every batch."""

    def save(history):
        write_tree(path, "test", 1, {"sizer": sizer.state(), "history": history.state()})
        if history.count >= after:
            raise InterruptError

    sizer = make_sizer(name, problem, 3, budget)
    with pytest.raises(InterruptError):
        run_sizer(sizer, problem, budget, save)


def test_all_are_registered():
    assert set(BUDGETS) | {"eyas"} == set(SIZERS)


@pytest.mark.parametrize("name", LEARNERS)
def test_it_beats_random_search(name, problem):
    budget = BUDGETS[name]
    learned = run_sizer(make_sizer(name, problem, 0, budget), problem, budget)
    luck = [
        run_sizer(make_sizer("random", problem, s, budget), problem, budget).best_score
        for s in range(3)
    ]
    assert learned.best_score > max(luck)
    # and its choices, not only its best one, got better
    assert np.median(learned.scores[-20:]) > np.median(learned.scores[:20]) + 0.1


@pytest.mark.parametrize("name", sorted(BUDGETS))
def test_the_seed_decides_everything(name, problem):
    budget = short(name)
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    first, again, other = (
        run_sizer(make_sizer(name, problem, s, budget), problem, budget) for s in (3, 3, 4)
    )
    np.testing.assert_array_equal(first.unit, again.unit)
    assert (first.unit != other.unit).any()
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


@pytest.mark.parametrize("name", sorted(BUDGETS))
def test_an_interrupted_run_goes_on_as_if_it_had_not_been(name, problem, tmp_path):
    budget = short(name)
    whole = run_sizer(make_sizer(name, problem, 3, budget), problem, budget)
    interrupted(name, problem, budget, budget * 2 // 3, tmp_path / "state")
    saved = read_tree(tmp_path / "state", "test", 1)
    sizer, history = make_sizer(name, problem, 3, budget), History(problem.dimension, budget)
    sizer.restore(saved["sizer"])
    history.restore(saved["history"])
    assert budget // 2 < history.count < budget
    run_sizer(sizer, problem, budget, history=history)
    np.testing.assert_array_equal(history.unit, whole.unit)
    np.testing.assert_array_equal(history.scores, whole.scores)
    np.testing.assert_array_equal(history.best_design, whole.best_design)


def test_the_history_tells_the_best(problem):
    counts = []
    history = run_sizer(
        make_sizer("random", problem, 0, 100), problem, 100, lambda h: counts.append(h.count)
    )
    assert counts == [64, 100]  # the last batch is cut to the budget
    assert history.count == len(history.scores) == len(history.unit) == 100
    best = int(np.argmax(history.scores))
    assert history.best_index == best
    assert history.best_score == history.best_so_far[-1] == history.scores[best]
    np.testing.assert_array_equal(history.best_design, problem.designs(history.unit)[best])
    assert (np.diff(history.best_so_far) >= 0).all()
    assert history.best_so_far[0] == history.scores[0]


def test_cma_es_starts_again_with_a_larger_population(problem):
    sizer = make_sizer("cma-es", problem, 0, 3000)
    sizes = []

    def note(history):
        sizes.append(history.count - sum(sizes))

    history = run_sizer(sizer, problem, 3000, note)
    assert sorted(set(sizes[:-1])) == [9, 18]
    assert history.best_score > -1e-3


def test_the_thread_of_differential_evolution_ends_with_its_sizer(problem):
    before = threading.active_count()
    sizer = make_sizer("differential-evolution", problem, 0, 100)
    run_sizer(sizer, problem, 100)
    assert threading.active_count() == before + 1
    threads = threading.enumerate()
    del sizer
    gc.collect()
    for thread in threads:
        if thread is not threading.current_thread():
            thread.join(timeout=5)
    assert threading.active_count() <= before


def test_the_gaussian_process_forgets_when_it_has_too_much(problem, monkeypatch):
    from eyas.agents.sizing import gaussian_process

    monkeypatch.setattr(gaussian_process, "TRAINING", 24)
    sizer = make_sizer("gaussian-process", problem, 0, 60)
    history = run_sizer(sizer, problem, 36)
    points, values = sizer._training()
    assert points.shape == (24, 7)
    np.testing.assert_array_equal(points.numpy()[12:], history.unit[-12:])
    best = np.sort(history.scores[:-12])[-12:]
    chosen = -np.sum((points.numpy()[:12] - OPTIMUM) ** 2, axis=1)
    np.testing.assert_allclose(np.sort(chosen), best)
    assert float(values.mean()) == pytest.approx(0, abs=1e-9)


def test_what_does_not_fit_is_refused(problem):
    with pytest.raises(InputError, match="sizer 'sa' does not exist; there are: eyas"):
        make_sizer("sa", problem, 0, 10)
    with pytest.raises(InputError, match="budget of 0 simulations must be at least 1"):
        run_sizer(make_sizer("random", problem, 0, 10), problem, 0)
    history = run_sizer(make_sizer("random", problem, 0, 10), problem, 10)
    with pytest.raises(InputError, match="of 10 simulations, not of 20"):
        run_sizer(make_sizer("random", problem, 0, 20), problem, 20, history=history)
    with pytest.raises(InputError, match="does not fit 5 of 7"):
        History(7, 5).restore(history.state())
    told = make_sizer("cma-es", problem, 0, 20)
    run_sizer(told, problem, 20)
    with pytest.raises(InputError, match="only a new sizer"):
        told.restore(told.state())
    with pytest.raises(InputError, match="do not fit the batches"):
        make_sizer("cma-es", problem, 0, 20).restore({"scores": np.zeros(10)})
