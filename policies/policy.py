"""A policy with its meaning: a network, what it reads, what it commands, how often.

The file is safetensors: the layers' weights and biases and the scaling of observations and actions as
tensors, everything else as JSON in the header. Whoever reads it needs no learner.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..files import atomic_write
from .state_file import read_tree, tree_bytes

KIND = "eyas policy"
VERSION = 1

Array = NDArray[np.float32]
Activation = Literal["tanh", "relu"]
Output = Literal["clip", "tanh"]


@dataclass(frozen=True, kw_only=True)
class Policy:
    """A deterministic feed-forward policy; call it with observations to get actions.

    ``x = clip((observation - observation_mean) / observation_scale, +-observation_clip)``; then
    ``x = activation(weight x + bias)`` for every layer but the last, which has no activation; then
    the action is ``clip(x, action_low, action_high)`` (output ``clip``), or ``tanh(x)`` stretched
    to [action_low, action_high] (output ``tanh``). All arithmetic is float32.
    """

    weights: tuple[Array, ...]
    """One matrix per layer, shape ``(outputs, inputs)``."""
    biases: tuple[Array, ...]
    """One vector per layer, shape ``(outputs,)``."""
    activation: Activation
    output: Output
    observation_mean: Array
    """Shape ``(observation size,)``."""
    observation_scale: Array
    """Shape ``(observation size,)``, above 0."""
    observation_clip: float = math.inf
    """Bound of a scaled observation; infinite where nothing is clipped."""
    action_low: Array
    """Shape ``(action size,)``."""
    action_high: Array
    """Shape ``(action size,)``."""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    """JSON values: the world and its options, the layout of observations and actions with units,
    ``rate_hz`` (decisions per second), and where the policy comes from."""

    def __post_init__(self) -> None:
        if not self.weights or len(self.weights) != len(self.biases):
            raise InputError(
                f"a policy has {len(self.weights)} weight matrices and {len(self.biases)} biases"
            )
        size = len(self.observation_mean)
        for number, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            if weight.ndim != 2 or weight.shape[1] != size or bias.shape != (weight.shape[0],):
                raise InputError(
                    f"policy layer {number} has a weight of shape {weight.shape} and a bias of shape"
                    f" {bias.shape}, which do not fit {size} inputs"
                )
            size = weight.shape[0]
        for name, array, length in (
            ("observation_scale", self.observation_scale, self.observation_size),
            ("action_low", self.action_low, size),
            ("action_high", self.action_high, size),
        ):
            if array.shape != (length,):
                raise InputError(f"policy {name} has shape {array.shape}, expected ({length},)")
        for name, array in self._arrays().items():
            if array.dtype != np.float32 or not np.isfinite(array).all():
                raise InputError(f"policy tensor {name} must be float32 and finite")
        if not (self.observation_scale > 0).all() or not self.observation_clip > 0:
            raise InputError("policy observation_scale and observation_clip must be above 0")
        if self.activation not in ("tanh", "relu") or self.output not in ("clip", "tanh"):
            raise InputError(
                f"policy activation {self.activation!r} must be tanh or relu, output {self.output!r} clip or tanh"
            )

    @property
    def observation_size(self) -> int:
        """Numbers the policy reads."""
        return len(self.observation_mean)

    @property
    def action_size(self) -> int:
        """Numbers the policy commands."""
        return len(self.action_low)

    def __call__(self, observations: Array) -> Array:
        """Actions, shape ``(..., action size)``, for observations, shape ``(..., observation size)``.

        Raises:
            InputError: the observations have another size.
        """
        if observations.shape[-1] != self.observation_size:
            raise InputError(
                f"the policy reads {self.observation_size} numbers, the world gives {observations.shape[-1]}"
            )
        x = (observations - self.observation_mean) / self.observation_scale
        if math.isfinite(self.observation_clip):
            x = np.clip(x, -np.float32(self.observation_clip), np.float32(self.observation_clip))
        last = len(self.weights) - 1
        for number, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            x = x @ weight.T + bias
            if number < last:
                x = np.tanh(x) if self.activation == "tanh" else np.maximum(x, np.float32(0))
        if self.output == "clip":
            return np.asarray(np.clip(x, self.action_low, self.action_high))
        half = np.float32(0.5) * (self.action_high - self.action_low)
        return np.asarray(self.action_low + half * (np.tanh(x) + np.float32(1)))

    def _arrays(self) -> dict[str, Array]:
        arrays = {
            "observation_mean": self.observation_mean,
            "observation_scale": self.observation_scale,
            "action_low": self.action_low,
            "action_high": self.action_high,
        }
        for number, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            arrays[f"layers.{number}.weight"] = weight
            arrays[f"layers.{number}.bias"] = bias
        return arrays


def save_policy(path: Path, policy: Policy) -> None:
    """Write a policy file; it is there in full or not at all."""
    arrays = policy._arrays()
    tree: dict[str, Any] = {
        "layers": [[*weight.shape[::-1]] for weight in policy.weights],
        "activation": policy.activation,
        "output": policy.output,
        "observation_clip": policy.observation_clip if math.isfinite(policy.observation_clip) else None,
        "metadata": dict(policy.metadata),
        **arrays,
    }
    atomic_write(path, tree_bytes(KIND, VERSION, tree))


def load_policy(path: Path | str) -> Policy:
    """Read a policy file.

    Raises:
        InputError: the file is missing, corrupt, of another kind or version.
    """
    path = Path(path)
    tree = read_tree(path, KIND, VERSION)
    try:
        clip = tree["observation_clip"]
        count = len(tree["layers"])
        return Policy(
            weights=tuple(tree[f"layers.{number}.weight"] for number in range(count)),
            biases=tuple(tree[f"layers.{number}.bias"] for number in range(count)),
            activation=tree["activation"],
            output=tree["output"],
            observation_mean=tree["observation_mean"],
            observation_scale=tree["observation_scale"],
            observation_clip=math.inf if clip is None else float(clip),
            action_low=tree["action_low"],
            action_high=tree["action_high"],
            metadata=dict(tree["metadata"]),
        )
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise InputError(f"{path} is corrupt or not a policy file") from error
