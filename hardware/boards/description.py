"""Flight controllers: frames, units, motors and what an output means; everything else follows from these.

A board's glue turns its estimate into the policy's 22 observations and the policy's 4 motor speeds into
its outputs. The policy's side is fixed (:mod:`~eyas.policies.quadrotor_metadata`): world and body are FLU
(x forward, y left, z up), angles are counter-clockwise seen from above, motors stand in the order of
``ACTION["order"]``. The C templates take their constants from here, and only from here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...envs.quadrotor.airframe import YAW_SIGNS
from ...errors import InputError
from ...policies.quadrotor_metadata import ACTION

Array = NDArray[np.float64]

Frame = Literal["FLU", "FRD"]
"""Axes: forward, left, up or forward, right, down; a world called FRD is NED where x points north."""
AXES: Mapping[Frame, tuple[int, int, int]] = MappingProxyType({"FLU": (1, 1, 1), "FRD": (1, -1, -1)})
"""What a frame's axes are multiplied with to become FLU, and back."""
CORNERS: tuple[str, ...] = tuple(cast("list[str]", ACTION["order"]))
"""The policy's motors, by what each number of an action moves."""
SPINS: Mapping[str, str] = MappingProxyType(
    {
        corner: "counter-clockwise" if sign < 0 else "clockwise"
        for corner, sign in zip(CORNERS, YAW_SIGNS, strict=True)
    }
)
"""How the policy's rotors turn, seen from above; the body is pushed the other way."""


@dataclass(frozen=True)
class Motor:
    """One output of a board."""

    corner: str
    """One of :data:`CORNERS`."""
    spin: str
    """Seen from above: clockwise or counter-clockwise."""
    name: str
    """What the firmware calls it."""


@dataclass(frozen=True, kw_only=True)
class Output:
    """What a board does with the number it is given for a motor.

    A motor speed ``u`` in [0, 1] becomes ``low + (high - low) (quadratic u^2 + (1 - quadratic) u)``.
    """

    meaning: Literal["thrust", "motor_speed", "duty"]
    """thrust: fraction of the largest thrust; motor_speed: the firmware's motor value; duty: of a PWM."""
    low: float | str
    """At the slowest speed; or the firmware's variable that holds it."""
    high: float | str
    """At the highest speed; or the firmware's variable."""
    quadratic: float | str
    """0 where outputs are proportional to speed, 1 where they are to thrust; or a parameter's name."""


@dataclass(frozen=True, kw_only=True)
class Board:
    """One flight controller's firmware.

    Raises:
        InputError: motors are not one per corner, or one turns otherwise than the policy's.
    """

    name: str
    """What ``--target`` calls it, and the folder of its templates."""
    firmware: str
    """Whose interfaces the glue uses, and which versions."""
    licence: str
    """Of the firmware; the glue is under this project's."""
    language: Literal["c99", "c++14"]
    policy_folder: str
    """Where the policy's C files belong, ``NAME`` standing for its name."""
    attitude_frame: Frame
    """World and body of the firmware's attitude."""
    rate_frame: Frame
    """Body of the gyroscope."""
    position_frame: Frame
    """World of positions and velocities."""
    attitude: str
    """How the firmware gives it."""
    gyro_unit: Literal["rad/s", "deg/s"]
    motors: tuple[Motor, Motor, Motor, Motor]
    """By output number."""
    output: Output
    loop_hz: int
    """Calls of the glue per second, typically."""
    control_hz: int
    """Evaluations of the policy per second; it commits its memory at its own rate."""
    stale_us: Mapping[str, int]
    """Microseconds after which an input is too old, by input."""
    coast_us: int = 0
    """How long the vehicle is kept level without a position before the policy gives up; 0: not at all."""
    position_clip: float = 0.5
    """Bound of each component of the position error that the policy is shown (m), in the frame of the
    set-point's yaw (rl-tools/raptor flies with the same)."""
    velocity_clip: float = 1.0
    """The same for the velocity error (m/s)."""
    parameters: Mapping[str, float] = field(default_factory=dict)
    """Numbers a user may set, with their defaults."""

    def __post_init__(self) -> None:
        corners = [motor.corner for motor in self.motors]
        if sorted(corners) != sorted(CORNERS):
            raise InputError(
                f"{self.name} motors stand at {corners}, expected one at each of {CORNERS}"
            )
        for motor in self.motors:
            if motor.spin != SPINS[motor.corner]:
                raise InputError(
                    f"{self.name} motor {motor.name} turns {motor.spin}, the policy's {motor.corner}"
                    f" one {SPINS[motor.corner]}"
                )

    @property
    def gyro_scale(self) -> float:
        """What its angular velocity is multiplied with to be in rad/s."""
        return float(np.pi / 180) if self.gyro_unit == "deg/s" else 1.0

    @property
    def permutation(self) -> tuple[int, ...]:
        """For each output, which number of the action moves it."""
        return tuple(CORNERS.index(motor.corner) for motor in self.motors)


def frame_matrix(frame: Frame) -> Array:
    """Turns vectors of the frame into FLU, and FLU ones into the frame; shape ``(3, 3)``."""
    return np.diag(np.array(AXES[frame], np.float64))


def to_policy_vector(frame: Frame, vectors: ArrayLike) -> Array:
    """Vectors of a frame in FLU, shape ``(..., 3)``; the same function leads back."""
    return np.asarray(vectors, np.float64) @ frame_matrix(frame)


def to_policy_rotation(frame: Frame, rotations: ArrayLike) -> Array:
    """Body to world in FLU of body to world in the frame, shape ``(..., 3, 3)``; also leads back."""
    matrix = frame_matrix(frame)
    return matrix @ np.asarray(rotations, np.float64) @ matrix


def to_policy_quaternion(frame: Frame, quaternions: ArrayLike) -> Array:
    """The same for quaternions (w, x, y, z), shape ``(..., 4)``."""
    return np.asarray(quaternions, np.float64) * np.array([1, *AXES[frame]], np.float64)


def to_policy_yaw(frame: Frame, yaws: ArrayLike) -> Array:
    """Heading (rad), counter-clockwise from above, of one about the frame's z axis; also leads back."""
    return np.asarray(yaws, np.float64) * AXES[frame][2]


def outputs(
    board: Board, actions: ArrayLike, *, low: float = 0.0, high: float = 1.0, quadratic: float = 0.0
) -> Array:
    """What the board's motors are told.

    Args:
        board: whose motors.
        actions: in [-1, 1], in the policy's order, shape ``(..., 4)``.
        low: the firmware's value, where the description names a variable.
        high: the same.
        quadratic: the parameter's value, where the description names one.

    Returns:
        By output number, shape ``(..., 4)``.
    """
    described = board.output
    least = low if isinstance(described.low, str) else described.low
    most = high if isinstance(described.high, str) else described.high
    share = quadratic if isinstance(described.quadratic, str) else described.quadratic
    speed = (np.asarray(actions, np.float64)[..., list(board.permutation)] + 1) / 2
    return np.asarray(least + (most - least) * (share * speed * speed + (1 - share) * speed))


CRAZYFLIE = Board(
    name="crazyflie",
    firmware="bitcraze/crazyflie-firmware, out-of-tree controller as of 2025 and 2026",
    licence="GPL-3.0",
    language="c99",
    policy_folder="src",
    attitude_frame="FLU",
    rate_frame="FLU",
    position_frame="FLU",
    attitude="quaternion, fields x, y, z, w",
    gyro_unit="deg/s",
    motors=(
        Motor("front right", "counter-clockwise", "M1"),
        Motor("back right", "clockwise", "M2"),
        Motor("back left", "counter-clockwise", "M3"),
        Motor("front left", "clockwise", "M4"),
    ),
    output=Output(meaning="thrust", low=0.0, high=1.0, quadratic=1.0),
    loop_hz=1000,
    control_hz=500,
    stale_us={},
)
"""The firmware watches the age of set-points and of its estimate by itself, see the README."""

PX4 = Board(
    name="px4",
    firmware="PX4/PX4-Autopilot, external module, v1.16 to main of early 2026",
    licence="BSD-3-Clause",
    language="c++14",
    policy_folder="src/modules/mc_NAME",
    attitude_frame="FRD",
    rate_frame="FRD",
    position_frame="FRD",
    attitude="quaternion w, x, y, z",
    gyro_unit="rad/s",
    motors=(
        Motor("front right", "counter-clockwise", "motor 1"),
        Motor("back left", "counter-clockwise", "motor 2"),
        Motor("front left", "clockwise", "motor 3"),
        Motor("back right", "clockwise", "motor 4"),
    ),
    output=Output(meaning="thrust", low=0.0, high=1.0, quadratic="THR_MDL_FAC"),
    loop_hz=400,
    control_hz=400,
    stale_us={
        "angular velocity": 10_000,
        "attitude": 50_000,
        "position": 100_000,
        "set-point": 200_000,
    },
    coast_us=1_000_000,
    parameters={"THR_MDL_FAC": 0.0},
)

BETAFLIGHT = Board(
    name="betaflight",
    firmware="betaflight/betaflight, 4.4 and 4.5",
    licence="GPL-3.0",
    language="c99",
    policy_folder="src/main/flight",
    attitude_frame="FLU",
    rate_frame="FLU",
    position_frame="FLU",
    attitude="quaternion w, x, y, z; any heading",
    gyro_unit="deg/s",
    motors=(
        Motor("back right", "clockwise", "motor 1 (REAR_R)"),
        Motor("front right", "counter-clockwise", "motor 2 (FRONT_R)"),
        Motor("back left", "counter-clockwise", "motor 3 (REAR_L)"),
        Motor("front left", "clockwise", "motor 4 (FRONT_L)"),
    ),
    output=Output(
        meaning="motor_speed",
        low="mixerRuntime.motorOutputLow",
        high="mixerRuntime.motorOutputHigh",
        quadratic=0.0,
    ),
    loop_hz=4000,
    control_hz=500,
    stale_us={"position": 200_000},
    coast_us=500_000,
    parameters={"motor_factor": 0.5, "yaw_gain": 0.1},
)
"""``motor_factor``: share of the motors' range that the policy may use; ``yaw_gain``: how much of a
difference in heading each received pose takes away."""

STAMPFLY = Board(
    name="stampfly",
    firmware="m5stack/M5StampFly, 2024 to 2025",
    licence="MIT",
    language="c++14",
    policy_folder="src",
    attitude_frame="FRD",
    rate_frame="FRD",
    position_frame="FLU",
    attitude="angles: about z, then roll about the new x, then pitch about the newest y; any heading",
    gyro_unit="rad/s",
    motors=(
        Motor("front left", "clockwise", "FrontLeft, channel 0"),
        Motor("front right", "counter-clockwise", "FrontRight, channel 1"),
        Motor("back left", "counter-clockwise", "RearLeft, channel 2"),
        Motor("back right", "clockwise", "RearRight, channel 3"),
    ),
    output=Output(meaning="duty", low=0.0, high=0.95, quadratic=0.0),
    loop_hz=400,
    control_hz=400,
    stale_us={"position": 200_000},
    coast_us=500_000,
    parameters={"yaw_gain": 0.1},
)

BOARDS: Mapping[str, Board] = MappingProxyType(
    {board.name: board for board in (CRAZYFLIE, PX4, BETAFLIGHT, STAMPFLY)}
)
"""By name."""
