"""What an agent sees of a circuit."""

import dataclasses

import numpy as np
import pytest

from eyas.envs.circuit import observation
from eyas.envs.circuit.observation import CLIP, TRANSISTOR_SIZE, Observer, Scaling, statistics
from eyas.envs.circuit.problem import SizingProblem
from eyas.envs.circuit.results import DEVICE_COLUMNS, metric_names
from eyas.envs.circuit.spec import find_spec

SPEC = find_spec("three-stage-tia")
PROBLEM = SizingProblem(SPEC.topology, SPEC)
OBSERVER = Observer(SPEC, PROBLEM.dimension)
UNIT = np.random.default_rng(0).random((300, PROBLEM.dimension))
RESULTS = PROBLEM.simulator.simulate(PROBLEM.designs(UNIT))
LIMITS = SPEC.limits(len(UNIT))
SEEN = OBSERVER.observe(RESULTS, LIMITS, UNIT)


def block(name, rows=SEEN):
    return rows[:, OBSERVER.blocks[name]]


def test_blocks_fill_the_observation():
    assert SEEN.shape == (300, OBSERVER.size) and SEEN.dtype == np.float32
    ends = [0, *(part.stop for part in OBSERVER.blocks.values())]
    assert [part.start for part in OBSERVER.blocks.values()] == ends[:-1] and ends[-1] == OBSERVER.size
    assert TRANSISTOR_SIZE == 22 and block("transistors").shape == (300, 17 * 22)
    assert block("voltages").shape == (300, 12) and block("limits").shape == (300, 3)


def test_each_transistor_tells_its_type_and_operating_point():
    parts = block("transistors").reshape(300, 17, 22)
    names = [transistor.name for transistor in SPEC.topology.netlist.transistors]
    assert parts[:, names.index("m1a"), :2].tolist() == [[1.0, 0.0]] * 300
    assert parts[:, names.index("ml2b"), :2].tolist() == [[0.0, 1.0]] * 300
    gm = RESULTS.column("m3a_gm")
    seen = parts[:, names.index("m3a"), 2 + DEVICE_COLUMNS.index("gm")]
    inside = np.abs(seen) < CLIP
    assert np.corrcoef(gm[inside], seen[inside])[0, 1] == pytest.approx(1.0, abs=1e-6)


def test_other_random_designs_have_zero_mean_and_unit_deviation():
    parts = block("transistors").reshape(300, 17, 22)[..., 2:]
    spread = parts.std(axis=0)
    moving = spread > 0.1
    assert moving.mean() > 0.8
    assert np.abs(parts.mean(axis=0)[moving]).max() < 0.5
    assert 0.5 < np.median(spread[moving]) < 1.5
    assert np.isfinite(SEEN).all() and np.abs(SEEN).max() <= CLIP


def test_a_limit_that_a_metric_is_at_looks_like_it():
    names = metric_names(SPEC.topology)
    for column, metric in enumerate(OBSERVER.limited):
        limits = LIMITS.copy()
        name = SPEC.metrics[metric].name
        limits[:, metric] = RESULTS.column(name)
        seen = OBSERVER.observe(RESULTS, limits, UNIT)
        np.testing.assert_array_equal(
            block("limits", seen)[:, column], block("metrics", seen)[:, names.index(name)]
        )


def test_sizes_are_seen_from_minus_one_to_one():
    np.testing.assert_allclose(block("sizes"), 2 * UNIT - 1, atol=1e-6)


def test_failed_rows_and_nothing_simulated_are_zero():
    status = RESULTS.status.copy()
    status[7] = 2
    failed = dataclasses.replace(RESULTS, status=status)
    seen = OBSERVER.observe(failed, LIMITS, UNIT)
    for name in ("transistors", "voltages", "metrics"):
        assert not block(name, seen)[7].any() and block(name)[7].any()
    assert block("limits", seen)[7].any() and block("sizes", seen)[7].any()
    np.testing.assert_array_equal(np.delete(seen, 7, 0), np.delete(SEEN, 7, 0))
    nothing = OBSERVER.observe(None, LIMITS, UNIT)
    assert not nothing[:, : OBSERVER.blocks["limits"].start].any()
    np.testing.assert_array_equal(block("limits", nothing), block("limits"))


def test_a_missing_metric_is_zero():
    metrics = RESULTS.metrics.copy()
    place = metric_names(SPEC.topology).index("f3db")
    metrics[2, place] = np.nan
    seen = OBSERVER.observe(dataclasses.replace(RESULTS, metrics=metrics), LIMITS, UNIT)
    assert block("metrics", seen)[2, place] == 0 != block("metrics")[2, place]


def test_statistics_are_the_same_every_time_and_kept(monkeypatch):
    first = statistics(SPEC.topology)
    assert statistics(SPEC.topology) is first
    again = statistics.__wrapped__(SPEC.topology)
    np.testing.assert_array_equal(first.devices.mean, again.devices.mean)
    np.testing.assert_array_equal(first.metrics.deviation, again.metrics.deviation)
    monkeypatch.setattr(observation, "SAMPLES", 64)
    assert not np.array_equal(first.devices.mean, statistics.__wrapped__(SPEC.topology).devices.mean)


def test_constant_columns_keep_their_unit_and_missing_numbers_are_left_out():
    rows = np.array([[1.8, 1.0], [1.8, np.nan], [1.8, 3.0]])
    scaling = Scaling.of(rows)
    np.testing.assert_allclose(scaling.mean, [1.8, 2.0])
    np.testing.assert_allclose(scaling.deviation, [1.0, 1.0])
    np.testing.assert_allclose(scaling.apply(rows), [[0, -1], [0, 0], [0, 1]], atol=1e-12)
