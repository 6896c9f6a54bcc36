"""The shipped policy in fixed point: how far from float, how fast, how large."""

import numpy as np
import pytest

from eyas.envs.quadrotor.distribution import raptor_airframes
from eyas.envs.quadrotor.evaluation.flight import figure_eight, fly, step_reference
from eyas.envs.quadrotor.evaluation.own_simulator import OwnSimulator
from eyas.hardware.code.generate import generate
from eyas.hardware.cross.matrix import run_matrix
from eyas.hardware.cross.targets import TARGETS
from eyas.hardware.fixed.fixed_network import KINDS
from eyas.hardware.fixed.quantise import quantise
from eyas.hardware.fixed.reference import FixedReference
from eyas.hardware.reference import FloatReference

ERRORS = {"q15": 1e-3, "int8": 0.7}


class Both:
    """Flies by the float reference and lets the fixed one decide on the same observations."""

    def __init__(self, network, number_format):
        self.exact = FloatReference(network)
        self.fixed = FixedReference(quantise(network, number_format))
        self.worst = 0.0

    def initial_state(self, count):
        self.memory = self.fixed.initial_state(count)
        return self.exact.initial_state(count)

    def step(self, observations, hidden):
        found, self.memory = self.fixed.step(observations, self.memory)
        actions, hidden = self.exact.step(observations, hidden)
        self.worst = max(self.worst, float(np.abs(found - actions).max()))
        return actions, hidden


@pytest.fixture(scope="module")
def simulator():
    return OwnSimulator(raptor_airframes(np.random.default_rng(12345), 32).airframes)


@pytest.mark.parametrize("number_format", ERRORS)
@pytest.mark.parametrize("flight", ["recovery", "steps", "figure-eight", "noise and delay"])
def test_largest_difference_to_float_in_flight(shipped_network, simulator, number_format, flight):
    pilot = Both(shipped_network, number_format)
    if flight == "recovery":
        simulator.start_recovery(0, np.full(32, 0.05))
        fly(simulator, pilot, 500)
    else:
        simulator.start_hover()
        reference = {"steps": step_reference, "figure-eight": figure_eight(5.5)}.get(flight)
        noise = np.random.default_rng(0) if reference is None else None
        fly(
            simulator, pilot, 1000, reference=reference, clip=True, noise=noise, delay=noise is not None
        )
    assert 1e-6 < pilot.worst <= ERRORS[number_format]


@pytest.mark.parametrize("number_format", ERRORS)
@pytest.mark.parametrize("amplitude", [0.1, 0.5, 1.0])
def test_largest_difference_to_float_anywhere_in_range(shipped_network, number_format, amplitude):
    pilot = Both(shipped_network, number_format)
    rng = np.random.default_rng(0)
    hidden = pilot.initial_state(64)
    for _ in range(200):
        spread = amplitude * shipped_network.input.limit
        observations = (rng.uniform(-1, 1, (64, 22)) * spread).astype(np.float32)
        _, hidden = pilot.step(observations, hidden)
    assert 1e-6 < pilot.worst <= ERRORS[number_format]


def test_sixteen_bits_do_not_suffice(shipped_network, simulator, monkeypatch):
    # Why q15 has wide weights.
    monkeypatch.setitem(KINDS, "wide", KINDS["narrow"])
    pilot = Both(shipped_network, "q15")
    simulator.start_hover()
    fly(simulator, pilot, 1000, reference=figure_eight(5.5), clip=True)
    assert pilot.worst > ERRORS["q15"]


@pytest.mark.parametrize("number_format", ERRORS)
def test_a_quadrotor_hovers(shipped_network, simulator, number_format):
    simulator.start_hover()
    pilot = FixedReference(quantise(shipped_network, number_format))
    flight = fly(simulator, pilot, 500)
    assert np.quantile(flight.errors[-100:].mean(axis=0), 0.9) < 0.3


@pytest.fixture(scope="module")
def reports(shipped_network):
    found = {}

    def report(number_format, target):
        if TARGETS[target].missing() is not None:
            pytest.skip(TARGETS[target].missing())
        if (number_format, target) not in found:
            generated = generate(shipped_network, "policy", number_format)
            (found[number_format, target],) = run_matrix(generated, (target,))
        return found[number_format, target]

    return report


@pytest.mark.parametrize("number_format", ERRORS)
@pytest.mark.parametrize("target", TARGETS)
def test_every_target_gives_the_bits_of_the_reference(reports, number_format, target):
    report = reports(number_format, target)
    assert report.failed is None
    assert report.selftest == 0
    assert report.identical


@pytest.mark.parametrize(("number_format", "instructions"), [("q15", 5950), ("int8", 8300)])
def test_cost_on_the_cortex_m4f(reports, number_format, instructions):
    report = reports(number_format, "cortex-m4f")
    assert report.step.most <= instructions
    assert report.state_size <= 96
    assert max(report.stack.values()) <= 500
    assert report.figures.flash <= 10_000
    assert report.figures.ram == 0
    assert report.figures.external == report.figures.helpers == ()


@pytest.mark.parametrize("number_format", ERRORS)
def test_the_smallest_core_decides_within_a_millisecond(reports, number_format):
    report = reports(number_format, "cortex-m0")
    assert report.figures.flash <= 10_000
    assert report.figures.external == ()
    if report.modelled is None:
        pytest.skip(report.not_modelled)
    assert report.modelled.cycles <= 48_000
