"""An airframe as MuJoCo's model file (MJCF): its physics, and a body to look at.

The physics is what :class:`~.airframe.Airframe` says and nothing more: one free body with its
explicit inertia, one thruster at each rotor's place whose gear adds the reaction torque, and one
linear damper for each body axis that has drag. Everything visible weighs nothing and touches
nothing. The text can be opened in any MuJoCo viewer.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from .airframe import GRAVITY, YAW_SIGNS, Airframe, Airframes

FRONT, REAR = (0.93, 0.38, 0.16), (0.10, 0.47, 0.72)
"""Colours (red, green, blue) of the front and rear rotors."""
_HORIZON = "0.87 0.91 0.95"
_CARBON, _HUB = "0.17 0.19 0.22 1", "0.28 0.32 0.38 1"


def mjcf(airframe: Airframe, *, physics_step: float = 0.001, ground: float | None = None) -> str:
    """A MuJoCo model of one quadrotor.

    The free joint's position and linear velocity are in the world, its quaternion is (w, x, y, z)
    from body to world, and its angular velocity is in the body, as everywhere here. The control of
    actuator ``rotor0`` ... ``rotor3`` is that rotor's thrust (N).

    Args:
        airframe: the quadrotor.
        physics_step: of MuJoCo's fourth-order Runge-Kutta integrator (s).
        ground: height of a ground to look at, without contact (m); None leaves ground, sky and
            light away.

    Returns:
        The file's text.
    """
    size = float(Airframes.stack([airframe]).rotor_distance[0])
    sites, thrusters = [], []
    for rotor, position in enumerate(airframe.rotor_positions):
        yaw = float(YAW_SIGNS[rotor]) * airframe.torque_constants[rotor]
        sites.append(f'<site name="rotor{rotor}" pos="{_text(position)}" size="{size / 100:g}"/>')
        thrusters.append(
            f'<motor name="rotor{rotor}" site="rotor{rotor}" gear="0 0 1 0 0 {_text([yaw])}"/>'
        )
    dampers = [
        f'<general name="drag_{axis}" site="centre" gear="{gear} 0 0 0" gainprm="0"'
        f' biastype="affine" biasprm="0 0 {_text([-drag])}"/>'
        for axis, gear, drag in zip("xyz", ("1 0 0", "0 1 0", "0 0 1"), airframe.drag, strict=True)
        if drag > 0
    ]
    return f"""<mujoco model="quadrotor">
  <compiler angle="radian" autolimits="true"/>
  <option timestep="{_text([physics_step])}" integrator="RK4" gravity="0 0 {-GRAVITY}"/>
  <statistic center="0 0 0" extent="{_text([10 * size])}"/>
  {_surroundings(size) if ground is not None else ""}
  <worldbody>
    {_ground_and_light(size, ground) if ground is not None else ""}
    <body name="quadrotor">
      <freejoint name="flight"/>
      <inertial pos="0 0 0" mass="{_text([airframe.mass])}" diaginertia="{_text(_inertia(airframe))}"/>
      <site name="centre" size="{size / 100:g}"/>
      {_lines(sites)}
      {_lines(_looks(airframe, size))}
    </body>
  </worldbody>
  <actuator>
    {_lines(thrusters + dampers)}
  </actuator>
</mujoco>
"""


def disc_radius(airframe: Airframe) -> float:
    """Radius to draw the rotors with: two neighbours just do not touch (m)."""
    positions = np.array(airframe.rotor_positions)
    gaps = [float(np.linalg.norm(positions[i] - positions[j])) for i in range(4) for j in range(i)]
    return 0.46 * max(min(gaps), 1e-3)


def _inertia(airframe: Airframe) -> NDArray[np.float64]:
    """The moments; a plate's largest is rounded down to the sum of the others, as MuJoCo insists."""
    moments = np.array(airframe.inertia)
    largest = int(np.argmax(moments))
    moments[largest] = min(moments[largest], np.delete(moments, largest).sum())
    return moments


def _looks(airframe: Airframe, size: float) -> list[str]:
    """Hub, nose, arms, motors and rotor discs; none of them has mass or touches anything."""
    plain = 'contype="0" conaffinity="0" mass="0"'
    positions = np.array(airframe.rotor_positions)
    hub = positions.mean(axis=0)
    lift = np.array([0, 0, 0.13 * size])
    geoms = [
        f'<geom name="hub" type="ellipsoid" pos="{_text(hub)}"'
        f' size="{_text([0.34 * size, 0.25 * size, 0.13 * size])}" rgba="{_HUB}" {plain}/>',
        f'<geom name="nose" type="sphere" pos="{_text(hub + np.array([0.27 * size, 0, 0.05 * size]))}"'
        f' size="{_text([0.07 * size])}" rgba="{_text(FRONT)} 1" {plain}/>',
    ]
    for rotor, position in enumerate(positions):
        front = rotor in (0, 3)
        colour = FRONT if front else REAR
        geoms += [
            f'<geom name="arm{rotor}" type="capsule" fromto="{_text(hub)} {_text(position)}"'
            f' size="{_text([0.045 * size])}" rgba="{_CARBON}" {plain}/>',
            f'<geom name="motor{rotor}" type="cylinder" fromto="{_text(position - 0.4 * lift)}'
            f' {_text(position + lift)}" size="{_text([0.085 * size])}" rgba="{_CARBON}" {plain}/>',
            f'<geom name="disc{rotor}" type="cylinder" pos="{_text(position + lift)}"'
            f' size="{_text([disc_radius(airframe), 0.012 * size])}"'
            f' rgba="{_text(colour)} 0.55" {plain}/>',
        ]
    return geoms


def _surroundings(size: float) -> str:
    return f"""<visual>
    <global fovy="40" offwidth="1920" offheight="1088"/>
    <quality offsamples="4" shadowsize="0" numslices="24" numstacks="6"/>
    <headlight ambient="0.42 0.42 0.42" diffuse="0.38 0.38 0.38" specular="0.1 0.1 0.1"/>
    <map znear="0.02" zfar="{max(60.0, 12 / size):g}" fogstart="4" fogend="{max(20.0, 3 / size):g}"/>
    <rgba fog="{_HORIZON} 1" haze="{_HORIZON} 1"/>
  </visual>
  <asset>
    <texture name="sky" type="skybox" builtin="gradient" rgb1="{_HORIZON}" rgb2="0.36 0.55 0.78"
             width="256" height="1536"/>
    <texture name="checker" type="2d" builtin="checker" rgb1="0.72 0.75 0.78" rgb2="0.65 0.69 0.73"
             mark="edge" markrgb="0.58 0.62 0.66" width="256" height="256"/>
    <material name="ground" texture="checker" texuniform="true" texrepeat="{_checks(size)}"
              reflectance="0" specular="0" shininess="0"/>
  </asset>"""


def _checks(size: float) -> str:
    """Tiles per metre (a tile has two checks a side) such that a check suits the vehicle's size."""
    wanted = 3 * size
    unit = 10.0 ** math.floor(math.log10(wanted))
    check = max(step * unit for step in (1.0, 2.0, 5.0) if step * unit <= wanted)
    return _text([0.5 / check] * 2)


def _ground_and_light(size: float, ground: float) -> str:
    return f"""<light name="sun" pos="0 0 {_text([40 * size])}" dir="-0.25 0.2 -1" directional="true"
           diffuse="0.55 0.55 0.52" specular="0.15 0.15 0.15" castshadow="false"/>
    <geom name="ground" type="plane" pos="0 0 {_text([ground])}" size="0 0 1" material="ground"
          contype="0" conaffinity="0"/>"""


def _lines(parts: Iterable[str]) -> str:
    return "\n      ".join(parts)


def _text(values: Iterable[float]) -> str:
    """Numbers that read back as exactly the same."""
    return " ".join(repr(float(value)) for value in values)
