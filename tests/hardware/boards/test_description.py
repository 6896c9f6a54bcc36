"""The description itself: maps that lead back, motors that fit, and the page that repeats it."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from eyas.errors import InputError
from eyas.hardware.boards import description
from eyas.hardware.boards.description import (
    BETAFLIGHT,
    BOARDS,
    CORNERS,
    CRAZYFLIE,
    PX4,
    STAMPFLY,
    Motor,
)

PAGE = Path(description.__file__).parents[2] / "docs" / "hardware_boards.md"


def test_policy_side():
    """Corners and spins as the world flies them."""
    assert CORNERS == ("front right", "back right", "back left", "front left")
    assert list(description.SPINS.values()) == ["counter-clockwise", "clockwise"] * 2


def test_permutations():
    """By output number, which number of the action; as the firmwares' mixers order their corners."""
    assert CRAZYFLIE.permutation == (0, 1, 2, 3)
    assert PX4.permutation == (0, 2, 3, 1)
    assert BETAFLIGHT.permutation == (1, 0, 2, 3)
    assert STAMPFLY.permutation == (3, 0, 2, 1)


@pytest.mark.parametrize("frame", description.AXES)
def test_frames(frame):
    """Rotations, quaternions, vectors and headings agree with each other, and lead back."""
    random = np.random.default_rng(2)
    turns = Rotation.random(200, random_state=random)
    vectors = random.normal(size=(200, 3))
    mapped = description.to_policy_rotation(frame, turns.as_matrix())
    np.testing.assert_allclose(np.linalg.det(mapped), 1)
    # Turning and then mapping is mapping and then turning.
    np.testing.assert_allclose(
        np.einsum("nij,nj->ni", mapped, description.to_policy_vector(frame, vectors)),
        description.to_policy_vector(frame, turns.apply(vectors)),
        atol=1e-12,
    )
    wxyz = description.to_policy_quaternion(frame, np.roll(turns.as_quat(), 1, axis=1))
    np.testing.assert_allclose(
        Rotation.from_quat(np.roll(wxyz, -1, axis=1)).as_matrix(), mapped, atol=1e-12
    )
    np.testing.assert_allclose(
        description.to_policy_rotation(frame, mapped), turns.as_matrix(), atol=1e-12
    )
    yaws = Rotation.from_euler("z", random.uniform(-3, 3, (50, 1)))
    given = np.arctan2(yaws.as_matrix()[:, 1, 0], yaws.as_matrix()[:, 0, 0])
    flat = description.to_policy_rotation(frame, yaws.as_matrix())
    np.testing.assert_allclose(
        np.arctan2(flat[:, 1, 0], flat[:, 0, 0]), description.to_policy_yaw(frame, given), atol=1e-12
    )


@pytest.mark.parametrize("board", BOARDS.values(), ids=lambda board: board.name)
def test_outputs(board):
    """The ends of the range, more speed is more, and thrust is proportional to speed squared."""
    given = {"low": 100.0, "high": 900.0, "quadratic": 0.3}
    ends = description.outputs(board, [[-1] * 4, [1] * 4], **given)
    low = 100.0 if isinstance(board.output.low, str) else board.output.low
    high = 900.0 if isinstance(board.output.high, str) else board.output.high
    np.testing.assert_allclose(ends, [[low] * 4, [high] * 4])
    rising = description.outputs(board, np.repeat(np.linspace(-1, 1, 50)[:, None], 4, axis=1), **given)
    assert (np.diff(rising, axis=0) > 0).all()
    one = description.outputs(board, [1, -1, -1, -1], **given)
    assert np.argmax(one) == [motor.corner for motor in board.motors].index("front right")


def test_c_gives_the_same_outputs(craft):
    """The compiled function and the description's."""
    machine, random = craft("px4"), np.random.default_rng(3)
    for factor in (0.0, 0.37, 1.0):
        machine.glue.set_parameter(0, factor)
        for _ in range(50):
            action = random.uniform(-1, 1, 4)
            machine.glue.answer(action)
            machine.feed((0, 0, 0), np.eye(3), (0, 0, 0), (0, 0, 0))
            wanted = description.outputs(PX4, action, quadratic=factor)
            np.testing.assert_allclose(machine.published()[1][:4], wanted, atol=1e-6)


def test_impossible_motors():
    """Two at one corner, or one that turns the other way, is no vehicle the policy can fly."""
    twice = (PX4.motors[0],) * 2 + PX4.motors[2:]
    with pytest.raises(InputError, match="motors stand at"):
        dataclasses.replace(PX4, motors=twice)
    wrong = (Motor("front right", "clockwise", "motor 1"), *PX4.motors[1:])
    with pytest.raises(InputError, match="motor 1 turns clockwise"):
        dataclasses.replace(PX4, motors=wrong)


@pytest.mark.parametrize("board", BOARDS.values(), ids=lambda board: board.name)
def test_page(board):
    """Its tables say what the description says."""
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in PAGE.read_text().splitlines()
        if line.startswith(f"| {board.name} |")
    ]
    turned = {
        "FLU": "as it is",
        "FRD": "(x, -y, -z); quaternion (w, x, -y, -z); yaw -> -yaw",
    }[board.attitude_frame]
    assert [
        board.name,
        f"{board.attitude_frame}; {board.attitude}",
        turned,
        f"{board.rate_frame}, {board.gyro_unit}",
        board.position_frame,
    ] in rows
    for number, motor in enumerate(board.motors):
        action = str(board.permutation[number])
        assert [board.name, motor.name, motor.corner, motor.spin, action] in rows
    limits = next(row for row in rows if f"{board.loop_hz} Hz" in row)
    assert limits[2] == f"{board.control_hz} Hz"
    for name, limit in board.stale_us.items():
        assert f"{name} {limit // 1000} ms" in limits[4]
    if board.coast_us:
        assert f"level for {board.coast_us / 1e6} s" in limits[5]
