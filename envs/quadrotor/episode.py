"""What an episode is: where it starts, what it pays, what ends it, which reference it follows.

The presets named ``raptor`` are those of RAPTOR's training (rl-tools,
``rl/environments/l2f/parameters/default.h`` and rl-tools/raptor, ``pre_training/config.h``).
"""

from __future__ import annotations

import math
from dataclasses import astuple, dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError
from .flight import RULES
from .kernels import START

_FAR = 1e5
"""l2f clips positions and velocities here."""
T = TypeVar("T")


def _check(name: str, value: float, low: float, high: float) -> None:
    if not (math.isfinite(value) and low <= value <= high):
        rule = "be finite" if math.isinf(low) else f"be from {low:g} to {high:g}"
        raise InputError(f"{name} = {value} must {rule}")


@dataclass(frozen=True, kw_only=True)
class Start:
    """Distribution of initial states around the reference's first point; all draws are uniform.

    Raises:
        InputError: a number is not finite or out of its range.
    """

    guidance: float = 0.1
    """Probability of a start at the reference, level and at rest."""
    position: float | None = 0.5
    """Largest distance per axis (m); None: ten rotor distances, as RAPTOR's teachers start."""
    angle: float = 1.0
    """Largest rotation about a random axis (rad)."""
    velocity: float = 1.0
    """Largest linear velocity per axis (m/s)."""
    rates: float = 1.0
    """Largest angular velocity per axis (rad/s)."""
    rotors: tuple[float, float] = (0.0, 0.5)
    """Smallest and largest rotor speed."""
    hovering: bool = False
    """Rotors at hover speed instead."""

    def __post_init__(self) -> None:
        for name, most in (("guidance", 1.0), ("angle", math.pi), ("velocity", _FAR), ("rates", _FAR)):
            _check(f"start {name}", getattr(self, name), 0.0, most)
        if self.position is not None:
            _check("start position", self.position, 0.0, _FAR)
        low, high = self.rotors
        if not 0 <= low <= high <= 1:
            raise InputError(f"start rotors = {self.rotors} must be (low, high) within 0 and 1")

    def as_array(self, moving: float) -> NDArray[np.float64]:
        """For the kernel; ``moving`` is the probability of a Langevin reference."""
        reach = -1.0 if self.position is None else self.position
        values = [self.guidance, reach, self.angle, self.velocity, self.rates, *self.rotors]
        array = np.array([*values, float(self.hovering), moving])
        assert array.size == START
        return array


STARTS: dict[str, Start] = {
    "raptor": Start(),
    "raptor-teacher": Start(position=None),
    "tilted": Start(angle=math.pi / 2, rotors=(0.0, 1.0)),
    "hover": Start(guidance=1.0, hovering=True),
}
"""``raptor`` turns by up to 1 rad, since l2f ignores the 90 degrees it is given; ``tilted`` takes the
90 degrees, and rotors of any speed."""


@dataclass(frozen=True, kw_only=True)
class Reward:
    """Per step: constant minus weighted costs of the state before the step and of the action.

    Raises:
        InputError: a number is not finite.
    """

    constant: float = 1.5
    """For being in flight."""
    position: float = 1.0
    """Weight of the distance from the reference (m)."""
    yaw: float = 0.1
    """Weight of ``2 acos(1 - |q_z|)`` (rad)."""
    linear_velocity: float = 0.0
    """Weight of the velocity relative to the reference's (m/s)."""
    angular_velocity: float = 0.0
    """Weight of the angular velocity (rad/s)."""
    action_change: float = 1.0
    """Weight of the distance between this action and the last one."""
    ending: float = -100.0
    """Instead of all that, where the step ended the episode."""

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            _check(f"reward {name}", value, -math.inf, math.inf)


REWARDS: dict[str, Reward] = {
    "raptor": Reward(),
    "smooth": Reward(linear_velocity=0.1, angular_velocity=0.03, action_change=0.3),
}
"""``smooth`` also charges for moving."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What ends an episode: a component of the state beyond its limit.

    Raises:
        InputError: a limit is not above 0.
    """

    position: float | None = None
    """m; None: twenty rotor distances."""
    velocity: float = 2.0
    """m/s."""
    rates: float = 35.0
    """Angular velocity (rad/s)."""
    relative: bool = False
    """Whether position and velocity are those relative to the reference."""

    def __post_init__(self) -> None:
        for name in ("position", "velocity", "rates"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise InputError(f"limits {name} = {value} must be above 0")


LIMITS: dict[str, Limits] = {
    "raptor": Limits(),
    "relative": Limits(relative=True),
    "none": Limits(position=math.inf, velocity=math.inf, rates=math.inf),
}
"""``none`` ends only what is no longer a number."""

REFERENCES: dict[str, float] = {"raptor": 0.5, "position": 0.0, "langevin": 1.0}
"""Probability that the reference wanders; it stays at the origin otherwise."""


def rules_array(
    reward: Reward, limits: Limits, errors: bool, clips: tuple[float, float] | None, clip_actions: bool
) -> NDArray[np.float32]:
    """What the kernel needs of these, in its order.

    Raises:
        InputError: a clip is not above 0.
    """
    position_clip, velocity_clip = clips or (_FAR, _FAR)
    if not (position_clip > 0 and velocity_clip > 0):
        raise InputError(f"error_clips = {clips} must be above 0")
    largest = 1.0 if clip_actions else _FAR
    ends = [limits.velocity, limits.rates, float(limits.relative)]
    shown = [float(errors), position_clip, velocity_clip]
    array = np.array([*astuple(reward), *ends, *shown, largest], dtype=np.float32)
    assert array.size == RULES
    return array


def preset(kind: str, value: str | T, presets: dict[str, T]) -> T:
    """The value itself, or the preset of this name.

    Raises:
        InputError: there is no such preset.
    """
    if not isinstance(value, str):
        return value
    if value not in presets:
        raise InputError(f"{kind} = {value!r} is unknown; choose from {', '.join(presets)}")
    return presets[value]
