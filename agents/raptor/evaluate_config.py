"""What ``eyas raptor evaluate`` can be told; light to import."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import Positional, arg

from ...bounds import Seed, whole

SimulatorName = Literal["ours", "l2f"]


@dataclass(frozen=True, kw_only=True)
class EvaluateConfig:
    """Fly a policy through the protocols P0 to P3, beside the published one where that is installed."""

    policy: Positional[
        Annotated[
            Path | None,
            arg(metavar="[POLICY]", help_behavior_hint="(default: the one shipped with the program)"),
        ]
    ] = None
    """Policy file."""
    simulator: Annotated[
        SimulatorName | None, arg(help_behavior_hint="(default: l2f if installed, otherwise ours)")
    ] = None
    """Who computes the flights; l2f is that of the published policy."""
    published: Literal["auto", "yes", "no"] = "auto"
    """Fly the published policy too (PyPI foundation-policy); auto: if it is installed, unless quick."""
    count: Annotated[int, whole(1, 8192)] = 1024
    """Vehicles drawn from RAPTOR's distribution."""
    seed: Seed = 12345
    """Where the vehicles come from."""
    quick: bool = False
    """Leave out P0 without force, P1c and the named airframes; one start of P0 per vehicle, not four."""
    json: Annotated[Path | None, arg(metavar="FILE", help_behavior_hint="")] = None
    """Write all figures there."""
    quiet: bool = False
    """Show no progress."""
