"""Episodes that only look, and scores of tasks: what PPO makes of them."""

import dataclasses
import itertools
from copy import deepcopy

import numpy as np
import pytest
import torch

from eyas.agents.config import StudentConfig
from eyas.agents.curriculum import Curriculum
from eyas.agents.students import make_student
from eyas.agents.vec_env import BatchVecEnv
from eyas.curricula.uniform import RandomTeacher
from eyas.envs.tasks import TaskSpace

CONFIG = StudentConfig(hidden=(8,), minibatch=64, n_steps=32, learning_starts=10, buffer=500)


class Scout(RandomTeacher):
    """Looks at what is farther than ``limit`` and keeps the scores it is told."""

    may_scout = wants_scores = True
    limit = 0.0
    told: list

    def scouts(self, task):
        return bool(task[0] > self.limit)

    def _update_score(self, task, score):
        self.told.append((task.copy(), score))


def build(point_world, limit, student="ppo", follow=True, **changes):
    torch.set_num_threads(1)
    batch = point_world.PointWorld(8)
    student = make_student(
        student,
        BatchVecEnv(batch),
        dataclasses.replace(CONFIG, **changes),
        total_steps=10_000,
        seed=1,
    )
    teacher = Scout(batch.task_space, seed=0)
    teacher.limit, teacher.told = limit, []
    curriculum = Curriculum(batch, teacher, lambda: student.steps)
    curriculum.begin()
    if follow:
        student.follow(curriculum.scouting, curriculum.tasks, teacher.update_score)
    return student, curriculum


def weights(student):
    return [p.detach().numpy().copy() for p in student._model.policy.parameters()]


def test_nothing_is_learnt_from_scouting_alone(point_world):
    student, curriculum = build(point_world, limit=0.0)
    before = weights(student)
    for _ in range(3):
        student.advance()
    assert all((a == b).all() for a, b in zip(before, weights(student), strict=True))
    assert student.steps == 3 * 8 * 32  # but it is counted
    assert curriculum.scouted_steps == curriculum.log.lengths.sum() > 0


def test_without_scouting_it_is_sb3_to_the_bit(point_world):
    results = []
    for follow in (False, True):
        student, _ = build(point_world, limit=1e9, follow=follow)
        for _ in range(3):
            student.advance()
        results.append(weights(student))
    assert all((a == b).all() for a, b in zip(*results, strict=True))


def test_only_transitions_to_learn_from_are_drawn(point_world):
    student, curriculum = build(point_world, limit=3.0)
    buffer = student._model.rollout_buffer
    drawn = []
    original = buffer._get_samples
    buffer._get_samples = lambda rows, env=None: (drawn.append(rows.copy()), original(rows, env))[1]
    student.advance()
    student.advance()
    rows = np.concatenate(drawn[-(len(drawn) // 2) :])
    per_epoch = len(rows) // CONFIG.epochs
    looks = buffer._looks.T.reshape(-1)
    assert 0 < looks.mean() < 1
    assert set(rows) == set(np.flatnonzero(~looks)) and per_epoch == (~looks).sum()
    # A copy's flag is that of the task it ran, from its first step to its last.
    distance = buffer._tasks_then[:, :, 0]
    np.testing.assert_array_equal(buffer._looks, distance > 3.0)
    starts = buffer.episode_starts.astype(bool)
    changed = (distance[1:] != distance[:-1]) & ~starts[1:]
    assert not changed.any()
    assert curriculum.scouting.any()


def test_scores_are_mean_positive_advantages(point_world):
    student, curriculum = build(point_world, limit=1e9)
    student.advance()
    buffer, told = student._model.rollout_buffer, curriculum.teacher.told
    advantages = buffer.advantages.reshape(8, 32)  # SB3 has flattened it, copy by copy
    starts = buffer.episode_starts.T.astype(bool)
    expected = []
    for copy in range(8):
        bounds = sorted({0, *np.flatnonzero(starts[copy]), 32})
        for first, end in itertools.pairwise(bounds):
            task = buffer._tasks_then[first, copy]
            expected.append((task, np.maximum(advantages[copy, first:end], 0).mean()))
    assert len(told) == len(expected) > 8
    for (task, score), (own_task, own_score) in zip(told, expected, strict=True):
        np.testing.assert_array_equal(task, own_task)
        assert score == pytest.approx(own_score, rel=1e-5)


@pytest.mark.parametrize("student", ["sac", "td3"])
def test_off_policy_students_learn_nothing_from_scouting_alone(point_world, student):
    student, curriculum = build(point_world, limit=0.0, student=student)
    before = weights(student)
    student.advance()
    assert all((a == b).all() for a, b in zip(before, weights(student), strict=True))
    assert student._model.replay_buffer.size() == 0
    assert student.steps == student.steps_per_advance and curriculum.scouted_steps > 0


@pytest.mark.parametrize("student", ["sac", "td3"])
def test_off_policy_students_without_scouting_are_sb3s_to_the_bit(point_world, student):
    results = []
    for follow in (False, True):
        built, _ = build(point_world, limit=1e9, student=student, follow=follow)
        built.advance()
        results.append(weights(built))
    assert all((a == b).all() for a, b in zip(*results, strict=True))


@pytest.mark.parametrize("student", ["sac", "td3"])
def test_scouted_transitions_are_not_stored(point_world, student):
    """The observation gives the distance of the goal away: distance left plus position."""
    student, curriculum = build(point_world, limit=3.0, student=student)
    student.advance()
    buffer = student._model.replay_buffer
    assert 0 < buffer.pos * 8 < student.steps and not buffer.full
    for observations in (buffer.observations, buffer.next_observations):
        stored = observations[: buffer.pos]
        distances = stored[:, :, 0] + stored[:, :, 1]
        assert distances.min() >= 0.49 and distances.max() <= 3.001
    learnt = buffer.pos * 8 + len(buffer._waiting)
    running = curriculum.batch.episode_lengths[curriculum.scouting].sum()
    assert learnt == student.steps - curriculum.scouted_steps - running


@pytest.mark.parametrize("name", ["ppo", "sac", "td3"])
def test_goes_on_bit_for_bit_while_scouting(point_world, name):
    student, curriculum = build(point_world, limit=3.0, student=name)
    student.advance()
    states = [deepcopy(x.state_dict()) for x in (student, curriculum, curriculum.batch)]
    student.advance()
    other, its = build(point_world, limit=3.0, student=name, follow=False)
    for part, state in zip((other, its, its.batch), states, strict=True):
        part.load_state_dict(state)
    other.follow(its.scouting, its.tasks, its.teacher.update_score)
    other.advance()
    assert all((a == b).all() for a, b in zip(weights(student), weights(other), strict=True))
    assert 0 < its.scouted_steps == curriculum.scouted_steps < other.steps


def test_a_task_may_mean_another(point_world):
    """A teacher of shares of the distance, say."""
    batch = point_world.PointWorld(4)
    teacher = RandomTeacher(TaskSpace.from_bounds({"share": (0.0, 1.0)}), seed=0)
    curriculum = Curriculum(
        batch, teacher, lambda: 0, lambda task: np.array([0.5 + 5.5 * task[0], 0.2])
    )
    curriculum.begin()
    batch.reset()
    np.testing.assert_allclose(batch.tasks[:, 0], 0.5 + 5.5 * curriculum.tasks[:, 0])
    for _ in range(60):
        batch.step(np.zeros((4, 1), dtype=np.float32))
    assert curriculum.log.tasks.shape[1] == 1 and len(curriculum.log) > 0
    assert (curriculum.log.tasks <= 1.0).all()
