"""``eyas compare``: a grid of teachers and seeds, finished however often it is interrupted."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from ..curricula import TEACHERS, make_teacher
from ..curricula.registry import find_teacher, world_settings
from ..records import from_json, to_json
from ..runs import Run
from .compare_config import CompareConfig, CompareRunConfig
from .compare_results import run_config
from .compare_run import FINAL
from .world import World
from .worlds import find_world

_POLL = 0.5  # seconds


def compare(config: CompareConfig) -> int:
    """Run the grid, then write results, table, figures and page.

    Returns:
        0 when all runs are done, 1 when some failed (the others are reported), 130 when interrupted.

    Raises:
        InputError: a setting cannot be used; nothing has been written then.
    """
    config = from_json(CompareConfig, to_json(config))
    world = find_world(config.world)
    teachers = teachers_of(config, world)
    code = 0
    if not config.report_only:
        grid = {
            config.out / "runs" / f"{teacher}-seed{seed}": run_config(config, teacher, seed)
            for seed in range(config.first_seed, config.first_seed + config.seeds)
            for teacher in teachers
        }
        code = _Grid(grid, config).work()
    if code != 130:
        from .compare_report import write_comparison

        print(f"Report: {write_comparison(config)}")
    return code


def teachers_of(config: CompareConfig, world: World) -> list[str]:
    """The teachers to compare, each of which can teach this world.

    Raises:
        InputError: an unknown teacher, or one that cannot teach here.
    """
    space = world.teacher_space or world.make_batch(1).task_space
    if config.teachers == "all":
        names = [name for name in TEACHERS if name != "oracle"]
    else:
        names = [find_teacher(name.strip()).name for name in config.teachers.split(",")]
    for name in names:
        settings = world_settings(name, config.preset, world.mastered_return)
        make_teacher(name, space, seed=0, preset=config.preset, **settings)
    return list(dict.fromkeys(names))


class _Grid:
    """Runs in processes of their own, some at a time; a signal stops them with a checkpoint each."""

    def __init__(self, runs: dict[Path, CompareRunConfig], config: CompareConfig) -> None:
        self.config = config
        self.runs = runs
        self.waiting = [folder for folder, run in runs.items() if not _finished(folder, run)]
        self.running: dict[Path, subprocess.Popen[bytes]] = {}
        self.failed: dict[Path, str] = {}
        self.stopped = False

    def work(self) -> int:
        """All runs; the exit code."""
        before = {s: signal.signal(s, self._stop) for s in (signal.SIGINT, signal.SIGTERM)}
        try:
            with _Display(self) as display:
                while self.running or (self.waiting and not self.stopped):
                    self._collect()
                    while self.waiting and len(self.running) < self.config.workers and not self.stopped:
                        self._start(self.waiting.pop(0))
                    display.show()
                    time.sleep(_POLL)
        finally:
            for each, handler in before.items():
                signal.signal(each, handler)
            for process in self.running.values():
                process.kill()
        for folder, why in self.failed.items():
            print(f"failed: {folder.name}: {why}", file=sys.stderr)
        if self.stopped:
            print("Stopped; the same command goes on.", file=sys.stderr)
            return 130
        return 1 if self.failed else 0

    def _stop(self, *_: Any) -> None:
        self.stopped = True
        for process in self.running.values():
            process.terminate()

    def _start(self, folder: Path) -> None:
        folder.parent.mkdir(parents=True, exist_ok=True)
        threads = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")
        arguments = [str(folder), json.dumps(to_json(self.runs[folder]))]
        with folder.with_suffix(".log").open("wb") as log:
            self.running[folder] = subprocess.Popen(
                [sys.executable, "-m", "eyas.agents.compare_run", *arguments],
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **threads},
                start_new_session=True,  # a Ctrl-C reaches them through us alone
            )

    def _collect(self) -> None:
        for folder, process in list(self.running.items()):
            if process.poll() is None:
                continue
            del self.running[folder]
            if process.returncode and not self.stopped:
                lines = folder.with_suffix(".log").read_text(errors="replace").strip().splitlines()
                self.failed[folder] = lines[-1] if lines else f"exit code {process.returncode}"


def _finished(folder: Path, config: CompareRunConfig) -> bool:
    """Whether this very run is done; one with other settings is left to fail by name."""
    if not (folder / FINAL).exists():
        return False
    with Run.open(folder) as run:
        return run.config_as(CompareRunConfig) == config


class _Display:
    """A bar of finished runs on standard error."""

    def __init__(self, grid: _Grid) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        self.grid = grid
        columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[now]}"))
        self.progress = Progress(
            *columns, TimeElapsedColumn(), console=Console(stderr=True), disable=grid.config.quiet
        )
        self.bar = self.progress.add_task("runs", total=float(len(grid.runs)), now="")

    def __enter__(self) -> _Display:
        self.progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.show()
        self.progress.stop()

    def show(self) -> None:
        """Where the grid is: every running run counts by its last line of metrics."""
        done = len(self.grid.runs) - len(self.grid.waiting) - len(self.grid.running)
        steps = [_last_step(folder) for folder in self.grid.running]
        parts = sum(steps) / self.grid.config.steps
        names = ", ".join(folder.name for folder in self.grid.running)
        self.progress.update(
            self.bar, completed=done + parts, now=f"{done}/{len(self.grid.runs)} {names}"
        )


def _last_step(folder: Path) -> int:
    try:
        with (folder / "metrics.jsonl").open("rb") as file:
            file.seek(max(file.seek(0, os.SEEK_END) - 4096, 0))
            lines = file.read().decode(errors="replace").splitlines()
        return int(json.loads(lines[-1])["step"])
    except (OSError, IndexError, KeyError, ValueError):
        return 0
