"""Set-points, rates and failures of a Crazyflie."""

import ctypes

import numpy as np
import pytest

DISABLED, ABSOLUTE, VELOCITY = 0, 1, 2
LEVEL = np.eye(3)
NOWHERE = (0.0, 0.0, 0.0)


@pytest.fixture
def crazyflie(craft):
    machine = craft("crazyflie")
    machine.glue.answer([0.5] * 4)
    return machine


def thrusts(machine):
    return list(machine.forces)


def test_selftest_decides(fresh):
    """The firmware does not start a controller whose weights are not the exported ones."""
    glue = fresh("crazyflie")
    glue.controllerOutOfTreeTest.restype = ctypes.c_bool
    assert glue.controllerOutOfTreeTest()
    glue.number("answer_selftest").value = 1
    assert not glue.controllerOutOfTreeTest()


def test_rate(crazyflie):
    """Evaluated in every second tick of the stabilizer; in between the forces stay."""
    crazyflie.show(NOWHERE, LEVEL, NOWHERE, NOWHERE)
    calls = crazyflie.glue.calls
    for _ in range(100):
        crazyflie.time += 1000
        crazyflie.glue.answer([0.5] * 4)
        assert crazyflie.tick() == 2  # controlModeForce
        assert thrusts(crazyflie) == pytest.approx([0.5625] * 4)
    assert crazyflie.glue.calls - calls == 50
    assert crazyflie.glue.number("shown_now_us").value == crazyflie.time // 2000 * 2000


@pytest.mark.parametrize("modes", [(0, 0, 0, 0), (1, 1, 0, 1)])
def test_not_allowed_to_fly(crazyflie, modes):
    """A set-point without a height stops the motors in the same tick, and the policy forgets."""
    crazyflie.show(NOWHERE, LEVEL, NOWHERE, NOWHERE)
    calls, resets = crazyflie.glue.calls, crazyflie.glue.resets
    crazyflie.modes = list(modes)
    crazyflie.time += 1000 - 10_000
    crazyflie.show(NOWHERE, LEVEL, NOWHERE, NOWHERE)
    assert thrusts(crazyflie) == [0] * 4
    assert crazyflie.glue.calls == calls
    crazyflie.modes = [1, 1, 1, 1]
    crazyflie.show(NOWHERE, LEVEL, NOWHERE, NOWHERE)
    assert crazyflie.glue.resets == resets + 1
    assert thrusts(crazyflie) == pytest.approx([0.5625] * 4)


def test_lost_setpoints(crazyflie):
    """When the supervisor levels the vehicle, x and y off, the last target is held at zero speed."""
    crazyflie.show((0.2, 0.1, 1.0), LEVEL, NOWHERE, NOWHERE, target=(0.1, 0.3, 1.1), speed=(0.4, 0, 0))
    crazyflie.modes = [DISABLED, DISABLED, ABSOLUTE, VELOCITY]
    seen = crazyflie.show(
        (0.2, 0.1, 1.0), LEVEL, (0.3, 0, 0), NOWHERE, target=(0, 0, 1.1), speed=(9, 9, 0), yaw=1.0
    )
    np.testing.assert_allclose(seen[:3], (0.1, -0.2, -0.1), atol=1e-6)
    np.testing.assert_allclose(seen[12:15], (0.3, 0, 0), atol=1e-6)
    np.testing.assert_allclose(seen[3:12], LEVEL.ravel(), atol=1e-6)  # the old heading, too


def test_lost_before_any_target(crazyflie):
    """Without an earlier target it holds the place where it was."""
    crazyflie.modes = [DISABLED, DISABLED, ABSOLUTE, DISABLED]
    crazyflie.show((0.2, 0.1, 1.0), LEVEL, NOWHERE, NOWHERE, target=(5, 5, 1.0))
    seen = crazyflie.show((0.3, 0.1, 1.0), LEVEL, NOWHERE, NOWHERE, target=(5, 5, 1.0))
    np.testing.assert_allclose(seen[:3], (0.1, 0, 0), atol=1e-6)


@pytest.mark.parametrize("body", (0, 1))
def test_velocity_setpoint(crazyflie, body):
    """A velocity alone has no position error; one of the body turns with its heading."""
    quarter = np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])
    crazyflie.modes = [VELOCITY, VELOCITY, VELOCITY, ABSOLUTE]
    crazyflie.body = body
    seen = crazyflie.show((2, 3, 1), quarter, NOWHERE, NOWHERE, speed=(0.5, 0, 0.2))
    np.testing.assert_allclose(seen[:3], 0, atol=1e-6)
    np.testing.assert_allclose(seen[12:15], (0, -0.5, -0.2) if body else (-0.5, 0, -0.2), atol=1e-6)


def test_yaw_rate_setpoint(crazyflie):
    """A yaw rate moves the target's heading from where the vehicle points."""
    crazyflie.modes = [ABSOLUTE, ABSOLUTE, ABSOLUTE, VELOCITY]
    crazyflie.show(NOWHERE, LEVEL, NOWHERE, NOWHERE)
    modes = (ctypes.c_int * 4)(*crazyflie.modes)
    zero = (ctypes.c_float * 3)()
    crazyflie.glue.set_setpoint(zero, zero, 0, 90.0, modes, 0)
    for _ in range(1000):
        crazyflie.time += 1000
        crazyflie.tick()
    heading = np.arctan2(crazyflie.glue.shown[6], crazyflie.glue.shown[3])
    assert heading == pytest.approx(-np.pi / 2, abs=1e-4)


def test_heading_of_a_quaternion_setpoint(crazyflie):
    """Full-state set-points give the heading by their quaternion."""
    crazyflie.show(NOWHERE, LEVEL, NOWHERE, NOWHERE)
    half = np.radians(30) / 2
    crazyflie.glue.set_setpoint_quaternion((ctypes.c_float * 4)(np.cos(half), 0, 0, np.sin(half)))
    crazyflie.time += 10_000
    crazyflie.tick()
    assert np.arctan2(crazyflie.glue.shown[6], crazyflie.glue.shown[3]) == pytest.approx(
        -np.radians(30), abs=1e-6
    )


@pytest.mark.parametrize("broken", ["position", "attitude", "gyro", "target"])
def test_not_a_number(crazyflie, broken):
    """The last observation is flown on for 50 ms, then the motors stop; clean numbers bring it back."""
    bad = {
        "position": (np.nan, 0, 0),
        "gyro": (0, np.inf, 0),
        "target": (0, np.nan, 0),
    }
    clean = {"position": (0.1, 0, 0), "gyro": NOWHERE, "target": NOWHERE}
    before = crazyflie.show(clean["position"], LEVEL, NOWHERE, NOWHERE)
    for step in range(1, 8):
        given = clean | ({broken: bad[broken]} if broken in bad else {})
        if broken == "attitude":
            crazyflie.time += 10_000
            zero = (ctypes.c_float * 4)()
            three = (ctypes.c_float * 3)()
            crazyflie.glue.set_state((ctypes.c_float * 3)(0.1), zero, three, three)
            crazyflie.tick()
        else:
            crazyflie.show(given["position"], LEVEL, NOWHERE, given["gyro"], target=given["target"])
        if broken != "target":  # a bad target is ignored, the last one stays
            np.testing.assert_array_equal(crazyflie.glue.shown, before)
            assert thrusts(crazyflie) == pytest.approx([0.5625 if step <= 5 else 0] * 4)
        else:
            assert thrusts(crazyflie) == pytest.approx([0.5625] * 4)
    seen = crazyflie.show((0.2, 0, 0), LEVEL, NOWHERE, NOWHERE)
    assert seen[0] == pytest.approx(0.2)
    assert thrusts(crazyflie) == pytest.approx([0.5625] * 4)


def test_the_clock_wraps(crazyflie):
    """The stabilizer's step in microseconds wraps after 71.6 minutes; nothing is taken for stale."""
    crazyflie.time = (2**32 // 1000 - 51) * 1000  # even, so that the policy is due
    for _ in range(200):
        crazyflie.show((0.1, 0, 0), LEVEL, NOWHERE, NOWHERE)
        assert thrusts(crazyflie) == pytest.approx([0.5625] * 4)
    assert crazyflie.glue.number("shown_now_us").value < 2_000_000
