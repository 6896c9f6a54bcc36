"""Frames, units and motors of the compiled glue, against arithmetic that knows nothing of the description."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from eyas.hardware.boards.description import BOARDS, CORNERS
from eyas.policies.quadrotor_policy import SHIPPED, load_quadrotor_policy

CASES = 1000


def expected(position, rotation, velocity, rates, target, speed, yaw):
    """The first 18 observations as ``quadrotor_metadata`` has them, relative to the target's heading."""
    to_heading = Rotation.from_euler("z", yaw).as_matrix().T
    return np.concatenate(
        [
            np.clip(to_heading @ (position - target), -0.5, 0.5),
            (to_heading @ rotation).ravel(),
            np.clip(to_heading @ (velocity - speed), -1, 1),
            rates,
        ]
    )


def random_truth(random):
    """Any attitude with the nose not straight up or down, where a heading is none."""
    while True:
        rotation = Rotation.random(random_state=random).as_matrix()
        if np.abs(rotation[2, :2]).max() < 0.9:
            break
    return (
        random.uniform(-1, 1, 3),
        rotation,
        random.uniform(-1, 1, 3),
        random.uniform(-4, 4, 3),
        random.uniform(-1, 1, 3),
        random.uniform(-1, 1, 3),
        random.uniform(-np.pi, np.pi),
    )


@pytest.mark.parametrize("board", BOARDS)
def test_observation(board, craft):
    """What the policy sees is the truth, whatever frames and units the firmware has it in."""
    machine, random = craft(board), np.random.default_rng(1)
    clipped = 0
    for _ in range(CASES):
        truth = random_truth(random)
        seen = machine.show(*truth)
        wanted = expected(*truth)
        clipped += np.abs(wanted[:3]).max() == 0.5
        # Angles of 2 pi in single precision are right to 2.4e-7, StampFly sends three of them.
        np.testing.assert_allclose(seen, wanted, rtol=0, atol=3e-6 if board == "stampfly" else 1e-6)
    assert machine.glue.calls == CASES
    assert 0 < clipped < CASES


@pytest.mark.parametrize("board", BOARDS)
@pytest.mark.parametrize("number", range(4))
def test_motor_corner(board, number, craft):
    """Each number of the action moves the motor of its corner, and no other."""
    machine = craft(board)
    machine.glue.answer([1.0 if i == number else -1.0 for i in range(4)])
    machine.show((0, 0, 0), np.eye(3), (0, 0, 0), (0, 0, 0))
    motors = machine.motors()
    assert motors == pytest.approx(
        {corner: float(corner == CORNERS[number]) for corner in CORNERS}, abs=1e-6
    )


@pytest.mark.parametrize("board", BOARDS)
def test_action_meaning(board, craft):
    """Speed is speed, and thrust is its square."""
    machine = craft(board)
    action = np.array([-1.0, -0.5, 0.2, 1.0])
    machine.glue.answer(action)
    machine.show((0, 0, 0), np.eye(3), (0, 0, 0), (0, 0, 0))
    speed = (action + 1) / 2
    wanted = speed**2 if board == "crazyflie" else speed
    assert machine.motors() == pytest.approx(dict(zip(CORNERS, wanted, strict=True)), abs=1e-6)


# Torques about body x (forward), y (left) and z (up) by each rotor's thrust; a rotor that turns clockwise
# pushes the body counter-clockwise.
TORQUES = {
    "front right": (-1, -1, -1),
    "back right": (-1, 1, 1),
    "back left": (1, 1, -1),
    "front left": (1, -1, 1),
}


@pytest.mark.parametrize("board", BOARDS)
@pytest.mark.parametrize("axis", range(3))
@pytest.mark.parametrize("sign", (-1, 1))
def test_disturbance_is_countered(board, axis, sign, craft):
    """Turned about an axis and turning on, the shipped policy answers with a torque against it."""
    machine, policy = craft(board), load_quadrotor_policy(SHIPPED)
    hidden = policy.initial_state(1)
    previous = np.zeros(4, np.float32)
    rates = np.zeros(3)

    def decide(rotation, rates):
        nonlocal hidden, previous
        seen = machine.show((0, 0, 0), rotation, (0, 0, 0), rates)
        observation = np.concatenate([seen, previous]).astype(np.float32)[None]
        action, hidden = policy.step(observation, hidden)
        previous = np.clip(action[0], -1, 1)
        machine.glue.answer(previous)
        machine.show((0, 0, 0), rotation, (0, 0, 0), rates)
        return sum(
            np.array(TORQUES[corner])[axis] * value for corner, value in machine.motors().items()
        )

    for _ in range(20):  # it has to find out what it flies
        before = decide(np.eye(3), rates)
    rates[axis] = 2.0 * sign
    angle = np.zeros(3)
    angle[axis] = 0.2 * sign
    torque = decide(Rotation.from_rotvec(angle).as_matrix(), rates)
    assert sign * (torque - before) < -0.05
