"""One run of a comparison, in a process of its own: ``python -m eyas.agents.compare_run FOLDER CONFIG``.

An ordinary run folder that goes on where it stopped, and at its end ``final.json``: what the last policy
earns on every test task, in two independent sets of episodes.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from ..errors import InputError
from ..files import atomic_write
from ..records import from_json
from ..runs import Run
from .compare_config import CompareRunConfig
from .curriculum_run import CurriculumRun, CurriculumSettings
from .play import play
from .world import TEST_SEED, World
from .worlds import find_world

JOB = "compare"
FINAL = "final.json"
"""Results of the final policy, in the run folder."""


def work(folder: Path, config: CompareRunConfig) -> int:
    """Do or finish one run.

    Returns:
        0 when it is done, 128 + the signal's number when a signal ended it.

    Raises:
        InputError: a setting cannot be used, or the folder holds another run.
    """
    command = [Path(sys.argv[0]).name, *sys.argv[1:]]
    if (folder / "config.json").exists():
        run = Run.open(folder, write=True)
        if run.record["job"] != JOB or run.config_as(CompareRunConfig) != config:
            run.close()
            raise InputError(f"run folder {folder} holds a run with other settings")
        run.note_resume(config, command)
    else:
        run = Run.create(folder, config, command, job=JOB)
    with run, threadpool_limits(1, user_api="blas"):
        world = find_world(config.world, seed=config.seed)
        settings = CurriculumSettings(
            teacher=config.teacher,
            teacher_preset=config.preset,
            student=config.student,
            student_config=config.student_config,
            steps=config.steps,
            copies=config.copies,
            seed=config.seed,
            evaluate_every=config.evaluate_every,
            checkpoint_every=config.evaluate_every,
            quiet=True,
        )
        job = CurriculumRun(run, world, settings)
        signal = job.train()
        if signal is not None:
            return 128 + signal
        write_final(folder, world, job, config.episodes)
        run.finish()
    return 0


def write_final(folder: Path, world: World, job: CurriculumRun, episodes: int) -> None:
    """Play the final policy on the test set and write ``final.json``.

    It has ``mastered``: for each of two sets of episodes the share of mastered ones per test task.
    """
    policy = job.policy()
    tasks = np.repeat(world.test_tasks, episodes, axis=0)
    mastered = []
    for part in range(2):
        played = play(world.make_batch, policy, tasks, seed=TEST_SEED + 1 + part)
        shares = (played.returns > world.mastered_return).reshape(-1, episodes).mean(axis=1)
        mastered.append(shares.tolist())
    atomic_write(folder / FINAL, json.dumps({"mastered": mastered, "episodes": episodes}) + "\n")


if __name__ == "__main__":
    try:
        sys.exit(work(Path(sys.argv[1]), from_json(CompareRunConfig, json.loads(sys.argv[2]))))
    except InputError as error:
        sys.exit(f"error: {error}")
