import json

import numpy as np
import pytest

from eyas.errors import InputError
from eyas.icrl.histories import Histories, build


def one(length, seed=0, optimal=True):
    rng = np.random.default_rng(seed)
    ended = np.zeros(length, dtype=bool)
    ended[4::5] = True
    steps = {
        "observations": rng.integers(9, size=(length, 2)).astype(np.int8),
        "actions": rng.integers(5, size=length).astype(np.int8),
        "rewards": rng.random(length).astype(np.float32),
        "next_observations": rng.integers(9, size=(length, 2)).astype(np.int8),
        "ended": ended,
    }
    return {**steps, "optimal_actions": steps["actions"]} if optimal else steps


def dataset(lengths=(20, 35, 20), task_of=(0, 1, 0), tasks=((1.0, 2.0), (3.0, 4.0))):
    parts = [one(length, seed) for seed, length in enumerate(lengths)]
    most = np.arange(len(tasks)) + 10.0
    return build(
        parts, task_of, tasks, most, world={"name": "w"}, source={"name": "s"}, extra={"seed": 3}
    )


def test_what_is_saved_is_opened(tmp_path):
    stored = dataset()
    stored.save(tmp_path / "d")
    opened = Histories.open(tmp_path / "d")
    assert (opened.world, opened.source, opened.extra) == ({"name": "w"}, {"name": "s"}, {"seed": 3})
    assert opened.arrays.keys() == stored.arrays.keys()
    for name, array in stored.arrays.items():
        np.testing.assert_array_equal(opened.arrays[name], array)
        assert opened.arrays[name].dtype == array.dtype
    assert isinstance(opened.arrays["rewards"].base, np.memmap)
    with pytest.raises(InputError, match="new or empty"):
        stored.save(tmp_path / "d")


def test_returns_of_episodes():
    histories = dataset(lengths=(12, 4), task_of=(0, 0))
    rewards = histories.history(0)["rewards"].astype(float)
    np.testing.assert_allclose(
        histories.returns(0), [rewards[:5].sum(), rewards[5:10].sum()], rtol=1e-6
    )
    assert histories.returns(1).shape == (0,)  # no episode was finished


def test_windows_lie_within_a_history():
    histories = dataset()
    windows = histories.windows(np.random.default_rng(0), 500, 8)
    assert set(windows.histories) == {0, 1, 2}
    assert (windows.starts >= 0).all() and (
        windows.starts + 8 <= histories.lengths[windows.histories]
    ).all()
    assert windows.starts[windows.histories == 1].max() == 27  # the last that fits is drawn too
    for row in (0, 77, 499):
        begin = windows.starts[row]
        own = histories.history(windows.histories[row])
        for name in (
            "observations",
            "actions",
            "rewards",
            "next_observations",
            "ended",
            "optimal_actions",
        ):
            np.testing.assert_array_equal(getattr(windows, name)[row], own[name][begin : begin + 8])


def test_windows_follow_probabilities():
    histories = dataset()
    drawn = histories.windows(np.random.default_rng(0), 4000, 5, [1.0, 0.0, 3.0]).histories
    np.testing.assert_allclose(np.bincount(drawn, minlength=3) / 4000, [0.25, 0.0, 0.75], atol=0.03)
    # The short histories cannot be drawn, so that longer windows fit.
    assert histories.windows(np.random.default_rng(0), 3, 30, [0.0, 1.0, 0.0]).rewards.shape == (3, 30)


@pytest.mark.parametrize(
    ("length", "probabilities", "message"),
    [
        (21, None, r"length = 21 must be in \[1, 20\]"),
        (0, None, r"length = 0 must be"),
        (5, [1.0, 1.0], "must be 3 finite numbers"),
        (5, [1.0, -1.0, 1.0], "none negative"),
        (5, [np.nan, 1.0, 1.0], "finite"),
        (5, [0.0, 0.0, 0.0], "at least one must be positive"),
    ],
)
def test_windows_that_cannot_be(length, probabilities, message):
    with pytest.raises(InputError, match=message):
        dataset().windows(np.random.default_rng(0), 2, length, probabilities)


def test_join():
    a = dataset()
    b = dataset(lengths=(10, 15), task_of=(1, 0), tasks=((0.0, 0.0), (3.0, 4.0)))
    both = Histories.join([a, b])
    assert both.count == 5 and both.steps == a.steps + b.steps
    np.testing.assert_array_equal(both.tasks, [[1, 2], [3, 4], [0, 0]])
    np.testing.assert_array_equal(both.task_of, [0, 1, 0, 1, 2])
    np.testing.assert_array_equal(both.maximum_returns, [10, 11, 10])
    np.testing.assert_array_equal(both.history(3)["rewards"], b.history(0)["rewards"])
    with pytest.raises(InputError, match="one world"):
        Histories.join([a, Histories(b.arrays, {"name": "other"}, {})])
    with pytest.raises(InputError, match="at least one"):
        Histories.join([])


def test_histories_of_unequal_arrays_are_refused():
    bad = one(10)
    bad["actions"] = bad["actions"][:9]
    with pytest.raises(InputError, match=r"history 1 must have .* of one length"):
        build([one(10), bad], [0, 0], [[0.0]], [1.0], world={}, source={})
    with pytest.raises(InputError, match="history 1"):
        build([one(10), one(10, optimal=False)], [0, 0], [[0.0]], [1.0], world={}, source={})
    with pytest.raises(InputError, match="at least one"):
        build([], [], [[0.0]], [1.0], world={}, source={})


def corrupt(folder, how):
    manifest = json.loads((folder / "manifest.json").read_text())
    if how == "truncated":
        data = (folder / "rewards.npy").read_bytes()
        (folder / "rewards.npy").write_bytes(data[:-40])
    elif how == "lies":
        manifest["arrays"]["rewards"]["shape"] = [7]
    elif how == "missing":
        (folder / "actions.npy").unlink()
    elif how == "pickled":
        np.save(folder / "tasks.npy", np.array([{"a": 1}], dtype=object))
    elif how == "offsets":
        np.save(folder / "offsets.npy", np.array([0, 20, 10, 75]))
    elif how == "tasks":
        np.save(folder / "task_of.npy", np.array([0, 1, 2]))
    elif how == "version":
        manifest["version"] = 99
    elif how == "kind":
        manifest["kind"] = "something"
    elif how == "unknown":
        manifest["arrays"]["thoughts"] = manifest["arrays"]["rewards"]
    elif how == "unlisted":
        del manifest["arrays"]["ended"]
    (folder / "manifest.json").write_text("{" if how == "json" else json.dumps(manifest))


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("truncated", "rewards.npy is truncated"),
        ("lies", r"rewards.npy has shape \[75\] and type float32, the manifest says"),
        ("missing", "actions.npy is missing"),
        ("pickled", "tasks.npy is truncated or not an array"),
        ("offsets", "offsets must rise"),
        ("tasks", "task_of must hold rows of tasks, 0 to 1"),
        ("version", "version 99"),
        ("kind", "not a manifest"),
        ("unknown", "no array called 'thoughts'"),
        ("unlisted", "array ended is missing"),
        ("json", "is not JSON"),
    ],
)
def test_a_corrupt_dataset_is_refused(tmp_path, how, message):
    dataset().save(tmp_path / "d")
    corrupt(tmp_path / "d", how)
    with pytest.raises(InputError, match=message):
        Histories.open(tmp_path / "d")


def test_no_dataset(tmp_path):
    with pytest.raises(InputError, match=r"manifest.json is missing"):
        Histories.open(tmp_path)
