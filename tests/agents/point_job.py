"""A small training job in the point world, for tests: python point_job.py FOLDER STUDENT STEPS TEACHER.

Starts the run in FOLDER, or goes on with it if there is one.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

from point_world import TASK_SPACE, PointWorld

from eyas.agents.config import StudentConfig
from eyas.agents.curriculum_run import CurriculumRun, CurriculumSettings
from eyas.agents.world import World
from eyas.runs import Run


def point_world(**changes) -> World:
    tasks = TASK_SPACE.sample(np.random.default_rng(4222), 20)
    arguments = {
        "title": "point world",
        "make_batch": PointWorld,
        "test_tasks": tasks,
        "mastered_return": 80.0,
        "showcase": {"easy": TASK_SPACE.low, "hard": TASK_SPACE.high},
        "description": {"world": "point", "rate_hz": 10},
    }
    return World(**(arguments | changes))


def settings(student: str = "ppo", steps: int = 20_000, teacher: str = "alp-gmm", **changes):
    config = {
        "hidden": (16, 16),
        "learning_rate": 3e-3,
        "final_learning_rate": 1.0,
        "gamma": 0.95,
        "minibatch": 256 if student == "ppo" else 32,
        "n_steps": 32,
        "buffer": 3000,
        "learning_starts": 300,
    }
    arguments = {
        "teacher": teacher,
        "teacher_preset": "eyas",
        "student": student,
        "student_config": StudentConfig(**config),
        "steps": steps,
        "copies": 16,
        "seed": 3,
        "evaluate_every": 4000,
        "checkpoint_every": 2000,
        "quiet": True,
    }
    return CurriculumSettings(**(arguments | changes))


def work(folder: Path, job: CurriculumSettings) -> int | None:
    if (folder / "config.json").exists():
        run = Run.open(folder, write=True)
    else:
        run = Run.create(folder, job, ["point_job"], job="train point")
    with run:
        return CurriculumRun(run, point_world(), job).train()


if __name__ == "__main__":
    folder, student, steps, teacher = sys.argv[1:]
    work(Path(folder), settings(student, int(steps), teacher))
