"""Sizing problems: points of the unit cube and the designs they stand for."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eyas.envs.circuit.problem import SizingProblem
from eyas.envs.circuit.spec import SPECS, find_spec
from eyas.errors import InputError

PROBLEMS = {name: SizingProblem(find_spec(name).topology, find_spec(name)) for name in SPECS}
PROBLEM = PROBLEMS["two-stage-tia"]


@given(name=st.sampled_from(SPECS), seed=st.integers(0, 2**32 - 1))
def test_designs_lie_on_the_grid_and_come_back(name, seed):
    problem = PROBLEMS[name]
    unit = np.random.default_rng(seed).random((5, problem.dimension))
    designs = problem.designs(unit)
    for column, variable in enumerate(problem.topology.variables):
        if variable.name not in problem.names:
            assert (designs[:, column] == variable.nominal).all()
            continue
        steps = designs[:, column] / variable.step
        inside = (designs[:, column] > variable.low) & (designs[:, column] < variable.high)
        np.testing.assert_allclose(steps[inside], np.round(steps[inside]), atol=1e-6)
        assert (designs[:, column] >= variable.low).all() and (
            designs[:, column] <= variable.high
        ).all()
    np.testing.assert_allclose(problem.designs(problem.unit(designs)), designs, rtol=1e-12)


def test_the_scale_is_logarithmic_between_the_bounds():
    row = PROBLEM.designs([[0.0] * 7, [0.5] * 7, [1.0] * 7])[:, PROBLEM.topology.index("R6")]
    assert row.tolist() == [100.0, 1000.0, 10000.0]
    outside = PROBLEM.designs([[-1.0] * 7, [2.0] * 7])
    np.testing.assert_array_equal(outside, PROBLEM.designs([[0.0] * 7, [1.0] * 7]))
    assert PROBLEM.evaluate([[-1.0] * 7, [2.0] * 7]).unit.tolist() == [[0.0] * 7, [1.0] * 7]


def test_a_variable_that_may_be_zero_or_less_has_a_linear_scale():
    spec = find_spec("inverter-tia")
    problem = SizingProblem(spec.topology, spec, free=("IDC", "RF"))
    assert problem.dimension == 2 and problem.names == ("IDC", "RF")
    designs = problem.designs([[0.0, 0.0], [0.5, 0.0], [1.0, 0.0]])
    variable = spec.topology.variables[spec.topology.index("IDC")]
    middle = (variable.low + variable.high) / 2
    expected = [variable.low, middle, variable.high]
    assert variable.low <= 0 and designs[:, spec.topology.index("IDC")].tolist() == expected
    np.testing.assert_allclose(problem.unit(designs)[:, 0], [0.0, 0.5, 1.0])


def test_evaluation_has_what_was_simulated_and_scored():
    points = np.random.default_rng(0).random((6, 7))
    found = PROBLEM.evaluate(points)
    np.testing.assert_array_equal(found.unit, points)
    np.testing.assert_array_equal(found.results.designs, found.designs)
    np.testing.assert_array_equal(found.scores, PROBLEM.spec.score(found.results)[0])
    tasks = np.tile(PROBLEM.spec.task_space.low, (6, 1))
    assert not np.array_equal(PROBLEM.evaluate(points, tasks).scores, found.scores)
    human = PROBLEM.evaluate(PROBLEM.unit(PROBLEM.topology.nominal[np.newaxis]))
    assert human.scores[0] == pytest.approx(-0.0853, abs=1e-4) and not human.feasible[0]


def test_a_failed_design_leaves_the_others_alone():
    class Failing:
        def simulate(self, designs):
            results = PROBLEM.simulator.simulate(designs)
            status = results.status.copy()
            status[1] = 2
            return dataclasses.replace(results, status=status)

    points = np.random.default_rng(0).random((3, 7))
    found = SizingProblem(PROBLEM.topology, PROBLEM.spec, simulator=Failing()).evaluate(points)
    expected = PROBLEM.evaluate(points)
    assert found.scores[1] == -5 and not found.feasible[1]
    assert np.isnan(PROBLEM.spec.values(found.results)[1]).all()
    assert found.scores[[0, 2]].tolist() == expected.scores[[0, 2]].tolist()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"spec": find_spec("ldo")}, "spec ldo is for topology ldo, not two-stage-tia"),
        ({"free": ("W1", "W9")}, "no design variable 'W9'"),
        ({"free": ("W1", "W1")}, "different names"),
    ],
)
def test_what_is_no_problem_is_refused(arguments, sentence):
    with pytest.raises(InputError, match=sentence):
        SizingProblem(**{"topology": PROBLEM.topology, "spec": PROBLEM.spec, **arguments})


@pytest.mark.parametrize("points", [[0.5] * 7, [[0.5] * 6], [[np.nan] * 7]])
def test_points_of_another_shape_or_nan_are_refused(points):
    with pytest.raises(InputError, match="points"):
        PROBLEM.evaluate(points)
