"""On-policy meta-imitation: one recurrent student learns from the teachers of many vehicles.

Every epoch the student (at the start the teachers) flies the teachers' vehicles; every visited state is
labelled with what the vehicle's own teacher would do; the student is unrolled over the recorded rows
and takes steps of Adam on the squared error. Nothing is kept from epoch to epoch. This is the
post-training of RAPTOR (Eschmann et al., "RAPTOR: A Foundation Policy for Quadrotor Control";
rl-tools/raptor, ``src/foundation_policy/post_training``).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...envs.jit import announced
from ...envs.quadrotor.lanes import block_count
from ...errors import InputError
from ...policies.quadrotor_metadata import describe
from ...policies.recurrent_policy import RecurrentPolicy, save_recurrent_policy
from ...policies.state_file import read_tree, write_tree
from ...runs import Run
from ..job_control import StopRequest
from . import imitation_flight
from .airframe_curriculum import AirframeCurriculum
from .gradient import POLICY, to_policy, to_vector
from .imitation_config import Recipe
from .imitation_data import Packing, fill_batch, pack_rows
from .imitation_flight import RECORDED, empty_flight_space, empty_flights, fly_and_record
from .imitation_start import blocks_needed, flight_rules, place, vehicles_of
from .lane_network import initial_parameters, layout
from .lane_teacher import pack_teachers
from .sequence import empty_batch, empty_workspace, learn
from .teacher_set import Teachers

STATE = "state.safetensors"
STATE_KIND = "eyas quadrotor imitation state"
STATE_VERSION = 1
STEPS = 500
"""Steps of an episode at most, and of a row."""

_BETA_1, _BETA_2, _EPSILON = 0.9, 0.999, 1e-7
_CHECKPOINT_SECONDS = 60.0
_LINE_SECONDS = 5.0

Array = NDArray[np.float32]


class ImitationTraining:
    """One process's work on an imitation.

    Args:
        run: opened for writing; goes on from its latest checkpoint, if it has one.
        recipe: how to imitate.
        teachers: whom; all of them, see ``Recipe.teacher_count`` for what a run uses.
        seed: where all random numbers come from.
        threads: cores.
        start: a policy to start from instead of random weights; ignored on resuming.
        quiet: print nothing.
    """

    def __init__(
        self,
        run: Run,
        recipe: Recipe,
        teachers: Teachers,
        *,
        seed: int,
        threads: int = 1,
        start: RecurrentPolicy | None = None,
        quiet: bool = False,
    ) -> None:
        self.run, self.recipe, self.teachers = run, recipe, teachers
        self.seed, self.quiet = seed, quiet
        self.at = layout(recipe.hidden)
        self.parameters = initial_parameters(recipe.hidden, np.random.default_rng([seed, 0]))
        if start is not None:
            self.parameters = to_vector(start)
            if len(self.parameters) != self.at.size:
                raise InputError(
                    f"the policy to start from has {start.hidden_size} hidden units, hidden is"
                    f" {recipe.hidden}"
                )
        self.average = self.parameters.copy()
        self.best = self.parameters.copy()
        self.best_return = -math.inf
        self.moment_1, self.moment_2 = np.zeros(self.at.size), np.zeros(self.at.size)
        self.epochs = self.updates = self.steps = 0
        self.seconds = 0.0
        self.curriculum: AirframeCurriculum | None = None
        if recipe.curriculum != "none":
            self.curriculum = AirframeCurriculum(recipe.curriculum, seed)
            self.curriculum.offer(teachers.airframes)
        self._teachers_per_epoch = recipe.teachers_per_epoch or len(teachers)
        self._weights, self._vehicles = pack_teachers(teachers), vehicles_of(teachers)
        self._rules = flight_rules(recipe)
        blocks = blocks_needed(recipe, self._teachers_per_epoch)
        slots = max(step for step, share in enumerate(recipe.delay) if share > 0)
        self._flights = empty_flights(blocks, recipe.hidden, slots)
        episodes = self._teachers_per_epoch * recipe.episodes
        self._data = np.empty((episodes, STEPS, RECORDED), np.float32)
        self._batch = empty_batch(block_count(recipe.rows), STEPS)
        self._gradients = np.zeros((len(self._batch.inputs), self.at.size), np.float32)
        self._losses = np.zeros(len(self._batch.inputs))
        self._threads = threads
        self._spaces = [empty_flight_space(recipe.hidden) for _ in range(threads)]
        self._works = [empty_workspace(STEPS, recipe.hidden) for _ in range(threads)]
        self._executor = ThreadPoolExecutor(threads - 1) if threads > 1 else None
        with announced("flights and learning of an imitation", Path(imitation_flight.__file__)):
            self._fly(by_teacher=False, blocks=0)
            self._learn_batch(blocks=0)
        self._resume_or_begin()

    def train(self) -> int | None:
        """Train until all epochs are done or a signal comes; saves a checkpoint in either case.

        Returns:
            None if all epochs are done, else the number of the signal.
        """
        saved = self.epochs
        mark = last_save = last_line = time.monotonic()
        with StopRequest() as stop:
            while self.epochs < self.recipe.epochs and stop.signal is None:
                steps = self.steps
                values = self.epoch()
                now = time.monotonic()
                self.seconds += now - mark
                values |= {
                    "train/seconds": self.seconds,
                    "train/steps_per_second": (self.steps - steps) / max(now - mark, 1e-9),
                }
                mark = now
                self.run.append_metrics(self.steps, values)
                last = self.epochs == self.recipe.epochs
                if not self.quiet and (last or now - last_line > _LINE_SECONDS):
                    self._print(values)
                    last_line = now
                if now - last_save > _CHECKPOINT_SECONDS:
                    self.save()
                    saved, last_save = self.epochs, time.monotonic()
            if saved != self.epochs:
                self.save()
        return stop.signal

    def epoch(self) -> dict[str, float]:
        """Fly, label, learn.

        Returns:
            What there is to be said about it, by the names of the metrics.
        """
        recipe = self.recipe
        rng = np.random.default_rng([self.seed, 1, self.epochs])
        by_teacher = self.epochs < recipe.cloning_epochs
        chosen = self._choose(rng)
        initial = self.parameters[self.at.initial_hidden :]
        place(self._flights, chosen, self._vehicles, self.teachers.offsets, initial, recipe, rng)
        self._fly(by_teacher, len(self._flights.blocks))
        used = self._flights.records >= 0
        returns, lengths = self._flights.returns[used], self._flights.lengths[used].astype(np.int64)
        mean_return = float(returns.mean(dtype=np.float64))
        if not by_teacher:
            if mean_return > self.best_return:
                self.best_return, self.best = mean_return, self.parameters.copy()
            if self.curriculum is not None:
                means = returns.reshape(len(chosen), -1).mean(axis=1, dtype=np.float64)
                self.curriculum.report(self.curriculum.tasks[chosen], means)
        loss = self._learn(
            pack_rows(lengths, rng.permutation(len(lengths)), STEPS, straddle=recipe.straddle), rng
        )
        self.epochs += 1
        self.steps += int(lengths.sum())
        return {
            "train/loss": loss,
            "train/return": mean_return,
            "train/length": float(lengths.mean()),
            "train/terminated": float((lengths < STEPS).mean()),
            "train/by_teacher": float(by_teacher),
            "train/epoch": float(self.epochs),
            "train/updates": float(self.updates),
            "train/learning_rate": self._learning_rate(),
        }

    def policy(self) -> RecurrentPolicy:
        """The student the recipe keeps: the average of the latest weights, or those that flew best."""
        kept = self.average if self.recipe.averaging else self.best
        git = self.run.record.get("git") or {}
        metadata = describe(
            command=" ".join(self.run.record["command"]), revision=str(git.get("revision", "unknown"))
        )
        origin = {"run": self.run.record["id"], "steps": self.steps, "seed": self.seed}
        return to_policy(kept, self.at, metadata | {"origin": origin})

    # An epoch ---------------------------------------------------------------------------------

    def _choose(self, rng: np.random.Generator) -> NDArray[np.int64]:
        """The teachers whose vehicles fly."""
        count, there = self._teachers_per_epoch, len(self.teachers)
        if self.curriculum is not None:
            return self.curriculum.choose(count)
        # Everybody as often as possible before anybody once more.
        rounds = [rng.permutation(there) for _ in range(-(-count // there))]
        return np.concatenate(rounds)[:count]

    def _fly(self, by_teacher: bool, blocks: int) -> None:
        def share(thread: int) -> None:
            fly_and_record(
                self.parameters,
                self.at,
                self._weights,
                self._flights,
                shares[thread],
                STEPS,
                by_teacher,
                self.recipe.errors,
                self.recipe.noise > 0,
                self._rules,
                self._spaces[thread],
                self._data,
            )

        shares = np.array_split(np.arange(blocks), self._threads)
        self._side_by_side(share)

    def _learn(self, packing: Packing, rng: np.random.Generator) -> float:
        """Steps of Adam over all rows; returns the mean squared error before them."""
        recipe, rows = self.recipe, len(packing.episodes)
        batches = max(1, rows // recipe.rows)
        losses = []
        for _ in range(recipe.passes):
            order = rng.permutation(rows)
            for number in range(batches):
                # What is left over is dropped, unless it is all there is.
                some = order[number * recipe.rows : (number + 1) * recipe.rows]
                losses.append(self._learn_rows(packing, some))
        return float(np.mean(losses[:batches]))

    def _learn_rows(self, packing: Packing, rows: NDArray[np.int64]) -> float:
        fill_batch(self._data, packing, rows, self._batch)
        self._learn_batch(len(self._batch.inputs))
        numbers = 4 * float(self._batch.weights.sum(dtype=np.float64))
        if numbers:
            self._step(self._gradients.sum(axis=0, dtype=np.float64) / numbers)
        return float(self._losses.sum()) / max(numbers, 1.0)

    def _learn_batch(self, blocks: int) -> None:
        def share(thread: int) -> None:
            learn(
                self.parameters,
                self.at,
                self._batch,
                shares[thread],
                self._works[thread],
                self._gradients,
                self._losses,
            )

        shares = np.array_split(np.arange(blocks), self._threads)
        self._side_by_side(share)

    def _side_by_side(self, share: Callable[[int], None]) -> None:
        others = [
            self._executor.submit(share, thread)
            for thread in range(1, self._threads)
            if self._executor is not None
        ]
        share(0)
        for other in others:
            other.result()

    def _learning_rate(self) -> float:
        recipe = self.recipe
        done = min(1.0, self.epochs / recipe.epochs)
        least = recipe.final_learning_rate
        return recipe.learning_rate * (least + (1 - least) * 0.5 * (1 + math.cos(math.pi * done)))

    def _step(self, gradient: NDArray[np.float64]) -> None:
        recipe = self.recipe
        if not recipe.learn_memory:
            gradient[self.at.initial_hidden :] = 0
        norm = float(np.linalg.norm(gradient))
        if not math.isfinite(norm):
            raise InputError(f"imitation diverged after {self.updates} updates")
        if recipe.gradient_clip:
            gradient = gradient * min(1.0, recipe.gradient_clip / max(norm, 1e-12))
        self.updates += 1
        self.moment_1 += (1 - _BETA_1) * (gradient - self.moment_1)
        self.moment_2 += (1 - _BETA_2) * (gradient * gradient - self.moment_2)
        first = self.moment_1 / (1 - _BETA_1**self.updates)
        second = self.moment_2 / (1 - _BETA_2**self.updates)
        rate = self._learning_rate()
        self.parameters -= (rate * first / (np.sqrt(second) + _EPSILON)).astype(np.float32)
        keep = min(recipe.averaging, (1 + self.updates) / (10 + self.updates))
        self.average += np.float32(1 - keep) * (self.parameters - self.average)

    # Files ------------------------------------------------------------------------------------

    def _print(self, values: dict[str, float]) -> None:
        who = "teachers" if values["train/by_teacher"] else "student"
        print(
            f"{100 * self.epochs / self.recipe.epochs:5.1f} %  epoch {self.epochs:5d}"
            f"  loss {values['train/loss']:.4f}  {who}: return {values['train/return']:7.1f}"
            f"  terminated {100 * values['train/terminated']:6.2f} %"
            f"  {values['train/steps_per_second'] / 1e6:.2f} M steps/s",
            flush=True,
        )

    def save(self) -> None:
        """Write a checkpoint and the policy."""
        tree: dict[str, Any] = {
            "parameters": self.parameters,
            "average": self.average,
            "best": self.best,
            "best_return": self.best_return if math.isfinite(self.best_return) else None,
            "moment_1": self.moment_1,
            "moment_2": self.moment_2,
            "epochs": self.epochs,
            "updates": self.updates,
            "steps": self.steps,
            "seconds": self.seconds,
            "curriculum": None if self.curriculum is None else self.curriculum.teacher.state_dict(),
        }

        def write(folder: Path) -> None:
            write_tree(folder / STATE, STATE_KIND, STATE_VERSION, tree)

        self.run.save_checkpoint(self.steps, write)
        save_recurrent_policy(self.run.folder / POLICY, self.policy())

    def _resume_or_begin(self) -> None:
        checkpoint = self.run.latest_checkpoint()
        if checkpoint is None:
            self.run.rewind_metrics(-1)
            return
        tree = read_tree(checkpoint.folder / STATE, STATE_KIND, STATE_VERSION)
        try:
            self.parameters, self.average, self.best = (
                tree[name] for name in ("parameters", "average", "best")
            )
            best = tree["best_return"]
            self.best_return = -math.inf if best is None else float(best)
            self.moment_1, self.moment_2 = tree["moment_1"], tree["moment_2"]
            self.epochs, self.updates = int(tree["epochs"]), int(tree["updates"])
            self.steps, self.seconds = int(tree["steps"]), float(tree["seconds"])
            if self.curriculum is not None:
                self.curriculum.teacher.load_state_dict(tree["curriculum"])
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InputError(
                f"checkpoint {checkpoint.folder} does not fit this run ({error})"
            ) from error
        self.run.rewind_metrics(checkpoint.step)
