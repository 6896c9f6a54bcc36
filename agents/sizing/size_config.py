"""What ``eyas size`` can be told; light to import."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, get_args

from tyro.conf import Positional, arg

from ...bounds import Seed, whole
from ...errors import InputError
from ..resuming import refuse_contradiction
from .simulate_config import SimulatorName

SizerName = Literal[
    "eyas", "l2dc", "cma-es", "differential-evolution", "tpe", "gaussian-process", "random"
]


@dataclass(frozen=True, kw_only=True)
class SizeConfig:
    """Size a circuit for a spec: search, check the result, and write a report."""

    topology: Positional[
        Annotated[
            str | None, arg(metavar="[TOPOLOGY]", help_behavior_hint="(required, but with --resume)")
        ]
    ] = None
    """Circuit, such as two-stage-tia or three-stage-tia."""
    agent: SizerName = "eyas"
    """Who chooses the designs: an agent, or one of the optimizers it is compared with."""
    simulations: Annotated[int, whole(1, 10_000_000)] = 1000
    """Designs to simulate."""
    spec: Annotated[
        str | None, arg(metavar="FILE|NAME", help_behavior_hint="(default: the circuit's own)")
    ] = None
    """What to reach: a YAML file, or a spec that comes along."""
    seed: Seed = 0
    """Where all random numbers come from."""
    simulator: SimulatorName = "native"
    """Who simulates: ours, or ngspice by the program or by its shared library."""
    compare: Annotated[
        str | None,
        arg(metavar="AGENT,...", help_behavior_hint="(default: cma-es,random; with ngspice none)"),
    ] = None
    """Others to run with the same budget and seed, for the convergence figure; or none."""
    threads: Annotated[int, whole(1, 1024)] = 1
    """Cores for our simulator."""
    out: Annotated[
        Path | None, arg(metavar="FOLDER", help_behavior_hint="(default: runs/TOPOLOGY-AGENT-TIME)")
    ] = None
    """Run folder, must be new or empty."""
    resume: Annotated[
        Path | None, arg(metavar="FOLDER", help_behavior_hint="(default: start anew)")
    ] = None
    """Run folder to go on with, with its own settings."""
    quiet: bool = False
    """Show no progress."""


_COMPARED = ("cma-es", "random")  # of no cost beside an agent
# What says where and how a run is worked on, not what it computes.
_NOT_STORED = frozenset({"threads", "out", "resume", "quiet"})


def resumed_config(given: SizeConfig, stored: SizeConfig) -> SizeConfig:
    """The config to go on with after ``--resume``: the stored one.

    Raises:
        InputError: a field was given that contradicts the run.
    """
    refuse_contradiction(given, SizeConfig(), stored, _NOT_STORED)
    return dataclasses.replace(stored, **{name: getattr(given, name) for name in _NOT_STORED})


def sizers_of(config: SizeConfig) -> tuple[str, ...]:
    """The agent and those it is compared with, by name.

    Raises:
        InputError: one to compare with does not exist or is named twice.
    """
    known = get_args(SizerName)
    if config.compare is None:
        usual = _COMPARED if config.simulator == "native" else ()
        return (config.agent, *(name for name in usual if name != config.agent))
    others = [name.strip() for name in config.compare.split(",") if name.strip()]
    if others in ([], ["none"]):
        return (config.agent,)
    for name in others:
        if name not in known:
            raise InputError(
                f"compare = {name!r} does not exist; there are: {', '.join(known)}, or none"
            )
        if [config.agent, *others].count(name) > 1:
            raise InputError(f"compare = {config.compare!r}: {name} would be run twice")
    return (config.agent, *others)
