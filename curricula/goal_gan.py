"""GoalGAN: a generative network makes up tasks of intermediate difficulty."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..envs.tasks import Task, TaskSpace
from ..errors import InputError
from .checks import check_flag, check_integer, check_number
from .goal_gan_network import LeastSquaresGAN
from .state import StateReader
from .success import nearest_rates, success_line
from .teacher import Coordinates, Teacher, TeacherSettings, check_success_return

PRETRAINING_TASKS = 1000
"""Easy tasks that the networks are shown at the start."""
PENDING = 10_000
"""Tasks whose outcomes are waited for, at most; the oldest are given up."""
_PARTICLES = 100


@dataclass(frozen=True, kw_only=True)
class GoalGANSettings(TeacherSettings):
    """Settings of :class:`GoalGAN`; the published values are TeachMyAgent's benchmark, unless said
    otherwise.
    """  # noqa: D205

    noise: float = 0.05
    """Standard deviation added to tasks, as a share of the range (published: 0.1; class: 0.01)."""
    old_ratio: float = 0.1
    """Share of tasks near earlier successes, in [0, 1] (published: 0.1; class: 0.2)."""
    random_ratio: float = 0.1
    """Share of uniform tasks, in [0, 1] (published: 0)."""
    rollouts: int = 1
    """Episodes on every generated task, one after the other (published: 2)."""
    neighbours: int = 4
    """Tasks nearby whose outcomes count with a task's own; 0 for its own alone, which are then more
    than one (published: 0)."""
    rate_low: float = 0.1
    """A task is good if its rate of success is at least this, in [0, 1] (published: 0.25),"""
    rate_high: float = 0.9
    """and at most this; above, it is a success to be kept (published: 0.75)."""
    update_size: int = 100
    """New tasks with a known rate between two trainings (published: 100)."""
    history: int = 300
    """Tasks a training sees, the latest ones (published: the new ones alone)."""
    iterations: int = 60
    """Steps of each network in a training (published: 250)."""
    batch: int = 64
    """Tasks in a step (published: 64)."""
    learning_rate: float = 1e-3
    """Of RMSProp (published: 1e-3)."""
    generator_hidden: int = 64
    """Units in each of two layers (published: 256)."""
    discriminator_hidden: int = 64
    """Units in each of two layers (published: 128)."""
    reach: float = 1.1
    """How far the generator reaches, in half ranges from the middle (published: 2, as its scale is
    twice too large; what leaves the box is moved to its face)."""
    distance: float = 0.01
    """Nearest that two kept successes may be, as a share of the box's diagonal (published: 0.01)."""
    buffer: int = 200
    """Successes kept, the latest ones (published: all; 100,000 here)."""
    success_return: float | None = None
    """Return above which an episode is a success."""
    relative_success: float | None = 0.8
    """Quantile of the latest returns that is enough for a success where hardly any reaches
    ``success_return``, so that there is something to aim at from the start; None asks for the whole
    (published: None)."""
    pretraining: int = 0
    """Steps of each network at the start, on easy tasks (published: 500)."""
    start_mean: tuple[float, ...] | None = None
    """Middle of the easy tasks in task units; None draws it (published: given by an expert)."""
    start_std: float = 0.1
    """Their standard deviation, as a share of the range (published: 0.1)."""
    task_units: bool = False
    """Measure distances in task units (published: True)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("noise", "distance", "start_std"):
            check_number(name, getattr(self, name), 0.0)
        for name in ("old_ratio", "random_ratio", "rate_low", "rate_high"):
            check_number(name, getattr(self, name), 0.0, 1.0)
        if self.old_ratio + self.random_ratio > 1.0:
            raise InputError(
                f"old_ratio + random_ratio = {self.old_ratio + self.random_ratio:g} must be at most 1"
            )
        if self.rate_low > self.rate_high:
            raise InputError(
                f"rate_low = {self.rate_low} must not be above rate_high = {self.rate_high}"
            )
        for name in ("rollouts", "update_size", "iterations", "batch", "buffer"):
            check_integer(name, getattr(self, name), 1)
        for name in ("generator_hidden", "discriminator_hidden"):
            check_integer(name, getattr(self, name), 1, 4096)
        check_integer("neighbours", self.neighbours, 0, self.update_size - 1)
        check_integer("history", self.history, self.update_size)
        check_integer("pretraining", self.pretraining, 0)
        check_number("learning_rate", self.learning_rate, 0.0, exclude_low=True)
        check_number("reach", self.reach, 1.0)
        if self.success_return is not None:
            check_number("success_return", self.success_return)
        if self.relative_success is not None:
            check_number("relative_success", self.relative_success, 0.0, 1.0)
            if self.neighbours == 0:
                raise InputError("relative_success needs neighbours, which is 0")
        if self.start_mean is not None and not isinstance(self.start_mean, tuple):
            raise InputError(f"start_mean = {self.start_mean!r} must be a tuple of numbers or None")
        check_flag("task_units", self.task_units)


class GoalGAN(Teacher):
    """Draws tasks from a generator that is trained towards those that succeed now and then.

    The rate of success of a task is that of its ``rollouts`` episodes, or that of its own and its
    nearest neighbours' episodes. Every ``update_size`` tasks the networks learn which of the latest
    have a rate in [``rate_low``, ``rate_high``]; the generator imitates these.

    Source: Florensa, Held, Geng, Abbeel, "Automatic goal generation for reinforcement learning
    agents" (ICML 2018); TeachMyAgent goal_gan.py after spdl and rllab-curriculum.

    Ours, off in "published": rates from neighbours instead of repetitions (two episodes of one task
    rarely differ), a success that is relative at first, uniform tasks, alone as long as no task is
    good, and a history beyond the last update.
    """

    name = "goal-gan"
    settings_type = GoalGANSettings
    presets: ClassVar[Mapping[str, TeacherSettings]] = {
        "eyas": GoalGANSettings(),
        "published": GoalGANSettings(
            noise=0.1,
            random_ratio=0.0,
            rollouts=2,
            neighbours=0,
            rate_low=0.25,
            rate_high=0.75,
            history=100,
            iterations=250,
            generator_hidden=256,
            discriminator_hidden=128,
            reach=2.0,
            buffer=100_000,
            success_return=230.0,
            relative_success=None,
            pretraining=500,
            task_units=True,
        ),
    }

    def __init__(
        self, task_space: TaskSpace, *, seed: int, settings: TeacherSettings | None = None
    ) -> None:
        super().__init__(task_space, seed=seed, settings=settings)
        own, dimension = self.settings, task_space.dimension
        self._success = self._scaled(check_success_return(self.name, own.success_return))
        self._coordinates = Coordinates(task_space, normalised=True)
        ranges = task_space.high - task_space.low if own.task_units else np.ones(dimension)
        self._diagonals: NDArray[np.float64] = ranges / np.linalg.norm(ranges)
        self._gan = LeastSquaresGAN(
            dimension, own.generator_hidden, own.discriminator_hidden, self._rng
        )
        # Episodes still to come on the task tried now, and outcomes so far of tasks in flight.
        self._again: list[NDArray[np.float64]] = []
        self._pending: dict[bytes, list[float]] = {}
        self._points: NDArray[np.float64] = np.empty((0, dimension))
        self._values: NDArray[np.float64] = np.empty(0)
        self._fresh = 0
        self._successes: NDArray[np.float64] = np.empty((0, dimension))
        self._ready = own.pretraining > 0
        self._good = 0.0
        if own.pretraining:
            points = np.clip(
                self._start()
                + own.start_std * self._rng.standard_normal((PRETRAINING_TASKS, dimension)),
                0.0,
                1.0,
            )
            self._train(points, np.ones(len(points)), own.pretraining)

    def _start(self) -> NDArray[np.float64]:
        given, dimension = self.settings.start_mean, self.task_space.dimension
        if given is None:
            return self._rng.random(dimension)
        if len(given) != dimension:
            raise InputError(
                f"start_mean has {len(given)} numbers, but this world has {dimension} parameters"
            )
        return self._coordinates.from_task(self.task_space.validate(list(given)))

    def _sample(self) -> Task:
        if self._again:
            return self._coordinates.to_task(self._again.pop())
        own, rng = self.settings, self._rng
        dimension = self.task_space.dimension
        choice = rng.random()
        if choice < own.old_ratio and len(self._successes):
            point = self._successes[rng.integers(len(self._successes))]
            point = point + own.noise * rng.standard_normal(dimension)
            return self._coordinates.to_task(np.clip(point, 0.0, 1.0))
        if not self._ready or choice >= 1.0 - own.random_ratio:
            point = rng.random(dimension)
        else:
            noise = rng.standard_normal((1, dimension), dtype=np.float32)
            point = self._made(noise)[0] + own.noise * rng.standard_normal(dimension)
        point = np.clip(point, 0.0, 1.0)
        self._again = [point] * (own.rollouts - 1)
        task = self._coordinates.to_task(point)
        if own.rollouts > 1:
            self._pending.setdefault(self.task_space.clip(task).tobytes(), [])
            if len(self._pending) > PENDING:
                del self._pending[next(iter(self._pending))]
        return task

    def _made(self, noise: NDArray[np.float32]) -> NDArray[np.float64]:
        """What the generator makes of noise, in the unit box or near it, shape ``(n, dimension)``."""
        made: NDArray[np.float64] = 0.5 + 0.5 * self.settings.reach * self._gan.generate(noise).astype(
            np.float64
        )
        return made

    def _update(self, task: Task, return_: float) -> None:
        own = self.settings
        value = return_ if own.neighbours else float(return_ > self._success)
        if own.rollouts > 1:
            outcomes = self._pending.get(key := task.tobytes())
            if outcomes is None:  # near an old success, or not one of ours
                return
            outcomes.append(value)
            if len(outcomes) < own.rollouts:
                return
            del self._pending[key]
            value = float(np.mean(outcomes))
        # Rounded, so that the units of the box make no difference to what is learnt.
        point = np.round(self._coordinates.from_task(task), 9)
        self._points = np.concatenate([self._points, point[None]])[-own.history :]
        self._values = np.append(self._values, value)[-own.history :]
        self._fresh += 1
        if not own.neighbours:
            self._keep(point, value)
        if self._fresh >= own.update_size:
            self._learn()

    def _learn(self) -> None:
        own = self.settings
        rates = self._values
        if own.neighbours:
            line = success_line(self._values, self._success, own.relative_success)
            rates = nearest_rates(self._points, self._values > line, own.neighbours)
            for point, rate in zip(self._points[-self._fresh :], rates[-self._fresh :], strict=True):
                self._keep(point, rate)
        good = (rates >= own.rate_low) & (rates <= own.rate_high)
        self._good = float(good.mean())
        if good.any():
            self._train(self._points, good.astype(np.float64), own.iterations)
        self._ready = bool(good.any()) or own.pretraining > 0
        self._fresh = 0
        if own.history == own.update_size:
            self._points, self._values = self._points[:0], self._values[:0]

    def _train(self, points: NDArray[np.float64], labels: NDArray[np.float64], iterations: int) -> None:
        own = self.settings
        order = self._rng.permutation(len(points))
        self._gan.train(
            ((2.0 * points[order] - 1.0) / own.reach).astype(np.float32),
            labels[order].astype(np.float32),
            iterations=iterations,
            batch=own.batch,
            learning_rate=own.learning_rate,
            rng=self._rng,
        )

    def _keep(self, point: NDArray[np.float64], rate: float) -> None:
        """Keep a task as a success if it is one, and far enough from those kept."""
        own = self.settings
        if rate <= own.rate_high:
            return
        apart = np.linalg.norm((self._successes - point) * self._diagonals, axis=1)
        if not len(apart) or apart.min() > own.distance:
            self._successes = np.concatenate([self._successes, point[None]])[-own.buffer :]

    def describe(self) -> dict[str, Any]:
        """``teacher``, ``episodes``, ``particles``, a hundred tasks of the generator's
        ``(100, dimension)``, ``buffer_tasks``, the successes kept ``(n, dimension)``, and ``good``,
        the share of good tasks at the last training.
        """  # noqa: D205
        noise = np.random.default_rng(0).standard_normal(
            (_PARTICLES, self.task_space.dimension), dtype=np.float32
        )
        return {
            "teacher": self.name,
            "episodes": self.episodes,
            "particles": self._coordinates.to_task(np.clip(self._made(noise), 0.0, 1.0)),
            "buffer_tasks": self._coordinates.to_task(self._successes),
            "good": self._good,
        }

    def _memory(self) -> dict[str, Any]:
        dimension = self.task_space.dimension
        keys = [np.frombuffer(key, dtype=np.float64) for key in self._pending]
        outcomes = [value for values in self._pending.values() for value in values]
        return {
            "again": np.array(self._again, dtype=np.float64).reshape(-1, dimension),
            "pending": np.array(keys, dtype=np.float64).reshape(-1, dimension),
            "heard": np.array([len(values) for values in self._pending.values()], dtype=np.int64),
            "outcomes": np.array(outcomes, dtype=np.float64),
            "points": self._points.copy(),
            "values": self._values.copy(),
            "fresh": self._fresh,
            "successes": self._successes.copy(),
            "ready": int(self._ready),
            "good": self._good,
            "generator": self._gan.generator.memory(),
            "discriminator": self._gan.discriminator.memory(),
        }

    def _remember(self, memory: StateReader) -> None:
        own, dimension = self.settings, self.task_space.dimension
        again = memory.array("again", (None, dimension))
        pending = memory.array("pending", (None, dimension))
        heard = memory.array("heard", (len(pending),), np.int64)
        if (heard < 0).any() or (heard >= own.rollouts).any():
            raise InputError("teacher state: field memory/heard holds more than the rollouts")
        outcomes = memory.array("outcomes", (int(heard.sum()),))
        points = memory.array("points", (None, dimension))
        if len(points) > own.history:
            raise InputError("teacher state: field memory/points holds more than the history")
        values = memory.array("values", (len(points),))
        fresh = memory.integer("fresh", 0, len(points))
        successes = memory.array("successes", (None, dimension))
        if len(successes) > own.buffer:
            raise InputError("teacher state: field memory/successes holds more than the buffer")
        ready = memory.integer("ready", 0, 1)
        check_number("teacher state: field memory/good", good := memory.plain("good"), 0.0, 1.0)
        generator = self._gan.generator.read(memory.level("generator"))
        discriminator = self._gan.discriminator.read(memory.level("discriminator"))
        ends = np.cumsum(heard)
        self._again = list(again)
        self._pending = {
            task.tobytes(): outcomes[end - count : end].tolist()
            for task, count, end in zip(pending, heard, ends, strict=True)
        }
        self._points, self._values, self._fresh = points, values, fresh
        self._successes, self._ready, self._good = successes, bool(ready), float(good)
        self._gan.generator.take(generator)
        self._gan.discriminator.take(discriminator)
