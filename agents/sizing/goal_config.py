"""What ``eyas train circuit`` can be told; light to import, so that the command line stays quick."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import arg

from ...bounds import Count, Seed, real, whole
from ...errors import InputError
from ..resuming import refuse_contradiction

_NOT_STORED = {"out", "resume", "quiet"}


@dataclass(frozen=True, kw_only=True)
class TrainGoalsConfig:
    """Train one policy that sizes the two-stage op-amp for any specification."""

    teacher: Literal["random", "alp-gmm"] = "random"
    """Who chooses the specifications to train on."""
    simulations: Count = 60_000
    """Designs simulated in all, rounded up to whole rounds."""
    goals: Annotated[int, whole(1, 4096)] = 64
    """Specifications of a round."""
    attempts: Annotated[int, whole(1, 100)] = 6
    """Designs that the policy may try for each of them."""
    noise: Annotated[float, real(0, 1)] = 0.05
    """Standard deviation of what is added to its proposals (of a variable's range, log scale)."""
    hidden: Annotated[int, whole(4, 96)] = 64
    """Units of each of the policy's two hidden layers."""
    updates: Count = 30
    """Steps of the optimiser for the policy, and as many for the model, after each round."""
    margin: Annotated[float, real(0, 1)] = 0.01
    """By how much the policy aims beyond the limits (natural logarithms)."""
    seed: Seed = 0
    """Where all random numbers come from."""
    checkpoint_seconds: Annotated[float, real(1, 1e6)] = 60.0
    """Time between two checkpoints (s)."""
    out: Annotated[
        Path | None, arg(metavar="FOLDER", help_behavior_hint="(default: runs/NAME-TIME)")
    ] = None
    """Run folder, must be new or empty."""
    resume: Annotated[
        Path | None, arg(metavar="FOLDER", help_behavior_hint="(default: start anew)")
    ] = None
    """Run folder to continue with its own settings; only simulations may be raised."""
    quiet: bool = False
    """Show no progress."""


def resumed_config(given: TrainGoalsConfig, stored: TrainGoalsConfig) -> TrainGoalsConfig:
    """The config to go on with after ``--resume``: the stored one, perhaps longer.

    Raises:
        InputError: a field was given that contradicts the run, or fewer simulations than it had.
    """
    default = TrainGoalsConfig()
    refuse_contradiction(given, default, stored, _NOT_STORED | {"simulations"})
    kept = {name: getattr(given, name) for name in _NOT_STORED}
    config = dataclasses.replace(stored, **kept)
    if given.simulations == default.simulations:
        return config
    if given.simulations < stored.simulations:
        raise InputError(
            f"simulations = {given.simulations} is less than the {stored.simulations} of the run to"
            " resume; only more is allowed"
        )
    return dataclasses.replace(config, simulations=given.simulations)
