"""A teacher on disk: complete or not at all, and nothing in a file is trusted."""

import copy
import json
import os

import numpy as np
import pytest
from safetensors.numpy import save_file

from eyas.curricula import TEACHERS, load_teacher, make_teacher, save_teacher
from eyas.curricula.registry import world_settings
from eyas.envs.tasks import TaskSpace
from eyas.errors import InputError

SPACE = TaskSpace.from_bounds({"stump_height": (0.0, 3.0), "obstacle_spacing": (0.0, 6.0)})
QUICK = {
    "alp-gmm": {"fit_every": 30, "max_components": 3, "history": 40, "newest_twin": False},
    "covar-gmm": {"fit_every": 30, "max_components": 3},
    "riac": {"region_size": 20},
}


def trained(name, episodes=75):
    needed = world_settings(name, "eyas", 0.5)
    teacher = make_teacher(name, SPACE, seed=4, **QUICK.get(name, {}), **needed)
    rng = np.random.default_rng(0)
    for _ in range(episodes):
        teacher.update(teacher.sample(), float(rng.normal()))
    return teacher


@pytest.mark.parametrize("name", TEACHERS)
@pytest.mark.parametrize("episodes", [0, 75])
def test_a_file_holds_all_of_a_teacher(tmp_path, name, episodes):
    teacher = trained(name, episodes)
    path = tmp_path / "teacher.safetensors"
    save_teacher(path, teacher)
    loaded = load_teacher(path, SPACE)
    assert loaded.settings == teacher.settings and loaded.episodes == episodes
    for episode in range(70):
        task = teacher.sample()
        np.testing.assert_array_equal(task, loaded.sample())
        teacher.update(task, float(episode))
        loaded.update(task, float(episode))
    assert os.listdir(tmp_path) == ["teacher.safetensors"]


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "teacher.safetensors"
    save_teacher(path, trained("random"))
    before = path.read_bytes()

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(InputError, match="No space left on device"):
        save_teacher(path, trained("riac"))
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["teacher.safetensors"]


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(InputError, match="nowhere"):
        save_teacher(tmp_path / "nowhere" / "teacher.safetensors", trained("random"))


def test_files_that_are_no_teachers(tmp_path):
    path = tmp_path / "file"
    with pytest.raises(InputError, match="file"):
        load_teacher(path, SPACE)
    with pytest.raises(InputError):
        load_teacher(tmp_path, SPACE)
    for content in (b"", b"PK\x03\x04 something else", b"\xff" * 200):
        path.write_bytes(content)
        with pytest.raises(InputError, match="not a teacher file"):
            load_teacher(path, SPACE)
    save_file({"weights": np.zeros(3)}, path)
    with pytest.raises(InputError, match="not a teacher's"):
        load_teacher(path, SPACE)
    for header in ("{", "[]", "{}", json.dumps({"version": 1}), json.dumps({"a": {"$array": "gone"}})):
        save_file({"weights": np.zeros(3)}, path, metadata={"eyas-teacher": header})
        with pytest.raises(InputError):
            load_teacher(path, SPACE)


@pytest.mark.parametrize("name", ["alp-gmm", "riac"])
def test_a_damaged_file_is_refused_or_equal(tmp_path, name):
    """Cutting a file short or flipping bits in its header never crashes."""
    path = tmp_path / "teacher.safetensors"
    save_teacher(path, trained(name))
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    header = int.from_bytes(whole[:8], "little") + 8
    for _ in range(150):
        damaged = bytearray(whole)
        damaged[int(rng.integers(header))] ^= 1 << int(rng.integers(8))
        path.write_bytes(damaged)
        try:
            load_teacher(path, SPACE).sample()
        except InputError as error:
            assert "\n" not in str(error)
    for length in rng.integers(len(whole), size=20):
        path.write_bytes(whole[:length])
        with pytest.raises(InputError):
            load_teacher(path, SPACE)


WRONG = {
    "missing": ...,
    "none": None,
    "text": "text",
    "negative": -3,
    "list": [1.0],
    "array": np.array([np.nan, 1.0]),
    "empty": {},
}


def leaves(state, path=()):
    for key, value in state.items():
        yield (*path, key)
        if isinstance(value, dict):
            yield from leaves(value, (*path, key))


def replaced(state, path, value):
    changed = copy.deepcopy(state)
    level = changed
    for key in path[:-1]:
        level = level[key]
    if value is ...:
        del level[path[-1]]
    else:
        level[path[-1]] = value
    return changed


@pytest.mark.parametrize("name", TEACHERS)
def test_every_field_of_a_state_is_checked(name):
    """A state with any field missing or of another kind is refused and leaves the teacher as it was."""
    state = trained(name).state_dict()
    teacher = trained(name, 10)
    expected = trained(name, 10)
    for path in leaves(state):
        for kind, value in WRONG.items():
            harmless = (
                (kind == "empty" and path == ("memory", "mixture"))  # none fitted yet
                or (kind == "empty" and path == ("memory",) and name == "random")  # remembers nothing
                or (
                    kind == "none"
                    and path[0] == "settings"
                    and state["settings"].get(path[-1], 0) is None
                )
            )
            if harmless:
                continue
            with pytest.raises(InputError, match="teacher state"):
                teacher.load_state_dict(replaced(state, path, value))
    np.testing.assert_array_equal(teacher.sample(), expected.sample())


def test_a_foreign_state_is_refused_by_what_is_foreign():
    state = trained("riac").state_dict()
    other_space = TaskSpace.from_bounds({"stump_height": (0.0, 3.0), "obstacle_spacing": (0.0, 5.0)})
    other_names = TaskSpace.from_bounds({"stump_height": (0.0, 3.0), "roughness": (0.0, 6.0)})
    with pytest.raises(InputError, match="alp-gmm"):
        make_teacher("alp-gmm", SPACE, seed=0).load_state_dict(state)
    with pytest.raises(InputError, match="region_size = 20, this teacher has 200"):
        make_teacher("riac", SPACE, seed=0, region_size=200).load_state_dict(state)
    with pytest.raises(InputError, match="high bound 6 of obstacle_spacing, this world has 5"):
        make_teacher("riac", other_space, seed=0, **QUICK["riac"]).load_state_dict(state)
    with pytest.raises(InputError, match="roughness"):
        make_teacher("riac", other_names, seed=0, **QUICK["riac"]).load_state_dict(state)
    state["version"] = 2
    with pytest.raises(InputError, match="version"):
        make_teacher("riac", SPACE, seed=0, **QUICK["riac"]).load_state_dict(state)


def test_a_tree_that_is_none_is_refused():
    state = trained("riac").state_dict()
    teacher = trained("riac", 0)
    parents = np.flatnonzero(state["memory"]["axis"] >= 0)
    assert len(parents)
    state["memory"]["first_child"][parents[-1]] = 0  # a loop
    with pytest.raises(InputError, match="not a tree"):
        teacher.load_state_dict(state)
