"""The exported policy inside the compiled glue flies the quadrotor world, through each board's own terms."""

import shutil

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from eyas.envs.quadrotor.named import named_airframe
from eyas.envs.quadrotor.vehicle import CompiledQuadrotor, VehicleState
from eyas.hardware.boards.description import BOARDS, CORNERS
from eyas.hardware.code.generate import generate
from eyas.hardware.importers.files import load_network
from eyas.policies.quadrotor_policy import SHIPPED

CRAZYFLIE_THRUST_MAX = 0.12
"""N per motor that `normalizedForces` are fractions of (platform defaults of the Crazyflie 2.1+)."""
TARGET, YAW = np.array([0.4, -0.3, 0.2]), 0.9


@pytest.fixture(scope="session")
def flying(tmp_path_factory, build_glue, link_glue):
    """Libraries of the glue with the real policy in it; Betaflight's with its firmware's fast maths."""
    for tool in ("gcc", "g++"):
        if not shutil.which(tool):
            pytest.skip(f"no {tool} here")
    files = generate(load_network(SHIPPED), "policy").files
    made = {}
    for board in BOARDS:
        folder = tmp_path_factory.mktemp(f"{board}_flying")
        flags = ("-fPIC", *(("-ffast-math", "-flto") if board == "betaflight" else ()))
        made[board] = link_glue(
            build_glue(board, folder, flags=flags, policy_files=files), folder / "glue.so"
        )
    return made


@pytest.fixture
def libraries(flying):
    """What ``craft`` loads in this file; its start runs the real self-test."""
    return flying


def fly(machine, name, seconds, show, motors):
    """Fly from a disturbed start; returns position, up component and heading over time."""
    vehicle = CompiledQuadrotor(named_airframe(name))
    start = Rotation.from_euler("zyx", [0.5, 0.3, -0.3]).as_quat()
    vehicle.set_state(
        VehicleState.read(
            position=(0.1, 0.2, 0.0),
            quaternion=np.roll(start, 1),
            linear_velocity=(0.4, -0.3, 0.1),
            angular_velocity=(1.0, -1.0, 0.5),
        )
    )
    path = []
    for step in range(round(seconds * 100)):
        state = vehicle.state
        nose = state.rotation[:, 0]
        path.append((*state.position, state.rotation[2, 2], np.arctan2(nose[1], nose[0])))
        show(step, machine, state)
        vehicle.step(2 * motors(machine, vehicle.airframe) - 1)
    return np.array(path)


def everything(step, machine, state):
    """All inputs, the target elsewhere and with another heading."""
    machine.feed(
        state.position, state.rotation, state.linear_velocity, state.angular_velocity, TARGET, yaw=YAW
    )


def assert_hovers(path):
    """The last two seconds, within 2 cm and half a degree of the target's heading; never far from level."""
    assert np.linalg.norm(path[-200:, :3] - TARGET, axis=1).max() < 0.02
    assert np.abs(path[-200:, 4] - YAW).max() < 0.01
    assert path[:, 3].min() > 0.85


def speeds(machine, airframe):
    """Set-points of rotor speed, 0 to 1, in the world's order, of boards that command it."""
    return np.array([machine.motors()[corner] for corner in CORNERS], np.float64)


def thrust_speeds(machine, airframe):
    """The same where a fraction of the largest thrust is commanded, by the airframe's own thrust curve."""
    c0, c1, c2 = np.array(airframe.thrust_coefficients).T
    thrust = np.maximum(speeds(machine, airframe) * CRAZYFLIE_THRUST_MAX, c0)
    return np.minimum((np.sqrt(c1**2 + 4 * c2 * (thrust - c0)) - c1) / (2 * c2), 1)


@pytest.mark.parametrize("board", ("px4", "betaflight", "stampfly"))
@pytest.mark.parametrize("name", ("crazyflie", "x500"))
def test_hovers(board, name, craft):
    """From a tilted, turning start to a target with another heading, and stays there."""
    assert_hovers(fly(craft(board), name, 8, everything, speeds))


def test_crazyflie_hovers(craft):
    """Newtons through the vehicle's thrust curve, evaluated in every second millisecond."""

    def show(step, machine, state):
        everything(step, machine, state)
        for _ in range(9):
            machine.time += 1000
            machine.tick()
        machine.time -= 9000

    assert_hovers(fly(craft("crazyflie"), "crazyflie", 8, show, thrust_speeds))


def test_px4_hovers_with_a_thrust_model(craft):
    """At 400 Hz, where three of four evaluations look ahead; the driver takes the square root out again."""
    factor = 0.4
    half = (1 - factor) / (2 * factor)

    def driven(machine, airframe):
        return np.sqrt(half**2 + speeds(machine, airframe) / factor) - half

    def show(step, machine, state):
        everything(step, machine, state)
        for _ in range(3):
            machine.time += 2500
            machine.feed_attitude(state.rotation, state.angular_velocity)
        machine.time -= 7500

    machine = craft("px4")
    machine.glue.set_parameter(0, factor)
    assert_hovers(fly(machine, "crazyflie", 8, show, driven))
    assert machine.published()[0] == 4 * 800


@pytest.mark.parametrize("board", ("px4", "betaflight", "stampfly"))
def test_rides_through_a_lost_position(board, craft):
    """Half a second without a position in the hover: it stays level, drifts little and comes back."""
    gap = range(500, 550)

    def show(step, machine, state):
        if step not in gap:
            everything(step, machine, state)
            return
        machine.time += 10_000
        machine.feed_attitude(state.rotation, state.angular_velocity)

    machine = craft(board)
    path = fly(machine, "crazyflie", 12, show, speeds)
    assert path[500:, 3].min() > 0.95
    assert np.linalg.norm(path[500:, :3] - TARGET, axis=1).max() < 0.5
    assert_hovers(path)


@pytest.mark.parametrize("pair", ((0, 1), (1, 2), (0, 2)))
def test_exchanged_motors_crash(pair, craft):
    """Whether these flights would notice a wrong table: they do."""

    def exchanged(machine, airframe):
        wrong = speeds(machine, airframe)
        wrong[list(pair)] = wrong[list(pair)[::-1]]
        return wrong

    path = fly(craft("px4"), "crazyflie", 3, everything, exchanged)
    assert path[:, 3].min() < 0 or np.linalg.norm(path[-1, :3] - TARGET) > 1
