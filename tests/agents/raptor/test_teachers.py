import dataclasses
import json
import os
import signal

import numpy as np
import pytest

from eyas.agents.raptor import teachers as command
from eyas.agents.raptor.teacher_set import load_teachers, shard_path
from eyas.agents.raptor.teacher_shard import ShardTask, shard_sample, train_shard
from eyas.agents.raptor.teachers import train_teachers
from eyas.agents.raptor.teachers_config import TeachersConfig, TeacherTrainingConfig
from eyas.envs.quadrotor.distribution import RaptorSample
from eyas.envs.quadrotor.env import PRESETS, QuadrotorBatch
from eyas.errors import InputError
from eyas.runs import Run

SMALL = TeachersConfig(
    count=3,
    shard=2,
    updates=3,
    base_updates=3,
    quiet=True,
    training=TeacherTrainingConfig(horizon=8, base_blocks=1),
)


def config(folder, **changes):
    return dataclasses.replace(SMALL, out=folder, **changes)


def assert_same(one, other):
    assert one.airframes.names == other.airframes.names
    np.testing.assert_array_equal(one.airframes.mass, other.airframes.mass)
    np.testing.assert_array_equal(one.returns, other.returns)
    np.testing.assert_array_equal(one.offsets, other.offsets)
    for name, array in one.weights.items():
        np.testing.assert_array_equal(array, other.weights[name])


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("teachers") / "run"
    assert train_teachers(config(folder)) == 0
    return folder


def test_a_run_leaves_teachers_metrics_and_a_summary(finished, capsys):
    teachers = load_teachers(finished)
    assert len(teachers) == 3
    lines = [json.loads(line) for line in (finished / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [0, 1, 2]
    np.testing.assert_allclose([line["teacher/return"] for line in lines], teachers.returns)
    summary = json.loads((finished / "summary.json").read_text())
    assert summary["near"]["return"] == pytest.approx(teachers.returns.mean())
    assert sum(row["teachers"] for row in summary["bins"]["mass"]) == 3
    with Run.open(finished) as run:
        assert run.status == "finished"


def test_a_killed_run_goes_on_to_the_same_teachers(finished, tmp_path):
    folder = tmp_path / "run"
    assert train_teachers(config(folder)) == 0
    # As a kill leaves it: a shard is missing, its metrics are not all there, a file is half-written.
    shard_path(folder, 1).unlink()
    (folder / "state.json").unlink()
    (folder / "summary.json").unlink()
    (folder / "metrics.jsonl").write_text('{"step": 0, "time": 0, "teacher/return": 1}\n{"step"')
    before = shard_path(folder, 0).stat().st_mtime_ns
    assert train_teachers(TeachersConfig(resume=folder, quiet=True)) == 0
    assert shard_path(folder, 0).stat().st_mtime_ns == before
    assert_same(load_teachers(folder), load_teachers(finished))
    assert len((folder / "metrics.jsonl").read_text().splitlines()) == 3


def test_a_signal_ends_the_run_and_it_can_be_taken_up(finished, tmp_path, monkeypatch, capsys):
    folder = tmp_path / "run"
    real = command.save_shard

    def interrupted(*arguments):
        real(*arguments)
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(command, "save_shard", interrupted)
    assert train_teachers(config(folder)) == 130
    assert f"--resume {folder}" in capsys.readouterr().out
    assert not shard_path(folder, 1).exists()
    monkeypatch.undo()
    assert train_teachers(TeachersConfig(resume=folder, quiet=True)) == 0
    assert_same(load_teachers(folder), load_teachers(finished))


def test_workers_of_ray_make_the_same_teachers(finished, tmp_path):
    assert train_teachers(config(tmp_path / "run", workers=2)) == 0
    assert_same(load_teachers(tmp_path / "run"), load_teachers(finished))


def test_a_shard_does_not_depend_on_the_others():
    alone = dataclasses.replace(SMALL, count=4, warm_start=False)
    more = dataclasses.replace(alone, count=40)
    assert_same(train_shard(ShardTask(alone, 1, None)), train_shard(ShardTask(more, 1, None)))
    first, second = shard_sample(more, 0), shard_sample(more, 1)
    assert not np.isin(first.airframes.mass, second.airframes.mass).any()
    other = dataclasses.replace(more, seed=1)
    assert not np.isin(first.airframes.mass, shard_sample(other, 0).airframes.mass).any()


@pytest.fixture(scope="module")
def trained():
    """Two teachers after a hundred updates from random weights."""
    training = TeacherTrainingConfig(horizon=30)
    some = dataclasses.replace(SMALL, warm_start=False, training=training, updates=100)
    return train_shard(ShardTask(some, 0, None))


def test_training_pays(trained):
    """Fresh networks crash."""
    some = dataclasses.replace(SMALL, warm_start=False, updates=1)
    fresh = train_shard(ShardTask(some, 0, None))
    assert (trained.returns > fresh.returns + 50).all()


@pytest.mark.parametrize("start", ["raptor", "raptor-teacher"])
def test_teachers_earn_in_the_world_what_they_are_said_to_earn(trained, start):
    copies, count = 256, len(trained)
    sample = RaptorSample(
        airframes=trained.airframes,
        disturbance_force_std=trained.disturbance_force_std,
        position_threshold=trained.position_threshold,
        max_position=trained.max_position,
    )
    world = QuadrotorBatch(
        count * copies, airframes=sample, **PRESETS["raptor-teacher"] | {"start": start}
    )
    rows = np.repeat(np.arange(count), copies)[:, None]
    observations = world.reset(seed=0, tasks=rows)
    alive, returns = np.ones(count * copies, bool), np.zeros(count * copies)
    for _ in range(500):
        actions = trained.actions(observations.reshape(count, copies, 26)).reshape(-1, 4)
        world.step(actions)
        observations = world.observations
        returns += alive * world.rewards
        alive &= ~world.terminated
    returns = returns.reshape(count, copies)
    near = start == "raptor"
    said = trained.returns if near else trained.wide_returns
    ended = trained.terminated if near else trained.wide_terminated
    # Both are means over drawn episodes, 128 of them on the teachers' side.
    error = returns.std(axis=1) * np.sqrt(1 / 128 + 1 / copies)
    assert (np.abs(returns.mean(axis=1) - said) < 5 * error).all()
    assert np.abs(1 - alive.reshape(count, copies).mean(axis=1) - ended).max() < 0.2


def test_bad_settings_are_refused(finished, tmp_path):
    with pytest.raises(InputError, match="count = 0 is not"):
        train_teachers(config(tmp_path / "run", count=0))
    with pytest.raises(InputError, match="horizon = 0 is not"):
        bad = TeacherTrainingConfig(horizon=0)
        train_teachers(config(tmp_path / "run", training=bad))
    with pytest.raises(InputError, match="exists and is not empty"):
        train_teachers(config(finished))
    with pytest.raises(InputError, match="address = nowhere leads to no Ray cluster"):
        train_teachers(config(tmp_path / "lost", workers=2, address="nowhere"))
    with pytest.raises(InputError, match="updates = 7 contradicts the run"):
        train_teachers(TeachersConfig(resume=finished, updates=7))
    assert not (tmp_path / "run").exists()
    with Run.create(tmp_path / "other", {}, [], job="train walker"):
        pass
    with pytest.raises(InputError, match="is a 'train walker' run"):
        train_teachers(TeachersConfig(resume=tmp_path / "other"))
