"""``eyas raptor teachers``: one teacher for each of many airframes, in shards.

The folder is a run's and a set of teachers (:mod:`~.teacher_set`) at once::

    teachers/
    ├── config.json, metrics.jsonl, state.json, run.lock    see eyas.runs; a line of metrics per teacher
    ├── teachers.json, shards/                              the teachers
    ├── base.safetensors                                    the network that they start from
    └── summary.json                                        the table that is printed at the end

A shard is there in full or not at all; a run that was killed repeats the shards it had begun.
"""

from __future__ import annotations

import dataclasses
import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from ...envs.jit import announced
from ...errors import InputError
from ...files import atomic_write
from ...policies.state_file import read_tree, tree_bytes
from ...records import from_json, to_json
from ...runs import Run
from ..job_control import StopRequest
from ..resuming import refuse_contradiction
from . import teacher_window
from .teacher_set import (
    Teachers,
    load_shard,
    load_teachers,
    save_shard,
    shard_count,
    shard_path,
    write_manifest,
)
from .teacher_shard import ShardTask, train_shard
from .teacher_training import train_base
from .teachers_config import TeachersConfig, TeacherTrainingConfig
from .teachers_table import print_summary, summarize

JOB = "raptor teachers"
BASE = "base.safetensors"
SUMMARY = "summary.json"
_NOT_STORED = frozenset({"workers", "address", "quiet", "out", "resume"})
_BASE_KIND, _BASE_VERSION = "eyas quadrotor base teacher", 1


Poll = Callable[[int, float], None]
"""Called with the number of updates done and the mean cost; may raise to end the training."""


class _StopError(Exception):
    """A signal came."""


def train_teachers(config: TeachersConfig) -> int:
    """Train teachers, or go on with a run.

    Returns:
        0 when all are trained, 128 + the signal's number when a signal ended it.

    Raises:
        InputError: a setting is out of its range or a folder cannot be used.
    """
    given = from_json(TeachersConfig, to_json(config))
    command = [Path(sys.argv[0]).name, *sys.argv[1:]]
    if given.resume is not None:
        with Run.open(given.resume, write=True) as run:
            going_on = resumed_config(given, stored_config(run))
            run.note_resume(going_on, command)
            return _work(run, going_on)
    folder = given.out or Path("runs") / f"teachers-{time.strftime('%Y%m%d-%H%M%S')}"
    with Run.create(folder, given, command, job=JOB) as run:
        return _work(run, given)


def stored_config(run: Run) -> TeachersConfig:
    """The config of a run of this command.

    Raises:
        InputError: the run is another job's, or its config is not of this version.
    """
    if run.record["job"] != JOB:
        raise InputError(f"run folder {run.folder} is a {run.record['job']!r} run, expected {JOB!r}")
    return run.config_as(TeachersConfig)


def resumed_config(given: TeachersConfig, stored: TeachersConfig) -> TeachersConfig:
    """The config to go on with after ``--resume``: the stored one, perhaps with other workers.

    Raises:
        InputError: a field was given that contradicts the run.
    """
    refuse_contradiction(given, TeachersConfig(), stored, _NOT_STORED)
    return dataclasses.replace(stored, **{name: getattr(given, name) for name in _NOT_STORED})


def _work(run: Run, config: TeachersConfig) -> int:
    write_manifest(run.folder, seed=config.seed, count=config.count, shard_size=config.shard)
    with threadpool_limits(1, user_api="blas"), _workers(config), StopRequest() as stop:
        try:
            _train_all(run, config, stop)
        except _StopError:
            assert stop.signal is not None
            print(f"Stopped; go on with: eyas raptor teachers --resume {run.folder}")
            return 128 + stop.signal
    teachers = load_teachers(run.folder)
    summary = summarize(teachers)
    summary["base_seconds"] = _read_base(run.folder)[1] if config.warm_start else 0.0
    atomic_write(run.folder / SUMMARY, json.dumps(summary, indent=1) + "\n")
    run.finish()
    print_summary(summary)
    print(f"Teachers: {run.folder}")
    return 0


def _train_all(run: Run, config: TeachersConfig, stop: StopRequest) -> None:
    def poll(update: int, cost: float) -> None:
        if stop.signal is not None:
            raise _StopError

    with announced("teachers' flight and its adjoint", Path(teacher_window.__file__)):
        _compile()
    base = _base(run, config, poll) if config.warm_start else None
    todo = []
    run.rewind_metrics(-1)  # a kill between a shard and its metrics loses none of them
    done = 0
    for shard in range(shard_count(config.count, config.shard)):
        if shard_path(run.folder, shard).is_file():
            done += _report(run, config, shard, load_shard(run.folder, shard))
        else:
            todo.append(ShardTask(config, shard, base))
    start, before = time.monotonic(), done
    results = _in_ray(todo, config, stop) if config.workers > 1 else _here(todo, poll)
    for shard, teachers in results:
        save_shard(run.folder, shard, teachers)
        done += _report(run, config, shard, teachers)
        if not config.quiet:
            left = (time.monotonic() - start) / (done - before) * (config.count - done)
            print(
                f"{done:,} of {config.count:,} teachers: return {teachers.returns.mean():.1f},"
                f" terminated {100 * teachers.terminated.mean():.2f} %,"
                f" {teachers.seconds.mean():.2f} core-seconds each, {left / 60:.0f} min left",
                file=sys.stderr,
                flush=True,
            )


def _report(run: Run, config: TeachersConfig, shard: int, teachers: Teachers) -> int:
    """Write a line of metrics per teacher; returns how many."""
    frames = teachers.airframes
    for row in range(len(teachers)):
        values = {
            "teacher/return": teachers.returns[row],
            "teacher/terminated": teachers.terminated[row],
            "teacher/wide_return": teachers.wide_returns[row],
            "teacher/wide_terminated": teachers.wide_terminated[row],
            "teacher/core_seconds": teachers.seconds[row],
            "airframe/mass": frames.mass[row],
            "airframe/thrust_to_weight": frames.thrust_to_weight[row],
            "airframe/torque_to_inertia": frames.torque_to_inertia[row],
        }
        run.append_metrics(shard * config.shard + row, {name: float(v) for name, v in values.items()})
    return len(teachers)


def _here(tasks: list[ShardTask], poll: Poll) -> Iterator[tuple[int, Teachers]]:
    for task in tasks:
        yield task.shard, train_shard(task, poll)


def _in_ray(
    tasks: list[ShardTask], config: TeachersConfig, stop: StopRequest
) -> Iterator[tuple[int, Teachers]]:
    """Shards as tasks of Ray, as many at a time as there are workers, in the order they get done."""
    import ray

    remote = ray.remote(num_cpus=1)(train_shard)
    waiting = list(reversed(tasks))
    working: dict[Any, int] = {}
    while waiting or working:
        while waiting and len(working) < config.workers:
            task = waiting.pop()
            working[remote.remote(task)] = task.shard
        ready, _ = ray.wait(list(working), timeout=0.5)
        if stop.signal is not None:
            raise _StopError
        for future in ready:
            yield working.pop(future), ray.get(future)


@contextmanager
def _workers(config: TeachersConfig) -> Iterator[None]:
    """Ray, if there are workers; connected first, so that a wrong address is known at once."""
    if config.workers <= 1:
        yield
        return
    import ray

    local: dict[str, Any] = {} if config.address else {"num_cpus": config.workers}
    try:
        ray.init(
            address=config.address,
            include_dashboard=None if config.address else False,
            log_to_driver=False,
            configure_logging=False,
            **local,
        )
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise InputError(f"address = {config.address} leads to no Ray cluster: {error}") from error
    try:
        yield
    finally:
        ray.shutdown()


def _compile() -> None:
    """Train a teacher for one step, so that compilation happens here and not in every worker."""
    training = TeacherTrainingConfig(horizon=1, base_blocks=1)
    train_base(training, 0, 1)
    train_shard(ShardTask(TeachersConfig(count=1, shard=1, updates=1, training=training), 0, None))


# The base network -------------------------------------------------------------------------------


def _base(run: Run, config: TeachersConfig, poll: Poll) -> NDArray[np.float32]:
    path = run.folder / BASE
    if not path.is_file():
        start = time.process_time()

        def show(update: int, cost: float) -> None:
            poll(update, cost)
            if not config.quiet and update % 500 == 0:
                print(
                    f"base network: {update:,} of {config.base_updates:,} updates, cost {cost:.3f}",
                    file=sys.stderr,
                    flush=True,
                )

        flat = train_base(config.training, config.seed, config.base_updates, show)
        tree = {"parameters": flat, "seconds": time.process_time() - start}
        atomic_write(path, tree_bytes(_BASE_KIND, _BASE_VERSION, tree))
    return _read_base(run.folder)[0]


def _read_base(folder: Path) -> tuple[NDArray[np.float32], float]:
    tree = read_tree(folder / BASE, _BASE_KIND, _BASE_VERSION)
    try:
        return tree["parameters"], float(tree["seconds"])
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{folder / BASE} is corrupt") from error
