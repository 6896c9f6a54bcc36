"""The list of worlds: their task parameters, the walker's bodies, the quadrotor's airframes, the circuits."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass

import gymnasium
from rich.console import Console
from rich.table import Table

from .tasks import Parameter


@dataclass(frozen=True, kw_only=True)
class EnvsConfig:
    """List the registered worlds, what a teacher may choose in them, and bodies, airframes and circuits."""

    json: bool = False
    """Print one JSON object per line instead of tables."""


@dataclass(frozen=True)
class World:
    """A registered world."""

    id: str
    """Gymnasium id, for ``gymnasium.make``."""
    terrain: str | None
    """Family of tracks, for ``eyas train walker --terrain``; None where there are none."""
    parameters: tuple[Parameter, ...]
    """Its task space."""


@dataclass(frozen=True)
class WalkerBody:
    """A body that every walker world takes."""

    body: str
    """Name, for ``eyas train walker --body``."""
    motors: int
    """Size of an action."""
    parts: int
    """Rigid parts, the hull included."""


@dataclass(frozen=True)
class QuadrotorAirframe:
    """A real quadrotor that the quadrotor world takes by name."""

    airframe: str
    """Name, for ``airframes=`` of the world."""
    mass: float
    """kg."""
    thrust_to_weight: float
    """Full thrust over weight."""
    torque_to_inertia: float
    """Agility about x (rad/s^2)."""
    hover_throttle: float
    """Rotor speed that carries the weight, 0 to 1."""


@dataclass(frozen=True)
class CircuitSpec:
    """A spec that the circuit world takes by name."""

    spec: str
    """Name, for ``spec=`` of the world."""
    topology: str
    """What it is of, for ``topology=``."""
    title: str
    """In words."""
    transistors: int
    """Of the topology."""
    sizes: int
    """Free variables, the size of an action."""
    scoring: str
    """Whose score judges it."""
    parameters: tuple[Parameter, ...]
    """Its task space: the limits that may vary."""


def list_worlds() -> list[World]:
    """All worlds that are registered with Gymnasium, none of them compiled."""
    from .circuit.spec import DEFAULT, find_spec
    from .dark.rules import ROOMS, task_space
    from .maze.env import TASK_SPACE as MAZE_SPACE
    from .point_mass.env import TASK_SPACES as POINT_MASS_SPACES
    from .quadrotor.task_airframes import TASK_SPACE
    from .walker.terrain import TERRAINS

    spaces = {
        "eyas/Quadrotor-v0": TASK_SPACE,
        "eyas/Circuit-v0": find_spec(DEFAULT).task_space,
        "eyas/DarkRoom-v0": task_space(ROOMS["darkroom"]),
        "eyas/PointMass-v0": POINT_MASS_SPACES[False],
        "eyas/SparseMaze-v0": MAZE_SPACE,
    }
    worlds = []
    for key, spec in gymnasium.registry.items():
        if spec.namespace == "eyas":
            terrain = spec.kwargs.get("terrain")
            space = spaces[key] if terrain is None else TERRAINS[terrain].task_space
            worlds.append(World(key, terrain, space.parameters))
    return worlds


def list_bodies() -> list[WalkerBody]:
    """All bodies of the walker."""
    from .walker.bodies_teachmyagent import BODIES

    return [WalkerBody(b.name, b.action_size, len(b.parts)) for b in BODIES.values()]


def list_airframes() -> list[QuadrotorAirframe]:
    """All named airframes of the quadrotor."""
    from .quadrotor.named import NAMED

    return [
        QuadrotorAirframe(a.name, a.mass, a.thrust_to_weight, a.torque_to_inertia, a.hover_throttle)
        for a in NAMED.values()
    ]


def list_circuits() -> list[CircuitSpec]:
    """All named specs of circuits, one or more for each topology."""
    from .circuit.spec import SPECS, find_spec

    entries = []
    for name in SPECS:
        spec = find_spec(name)
        topology = spec.topology
        sizes, transistors = len(topology.sizing), len(topology.netlist.transistors)
        entries.append(
            CircuitSpec(
                name,
                topology.name,
                spec.title,
                transistors,
                sizes,
                spec.scoring,
                spec.task_space.parameters,
            )
        )
    return entries


def run(config: EnvsConfig) -> int:
    """Print the list."""
    worlds, bodies, circuits, airframes = (
        list_worlds(),
        list_bodies(),
        list_circuits(),
        list_airframes(),
    )
    if config.json:
        entries: list[World | WalkerBody | CircuitSpec | QuadrotorAirframe] = [
            *worlds, *bodies, *circuits, *airframes,
        ]  # fmt: skip
        for entry in entries:
            print(json.dumps(dataclasses.asdict(entry)))
        return 0
    console = Console()
    if not console.is_terminal:
        console = Console(width=120)
    for world in worlds:
        option = f"  (--terrain {world.terrain})" if world.terrain else ""
        table = Table(title=f"{world.id}{option}", title_justify="left")
        for heading in ("parameter", "low", "high", "default", "unit", "meaning"):
            number = heading in ("low", "high", "default")
            table.add_column(heading, justify="right" if number else "left", overflow="fold")
        for p in world.parameters:
            values = (f"{value:g}" for value in (p.low, p.high, p.default))
            table.add_row(p.name, *values, p.unit, p.description)
        console.print(table)
    table = Table(title="Bodies of the walker", title_justify="left")
    table.add_column("--body")
    table.add_column("motors", justify="right")
    table.add_column("parts", justify="right")
    for body in bodies:
        table.add_row(body.body, str(body.motors), str(body.parts))
    console.print(table)
    table = Table(
        title="Specs of the circuit, and the limits that are their tasks", title_justify="left"
    )
    for heading in ("spec=", "topology=", "transistors", "sizes", "scoring", "tasks"):
        number = heading in ("transistors", "sizes")
        table.add_column(heading, justify="right" if number else "left", overflow="fold")
    for c in circuits:
        tasks = ", ".join(p.name for p in c.parameters)
        table.add_row(c.spec, c.topology, str(c.transistors), str(c.sizes), c.scoring, tasks)
    console.print(table)
    table = Table(title="Airframes of the quadrotor", title_justify="left")
    table.add_column("airframes=")
    for heading in ("mass (kg)", "thrust to weight", "torque to inertia (rad/s^2)", "hover throttle"):
        table.add_column(heading, justify="right")
    for a in airframes:
        table.add_row(
            a.airframe,
            f"{a.mass:g}",
            f"{a.thrust_to_weight:.2f}",
            f"{a.torque_to_inertia:.0f}",
            f"{a.hover_throttle:.2f}",
        )
    console.print(table)
    return 0
