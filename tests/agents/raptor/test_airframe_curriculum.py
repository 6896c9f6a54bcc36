"""Airframes chosen by a teacher of the curriculum."""

import dataclasses

import numpy as np

from eyas.agents.raptor.airframe_curriculum import (
    TASK_SPACE,
    AirframeCurriculum,
    FleetCurriculum,
    tasks_of,
)
from eyas.agents.raptor.gradient import GradientTraining
from eyas.agents.raptor.gradient_config import GradientConfig
from eyas.envs.quadrotor.distribution import raptor_airframes, wide_airframes
from eyas.runs import Run

SMALL = GradientConfig(
    updates=8,
    vehicles=128,
    horizon=100,
    hidden=8,
    pool=64,
    pool_updates=3,
    log_every=2,
    quiet=True,
    seed=3,
    curriculum="alp-gmm",
)


def test_tasks_are_logarithms_of_what_an_airframe_flies_like():
    airframes = raptor_airframes(np.random.default_rng(0), 50).airframes
    tasks = tasks_of(airframes)
    np.testing.assert_allclose(np.exp(tasks[:, 2]), airframes.mass, rtol=0.01)
    np.testing.assert_allclose(np.exp(tasks[:, 0]), airframes.thrust_to_weight)
    for task in tasks_of(wide_airframes(np.random.default_rng(1), 200)):
        TASK_SPACE.validate(task)


def test_a_teacher_s_task_is_flown_by_the_nearest_airframes():
    airframes = raptor_airframes(np.random.default_rng(0), 100).airframes
    curriculum = AirframeCurriculum("random", seed=5)
    curriculum.offer(airframes)
    members = curriculum.choose(6, neighbours=3)
    twin = AirframeCurriculum("random", seed=5)
    wanted = TASK_SPACE.normalise(np.array([twin.teacher.sample() for _ in range(2)]))
    places = TASK_SPACE.normalise(curriculum.tasks)
    for number, task in enumerate(wanted):
        nearest = np.argsort(np.linalg.norm(places - task, axis=1))[:3]
        np.testing.assert_array_equal(members[3 * number : 3 * number + 3], nearest)


def test_airframes_on_which_results_change_are_chosen_more_often():
    airframes = raptor_airframes(np.random.default_rng(0), 500).airframes
    rng = np.random.default_rng(1)
    fleet = FleetCurriculum("alp-gmm", 64, seed=0)
    fleet.offer(airframes)
    heavy = airframes.mass > 1.0
    everybody = np.arange(64)
    members = fleet.choose(everybody)
    before, chosen = heavy[members].mean(), []
    for _ in range(300):
        fleet.tell(np.where(heavy[members], rng.random(64), 0.5))
        members = fleet.choose(everybody)
        chosen.append(heavy[members].mean())
    assert np.mean(chosen[-50:]) > max(before, np.mean(chosen[:50])) + 0.1


def test_training_with_a_curriculum_resumes_exactly(tmp_path):
    with Run.create(tmp_path / "whole", SMALL, ["test"], job="raptor distill") as run:
        whole = GradientTraining(run, SMALL)
        whole.train()
    with Run.create(tmp_path / "parts", SMALL, ["test"], job="raptor distill") as run:
        first = GradientTraining(run, SMALL)
        for _ in range(5):
            first.update()
        first.save()
    with Run.open(tmp_path / "parts", write=True) as run:
        second = GradientTraining(run, SMALL)
        assert second.updates == 5
        second.train()
    np.testing.assert_array_equal(second.parameters, whole.parameters)
    assert second.curriculum.state_dict()["teacher"]["episodes"] > 0
    chance = dataclasses.replace(SMALL, curriculum="none")
    with Run.create(tmp_path / "chance", chance, ["test"], job="raptor distill") as run:
        other = GradientTraining(run, chance)
        other.train()
    assert not np.array_equal(other.parameters, whole.parameters)
