"""Mismatch, corners and yield: the statistics, the batch dimensions, and ngspice on random dies."""

import dataclasses
import math
import shutil

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eyas.envs.circuit.conditions import PROCESS_CORNERS, TYPICAL, Corner
from eyas.envs.circuit.model_card import COURSE_NMOS, N018
from eyas.envs.circuit.monte_carlo import (
    draw_mismatch,
    mismatch_coefficients,
    mismatch_sigmas,
    monte_carlo,
    simulate_corners,
    wilson_interval,
)
from eyas.envs.circuit.ngspice import NgspiceSimulator
from eyas.envs.circuit.simulator import Simulator
from eyas.envs.circuit.topology import TOPOLOGIES, find_topology
from eyas.errors import InputError

OPAMP = find_topology("two-stage-opamp")


@pytest.fixture(scope="module")
def opamp():
    return Simulator(OPAMP)


def test_coefficients_follow_the_oxide():
    assert mismatch_coefficients(N018) == pytest.approx((4.1e-3, 0.01))
    assert mismatch_coefficients(COURSE_NMOS) == pytest.approx((15.0137e-3, 0.01), rel=1e-5)


def test_a_pair_differs_as_pelgrom_tells():
    """m1 and m2 of the op-amp, 16 by 0.25 um: A / sqrt(4 um^2)."""
    design = OPAMP.design({"W1": 16.0, "L": 0.25})
    drawn = draw_mismatch(OPAMP, design, 40_000, seed=1)[0]
    difference = drawn[:, 0] - drawn[:, 1]
    assert np.std(difference[:, 0]) == pytest.approx(4.1e-3 / 2, rel=0.02)
    assert np.std(difference[:, 1]) == pytest.approx(0.01 / 2, rel=0.02)
    assert np.abs(drawn.mean(axis=0)).max() < 0.02 * 4.1e-3
    correlation = np.corrcoef(drawn.reshape(len(drawn), -1), rowvar=False)
    assert np.abs(correlation - np.eye(len(correlation))).max() < 0.03


@given(factor=st.floats(0.1, 50.0), width=st.floats(1.0, 100.0))
def test_sigma_falls_with_the_root_of_the_area(factor, width):
    small, large = mismatch_sigmas(
        OPAMP, [OPAMP.design({"W1": width}), OPAMP.design({"W1": width * factor})]
    )
    assert large[0] == pytest.approx(small[0] / math.sqrt(factor))
    assert np.array_equal(large[2:], small[2:])  # the others keep their sizes


def test_sizes_may_be_expressions():
    """M2 of the two-stage amplifier is A times as wide as M1."""
    topology = find_topology("two-stage-tia")
    names = [transistor.name for transistor in topology.netlist.transistors]
    sigma = mismatch_sigmas(topology, topology.design({"A": 25.0}))[0, :, 0]
    assert sigma[names.index("m1")] == pytest.approx(5 * sigma[names.index("m2")])
    expected = 4.1e-3 / math.sqrt(2 * 1.02 * 0.18)
    assert sigma[names.index("m1")] == pytest.approx(expected)


def test_dies_are_the_same_for_all_designs_and_prefixes():
    designs = [OPAMP.design({"W1": 10.0}), OPAMP.design({"W1": 40.0})]
    many, few = draw_mismatch(OPAMP, designs, 7, seed=3), draw_mismatch(OPAMP, designs, 3, seed=3)
    assert many.shape == (2, 7, 8, 2)
    assert np.array_equal(many[:, :3], few)
    assert np.allclose(many[0, :, :2], 2 * many[1, :, :2])
    assert np.array_equal(many[0, :, 2:], many[1, :, 2:])
    assert not np.array_equal(draw_mismatch(OPAMP, designs, 3, seed=4), few)


def test_the_offset_is_that_of_the_pair_and_its_load(opamp):
    """To first order the pair's own difference and that of the load, referred by gm3/gm1."""
    found = monte_carlo(opamp, OPAMP.nominal, 4000, seed=5, poles=False)
    offset = found.results.column("v_out") - 0.9
    point = opamp.simulate(OPAMP.nominal)
    gm1, gm3, current = (point.column(name)[0] for name in ("m1_gm", "m3_gm", "m1_id"))
    sigma = mismatch_sigmas(OPAMP, OPAMP.nominal)[0] * math.sqrt(2)
    parts = [
        sigma[0, 0], sigma[2, 0] * gm3 / gm1, sigma[0, 1] * current / gm1, sigma[2, 1] * current / gm1,
    ]  # fmt: skip
    assert np.std(offset) == pytest.approx(math.hypot(*parts), rel=0.05)


def test_a_batch_of_dies_is_designs_times_samples(opamp):
    designs = np.array([OPAMP.nominal, OPAMP.design({"W1": 60.0}), OPAMP.design({"IB": 40.0})])
    corner = Corner("warm", "slow", "fast", 0.95, 60.0)
    found = monte_carlo(opamp, designs, 6, 11, corner, meets=lambda r: r.column("gain_db") > 80)
    mismatch = draw_mismatch(OPAMP, designs, 6, 11)
    for i, design in enumerate(designs):
        alone = opamp.simulate(np.tile(design, (6, 1)), corner=corner, mismatch=mismatch[i])
        assert np.array_equal(found.metrics[i], alone.metrics, equal_nan=True)
        assert np.allclose(found.mean[i], alone.metrics.mean(axis=0), equal_nan=True)
        assert np.allclose(
            found.standard_deviation[i], alone.metrics.std(axis=0, ddof=1), rtol=1e-7, equal_nan=True
        )
        assert found.yields[i] == np.mean(alone.column("gain_db") > 80)
    assert np.array_equal(found.yield_interval()[:, 0], wilson_interval(found.passed, 6)[:, 0])


def test_moments_leave_out_what_is_missing(opamp):
    found = monte_carlo(opamp, [OPAMP.nominal, OPAMP.design({"IB": 30.0})], 40, 2)
    holes = found.results.metrics.copy()
    holes[np.random.default_rng(0).random(holes.shape) < 0.4] = np.nan
    partial = dataclasses.replace(found, results=dataclasses.replace(found.results, metrics=holes))
    cube = holes.reshape(2, 40, -1)
    assert np.allclose(partial.mean, np.nanmean(cube, axis=1), rtol=1e-12)
    assert np.allclose(partial.standard_deviation, np.nanstd(cube, axis=1, ddof=1), rtol=1e-7)


def test_a_failed_die_is_no_yield_and_has_no_moments(opamp):
    designs = np.array([OPAMP.nominal, OPAMP.nominal])
    designs[1, OPAMP.index("W1")] = -1.0
    found = monte_carlo(opamp, designs, 5, 2, meets=lambda r: np.ones(len(r), np.bool_))
    assert found.yields.tolist() == [1.0, 0.0]
    assert np.all(np.isnan(found.mean[1])) and np.all(np.isnan(found.standard_deviation[1]))
    assert not np.isnan(found.mean[0]).any()
    one = monte_carlo(opamp, OPAMP.nominal, 1, 2)
    assert np.all(np.isnan(one.standard_deviation)) and not np.isnan(one.mean).any()
    assert one.yields.tolist() == [1.0]


def test_the_spread_shrinks_with_the_area(opamp):
    """Four times the area halves the spread of the power, and meets a narrow limit more often."""
    small = OPAMP.design({"W5": 5.0, "W7": 15.0, "W8": 5.0, "L": 0.36})
    scaled = {name: 2 * OPAMP.design({})[OPAMP.index(name)] for name in ("W1", "W3", "W6")}
    large = OPAMP.design({"W5": 10.0, "W7": 30.0, "W8": 10.0, "L": 0.72, **scaled})
    place = opamp.simulate(small).metric_names.index("power")
    centre = opamp.simulate([small, large]).metrics[:, place]
    limit = lambda r: np.abs(r.column("power") / np.repeat(centre, 800) - 1) < 0.02  # noqa: E731
    found = monte_carlo(opamp, [small, large], 800, 9, meets=limit, poles=False)
    relative = found.standard_deviation[:, place] / found.mean[:, place]
    assert relative[0] / relative[1] == pytest.approx(2.0, rel=0.1)
    assert found.yields[1] > found.yields[0] + 0.1


def test_corners_lead(opamp):
    designs = np.array([OPAMP.nominal, OPAMP.design({"IB": 40.0}), -OPAMP.nominal])
    corners = [*PROCESS_CORNERS.values(), Corner("hot", temperature=125.0)]
    found = simulate_corners(opamp, designs, corners)
    assert found.metrics.shape == (6, 3, len(found.results[0].metric_names))
    assert found.column("v_x2").shape == (6, 3)
    assert found.status.tolist() == [[0, 0, 1]] * 6
    for i, corner in enumerate(corners):
        alone = opamp.simulate(designs, corner=corner)
        assert np.array_equal(found.metrics[i], alone.metrics, equal_nan=True)
    meets = found.feasible(lambda r: ~(r.column("gain_db") < 0))
    assert meets.tolist() == [[True, True, False]] * 6
    gain = found.column("gain_db")[:, 0]
    assert len(np.unique(gain)) == 6


def test_wilson_interval_is_the_textbook_one():
    assert wilson_interval(8, 10) == pytest.approx([0.490162, 0.943318], abs=1e-6)
    assert wilson_interval(0, 10) == pytest.approx([0.0, 0.277533], abs=1e-6)
    assert wilson_interval([10, 5], 10, 0.9).shape == (2, 2)


@given(
    count=st.integers(1, 2000),
    share=st.floats(0, 1),
    confidence=st.floats(0.5, 0.999),
)
def test_wilson_interval_holds_the_estimate_and_solves_its_equation(count, share, confidence):
    passed = round(share * count)
    lower, upper = wilson_interval(passed, count, confidence)
    assert 0 <= lower <= passed / count <= upper <= 1 and lower < upper
    mirrored = wilson_interval(count - passed, count, confidence)
    assert (1 - upper, 1 - lower) == pytest.approx(tuple(mirrored), abs=1e-12)
    for end in (lower, upper):
        if 0 < end < 1:  # the estimate lies as many standard errors of the end away from both
            errors = abs(passed / count - end) / math.sqrt(end * (1 - end) / count)
            assert math.erf(errors / math.sqrt(2)) == pytest.approx(confidence, abs=1e-6)


def test_wilson_interval_covers_as_often_as_it_says():
    passed = np.random.default_rng(0).binomial(60, 0.93, 20_000)
    lower, upper = wilson_interval(passed, 60).T
    assert np.mean((lower <= 0.93) & (upper >= 0.93)) == pytest.approx(0.95, abs=0.03)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (
            lambda s: monte_carlo(s, OPAMP.nominal, 0, 1),
            r"count = 0 must be a whole number of at least 1",
        ),
        (lambda s: monte_carlo(s, [[1.0, 2.0]], 3, 1), r"designs have shape \(1, 2\)"),
        (lambda s: simulate_corners(s, OPAMP.nominal, []), "corners is empty"),
        (lambda s: wilson_interval(1, 2, 1.0), "confidence = 1 must be between 0 and 1"),
        (lambda s: wilson_interval(0, 0), "count = 0 must be"),
    ],
)
def test_bad_input_is_a_sentence(opamp, call, sentence):
    with pytest.raises(InputError, match=sentence):
        call(opamp)


@pytest.mark.skipif(shutil.which("ngspice") is None, reason="ngspice is not installed")
@pytest.mark.parametrize("name", TOPOLOGIES)
def test_random_dies_at_random_corners_agree_with_ngspice(name):
    """Both kinds of mismatch at three times their size, all transistors, at three conditions."""
    topology = find_topology(name)
    native, spice = Simulator(topology), NgspiceSimulator(topology)
    designs = np.tile(topology.nominal, (3, 1))
    corners = (
        Corner("a", "fast", "slow", 1.08, 103.0), Corner("b", "slow", "fast", 0.97, -33.0), TYPICAL,
    )  # fmt: skip
    for seed, corner in enumerate(corners):
        mismatch = 3 * draw_mismatch(topology, topology.nominal, 3, seed)[0]
        ours = native.simulate(designs, corner=corner, mismatch=mismatch, poles=False)
        theirs = spice.simulate(designs, corner=corner, mismatch=mismatch, poles=False)
        assert not ours.status.any() and not theirs.status.any()
        assert np.array_equal(ours.regions, theirs.regions)
        for column in ("gain", "f3db", "power", "onoise_f0", "inoise_f0"):
            assert ours.column(column) == pytest.approx(theirs.column(column), rel=1e-8), column
        assert ours.voltages == pytest.approx(theirs.voltages, rel=1e-8, abs=1e-9)
