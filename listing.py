"""The list of runs."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

from rich.console import Console
from rich.table import Table
from tyro.conf import Positional, arg

from .errors import InputError
from .runs import MASTERED, MEAN_RETURN, Run


@dataclass(frozen=True, kw_only=True)
class RunsConfig:
    """List the runs in a folder, the newest first."""

    folder: Positional[Annotated[Path, arg(metavar="FOLDER")]] = Path("runs")
    """Folder that holds the run folders."""
    json: bool = False
    """Print one JSON object per line instead of a table."""


@dataclass(frozen=True)
class RunSummary:
    """What one line of the list says about a run."""

    name: str
    """Folder name."""
    job: str = ""
    """Like ``"train walker"``."""
    teacher: str = ""
    """Who chose the tasks, if the job has a teacher."""
    step: int = 0
    """Environment steps measured so far."""
    steps: int | None = None
    """Environment steps asked for."""
    mean_return: float | None = None
    """The last one measured."""
    mastered: float | None = None
    """Share of the test set at the last test, 0 to 1."""
    status: str = ""
    """Running, finished, interrupted, or why it cannot be read."""
    started: str = ""
    """UTC, ISO 8601."""


def list_runs(root: Path) -> list[RunSummary]:
    """Summaries of all run folders directly in ``root``, the newest first.

    Folders that are no runs are left out; runs that cannot be read say why in ``status``.

    Raises:
        InputError: ``root`` is not a folder.
    """
    if not root.is_dir():
        raise InputError(f"folder {root} does not exist, so there are no runs to list")
    folders = [path.parent for path in root.glob("*/config.json")]
    return sorted(map(_summary, folders), key=lambda run: (run.started, run.name), reverse=True)


def run(config: RunsConfig) -> int:
    """Print the list."""
    runs = list_runs(config.folder)
    if config.json:
        for summary in runs:
            print(json.dumps(dataclasses.asdict(summary)))
        return 0
    if not runs:
        print(f"No runs in {config.folder}.")
        return 0
    table = Table()
    for heading in ("run", "job", "teacher", "steps", "return", "mastered", "status", "age"):
        right = heading in ("steps", "return", "mastered", "age")
        table.add_column(heading, justify="right" if right else "left", overflow="fold")
    for s in runs:
        steps = _short(s.step) + (f" / {_short(s.steps)}" if s.steps else "")
        mean_return = "" if s.mean_return is None else f"{s.mean_return:.0f}"
        mastered = "" if s.mastered is None else f"{s.mastered:.0%}"
        table.add_row(s.name, s.job, s.teacher, steps, mean_return, mastered, s.status, _age(s.started))
    console = Console()
    (console if console.is_terminal else Console(width=140)).print(table)
    return 0


def _summary(folder: Path) -> RunSummary:
    try:
        run = Run.open(folder)
        lines = run.read_metrics()
    except (InputError, OSError) as error:
        return RunSummary(name=folder.name, status=f"unreadable: {error}")
    config = run.record["config"]
    return RunSummary(
        name=folder.name,
        job=run.record["job"],
        teacher=config.get("teacher", ""),
        step=lines[-1]["step"] if lines else 0,
        steps=config.get("steps"),
        mean_return=_last(lines, MEAN_RETURN),
        mastered=_last(lines, MASTERED),
        status=run.status,
        started=run.record["started"],
    )


def _last(lines: list[dict[str, Any]], name: str) -> float | None:
    values = (line[name] for line in reversed(lines) if line.get(name) is not None)
    return next(values, None)


def _short(steps: int) -> str:
    for size, letter in ((10**6, "M"), (10**3, "k")):
        if steps >= size:
            return f"{steps / size:.3g}{letter}"
    return str(steps)


def _age(started: str) -> str:
    if not started:
        return ""
    seconds = (datetime.now(UTC) - datetime.fromisoformat(started)).total_seconds()
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return "now"
