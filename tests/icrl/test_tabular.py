import numpy as np
import pytest

from eyas.envs.dark.env import DarkBatch
from eyas.envs.dark.rules import ROOMS, split_tasks
from eyas.errors import InputError
from eyas.icrl.tabular import QLearning, collect_q_learning


@pytest.mark.parametrize("name", ROOMS)
def test_histories_replay_in_the_world(name):
    """What was recorded is what the world does with those actions, and what it would advise."""
    tasks = split_tasks(ROOMS[name])[0][:6]
    settings = QLearning(episodes=40, keep_every=8, random_share=0.5)
    histories = collect_q_learning(name, tasks, histories_per_task=2, seed=3, settings=settings)
    assert histories.count == 12 and set(histories.lengths) == {5 * ROOMS[name].horizon}
    batch = DarkBatch(12, room=name)
    batch.reset(tasks=histories.tasks[histories.task_of])
    own = [histories.history(i) for i in range(12)]
    for step in range(int(histories.lengths[0])):
        for copy, one in enumerate(own):
            assert one["observations"][step].tolist() == batch.observations[copy].tolist()
        assert [one["optimal_actions"][step] for one in own] == batch.optimal_actions().tolist()
        _, rewards, *_, episodes = batch.step(np.array([one["actions"][step] for one in own]))
        assert [one["rewards"][step] for one in own] == rewards.tolist()
        last = batch.final_observations if episodes is not None else batch.observations
        assert [one["next_observations"][step].tolist() for one in own] == last.tolist()
        assert {bool(one["ended"][step]) for one in own} == {episodes is not None}


def test_runs_learn_and_random_ones_do_not():
    train = split_tasks(ROOMS["darkroom"])[0]
    settings = QLearning(random_share=0.3)
    histories = collect_q_learning("darkroom", train, histories_per_task=10, seed=0, settings=settings)
    returns = np.array([histories.returns(i) for i in range(histories.count)])
    place = np.tile(np.arange(10), len(train))
    learning, noise = returns[place < 7], returns[place >= 7]
    assert learning.shape == (7 * 73, 50)
    assert learning[:, :5].mean() < 1.0 and learning[:, -5:].mean() > 14.0  # the source curve
    assert noise.mean() < 1.0 and abs(noise[:, :25].mean() - noise[:, 25:].mean()) < 0.2
    best = histories.maximum_returns[histories.task_of]
    assert (returns <= best[:, None]).all()


def test_seeds():
    tasks = split_tasks(ROOMS["darkroom"])[0][:2]
    one, same, other = (
        collect_q_learning("darkroom", tasks, histories_per_task=3, seed=seed) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(one.arrays["actions"], same.arrays["actions"])
    assert (one.arrays["actions"] != other.arrays["actions"]).any()
    first, second = one.history(0), one.history(1)
    assert (first["actions"] != second["actions"]).any()  # runs of one task are independent


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"episodes": 3}, "episodes = 3 and keep_every = 10"),
        ({"random_share": 1.5}, r"random_share = 1.5 must be in \[0, 1\]"),
    ],
)
def test_settings_that_cannot_be(changes, message):
    with pytest.raises(InputError, match=message):
        QLearning(**changes)


def test_no_histories():
    with pytest.raises(InputError, match="must be at least 1"):
        collect_q_learning("darkroom", np.zeros((1, 2)), histories_per_task=0, seed=0)
