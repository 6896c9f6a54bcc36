"""``eyas raptor fly``: one quadrotor along a trajectory, drawn and filmed."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import track

from ...bounds import check
from ...envs.quadrotor.airframe import Airframe
from ...envs.quadrotor.airframe_file import find_airframe
from ...envs.quadrotor.mujoco_twin import MujocoQuadrotor
from ...envs.quadrotor.trajectories import named_trajectory
from ...envs.quadrotor.vehicle import CompiledQuadrotor, Vehicle
from ...errors import InputError
from ...files import atomic_write
from ...policies.quadrotor_policy import SHIPPED, load_quadrotor_policy
from ...policies.recurrent_policy import RecurrentPolicy
from .flight_figure import draw_flight
from .flight_film import FlightFilm
from .fly_config import FlyConfig
from .published import published_policy
from .recorded_flight import RecordedFlight, record_flight

PUBLISHED = "published"
"""What to call the policy of PyPI's foundation-policy instead of a file."""
_SIMULATORS = {"ours": "compiled dynamics", "mujoco": "MuJoCo"}


def fly(config: FlyConfig) -> int:
    """Fly, draw and film as the command line does.

    Raises:
        InputError: the policy, the airframe or the trajectory cannot be used, or a setting is out
            of its range.
    """
    check(config)
    airframe = find_airframe(config.airframe)
    trajectory = named_trajectory(config.trajectory)
    policy = load_policy(config.policy)
    flight = record_flight(
        make_vehicle(airframe, config.simulator),
        policy,
        trajectory,
        duration=config.duration,
        noise=config.noise,
        delay=config.delay,
        thrown=config.start == "thrown",
        seed=config.seed,
    )
    folder = config.out or Path("flights") / f"{_file_name(airframe.name)}-{config.trajectory}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise InputError(f"out = {folder} is in the way of a folder") from None
    caption = f"{airframe.name}, {config.trajectory}, {_SIMULATORS[config.simulator]}{_burden(config)}"
    written = [folder / "flight.json", folder / "flight.png"]
    report = {**_settings(config, airframe), **flight.figures()}
    atomic_write(written[0], json.dumps(report, indent=1) + "\n")
    draw_flight(written[1], flight, caption)
    if config.video:
        written.append(folder / "flight.mp4")
        _film(written[-1], flight, caption, config.quiet)
    print(_sentence(flight))
    for path in written:
        print(path)
    return 0


def load_policy(name: str | None) -> RecurrentPolicy:
    """A policy for quadrotors: a file, :data:`PUBLISHED`, or with None the shipped one.

    Raises:
        InputError: it cannot be read, is for another world, or its package is not installed.
    """
    if name == PUBLISHED:
        return published_policy()
    return load_quadrotor_policy(SHIPPED if name is None else Path(name))


def make_vehicle(airframe: Airframe, simulator: str) -> Vehicle:
    """One quadrotor in a simulator, ``"ours"`` or ``"mujoco"``."""
    return MujocoQuadrotor(airframe) if simulator == "mujoco" else CompiledQuadrotor(airframe)


def _film(path: Path, flight: RecordedFlight, caption: str, quiet: bool) -> None:
    film = FlightFilm(flight, caption)
    if film.notice is not None:
        print(f"eyas: {film.notice}", file=sys.stderr)
    console = Console(stderr=True)
    pictures: Iterator[Any] = iter(
        track(
            film,
            description="filming",
            console=console,
            transient=True,
            disable=quiet or not console.is_terminal,
        )
    )
    try:
        film.write(path, pictures)
    finally:
        film.close()


def _settings(config: FlyConfig, airframe: Airframe) -> dict[str, Any]:
    return {
        "airframe": airframe.name,
        "trajectory": config.trajectory,
        "policy": config.policy or SHIPPED.name,
        "simulator": config.simulator,
        "start": config.start,
        "noise": config.noise,
        "delay": config.delay,
        "seed": config.seed,
    }


def _burden(config: FlyConfig) -> str:
    noise = ", sensor noise" if config.noise else ""
    delay = f", {10 * config.delay} ms delay" if config.delay else ""
    return noise + delay


def _sentence(flight: RecordedFlight) -> str:
    figures = flight.figures()
    if flight.crash_time is not None:
        return f"Crashed after {flight.crash_time:.2f} s: more than 2 m from the reference."
    since = (
        f" ({figures['scored_rmse']:.4f} m from {flight.scored_from:g} s on)"
        if flight.scored_from
        else ""
    )
    return (
        f"{figures['duration']:.2f} s: root mean square error {figures['rmse']:.4f} m{since},"
        f" largest {figures['max_error']:.4f} m, at the end {figures['final_error']:.4f} m"
    )


def _file_name(name: str) -> str:
    """An airframe's name as part of a path."""
    return re.sub(r"[^\w.-]+", "-", name).strip("-.") or "airframe"
