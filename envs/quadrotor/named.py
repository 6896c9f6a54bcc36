"""The quadrotors of rl-tools' parameter library, by name.

Source: rl-tools, ``include/rl_tools/rl/environments/l2f/parameters/dynamics/*.h``. What differs from it:
rotors stand in our order, speeds are fractions of the motor's range (``mrs`` is written in revolutions
of 0 to 2,000), and Jxx of ``x500`` is the inverse of the library's inverse, since the moment itself is
written ``2.1705-2``. Where the library has one time constant it holds for rising and falling speed.
"""

from __future__ import annotations

from ...errors import InputError
from .airframe import Airframe, Vector

CRAZYFLIE_THRUST: Vector = (0.00352526, 0.01437313, 0.09223048)
"""Thrust curve of a Crazyflie's rotor (N); the shape that RAPTOR gives to all its quadrotors."""


def _quadrotor(
    name: str,
    mass: float,
    arm: tuple[float, float],
    thrust: Vector,
    torque_constant: float,
    time_constants: tuple[float, float],
    inertia: Vector,
) -> Airframe:
    """Four equal rotors at (+-x, +-y, 0), in the order of :mod:`~eyas.envs.quadrotor.airframe`."""
    x, y = arm
    rising, falling = time_constants
    return Airframe(
        name=name,
        mass=mass,
        inertia=inertia,
        rotor_positions=((x, -y, 0.0), (-x, -y, 0.0), (-x, y, 0.0), (x, y, 0.0)),
        thrust_coefficients=(thrust, thrust, thrust, thrust),
        torque_constants=(torque_constant,) * 4,
        rising_time_constants=(rising,) * 4,
        falling_time_constants=(falling,) * 4,
    )


_X500_ARM = (0.176776695296636, 0.176776695296636)
_MRS_ARM = (0.12020815280171308, 0.12020815280171308)
_SOFT_ARM = (0.142, 0.169)
_SOFT_THRUST = (-0.13662779341843762, 4.247460030890121, 3.766033614431835)
_MRS_FULL_SPEED = 2000.0

_ALL = (
    # 27 g and the decks: SD card 1.7 g with card .3 g, optical flow 1.6 g.
    _quadrotor(
        "crazyflie",
        0.0306,
        (0.028, 0.028),
        CRAZYFLIE_THRUST,
        4.665e-3,
        (0.05545454545454546, 0.24939393939393945),
        (9.416556729130406e-06, 9.644051701582312e-06, 1.745951732253285e-05),
    ),
    _quadrotor(
        "crazyflie-openmv",
        0.0477,
        (0.028, 0.028),
        (0.01244825, 0.05290432, 0.15135338),
        4.665e-3,
        (0.061, 0.061),
        (1.543e-5, 1.946e-5, 3.1957e-5),
    ),
    _quadrotor(
        "x500",
        2.0,
        _X500_ARM,
        (0.0, 0.0, 15.926119900619797),
        0.10847,
        (0.054, 0.054),
        (1 / 46.072333563695004, 0.021304, 0.039396244),
    ),
    _quadrotor(
        "x500-sim",
        2.0,
        _X500_ARM,
        (0.0, 0.0, 8.74),
        0.11697849233439939,
        (0.03, 0.03),
        (0.0216666666666666, 0.0216666666666666, 0.04),
    ),
    _quadrotor(
        "mrs",
        1.7,
        _MRS_ARM,
        (
            -1.7689986848125325,
            0.0038360810526746033 * _MRS_FULL_SPEED,
            1.3298253500372892e-06 * _MRS_FULL_SPEED**2,
        ),
        0.016,
        (0.04, 0.04),
        (0.007911375, 0.007911375, 0.0123065833333333333),
    ),
    _quadrotor(
        "fs",
        3.35,
        (0.20895, 0.240666),
        (0.78466, 9.1554, 18.00557),
        0.01492,
        (0.06532, 0.06532),
        (0.0756, 0.07296, 0.13709),
    ),
    _quadrotor(
        "race",
        0.782,
        (0.0775, 0.0981),
        (-0.53002, 8.97144, -0.89118),
        0.005964552,
        (0.033, 0.033),
        (0.0017665, 0.0013766, 0.0029529),
    ),
    _quadrotor(
        "flightmare",
        0.73,
        _MRS_ARM,
        (-1.7689986848125325, 11.50824315802381, 11.968428150335603),
        0.016,
        (0.02, 0.02),
        (0.00791, 0.00791, 0.0123),
    ),
    _quadrotor(
        "soft",
        0.970,
        _SOFT_ARM,
        _SOFT_THRUST,
        0.2,
        (0.04, 0.04),
        (0.0081547, 0.0052261, 0.0120427),
    ),
    _quadrotor(
        "soft-rigid",
        0.804,
        _SOFT_ARM,
        _SOFT_THRUST,
        0.2,
        (0.046, 0.046),
        (0.0065842, 0.0049571, 0.0105718),
    ),
)

NAMED: dict[str, Airframe] = {airframe.name: airframe for airframe in _ALL}
"""The airframes by name, ``crazyflie`` first."""


def named_airframe(name: str) -> Airframe:
    """One of :data:`NAMED`.

    Raises:
        InputError: there is none of this name.
    """
    if name not in NAMED:
        raise InputError(f"airframe {name!r} is unknown; there are: {', '.join(NAMED)}")
    return NAMED[name]
