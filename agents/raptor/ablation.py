"""What each part of the training is worth: ``python -m eyas.agents.raptor.ablation``.

Every setting is trained with the same number of environment steps for some seeds and flown through
some of the evaluation's protocols in our simulator. A finished training is one line of a JSONL file;
what the file has already is not trained again.
"""

from __future__ import annotations

import dataclasses
import json
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from rich.console import Console
from rich.table import Table
from threadpoolctl import threadpool_limits

from ...bounds import Count, check, real, whole
from ...envs.quadrotor.evaluation.own_simulator import OwnSimulator
from ...errors import InputError
from ...files import append_line
from ...policies.recurrent_policy import RecurrentPolicy
from ...runs import Run
from .evaluation import evaluate_unseen, unseen
from .gradient import GradientTraining
from .gradient_config import GradientConfig
from .imitation import STEPS, ImitationTraining
from .imitation_config import RECIPES, Recipe
from .scenario_config import ScenarioConfig
from .teacher_set import Teachers, load_teachers, read_manifest

PROTOCOLS = ("P0", "P1", "P2 5.5 s", "P3 10 ms", "P3 30 ms")
TEACHER_COUNTS = (16, 64, 250, 1000)
_NO_DELAY = (1.0, 0.0, 0.0, 0.0)


@dataclass(frozen=True, kw_only=True)
class AblationConfig:
    """Train and evaluate every setting, and print the table."""

    out: Path
    """JSONL file: one line per finished training; the table is made of it."""
    steps: Count = 150_000_000
    """Environment steps of each training."""
    seeds: Annotated[int, whole(1, 100)] = 3
    """Trainings of each setting."""
    count: Annotated[int, whole(16, 8192)] = 512
    """Unseen vehicles of the evaluation."""
    seconds: Annotated[float, real(0, 1e9)] = 1e9
    """Start no training after this time; go on with the same command."""
    teachers: Path | None = None
    """What ``eyas raptor teachers`` made; the settings that imitate are left out without it."""
    only: tuple[str, ...] = ()
    """Settings to train, by name; all without it."""
    threads: Annotated[int, whole(1, 1024)] = 1
    """Cores of a training."""


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One row of the table."""

    name: str
    method: GradientConfig | Recipe
    """How to train; the length and the seed are still to be filled in."""


def settings(teachers: int) -> list[Setting]:
    """All rows.

    Args:
        teachers: how many there are; 0 leaves the settings that imitate out.
    """
    base, scenarios = GradientConfig(), ScenarioConfig()

    def flown(**changes: Any) -> GradientConfig:
        return dataclasses.replace(base, scenarios=dataclasses.replace(scenarios, **changes))

    rows = [
        Setting(name="gradient", method=base),
        Setting(name="gradient, hidden 8", method=dataclasses.replace(base, hidden=8)),
        Setting(name="gradient, hidden 32", method=dataclasses.replace(base, hidden=32)),
        Setting(name="gradient, no delay", method=flown(delay=_NO_DELAY)),
        Setting(name="gradient, no noise", method=flown(noise=0.0)),
        Setting(name="gradient, neither", method=flown(delay=_NO_DELAY, noise=0.0)),
        Setting(name="gradient, airframes alike", method=flown(hard=0.0)),
        Setting(name="gradient, ALP-GMM", method=dataclasses.replace(base, curriculum="alp-gmm")),
    ]
    recipe = RECIPES["eyas"]
    for count in sorted({min(count, teachers) for count in TEACHER_COUNTS} - {0}):
        method = dataclasses.replace(recipe, teacher_count=count)
        rows.append(Setting(name=f"imitation, {count} teachers", method=method))
    if teachers:
        recipe = dataclasses.replace(recipe, teacher_count=min(teachers, TEACHER_COUNTS[-1]))
        neither = dataclasses.replace(recipe, delay=_NO_DELAY, noise=0.0)
        chosen = dataclasses.replace(recipe, curriculum="alp-gmm")
        values = dataclasses.replace(recipe, errors=False, curves=0.0)
        rows += [
            Setting(name="imitation, no delay or noise", method=neither),
            Setting(name="imitation, ALP-GMM", method=chosen),
            Setting(name="imitation, blind to the reference", method=values),
        ]
    return rows


def ablate(config: AblationConfig) -> int:
    """Train what is missing, then print the table.

    Returns:
        0, or 130 if a signal ended it; the training it came in is lost.

    Raises:
        InputError: a setting is unknown, or the teachers or the file cannot be read.
    """
    check(config)
    there = 0 if config.teachers is None else int(read_manifest(config.teachers)["count"])
    rows = settings(there)
    unknown = set(config.only) - {row.name for row in rows}
    if unknown:
        names = "; ".join(row.name for row in rows)
        raise InputError(f"only = {sorted(unknown)[0]!r} is no setting; there are: {names}")
    chosen = [row for row in rows if not config.only or row.name in config.only]
    began = time.monotonic()
    with threadpool_limits(1, user_api="blas"):
        for row, seed in _missing(config, chosen):
            if time.monotonic() - began > config.seconds:
                break
            entry = measure(row, seed, config)
            if entry is None:
                print("Stopped; the same command goes on.", file=sys.stderr)
                return 130
            append_line(config.out, json.dumps(entry))
            print(f"{row.name}, seed {seed}: {entry['seconds']:.0f} s", file=sys.stderr, flush=True)
    print_table(read_entries(config.out), config)
    return 0


def _missing(config: AblationConfig, rows: list[Setting]) -> Iterator[tuple[Setting, int]]:
    """Settings and seeds without a line, all settings of a seed before the next seed."""
    done = {_key(entry) for entry in read_entries(config.out)}
    for seed in range(config.seeds):
        for row in rows:
            if (row.name, seed, config.steps, config.count) not in done:
                yield row, seed


def _key(entry: Mapping[str, Any]) -> tuple[str, int, int, int]:
    return entry["setting"], entry["seed"], entry["steps"], entry["count"]


def read_entries(path: Path) -> list[dict[str, Any]]:
    """The finished trainings.

    Raises:
        InputError: a line is not one of them.
    """
    if not path.exists():
        return []
    entries = []
    for number, line in enumerate(path.read_text().splitlines(), start=1):
        try:
            entry = json.loads(line)
            _key(entry), entry["protocols"]
        except (ValueError, KeyError, TypeError):
            raise InputError(f"{path} is corrupt: line {number} is no finished training") from None
        entries.append(entry)
    return entries


def measure(setting: Setting, seed: int, config: AblationConfig) -> dict[str, Any] | None:
    """Train and evaluate once.

    Returns:
        JSON values: ``setting``, ``seed``, ``steps``, ``count``, ``seconds`` of the training,
        ``revision``, and ``protocols``: their summaries by name. None if a signal came.
    """
    with tempfile.TemporaryDirectory() as folder:
        run = Run.create(
            Path(folder) / "run", {"seed": seed}, ["ablation", setting.name], job="raptor ablation"
        )
        with run:
            began = time.monotonic()
            policy = train(run, setting, seed, config)
            seconds = time.monotonic() - began
            git = run.record["git"] or {}
    if policy is None:
        return None
    sample = unseen(config.count)
    found = evaluate_unseen(
        policy,
        sample,
        OwnSimulator(sample.airframes),
        PROTOCOLS,
        seeds=1,
        progress=lambda steps: None,
    )
    return {
        "setting": setting.name,
        "seed": seed,
        "steps": config.steps,
        "count": config.count,
        "seconds": round(seconds, 1),
        "revision": git.get("revision"),
        "protocols": found["protocols"],
    }


def train(run: Run, setting: Setting, seed: int, config: AblationConfig) -> RecurrentPolicy | None:
    """Train one setting for the steps of the config; None if a signal came."""
    method = setting.method
    job: GradientTraining | ImitationTraining
    if isinstance(method, GradientConfig):
        updates = max(1, config.steps // (method.vehicles * method.horizon))
        job = GradientTraining(
            run,
            dataclasses.replace(method, updates=updates, seed=seed, threads=config.threads, quiet=True),
        )
    else:
        epochs = max(1, config.steps // (method.teachers_per_epoch * method.episodes * STEPS))
        job = ImitationTraining(
            run,
            dataclasses.replace(method, epochs=epochs),
            _teachers(config, method),
            seed=seed,
            threads=config.threads,
            quiet=True,
        )
    return job.policy() if job.train() is None else None


def _teachers(config: AblationConfig, recipe: Recipe) -> Teachers:
    assert config.teachers is not None  # there are no such settings without
    return load_teachers(config.teachers, recipe.teacher_count)


def print_table(entries: list[dict[str, Any]], config: AblationConfig) -> None:
    """Means and deviations over the seeds, one row per setting."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=140)
    table = Table(
        title=f"{config.steps / 1e6:g} M steps each; {config.count} unseen quadrotors in our simulator",
        title_justify="left",
    )
    table.add_column("")
    table.add_column("seeds", justify="right")
    for heading in (
        "P0 failed (%)",
        "P1 median (m)",
        "P1 p99 (m)",
        "P2 5.5 s median (m)",
        "P3 10 ms failed (%)",
        "P3 30 ms failed (%)",
        "training (s)",
    ):
        table.add_column(heading, justify="right")
    used = [e for e in entries if (e["steps"], e["count"]) == (config.steps, config.count)]
    for name in dict.fromkeys(entry["setting"] for entry in used):
        some = [entry for entry in used if entry["setting"] == name]
        flown = [entry["protocols"] for entry in some]
        table.add_row(
            name,
            str(len(some)),
            _spread([100 * f["P0"]["failed"] for f in flown], 2),
            _spread([f["P1"]["error"]["median"] for f in flown], 4),
            _spread([f["P1"]["error"]["p99"] for f in flown], 3),
            _spread([f["P2 5.5 s"]["error"]["median"] for f in flown], 3),
            _spread([100 * f["P3 10 ms"]["failed"] for f in flown], 2),
            _spread([100 * f["P3 30 ms"]["failed"] for f in flown], 1),
            _spread([entry["seconds"] for entry in some], 0),
        )
    console.print(table)


def _spread(values: list[float | None], digits: int) -> str:
    """Mean and standard deviation; a value is None where nobody survived."""
    known = np.array([value for value in values if value is not None])
    if not known.size:
        return "-"
    spread = f" ± {known.std():.{digits}f}" if known.size > 1 else ""
    return f"{known.mean():.{digits}f}{spread}"


if __name__ == "__main__":
    import tyro

    try:
        sys.exit(ablate(tyro.cli(AblationConfig)))
    except InputError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
