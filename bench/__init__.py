"""Benchmarks: ours and its peers, measured in one run.

A benchmark is a module of this package with ``measure(seconds, seed)`` that yields
:class:`Measurement` rows; it is entered in :data:`BENCHMARKS` and imported when it is asked for.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Protocol, cast

from tyro.conf import Positional, arg

from ..bounds import Seed, real
from ..errors import InputError
from .table import Measurement, json_line, show

__all__ = ["BENCHMARKS", "BenchConfig", "Measurement", "run"]

BENCHMARKS = {
    "walker": ".walker",
    "quadrotor": ".quadrotor",
    "raptor": ".raptor",
    "export": ".export",
    "circuit": ".circuit",
    "goals": ".goals",
    "sizing": ".sizing",
    "toy": ".toy",
}
"""Module of each benchmark, relative to this package."""
LONG = {"sizing"}
"""Benchmarks of hours, which ``all`` leaves out."""


class Benchmark(Protocol):
    """What a benchmark module offers."""

    def measure(self, seconds: float, seed: int) -> Iterable[Measurement]:
        """Measure each figure for about ``seconds`` and yield it at once."""


@dataclass(frozen=True, kw_only=True)
class BenchConfig:
    """Measure ours and the peers that are installed, one core each."""

    name: Positional[
        Annotated[
            str,
            arg(metavar="NAME", help_behavior_hint=f"({', '.join(BENCHMARKS)} or all)"),
        ]
    ]
    """Which benchmark; sizing takes hours, stores its runs in runs/bench_sizing and is not in all."""
    seconds: Annotated[float, real(0.01, 3600)] = 2.0
    """Time spent on each figure (s)."""
    seed: Seed = 0
    """Where actions and tasks come from."""
    json: bool = False
    """Print one JSON object per line instead of a table."""


def run(config: BenchConfig) -> int:
    """Run one benchmark or all of them and print the figures.

    Raises:
        InputError: there is no benchmark of this name.
    """
    names = [config.name]
    if config.name == "all":
        names = [name for name in BENCHMARKS if name not in LONG]
    if names[0] not in BENCHMARKS:
        raise InputError(
            f"benchmark {config.name!r} does not exist; there are: {', '.join(BENCHMARKS)}, all"
        )
    for name in names:
        module = cast(Benchmark, importlib.import_module(BENCHMARKS[name], __package__))
        measurements = module.measure(config.seconds, config.seed)
        if config.json:
            for measurement in measurements:
                print(json_line(measurement), flush=True)
        else:
            show(f"eyas bench {name}", measurements)
    return 0
