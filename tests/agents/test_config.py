from dataclasses import replace

import pytest

from eyas.agents.config import (
    DEFAULT_STEPS,
    StudentConfig,
    TrainWalkerConfig,
    resumed_config,
    started_config,
)
from eyas.bounds import check
from eyas.errors import InputError
from eyas.records import from_json, to_json

STORED = TrainWalkerConfig(
    steps=1_000_000, teacher="riac", student_config=StudentConfig(hidden=(64,), gamma=0.9)
)


def test_the_defaults_are_allowed_and_survive_json():
    check(TrainWalkerConfig())
    assert from_json(TrainWalkerConfig, to_json(STORED)) == STORED


def test_a_new_run_gets_its_steps():
    assert started_config(TrainWalkerConfig()).steps == DEFAULT_STEPS
    assert started_config(STORED) is STORED


@pytest.mark.parametrize(
    "given",
    [
        TrainWalkerConfig(),
        TrainWalkerConfig(steps=1_000_000, teacher="riac"),
        TrainWalkerConfig(student_config=StudentConfig(gamma=0.9)),
    ],
)
def test_resuming_takes_the_stored_settings(given):
    assert resumed_config(given, STORED) == STORED


@pytest.mark.parametrize("steps", [DEFAULT_STEPS, 20_000_000])
def test_resuming_may_raise_the_steps(steps):
    assert resumed_config(TrainWalkerConfig(steps=steps), STORED) == replace(STORED, steps=steps)


def test_where_and_how_to_work_is_not_a_setting_of_the_run():
    resumed = resumed_config(TrainWalkerConfig(quiet=True, threads=1), STORED)
    assert resumed == replace(STORED, quiet=True, threads=1)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (TrainWalkerConfig(steps=999_999), "steps = 999999 is less than the 1000000"),
        (TrainWalkerConfig(teacher="random"), "teacher = random .* teacher = riac; leave it out"),
        (TrainWalkerConfig(seed=3), "seed = 3 .* seed = 0"),
        (TrainWalkerConfig(student_config=StudentConfig(gamma=0.5)), "gamma = 0.5 .* gamma = 0.9"),
    ],
)
def test_what_contradicts_the_run_is_refused(given, told):
    with pytest.raises(InputError, match=told):
        resumed_config(given, STORED)
