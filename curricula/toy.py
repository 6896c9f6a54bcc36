"""The job behind ``eyas toy``: every teacher on the grid toy, beside teachDeepRL's own results."""

from __future__ import annotations

import json
import math
import multiprocessing
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from importlib import resources
from typing import Literal

from ..errors import InputError
from .checks import check_integer
from .registry import PRESETS, TEACHERS, find_teacher, world_settings

CONFIGURATIONS: dict[str, dict[str, int]] = {
    "A": {"cells": 10, "dimensions": 2, "irrelevant_dimensions": 0},
    "B": {"cells": 10, "dimensions": 2, "irrelevant_dimensions": 3},
    "C": {"cells": 5, "dimensions": 3, "irrelevant_dimensions": 0},
}
"""Grids by name: arguments of :class:`~eyas.curricula.grid_toy.GridToy`."""
REFERENCE_TEACHERS = ("random", "riac", "alp-gmm", "covar-gmm")
"""The teachers teachDeepRL runs on its toy, in its order."""
_ORACLE_STEP = 0.1  # the toy's returns end at 1, and its hard corner is the far one
_ORACLE_THRESHOLD = 0.75
_SUCCESS_RETURN = 0.75  # a cell above it counts as mastered


@dataclass(frozen=True, kw_only=True)
class ToyConfig:
    """Teach the n-D grid toy of teachDeepRL and compare with its own teachers' results.

    Prints the percentage of mastered grid cells, mean and standard deviation over seeds, beside the
    published implementation's (teachDeepRL's files, run with seeds of their own).
    """

    teacher: str = "all"
    """Name of a teacher, or "all". Only random, riac, alp-gmm and covar-gmm have a reference."""
    configuration: Literal["A", "B", "C", "all"] = "all"
    """A is 10 x 10 cells, B is A with 3 irrelevant dimensions, C is 5 x 5 x 5 cells."""
    seeds: int = 5
    """How many seeds, 1 or more (reference: 20 in A, 10 in B and C)."""
    episodes: int = 20000
    """Episodes per run, 1 or more (reference: 20000; there is a reference at each 1000 up to it)."""
    preset: str = "published"
    """Settings of the teachers: "published", or "eyas" for ours."""
    json: bool = False
    """Print one JSON object per line and nothing else on stdout."""
    workers: int = 2
    """Processes, 1 or more; the results do not depend on it."""
    seed: int = 0
    """First seed, 0 or more; the others follow it."""


@dataclass(frozen=True)
class ToyResult:
    """One line of the table. Percentages of mastered cells; None where there is no reference."""

    teacher: str
    configuration: str
    preset: str
    seeds: int
    episodes: int
    mastered: float
    std: float | None
    """Sample standard deviation over seeds (ddof 1), None for a single seed."""
    reference_mastered: float | None
    reference_std: float | None


def run(config: ToyConfig) -> int:
    """Run the grid of teachers, configurations and seeds; the exit code.

    Raises:
        InputError: an unknown name or a number out of range.
    """
    jobs = _jobs(config)
    results = []
    for name, teacher, scores in _finished(config, jobs):
        results.append(_summarise(config, name, teacher, scores))
        if config.json:
            print(json.dumps(asdict(results[-1])), flush=True)
    if not config.json:
        _print_table(sorted(results, key=lambda r: jobs.index((r.configuration, r.teacher))))
    return 0


def reference(configuration: str, teacher: str, episodes: int) -> tuple[float, float, int] | None:
    """What teachDeepRL's own files reach: mean and standard deviation in %, and number of seeds.

    None where the reference has no such run. Its teachers ran unchanged with their default
    settings on current numpy and scikit-learn, with a faster but equal look-up of cells.
    """
    table = json.loads(resources.files(__package__).joinpath("toy_reference.json").read_text())
    runs = table["runs"].get(configuration, {}).get(teacher)
    if runs is None or episodes not in table["episodes"]:
        return None
    row = table["episodes"].index(episodes)
    return runs["mean"][row], runs["std"][row], runs["seeds"]


def standard_errors_apart(
    mean: float, std: float, seeds: int, other: tuple[float, float, int]
) -> float:
    """How far two means are apart, in standard errors of their difference (Welch's statistic).

    The variance of the difference of two independent means is the sum of their squared standard
    errors, std^2 / seeds; so both samples' spread counts. Infinite if neither has any.
    """
    variance = std**2 / seeds + other[1] ** 2 / other[2]
    difference = mean - other[0]
    if variance == 0.0:
        return math.copysign(math.inf, difference) if difference else 0.0
    return difference / math.sqrt(variance)


def _jobs(config: ToyConfig) -> list[tuple[str, str]]:
    for field, low in (("seeds", 1), ("episodes", 1), ("workers", 1), ("seed", 0)):
        check_integer(field, getattr(config, field), low)
    if config.configuration != "all" and config.configuration not in CONFIGURATIONS:
        raise InputError(
            f"unknown configuration {config.configuration!r}; known are all, {', '.join(CONFIGURATIONS)}"
        )
    if config.preset not in PRESETS:
        raise InputError(f"unknown preset {config.preset!r}; known are {', '.join(PRESETS)}")
    if config.teacher == "all":
        teachers = list(TEACHERS)
    else:
        teachers = [find_teacher(config.teacher).name]
    names = list(CONFIGURATIONS) if config.configuration == "all" else [config.configuration]
    return [(name, teacher) for name in names for teacher in teachers]


def _finished(config: ToyConfig, jobs: list[tuple[str, str]]) -> Iterator[tuple[str, str, list[float]]]:
    """Yield each pair of configuration and teacher with its scores by seed, when all are there."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    runs = [
        (name, teacher, seed)
        for name, teacher in jobs
        for seed in range(config.seed, config.seed + config.seeds)
    ]
    scores: dict[tuple[str, str], dict[int, float]] = {job: {} for job in jobs}
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        bar = progress.add_task("runs", total=len(runs))
        for (name, teacher, seed), score in _scores(config, runs):
            scores[name, teacher][seed] = score
            progress.update(bar, advance=1, description=f"{name} {teacher}")
            if len(scores[name, teacher]) == config.seeds:
                by_seed = scores[name, teacher]
                yield name, teacher, [by_seed[key] for key in sorted(by_seed)]


def _scores(
    config: ToyConfig, runs: list[tuple[str, str, int]]
) -> Iterator[tuple[tuple[str, str, int], float]]:
    """Yield each run with its final score, in whatever order they end."""
    workers = min(config.workers, len(runs))
    if workers == 1:
        for run_ in runs:
            yield run_, _final_score(*run_, config.episodes, config.preset)
        return
    # Spawned, not forked: the parent may have started threads.
    pool = ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"))
    try:
        futures = {
            pool.submit(_final_score, *run_, config.episodes, config.preset): run_ for run_ in runs
        }
        for future in as_completed(futures):
            yield futures[future], future.result()
    finally:
        pool.shutdown(cancel_futures=True)


def _final_score(configuration: str, teacher: str, seed: int, episodes: int, preset: str) -> float:
    from .grid_toy import run_toy

    grid = CONFIGURATIONS[configuration]
    overrides = world_settings(teacher, preset, _SUCCESS_RETURN, always=True)
    if teacher == "oracle":
        steps = (_ORACLE_STEP,) * (grid["dimensions"] + grid["irrelevant_dimensions"])
        overrides = {"steps": steps, "threshold": _ORACLE_THRESHOLD}
    if teacher == "adr":  # likewise told where to begin: at the cell that is open
        overrides["start_low"] = (0.0,) * (grid["dimensions"] + grid["irrelevant_dimensions"])
    return float(run_toy(teacher, **grid, episodes=episodes, seed=seed, preset=preset, **overrides)[-1])


def _summarise(config: ToyConfig, name: str, teacher: str, scores: list[float]) -> ToyResult:
    mean = math.fsum(scores) / len(scores)
    squares = math.fsum((score - mean) ** 2 for score in scores)
    published = reference(name, teacher, config.episodes)
    return ToyResult(
        teacher=teacher,
        configuration=name,
        preset=config.preset,
        seeds=config.seeds,
        episodes=config.episodes,
        mastered=round(mean, 3),
        std=round(math.sqrt(squares / (len(scores) - 1)), 3) if len(scores) > 1 else None,
        reference_mastered=published[0] if published else None,
        reference_std=published[1] if published else None,
    )


def _print_table(results: list[ToyResult]) -> None:
    from rich.console import Console
    from rich.table import Table

    first = results[0]
    table = Table(
        title=f"Mastered cells after {first.episodes} episodes, in % (mean ± standard deviation over seeds)"
    )
    table.add_column("configuration")
    table.add_column("teacher")
    for header in (f"preset {first.preset}", "seeds", "teachDeepRL", "seeds", "difference"):
        table.add_column(header, justify="right")
    for result in results:
        published = reference(result.configuration, result.teacher, result.episodes)
        apart = ""
        if published and result.std is not None:
            errors = standard_errors_apart(result.mastered, result.std, result.seeds, published)
            apart = f"{result.mastered - published[0]:+.1f} ({errors:+.1f} se)"
        table.add_row(
            result.configuration,
            result.teacher,
            _mean_and_std(result.mastered, result.std),
            str(result.seeds),
            _mean_and_std(published[0], published[1]) if published else "",
            str(published[2]) if published else "",
            apart,
        )
    console = Console() if sys.stdout.isatty() else Console(width=110)
    console.print(table)
    console.print("se: standard errors of the difference of the two means; within ±2 is agreement.")


def _mean_and_std(mean: float, std: float | None) -> str:
    return f"{mean:.1f}" if std is None else f"{mean:.1f} ± {std:.1f}"
