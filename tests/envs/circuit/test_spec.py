"""Specs: how they are read, refused, varied, and what designs score under them."""

import dataclasses
import math

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from eyas.envs.circuit.problem import SizingProblem
from eyas.envs.circuit.results import metric_names
from eyas.envs.circuit.scores import FAILED, REACHED
from eyas.envs.circuit.simulator import Simulator
from eyas.envs.circuit.spec import SPECS, MetricSpec, Spec, choose_spec, find_spec, metric_units
from eyas.envs.circuit.topology import TOPOLOGIES, find_topology
from eyas.errors import InputError

TWO_STAGE = find_spec("two-stage-tia")
OPAMP = find_spec("two-stage-opamp")
INVERTER = find_spec("inverter-tia")

# The human designs as ngspice 39.3 measures them.
HUMAN_TWO_STAGE = {
    "gain": 516.8790042,
    "f3db": 6741042963.0,
    "inoise_f3db": 1.984472399e-11,
    "peaking_db": 0.773609823,
    "power": 0.008313262219,
    "area": 23.1066,
}
HUMAN_THREE_STAGE = {
    "gain": 20235.96935,
    "f3db": 90886376.48,
    "power": 0.001369437232,
    "area": 211.2,
}


def score(spec, **changed):
    """Of one design whose metrics are given by name."""
    values = np.array([[changed[metric.name] for metric in spec.metrics]])
    scores, feasible = spec.score_values(values, stable=[changed.get("stable", 1.0)])
    return scores[0], bool(feasible[0])


# Scores -------------------------------------------------------------------------------------------


def test_the_human_three_stage_design_scores_two():
    value, feasible = score(find_spec("three-stage-tia"), **HUMAN_THREE_STAGE)
    assert value == pytest.approx(1.3694e-3 / 0.001369437232 + 1, rel=1e-12)
    assert value == pytest.approx(1.99997, abs=5e-6) and feasible


def test_the_human_two_stage_design_misses_gain_and_noise_under_level_1():
    value, feasible = score(TWO_STAGE, **HUMAN_TWO_STAGE)
    gain = math.log10(516.8790042) / math.log10(758.58) - 1
    noise = 19.3e-12 / 1.984472399e-11 - 1
    assert value == pytest.approx(gain + noise, rel=1e-12)
    assert value == pytest.approx(-0.085, abs=5e-4) and not feasible


@pytest.mark.parametrize(("name", "human"), [(None, 1.99997), ("two-stage-tia", -0.0853)])
def test_simulated_human_designs_score_the_same(name, human):
    spec = find_spec(name or "three-stage-tia")
    scores, _ = spec.score(Simulator(spec.topology).simulate(spec.topology.nominal))
    assert scores[0] == pytest.approx(human, abs=1e-4)


def test_hard_constraints_come_first_and_hide_the_targets():
    best = {
        "gain": 800,
        "f3db": 6e9,
        "inoise_f3db": 19e-12,
        "peaking_db": 0.0,
        "power": 4e-3,
        "area": 5.0,
    }
    value, feasible = score(TWO_STAGE, **best)
    assert feasible and value == pytest.approx(1 + 8.11 / 4 + 23.11 / 5)
    violated, feasible = score(TWO_STAGE, **{**best, "peaking_db": 1.25})
    assert not feasible and violated == pytest.approx(1 / 1.25 - 1)
    assert score(TWO_STAGE, **{**best, "peaking_db": 1.25, "area": 1.0, "power": 1e-3})[0] == violated


def test_failed_and_missing_score_minus_five_and_nothing_scores_less():
    assert score(TWO_STAGE, **{**HUMAN_TWO_STAGE, "f3db": math.nan}) == (FAILED, False)
    dead = {**HUMAN_TWO_STAGE, "gain": 1e-60, "peaking_db": 1e9, "inoise_f3db": 1.0, "f3db": 1.0}
    assert score(TWO_STAGE, **dead)[0] == FAILED
    assert score(TWO_STAGE, **{**HUMAN_TWO_STAGE, "gain": 0.0})[0] == FAILED
    topology = TWO_STAGE.topology
    designs = np.stack([topology.nominal, -topology.nominal, topology.nominal])
    scores, feasible = TWO_STAGE.score(Simulator(topology).simulate(designs))
    assert scores[1] == FAILED and not feasible[1]
    assert scores[0] == scores[2] > -1
    scores, feasible = OPAMP.score(Simulator(OPAMP.topology).simulate(-OPAMP.topology.nominal))
    assert scores[0] == FAILED and not feasible[0]


positive = st.floats(1e-3, 1e3)


@given(factors=st.lists(positive, min_size=6, max_size=6), more=st.floats(1.0, 100.0))
def test_the_sign_tells_feasibility_and_more_than_a_limit_is_not_rewarded(factors, more):
    names = ("gain", "f3db", "inoise_f3db", "peaking_db", "power", "area")
    limits = (758.58, 5e9, 19.3e-12, 1.0, 18e-3, 23.11)
    design = dict(zip(names, np.multiply(limits, factors), strict=True))
    value, feasible = score(TWO_STAGE, **design)
    assert value >= FAILED and (value > 0) == feasible
    met = design["gain"] >= 758.58
    richer, _ = score(TWO_STAGE, **{**design, "gain": design["gain"] * more})
    assert richer == value if met else richer >= value


def test_autockt_rates_every_metric_against_its_limit():
    metrics = {"gain": 150.0, "ugbw": 20e6, "pm_deg": 45.0, "power": 12e-3}
    value, feasible = score(OPAMP, **metrics)
    expected = (150 - 300) / (150 + 300) + (45 - 60) / (45 + 60) - (12 - 9) / (12 + 9)
    assert value == pytest.approx(expected) and not feasible
    near = {"gain": 295.0, "ugbw": 10e6, "pm_deg": 60.0, "power": 9e-3}
    value, feasible = score(OPAMP, **near)
    assert REACHED < value < 0 and not feasible
    assert OPAMP.reached([value, -0.021, -1.0], [feasible, False, False]).tolist() == [
        True,
        False,
        False,
    ]


@pytest.mark.parametrize("margin", [-59.0, -60.0, -61.0, -150.0, math.nan])
def test_a_negative_or_missing_phase_margin_is_the_worst(margin):
    assert score(OPAMP, gain=400.0, ugbw=20e6, pm_deg=margin, power=1e-3)[0] == pytest.approx(-1)


def merit(**changes):
    metrics = (
        MetricSpec("gain", "maximise", limit=100.0, low=0.0, high=1000.0, bound=500.0),
        MetricSpec("power", "minimise", low=0.0, high=10e-3, bound=1e-3),
    )
    return dataclasses.replace(TWO_STAGE, scoring="gcn-rl", metrics=metrics, **changes)


def test_gcn_rl_sums_normalised_metrics_up_to_their_bounds():
    assert score(merit(), gain=300.0, power=2e-3)[0] == pytest.approx(0.3 - 0.2)
    assert score(merit(), gain=900.0, power=1e-4)[0] == pytest.approx(0.5 - 0.1)
    value, feasible = score(merit(), gain=50.0, power=1e-3)
    assert value == pytest.approx(50 / 100 - 1 - 1) and not feasible
    assert value < score(merit(), gain=100.0, power=10e-3)[0]
    assert score(merit(), gain=math.nan, power=1e-3) == (FAILED, False)


def test_the_extremes_of_gcn_rl_are_those_of_random_designs():
    spec = find_spec("two-stage-tia-gcn-rl")
    problem = SizingProblem(spec.topology, spec)
    found = problem.evaluate(np.random.default_rng(0).random((5000, problem.dimension)))
    for metric in spec.metrics[:4]:
        values = found.results.column(metric.name)
        assert metric.low == pytest.approx(np.nanmin(values), rel=0.05)
        assert metric.high == pytest.approx(np.nanmax(values), rel=0.01)
    assert 0.3 < found.feasible.mean() < 0.95
    assert found.scores[found.feasible].min() > found.scores[~found.feasible].max()


@pytest.mark.parametrize("scoring", ["l2dc", "autockt"])
def test_an_unstable_design_violates_a_hard_constraint(scoring):
    limits = (MetricSpec("gain", "maximise", limit=500.0), MetricSpec("power", "minimise", limit=6e-3))
    stable = Spec(INVERTER.topology, limits, scoring, require_stable=True)
    anyhow = dataclasses.replace(stable, require_stable=False)
    results = Simulator(stable.topology).simulate(stable.topology.nominal)
    assert results.column("stable")[0] == 0  # though its gain and its power are as asked
    assert anyhow.score(results)[1][0] and anyhow.score(results)[0][0] == 0
    scores, feasible = stable.score(results)
    assert not feasible[0] and scores[0] == -1
    unknown = Simulator(stable.topology).simulate(stable.topology.nominal, poles=False)
    assert not stable.score(unknown)[1][0]
    with pytest.raises(InputError, match="stability is required but was not measured"):
        stable.score_values([[600.0, 5e-3]])


# Tasks --------------------------------------------------------------------------------------------


def test_the_limits_that_vary_are_the_task():
    space = OPAMP.task_space
    assert space.names == ("gain", "ugbw", "power")  # the phase margin stays at 60 degrees
    assert space.low.tolist() == [200, 1e6, 0.18e-3] and space.high.tolist() == [400, 25e6, 18e-3]
    assert space.parameters[1].unit == "Hz" and space.parameters[0].default == 300
    harder = OPAMP.with_task({"gain": 400})
    assert [metric.limit for metric in harder.metrics] == [400, 10e6, 60, 9e-3]
    assert harder.task_space.default.tolist() == [400, 10e6, 9e-3]
    with pytest.raises(InputError, match="ugbw"):
        OPAMP.with_task({"ugbw": 30e6})


@pytest.mark.parametrize("name", SPECS)
def test_designs_each_with_their_own_task_score_as_under_that_spec(name):
    spec = find_spec(name)
    topology = spec.topology
    rng = np.random.default_rng(1)
    designs = topology.snap(topology.nominal * np.exp(rng.normal(0, 0.3, (12, len(topology.names)))))
    designs[3] *= -1
    results = Simulator(topology).simulate(designs)
    tasks = spec.task_space.sample(rng, 12)
    scores, feasible = spec.score(results, tasks)
    for row, task in enumerate(tasks):
        alone, met = spec.with_task(task).score(results)
        assert (scores[row], feasible[row]) == (alone[row], met[row])
    assert len(np.unique(scores)) > 6
    with pytest.raises(InputError, match="tasks have shape"):
        spec.score(results, tasks[1:])


# Specs that come along, and files -----------------------------------------------------------------


@pytest.mark.parametrize("name", TOPOLOGIES)
def test_every_topology_has_a_spec_and_units_for_what_is_measured(name):
    topology = find_topology(name)
    assert find_spec(name).topology is topology
    assert tuple(metric_units(topology)) == metric_names(topology)


@pytest.mark.parametrize("name", SPECS)
def test_specs_come_back_from_files(name, tmp_path):
    spec = find_spec(name)
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(spec.to_dict()))
    assert Spec.read(path) == choose_spec(str(path)) == choose_spec(path) == choose_spec(spec) == spec


def test_numbers_that_yaml_takes_for_texts_are_numbers(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(
        "topology: two-stage-tia\nmetrics: [{name: f3db, goal: maximise, limit: 5e9, vary: [1e9, 6e9]}]\n"
    )
    spec = Spec.read(path)
    assert spec.name == "mine" and spec.metrics[0].limit == 5e9 and spec.metrics[0].vary == (1e9, 6e9)


GAIN = {"name": "gain", "goal": "maximise", "limit": 100}


def tree(*metrics, **changes):
    return {
        "topology": "two-stage-tia",
        "metrics": [{**GAIN, **metric} for metric in metrics],
        **changes,
    }


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (tree({"name": "gian"}), "unknown metric 'gian'; two-stage-tia has: power, area, "),
        (tree({"name": "ugbw"}), "unknown metric 'ugbw'"),  # not of this topology
        (tree({"goal": "max"}), "goal = 'max' is not one of: maximise, minimise"),
        (tree({"scale": "cubic"}), "scale = 'cubic' is not one of: linear, log"),
        (tree({"limit": -1}), "limit = -1 must be a finite number above 0"),
        (tree({"limit": "nan"}), "limit = nan must be"),
        (tree({"scale": "log", "limit": 1}), "limit = 1 must be a finite number above 1"),
        (tree({"limit": "many"}), "limit = 'many' is not a number"),
        (tree({"limit": True}), "limit = True is not a number"),
        (tree({"limit": None}), "metric gain needs a limit, a target or both"),
        (tree({"limit": None, "vary": [1, 2]}), "needs a limit to vary"),
        (tree({"vary": [200, 300]}), "vary = .200, 300. must be two finite numbers"),
        (tree({"vary": [50]}), "vary = .50. is not a list of two numbers"),
        (tree({"wieght": 1}), "unknown key 'wieght'; there are: name, goal, limit"),
        (tree({}, {}), "metric gain has 2 values of limit, not one"),
        (tree({"low": 1}), "low and high must be given together"),
        (tree({"low": 1, "high": 2}), "scoring l2dc has no use for low = 1"),
        (tree({"low": 2, "high": 1}), "low = 2 must be below high = 1"),
        (tree({"bound": 2}), "bound = 2 needs low and high"),
        (tree({"target": 5}, scoring="autockt"), "scoring autockt has no use for target = 5"),
        (tree({"limit": None}, scoring="autockt"), "metric gain needs a limit .scoring autockt"),
        (
            tree({"name": "peaking_db", "goal": "minimise", "target": 1}),
            "target = 1 cannot be minimised as a ratio",
        ),
        (tree({}, scoring="rl"), "scoring = 'rl' is not one of: l2dc, gcn-rl, autockt"),
        (tree({}, scoring=3), "scoring = 3 is not a text"),
        (tree({}, require_stable="yes"), "require_stable = 'yes' is not true or false"),
        (tree({}, topology="three"), "topology 'three' does not exist"),
        (tree({}, limits=[]), "unknown key 'limits'; there are: name, title, topology"),
        (tree(), "it has no metrics"),
        (tree({}, metrics={"gain": 1}), "metrics = .* is not a list"),
        (tree({}, metrics=["gain"]), "metric 'gain' is not a mapping"),
        (tree({}, metrics=[{"name": "gain"}]), "metric gain: goal is missing"),
        (tree({}, metrics=[{"goal": "maximise"}]), "name of a metric = None is not a text"),
        ({"metrics": []}, "topology is missing"),
    ],
)
def test_what_is_no_spec_is_refused_by_name(given, sentence):
    with pytest.raises(InputError, match=sentence) as refusal:
        Spec.from_dict({"name": "mine", **given})
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("metrics: [", "is not YAML"),
        ("- gain", "is not a mapping"),
        ("!!python/object/apply:os.getcwd []", "is not YAML"),
        (b"\xff\xfe\xff", "not UTF-8"),
        (None, "cannot be read: No such file"),
    ],
)
def test_files_that_are_no_specs_are_refused(content, sentence, tmp_path):
    path = tmp_path / "mine.yaml"
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(InputError, match=sentence) as refusal:
        choose_spec(str(path))
    assert "\n" not in str(refusal.value)


def test_an_unknown_name_is_refused():
    with pytest.raises(InputError, match="spec 'tia' does not exist; there are: folded-cascode-ota"):
        choose_spec("tia")


def test_met_tells_which_values_keep_a_limit():
    metric = MetricSpec("power", "minimise", limit=2.0)
    assert metric.met([1.0, 2.0, 3.0, math.nan]).tolist() == [True, True, False, False]
    assert metric.met([1.0, 2.0], limit=[0.5, 3.0]).tolist() == [False, True]
    assert MetricSpec("gain", "maximise", limit=2.0).met([1.0, 2.0, 3.0]).tolist() == [
        False,
        True,
        True,
    ]
    assert MetricSpec("area", "minimise", target=2.0).met([9.0, math.nan]).tolist() == [True, False]
