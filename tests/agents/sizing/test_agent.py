"""The default sizing agent on the real problems with small budgets, and its parts."""

import numpy as np
import pytest
import torch

from eyas.agents.sizing import agent
from eyas.agents.sizing.agent import AgentSettings, AgentSizer
from eyas.agents.sizing.agent_actor import Actor, operating_points
from eyas.agents.sizing.agent_critic import GaussianCritic, NetworkCritic
from eyas.agents.sizing.agent_objective import Objective
from eyas.agents.sizing.run import run_sizer
from eyas.envs.circuit.problem import SizingProblem
from eyas.envs.circuit.spec import Spec, find_spec
from eyas.errors import InputError
from eyas.policies.state_file import read_tree, write_tree


@pytest.fixture(scope="module")
def problem():
    spec = find_spec("three-stage-tia")
    return SizingProblem(spec.topology, spec)


@pytest.fixture(scope="module")
def two_stage():
    spec = find_spec("two-stage-tia")
    return SizingProblem(spec.topology, spec)


def test_it_beats_the_human_three_stage_amplifier_in_120_simulations(problem):
    history = run_sizer(AgentSizer(problem, 0, 120), problem, 120)
    assert history.best_score > 2.3  # the human design: 2.0; CMA-ES after 1,000: 2.53
    assert history.feasible[history.best_index]


def test_it_finds_feasible_two_stage_amplifiers_where_random_search_finds_none(two_stage):
    history = run_sizer(AgentSizer(two_stage, 1, 120), two_stage, 120)
    assert history.best_score > 8.5  # CMA-ES after 1,000: 8.99


def test_no_design_is_simulated_twice(problem):
    history = run_sizer(AgentSizer(problem, 2, 96), problem, 96)
    designs = problem.designs(history.unit)
    assert len(np.unique(designs, axis=0)) == len(designs)


def test_the_same_seed_gives_the_same_designs(problem):
    runs = [run_sizer(AgentSizer(problem, 3, 48), problem, 48).unit for _ in range(2)]
    np.testing.assert_array_equal(runs[0], runs[1])
    other = run_sizer(AgentSizer(problem, 4, 48), problem, 48).unit
    assert not np.array_equal(runs[0], other)


@pytest.mark.parametrize("critic", ["gaussian", "network"])
def test_a_restored_agent_goes_on_exactly_as_if_nothing_had_happened(problem, tmp_path, critic):
    settings = AgentSettings(critic=critic)
    first = AgentSizer(problem, 5, 100, settings)
    for _ in range(3):
        first.tell(problem.evaluate(first.ask()))
    write_tree(tmp_path / "state", "test", 1, first.state())
    second = AgentSizer(problem, 99, 100, settings)
    second.restore(read_tree(tmp_path / "state", "test", 1))
    for _ in range(2):
        a, b = first.ask(), second.ask()
        np.testing.assert_array_equal(a, b)
        first.tell(problem.evaluate(a))
        second.tell(problem.evaluate(b))


def test_another_problems_state_is_refused(problem, two_stage):
    sizer = AgentSizer(two_stage, 0, 100)
    sizer.tell(two_stage.evaluate(sizer.ask()))
    with pytest.raises(InputError, match="another problem"):
        AgentSizer(problem, 0, 100).restore(sizer.state())
    with pytest.raises(InputError, match="not one of the sizer eyas"):
        AgentSizer(problem, 0, 100).restore({"scores": np.zeros(3)})


def test_it_starts_elsewhere_when_a_search_has_converged(problem, monkeypatch):
    monkeypatch.setattr(agent, "PATIENCE", 0)
    monkeypatch.setattr(agent, "LEAST_REACH", agent.REACH)
    sizer = AgentSizer(problem, 0, 200)
    sizes = []
    for _ in range(6):
        points = sizer.ask()
        sizes.append(len(points))
        sizer.tell(problem.evaluate(points))
    assert sizes.count(agent.FIRST) >= 2


def test_what_is_left_of_a_large_budget_is_spent_in_large_batches_that_do_not_lose(
    problem, monkeypatch
):
    monkeypatch.setattr(agent, "MODEL_SIMULATIONS", 60)
    history = run_sizer(AgentSizer(problem, 0, 2000), problem, 2000)
    best = history.best_so_far
    assert best[-1] > best[60]
    designs = problem.designs(history.unit)
    assert len(np.unique(designs, axis=0)) == len(designs)


def test_a_simulator_that_fails_is_survived(problem):
    sizer = AgentSizer(problem, 0, 100)
    for number in range(4):
        evaluation = problem.evaluate(sizer.ask())
        evaluation.results.status[:: 2 if number else 1] = 5
        evaluation.results.metrics[evaluation.results.status != 0] = np.nan
        evaluation.results.devices[evaluation.results.status != 0] = np.nan
        scores, _ = problem.spec.score(evaluation.results)
        evaluation.scores[:] = scores
        sizer.tell(evaluation)
    assert np.isfinite(sizer.ask()).all()


@pytest.mark.parametrize("name", ["two-stage-tia", "three-stage-tia"])
def test_the_objective_agrees_with_the_score_where_all_limits_hold(name):
    spec = find_spec(name)
    problem = SizingProblem(spec.topology, spec)
    history = run_sizer(AgentSizer(problem, 0, 90), problem, 90)
    feasible = history.feasible
    assert feasible.any()
    evaluation = problem.evaluate(history.unit)
    objective = Objective(problem)
    metrics = torch.tensor(objective.observe(evaluation.results))
    unit = torch.tensor(problem.unit(evaluation.designs))
    reward, violation = objective.judge(
        unit, metrics, torch.zeros_like(metrics), torch.zeros(len(unit), dtype=torch.float64)
    )
    np.testing.assert_allclose(reward[feasible], history.scores[feasible], rtol=1e-9)
    np.testing.assert_array_equal(violation.numpy() == 0, feasible)


def test_caution_tightens_limits(problem):
    objective = Objective(problem)
    evaluation = problem.evaluate(np.full((1, problem.dimension), 0.5))
    metrics = torch.tensor(objective.observe(evaluation.results))
    unit, one = torch.full((1, problem.dimension), 0.5, dtype=torch.float64), torch.ones_like(metrics)
    violations = [
        float(objective.judge(unit, metrics, one, torch.tensor([caution]))[1])
        for caution in (-1.0, 0.0, 1.0)
    ]
    assert violations[0] < violations[1] < violations[2]


def test_the_gaussian_critic_interpolates_and_knows_where_it_does_not_know():
    rng = np.random.default_rng(0)
    unit = rng.random((60, 2)) * 0.5
    metrics = np.stack([np.sin(4 * unit[:, 0]), unit[:, 1] ** 2 + unit[:, 0]], axis=1)
    critic = GaussianCritic(2, 2)
    critic.fit(unit, metrics, 60)
    mean, deviation = critic.predict(torch.tensor(unit + 0.004))
    expected = np.stack(
        [np.sin(4 * (unit[:, 0] + 0.004)), (unit[:, 1] + 0.004) ** 2 + unit[:, 0] + 0.004], 1
    )
    assert np.abs(mean.numpy() - expected).max() < 0.02
    far = critic.predict(torch.full((1, 2), 1.0, dtype=torch.float64))[1]
    assert (far[0] > 3 * deviation.mean(dim=0)).all()


def test_the_gaussian_critic_bears_the_same_design_many_times():
    critic = GaussianCritic(2, 1)
    critic.fit(np.full((50, 2), 0.5), np.ones((50, 1)), 5)
    mean, _ = critic.predict(torch.full((1, 2), 0.5, dtype=torch.float64))
    assert float(mean[0, 0]) == pytest.approx(1.0, abs=1e-6)


def test_the_ensemble_of_networks_learns_and_disagrees_outside_its_data():
    rng = np.random.default_rng(0)
    unit = rng.random((200, 2)) * 0.5
    metrics = np.stack([np.sin(4 * unit[:, 0]), unit[:, 1] - unit[:, 0]], axis=1)
    critic = NetworkCritic(2, 2, np.random.default_rng(1))
    critic.fit(unit, metrics, 60)
    mean, deviation = critic.predict(torch.tensor(unit))
    assert (np.abs(mean.numpy() - metrics).mean(axis=0) < 0.1 * metrics.std(axis=0)).all()
    assert (critic.predict(torch.ones(1, 2, dtype=torch.float64))[1][0] > deviation.mean(dim=0)).all()


def test_components_see_each_other_only_with_attention(problem):
    evaluation = problem.evaluate(np.random.default_rng(0).random((1, problem.dimension)))
    points = torch.tensor(operating_points(evaluation.results))
    unit, metrics = torch.full((1, problem.dimension), 0.5), torch.zeros(1, 6)
    changed = points.clone()
    changed[0, 0] += 1.0  # m1a, whose width is W1 alone
    moved = {}
    for attention in (True, False):
        actor = Actor(problem, 6, np.random.default_rng(0), attention=attention)
        with torch.no_grad():
            difference = actor(unit, changed, metrics) - actor(unit, points, metrics)
        moved[attention] = {
            name for name, value in zip(problem.names, difference[0], strict=True) if value != 0
        }
    assert moved[False] == {"W1"}
    assert moved[True] == set(problem.names)


@pytest.mark.parametrize("name", ["inverter-tia", "two-stage-opamp"])
def test_it_sizes_circuits_that_must_be_stable_and_specs_without_targets(name):
    spec = find_spec(name)
    problem = SizingProblem(spec.topology, spec)
    history = run_sizer(AgentSizer(problem, 0, 120), problem, 120)
    assert history.feasible[history.best_index]
    results = problem.simulator.simulate(history.best_design[None])
    assert results.column("stable")[0] == 1


def test_gcn_rls_figure_of_merit_is_climbed_as_it_is_scored():
    tree = find_spec("three-stage-tia").to_dict()
    metrics = [
        {"name": "gain", "goal": "maximise", "limit": 20e3, "low": 1e3, "high": 30e3, "bound": 25e3},
        {"name": "power", "goal": "minimise", "low": 1e-3, "high": 5e-3},
        {"name": "peaking_db", "goal": "minimise", "limit": 3.0},
    ]
    spec = Spec.from_dict({**tree, "scoring": "gcn-rl", "metrics": metrics})
    problem = SizingProblem(spec.topology, spec)
    evaluation = problem.evaluate(np.random.default_rng(0).random((400, problem.dimension)))
    assert evaluation.feasible.any()
    objective = Objective(problem)
    observed = torch.tensor(objective.observe(evaluation.results))
    unit = torch.tensor(problem.unit(evaluation.designs))
    zero = torch.zeros(len(unit), dtype=torch.float64)
    reward, _ = objective.judge(unit, observed, torch.zeros_like(observed), zero)
    rows = evaluation.feasible
    np.testing.assert_allclose(reward[rows], evaluation.scores[rows], rtol=1e-9)


def test_a_spec_of_the_area_alone_is_sized_to_the_smallest_circuit():
    metrics = [{"name": "area", "goal": "minimise", "target": 211.2}]
    spec = Spec.from_dict({"topology": "three-stage-tia", "metrics": metrics})
    problem = SizingProblem(spec.topology, spec)
    history = run_sizer(AgentSizer(problem, 0, 72), problem, 72)
    smallest = problem.evaluate(np.zeros((1, problem.dimension))).scores[0]
    assert history.best_score == pytest.approx(smallest)
