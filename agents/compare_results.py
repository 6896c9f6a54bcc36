"""What the runs of a comparison amount to: curves, aggregates, tests."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..runs import MASTERED, Run
from .compare_config import CompareConfig, CompareRunConfig
from .compare_run import FINAL
from .statistics import (
    Interval,
    area_under_curve,
    improvement_interval,
    interquartile_mean,
    run_interval,
    stratified_interval,
    tail_mean,
    welch,
)


@dataclass(frozen=True)
class OneRun:
    """A finished run."""

    teacher: str
    seed: int
    steps: list[int]
    """Of its tests."""
    mastered: list[float]
    """Share of the test set mastered at each, 0 to 1."""
    final: list[list[float]]
    """Share of mastered episodes per test task of the last policy, in two independent sets."""
    scouted: float
    """Share of the steps that the student was not to learn from."""
    seconds: float
    """Training time."""
    episodes: int
    """Training episodes."""


@dataclass(frozen=True)
class Row:
    """One teacher in the table; shares, 0 to 1."""

    teacher: str
    runs: int
    mastered: float
    """Mean over the runs of :func:`scores_of`."""
    deviation: float
    """Sample standard deviation of that; NaN for one run."""
    area: float
    """Mean over the whole run, a measure of sample efficiency."""
    interquartile: Interval
    """Of runs and test tasks, the last policy on the second set of episodes;
    stratified bootstrap, which takes test tasks as independent."""
    whole_runs: Interval
    """The same mean, whole runs drawn again: what other seeds might give."""
    improvement: Interval | None
    """Probability that a run beats one of the baseline on a test task."""
    p_end: float
    """Welch's test of ``mastered`` against the baseline."""
    p_area: float
    """The same of ``area``."""
    tail: float
    """Mean over the worst test tasks, ranked on the first set, measured on the second."""
    scouted: float
    """Share of scouting steps."""
    seconds: float
    """Mean training time of a run."""


@dataclass(frozen=True)
class Curve:
    """What the runs of a teacher do over training; every field has one entry per test."""

    teacher: str
    steps: list[float]
    """Environment steps."""
    mastered: list[float]
    """Mean over the runs, 0 to 1."""
    low: list[float]
    """Lower end of the 95 % interval, whole runs drawn again."""
    high: list[float]
    """Its upper end."""
    p: list[float]
    """Welch's test against the baseline; NaN for the baseline itself."""


def run_config(config: CompareConfig, teacher: str, seed: int) -> CompareRunConfig:
    """The config of one run of the grid."""
    return CompareRunConfig(
        world=config.world,
        teacher=teacher,
        preset=config.preset,
        student=config.student,
        steps=config.steps,
        seed=seed,
        copies=config.copies,
        evaluate_every=config.evaluate_every,
        episodes=config.episodes,
        student_config=config.student_config,
    )


def read_runs(config: CompareConfig) -> list[OneRun]:
    """All finished runs of the folder that have the comparison's settings, by teacher and seed.

    Raises:
        InputError: there is none.
    """
    found = []
    for folder in sorted((config.out / "runs").glob("*-seed*")):
        if not (folder / FINAL).exists():
            continue
        with Run.open(folder) as run:
            own = run.config_as(CompareRunConfig)
            lines = run.read_metrics()
        if own != run_config(config, own.teacher, own.seed):
            continue
        tests = [line for line in lines if line.get(MASTERED) is not None]
        last = tests[-1]
        found.append(
            OneRun(
                own.teacher,
                own.seed,
                [int(line["step"]) for line in tests],
                [float(line[MASTERED]) for line in tests],
                json.loads((folder / FINAL).read_text())["mastered"],
                float(last["train/scouted_steps"]) / max(int(last["step"]), 1),
                float(last["train/seconds"]),
                int(last["train/episodes"]),
            )
        )
    if not found:
        raise InputError(
            f"{config.out} has no finished run of {config.world} with {config.steps} steps"
        )
    return sorted(found, key=lambda run: (run.teacher, run.seed))


def curves(runs: list[OneRun]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Steps ``(tests,)`` and shares ``(runs, tests)`` of runs of one teacher."""
    length = min(len(run.steps) for run in runs)
    steps = np.mean([run.steps[:length] for run in runs], axis=0)
    return steps, np.array([run.mastered[:length] for run in runs])


def teacher_curves(runs: list[OneRun], baseline: str) -> list[Curve]:
    """The curve of every teacher, with a test against the baseline at each of its tests."""
    shares = {
        name: curves([run for run in runs if run.teacher == name])
        for name in dict.fromkeys(run.teacher for run in runs)
    }
    found = []
    for name, (steps, values) in shares.items():
        intervals = [run_interval(column[:, None], _mean) for column in values.T]
        p = [math.nan] * len(steps)
        if baseline in shares and name != baseline:
            theirs = shares[baseline][1]
            pairs = zip(values.T, theirs.T, strict=False)
            p = [welch(ours, other).p for ours, other in pairs]
        found.append(
            Curve(
                name,
                steps.tolist(),
                [interval.value for interval in intervals],
                [interval.low for interval in intervals],
                [interval.high for interval in intervals],
                p,
            )
        )
    return found


def _mean(scores: NDArray[np.float64]) -> float:
    return float(scores.mean())


def table_rows(runs: list[OneRun], config: CompareConfig) -> list[Row]:
    """One row per teacher, the best interquartile mean first."""
    groups: dict[str, list[OneRun]] = {}
    for run in runs:
        groups.setdefault(run.teacher, []).append(run)
    baseline = groups.get(config.baseline)
    rows = [
        _row(name, group, baseline if name != config.baseline else None, config.tail)
        for name, group in groups.items()
    ]
    return sorted(rows, key=lambda row: -row.interquartile.value)


def scores_of(runs: list[OneRun]) -> NDArray[np.float64]:
    """What tables and tests go by: the last policies on the second set, ``(runs, test tasks)``."""
    return np.array([run.final[1] for run in runs])


def _row(name: str, group: list[OneRun], baseline: list[OneRun] | None, tail: float) -> Row:
    ends = scores_of(group).mean(axis=1)
    areas = np.array([area_under_curve(run.steps, run.mastered) for run in group])
    scores = scores_of(group)
    p_end = p_area = math.nan
    improvement = None
    if baseline is not None:
        theirs = scores_of(baseline)
        improvement = improvement_interval(scores, theirs)
        p_end = welch(ends, scores_of(baseline).mean(axis=1)).p
        p_area = welch(areas, [area_under_curve(run.steps, run.mastered) for run in baseline]).p
    return Row(
        name,
        len(group),
        float(ends.mean()),
        float(ends.std(ddof=1)) if len(ends) > 1 else math.nan,
        float(areas.mean()),
        stratified_interval(scores, interquartile_mean),
        run_interval(scores, interquartile_mean),
        improvement,
        p_end,
        p_area,
        float(np.mean([tail_mean(run.final[0], run.final[1], tail) for run in group])),
        float(np.mean([run.scouted for run in group])),
        float(np.mean([run.seconds for run in group])),
    )


def results_json(runs: list[OneRun], rows: list[Row], config: CompareConfig) -> str:
    """Everything as one JSON object; what is not finite becomes null."""
    tree = {
        "world": config.world,
        "steps": config.steps,
        "student": config.student,
        "preset": config.preset,
        "baseline": config.baseline,
        "tail": config.tail,
        "rows": [asdict(row) for row in rows],
        "curves": [asdict(curve) for curve in teacher_curves(runs, config.baseline)],
        "runs": [asdict(run) for run in runs],
    }
    return json.dumps(_finite(tree)) + "\n"


def markdown_table(rows: list[Row], config: CompareConfig) -> str:
    """The table of a comparison."""
    worst = f"worst {config.tail:.0%}"
    lines = [
        f"| teacher | runs | mastered | over the run | IQM | whole runs | beats {config.baseline} | p, end | p, run"
        f" | {worst} | scouted | time |",
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for row in rows:
        spread = "" if math.isnan(row.deviation) else f" ± {100 * row.deviation:.1f}"
        beats = "" if row.improvement is None else _interval(row.improvement)
        lines.append(
            f"| {row.teacher} | {row.runs} | {100 * row.mastered:.1f}{spread} % | {100 * row.area:.1f} %"
            f" | {_interval(row.interquartile)} | {_range(row.whole_runs)} | {beats} | {_p(row.p_end)} | {_p(row.p_area)}"
            f" | {100 * row.tail:.1f} % | {100 * row.scouted:.0f} % | {row.seconds:.0f} s |"
        )
    return "\n".join(lines) + "\n"


def _interval(interval: Interval) -> str:
    value, low, high = (100 * number for number in interval)
    return f"{value:.1f} % [{low:.1f}, {high:.1f}]"


def _range(interval: Interval) -> str:
    return f"[{100 * interval.low:.1f}, {100 * interval.high:.1f}]"


def _p(p: float) -> str:
    return "" if math.isnan(p) else f"{p:.3f}"


def _finite(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {key: _finite(value) for key, value in tree.items()}
    if isinstance(tree, list | tuple):
        return [_finite(value) for value in tree]
    return None if isinstance(tree, float) and not math.isfinite(tree) else tree
