"""Trajectories to follow: position and velocity of the reference at any time.

Figure-eight and Lissajous references are those that RAPTOR was flown with (PX4-Autopilot,
``src/modules/mc_raptor``): hold the start, bring the phase up to speed evenly, then go on.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...errors import InputError
from .airframe import Vector

Array = NDArray[np.float64]


def _check(name: str, value: float | tuple[object, ...], *, least: float) -> None:
    numbers = np.asarray(value, dtype=np.float64)
    if not (np.isfinite(numbers) & (numbers >= least)).all():
        rule = "finite" if math.isinf(least) else f"finite and at least {least:g}"
        raise InputError(f"trajectory {name} = {value} must be {rule}")


class Trajectory(Protocol):
    """A reference as a function of time."""

    @property
    def duration(self) -> float:
        """When it has been flown (s)."""

    def at(self, time: ArrayLike) -> tuple[Array, Array]:
        """Position (m) and velocity (m/s) in the world at times of any shape (s).

        Returns:
            Two arrays with one more axis of size 3.
        """


@dataclass(frozen=True, kw_only=True)
class Hover:
    """Stay at the origin.

    Raises:
        InputError: the duration is not above 0.
    """

    duration: float = 10.0
    """s."""

    def __post_init__(self) -> None:
        _check("duration", self.duration, least=1e-3)

    def at(self, time: ArrayLike) -> tuple[Array, Array]:
        """Zeros; see :meth:`Trajectory.at`."""
        shape = (*np.shape(time), 3)
        return np.zeros(shape), np.zeros(shape)


@dataclass(frozen=True, kw_only=True)
class Lissajous:
    """Three sines of one phase: ``amplitude * sin(frequency * phase)``.

    The phase stands still during ``hold``, its speed rises linearly during ``ramp`` to one turn per
    ``period``, and stays there for as long as ``laps`` turns take from the end of the ramp.

    Raises:
        InputError: a time is negative or not finite, or the period or the laps are not above 0.
    """

    amplitude: Vector = (1.0, 0.5, 0.0)
    """Along x, y, z (m)."""
    frequency: Vector = (1.0, 2.0, 1.0)
    """Sines per lap."""
    period: float = 5.5
    """Of a lap at full speed (s)."""
    hold: float = 3.0
    """At the start (s)."""
    ramp: float = 3.0
    """Until full speed (s)."""
    laps: float = 3.0
    """At full speed."""

    def __post_init__(self) -> None:
        for name in ("amplitude", "frequency"):
            _check(name, getattr(self, name), least=-math.inf)
        for name in ("hold", "ramp"):
            _check(name, getattr(self, name), least=0.0)
        for name in ("period", "laps"):
            _check(name, getattr(self, name), least=1e-3)

    @property
    def duration(self) -> float:
        """Hold, ramp and laps (s)."""
        return self.hold + self.ramp + self.laps * self.period

    def at(self, time: ArrayLike) -> tuple[Array, Array]:
        """See :meth:`Trajectory.at`."""
        moving = np.maximum(np.asarray(time, dtype=np.float64) - self.hold, 0.0)
        rising = np.minimum(moving, self.ramp)
        ramp = self.ramp or 1.0
        turns = (rising * rising / (2 * ramp) + moving - rising) / self.period
        speed = np.where(moving > 0, rising / ramp if self.ramp else 1.0, 0.0) / self.period
        angular = 2 * math.pi * np.array(self.frequency)
        phase = turns[..., None] * angular
        amplitude = np.array(self.amplitude)
        return amplitude * np.sin(phase), amplitude * np.cos(phase) * angular * speed[..., None]


def figure_eight(period: float = 5.5, *, width: float = 1.0, height: float = 0.5) -> Lissajous:
    """A lying figure-eight: x = width sin(phase), y = height sin(2 phase).

    Args:
        period: of a lap (s).
        width: largest x (m).
        height: largest y (m).
    """
    return Lissajous(amplitude=(width, height, 0.0), period=period)


@dataclass(frozen=True, kw_only=True)
class Waypoints:
    """Straight lines between points, starting and stopping at each with a minimum-jerk profile.

    Raises:
        InputError: fewer than two points, two equal ones in a row, a speed that is not above 0 or a
            negative pause.
    """

    points: tuple[Vector, ...]
    """In the world, the start first (m)."""
    speed: float = 1.0
    """Largest speed between two points (m/s)."""
    pause: float = 1.0
    """At every point, the first and the last included (s)."""

    def __post_init__(self) -> None:
        if len(self.points) < 2 or any(len(point) != 3 for point in self.points):
            raise InputError("waypoints need two or more points of x, y, z")
        _check("points", self.points, least=-math.inf)
        _check("speed", self.speed, least=1e-6)
        _check("pause", self.pause, least=0.0)
        if not self._distances.all():
            raise InputError("waypoints that follow each other must differ")

    @property
    def _distances(self) -> Array:
        return np.linalg.norm(np.diff(np.array(self.points), axis=0), axis=1)

    @property
    def _travel(self) -> Array:
        # The profile's top speed is 15/8 of its mean.
        return self._distances * 15 / 8 / self.speed

    @property
    def duration(self) -> float:
        """All lines and pauses (s)."""
        return float(self._travel.sum() + self.pause * len(self.points))

    def at(self, time: ArrayLike) -> tuple[Array, Array]:
        """See :meth:`Trajectory.at`."""
        t = np.asarray(time, dtype=np.float64)
        travel = self._travel
        starts = self.pause + np.concatenate([[0.0], np.cumsum(travel + self.pause)[:-1]])
        leg = np.clip(np.searchsorted(starts, t, side="right") - 1, 0, len(travel) - 1)
        s = np.clip((t - starts[leg]) / travel[leg], 0.0, 1.0)
        share = s**3 * (10 - 15 * s + 6 * s * s)
        rate = 30 * s * s * (1 - s) ** 2 / travel[leg]
        points = np.array(self.points)
        line = np.diff(points, axis=0)[leg]
        return points[leg] + share[..., None] * line, rate[..., None] * line


TRAJECTORIES: dict[str, Trajectory] = {
    "hover": Hover(),
    "figure-eight": figure_eight(5.5),
    "slow-figure-eight": figure_eight(10.0),
    "lissajous": Lissajous(amplitude=(1.0, 0.5, 0.25), frequency=(1.0, 2.0, 3.0), period=10.0),
    "waypoints": Waypoints(
        points=((0, 0, 0), (1, 0, 0), (1, 1, 0.5), (0, 1, 0.5), (0, 0, 0)), speed=1.0, pause=0.5
    ),
}
"""Trajectories by name."""


def named_trajectory(name: str) -> Trajectory:
    """One of :data:`TRAJECTORIES`.

    Raises:
        InputError: there is none of this name.
    """
    if name not in TRAJECTORIES:
        raise InputError(f"trajectory {name!r} is unknown; there are: {', '.join(TRAJECTORIES)}")
    return TRAJECTORIES[name]
