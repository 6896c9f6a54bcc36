"""Training of the goal-conditioned policy: off-policy, through a learned model of the op-amp.

A round: a teacher chooses specifications, the policy tries designs for them, the simulator measures these.
All designs so far teach a network the metrics from the sizes. Then the policy climbs: from states of the
replay (a design, its metrics as simulated, the specification) it proposes the next design, whose metrics
are what the model predicts there plus the model's error at the design it comes from; the shortfall of
these from the limits has gradients towards the policy's weights. So it learns to use what was simulated.
"""

from __future__ import annotations

import itertools
import json
import math
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ...curricula import make_teacher
from ...errors import InputError
from ...policies.state_file import read_tree, write_tree
from ...records import from_json, to_json
from ...runs import Run
from ..job_control import StopRequest
from .agent_critic import Adam
from .goal_config import TrainGoalsConfig, resumed_config
from .goal_policy import GoalPolicy, policy_inputs, save_goal_policy
from .goal_world import GoalWorld

Array = NDArray[np.float64]

JOB = "train circuit"
POLICY = "policy.safetensors"
STATE = "state.safetensors"
STATE_KIND = "eyas circuit goal training state"
STATE_VERSION = 1

_FIRST = 1024  # random designs that the model starts with
_MODEL_HIDDEN = 96
_BATCH = 256
_RATE = 2e-3  # of Adam at the start; falls linearly
_SPREAD = 0.3  # distance in the unit cube over which the model's error carries over
_OUTSIDE = 1.0  # weight of the square of what a proposal leaves the cube by
_FIRST_PROPOSALS = 0.5  # share of training states at which nothing has been simulated yet
_TEST_GOALS, _TEST_SEED, _TEST_EVERY = 200, 1_000_003, 10  # rounds between tests, which train nothing


class GoalTraining:
    """One process's work on a training run.

    Args:
        run: opened for writing; goes on from its latest checkpoint, if it has one.
        config: the run's.
    """

    def __init__(self, run: Run, config: TrainGoalsConfig) -> None:
        torch.set_num_threads(1)  # the tensors are small
        self.run, self.config = run, config
        self.world = GoalWorld()
        self._rng = np.random.default_rng(config.seed)
        self._teacher = make_teacher(config.teacher, self.world.space, seed=config.seed)
        dimension, metrics = self.world.problem.dimension, len(self.world.spec.metrics)
        hidden = config.hidden
        self._policy = self._layers(self.world.inputs, hidden, hidden, dimension)
        self._policy[-2] *= 0.1
        self._model = self._layers(dimension, _MODEL_HIDDEN, _MODEL_HIDDEN, metrics)
        self.simulations = 0
        self.rounds = 0
        self.seconds = 0.0
        # The replay: designs, their metrics, and the specification they were tried for.
        self._unit = np.empty((0, dimension))
        self._metrics = np.empty((0, metrics))
        self._tasks = np.empty((0, self.world.space.dimension))
        self._resume_or_begin()

    def train(self) -> int | None:
        """Train until all simulations are done or a signal comes; saves a checkpoint in either case.

        Returns:
            None if all is done, else the number of the signal.
        """
        saved, last = self.rounds, time.monotonic()
        with StopRequest() as stop:
            while self.simulations < self.config.simulations and stop.signal is None:
                start = time.monotonic()
                values = self.round()
                self.seconds += time.monotonic() - start
                done = self.simulations >= self.config.simulations
                if self.rounds % _TEST_EVERY == 0 or done:
                    self._line(values)
                if time.monotonic() - last > self.config.checkpoint_seconds:
                    self.save()
                    saved, last = self.rounds, time.monotonic()
            if saved != self.rounds:
                self.save()
        return stop.signal

    def round(self) -> dict[str, float]:
        """One round of trying and learning; returns its metrics."""
        if not self.simulations:
            unit = self._rng.random((_FIRST, self.world.problem.dimension))
            tasks = self.world.space.low + self._rng.random((_FIRST, len(self.world.space.low))) * (
                self.world.space.high - self.world.space.low
            )
            self._remember(unit, self.world.simulate(unit), tasks)
            self._fit_model(20 * self.config.updates)
        reached = self._try()
        model = self._fit_model(self.config.updates)
        policy = self._climb(self.config.updates)
        self.rounds += 1
        return {
            "train/reached": reached,
            "train/model_loss": model,
            "train/policy_loss": policy,
            "train/rounds": self.rounds,
        }

    def policy(self) -> GoalPolicy:
        """The present policy."""
        parts = [part.detach().numpy().copy() for part in self._policy]
        metadata = {
            "simulations": self.simulations,
            "teacher": self.config.teacher,
            "seed": self.config.seed,
            "run": self.run.record["id"],
        }
        return GoalPolicy(tuple(parts[0::2]), tuple(parts[1::2]), metadata)

    # One round --------------------------------------------------------------------------------

    def _try(self) -> float:
        """Let the policy try designs for specifications of the teacher; the share that it reached."""
        config, world = self.config, self.world
        tasks = np.array([self._teacher.sample() for _ in range(config.goals)])
        goals, limits = world.normalised(tasks), world.limits(tasks)
        policy = self.policy()
        unit = np.full((len(tasks), world.problem.dimension), 0.5)
        slack = np.zeros((len(tasks), len(world.spec.metrics)))
        reached, best = np.zeros(len(tasks), bool), np.full(len(tasks), -np.inf)
        for attempt in range(config.attempts):
            rows = np.flatnonzero(~reached)
            if not rows.size:
                break
            simulated = np.full(rows.size, attempt > 0)
            inputs = policy_inputs(goals[rows], simulated, slack[rows], unit[rows])
            noise = config.noise * self._rng.standard_normal((rows.size, unit.shape[1]))
            unit[rows] = np.clip(policy.propose(inputs, unit[rows]) + noise, 0.0, 1.0)
            metrics = world.simulate(unit[rows])
            self._remember(unit[rows], metrics, tasks[rows])
            slack[rows] = world.slack(metrics, limits[rows])
            scores, met = world.rate(metrics, tasks[rows])
            best[rows] = np.maximum(best[rows], scores)
            reached[rows] = met
        for task, rating, met in zip(tasks, best, reached, strict=True):
            self._teacher.update(task, float(np.clip(rating, -1.0, 0.0)) + float(met))
        return float(reached.mean())

    def _remember(self, unit: Array, metrics: Array, tasks: Array) -> None:
        self.simulations += len(unit)
        self._unit = np.concatenate([self._unit, unit])
        self._metrics = np.concatenate([self._metrics, metrics])
        self._tasks = np.concatenate([self._tasks, tasks])

    def _rate(self) -> float:
        return _RATE * max(0.02, 1 - self.simulations / self.config.simulations)

    def _fit_model(self, steps: int) -> float:
        """Teach the model slack from fixed limits, which is the metrics on the scale of the limits."""
        known = np.flatnonzero(np.isfinite(self._metrics).all(axis=1) & (self._metrics > 0)[:, 0])
        reference = self.world.limits(self.world.space.default[None])
        with torch.enable_grad():
            parts = [part.requires_grad_(True) for part in self._model]
            optimizer, total = Adam(parts), 0.0
            for _ in range(steps):
                rows = self._rng.choice(known, _BATCH)
                values = self.world.slack(self._metrics[rows], reference)
                target = torch.tensor(values, dtype=torch.float32)
                predicted = _forward(self._model, self._cube(self._unit[rows]))
                loss = torch.nn.functional.huber_loss(predicted, target)
                optimizer.step(loss, self._rate())
                total += float(loss.detach())
        self._model = [part.detach() for part in parts]
        return total / steps

    def _climb(self, steps: int) -> float:
        """Improve the policy through the model, at states of the replay."""
        world = self.world
        model_reference = world.limits(world.space.default[None])
        parts = [part.requires_grad_(True) for part in self._policy]
        optimizer, total = Adam(parts), 0.0
        for _ in range(steps):
            # Recent states resemble those that the policy gets into now.
            recent = self._rng.random(_BATCH) < 0.5
            last = max(0, len(self._unit) - 8 * self.config.goals)
            rows = np.where(
                recent,
                self._rng.integers(last, len(self._unit), _BATCH),
                self._rng.integers(0, len(self._unit), _BATCH),
            )
            tasks = self._tasks[rows]
            fresh = self._rng.random(_BATCH) < _FIRST_PROPOSALS
            unit = np.where(fresh[:, None], 0.5, self._unit[rows])
            limits, metrics = world.limits(tasks), self._metrics[rows]
            slack = world.slack(metrics, limits)
            inputs = policy_inputs(world.normalised(tasks), ~fresh, slack, unit)
            start = torch.tensor(unit, dtype=torch.float32)
            free = start + _forward(self._policy, torch.tensor(inputs))
            moved = free.clamp(0.0, 1.0)
            predicted = _forward(self._model, 2 * moved - 1)
            # From the model's fixed limits to those of the specification: a shift in logarithms.
            shift = world.slack(model_reference, limits)
            predicted = predicted + torch.tensor(shift, dtype=torch.float32)
            with torch.no_grad():
                error = torch.tensor(slack, dtype=torch.float32) - (
                    _forward(self._model, 2 * start - 1) + torch.tensor(shift, dtype=torch.float32)
                )
                near = torch.exp(-((moved - start) ** 2).sum(dim=1) / (2 * _SPREAD**2))
                usable = torch.isfinite(error).all(dim=1) & torch.tensor(~fresh)
                weight = torch.where(usable, near, torch.zeros_like(near))
                error = torch.nan_to_num(error, nan=0.0, posinf=0.0, neginf=0.0).clamp(-1, 1)
            predicted = predicted + weight[:, None] * error
            shortfall = torch.relu(self.config.margin - predicted)
            outside = ((free - moved) ** 2).sum(dim=1)
            loss = (shortfall.sum(dim=1) + _OUTSIDE * outside).mean()
            optimizer.step(loss, self._rate())
            total += float(loss.detach())
        self._policy = [part.detach() for part in parts]
        return total / steps

    def _cube(self, unit: Array) -> torch.Tensor:
        return torch.tensor(2 * unit - 1, dtype=torch.float32)

    def _layers(self, *sizes: int) -> list[torch.Tensor]:
        parts = []
        for inputs, outputs in itertools.pairwise(sizes):
            weight = self._rng.standard_normal((inputs, outputs)) / math.sqrt(inputs)
            parts += [torch.tensor(weight, dtype=torch.float32), torch.zeros(outputs)]
        return parts

    # Files ------------------------------------------------------------------------------------

    def _line(self, values: dict[str, float]) -> None:
        for drawing in ("autockt", "tight"):
            tasks = self.world.draw(_TEST_GOALS, _TEST_SEED, drawing)
            outcome = self.world.size(self.policy(), tasks, np.random.default_rng(0))
            values[f"test/{drawing}_reached"] = float(outcome.reached.mean())
            values[f"test/{drawing}_simulations"] = float(outcome.simulations.mean())
        values["train/seconds"] = self.seconds
        self.run.append_metrics(self.simulations, values)
        if not self.config.quiet:
            done = min(100.0, 100 * self.simulations / self.config.simulations)
            print(
                f"{done:5.1f} %  {self.simulations:9,} simulations"
                f"  reached {100 * values['test/autockt_reached']:.1f} % in"
                f" {values['test/autockt_simulations']:.2f},"
                f" of the tight ones {100 * values['test/tight_reached']:.1f} %",
                flush=True,
            )

    def save(self) -> None:
        """Write a checkpoint and the policy."""
        tree: dict[str, Any] = {
            "policy": [part.numpy() for part in self._policy],
            "model": [part.numpy() for part in self._model],
            "simulations": self.simulations,
            "rounds": self.rounds,
            "seconds": self.seconds,
            "unit": self._unit,
            "metrics": self._metrics,
            "tasks": self._tasks,
            "teacher": self._teacher.state_dict(),
            "random": json.dumps(self._rng.bit_generator.state),
        }

        def write(folder: Path) -> None:
            write_tree(folder / STATE, STATE_KIND, STATE_VERSION, tree)

        self.run.save_checkpoint(self.simulations, write)
        save_goal_policy(self.run.folder / POLICY, self.policy())

    def _resume_or_begin(self) -> None:
        checkpoint = self.run.latest_checkpoint()
        if checkpoint is None:
            self.run.rewind_metrics(-1)
            return
        tree = read_tree(checkpoint.folder / STATE, STATE_KIND, STATE_VERSION)
        try:
            self._policy = [torch.tensor(part) for part in tree["policy"]]
            self._model = [torch.tensor(part) for part in tree["model"]]
            self.simulations, self.rounds = int(tree["simulations"]), int(tree["rounds"])
            self.seconds = float(tree["seconds"])
            self._unit, self._metrics, self._tasks = tree["unit"], tree["metrics"], tree["tasks"]
            self._teacher.load_state_dict(tree["teacher"])
            self._rng.bit_generator.state = json.loads(tree["random"])
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(
                f"checkpoint {checkpoint.folder} does not fit this run ({error})"
            ) from error
        self.run.rewind_metrics(checkpoint.step)


def train_goals(config: TrainGoalsConfig) -> int:
    """Train a policy that sizes the op-amp for any specification, or go on with a run.

    Writes a run folder with metrics, checkpoints and the policy. SIGINT and SIGTERM end it after the
    current round, with a checkpoint.

    Returns:
        0 when all is done, 128 + the signal's number when a signal ended it.

    Raises:
        InputError: a setting cannot be used; nothing has been written then.
    """
    command = [Path(sys.argv[0]).name, *sys.argv[1:]]
    checked = from_json(TrainGoalsConfig, to_json(config))
    if config.resume is not None:
        with Run.open(config.resume, write=True) as run:
            if run.record["job"] != JOB:
                raise InputError(
                    f"run folder {run.folder} is a {run.record['job']!r} run, expected {JOB!r}"
                )
            going_on = resumed_config(checked, run.config_as(TrainGoalsConfig))
            training = GoalTraining(run, going_on)
            run.note_resume(going_on, command)
            return _work(training)
    folder = checked.out or Path("runs") / f"circuit-{checked.teacher}-{time.strftime('%Y%m%d-%H%M%S')}"
    with Run.create(folder, checked, command, job=JOB) as run:
        return _work(GoalTraining(run, checked))


def _work(training: GoalTraining) -> int:
    signal = training.train()
    if signal is not None:
        print(
            f"Stopped after {training.simulations:,} simulations;"
            f" go on with: eyas train circuit --resume {training.run.folder}"
        )
        return 128 + signal
    print(f"Policy: {training.run.folder / POLICY}")
    training.run.finish()
    return 0


def _forward(parts: list[torch.Tensor], inputs: torch.Tensor) -> torch.Tensor:
    """A network of tanh layers, the last one linear."""
    values = inputs
    for place in range(0, len(parts), 2):
        values = values @ parts[place] + parts[place + 1]
        if place + 2 < len(parts):
            values = torch.tanh(values)
    return values
