"""What ``eyas raptor fly`` can be told; light to import."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import arg

from ...bounds import Seed, real, whole


@dataclass(frozen=True, kw_only=True)
class FlyConfig:
    """Fly a policy along a trajectory; draw the flight and film it."""

    airframe: Annotated[str, arg(metavar="NAME|FILE")] = "crazyflie"
    """A named airframe, or a JSON file with one of your own (docs/quadrotor_twin.md)."""
    trajectory: Annotated[str, arg(metavar="NAME")] = "figure-eight"
    """What to follow: hover, figure-eight, slow-figure-eight, lissajous or waypoints."""
    policy: Annotated[
        str | None,
        arg(metavar="FILE|published", help_behavior_hint="(default: the one shipped with the program)"),
    ] = None
    """Policy file, or the published policy (PyPI foundation-policy)."""
    simulator: Literal["ours", "mujoco"] = "ours"
    """Who computes the flight."""
    start: Literal["hover", "thrown"] = "hover"
    """At the origin, level, at rest and with rotors at hover speed; or thrown: within 0.5 m, 57
    degrees, 1 m/s and 1 rad/s of that, with slow rotors."""
    duration: Annotated[
        Annotated[float, real(0.1, 600)] | None,
        arg(metavar="FLOAT", help_behavior_hint="(default: the trajectory's)"),
    ] = None
    """How long to fly (s)."""
    noise: bool = False
    """Add noise to what the policy sees: 0.01 m, 0.01, 0.05 m/s and 0.1 rad/s."""
    delay: Annotated[int, whole(0, 20)] = 0
    """Steps of 10 ms by which the policy sees everything late but its own last action."""
    seed: Seed = 0
    """Where noise and a thrown start come from."""
    out: Annotated[
        Path | None,
        arg(metavar="FOLDER", help_behavior_hint="(default: flights/AIRFRAME-TRAJECTORY)"),
    ] = None
    """Where flight.png, flight.mp4 and flight.json go; what was there is replaced."""
    video: bool = True
    """Film the flight."""
    quiet: bool = False
    """Show no progress."""
