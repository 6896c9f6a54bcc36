"""The flight mode of PX4: how it registers, what it publishes, and when it does not fly."""

import ctypes

import numpy as np
import pytest

LEVEL = np.eye(3)
NOWHERE = (0.0, 0.0, 0.0)
THRUST_MODEL, OFFBOARD = 0, 1


@pytest.fixture
def px4(craft):
    machine = craft("px4")
    machine.glue.answer([0.2] * 4)
    return machine


def later(machine, microseconds):
    machine.time += microseconds
    machine.glue.set_time(machine.time)


def gyro(machine, rates=NOWHERE):
    """A new angular velocity wakes the module."""
    machine.glue.set_rate((ctypes.c_float * 3)(*rates), machine.time)
    machine.glue.wake()


def level(machine):
    machine.glue.set_attitude((ctypes.c_float * 4)(1, 0, 0, 0))


def place(machine, north=0.0, valid=1):
    three = ctypes.c_float * 3
    machine.glue.set_position(three(north, 0, -1), three(0, 0, 0), valid)


def test_registration(px4):
    """Asks once for a mode with an arming check; then no allocation, termination on, and answers."""
    assert list(px4.flags) == [1, 1, 0, 14]
    flags = (ctypes.c_int * 3)()
    gyro(px4)
    assert px4.glue.configured(flags) == 0
    px4.glue.accept(px4.mode, px4.request + 1)  # somebody else's
    gyro(px4)
    assert px4.glue.configured(flags) == 0
    px4.glue.accept(px4.mode, px4.request)
    gyro(px4)
    assert px4.glue.configured(flags) == 1
    assert list(flags) == [px4.mode, 0, 1]
    gyro(px4)
    assert px4.glue.configured(flags) == 1


def test_replaces_offboard_where_told(fresh, craft):
    """The parameter is read at start."""
    glue = fresh("px4")
    glue.set_parameter.argtypes = [ctypes.c_int, ctypes.c_float]
    glue.set_parameter(OFFBOARD, 1.0)
    assert glue.start() == 0
    flags = (ctypes.c_int * 4)()
    glue.requested(flags)
    assert flags[2] == 1


def test_selftest_decides(fresh):
    """Wrong weights do not start."""
    glue = fresh("px4")
    glue.number("answer_selftest").value = 3
    assert glue.start() == -1


def test_arming_check(px4):
    """Arming needs a fresh attitude and a valid, fresh position; requests are answered by number."""
    answer = (ctypes.c_int * 5)()
    px4.show(NOWHERE, LEVEL, NOWHERE, NOWHERE)
    assert px4.glue.ask_to_arm(7, answer) == 1
    assert list(answer) == [7, 5, 1, 0, 1]
    place(px4, valid=0)
    px4.glue.ask_to_arm(8, answer)
    assert list(answer) == [8, 5, 0, 0, 1]
    place(px4)
    px4.glue.ask_to_arm(9, answer)
    assert answer[2] == 1
    later(px4, 11_000)  # no angular velocity for longer than its limit
    px4.glue.ask_to_arm(10, answer)
    assert answer[2] == 0


def test_only_in_its_mode(px4):
    """In other modes nothing is published, and coming back starts afresh."""
    px4.show(NOWHERE, LEVEL, NOWHERE, NOWHERE)
    count, _, sampled = px4.published()
    assert (count, sampled) == (1, px4.time)
    resets = px4.glue.resets
    px4.glue.set_nav_state(4)
    for _ in range(10):
        later(px4, 2500)
        gyro(px4)
    assert px4.published()[0] == 1
    px4.show(NOWHERE, LEVEL, NOWHERE, NOWHERE)
    assert px4.published()[0] == 2
    assert px4.glue.resets == resets + 1


def test_unused_outputs(px4):
    """Four motors; the other outputs are not there."""
    px4.show(NOWHERE, LEVEL, NOWHERE, NOWHERE)
    control = px4.published()[1]
    assert np.isfinite(control[:4]).all() and np.isnan(control[4:]).all()


@pytest.mark.parametrize("factor", (0.0, 0.3, 1.0))
def test_thrust_model(px4, factor):
    """What the driver makes of the number is the motor speed, for any THR_MDL_FAC."""
    px4.glue.set_parameter(THRUST_MODEL, factor)
    action = np.array([-1, -0.4, 0.2, 0.9])
    px4.glue.answer(action)
    px4.show(NOWHERE, LEVEL, NOWHERE, NOWHERE)
    control = np.array(px4.published()[1][:4], np.float64)
    if factor > 0:  # the driver's solution of f x^2 + (1 - f) x = control
        half = (1 - factor) / (2 * factor)
        signal = np.sqrt(half**2 + control / factor) - half
    else:
        signal = control
    np.testing.assert_allclose(signal, ((action + 1) / 2)[[0, 2, 3, 1]], atol=2e-6)


def test_setpoint_lost(px4):
    """200 ms after the last set-point it holds the place where it then is."""
    px4.show((0, 0, 1), LEVEL, NOWHERE, NOWHERE, target=(0.3, 0, 1))
    for step in range(1, 100):
        later(px4, 2500)
        level(px4)
        place(px4, north=0.1)
        gyro(px4)
        error = px4.glue.shown[0]
        assert error == pytest.approx(-0.2 if step * 2500 <= 200_000 else 0, abs=1e-6)
    later(px4, 2500)
    level(px4)
    place(px4, north=0.4)
    gyro(px4)
    assert px4.glue.shown[0] == pytest.approx(0.3, abs=1e-6)  # of the place held


@pytest.mark.parametrize(
    ("position", "velocity", "seen"),
    [
        ((0.3, 0, -1), (np.nan,) * 3, ((-0.3, 0, 0), (0.1, 0, 0))),
        ((np.nan,) * 3, (0.3, 0, 0), ((0, 0, 0), (-0.2, 0, 0))),
        ((np.nan,) * 3, (np.nan,) * 3, ((0.0, 0, 0), (0.1, 0, 0))),
    ],
)
def test_partial_setpoints(px4, position, velocity, seen):
    """A position without velocity, a velocity without position, and neither: that one is ignored."""
    three = ctypes.c_float * 3
    px4.glue.set_time(px4.time)
    px4.take_over()
    level(px4)
    px4.glue.set_position(three(0, 0, -1), three(0.1, 0, 0), 1)
    px4.glue.set_setpoint(three(*position), three(*velocity), np.nan)
    gyro(px4)
    np.testing.assert_allclose(px4.glue.shown[:3], seen[0], atol=1e-6)
    np.testing.assert_allclose(px4.glue.shown[12:15], seen[1], atol=1e-6)


def test_position_lost(px4):
    """Level without errors for a second, then the slowest rotors."""
    px4.show((0.2, 0, 1), LEVEL, (0.1, 0, 0), NOWHERE)
    for step in range(1, 600):
        later(px4, 2500)
        level(px4)
        gyro(px4)
        calls, time = px4.glue.calls, step * 2500
        control = px4.published()[1][:4]
        if time <= 100_000:
            np.testing.assert_allclose(px4.glue.shown[:3], (0.2, 0, 0.5), atol=1e-6)
        elif time <= 1_100_000:
            np.testing.assert_array_equal(px4.glue.shown[[0, 1, 2, 12, 13, 14]], 0)
        np.testing.assert_allclose(control, 0.6 if time <= 1_100_000 else 0, atol=1e-6)
    assert calls < 600
    assert px4.published()[0] == 600
    px4.show((0.2, 0, 1), LEVEL, NOWHERE, NOWHERE)
    assert px4.published()[1][0] == pytest.approx(0.6, abs=1e-6)


@pytest.mark.parametrize("input", ["attitude", "angular velocity", "quaternion", "rate"])
def test_attitude_lost(px4, input):
    """Nothing can be steered without it: the slowest rotors, and the policy forgets."""
    px4.show(NOWHERE, LEVEL, NOWHERE, NOWHERE)
    resets = px4.glue.resets
    later(px4, 60_000)
    place(px4)
    if input == "quaternion":
        px4.glue.set_attitude((ctypes.c_float * 4)(0, 0, 0, 0))
    elif input != "attitude":
        level(px4)
    if input == "angular velocity":
        px4.glue.wake()  # by the watchdog
    else:
        gyro(px4, (np.nan, 0, 0) if input == "rate" else NOWHERE)
    np.testing.assert_array_equal(px4.published()[1][:4], 0)
    assert px4.glue.resets == resets + 1
    assert px4.glue.watchdog() == 20_000


def test_stop(px4):
    """When stopped it takes its mode back."""
    px4.show(NOWHERE, LEVEL, NOWHERE, NOWHERE)
    px4.glue.leave()
    px4.glue.wake()
    ids = (ctypes.c_int * 2)()
    assert px4.glue.unregistered(ids) == 1
    assert list(ids) == [px4.mode, 5]
    assert px4.glue.number("exits").value == 1


def test_the_clock_wraps(px4):
    """The policy's 32 bits of the 64-bit clock wrap; the flight goes on."""
    px4.time = 2**32 - 100_000
    px4.show(NOWHERE, LEVEL, NOWHERE, NOWHERE)
    resets = px4.glue.resets
    for _ in range(20):
        px4.show(NOWHERE, LEVEL, NOWHERE, NOWHERE)
        assert px4.published()[1][0] == pytest.approx(0.6, abs=1e-6)
    assert px4.glue.number("shown_now_us").value == px4.time - 2**32
    assert px4.glue.resets == resets
