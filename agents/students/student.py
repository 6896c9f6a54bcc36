"""What all students share: one of Stable-Baselines3's algorithms, saved without pickle.

SB3 draws from the global generators of torch and numpy; a student seeds both when it is made, and
keeps their states in its own. With one torch thread nothing else in SB3 is random, so a student
that is loaded goes on bit for bit on the same machine. What differs between two equal runs is only
what SB3 reads from the clock (its ``start_time`` and the frames per second computed from it), and
that reaches none of its results.
"""

from __future__ import annotations

import math
import warnings
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.utils import set_random_seed
from stable_baselines3.common.vec_env import VecEnv, VecNormalize
from torch import nn

from ...errors import InputError
from ...policies.policy import Output, Policy
from ..config import StudentConfig
from ..torch_state import load_module, load_optimizer, module_state, optimizer_state
from .rollout import Score

OBSERVATION_CLIP = 10.0
"""Bound of a normalised observation and of a normalised reward (SB3's default)."""

ACTIVATIONS: dict[str, type[nn.Module]] = {"tanh": nn.Tanh, "relu": nn.ReLU}
"""Modules by the name the config knows."""


class Student(ABC):
    """A learner with a batch of copies to learn in.

    Args:
        env: the copies, as :class:`~eyas.agents.vec_env.BatchVecEnv`.
        config: how it learns.
        total_steps: environment steps of the whole run, for the learning-rate schedule.
        seed: 32 bits; seeds the global generators of torch and numpy, from which SB3 draws.
    """

    def __init__(self, env: VecEnv, config: StudentConfig, total_steps: int, seed: int) -> None:
        set_random_seed(seed)
        self.config = config
        self.total_steps = total_steps
        self._env = env
        self._normaliser: VecNormalize | None = None
        if config.normalise_observations or config.normalise_rewards:
            self._normaliser = VecNormalize(
                env,
                norm_obs=config.normalise_observations,
                norm_reward=config.normalise_rewards,
                clip_obs=OBSERVATION_CLIP,
                clip_reward=OBSERVATION_CLIP,
                gamma=config.gamma,
            )
        self._model: Any = None
        with warnings.catch_warnings():
            # A last minibatch smaller than the others is meant.
            warnings.filterwarnings("ignore", message="You have specified a mini-batch size")
            self._model = self._make_model(self._normaliser or env)
        self._model.action_space.seed(seed)
        self._logger = Logger(folder=None, output_formats=[])
        self._model.set_logger(self._logger)

    @abstractmethod
    def _make_model(self, env: VecEnv) -> Any:
        """The SB3 algorithm."""

    @abstractmethod
    def follow(
        self, scouting: NDArray[np.bool_], tasks: NDArray[np.float64], score: Score | None
    ) -> None:
        """Follow a curriculum: do not learn from scouting episodes, score tasks if somebody listens."""

    @property
    @abstractmethod
    def steps_per_advance(self) -> int:
        """Environment steps of one :meth:`advance`."""

    @property
    @abstractmethod
    def _optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """All optimizers, by name."""

    @abstractmethod
    def _actor(self) -> tuple[list[nn.Linear], Output]:
        """The layers of the deterministic policy, first to last, and how it bounds actions."""

    @property
    def steps(self) -> int:
        """Environment steps done so far."""
        return int(self._model.num_timesteps)

    def advance(self) -> None:
        """Collect :attr:`steps_per_advance` steps and learn from them."""
        self._model.learn(self.steps_per_advance, log_interval=None, reset_num_timesteps=False)

    def losses(self) -> dict[str, float]:
        """What SB3 logged of its last update, under SB3's own names (``train/...``)."""
        return {
            name: float(value)
            for name, value in self._logger.name_to_value.items()
            if name.startswith("train/") and name != "train/learning_rate" and value is not None
        } | {"train/learning_rate": self._learning_rate()}

    def policy(self, metadata: Mapping[str, Any]) -> Policy:
        """The deterministic policy as it is now."""
        layers, output = self._actor()
        space = self._model.observation_space
        mean = np.zeros(space.shape, dtype=np.float32)
        scale = np.ones(space.shape, dtype=np.float32)
        clip = math.inf
        if self._normaliser is not None and self.config.normalise_observations:
            moments: Any = self._normaliser.obs_rms
            mean[...] = moments.mean
            scale[...] = np.sqrt(moments.var + self._normaliser.epsilon)
            clip = OBSERVATION_CLIP
        return Policy(
            weights=tuple(layer.weight.detach().numpy().copy() for layer in layers),
            biases=tuple(layer.bias.detach().numpy().copy() for layer in layers),
            activation=self.config.activation,
            output=output,
            observation_mean=mean,
            observation_scale=scale,
            observation_clip=clip,
            action_low=self._model.action_space.low.astype(np.float32),
            action_high=self._model.action_space.high.astype(np.float32),
            metadata=metadata,
        )

    def _learning_rate(self) -> float:
        """Falls linearly from ``learning_rate`` to ``final_learning_rate`` of it."""
        done = 0.0 if self._model is None else min(self.steps / self.total_steps, 1.0)
        return self.config.learning_rate * (1 + done * (self.config.final_learning_rate - 1))

    def _common_arguments(self) -> dict[str, Any]:
        return {
            # SB3 knows only the share of one `learn` call; ours is that of the whole run.
            "learning_rate": lambda _: self._learning_rate(),
            "gamma": self.config.gamma,
            "device": "cpu",
        }

    # Saving -----------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """Everything that defines how learning goes on, between two advances."""
        model = self._model
        return {
            "student": type(self).__name__,
            "steps": self.steps,
            "counters": {"episodes": model._episode_num, "updates": model._n_updates},
            "network": module_state(model.policy),
            "optimizers": {name: optimizer_state(o) for name, o in self._optimizers.items()},
            "last": self._last_arrays(),
            "episode_infos": list(model.ep_info_buffer or []),
            "normaliser": self._normaliser_state(),
            "generators": {
                "torch": torch.get_rng_state().numpy().copy(),
                "numpy": np.random.get_state(legacy=False),  # noqa: NPY002
                "action_space": model.action_space.np_random.bit_generator.state,
            },
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue exactly from :meth:`state_dict`.

        Raises:
            InputError: the state is of another student or another network.
        """
        if state.get("student") != type(self).__name__:
            raise InputError(
                f"the saved student is {state.get('student')}, this run's is {type(self).__name__}"
            )
        model = self._model
        model.num_timesteps = int(state["steps"])
        model._episode_num = int(state["counters"]["episodes"])
        model._n_updates = int(state["counters"]["updates"])
        load_module(model.policy, state["network"])
        for name, optimizer in self._optimizers.items():
            load_optimizer(optimizer, state["optimizers"][name])
        for name, array in state["last"].items():
            setattr(model, name, array)
        model.ep_info_buffer = deque(state["episode_infos"], maxlen=model._stats_window_size)
        model.ep_success_buffer = deque(maxlen=model._stats_window_size)
        self._load_normaliser(state["normaliser"])
        generators = state["generators"]
        torch.set_rng_state(torch.from_numpy(generators["torch"].copy()))
        np.random.set_state(generators["numpy"])  # noqa: NPY002
        model.action_space.np_random.bit_generator.state = generators["action_space"]

    def _last_arrays(self) -> dict[str, NDArray[Any]]:
        """What SB3 remembers of its last step in the environment."""
        names = ("_last_obs", "_last_episode_starts", "_last_original_obs")
        arrays = {name: getattr(self._model, name) for name in names}
        return {name: array.copy() for name, array in arrays.items() if array is not None}

    def _normaliser_state(self) -> dict[str, Any]:
        normaliser = self._normaliser
        if normaliser is None:
            return {}
        state: dict[str, Any] = {"returns": normaliser.returns.copy()}
        for name, moments in self._moments(normaliser):
            state[name] = {
                "mean": np.array(moments.mean),
                "variance": np.array(moments.var),
                "count": float(moments.count),
            }
        return state

    def _load_normaliser(self, state: Mapping[str, Any]) -> None:
        normaliser = self._normaliser
        if normaliser is None:
            return
        normaliser.returns = state["returns"].copy()
        for name, moments in self._moments(normaliser):
            moments.mean = state[name]["mean"].copy()
            moments.var = state[name]["variance"].copy()
            moments.count = state[name]["count"]

    @staticmethod
    def _moments(normaliser: VecNormalize) -> list[tuple[str, Any]]:
        moments: list[tuple[str, Any]] = [("rewards", normaliser.ret_rms)]
        if normaliser.norm_obs:
            moments.append(("observations", normaliser.obs_rms))
        return moments


def linear_layers(network: nn.Module) -> list[nn.Linear]:
    """A network's linear layers, first to last."""
    return [module for module in network.modules() if isinstance(module, nn.Linear)]
