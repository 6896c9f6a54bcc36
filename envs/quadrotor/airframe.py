"""Airframes: the physical numbers of a quadrotor, one or many.

Frames: the body is FLU (x forward, y left, z up) with its origin in the centre of mass. Rotors are
ordered front-right, back-right, back-left, front-left and turn so that their reaction torques about z
have the signs ``(-1, +1, -1, +1)`` (rl-tools, ``environments/l2f/multirotor.h``). Rotor speed is a
fraction of the motor's range, 0 to 1.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...errors import InputError

GRAVITY = 9.81
"""m/s^2, along -z of the world."""
YAW_SIGNS = np.array([-1.0, 1.0, -1.0, 1.0])
"""Sign of each rotor's reaction torque about the body's z axis."""

Vector = tuple[float, float, float]
PerRotor = tuple[float, float, float, float]


@dataclass(frozen=True, kw_only=True)
class Airframe:
    """One quadrotor.

    Raises:
        InputError: a number is not finite, a mass, inertia or time constant is not above 0, the
            inertia is no rigid body's, or the vehicle cannot lift its weight.
    """

    name: str
    """What it is called."""
    mass: float
    """kg."""
    inertia: Vector
    """Principal moments about body x, y, z (kg m^2)."""
    rotor_positions: tuple[Vector, Vector, Vector, Vector]
    """From the centre of mass, body frame (m)."""
    thrust_coefficients: tuple[Vector, Vector, Vector, Vector]
    """Per rotor (c0, c1, c2): thrust = c0 + c1 r + c2 r^2 at rotor speed r in [0, 1] (N)."""
    torque_constants: PerRotor
    """Reaction torque per thrust (m)."""
    rising_time_constants: PerRotor
    """First-order lag of the rotor speed while it rises (s)."""
    falling_time_constants: PerRotor
    """The same while it falls (s)."""
    drag: Vector = (0.0, 0.0, 0.0)
    """Linear drag along the body axes (N per m/s)."""

    def __post_init__(self) -> None:
        Airframes.stack([self])

    @property
    def thrust_to_weight(self) -> float:
        """All rotors at full speed, over the weight."""
        return float(Airframes.stack([self]).thrust_to_weight[0])

    @property
    def torque_to_inertia(self) -> float:
        """RAPTOR's measure of agility: |x| sqrt(2) (largest thrust of a rotor) / Jxx (rad/s^2)."""
        return float(Airframes.stack([self]).torque_to_inertia[0])

    @property
    def hover_throttle(self) -> float:
        """Rotor speed, the same for all, at which the thrust is the weight."""
        return float(Airframes.stack([self]).hover_throttle[0])


@dataclass(frozen=True, kw_only=True, eq=False)
class Airframes:
    """Many quadrotors as arrays with one row each; the fields are those of :class:`Airframe`.

    Raises:
        InputError: as for :class:`Airframe`, naming the first row at fault.
    """

    names: tuple[str, ...]
    mass: NDArray[np.float64]
    """Shape ``(count,)``."""
    inertia: NDArray[np.float64]
    """Shape ``(count, 3)``."""
    rotor_positions: NDArray[np.float64]
    """Shape ``(count, 4, 3)``."""
    thrust_coefficients: NDArray[np.float64]
    """Shape ``(count, 4, 3)``."""
    torque_constants: NDArray[np.float64]
    """Shape ``(count, 4)``."""
    rising_time_constants: NDArray[np.float64]
    """Shape ``(count, 4)``."""
    falling_time_constants: NDArray[np.float64]
    """Shape ``(count, 4)``."""
    drag: NDArray[np.float64]
    """Shape ``(count, 3)``."""

    def __post_init__(self) -> None:
        for name, shape in _SHAPES.items():
            try:
                values = np.ascontiguousarray(getattr(self, name), dtype=np.float64)
            except (TypeError, ValueError):
                raise InputError(f"airframe {name} = {getattr(self, name)!r} is not numbers") from None
            if values.shape != (len(self.names), *shape):
                raise InputError(
                    f"airframe {name} has shape {values.shape[1:]}, expected {shape or 'one number'}"
                )
            object.__setattr__(self, name, values)
            self._refuse(name, ~np.isfinite(values), "must be finite")
        for name in ("mass", "inertia", "rising_time_constants", "falling_time_constants"):
            self._refuse(name, getattr(self, name) <= 0, "must be above 0")
        self._refuse("drag", self.drag < 0, "must be 0 or more")
        self._refuse("torque_constants", self.torque_constants < 0, "must be 0 or more")
        # A plate lies on the limit, so that rounding must not refuse it.
        largest = 2 * self.inertia.max(axis=1) > (1 + 1e-6) * self.inertia.sum(axis=1)
        self._refuse("inertia", largest, "is no rigid body's: one moment exceeds the sum of the others")
        ratio = self.thrust_to_weight
        for row in np.flatnonzero(ratio < 1):
            raise InputError(
                f"airframe {self.names[row]!r}: thrust_to_weight = {ratio[row]:.3g} must be at least 1"
            )
        hover = self.hover_throttle
        for row in np.flatnonzero(~((hover >= 0) & (hover <= 1))):
            raise InputError(
                f"airframe {self.names[row]!r}: thrust_coefficients"
                f" {self.thrust_coefficients[row, 0].tolist()} give no rotor speed in [0, 1] at which it hovers"
            )

    def _refuse(self, name: str, bad: NDArray[np.bool_], rule: str) -> None:
        if bad.any():
            row = int(np.argwhere(bad)[0][0])
            value = getattr(self, name)[row].tolist()
            raise InputError(f"airframe {self.names[row]!r}: {name} = {value} {rule}")

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, row: int) -> Airframe:
        """One of them."""
        values: dict[str, Any] = {name: _as_tuples(getattr(self, name)[row]) for name in _SHAPES}
        return Airframe(name=self.names[row], **values)

    def __iter__(self) -> Iterator[Airframe]:
        return (self[row] for row in range(len(self)))

    def select(self, rows: ArrayLike) -> Airframes:
        """Some of them, as arrays."""
        chosen = np.arange(len(self))[np.asarray(rows)]
        values = {name: getattr(self, name)[chosen] for name in _SHAPES}
        return Airframes(names=tuple(self.names[row] for row in chosen), **values)

    @staticmethod
    def stack(airframes: Sequence[Airframe]) -> Airframes:
        """Make arrays of single ones."""
        names = tuple(airframe.name for airframe in airframes)
        columns = {}
        for name in _SHAPES:
            try:
                columns[name] = np.array([getattr(a, name) for a in airframes], dtype=np.float64)
            except (TypeError, ValueError):
                first = getattr(airframes[0], name)
                raise InputError(f"airframe {names[0]!r}: {name} = {first!r} is not numbers") from None
        return Airframes(names=names, **columns)

    @staticmethod
    def concatenate(parts: Sequence[Airframes]) -> Airframes:
        """Join several sets."""
        names = tuple(name for part in parts for name in part.names)
        values = {name: np.concatenate([getattr(part, name) for part in parts]) for name in _SHAPES}
        return Airframes(names=names, **values)

    @property
    def thrust_to_weight(self) -> NDArray[np.float64]:
        """All rotors at full speed, over the weight; shape ``(count,)``."""
        return self.thrust_coefficients.sum(axis=(1, 2)) / (self.mass * GRAVITY)

    @property
    def torque_to_inertia(self) -> NDArray[np.float64]:
        """|x of rotor 0| sqrt(2) (its largest thrust) / Jxx (rad/s^2); shape ``(count,)``."""
        full = self.thrust_coefficients[:, 0].sum(axis=1)
        return np.abs(self.rotor_positions[:, 0, 0]) * math.sqrt(2) * full / self.inertia[:, 0]

    @property
    def rotor_distance(self) -> NDArray[np.float64]:
        """Largest distance of a rotor from the centre of mass (m); shape ``(count,)``."""
        return np.linalg.norm(self.rotor_positions, axis=2).max(axis=1)

    @property
    def hover_throttle(self) -> NDArray[np.float64]:
        """Common rotor speed at which the thrust is the weight; NaN if there is none; ``(count,)``."""
        c0, c1, c2 = self.thrust_coefficients.sum(axis=1).T
        c0 = c0 - self.mass * GRAVITY
        with np.errstate(invalid="ignore", divide="ignore"):
            # The stable form of the quadratic's rising root; it also holds for c2 = 0.
            return -2 * c0 / (c1 + np.sqrt(c1 * c1 - 4 * c2 * c0))


_SHAPES: dict[str, tuple[int, ...]] = {
    "mass": (),
    "inertia": (3,),
    "rotor_positions": (4, 3),
    "thrust_coefficients": (4, 3),
    "torque_constants": (4,),
    "rising_time_constants": (4,),
    "falling_time_constants": (4,),
    "drag": (3,),
}
assert [f.name for f in fields(Airframe)] == ["name", *_SHAPES]


def _as_tuples(values: NDArray[np.float64]) -> float | tuple[object, ...]:
    if values.ndim == 0:
        return float(values)
    return tuple(_as_tuples(row) for row in values)
