"""``eyas train walker`` and ``eyas evaluate``, on the real walker but for a moment only."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from eyas import InputError
from eyas.agents.config import EvaluateConfig, StudentConfig, TrainWalkerConfig
from eyas.agents.evaluate import evaluate
from eyas.agents.train_walker import train
from eyas.agents.walker_world import walker_world
from eyas.envs.walker.bodies_teachmyagent import BODIES
from eyas.envs.walker.terrain import TERRAINS
from eyas.policies.policy import load_policy
from eyas.runs import Run

SMALL = TrainWalkerConfig(
    steps=3000,
    copies=8,
    threads=1,
    evaluate_every=100_000,
    checkpoint_every=1000,
    figures=False,
    quiet=True,
    # A constant learning rate, so that raising the steps later changes nothing before.
    student_config=StudentConfig(
        hidden=(16,), n_steps=64, minibatch=128, epochs=2, final_learning_rate=1.0
    ),
)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"steps": 0}, "steps = 0"),
        ({"steps": "abc"}, "steps = 'abc'"),
        ({"copies": 0}, "copies = 0"),
        ({"seed": -1}, "seed = -1"),
        ({"evaluate_every": 0}, "evaluate_every = 0"),
        ({"checkpoint_every": -5}, "checkpoint_every = -5"),
        ({"threads": -1}, "threads = -1"),
        ({"terrain": "moon"}, "terrain = 'moon'.*stump-tracks"),
        ({"body": "snake"}, "body = 'snake'.*spider"),
        ({"solver": "exact"}, "solver = 'exact'.*box2d"),
        ({"teacher": "nobody"}, "teacher = 'nobody'.*alp-gmm"),
        ({"teacher_preset": "mine"}, "teacher_preset = 'mine'.*published"),
        ({"student": "dqn"}, "student = 'dqn'.*ppo"),
        ({"teacher": "oracle", "terrain": "obstacle-course"}, "oracle"),
        ({"student_config": StudentConfig(learning_rate=0.0)}, "learning_rate = 0"),
        ({"student_config": StudentConfig(learning_rate=float("nan"))}, "learning_rate = nan"),
        ({"student_config": StudentConfig(gamma=1.5)}, "gamma = 1.5"),
        ({"student_config": StudentConfig(minibatch=1)}, "minibatch = 1"),
        ({"student_config": StudentConfig(hidden=())}, "hidden"),
        ({"student_config": StudentConfig(hidden=(0,))}, "hidden = 0"),
    ],
)
def test_bad_settings_are_refused_before_anything_is_written(changes, words, tmp_path):
    config = dataclasses.replace(SMALL, out=tmp_path / "run", **changes)
    with pytest.raises(InputError, match=words) as refusal:
        train(config)
    assert "\n" not in str(refusal.value)
    assert not (tmp_path / "run").exists()


def test_used_folder_is_refused_and_kept(tmp_path):
    (tmp_path / "mine.txt").write_text("precious")
    with pytest.raises(InputError, match="not empty"):
        train(dataclasses.replace(SMALL, out=tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("walker") / "run"
    assert train(dataclasses.replace(SMALL, out=folder)) == 0
    return folder


def lines_of(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def test_run_folder_is_complete(trained):
    with Run.open(trained) as run:
        assert run.status == "finished"
        assert run.record["job"] == "train walker"
        assert run.config_as(TrainWalkerConfig).student_config == SMALL.student_config
        assert run.latest_checkpoint() is not None
    policy = load_policy(trained / "policy.safetensors")
    assert policy.metadata["rate_hz"] == 50
    names = [entry["name"] for entry in policy.metadata["observation"]]
    assert len(names) == len(set(names)) == policy.observation_size == 24
    assert len(policy.metadata["action"]) == policy.action_size == 4
    assert policy.metadata["origin"]["steps"] == lines_of(trained)[-1]["step"] >= 3000


def test_evaluate_repeats_the_last_test(trained, capsys):
    assert evaluate(EvaluateConfig(run=trained, json=True)) == 0
    result = json.loads(capsys.readouterr().out)
    last = lines_of(trained)[-1]
    assert result["mean_return"] == last["test/mean_return"]
    assert result["mastered"] == last["test/mastered"]
    assert result["episodes"] == 50


def test_evaluate_other_tracks_and_table(trained, capsys):
    config = EvaluateConfig(
        run=trained, tracks="uniform", episodes=6, seed=3, solver="box2d", policy="best"
    )
    assert evaluate(config) == 0
    text = capsys.readouterr().out
    assert "stump_height" in text and "box2d" in text and "mastered" in text


def test_evaluate_refuses_what_is_no_trained_walker(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        evaluate(EvaluateConfig(run=tmp_path / "nothing"))
    Run.create(tmp_path / "other", {}, [], job="something else").close()
    with pytest.raises(InputError, match="something else"):
        evaluate(EvaluateConfig(run=tmp_path / "other"))
    Run.create(tmp_path / "new", SMALL, [], job="train walker").close()
    with pytest.raises(InputError, match="no policy"):
        evaluate(EvaluateConfig(run=tmp_path / "new"))
    (tmp_path / "new" / "policy.safetensors").write_bytes(b"garbage")
    with pytest.raises(InputError, match=r"policy\.safetensors"):
        evaluate(EvaluateConfig(run=tmp_path / "new"))
    with pytest.raises(InputError, match="episodes = 0"):
        evaluate(EvaluateConfig(run=tmp_path / "new", episodes=0))


def test_resume_equals_uninterrupted(trained, tmp_path):
    folder = tmp_path / "run"
    assert train(dataclasses.replace(SMALL, out=folder, steps=1500)) == 0
    assert (
        train(TrainWalkerConfig(resume=folder, steps=3000, figures=False, quiet=True, threads=1)) == 0
    )
    ours, theirs = (load_policy(path / "policy.safetensors") for path in (folder, trained))
    assert all(map(np.array_equal, ours.weights + ours.biases, theirs.weights + theirs.biases))
    assert lines_of(folder)[-1]["test/mean_return"] == lines_of(trained)[-1]["test/mean_return"]
    with pytest.raises(InputError, match="less"):
        train(TrainWalkerConfig(resume=folder, steps=10, quiet=True))
    with pytest.raises(InputError, match="terrain"):
        train(TrainWalkerConfig(resume=folder, terrain="plain", quiet=True))


@pytest.mark.parametrize("terrain", TERRAINS)
def test_every_terrain_has_a_test_set_and_tracks_to_film(terrain):
    world = walker_world(terrain, "default", "fast", 1)
    assert len(world.test_tasks) == 50
    for tasks in (world.test_tasks, np.stack(list(world.showcase.values()))):
        for task in tasks:
            TERRAINS[terrain].task_space.validate(task)
    json.dumps(world.description)


@pytest.mark.parametrize("body", BODIES)
def test_layout_names_every_observation_and_action(body):
    description = walker_world("stump-tracks", body, "fast", 1).description
    assert len(description["observation"]) == 4 + BODIES[body].state_size + 10
    assert len(description["action"]) == BODIES[body].action_size
