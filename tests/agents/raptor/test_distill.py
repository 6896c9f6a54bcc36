"""The command: both methods from start to resume, and what it refuses."""

import dataclasses

import numpy as np
import pytest

from eyas.agents.raptor.distill import distill
from eyas.agents.raptor.distill_config import DistillConfig, resumed_config, started_config
from eyas.agents.raptor.gradient import POLICY
from eyas.agents.raptor.gradient_config import GradientConfig
from eyas.agents.raptor.imitation_config import RECIPES, ImitationOptions, choose_recipe
from eyas.agents.raptor.teacher_set import Teachers, save_shard, write_manifest
from eyas.bounds import check
from eyas.cli import main
from eyas.envs.quadrotor.distribution import raptor_airframes
from eyas.errors import InputError
from eyas.policies.recurrent_policy import load_recurrent_policy
from eyas.records import from_json, to_json
from eyas.runs import Run

GRADIENT = DistillConfig(
    quiet=True, gradient=GradientConfig(vehicles=128, horizon=10, hidden=8, pool=32, updates=4)
)
IMITATION = DistillConfig(
    method="imitation",
    quiet=True,
    epochs=3,
    imitation=ImitationOptions(teachers_per_epoch=2, rows=16, hidden=8, cloning_epochs=1),
)


@pytest.fixture
def teachers(tmp_path):
    folder = tmp_path / "teachers"
    folder.mkdir()
    count, rng = 4, np.random.default_rng(0)
    sample = raptor_airframes(rng, count)
    shapes = {
        "weight_1": (64, 26), "bias_1": (64,), "weight_2": (64, 64), "bias_2": (64,),
        "weight_3": (4, 64), "bias_3": (4,),
    }  # fmt: skip
    figures = ("returns", "terminated", "wide_returns", "wide_terminated", "seconds")
    some = Teachers(
        airframes=sample.airframes,
        weights={n: rng.normal(0, 0.1, (count, *s)).astype(np.float32) for n, s in shapes.items()},
        disturbance_force_std=sample.disturbance_force_std,
        position_threshold=sample.position_threshold,
        max_position=sample.max_position,
        offsets=np.zeros((count, 3)),
        **{name: np.zeros(count) for name in figures},
    )
    write_manifest(folder, seed=0, count=count, shard_size=count)
    save_shard(folder, 0, some)
    return folder


def test_defaults_and_started_configs_survive_json(teachers):
    check(DistillConfig())
    imitation = dataclasses.replace(IMITATION, teachers=teachers)
    for config in (DistillConfig(), started_config(GRADIENT), started_config(imitation)):
        assert from_json(DistillConfig, to_json(config)) == config


def test_options_and_recipes_have_the_same_fields():
    options = {field.name for field in dataclasses.fields(ImitationOptions)}
    recipe = {field.name for field in dataclasses.fields(RECIPES["eyas"])}
    assert recipe == options | {"epochs"}
    changed = choose_recipe("raptor", ImitationOptions(noise=0.5, learn_memory=True), 7)
    expected = dataclasses.replace(RECIPES["raptor"], noise=0.5, learn_memory=True, epochs=7)
    assert changed == expected


def test_a_new_run_has_everything_filled_in(teachers):
    config = started_config(dataclasses.replace(IMITATION, teachers=teachers, preset="raptor"))
    assert config.imitation.learning_rate == 1e-4 and config.imitation.hidden == 8
    assert config.epochs == 3
    config = started_config(dataclasses.replace(GRADIENT, steps=2000))
    assert (config.gradient.updates, config.steps) == (2, 2560)
    assert started_config(GRADIENT).steps == 4 * 1280


@pytest.mark.parametrize("method", ["gradient", "imitation"])
def test_from_start_to_longer(method, tmp_path, teachers, capsys):
    given = GRADIENT if method == "gradient" else dataclasses.replace(IMITATION, teachers=teachers)
    assert distill(dataclasses.replace(given, out=tmp_path / "run", seed=4)) == 0
    assert str(tmp_path / "run" / POLICY) in capsys.readouterr().out
    first = load_recurrent_policy(tmp_path / "run" / POLICY)
    assert first.hidden_size == 8 and first.metadata["origin"]["seed"] == 4
    longer = DistillConfig(resume=tmp_path / "run", quiet=True)
    longer = dataclasses.replace(
        longer, **({"steps": 8 * 1280} if method == "gradient" else {"epochs": 5})
    )
    assert distill(longer) == 0
    with Run.open(tmp_path / "run") as run:
        assert run.status == "finished"
        assert run.config_as(DistillConfig).seed == 4
    second = load_recurrent_policy(tmp_path / "run" / POLICY)
    assert second.metadata["origin"]["steps"] > first.metadata["origin"]["steps"]


def test_either_method_starts_from_a_policy_of_the_other(tmp_path, teachers):
    assert distill(dataclasses.replace(GRADIENT, out=tmp_path / "a")) == 0
    policy = tmp_path / "a" / POLICY
    given = dataclasses.replace(IMITATION, teachers=teachers, start=policy, out=tmp_path / "b")
    assert distill(given) == 0
    given = dataclasses.replace(GRADIENT, start=tmp_path / "b" / POLICY, out=tmp_path / "c")
    assert distill(given) == 0


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (DistillConfig(method="imitation"), "method = imitation needs teachers"),
        (DistillConfig(preset="raptor"), "preset = raptor is for method = imitation"),
        (DistillConfig(epochs=3), "epochs = 3 is for method = imitation"),
        (DistillConfig(imitation=ImitationOptions(noise=1.0)), "settings of imitation were given"),
        (DistillConfig(gradient=GradientConfig(vehicles=130)), "vehicles = 130 must be a multiple of 128"),
        (DistillConfig(gradient=GradientConfig(hidden=10)), "hidden = 10 must be a multiple of 4"),
        (DistillConfig(method="evolution"), "method = 'evolution' is not one of"),
        (DistillConfig(threads=0), "threads = 0 is not a whole number from 1"),
        (DistillConfig(start="nowhere"), "there is no file .*nowhere"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_refused_before_anything_is_written(given, told, tmp_path):
    with pytest.raises(InputError, match=told):
        distill(dataclasses.replace(given, out=tmp_path / "run"))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"steps": 1000}, "steps = 1000 is for method = gradient"),
        ({"gradient": GradientConfig(updates=3)}, "settings of gradient were given"),
        ({"imitation": ImitationOptions(teacher_count=5)}, "count = 5 must be from 1 to the 4"),
        ({"imitation": ImitationOptions(delay=(0, 0, 0, 0))}, "delay .* a share above 0"),
        ({"imitation": ImitationOptions(wandering=0.8, curves=0.3)}, "must not exceed 1 together"),
        ({"imitation": ImitationOptions(hidden=6)}, "hidden = 6 must be a multiple of 4"),
    ],
)
def test_bad_imitations_are_refused(changes, told, tmp_path, teachers):
    config = DistillConfig(method="imitation", teachers=teachers, out=tmp_path / "run")
    with pytest.raises(InputError, match=told):
        distill(dataclasses.replace(config, **changes))
    assert not (tmp_path / "run").exists()


def test_resuming_refuses_contradictions(teachers):
    stored = started_config(dataclasses.replace(IMITATION, teachers=teachers, seed=2))
    assert resumed_config(DistillConfig(quiet=True), stored) == stored
    assert resumed_config(DistillConfig(threads=3, epochs=9), stored).epochs == 9
    for given, told in (
        (DistillConfig(seed=3), "seed = 3 contradicts .* seed = 2"),
        (DistillConfig(epochs=2), "epochs = 2 is less than the 3"),
        (DistillConfig(steps=10), "steps = 10 is not for method = imitation"),
        (
            DistillConfig(imitation=ImitationOptions(noise=0.3)),
            "noise = 0.3 contradicts .* noise = 1.2",
        ),
    ):
        with pytest.raises(InputError, match=told):
            resumed_config(given, stored)


def test_the_command_line(tmp_path, capsys, teachers):
    out = str(tmp_path / "run")
    words = ["raptor", "distill", "--method", "imitation", "--teachers", str(teachers), "--out", out]
    options = ["--epochs", "2", "--imitation.rows", "16", "--imitation.teachers-per-epoch", "2"]
    assert main([*words, *options, "--imitation.errors", "False", "--quiet"]) == 0
    with Run.open(tmp_path / "run") as run:
        stored = run.config_as(DistillConfig)
    assert stored.imitation.errors is False and stored.imitation.episodes == 16
    assert main(["raptor", "distill", "--method", "imitation"]) == 2
    assert "needs teachers" in capsys.readouterr().err
    assert main([*words, "--imitation.noise", "11"]) == 2
    assert "--noise = 11" in capsys.readouterr().err
