"""Imitation: what is recorded, how it is packed, that it learns and that it resumes exactly."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eyas.agents.raptor.gradient import POLICY
from eyas.agents.raptor.imitation import STEPS, ImitationTraining
from eyas.agents.raptor.imitation_config import RECIPES
from eyas.agents.raptor.imitation_data import fill_batch, pack_rows
from eyas.agents.raptor.lane_network import INPUT_ROWS
from eyas.agents.raptor.sequence import empty_batch
from eyas.agents.raptor.teacher_set import Teachers
from eyas.envs.quadrotor.distribution import raptor_airframes
from eyas.envs.quadrotor.lanes import LANES
from eyas.errors import InputError
from eyas.policies.recurrent_policy import load_recurrent_policy
from eyas.runs import Run

SMALL = dataclasses.replace(
    RECIPES["eyas"],
    epochs=4,
    cloning_epochs=1,
    teachers_per_epoch=6,
    rows=32,
    hidden=8,
    learning_rate=5e-3,
)


def damping_teachers(count, seed=0):
    """Teachers that hover badly: thrust against the vertical error, nothing against tilt."""
    rng = np.random.default_rng(seed)
    sample = raptor_airframes(rng, count)
    shapes = {
        "weight_1": (64, 26), "bias_1": (64,), "weight_2": (64, 64), "bias_2": (64,),
        "weight_3": (4, 64), "bias_3": (4,),
    }  # fmt: skip
    weights = {name: np.zeros((count, *shape), np.float32) for name, shape in shapes.items()}
    weights["weight_1"][:, 0, 2], weights["weight_1"][:, 0, 14] = -0.8, -0.4
    weights["weight_1"][:, 1, 15], weights["weight_1"][:, 2, 16] = 0.05, 0.05
    weights["weight_2"][:, :3, :3] = np.eye(3)
    weights["weight_3"][:, :, 0] = 0.7
    weights["weight_3"][:, :, 1] = [1, 1, -1, -1]
    weights["weight_3"][:, :, 2] = [1, -1, -1, 1]
    weights["bias_3"][:] = (2 * sample.airframes.hover_throttle - 1)[:, None]
    zeros = np.zeros(count)
    return Teachers(
        airframes=sample.airframes,
        weights=weights,
        disturbance_force_std=sample.disturbance_force_std,
        position_threshold=sample.position_threshold,
        max_position=sample.max_position,
        offsets=rng.normal(size=(count, 3)),
        returns=zeros,
        terminated=zeros,
        wide_returns=zeros,
        wide_terminated=zeros,
        seconds=zeros,
    )


def begun(folder, recipe, teachers=None, **options):
    run = Run.create(folder, {"seed": 0}, ["test"], job="raptor distill")
    teachers = damping_teachers(8) if teachers is None else teachers
    return run, ImitationTraining(run, recipe, teachers, seed=0, quiet=True, **options)


@pytest.mark.parametrize("by_teacher", [True, False])
@pytest.mark.parametrize("preset", ["eyas", "raptor"])
def test_labels_are_the_teachers_actions_at_what_was_seen(tmp_path, preset, by_teacher):
    recipe = dataclasses.replace(
        RECIPES[preset], teachers_per_epoch=5, noise=0.0, delay=(1, 0, 0, 0), offsets=False,
        wandering=0.0, cloning_epochs=int(by_teacher),
    )  # fmt: skip
    run, training = begun(tmp_path / "run", recipe)
    with run:
        training.epoch()
    flights, data = training._flights, training._data
    episodes = recipe.episodes
    per = -(-episodes // 16)
    lengths = np.zeros(5 * episodes, int)
    used = flights.records >= 0
    assert used.sum() == 5 * episodes
    lengths[flights.records[used]] = flights.lengths[used]
    owners = flights.teachers.reshape(-1)[::per][:5]
    rotor = np.zeros((5, episodes, 4))
    # The test's teachers do not look at the rotor speeds, so the student's view is all they need.
    for i, owner in enumerate(owners):
        for j in range(episodes):
            record = data[i * episodes + j, : lengths[i * episodes + j]]
            seen = np.concatenate([record[:, :22], np.tile(rotor[i, j], (len(record), 1))], axis=1)
            actions = training.teachers.actions(seen[None].astype(np.float32), [owner])[0]
            np.testing.assert_allclose(record[:, 22:], actions, atol=2e-6)
            if by_teacher:
                np.testing.assert_allclose(record[1:, 18:22], record[:-1, 22:], atol=1e-6)
    assert lengths.min() > 1 and lengths.max() <= STEPS


def test_a_student_that_sees_values_is_shown_them_without_the_teachers_offset(tmp_path):
    recipe = dataclasses.replace(RECIPES["raptor"], wandering=1.0, teachers_per_epoch=2)
    records = []
    for offsets in (True, False):
        run, training = begun(tmp_path / str(offsets), dataclasses.replace(recipe, offsets=offsets))
        with run:
            training.epoch()
        records.append(training._data[:, 0].copy())
        owners = training._flights.teachers.reshape(-1)[:2]
    difference = (records[1] - records[0])[:, :3]
    np.testing.assert_allclose(
        difference, np.repeat(training.teachers.offsets[owners], 10, axis=0), atol=1e-5
    )
    np.testing.assert_array_equal(records[0][:, 3:], records[1][:, 3:])


def test_delay_and_noise_are_in_what_the_student_sees(tmp_path):
    base = dataclasses.replace(
        RECIPES["eyas"], teachers_per_epoch=2, cloning_epochs=1, hover=0, noise=0.0, delay=(1, 0, 0, 0)
    )
    data = {}
    for name, recipe in {
        "plain": base,
        "late": dataclasses.replace(base, delay=(0, 0, 1, 0)),
        "noisy": dataclasses.replace(base, noise=1.0),
    }.items():
        run, training = begun(tmp_path / name, recipe)
        with run:
            training.epoch()
        lengths = np.zeros(len(training._data))
        used = training._flights.records >= 0
        lengths[training._flights.records[used]] = training._flights.lengths[used]
        data[name] = training._data[:, :20].copy()
        long = lengths >= 20  # the same for all three: the teachers, who fly, see the truth
    assert long.sum() > 10
    data = {name: records[long] for name, records in data.items()}
    np.testing.assert_allclose(data["late"][:, 2:, :18], data["plain"][:, :-2, :18], atol=1e-6)
    np.testing.assert_allclose(data["late"][:, :, 18:], data["plain"][:, :, 18:], atol=1e-6)
    error = (data["noisy"] - data["plain"])[:, 0, :18].std(axis=0)
    assert (error[:3] < 0.02).all() and error[:3].min() > 0.001
    assert error[15:].min() > 0.02


@given(
    lengths=st.lists(st.integers(1, 20), min_size=1, max_size=30),
    straddle=st.booleans(),
    seed=st.integers(0, 5),
)
@settings(max_examples=50, deadline=None)
def test_packing_keeps_every_step_once_and_in_order(lengths, straddle, seed):
    lengths = np.array(lengths)
    order = np.random.default_rng(seed).permutation(len(lengths))
    packing = pack_rows(lengths, order, 20, straddle=straddle)
    filled = packing.episodes >= 0
    pairs = list(zip(packing.episodes[filled].tolist(), packing.steps[filled].tolist(), strict=True))
    expected = [(e, s) for e in order.tolist() for s in range(lengths[e])]
    if straddle:
        assert filled.all() and len(expected) - len(pairs) < 20
        assert pairs == expected[: len(pairs)]
    else:
        assert pairs == expected
        starts = packing.steps[:, 0] == 0
        assert starts.all()


def test_a_batch_marks_starts_and_leaves_spare_lanes_without_weight():
    rng = np.random.default_rng(0)
    data = rng.normal(size=(3, 10, 26)).astype(np.float32)
    packing = pack_rows(np.array([4, 10, 3]), np.array([0, 2, 1]), 10, straddle=False)
    batch = empty_batch(1, 10)
    batch.inputs[:] = batch.weights[:] = batch.targets[:] = 7
    batch.inputs.reshape(1, 10, INPUT_ROWS, LANES)[:, :, 22:] = 0
    fill_batch(data, packing, np.array([1, 0]), batch)
    inputs = batch.inputs[0].reshape(10, INPUT_ROWS, LANES)
    np.testing.assert_array_equal(inputs[:, :22, 0], data[1, :, :22])
    np.testing.assert_array_equal(inputs[:4, :22, 1], data[0, :4, :22])
    np.testing.assert_array_equal(inputs[4:7, :22, 1], data[2, :3, :22])
    assert (inputs[7:, :, 1] == 0).all() and (inputs[:, :, 2:] == 0).all()
    np.testing.assert_array_equal(batch.targets[0].reshape(10, 4, LANES)[:, :, 0], data[1, :, 22:])
    weights, fresh = batch.weights[0], batch.fresh[0]
    assert weights[:, 0].all() and weights[:7, 1].all()
    assert not weights[7:, 1].any() and not weights[:, 2:].any()
    assert fresh[:, 0].tolist() == [1] + 9 * [0]
    assert fresh[:7, 1].tolist() == [1, 0, 0, 0, 1, 0, 0]


def test_it_learns_what_simple_teachers_do(tmp_path):
    recipe = dataclasses.replace(
        SMALL, epochs=70, cloning_epochs=2, noise=0, delay=(1, 0, 0, 0), teachers_per_epoch=8
    )
    run, training = begun(tmp_path / "run", recipe)
    with run:
        assert training.train() is None
        lines = run.read_metrics()
    assert [line["train/by_teacher"] for line in lines[:3]] == [1, 1, 0]
    assert lines[-1]["train/loss"] < 0.25 * lines[0]["train/loss"]
    assert lines[-1]["train/epoch"] == 70
    assert lines[-1]["step"] == training.steps
    policy = load_recurrent_policy(tmp_path / "run" / POLICY)
    assert policy.hidden_size == 8 and policy.metadata["origin"]["steps"] == training.steps


@pytest.mark.parametrize("curriculum", ["none", "alp-gmm"])
def test_resumed_run_equals_an_uninterrupted_one(tmp_path, curriculum):
    recipe = dataclasses.replace(SMALL, curriculum=curriculum)
    run, whole = begun(tmp_path / "whole", recipe)
    with run:
        whole.train()
    run, first = begun(tmp_path / "parts", recipe)
    with run:
        first.epoch()
        first.epoch()
        first.save()
        first.epoch()  # lost with the process
    with Run.open(tmp_path / "parts", write=True) as run:
        second = ImitationTraining(run, recipe, damping_teachers(8), seed=0, quiet=True)
        assert second.epochs == 2
        second.train()
    for name in ("parameters", "average", "best"):
        np.testing.assert_array_equal(getattr(second, name), getattr(whole, name))
    assert second.best_return == whole.best_return and np.isfinite(whole.best_return)
    assert second.steps == whole.steps


def test_threads_do_not_change_the_result(tmp_path):
    recipe = dataclasses.replace(SMALL, rows=256, teachers_per_epoch=16, epochs=2)
    results = []
    for threads in (1, 2):
        run, training = begun(tmp_path / str(threads), recipe, threads=threads)
        with run:
            training.train()
        results.append(training.parameters)
    np.testing.assert_array_equal(*results)


def test_the_published_recipe_keeps_the_best_student_and_a_memory_that_starts_at_zero(tmp_path):
    recipe = dataclasses.replace(RECIPES["raptor"], epochs=3, cloning_epochs=1, learning_rate=1e-2)
    run, training = begun(tmp_path / "run", recipe)
    with run:
        training.train()
        returns = [line["train/return"] for line in run.read_metrics()]
    assert training.best_return == pytest.approx(max(returns[1:]))
    policy = load_recurrent_policy(tmp_path / "run" / POLICY)
    assert not policy.initial_hidden.any()
    assert not np.array_equal(training.best, training.parameters)


def test_starting_from_a_policy(tmp_path):
    run, training = begun(tmp_path / "a", SMALL)
    with run:
        training.train()
    start = load_recurrent_policy(tmp_path / "a" / POLICY)
    run, other = begun(tmp_path / "b", SMALL, start=start)
    with run:
        np.testing.assert_array_equal(other.parameters, training.average)
    run = Run.create(tmp_path / "c", {}, ["test"], job="raptor distill")
    recipe = dataclasses.replace(SMALL, hidden=16)
    with run, pytest.raises(InputError, match="8 hidden units, hidden is 16"):
        ImitationTraining(run, recipe, damping_teachers(2), seed=0, start=start)
