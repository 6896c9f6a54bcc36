"""Betaflight and StampFly: poses come from outside, and may stop coming."""

import ctypes

import numpy as np
import pytest

LEVEL = np.eye(3)
NOWHERE = (0.0, 0.0, 0.0)
BOTH = pytest.mark.parametrize("board", ("betaflight", "stampfly"))


def fly(machine, position=NOWHERE, rotation=LEVEL, **target):
    machine.glue.answer([0.2] * 4)
    return machine.show(position, rotation, NOWHERE, NOWHERE, **target)


def pose(machine, position=NOWHERE, yaw=0.0):
    three = ctypes.c_float * 3
    send = machine.glue.policy_set_pose if hasattr(machine, "low") else machine.glue.pose
    send(machine.time % 2**32, three(*position), three(), yaw)


@BOTH
def test_pose_lost(board, craft):
    """Level without errors for half a second, then the firmware has it, until the switch is moved."""
    machine = craft(board)
    fly(machine, (0.2, 0, 0))
    assert machine.flew
    last = machine.time
    for _ in range(300):
        machine.time += 2500
        flew, age = machine.control(), machine.time - last
        assert flew == (age <= 700_000)
        if age <= 200_000:
            np.testing.assert_allclose(machine.glue.shown[:3], (0.2, 0, 0), atol=1e-6)
        elif flew:
            np.testing.assert_array_equal(machine.glue.shown[[0, 1, 2, 12, 13, 14]], 0)
    pose(machine)
    assert not machine.control()
    assert not machine.control(wanted=False)
    assert machine.control()


@BOTH
def test_never_a_pose(board, craft):
    """It does not take off blind, nor on an old pose."""
    machine = craft(board)
    assert not machine.control()
    pose(machine)
    machine.time += 300_000
    assert not machine.control()
    assert machine.glue.calls == 0


@BOTH
def test_selftest_decides(board, fresh, craft):
    """Without a passed self-test the policy never flies."""
    glue = fresh(board)
    glue.number("answer_selftest").value = 2
    start = glue.policy_betaflight_init if board == "betaflight" else glue.start
    start.restype = ctypes.c_bool
    assert not start()
    machine = craft(board)
    machine.glue.number("answer_selftest").value = 2
    (machine.glue.policy_betaflight_init if board == "betaflight" else machine.glue.start)()
    fly(machine)
    assert not machine.flew


@BOTH
def test_holds_the_place_of_activation(board, craft):
    """Without a target it stays where the switch was moved, heading included."""
    machine = craft(board)
    pose(machine, (1.0, 2.0, 0.5), yaw=0.3)
    machine.glue.answer([0.2] * 4)
    if board == "betaflight":
        machine.glue.set_state((ctypes.c_float * 4)(1, 0, 0, 0), (ctypes.c_float * 3)())
    assert machine.control()
    np.testing.assert_allclose(machine.glue.shown[:3], 0, atol=1e-6)
    np.testing.assert_allclose(machine.glue.shown[3:12], LEVEL.ravel(), atol=1e-6)
    machine.time += 10_000
    pose(machine, (1.1, 2.0, 0.5), yaw=0.3)
    machine.control()
    seen = machine.glue.shown[:3]
    np.testing.assert_allclose(seen, (0.1 * np.cos(0.3), -0.1 * np.sin(0.3), 0), atol=1e-6)


@BOTH
def test_poses_that_are_none(board, craft):
    """A NaN is dropped with all that came with it."""
    machine = craft(board)
    fly(machine, (0.2, 0, 0))
    pose(machine, (np.nan, 0, 0))
    pose(machine, yaw=np.inf)
    machine.time += 2500
    assert machine.control()
    np.testing.assert_allclose(machine.glue.shown[:3], (0.2, 0, 0), atol=1e-6)


@BOTH
def test_heading_drifts(board, craft):
    """The firmware's heading may drift: the poses' heading wins."""
    machine = craft(board)
    fly(machine)
    for _ in range(1000):
        machine.heading_offset += 0.001  # 6 degrees per second
        seen = fly(machine)
    assert np.arctan2(seen[6], seen[3]) == pytest.approx(0, abs=0.011)


@BOTH
def test_the_clock_wraps(board, craft):
    """After 71.6 minutes the microseconds start again; a lost pose stays lost."""
    machine = craft(board)
    machine.time = 2**32 - 100_000
    for _ in range(20):
        fly(machine)
        assert machine.flew
    assert machine.time > 2**32
    resets = machine.glue.resets
    fly(machine)
    assert machine.glue.resets == resets
    for _ in range(1000):
        machine.time += 5_000_000  # more than one turn of the counter in all
        machine.control(wanted=False)
        assert not machine.control()


@BOTH
def test_pose_of_a_moment_later(board, craft):
    """A pose that comes in while the loop is on its way is newer than the loop's time, not 71 minutes old."""
    machine = craft(board)
    machine.time += 500
    pose(machine, (0.2, 0, 0))
    machine.time -= 500
    if board == "betaflight":
        machine.glue.set_state((ctypes.c_float * 4)(1, 0, 0, 0), (ctypes.c_float * 3)())
    assert machine.control()


def test_betaflight_leaves_motors_alone(craft):
    """Disarmed, unwanted, another mixer, or props that turn the other way: the firmware's numbers stay."""
    machine = craft("betaflight")
    motor = machine.glue.array("motor", 8)
    motor[:] = 1000
    fly(machine)
    assert machine.flew and motor[0] != 1000 and motor[4] == 1000
    for armed, wanted, mixer, reversed_props in [
        (False, True, 3, 0),
        (True, False, 3, 0),
        (True, True, 2, 0),
        (True, True, 3, 1),
    ]:
        machine.time += 2500
        pose(machine)
        machine.glue.set_mixer(mixer, reversed_props)
        motor[:] = 1000
        assert not machine.control(armed, wanted)
        assert (motor == 1000).all()
    machine.glue.set_mixer(3, 0)
    assert machine.control()


def test_betaflight_motor_factor(craft):
    """The share of the range that the policy may use; the idle speed of the firmware stays below."""
    machine = craft("betaflight")
    motor = machine.glue.array("motor", 8)
    for factor, used in ((0.25, 0.25), (7.0, 1.0), (np.nan, 1.0), (-3.0, 0.1)):
        machine.glue.policy_set_motor_factor(factor)
        fly(machine)
        np.testing.assert_allclose(motor[:4], 158 + used * 0.6 * (2047 - 158), rtol=1e-5)


def test_betaflight_rate(craft):
    """In a loop of 4 kHz the policy is asked 500 times a second; the motors are written in every turn."""
    machine = craft("betaflight")
    fly(machine)
    calls = machine.glue.calls
    motor = machine.glue.array("motor", 8)
    for _ in range(400):
        machine.time += 250
        motor[:] = 0
        assert machine.control()
        assert (motor[:4] > 0).all()
    assert machine.glue.calls - calls == 50


def test_stampfly_over_g(craft):
    """The firmware's crash detection stops the motors, and the policy stays out until unwanted."""
    machine = craft("stampfly")
    fly(machine)
    assert (machine.glue.array("duties", 4) > 0).all()
    machine.glue.set_over_g(1)
    machine.time += 2500
    assert not machine.control()
    assert machine.glue.number("stops").value == 1
    assert (machine.glue.array("duties", 4) == 0).all()
    machine.glue.set_over_g(0)
    pose(machine)
    assert not machine.control()
    assert not machine.control(wanted=False)
    assert machine.control()
