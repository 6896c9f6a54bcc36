"""Training by gradients: the policy's derivative comes through the dynamics themselves.

A fleet of vehicles flies windows of some steps; every window yields the exact derivative of its cost
(see :mod:`~.window`) and one step of Adam. There are no teachers and there is no critic: the cost of a
window ends with it, but the state and the policy's memory go on into the next one.
"""

from __future__ import annotations

import json
import math
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...envs.jit import announced
from ...envs.quadrotor.lanes import LANES
from ...errors import InputError
from ...policies.recurrent_policy import RecurrentPolicy, save_recurrent_policy
from ...policies.state_file import read_tree, write_tree
from ...runs import Run
from ..job_control import StopRequest
from . import window
from .airframe_curriculum import FleetCurriculum
from .cost import CostWeights
from .fleet import empty_fleet, empty_tape
from .gradient_config import GradientConfig
from .lane_network import INPUT_ROWS, OBSERVATIONS, Layout, initial_parameters, layout
from .scenarios import begin, draw_pool
from .window import fly_window

POLICY = "policy.safetensors"
STATE = "state.safetensors"
STATE_KIND = "eyas quadrotor gradient training state"
STATE_VERSION = 1

_NOISE_TABLE = 1 << 20
_BETA_1, _BETA_2, _EPSILON = 0.9, 0.999, 1e-8

Array = NDArray[np.float32]


class GradientTraining:
    """One process's work on a training run.

    Args:
        run: opened for writing; goes on from its latest checkpoint, if it has one.
        config: the run's.
        start: a policy to start from instead of random weights; ignored on resuming.
    """

    def __init__(self, run: Run, config: GradientConfig, start: RecurrentPolicy | None = None) -> None:
        self.run, self.config = run, config
        self.at = layout(config.hidden)
        self.blocks = config.vehicles // LANES
        self.rng = np.random.default_rng(config.seed)
        self.parameters = initial_parameters(config.hidden, self.rng)
        if start is not None:
            self.parameters = to_vector(start)
            if len(self.parameters) != self.at.size:
                raise InputError(
                    f"the policy to start from has {start.hidden_size} hidden units, hidden is"
                    f" {config.hidden}"
                )
        self.average = self.parameters.copy()
        self.moment_1 = np.zeros(self.at.size)
        self.moment_2 = np.zeros(self.at.size)
        self.updates = 0
        self.seconds = 0.0
        self.fleet = empty_fleet(self.blocks, config.hidden)
        self.left = np.zeros(config.vehicles, np.int64)
        self.members = np.zeros(config.vehicles, np.int64)
        self.curriculum: FleetCurriculum | None = None
        if config.curriculum != "none":
            self.curriculum = FleetCurriculum(config.curriculum, config.vehicles, config.seed)
        # The table is read at random places; drawing anew for every number would cost more than flying.
        self._noise = np.random.default_rng(0).standard_normal(_NOISE_TABLE).astype(np.float32)
        self._weights = CostWeights(
            **{name: np.float32(getattr(config.cost, name)) for name in CostWeights._fields}
        )
        self._gradients = np.zeros((self.blocks, self.at.size), np.float32)
        threads = min(config.threads, self.blocks)
        self._shares = np.array_split(np.arange(self.blocks), threads)
        self._tapes = [empty_tape(config.horizon, config.hidden) for _ in range(threads)]
        self._executor = ThreadPoolExecutor(threads - 1) if threads > 1 else None
        self._pool_number = -1
        with announced("flight of a window and its adjoint", Path(window.__file__)):
            self._compile()
        self._resume_or_begin()

    def _compile(self) -> None:
        """Call the kernel for no blocks, so that compilation happens here."""
        shares, self._shares = self._shares, [np.arange(0)]
        self._fly(np.zeros((self.blocks, self.config.horizon), np.int64))
        self._shares = shares

    @property
    def steps(self) -> int:
        """Steps of a vehicle so far, summed over the vehicles."""
        return self.updates * self.config.vehicles * self.config.horizon

    def train(self) -> int | None:
        """Train until all steps are done or a signal comes; saves a checkpoint in either case.

        Returns:
            None if all steps are done, else the number of the signal.
        """
        config = self.config
        total = config.updates
        sums, saved, mark = np.zeros(3), self.updates, time.monotonic()
        last_save = time.monotonic()
        with StopRequest() as stop:
            while self.updates < total and stop.signal is None:
                sums += self.update()
                if self.updates % config.log_every == 0 or self.updates == total:
                    now = time.monotonic()
                    self.seconds += now - mark
                    count = (self.updates - 1) % config.log_every + 1
                    self._line(sums / count, count, now - mark)
                    sums, mark = np.zeros(3), now
                if time.monotonic() - last_save > config.checkpoint_seconds:
                    self.save()
                    saved, last_save = self.updates, time.monotonic()
            self.seconds += time.monotonic() - mark
            if saved != self.updates:
                self.save()
        return stop.signal

    def update(self) -> NDArray[np.float64]:
        """Fly one window and take one step of Adam.

        Returns:
            Mean cost per step, share of vehicles that got out of hand, norm of the gradient.
        """
        config = self.config
        self._begin_scenarios()
        reach = _NOISE_TABLE - 18 * LANES
        offsets = self.rng.integers(0, reach, (self.blocks, config.horizon))
        self._fly(offsets)
        if self.curriculum is not None:
            self.curriculum.tell(self.fleet.costs)
        self.left -= config.horizon
        lost = self.fleet.lost.ravel() > 0
        self.left[lost] = 0
        gradient = self._gradients.sum(axis=0, dtype=np.float64) / (config.vehicles * config.horizon)
        norm = float(np.linalg.norm(gradient))
        if not math.isfinite(norm):
            raise InputError(f"training diverged after {self.updates} updates")
        self._adam(gradient * min(1.0, config.gradient_clip / max(norm, 1e-12)))
        return np.array([self.fleet.costs.mean(dtype=np.float64), lost.mean(), norm])

    def policy(self) -> RecurrentPolicy:
        """The average of the latest weights, as a policy."""
        from ...policies.quadrotor_metadata import describe

        git = self.run.record.get("git") or {}
        metadata = describe(
            command=" ".join(self.run.record["command"]), revision=str(git.get("revision", "unknown"))
        )
        origin = {"run": self.run.record["id"], "steps": self.steps, "seed": self.config.seed}
        return to_policy(self.average, self.at, metadata | {"origin": origin})

    # One update -------------------------------------------------------------------------------

    def _begin_scenarios(self) -> None:
        number = self.updates // self.config.pool_updates
        if number != self._pool_number:
            self._draw_pool(number)
        ended = np.flatnonzero(self.left <= 0)
        if not ended.size:
            return
        if self.curriculum is not None:
            members = self.curriculum.choose(ended)
        else:
            members = self._pool.draw(self.rng, ended.size)
        self.members[ended] = members
        hidden = self.parameters[self.at.initial_hidden :]
        self.left[ended] = begin(
            self.fleet, ended, self._pool, members, hidden, self.config.scenarios, self.rng
        )

    def _draw_pool(self, number: int) -> None:
        rng = np.random.default_rng([self.config.seed, number])
        self._pool = draw_pool(rng, self.config.pool, self.config.scenarios)
        if self.curriculum is not None:
            self.curriculum.offer(self._pool.airframes)
        self._pool_number = number

    def _fly(self, offsets: NDArray[np.int64]) -> None:
        def share(thread: int) -> None:
            fly_window(
                self.parameters,
                self.at,
                self.fleet,
                self._shares[thread],
                self.config.horizon,
                self._noise,
                offsets,
                self._weights,
                self._tapes[thread],
                self._gradients,
            )

        others = [
            self._executor.submit(share, thread)
            for thread in range(1, len(self._shares))
            if self._executor is not None
        ]
        share(0)
        for other in others:
            other.result()

    def _learning_rate(self) -> float:
        config = self.config
        done = self.updates / config.updates
        warm = min(1.0, (self.updates + 1) / config.warm_up)
        falling = config.final_learning_rate + (1 - config.final_learning_rate) * 0.5 * (
            1 + math.cos(math.pi * done)
        )
        return config.learning_rate * warm * falling

    def _adam(self, gradient: NDArray[np.float64]) -> None:
        rate = self._learning_rate()
        self.updates += 1
        self.moment_1 += (1 - _BETA_1) * (gradient - self.moment_1)
        self.moment_2 += (1 - _BETA_2) * (gradient * gradient - self.moment_2)
        first = self.moment_1 / (1 - _BETA_1**self.updates)
        second = self.moment_2 / (1 - _BETA_2**self.updates)
        self.parameters -= (rate * first / (np.sqrt(second) + _EPSILON)).astype(np.float32)
        keep = min(self.config.averaging, (1 + self.updates) / (10 + self.updates))
        self.average += np.float32(1 - keep) * (self.parameters - self.average)

    # Files ------------------------------------------------------------------------------------

    def _line(self, means: NDArray[np.float64], updates: int, seconds: float) -> None:
        rate = updates * self.config.vehicles * self.config.horizon / max(seconds, 1e-9)
        values = {
            "train/cost": means[0],
            "train/lost": means[1],
            "train/gradient_norm": means[2],
            "train/learning_rate": self._learning_rate(),
            "train/seconds": self.seconds,
            "train/steps_per_second": rate,
        }
        self.run.append_metrics(self.steps, values)
        if not self.config.quiet:
            done = 100 * self.updates / self.config.updates
            print(
                f"{done:5.1f} %  {self.steps / 1e6:10,.0f} M steps  cost {means[0]:.4f}"
                f"  lost {100 * means[1]:.3f} %  {rate / 1e6:.2f} M steps/s",
                flush=True,
            )

    def save(self) -> None:
        """Write a checkpoint and the policy."""
        tree = {
            "parameters": self.parameters,
            "average": self.average,
            "moment_1": self.moment_1,
            "moment_2": self.moment_2,
            "updates": self.updates,
            "seconds": self.seconds,
            "left": self.left,
            "members": self.members,
            "curriculum": None if self.curriculum is None else self.curriculum.state_dict(),
            "fleet": self.fleet._asdict(),
            "random": json.dumps(self.rng.bit_generator.state),
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
            self.parameters, self.average = tree["parameters"], tree["average"]
            self.moment_1, self.moment_2 = tree["moment_1"], tree["moment_2"]
            self.updates, self.seconds = int(tree["updates"]), float(tree["seconds"])
            self.left, self.members = tree["left"], tree["members"]
            if self.curriculum is not None:
                self.curriculum.load_state_dict(tree["curriculum"])
            for name, blocks in self.fleet._asdict().items():
                blocks[:] = tree["fleet"][name]
            self.rng.bit_generator.state = json.loads(tree["random"])
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InputError(
                f"checkpoint {checkpoint.folder} does not fit this run ({error})"
            ) from error
        self.run.rewind_metrics(checkpoint.step)


def to_policy(vector: Array, at: Layout, metadata: dict[str, Any]) -> RecurrentPolicy:
    """A flat vector of parameters as a policy."""
    hidden = at.hidden

    def part(start: int, *shape: int) -> Array:
        return vector[start : start + math.prod(shape)].reshape(shape).copy()

    return RecurrentPolicy(
        encoder_weight=np.ascontiguousarray(
            part(at.input_weight, hidden, INPUT_ROWS)[:, :OBSERVATIONS]
        ),
        encoder_bias=part(at.input_bias, hidden),
        weight_input=part(at.recurrent_input, 3 * hidden, hidden),
        weight_hidden=part(at.recurrent_hidden, 3 * hidden, hidden),
        bias_input=part(at.recurrent_input_bias, 3 * hidden),
        bias_hidden=part(at.recurrent_hidden_bias, 3 * hidden),
        initial_hidden=part(at.initial_hidden, hidden),
        decoder_weight=part(at.output_weight, 4, hidden),
        decoder_bias=part(at.output_bias, 4),
        metadata=metadata,
    )


def to_vector(policy: RecurrentPolicy) -> Array:
    """A policy's parameters as a flat vector.

    Raises:
        InputError: the policy is not of the kind that is trained here.
    """
    hidden = policy.hidden_size
    if (policy.observation_size, policy.action_size, len(policy.encoder_bias)) != (22, 4, hidden):
        raise InputError(
            f"the policy has {policy.observation_size} observations, {len(policy.encoder_bias)} encoded,"
            f" {hidden} hidden and {policy.action_size} actions; expected 22, as many encoded as hidden, 4"
        )
    weight = np.zeros((hidden, INPUT_ROWS), np.float32)
    weight[:, :OBSERVATIONS] = policy.encoder_weight
    parts = (
        weight,
        policy.encoder_bias,
        policy.weight_input,
        policy.weight_hidden,
        policy.bias_input,
        policy.bias_hidden,
        policy.decoder_weight,
        policy.decoder_bias,
        policy.initial_hidden,
    )
    return np.concatenate([part.ravel() for part in parts]).astype(np.float32)
