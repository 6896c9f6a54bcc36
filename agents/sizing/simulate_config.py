"""What ``eyas simulate`` can be told; light to import."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import Positional, UseAppendAction, arg

from ...bounds import real, whole

SimulatorName = Literal["native", "ngspice", "libngspice"]
CornerName = Literal["tt", "ff", "ss", "fs", "sf"]


@dataclass(frozen=True, kw_only=True)
class SimulateConfig:
    """Simulate designs of a circuit: operating point, response, noise and poles."""

    topology: Positional[Annotated[str, arg(metavar="TOPOLOGY")]]
    """Circuit, such as two-stage-tia or three-stage-tia."""
    set: Annotated[
        UseAppendAction[tuple[str, ...]],
        arg(metavar="NAME=VALUE", help_behavior_hint="(default: nominal; repeatable)"),
    ] = ()
    """A size, in the variable's unit (um, ohm, ...); any positive number. The others are nominal."""
    csv: Annotated[
        Path | None, arg(metavar="FILE", help_behavior_hint="(default: one design, from --set)")
    ] = None
    """Simulate every row of a file whose columns are design variables."""
    out: Annotated[
        Path | None, arg(metavar="FILE", help_behavior_hint="(default: NAME_metrics.csv beside it)")
    ] = None
    """With --csv: where its rows go, the metrics beside them; what was there is replaced."""
    simulator: SimulatorName = "native"
    """Ours, or the same netlist in ngspice: by the program, or by its shared library."""
    corner: CornerName = "tt"
    """Process of the NMOS and the PMOS transistors: typical, fast or slow."""
    temperature: Annotated[float, real(-100, 300)] = 27.0
    """Of the whole circuit (degrees Celsius)."""
    model_cards: Annotated[Path | None, arg(metavar="FILE", help_behavior_hint="")] = None
    """With ngspice: SPICE model cards (BSIM3, BSIM4, ...) in place of the level-1 ones."""
    nmos: Annotated[str | None, arg(metavar="NAME", help_behavior_hint="(default: the only one)")] = (
        None
    )
    """Name of the NMOS model in --model-cards."""
    pmos: Annotated[str | None, arg(metavar="NAME", help_behavior_hint="(default: the only one)")] = (
        None
    )
    """Name of the PMOS model in --model-cards."""
    threads: Annotated[int, whole(0, 1024)] = 1
    """Designs at a time (0: as many as there are cores)."""
    json: bool = False
    """Print one JSON object instead of a table."""
