"""``eyas raptor distill``: train one policy that flies any quadrotor, with or without teachers."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from threadpoolctl import threadpool_limits

from ...envs.quadrotor.lanes import LANES
from ...errors import InputError
from ...policies.recurrent_policy import load_recurrent_policy
from ...records import from_json, to_json
from ...runs import Run
from .distill_config import (
    DistillConfig,
    gradient_settings,
    recipe_of,
    resumed_config,
    started_config,
)
from .gradient import POLICY, GradientTraining
from .imitation import ImitationTraining
from .teacher_set import load_teachers

JOB = "raptor distill"


def distill(config: DistillConfig) -> int:
    """Train a policy, or go on with a run.

    Writes a run folder with metrics, checkpoints and the policy. SIGINT and SIGTERM end it after the
    current update or epoch, with a checkpoint.

    Returns:
        0 when all is done, 128 + the signal's number when a signal ended it.

    Raises:
        InputError: a setting cannot be used; nothing has been written then.
    """
    command = [Path(sys.argv[0]).name, *sys.argv[1:]]
    checked = from_json(DistillConfig, to_json(config))
    if config.resume is not None:
        with Run.open(config.resume, write=True) as run:
            going_on = resumed_config(checked, stored_config(run))
            job = prepare(run, going_on)
            run.note_resume(going_on, command)
            return _work(job)
    started = started_config(checked)
    folder = started.out or Path("runs") / f"{started.method}-{time.strftime('%Y%m%d-%H%M%S')}"
    # Refuse what the run cannot use before its folder is made.
    _check_sizes(started)
    if started.teachers is not None:
        load_teachers(started.teachers, started.imitation.teacher_count)
    if started.start is not None:
        load_recurrent_policy(started.start)
    with Run.create(folder, started, command, job=JOB) as run:
        return _work(prepare(run, started))


def _check_sizes(config: DistillConfig) -> None:
    settings = config.gradient
    if settings.vehicles % LANES:
        raise InputError(f"vehicles = {settings.vehicles} must be a multiple of {LANES}")
    if settings.hidden % 4:
        raise InputError(f"hidden = {settings.hidden} must be a multiple of 4")


def stored_config(run: Run) -> DistillConfig:
    """The config of a run of this command.

    Raises:
        InputError: the run is another job's, or its config is not of this version.
    """
    if run.record["job"] != JOB:
        raise InputError(f"run folder {run.folder} is a {run.record['job']!r} run, expected {JOB!r}")
    return run.config_as(DistillConfig)


def prepare(run: Run, config: DistillConfig) -> GradientTraining | ImitationTraining:
    """The training that a run's config names, at the run's latest checkpoint.

    Raises:
        InputError: teachers or the policy to start from cannot be read or do not fit.
    """
    start = None
    if config.start is not None and run.latest_checkpoint() is None:
        start = load_recurrent_policy(config.start)
    if config.method == "gradient":
        return GradientTraining(run, gradient_settings(config), start)
    recipe = recipe_of(config)
    if config.teachers is None:
        raise InputError(f"run folder {run.folder} imitates, but its config names no teachers")
    return ImitationTraining(
        run,
        recipe,
        load_teachers(config.teachers, recipe.teacher_count),
        seed=config.seed,
        threads=config.threads,
        start=start,
        quiet=config.quiet,
    )


def _work(job: GradientTraining | ImitationTraining) -> int:
    # One core for linear algebra: threads that wait for a busy core cost more than they bring.
    with threadpool_limits(1, user_api="blas"):
        signal = job.train()
    if signal is not None:
        print(
            f"Stopped after {job.steps:,} steps;"
            f" go on with: eyas raptor distill --resume {job.run.folder}"
        )
        return 128 + signal
    print(f"Policy: {job.run.folder / POLICY}")
    job.run.finish()
    return 0
