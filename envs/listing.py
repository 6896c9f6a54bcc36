"""The list of worlds, their task parameters and the walker's bodies."""

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
    """List the registered worlds, what a teacher may choose in them, and the walker's bodies."""

    json: bool = False
    """Print one JSON object per line instead of tables."""


@dataclass(frozen=True)
class World:
    """A registered world."""

    id: str
    """Gymnasium id, for ``gymnasium.make``."""
    terrain: str
    """Family of tracks, for ``eyas train walker --terrain``."""
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


def list_worlds() -> list[World]:
    """All worlds that are registered with Gymnasium, none of them compiled."""
    from .walker.terrain import TERRAINS

    names = {
        key: str(spec.kwargs["terrain"])
        for key, spec in gymnasium.registry.items()
        if spec.namespace == "eyas"
    }
    return [World(key, name, TERRAINS[name].task_space.parameters) for key, name in names.items()]


def list_bodies() -> list[WalkerBody]:
    """All bodies of the walker."""
    from .walker.bodies_teachmyagent import BODIES

    return [WalkerBody(b.name, b.action_size, len(b.parts)) for b in BODIES.values()]


def run(config: EnvsConfig) -> int:
    """Print the list."""
    worlds, bodies = list_worlds(), list_bodies()
    if config.json:
        entries: list[World | WalkerBody] = [*worlds, *bodies]
        for entry in entries:
            print(json.dumps(dataclasses.asdict(entry)))
        return 0
    console = Console()
    if not console.is_terminal:
        console = Console(width=120)
    for world in worlds:
        table = Table(title=f"{world.id}  (--terrain {world.terrain})", title_justify="left")
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
    return 0
