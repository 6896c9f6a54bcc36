"""The registered circuit: Gymnasium's checks, episodes, rewards, tasks, save and restore."""

import dataclasses
import json

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode
from stable_baselines3.common.env_checker import check_env as sb3_check_env

import eyas.envs
from eyas.agents.vec_env import BatchVecEnv
from eyas.envs.circuit.entry_points import make_circuit
from eyas.envs.circuit.env import BONUS, REACH, CircuitBatch
from eyas.envs.circuit.spec import SPECS, MetricSpec, Spec, find_spec
from eyas.envs.circuit.topology import find_topology
from eyas.envs.listing import EnvsConfig, list_circuits, list_worlds, run
from eyas.errors import InputError

NAME = "eyas/Circuit-v0"


def actions(batch, seed=0):
    """Endless random actions."""
    rng = np.random.default_rng(seed)
    while True:
        yield rng.uniform(-1, 1, (batch.num_envs, *batch.action_space.shape)).astype(np.float32)


@pytest.mark.parametrize("action", ["absolute", "incremental"])
@pytest.mark.parametrize("name", SPECS)
def test_checkers_pass(name, action):
    assert eyas.envs.__doc__ is not None and NAME in eyas.envs.__doc__
    env = make_circuit(spec=name, action=action, max_episode_steps=5)
    check_env(env, skip_render_check=True)
    sb3_check_env(env)


def test_the_single_step_form_is_made_by_name():
    env = gymnasium.make(NAME, max_episode_steps=1)
    env.reset(seed=0)
    assert env.step(np.zeros(7, np.float32))[3]
    envs = gymnasium.make_vec(NAME, num_envs=2, max_episode_steps=1)
    envs.reset(seed=0)
    assert envs.step(np.zeros((2, 7), np.float32))[3].all()


def test_the_return_of_l2dc_is_the_last_score():
    batch = CircuitBatch(16, spec="three-stage-tia")
    assert batch.max_episode_steps == 5
    stream = actions(batch)
    batch.reset(seed=0)
    for step in range(5):
        first = batch.step(next(stream))
        scores = batch.spec.score(batch.evaluation.results)[0]
        np.testing.assert_allclose(batch.evaluation.scores, scores)
        assert (first[-1] is not None) == (step == 4)
    np.testing.assert_allclose(first[-1].returns, scores, atol=1e-5)
    assert first[-1].lengths.tolist() == [5] * 16 and batch.truncated.all()


def test_autockt_ends_an_episode_that_reaches_its_spec():
    batch = CircuitBatch(64, spec="two-stage-opamp", action="incremental", start="random")
    assert batch.max_episode_steps == 30
    easy = {"gain": 200.0, "ugbw": 1e6, "power": 18e-3}
    batch.reset(seed=0, tasks=batch.task_space.validate(easy))
    ended = 0
    for action, _ in zip(actions(batch), range(10), strict=False):
        batch.step(action)
        scores = batch.evaluation.scores
        np.testing.assert_array_equal(batch.terminated, scores >= -0.02)
        expected = np.where(scores >= -0.02, BONUS, scores)
        np.testing.assert_allclose(batch.rewards, expected, rtol=1e-6)
        ended += int(batch.terminated.sum())
    assert ended > 5


def test_gcn_rl_is_one_step_of_its_figure_of_merit():
    tia = find_topology("two-stage-tia")
    metrics = (
        MetricSpec("gain", "maximise", limit=10.0, vary=(1.0, 1e3), low=0.0, high=2000.0, bound=1000.0),
        MetricSpec("power", "minimise", low=0.0, high=20e-3),
    )
    batch = CircuitBatch(8, spec=Spec(tia, metrics, "gcn-rl"))
    assert CircuitBatch(1, spec="two-stage-tia-gcn-rl").max_episode_steps == 1
    batch.reset(seed=0)
    batch.step(next(actions(batch)))
    assert batch.max_episode_steps == 1 and batch.truncated.all()
    results = batch.evaluation.results
    merit = np.minimum(results.column("gain"), 1000) / 2000 - results.column("power") / 20e-3
    met = batch.evaluation.feasible
    assert met.sum() > 4
    np.testing.assert_allclose(batch.rewards[met], merit[met], rtol=1e-5)
    assert (batch.rewards[~met] < -1).all()


def test_absolute_actions_span_the_box_on_the_grid():
    batch = CircuitBatch(3)
    topology = batch.spec.topology
    batch.reset(seed=0)
    assert not batch.observations[:, : batch.observer.blocks["limits"].start].any()
    batch.step(np.repeat([[-1.0], [0.1234], [1.0]], 7, axis=1).astype(np.float32))
    designs = batch.evaluation.designs
    for name in topology.sizing:
        column, variable = topology.index(name), topology.variables[topology.index(name)]
        assert designs[[0, 2], column].tolist() == [variable.low, variable.high]
    np.testing.assert_allclose(designs, topology.snap(designs), rtol=1e-12)
    lengths = [topology.index(name) for name in ("L1", "L3", "L5", "L6")]
    assert (designs[:, lengths] == 0.18).all()  # not sized, so nominal
    seen = batch.final_observations if batch.truncated.any() else batch.observations
    np.testing.assert_allclose(seen[:, batch.observer.blocks["sizes"]][1], 0.1234, rtol=1e-5)


def test_incremental_actions_add_up_and_start_where_told():
    batch = CircuitBatch(2, action="incremental", max_episode_steps=50)
    sizes = batch.observer.blocks["sizes"]
    batch.reset(seed=0)
    assert batch.observations[
        :, : batch.observer.blocks["limits"].start
    ].any()  # the middle is simulated
    small = np.full((2, 7), 0.01, np.float32)
    for _ in range(10):  # each is less than a step of the grid
        batch.step(small)
    np.testing.assert_allclose(batch.observations[:, sizes], 2 * REACH * 0.1, rtol=1e-4)
    batch.step(np.ones((2, 7), np.float32))
    np.testing.assert_allclose(batch.observations[:, sizes], 2 * REACH * 1.1, rtol=1e-4)
    for _ in range(5):
        batch.step(np.ones((2, 7), np.float32))
    assert (batch.observations[:, sizes] == 1).all()
    human = CircuitBatch(1, action="incremental", start="nominal")
    human.reset(seed=0)
    human.step(np.zeros((1, 7), np.float32))
    np.testing.assert_allclose(human.evaluation.designs[0], human.spec.topology.nominal)
    drawn = CircuitBatch(2, action="incremental", start="random")
    first = drawn.reset(seed=5)[:, sizes].copy()
    assert np.abs(first[0] - first[1]).max() > 0.1
    assert np.abs(drawn.reset()[:, sizes] - first).max() > 0.1
    np.testing.assert_array_equal(drawn.reset(seed=5)[:, sizes], first)


def rollout(batch, steps):
    found = []
    for action, _ in zip(actions(batch, seed=3), range(steps), strict=False):
        batch.step(action)
        found.append(np.concatenate([batch.observations.ravel(), batch.rewards]))
    return np.array(found)


@pytest.mark.parametrize(
    "options",
    [
        {"spec": "two-stage-tia"},
        {"spec": "two-stage-opamp", "action": "incremental", "start": "random"},
    ],
)
def test_same_seeds_same_rollouts_and_saved_states_go_on(options):
    first, second = (CircuitBatch(4, **options) for _ in range(2))
    first.reset(seed=7, tasks=first.task_space.sample(np.random.default_rng(0), 4))
    second.reset(seed=7, tasks=second.task_space.sample(np.random.default_rng(0), 4))
    np.testing.assert_array_equal(rollout(first, 33), rollout(second, 33))
    third = CircuitBatch(4, **options)
    third.load_state_dict(first.state_dict())
    assert first.episode_lengths.any()  # in the middle of an episode
    np.testing.assert_array_equal(rollout(first, 40), rollout(third, 40))


def test_tasks_are_limits_and_change_what_is_rewarded():
    env = gymnasium.make(NAME, spec="two-stage-opamp")
    assert env.unwrapped.task_space.names == ("gain", "ugbw", "power")
    rewards = []
    for bandwidth in (1e6, 25e6):
        _, info = env.reset(seed=0, options={"task": {"ugbw": bandwidth}})
        assert info["task"][1] == bandwidth
        rewards.append(env.step(np.zeros(9, np.float32))[1])
    assert rewards[0] > rewards[1]
    with pytest.raises(InputError, match="ugbw = 5e"):
        env.reset(options={"task": {"ugbw": 5e7}})
    batch = CircuitBatch(5, spec="ldo", max_episode_steps=2)
    tasks = batch.task_space.sample(np.random.default_rng(0), 5)
    limits = batch.observer.blocks["limits"]
    shown = batch.reset(seed=0, tasks=tasks)[:, limits].copy()
    order = np.argsort(tasks[:, 0])
    assert (np.diff(shown[order, 0]) > 0).all()  # each copy sees its own
    batch.step(next(actions(batch)))
    np.testing.assert_array_equal(batch.observations[:, limits], shown)
    designs = batch.evaluation
    expected = [batch.spec.with_task(task).score(designs.results)[0][i] for i, task in enumerate(tasks)]
    np.testing.assert_array_equal(designs.scores, expected)


def test_a_spec_without_varying_limits_has_no_task():
    spec = find_spec("three-stage-tia")
    metrics = tuple(dataclasses.replace(metric, vary=None) for metric in spec.metrics)
    env = gymnasium.make(NAME, spec=dataclasses.replace(spec, metrics=metrics))
    _, info = env.reset(seed=0)
    assert info["task"].shape == (0,)
    assert env.step(env.action_space.sample())[0].shape == env.observation_space.shape


def test_failed_simulations_are_seen_as_zeros_and_cost_five():
    class Failing:
        def simulate(self, designs):
            results = native.problem.simulator.simulate(designs)
            return dataclasses.replace(results, status=np.full(len(designs), 2, np.uint8))

    native = CircuitBatch(2)
    batch = CircuitBatch(2, simulator=Failing())
    batch.reset(seed=0)
    batch.step(next(actions(batch)))
    assert batch.rewards.tolist() == [-5.0, -5.0]
    assert not batch.observations[:, : batch.observer.blocks["limits"].start].any()


def test_vector_forms():
    envs = gymnasium.make_vec(NAME, num_envs=3, topology="three-stage-tia", autoreset_mode="SameStep")
    assert envs.metadata["autoreset_mode"] is AutoresetMode.SAME_STEP
    observations, infos = envs.reset(seed=0)
    assert observations.shape == (3, envs.batch.observer.size) and infos["task"].shape == (3, 3)
    for mode in ("SameStep", "NextStep"):
        envs = gymnasium.make_vec(NAME, num_envs=4, autoreset_mode=mode)
        envs.reset(seed=3)
        envs.action_space.seed(0)
        ended = 0
        for step in range(12):
            observations, rewards, terminated, truncated, infos = envs.step(envs.action_space.sample())
            ended += int(truncated.sum())
            if mode == "NextStep" and step == 5:  # this step began the second episodes
                assert not rewards.any() and not truncated.any()
                assert not observations[:, : envs.batch.observer.blocks["limits"].start].any()
        assert ended == 8 and not terminated.any()


def test_stable_baselines_form():
    env = BatchVecEnv(CircuitBatch(4, spec="two-stage-opamp", action="incremental"))
    env.reset()
    for _ in range(35):
        observations, rewards, dones, _ = env.step(np.zeros((4, 9), np.float32))
    assert np.isfinite(observations).all() and rewards.shape == dones.shape == (4,)


def test_a_cross_entropy_search_learns_to_meet_the_spec():
    batch = CircuitBatch(64, spec="three-stage-tia", max_episode_steps=1)
    rng = np.random.default_rng(0)
    mean, deviation = np.zeros(10), np.full(10, 0.6)
    batch.reset(seed=0)
    rewards = []
    for _ in range(12):
        tried = np.clip(mean + deviation * rng.normal(size=(64, 10)), -1, 1).astype(np.float32)
        batch.step(tried)
        rewards.append(batch.rewards.copy())
        best = tried[np.argsort(batch.rewards)[-10:]]
        mean, deviation = best.mean(axis=0), best.std(axis=0) + 0.03
    assert np.median(rewards[0]) < 0
    assert np.max(rewards[-1]) > 2.0 > np.max(rewards[0])
    assert np.mean(rewards[-1] > 0) > 0.3


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"action": "relative"}, "action = 'relative' is unknown; choose from absolute, incremental"),
        ({"start": "human"}, "start = 'human' is unknown; choose from middle, nominal, random"),
        ({"max_episode_steps": 0}, "max_episode_steps = 0 must be at least 1"),
        ({"num_envs": 0}, "num_envs = 0 must be at least 1"),
        ({"topology": "tia"}, "topology 'tia' does not exist"),
        ({"spec": "tia"}, "spec 'tia' does not exist"),
        (
            {"topology": "ldo", "spec": "two-stage-tia"},
            "spec two-stage-tia is for topology two-stage-tia",
        ),
        ({"free": ("WX",)}, "no design variable 'WX'"),
        ({"threads": 0}, "threads = 0"),
    ],
)
def test_options_out_of_range_are_refused(options, sentence):
    with pytest.raises(InputError, match=sentence):
        CircuitBatch(**options)


def test_actions_of_another_shape_are_refused():
    batch = CircuitBatch(2)
    batch.reset(seed=0)
    with pytest.raises(InputError, match=r"actions have shape \(2, 6\), expected \(2, 7\)"):
        batch.step(np.zeros((2, 6), np.float32))


def test_a_spec_may_be_a_file(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("topology: ldo\nmetrics: [{name: area, goal: minimise, target: 300}]\n")
    batch = CircuitBatch(1, spec=path)
    assert batch.spec.topology.name == "ldo" and batch.action_space.shape == (11,)


def test_the_list_names_world_and_specs(capsys):
    world = next(world for world in list_worlds() if world.id == NAME)
    assert world.terrain is None
    assert world.parameters == find_spec("two-stage-tia").task_space.parameters
    assert [circuit.spec for circuit in list_circuits()] == list(SPECS)
    assert run(EnvsConfig()) == 0
    shown = capsys.readouterr().out
    assert NAME in shown and "folded-cascode-ota" in shown and "inoise_f3db" in shown
    assert run(EnvsConfig(json=True)) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    opamp = next(line for line in lines if line.get("spec") == "two-stage-opamp")
    assert opamp["sizes"] == 9 and opamp["transistors"] == 8 and opamp["scoring"] == "autockt"
