"""Generated glue, compiled against stand-ins of the firmware's headers, with a policy that records."""

import ctypes
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from eyas.hardware.boards.description import BOARDS
from eyas.hardware.boards.generate import board_files, policy_folder
from eyas.hardware.network import Input, Linear, Network, Output
from eyas.policies.quadrotor_metadata import describe

STAND_INS = Path(__file__).with_name("stand_ins")
"""By board: what the glue uses of its firmware, by which headers, and a driver for Python."""
GLUE = {
    "crazyflie": ("src/policy_controller.c",),
    "betaflight": ("src/main/flight/policy_betaflight.c",),
    "stampfly": ("src/policy_stampfly.cpp",),
    "px4": ("src/modules/mc_policy/mc_policy.cpp",),
}
WARNINGS = ("-Wall", "-Wextra", "-Wdouble-promotion", "-Wshadow", "-Wcast-align", "-Wundef", "-Werror")


def quadrotor_network(**changes):
    """A network of the right layout; its weights do not matter to the glue."""
    facts = {
        "input": Input(center=np.zeros(22, np.float32), limit=np.full(22, 1e3, np.float32)),
        "layers": (Linear(weight=np.zeros((4, 22), np.float32), bias=np.zeros(4, np.float32)),),
        "output": Output(kind="clip", low=np.full(4, -1, np.float32), high=np.full(4, 1, np.float32)),
        "rate_hz": 100,
        "metadata": describe(command="", revision=""),
    }
    return Network(**(facts | changes))


def lay_out(board, folder, policy_files=None):
    """Write glue, stand-ins and a policy as a user would copy them; returns the include folders."""
    for path, text in board_files(board, "policy", quadrotor_network()).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    home = folder / policy_folder(board, "policy")
    if policy_files is None:
        for file in (STAND_INS / "policy").iterdir():
            shutil.copy(file, home)
    else:
        for name, text in policy_files.items():
            (home / name).write_text(text)
    firmware = next((STAND_INS / board).glob("firmware.h*"))
    for header in (STAND_INS / board / "headers.txt").read_text().split():
        forward = folder / "firmware" / header
        forward.parent.mkdir(parents=True, exist_ok=True)
        forward.write_text(f'#include "{firmware}"\n')
    folders = [home, folder / "firmware", STAND_INS / board]
    return [*folders, folder / "src/main"] if board == "betaflight" else folders


def commands(board, folder, folders, *, c="gcc", cxx="g++", flags=(), driver=True):
    """Compile every file; the glue with warnings as errors."""
    home = folder / policy_folder(board, "policy")
    policy = [home / "policy.c", home / "policy_selftest.c"]
    if board == "betaflight":
        policy = [home / "policy_firmware.c", home / "policy_firmware_selftest.c"]
    sources = [folder / path for path in GLUE[board]] + policy
    if driver:
        sources.append(next((STAND_INS / board).glob("driver.c*")))
    include = [f"-I{place}" for place in folders]
    for source in sources:
        compiler, standard = (c, "-std=c99") if source.suffix == ".c" else (cxx, "-std=c++14")
        output = folder / f"{source.stem}.o"
        yield (
            output,
            [
                compiler,
                standard,
                "-O2",
                *WARNINGS,
                *flags,
                *include,
                "-c",
                str(source),
                "-o",
                str(output),
            ],
        )


def build(board, folder, **options):
    """The objects of a board's glue."""
    policy_files = options.pop("policy_files", None)
    objects = []
    for output, command in commands(board, folder, lay_out(board, folder, policy_files), **options):
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, f"{' '.join(command)}\n{done.stderr}"
        objects.append(output)
    return objects


def link(objects, library):
    """A shared library of the objects."""
    compiler = "g++" if shutil.which("g++") else "gcc"
    subprocess.run(
        [compiler, "-shared", *map(str, objects), "-lm", "-o", str(library)], check=True, timeout=120
    )
    return library


@pytest.fixture(scope="session")
def build_glue():
    """Compile a board's glue: ``build_glue(board, folder, **options)``."""
    return build


@pytest.fixture(scope="session")
def link_glue():
    """Make a library of objects: ``link_glue(objects, library)``."""
    return link


@pytest.fixture(scope="session", name="quadrotor_network")
def quadrotor_network_fixture():
    """Make networks of the right layout."""
    return quadrotor_network


@pytest.fixture(scope="session")
def libraries(tmp_path_factory):
    """Compiled glue by board; each with the recording policy."""
    for tool in ("gcc", "g++"):
        if not shutil.which(tool):
            pytest.skip(f"no {tool} here")
    return {
        board: link(
            build(board, (folder := tmp_path_factory.mktemp(board)), flags=("-fPIC",)),
            folder / "glue.so",
        )
        for board in BOARDS
    }


class Glue:
    """A fresh copy of a board's library, with everything of C at hand by name."""

    def __init__(self, library):
        self.c = ctypes.CDLL(str(library))

    def __getattr__(self, name):
        return getattr(self.c, name)

    def number(self, name, kind=ctypes.c_uint32):
        """A variable."""
        return kind.in_dll(self.c, name)

    def array(self, name, size):
        """A float array of the library, as numpy sees it."""
        return np.ctypeslib.as_array((ctypes.c_float * size).in_dll(self.c, name))

    def answer(self, action):
        """What the recording policy is to command."""
        self.array("answer", 4)[:] = action

    @property
    def shown(self):
        """The observation that the policy was given last, without the previous action."""
        return self.array("shown", 22)[:18].astype(np.float64)

    @property
    def calls(self):
        """How often the policy was asked."""
        return self.number("calls").value

    @property
    def resets(self):
        """How often it was reset."""
        return self.number("resets").value


@pytest.fixture
def fresh(libraries, tmp_path):
    """Load a board's glue as after power-on."""
    count = 0

    def load(board):
        nonlocal count
        count += 1
        return Glue(shutil.copy(libraries[board], tmp_path / f"{board}{count}.so"))

    return load


def floats(values):
    """A C array."""
    return (ctypes.c_float * len(values))(*values)


LEFT = np.diag([1.0, -1.0, -1.0])
"""FLU to FRD and NWU to NED."""
RIGHT_FORWARD_UP = np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
"""FLU to the axes of StampFly's filter."""


def wxyz(rotation):
    """The quaternion of a rotation matrix, with w first."""
    return np.roll(Rotation.from_matrix(rotation).as_quat(), 1)


class Craft:
    """A firmware with the glue inside, to which the truth is told in the firmware's own terms.

    The truth is in FLU: positions and velocities of a world, body to world, body rates in rad/s, targets.
    """

    heading_offset = 0.0
    """By how much the firmware's heading is off."""

    def __init__(self, glue):
        self.glue = glue
        self.time = 1_000_000
        self.start()

    def feed(self, position, rotation, velocity, rates, target=(0, 0, 0), speed=(0, 0, 0), yaw=0.0):
        """Tell everything, 10 ms later than before, and run the loop once; the policy is due then."""
        self.time += 10_000
        self.tell(*map(np.asarray, (position, rotation, velocity, rates, target, speed)), yaw)

    def show(self, *truth, **target):
        """The same; returns the observation that a recording policy was given."""
        self.feed(*truth, **target)
        return self.glue.shown


class Crazyflie(Craft):
    corners = ("front right", "back right", "back left", "front left")

    def start(self):
        self.glue.controllerOutOfTreeInit()
        assert self.glue.controllerOutOfTreeTest()
        self.glue.set_setpoint.argtypes = (
            [ctypes.c_void_p] * 2 + [ctypes.c_float] * 2 + [ctypes.c_void_p, ctypes.c_int]
        )
        self.forces = floats([9.0] * 4)
        self.modes = [1, 1, 1, 1]
        self.body = 0

    def tell(self, position, rotation, velocity, rates, target, speed, yaw):
        self.glue.set_state(
            floats(position), floats(wxyz(rotation)), floats(velocity), floats(np.degrees(rates))
        )
        modes = (ctypes.c_int * 4)(*self.modes)
        self.glue.set_setpoint(floats(target), floats(speed), np.degrees(yaw), 0, modes, self.body)
        self.tick()

    def tick(self):
        return self.glue.tick(self.time // 1000, self.forces)

    def motors(self):
        return dict(zip(self.corners, self.forces, strict=True))


class Px4(Craft):
    corners = ("front right", "back left", "front left", "back right")
    mode = 23

    def start(self):
        self.glue.set_time.argtypes = [ctypes.c_uint64]
        self.glue.accept.argtypes = [ctypes.c_int, ctypes.c_uint64]
        self.glue.set_rate.argtypes = [ctypes.c_void_p, ctypes.c_uint64]
        self.glue.set_setpoint.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_float]
        self.glue.set_parameter.argtypes = [ctypes.c_int, ctypes.c_float]
        self.glue.requested.restype = ctypes.c_uint64
        self.glue.set_time(self.time)
        assert self.glue.start() == 0
        self.flags = (ctypes.c_int * 4)()
        self.request = self.glue.requested(self.flags)

    def take_over(self):
        """What the commander does when the mode is chosen."""
        self.glue.accept(self.mode, self.request)
        self.glue.set_nav_state(self.mode)

    def tell(self, position, rotation, velocity, rates, target, speed, yaw):
        self.glue.set_time(self.time)
        self.take_over()
        self.glue.set_attitude(floats(wxyz(LEFT @ rotation @ LEFT)))
        self.glue.set_position(floats(LEFT @ position), floats(LEFT @ velocity), 1)
        self.glue.set_setpoint(floats(LEFT @ target), floats(LEFT @ speed), -yaw)
        self.glue.set_rate(floats(LEFT @ rates), self.time)
        self.glue.wake()

    def feed_attitude(self, rotation, rates):
        """All but positions and set-points."""
        self.glue.set_time(self.time)
        self.glue.set_attitude(floats(wxyz(LEFT @ rotation @ LEFT)))
        self.glue.set_rate(floats(LEFT @ rates), self.time)
        self.glue.wake()

    def published(self):
        """How often, the numbers, and the time of the sample."""
        control, sampled = (ctypes.c_float * 12)(), ctypes.c_uint64()
        count = self.glue.motors(control, ctypes.byref(sampled))
        return count, np.array(control), sampled.value

    def motors(self):
        return dict(zip(self.corners, self.published()[1][:4], strict=True))


class Betaflight(Craft):
    corners = ("back right", "front right", "back left", "front left")
    low, high, factor = 158.0, 2047.0, 0.5
    heading_offset = 0.7

    def start(self):
        pose = [ctypes.c_uint32, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_float]
        self.glue.policy_set_pose.argtypes = pose
        self.glue.policy_set_target.argtypes = pose[1:]
        self.glue.policy_set_motor_factor.argtypes = [ctypes.c_float]
        self.glue.policy_betaflight_control.argtypes = [ctypes.c_uint32, ctypes.c_bool, ctypes.c_bool]
        self.glue.policy_betaflight_init.restype = ctypes.c_bool
        self.glue.policy_betaflight_control.restype = ctypes.c_bool
        assert self.glue.policy_betaflight_init()

    def feed_attitude(self, rotation, rates):
        """All but poses and targets."""
        off = Rotation.from_euler("z", -self.heading_offset).as_matrix()
        self.glue.set_state(floats(wxyz(off @ rotation)), floats(np.degrees(rates)))
        self.flew = self.control()

    def tell(self, position, rotation, velocity, rates, target, speed, yaw):
        heading = np.arctan2(rotation[1, 0], rotation[0, 0])
        self.glue.policy_set_pose(self.time % 2**32, floats(position), floats(velocity), heading)
        self.glue.policy_set_target(floats(target), floats(speed), yaw)
        self.feed_attitude(rotation, rates)

    def control(self, armed=True, wanted=True):
        return self.glue.policy_betaflight_control(self.time % 2**32, armed, wanted)

    def motors(self):
        values = self.glue.array("motor", 8)
        return dict(
            zip(
                self.corners,
                (values[:4] - self.low) / (self.factor * (self.high - self.low)),
                strict=True,
            )
        )


class Stampfly(Craft):
    corners = ("front right", "front left", "back right", "back left")
    heading_offset = 0.7

    def start(self):
        self.glue.pose.argtypes = [ctypes.c_uint32, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_float]
        self.glue.target.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_float]
        self.glue.turn.argtypes = [ctypes.c_uint32, ctypes.c_int]
        assert self.glue.start()

    def angles(self, rotation):
        """Roll, pitch and yaw as the firmware derives them from its Madgwick filter."""
        off = Rotation.from_euler("z", -self.heading_offset).as_matrix()
        w, x, y, z = wxyz(RIGHT_FORWARD_UP @ off @ rotation @ RIGHT_FORWARD_UP.T)
        roll = np.arctan2(w * x + y * z, 0.5 - x * x - y * y)
        pitch = np.arcsin(-2 * (x * z - w * y))
        yaw = np.arctan2(x * y + w * z, 0.5 - y * y - z * z) + np.pi
        return pitch, roll, -yaw  # Roll_angle is the filter's pitch

    def feed_attitude(self, rotation, rates):
        """All but poses and targets."""
        self.glue.set_state(floats(self.angles(rotation)), floats(LEFT @ rates))
        self.flew = self.control()

    def tell(self, position, rotation, velocity, rates, target, speed, yaw):
        heading = np.arctan2(rotation[1, 0], rotation[0, 0])
        self.glue.pose(self.time % 2**32, floats(position), floats(velocity), heading)
        self.glue.target(floats(target), floats(speed), yaw)
        self.feed_attitude(rotation, rates)

    def control(self, wanted=True):
        return bool(self.glue.turn(self.time % 2**32, wanted))

    def motors(self):
        return dict(zip(self.corners, self.glue.array("duties", 4) / 0.95, strict=True))


@pytest.fixture
def craft(fresh):
    """A board with its glue, as after power-on."""
    kinds = {"crazyflie": Crazyflie, "px4": Px4, "betaflight": Betaflight, "stampfly": Stampfly}
    return lambda board: kinds[board](fresh(board))
