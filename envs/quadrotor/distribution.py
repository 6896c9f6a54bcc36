"""Distributions of quadrotors: RAPTOR's with its quirks, and a wider one of our own.

Both draw whole arrays from one generator: one array for each quantity, in the order of the code.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...errors import InputError
from .airframe import GRAVITY, Airframes
from .named import NAMED

Array = NDArray[np.float64]
Interval = tuple[float, float]

POSITION_THRESHOLD = 20.0
"""RAPTOR ends an episode this many rotor distances from the origin, along any axis."""
MAX_POSITION = 10.0
"""RAPTOR's teachers start within this many rotor distances, along every axis."""
NOISE_SIGMAS = (0.01, 0.01, 0.05, 0.1)
"""Observation noise at level 1: position (m), rotation matrix element, velocity (m/s), rates (rad/s)."""

_ROTOR_SIDES = np.array([[1.0, -1.0], [-1.0, -1.0], [-1.0, 1.0], [1.0, 1.0]])


@dataclass(frozen=True, kw_only=True)
class RaptorSample:
    """Quadrotors as RAPTOR trains on them; every array has shape ``(count,)``."""

    airframes: Airframes
    disturbance_force_std: Array
    """Standard deviation per axis of the force that is drawn once per episode (N)."""
    position_threshold: Array
    """An episode ends where a coordinate exceeds it (m)."""
    max_position: Array
    """Largest coordinate at the start of a teacher's episode (m)."""


def raptor_airframes(rng: np.random.Generator, count: int) -> RaptorSample:
    """Draw from the distribution of RAPTOR's 1,000 quadrotors.

    As in rl-tools, ``operations_generic/10_sample_initial_parameters.h`` and RAPTOR's
    ``sample_dynamics_parameters.cpp``, scaled copies of the Crazyflie. Its quirks are kept: the size
    deviates with a normal of mean -0.1 and deviation 0.1 where a uniform +-10 % was meant, and the
    disturbance force lacks the factor g.

    Args:
        rng: where the numbers come from.
        count: how many, at least 1.

    Raises:
        InputError: a count below 1.
    """
    _check_count(count)
    base = Airframes.stack([NAMED["crazyflie"]])
    thrust_to_weight = rng.uniform(1.5, 5.0, count)
    size = rng.uniform(0.02 ** (1 / 3), 5.0 ** (1 / 3), count)
    mass = np.clip(size**3, 0.02, 5.0)
    relative_mass = mass / base.mass
    thrust = base.thrust_coefficients * _column(
        thrust_to_weight / base.thrust_to_weight * relative_mass, 3
    )
    torque_to_inertia = rng.uniform(40.0, 1200.0, count)
    deviation = rng.normal(-0.1, 0.1, count)
    factor = np.where(deviation < 0, 1 / (1 - deviation), 1 + deviation)
    positions = base.rotor_positions * _column(np.cbrt(relative_mass) * factor, 3)
    largest_thrust = thrust_to_weight * mass * GRAVITY / 4
    jxx = np.abs(positions[:, 0, 0]) * math.sqrt(2) * largest_thrust / torque_to_inertia
    inertia = base.inertia * _column(jxx / base.inertia[:, 0], 2)
    torque_constant = rng.uniform(0.005, 0.05, count)
    force = rng.uniform(0.0, 0.3 * (thrust_to_weight - 1)) * thrust_to_weight * mass / 3
    rising = rng.uniform(0.03, 0.10, count)
    falling = rng.uniform(0.03, 0.30, count)
    airframes = Airframes(
        names=_names("raptor", count),
        mass=mass,
        inertia=inertia,
        rotor_positions=positions,
        thrust_coefficients=thrust,
        torque_constants=_per_rotor(torque_constant),
        rising_time_constants=_per_rotor(rising),
        falling_time_constants=_per_rotor(falling),
        drag=np.zeros((count, 3)),
    )
    distance = airframes.rotor_distance
    return RaptorSample(
        airframes=airframes,
        disturbance_force_std=force,
        position_threshold=POSITION_THRESHOLD * distance,
        max_position=MAX_POSITION * distance,
    )


def wide_airframes(
    rng: np.random.Generator,
    count: int,
    *,
    mass: Interval = (0.02, 5.0),
    thrust_to_weight: Interval = (1.4, 12.0),
    torque_to_inertia: Interval = (40.0, 1200.0),
    torque_constant: Interval = (0.004, 0.2),
    rising_time_constant: Interval = (0.02, 0.1),
    falling_time_constant: Interval = (0.02, 0.3),
    asymmetry: float = 0.05,
    centre_offset: float = 0.05,
    drag: float = 0.5,
) -> Airframes:
    """Draw from a distribution wider than RAPTOR's, which holds every named airframe's kind.

    All intervals are log-uniform. The arm follows the cube root of the mass as the Crazyflie's does,
    times 0.7 to 1.4; |x| / |y| is 0.75 to 1.33; Jyy / Jxx is 0.6 to 1.6 and Jzz 0.75 to 1 times the sum
    of the two (1: flat). The thrust curve has c0 from -8 % to 5 % and c2 from -15 % to 100 % of the full
    thrust and never falls; a quarter of the curves are straight lines or pure squares.

    Args:
        rng: where the numbers come from.
        count: how many, at least 1.
        mass: kg.
        thrust_to_weight: all rotors at full speed over the weight, at least 1.1.
        torque_to_inertia: |x| sqrt(2) (a rotor's full thrust) / Jxx before asymmetry (rad/s^2).
        torque_constant: reaction torque per thrust (m).
        rising_time_constant: of the rotor speed (s).
        falling_time_constant: of the rotor speed (s).
        asymmetry: every rotor's thrust, torque and time constants deviate uniformly by up to this
            share, 0 to 0.1; the total thrust stays.
        centre_offset: the centre of mass lies off the middle by up to this share of the arm along x and
            y, and by up to twice that along z, 0 to 0.2.
        drag: largest linear drag per mass, drawn uniformly from 0 for the horizontal axes and for z
            (1/s).

    Raises:
        InputError: a count below 1 or an option out of its range.
    """
    _check_count(count)
    _check_interval("mass", mass, 1e-4)
    _check_interval("thrust_to_weight", thrust_to_weight, 1.1)
    _check_interval("torque_to_inertia", torque_to_inertia, 1e-3)
    _check_interval("torque_constant", torque_constant, 1e-6)
    _check_interval("rising_time_constant", rising_time_constant, 1e-3)
    _check_interval("falling_time_constant", falling_time_constant, 1e-3)
    _check_range("asymmetry", asymmetry, 0.1)
    _check_range("centre_offset", centre_offset, 0.2)
    _check_range("drag", drag, 100.0)
    crazyflie = NAMED["crazyflie"]
    m = _log_uniform(rng, mass, count)
    full_thrust = _log_uniform(rng, thrust_to_weight, count) * m * GRAVITY / 4
    arm = crazyflie.rotor_positions[0][0] * np.cbrt(m / crazyflie.mass)
    arm = arm * _log_uniform(rng, (0.7, 1.4), count)
    aspect = np.sqrt(_log_uniform(rng, (0.75, 4 / 3), count))
    positions = np.zeros((count, 4, 3))
    positions[:, :, :2] = _ROTOR_SIDES * np.stack([arm * aspect, arm / aspect], axis=1)[:, None]
    jxx = arm * aspect * math.sqrt(2) * full_thrust / _log_uniform(rng, torque_to_inertia, count)
    jyy = jxx * _log_uniform(rng, (0.6, 1.6), count)
    jzz = (jxx + jyy) * rng.uniform(0.75, 1.0, count)
    offset = (
        rng.uniform(-1.0, 1.0, (count, 3)) * centre_offset * arm[:, None] * np.array([1.0, 1.0, 2.0])
    )
    positions -= offset[:, None]
    curve = _thrust_curves(rng, count)
    uneven = 1 + asymmetry * rng.uniform(-1.0, 1.0, (4, count, 4))
    share = uneven[0] / uneven[0].mean(axis=1, keepdims=True)
    horizontal, vertical = rng.uniform(0.0, drag, (2, count)) * m
    return Airframes(
        names=_names("wide", count),
        mass=m,
        inertia=np.stack([jxx, jyy, jzz], axis=1),
        rotor_positions=positions,
        thrust_coefficients=(full_thrust[:, None] * share)[:, :, None] * curve[:, None],
        torque_constants=_log_uniform(rng, torque_constant, count)[:, None] * uneven[1],
        rising_time_constants=_log_uniform(rng, rising_time_constant, count)[:, None] * uneven[2],
        falling_time_constants=_log_uniform(rng, falling_time_constant, count)[:, None] * uneven[3],
        drag=np.stack([horizontal, horizontal, vertical], axis=1),
    )


def _thrust_curves(rng: np.random.Generator, count: int) -> Array:
    """Curves (c0, c1, c2) that rise from about 0 to 1, shape ``(count, 3)``."""
    c0 = rng.uniform(-0.08, 0.05, count)
    c2 = rng.uniform(-0.15, np.minimum(1.0, 1.0 - c0))
    kind = rng.random(count)
    straight, square = kind < 0.125, kind > 0.875
    c0[straight | square] = 0.0
    c2[straight], c2[square] = 0.0, 1.0
    return np.stack([c0, 1.0 - c0 - c2, c2], axis=1)


@dataclass(frozen=True, kw_only=True)
class Conditions:
    """What a vehicle has to live with besides its airframe; one row per vehicle.

    Raises:
        InputError: an array of another length, or a value that is negative or not finite.
    """

    noise: Array
    """Standard deviations of the observation noise, shape ``(count, 4)``: position (m), rotation matrix
    elements, linear velocity (m/s), angular velocity (rad/s)."""
    observation_delay: NDArray[np.int64]
    """Steps by which all observations but the previous action are late, shape ``(count,)``."""
    action_delay: NDArray[np.int64]
    """Steps by which actions reach the motors late, shape ``(count,)``."""
    battery_sag: Array
    """Share of their thrust that all rotors lose per second, shape ``(count,)`` (1/s)."""
    power_loss: Array
    """Share of its thrust that each rotor loses per second besides, shape ``(count, 4)`` (1/s)."""
    disturbance_force_std: Array
    """Deviation per axis of the force that is drawn once per episode, shape ``(count,)`` (N)."""

    def __post_init__(self) -> None:
        count = len(self.noise)
        for field in fields(self):
            kind: type[np.generic] = np.int64 if field.name.endswith("delay") else np.float64
            values = np.ascontiguousarray(getattr(self, field.name), dtype=kind)
            shape = (count, 4) if field.name in ("noise", "power_loss") else (count,)
            if values.shape != shape:
                raise InputError(f"condition {field.name} has shape {values.shape}, expected {shape}")
            if not (np.isfinite(values) & (values >= 0)).all():
                raise InputError(f"condition {field.name} must be finite and 0 or more everywhere")
            object.__setattr__(self, field.name, values)

    def __len__(self) -> int:
        return len(self.noise)

    def select(self, rows: ArrayLike) -> Conditions:
        """Those of some vehicles."""
        chosen = np.arange(len(self))[np.asarray(rows)]
        return Conditions(**{field.name: getattr(self, field.name)[chosen] for field in fields(self)})


def ideal_conditions(count: int, disturbance_force_std: ArrayLike = 0.0) -> Conditions:
    """No noise, no delay, full power; RAPTOR's conditions with its disturbance force (N)."""
    return Conditions(
        noise=np.zeros((count, 4)),
        observation_delay=np.zeros(count, dtype=np.int64),
        action_delay=np.zeros(count, dtype=np.int64),
        battery_sag=np.zeros(count),
        power_loss=np.zeros((count, 4)),
        disturbance_force_std=np.broadcast_to(np.asarray(disturbance_force_std, np.float64), (count,)),
    )


def random_conditions(
    rng: np.random.Generator,
    airframes: Airframes,
    *,
    noise: float = 1.0,
    observation_delay: Sequence[float] = (0.6, 0.35, 0.05),
    action_delay: Sequence[float] = (1.0,),
    battery_sag: float = 0.01,
    power_loss: float = 0.005,
    disturbance_force: float = 0.1,
) -> Conditions:
    """Draw conditions for these airframes.

    Args:
        rng: where the numbers come from.
        airframes: whose weights and thrusts bound the disturbance force.
        noise: a third of the vehicles has none, the others a uniform share of this level times
            :data:`NOISE_SIGMAS`.
        observation_delay: probabilities of 0, 1, 2, ... steps.
        action_delay: probabilities of 0, 1, 2, ... steps.
        battery_sag: largest rate, drawn uniformly from 0 (1/s).
        power_loss: largest rate of one rotor, chosen at random, drawn uniformly from 0 (1/s).
        disturbance_force: largest deviation as a share of the spare thrust, drawn uniformly from 0.

    Raises:
        InputError: an option out of its range.
    """
    count = len(airframes)
    _check_range("noise", noise, 100.0)
    _check_range("battery_sag", battery_sag, 1.0)
    _check_range("power_loss", power_loss, 1.0)
    _check_range("disturbance_force", disturbance_force, 1.0)
    level = np.maximum(0.0, rng.uniform(-0.5 * noise, noise, count))
    one_rotor = np.zeros((count, 4))
    one_rotor[np.arange(count), rng.integers(4, size=count)] = rng.uniform(0.0, power_loss, count)
    spare = airframes.mass * GRAVITY * (airframes.thrust_to_weight - 1)
    return Conditions(
        noise=level[:, None] * np.array(NOISE_SIGMAS),
        observation_delay=_steps(rng, "observation_delay", observation_delay, count),
        action_delay=_steps(rng, "action_delay", action_delay, count),
        battery_sag=rng.uniform(0.0, battery_sag, count),
        power_loss=one_rotor,
        disturbance_force_std=rng.uniform(0.0, disturbance_force, count) * spare,
    )


def _steps(
    rng: np.random.Generator, name: str, probabilities: Sequence[float], count: int
) -> NDArray[np.int64]:
    p = np.asarray(probabilities, dtype=np.float64)
    if p.ndim != 1 or not p.size or not (p >= 0).all() or not math.isclose(p.sum(), 1, abs_tol=1e-6):
        raise InputError(f"{name} = {tuple(probabilities)} must be probabilities of 0, 1, ... steps")
    return rng.choice(len(p), size=count, p=p / p.sum()).astype(np.int64)


def _check_count(count: int) -> None:
    if count < 1:
        raise InputError(f"count = {count} must be at least 1")


def _check_interval(name: str, interval: Interval, least: float) -> None:
    low, high = interval
    if not (least <= low <= high < math.inf):
        raise InputError(f"{name} = {interval} must be (low, high) with {least:g} <= low <= high")


def _check_range(name: str, value: float, most: float) -> None:
    if not 0 <= value <= most:
        raise InputError(f"{name} = {value} must be from 0 to {most:g}")


def _log_uniform(rng: np.random.Generator, interval: Interval, count: int) -> Array:
    return np.exp(rng.uniform(math.log(interval[0]), math.log(interval[1]), count))


def _column(values: Array, dimensions: int) -> Array:
    """Shape ``(count,)`` to ``(count, 1, ...)`` with that many dimensions."""
    return values.reshape((-1,) + (1,) * (dimensions - 1))


def _per_rotor(values: Array) -> Array:
    return np.repeat(values[:, None], 4, axis=1)


def _names(stem: str, count: int) -> tuple[str, ...]:
    return tuple(f"{stem}-{row}" for row in range(count))
