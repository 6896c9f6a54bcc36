"""The training job: a teacher, a student and a world, from the first step to the last.

Between two updates of the student everything that defines the future is in a handful of objects: the
student, the copies of the world, the teacher and its log, and the test results. A checkpoint holds
all of it, so a run that is killed and resumed gives the same metrics and weights as one that was
not, but for what is read from the clock: ``time``, ``train/seconds`` and ``train/steps_per_second``
in the metrics.

Lines of ``metrics.jsonl``, twenty per test, have ``step`` (environment steps) and ``time``, and:

==============================  ================================================================
``train/mean_return``           mean undiscounted return of the last 100 training episodes
``train/mean_length``           their mean number of steps
``train/episodes``              training episodes so far
``train/scouted_steps``         steps of those that the student was not to learn from
``train/seconds``               training time so far, tests excluded, over all processes
``train/steps_per_second``      since the line before
``teacher/...``                 the single numbers of the teacher's ``describe()``
``student/...``                 what SB3 logs of its last update (losses, ...)
``test/mastered``               share of the test set mastered, 0 to 1; only after a test
``test/mean_return``            mean return on the test set; only after a test
==============================  ================================================================
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..curricula import make_teacher
from ..curricula.registry import world_settings
from ..errors import InputError
from ..policies.policy import Policy, save_policy
from ..policies.state_file import read_tree, write_tree
from ..runs import MASTERED, MEAN_RETURN, Run
from .config import StudentConfig
from .curriculum import Curriculum
from .job_control import StopRequest
from .play import play_batch
from .progress import Progress
from .students import make_student
from .vec_env import BatchVecEnv
from .world import TEST_SEED, World

POLICY = "policy.safetensors"
"""The policy of the last checkpoint, in the run folder."""
BEST_POLICY = "best_policy.safetensors"
"""The policy that mastered most of the test set (at a tie: the highest mean return)."""

STATE = "state.safetensors"
STATE_KIND = "eyas training state"
STATE_VERSION = 1

_LINES_PER_TEST = 20


@dataclass(frozen=True, kw_only=True)
class CurriculumSettings:
    """What to train with, and how long."""

    teacher: str
    teacher_preset: str
    student: str
    student_config: StudentConfig
    steps: int
    """Environment steps in all, summed over the copies."""
    copies: int
    seed: int
    evaluate_every: int
    """Environment steps between two tests."""
    checkpoint_every: int
    """Environment steps between two checkpoints."""
    quiet: bool = False
    """Show no progress."""


class CurriculumRun:
    """One process's work on a run.

    Args:
        run: opened for writing; goes on from its latest checkpoint, if it has one.
        world: where to train.
        settings: those the run was started with; only ``steps`` may have been raised.

    Raises:
        InputError: a setting cannot be used, or the checkpoint does not fit.
    """

    def __init__(self, run: Run, world: World, settings: CurriculumSettings) -> None:
        torch.set_num_threads(1)
        self.run = run
        self.world = world
        self.settings = settings
        seeds = np.random.SeedSequence(settings.seed).generate_state(3, dtype=np.uint32).tolist()
        self.batch = world.make_batch(settings.copies)
        self.batch.seed(seeds[0])
        self.student = make_student(
            settings.student,
            BatchVecEnv(self.batch),
            settings.student_config,
            total_steps=settings.steps,
            seed=seeds[2],
        )
        teacher = make_teacher(
            settings.teacher,
            world.teacher_space or self.batch.task_space,
            seed=seeds[1],
            preset=settings.teacher_preset,
            **world_settings(settings.teacher, settings.teacher_preset, world.mastered_return),
        )
        self.curriculum = Curriculum(self.batch, teacher, lambda: self.student.steps, world.realise)
        self._test_batch = world.make_batch(len(world.test_tasks))
        self._tests: list[dict[str, Any]] = []
        self._best = (-1.0, -math.inf)
        self._seconds = 0.0
        self._mark = (0, time.monotonic())
        self._saved_step = -1
        self._resume_or_begin()
        if teacher.may_scout or teacher.wants_scores:
            self.student.follow(
                self.curriculum.scouting,
                self.curriculum.tasks,
                teacher.update_score if teacher.wants_scores else None,
            )

    def train(self) -> int | None:
        """Train until all steps are done or a signal comes; saves a checkpoint in either case.

        Returns:
            None if all steps are done, else the number of the signal.
        """
        settings, student = self.settings, self.student
        line_every = max(settings.evaluate_every // _LINES_PER_TEST, 1)
        progress = Progress(self.world.title, settings.steps, student.steps, settings.quiet)
        with StopRequest() as stop, progress:
            if not self._tests:
                self._line(progress, test=True)
            self._mark = (student.steps, time.monotonic())
            while student.steps < settings.steps and stop.signal is None:
                before = student.steps
                student.advance()
                self._check_learning()
                step = student.steps
                done = step >= settings.steps
                test = done or _crossed(before, step, settings.evaluate_every)
                if test or _crossed(before, step, line_every):
                    self._line(progress, test=test)
                else:
                    progress.show(step, {MEAN_RETURN: self.curriculum.mean_of_last()[0]})
                if _crossed(before, step, settings.checkpoint_every):
                    self._save()
            if self._saved_step != student.steps:
                self._save()
        return stop.signal

    def policy(self) -> Policy:
        """The policy as it is now, with its meaning."""
        settings = self.settings
        origin = {
            "run": self.run.record["id"],
            "steps": self.student.steps,
            "seed": settings.seed,
            "student": settings.student,
            "teacher": settings.teacher,
        }
        return self.student.policy({**self.world.description, "origin": origin})

    # One line of metrics ----------------------------------------------------------------------

    def _line(self, progress: Progress, *, test: bool) -> None:
        """Write what there is to say since the last line; ``test`` plays the test set first."""
        step = self.student.steps
        mark_step, seconds = self._mark[0], time.monotonic() - self._mark[1]
        self._seconds += seconds
        mean_return, mean_length = self.curriculum.mean_of_last()
        values: dict[str, Any] = {
            MEAN_RETURN: mean_return,
            "train/mean_length": mean_length,
            "train/episodes": len(self.curriculum.log),
            "train/scouted_steps": self.curriculum.scouted_steps,
            "train/seconds": self._seconds,
        }
        if step > mark_step:
            values["train/steps_per_second"] = (step - mark_step) / max(seconds, 1e-9)
        summary = self.curriculum.teacher.describe()
        for name, value in summary.items():
            if name not in ("teacher", "episodes") and np.ndim(value) == 0:
                values[f"teacher/{name}"] = value
        for name, value in self.student.losses().items():
            values[name.replace("train/", "student/")] = value
        if test:
            values |= self._test(summary)
        self.run.append_metrics(step, values)
        progress.show(step, values)
        self._mark = (step, time.monotonic())  # a test does not count as training time

    def _test(self, summary: Mapping[str, Any]) -> dict[str, float]:
        policy = self.policy()
        played = play_batch(self._test_batch, policy, self.world.test_tasks, seed=TEST_SEED)
        mastered = float((played.returns > self.world.mastered_return).mean())
        mean = float(played.returns.mean())
        self._tests.append(
            {"step": self.student.steps, "returns": played.returns, "teacher": dict(summary)}
        )
        if (mastered, mean) > self._best:
            self._best = (mastered, mean)
            save_policy(self.run.folder / BEST_POLICY, policy)
        return {MASTERED: mastered, "test/mean_return": mean}

    def _check_learning(self) -> None:
        for name, value in self.student.losses().items():
            if name.endswith("loss") and not math.isfinite(value):
                raise InputError(
                    f"the student diverged after {self.student.steps} steps ({name} is {value});"
                    f" learning_rate = {self.settings.student_config.learning_rate:g} should be lower"
                )

    # Checkpoints ------------------------------------------------------------------------------

    def _save(self) -> None:
        step = self.student.steps
        tree = {
            "student": self.student.state_dict(),
            "batch": self.batch.state_dict(),
            "curriculum": self.curriculum.state_dict(),
            "tests": self._tests,
            "best": list(self._best),
            "seconds": self._seconds + time.monotonic() - self._mark[1],
        }

        def write(folder: Path) -> None:
            write_tree(folder / STATE, STATE_KIND, STATE_VERSION, tree)

        self.run.save_checkpoint(step, write)
        save_policy(self.run.folder / POLICY, self.policy())
        self._saved_step = step

    def _resume_or_begin(self) -> None:
        checkpoint = self.run.latest_checkpoint()
        if checkpoint is None:
            self.curriculum.begin()
            self.run.rewind_metrics(-1)
            return
        state = load_training_state(checkpoint.folder)
        try:
            self.student.load_state_dict(state["student"])
            self.batch.load_state_dict(state["batch"])
            self.curriculum.load_state_dict(state["curriculum"])
            self._tests = list(state["tests"])
            self._best = (float(state["best"][0]), float(state["best"][1]))
            self._seconds = float(state["seconds"])
            self._saved_step = checkpoint.step
        except InputError as error:
            raise InputError(f"checkpoint {checkpoint.folder}: {error}") from None
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InputError(
                f"checkpoint {checkpoint.folder} does not fit this run ({error})"
            ) from error
        self.run.rewind_metrics(checkpoint.step)


def load_training_state(folder: Path) -> dict[str, Any]:
    """What a checkpoint folder of a training job holds.

    Raises:
        InputError: it is missing, corrupt or of another version.
    """
    return read_tree(folder / STATE, STATE_KIND, STATE_VERSION)


def _crossed(before: int, after: int, interval: int) -> bool:
    """Whether a multiple of ``interval`` lies in (before, after]."""
    return before // interval != after // interval
