import json

import numpy as np
import pytest

from eyas.agents.raptor.teacher_set import (
    Teachers,
    load_teachers,
    save_shard,
    shard_path,
    write_manifest,
)
from eyas.envs.quadrotor.distribution import raptor_airframes
from eyas.errors import InputError


def some_teachers(count, seed=0):
    rng = np.random.default_rng(seed)
    sample = raptor_airframes(rng, count)
    shapes = {
        "weight_1": (64, 26), "bias_1": (64,), "weight_2": (64, 64), "bias_2": (64,),
        "weight_3": (4, 64), "bias_3": (4,),
    }  # fmt: skip
    names = ("returns", "terminated", "wide_returns", "wide_terminated", "seconds")
    return Teachers(
        airframes=sample.airframes,
        weights={n: rng.normal(0, 0.3, (count, *s)).astype(np.float32) for n, s in shapes.items()},
        disturbance_force_std=sample.disturbance_force_std,
        position_threshold=sample.position_threshold,
        max_position=sample.max_position,
        offsets=rng.normal(size=(count, 3)),
        **{name: rng.uniform(0, 1, count) for name in names},
    )


def test_actions_are_those_of_the_network_written_out():
    teachers = some_teachers(3)
    observations = np.random.default_rng(1).normal(size=(3, 5, 26)).astype(np.float32)
    actions = teachers.actions(observations)
    assert actions.shape == (3, 5, 4) and actions.dtype == np.float32
    w = {name: array[2].astype(np.float64) for name, array in teachers.weights.items()}
    x = np.tanh(w["weight_1"] @ observations[2, 4] + w["bias_1"])
    x = np.tanh(w["weight_2"] @ x + w["bias_2"])
    np.testing.assert_allclose(actions[2, 4], np.tanh(w["weight_3"] @ x + w["bias_3"]), atol=1e-5)
    np.testing.assert_array_equal(teachers.actions(observations[[2, 0]], [2, 0]), actions[[2, 0]])


def test_files_give_back_what_was_saved(tmp_path):
    teachers = some_teachers(5)
    write_manifest(tmp_path, seed=3, count=5, shard_size=2)
    for shard in range(3):
        save_shard(tmp_path, shard, teachers.select(np.arange(5)[2 * shard : 2 * shard + 2]))
    loaded = load_teachers(tmp_path)
    assert loaded.airframes.names == teachers.airframes.names
    np.testing.assert_array_equal(loaded.airframes.inertia, teachers.airframes.inertia)
    for name, array in teachers.weights.items():
        np.testing.assert_array_equal(loaded.weights[name], array)
    np.testing.assert_array_equal(loaded.offsets, teachers.offsets)
    np.testing.assert_array_equal(load_teachers(tmp_path, 3).returns, teachers.returns[:3])


def test_an_unfinished_folder_gives_the_teachers_it_has(tmp_path):
    teachers = some_teachers(2)
    write_manifest(tmp_path, seed=0, count=4, shard_size=2)
    save_shard(tmp_path, 0, teachers)
    assert len(load_teachers(tmp_path, 2)) == 2
    with pytest.raises(InputError, match="lacks 1 of 2 shards"):
        load_teachers(tmp_path)


def test_bad_folders_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"there is no teachers\.json"):
        load_teachers(tmp_path)
    write_manifest(tmp_path, seed=0, count=2, shard_size=2)
    with pytest.raises(InputError, match="count = 3 must be from 1 to the 2"):
        load_teachers(tmp_path, 3)
    shard_path(tmp_path, 0).write_bytes(b"nothing of the kind")
    with pytest.raises(InputError, match="is corrupt"):
        load_teachers(tmp_path)
    save_shard(tmp_path, 1, some_teachers(2))
    shard_path(tmp_path, 1).rename(shard_path(tmp_path, 0))
    with pytest.raises(InputError, match="holds shard 1"):
        load_teachers(tmp_path)
    (tmp_path / "teachers.json").write_text(json.dumps({"kind": "something else"}))
    with pytest.raises(InputError, match="is not a manifest"):
        load_teachers(tmp_path)


def test_bad_arrays_are_refused():
    teachers = some_teachers(2)
    with pytest.raises(InputError, match=r"observations have shape \(3, 1, 26\)"):
        teachers.actions(np.zeros((3, 1, 26), np.float32))
    teachers.weights["bias_2"][1, 5] = np.nan
    with pytest.raises(InputError, match="bias_2 is not finite for teacher 1"):
        teachers.select([0, 1])
