"""Flights with an emulated microcontroller in the loop."""

import os
import re
import signal

import numpy as np
import pytest

from eyas.envs.quadrotor.distribution import raptor_airframes
from eyas.errors import InputError
from eyas.hardware.code.generate import generate
from eyas.hardware.cross.in_the_loop import MOST_VEHICLES, EmulatedPilot, fly_in_the_loop
from eyas.hardware.cross.tools import CrossError


@pytest.fixture
def airframes():
    return raptor_airframes(np.random.default_rng(5), 6).airframes


def test_hover_and_figure_eight(exported, airframes, need, temporary):
    need("cortex-m4f")
    report = fly_in_the_loop(exported, airframes)
    assert report.skipped is None
    assert report.vehicles == 6
    assert report.steps == 6 * (1000 + 2250)
    assert report.differences == 0
    assert report.flights["P1"]["failed"] == 0
    assert report.flights["P1"]["error"]["median"] < 0.05
    assert report.flights["P2 5.5 s"]["failed"] == 0
    assert report.flights["P2 5.5 s"]["error"]["median"] < 0.3
    assert report.steps_per_second > 600  # faster than six vehicles fly
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize("target", ["cortex-m0", "rv32imc"])
def test_other_processors_fly_alike(exported, airframes, need, target):
    need(target)
    with EmulatedPilot(exported, 2, target=target) as pilot:
        found = memory = pilot.initial_state(2)
        expected = exported.reference.initial_state(2)
        rng = np.random.default_rng(0)
        for _ in range(20):
            seen = rng.normal(size=(2, 22)).astype(np.float32)
            found, memory = pilot.step(seen, memory)
            actions, expected = exported.reference.step(seen, expected)
            np.testing.assert_array_equal(found, actions)
            np.testing.assert_array_equal(memory, expected)


def test_a_flight_starts_with_the_initial_memory(exported, need):
    need("cortex-m4f")
    seen = np.ones((3, 22), np.float32)
    with EmulatedPilot(exported, 3) as pilot:
        first, memory = pilot.step(seen, pilot.initial_state(3))
        second, _ = pilot.step(seen, memory)
        again, _ = pilot.step(seen, pilot.initial_state(3))
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(first, again)


def test_differences_are_counted(altered, airframes, need):
    """An emulator with another weight than the reference's."""
    need("cortex-m4f")

    def change(text):
        return re.sub(r"0x1\.[0-9a-f]+p-1f", "0x1.8p-1f", text, count=1)

    report = fly_in_the_loop(altered("policy.c", change), airframes, ("P1",))
    assert 0 < report.differences <= report.steps


def test_memories_stay_on_the_target(exported, need):
    need("cortex-m4f")
    with EmulatedPilot(exported, 1) as pilot:
        memory = pilot.initial_state(1)
        with pytest.raises(InputError, match="not those that it keeps"):
            pilot.step(np.zeros((1, 22), np.float32), memory + 1)
        with pytest.raises(InputError, match="observations have the shape"):
            pilot.step(np.zeros((2, 22), np.float32), memory)
        with pytest.raises(InputError, match="count = 2 is not the 1 vehicles"):
            pilot.initial_state(2)


def test_a_dead_emulator_is_told(exported, need, temporary):
    need("cortex-m4f")
    with EmulatedPilot(exported, 1) as pilot:
        _, memory = pilot.step(np.zeros((1, 22), np.float32), pilot.initial_state(1))
        os.kill(pilot._process.pid, signal.SIGKILL)
        with pytest.raises(CrossError, match="the emulator ended with status -9"):
            for _ in range(100):
                _, memory = pilot.step(np.zeros((1, 22), np.float32), memory)
    assert list(temporary.iterdir()) == []


def test_a_silent_emulator_is_told(exported, need, temporary):
    need("cortex-m4f")
    with EmulatedPilot(exported, 1, patience=0.5) as pilot:
        _, memory = pilot.step(np.zeros((1, 22), np.float32), pilot.initial_state(1))
        os.kill(pilot._process.pid, signal.SIGSTOP)
        os.waitpid(pilot._process.pid, os.WUNTRACED)
        with pytest.raises(CrossError, match="no answer within"):
            pilot.step(np.zeros((1, 22), np.float32), memory)
        process = pilot._process
    assert process.poll() is not None  # it was killed
    assert list(temporary.iterdir()) == []


def test_missing_tools_are_told(exported, airframes, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    report = fly_in_the_loop(exported, airframes)
    assert "qemu-system-arm" in report.skipped
    assert report.steps == 0
    with pytest.raises(CrossError, match="apt install"):
        EmulatedPilot(exported, 1)


def test_what_cannot_fly_is_refused(exported, airframes, random_network):
    with pytest.raises(InputError, match="5 observations to 2 actions"):
        fly_in_the_loop(generate(random_network(0, 5, ("linear", 2)), "small"), airframes)
    with pytest.raises(InputError, match="protocol = 'P9' is none of P1"):
        fly_in_the_loop(exported, airframes, ("P9",))
    with pytest.raises(InputError, match="protocol = 'P0' is none of P1"):
        fly_in_the_loop(exported, airframes, ("P0",))
    with pytest.raises(InputError, match="target = 'wasm32' is none of"):
        EmulatedPilot(exported, 1, target="wasm32")
    with pytest.raises(InputError, match="vehicles = 257 is not"):
        EmulatedPilot(exported, MOST_VEHICLES + 1)
