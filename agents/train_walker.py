"""``eyas train walker``: a teacher trains a walker."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from threadpoolctl import threadpool_limits

from ..curricula import make_teacher
from ..curricula.registry import world_settings
from ..envs.walker.terrain import make_terrain
from ..envs.walker.test_sets import MASTERED_RETURN
from ..errors import InputError
from ..records import from_json, to_json
from ..runs import Run
from .config import DEFAULT_STEPS, TrainWalkerConfig, resumed_config, started_config
from .curriculum_run import CurriculumRun, CurriculumSettings
from .job_control import StopRequest
from .walker_world import walker_world
from .world import World

JOB = "train walker"


def train(config: TrainWalkerConfig) -> int:
    """Train a walker, or go on with a run.

    Writes a run folder with metrics, checkpoints, the policies and, unless told not to, figures and
    a report. SIGINT and SIGTERM end it after the current update, with a checkpoint.

    Returns:
        0 when all steps are done, 128 + the signal's number when a signal ended it.

    Raises:
        InputError: a setting cannot be used; nothing has been written then.
    """
    command = [Path(sys.argv[0]).name, *sys.argv[1:]]
    if config.resume is not None:
        run = Run.open(config.resume, write=True)
        with run:
            config = resumed_config(_check(config), stored_config(run))
            run.note_resume(config, command)
            return _work(run, config)
    config = started_config(_check(config))
    with Run.create(_folder(config), config, command, job=JOB) as run:
        return _work(run, config)


def stored_config(run: Run) -> TrainWalkerConfig:
    """The config of a run that trains a walker.

    Raises:
        InputError: the run is another job's, or its config is not of this version.
    """
    if run.record["job"] != JOB:
        raise InputError(f"run folder {run.folder} is a {run.record['job']!r} run, expected {JOB!r}")
    return run.config_as(TrainWalkerConfig)


def world_of(config: TrainWalkerConfig, solver: str | None = None) -> World:
    """The world that a config names, perhaps with another solver."""
    return walker_world(config.terrain, config.body, solver or config.solver, config.threads)


def _check(config: TrainWalkerConfig) -> TrainWalkerConfig:
    """Refuse what a script can get past the type checker: names and numbers that do not exist."""
    checked = from_json(TrainWalkerConfig, to_json(config))
    space = make_terrain(checked.terrain).task_space
    needed = world_settings(checked.teacher, checked.teacher_preset, MASTERED_RETURN)
    make_teacher(checked.teacher, space, seed=0, preset=checked.teacher_preset, **needed)
    if not checked.student_config.hidden:
        raise InputError("hidden = () must name at least one layer")
    return checked


def _folder(config: TrainWalkerConfig) -> Path:
    if config.out is not None:
        return config.out
    name = f"{config.teacher}-{config.student}-{config.terrain}"
    return Path("runs") / f"{name}-{time.strftime('%Y%m%d-%H%M%S')}"


def _work(run: Run, config: TrainWalkerConfig) -> int:
    # One core for linear algebra: threads that wait for a busy core cost more than they bring.
    with threadpool_limits(1, user_api="blas"):
        # Libraries swallow an interrupt that comes while they are imported: note it, and end then.
        with StopRequest() as early:
            world = world_of(config)
            job = CurriculumRun(run, world, _settings(config))
        signal = early.signal if early.signal is not None else job.train()
        if signal is not None:
            print(
                f"Stopped after {job.student.steps:,} steps;"
                f" go on with: eyas train walker --resume {run.folder}"
            )
            return 128 + signal
        if config.figures:
            from .report import write_report

            print(f"Report: {write_report(run.folder, world, quiet=config.quiet)}")
        else:
            print(f"Run: {run.folder}")
    run.finish()
    return 0


def _settings(config: TrainWalkerConfig) -> CurriculumSettings:
    return CurriculumSettings(
        teacher=config.teacher,
        teacher_preset=config.teacher_preset,
        student=config.student,
        student_config=config.student_config,
        steps=config.steps or DEFAULT_STEPS,
        copies=config.copies,
        seed=config.seed,
        evaluate_every=config.evaluate_every,
        checkpoint_every=config.checkpoint_every,
        quiet=config.quiet,
    )
