"""Point mass, maze, quadrotor and circuit train under a teacher, and what they call mastered is that."""

import math

import numpy as np
import pytest

from eyas import InputError
from eyas.agents.config import StudentConfig
from eyas.agents.control_worlds import circuit_world, quadrotor_world
from eyas.agents.curriculum_run import POLICY, CurriculumRun, CurriculumSettings
from eyas.agents.small_worlds import TEST_SETS, maze_world, point_mass_world
from eyas.envs.circuit.spec import SPECS
from eyas.envs.maze.env import is_feasible
from eyas.envs.point_mass.env import BEST_BEFORE_GATE
from eyas.policies.policy import load_policy
from eyas.runs import MASTERED, Run

WORLDS = {
    "point-mass": lambda: point_mass_world(),
    "point-mass-friction": lambda: point_mass_world(friction=True),
    "maze": lambda: maze_world(),
    "quadrotor": lambda: quadrotor_world(),
    "circuit": lambda: circuit_world("two-stage-tia"),
    "circuit-autockt": lambda: circuit_world("two-stage-opamp"),
}


@pytest.mark.parametrize("name", WORLDS)
def test_the_world_fits_its_batch(name):
    world = WORLDS[name]()
    batch = world.make_batch(2)
    space = batch.task_space
    assert world.test_tasks.ndim == 2 and len(np.unique(world.test_tasks, axis=0)) >= 45
    for task in [*world.test_tasks, *world.showcase.values()]:
        space.validate(task)
    np.testing.assert_array_equal(world.test_tasks, WORLDS[name]().test_tasks)
    assert len(world.description["observation"]) == batch.observation_space.shape[0]
    assert len(world.description["action"]) == batch.action_space.shape[0]
    assert [entry["name"] for entry in world.description["task_space"]] == list(space.names)


@pytest.mark.parametrize("name", WORLDS)
def test_twenty_thousand_steps(tmp_path, name):
    steps = 4000 if name == "circuit-autockt" else 20_000
    student = StudentConfig(hidden=(16, 16), n_steps=64, minibatch=512, epochs=2)
    settings = CurriculumSettings(
        teacher="alp-gmm",
        teacher_preset="eyas",
        student="ppo",
        student_config=student,
        steps=steps,
        copies=16,
        seed=0,
        evaluate_every=steps,
        checkpoint_every=steps,
        quiet=True,
    )
    with Run.create(tmp_path / "run", settings, ["test"], job="test") as run:
        job = CurriculumRun(run, WORLDS[name](), settings)
        assert job.train() is None
        assert job.student.steps >= steps and len(job.curriculum.log) > 30
    lines = (tmp_path / "run" / "metrics.jsonl").read_text()
    assert MASTERED in lines
    load_policy(tmp_path / "run" / POLICY)


def test_test_sets():
    for make in (point_mass_world, maze_world):
        for test_set in TEST_SETS:
            assert make(test_set=test_set).description["test_set"] == test_set
        with pytest.raises(InputError, match="test_set"):
            make(test_set="hard")
    target = point_mass_world(test_set="target").test_tasks
    assert (target[:, 1] < 0.55).all() and (np.abs(np.abs(target[:, 0]) - 3) < 0.05).all()
    assert (target[:, 0] > 0).sum() == 25
    for test_set in TEST_SETS:
        assert is_feasible(maze_world(test_set=test_set).test_tasks).all()


def test_a_controller_masters_every_gate():
    """So the mastered return can be had everywhere, and cannot be had before the gate."""
    world = point_mass_world()
    tasks = world.test_tasks
    batch = world.make_batch(len(tasks))
    batch.reset(seed=0, tasks=tasks)
    middle, half = tasks[:, 0], tasks[:, 1] / 2
    through = np.clip(np.clip(0.0, middle - half + 0.15, middle + half - 0.15), -4, 4)
    episodes = None
    while episodes is None:
        x, speed_x, y, speed_y = batch.states.T
        before = y > -0.05
        aligned = np.abs(x - through) < 0.12
        aim_x = np.where(before, through, 0.0)
        aim_y = np.where((y > 0) & ~aligned, 0.8, -3.0)
        pull = [5 * (aim_x - x) - 2.24 * speed_x, 5 * (aim_y - y) - 2.24 * speed_y]
        episodes = batch.step((np.stack(pull, axis=1) / 10).astype(np.float32))[-1]
    assert len(episodes.returns) == len(tasks)  # nobody crashed
    assert episodes.returns.min() > 1.3 * world.mastered_return > 3.9 * BEST_BEFORE_GATE


@pytest.mark.parametrize("name", SPECS)
def test_mastered_circuits_meet_their_limits(name):
    """Random designs: the return tells whether the spec was reached."""
    world, rng = circuit_world(name), np.random.default_rng(0)
    count = 100
    batch = world.make_batch(count)
    reached = np.zeros(count, dtype=bool)
    batch.reset(seed=0, tasks=batch.task_space.sample(rng, count))
    episodes, returns = None, np.full(count, math.nan)
    while np.isnan(returns).any():
        actions = rng.uniform(-1, 1, (count, batch.action_space.shape[0]))
        episodes = batch.step(actions.astype(np.float32))[-1]
        met = batch.spec.reached(batch.evaluation.scores, batch.evaluation.feasible)
        rows = [] if episodes is None else episodes.copies
        for row, copy in enumerate(rows):
            if math.isnan(returns[copy]):
                returns[copy], reached[copy] = episodes.returns[row], met[copy]
    mastered = returns > world.mastered_return
    assert not (mastered & ~reached).any()
    if batch.spec.scoring == "autockt":
        assert mastered.any()  # who reaches it after many bad designs has not mastered it
    else:
        np.testing.assert_array_equal(mastered, reached)
