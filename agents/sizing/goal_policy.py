"""One policy for every specification of an op-amp: it proposes a sizing and refines what was simulated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError
from ...policies.state_file import read_tree, write_tree

Array = NDArray[np.float64]

KIND = "eyas circuit goal policy"
VERSION = 1
SHIPPED = Path(__file__).parent / "goal_policy.safetensors"
"""The trained policy that comes along."""
SLACK_CLIP = 3.0
"""Distances to limits beyond this (natural logarithms) look alike."""
_LAYERS = ("first", "second", "last")


@dataclass(frozen=True)
class GoalPolicy:
    """A network of two hidden layers, tanh.

    Inputs: the specification's limits (each mapped to -1..1), whether a design has been simulated, how far
    its metrics are on the good side of the limits, and its sizes (-1..1). Outputs: the next sizes less
    these, in the unit cube of the free variables on their logarithmic scale.
    """

    weights: tuple[NDArray[np.float32], ...]
    """Of the three layers, shapes ``(inputs, outputs)``."""
    biases: tuple[NDArray[np.float32], ...]
    metadata: Mapping[str, Any]
    """How it was trained."""

    @property
    def inputs(self) -> int:
        """Length of its input."""
        return len(self.weights[0])

    @property
    def outputs(self) -> int:
        """Number of free variables."""
        return len(self.biases[-1])

    def propose(self, inputs: NDArray[np.float32], unit: Array) -> Array:
        """The next designs, shape ``(n, dimension)``, in the unit cube.

        Args:
            inputs: from :func:`policy_inputs`.
            unit: the present designs.
        """
        hidden = inputs
        for weight, bias in zip(self.weights[:-1], self.biases[:-1], strict=True):
            hidden = np.tanh(hidden @ weight + bias)
        change = hidden @ self.weights[-1] + self.biases[-1]
        return np.clip(unit + change, 0.0, 1.0)


def policy_inputs(
    goals: Array, simulated: NDArray[np.bool_], slack: Array, unit: Array
) -> NDArray[np.float32]:
    """What the policy sees, float32, shape ``(n, inputs)``.

    Args:
        goals: the specification, each coordinate in [0, 1] (beyond it: outside of the training range).
        simulated: whether the design has been simulated, shape ``(n,)``.
        slack: its distances to the limits, positive where they hold, shape ``(n, limits)``; ignored
            where nothing was simulated.
        unit: the designs, shape ``(n, dimension)``.
    """
    shown = np.clip(np.nan_to_num(slack, nan=-SLACK_CLIP), -SLACK_CLIP, SLACK_CLIP)
    shown = np.where(simulated[:, None], shown, 0.0)
    parts = [2 * np.clip(goals, -0.5, 1.5) - 1, simulated[:, None].astype(float), shown, 2 * unit - 1]
    return np.concatenate(parts, axis=1).astype(np.float32)


def save_goal_policy(path: Path, policy: GoalPolicy) -> None:
    """Write a policy as safetensors."""
    tree: dict[str, Any] = {"metadata": dict(policy.metadata)}
    for name, weight, bias in zip(_LAYERS, policy.weights, policy.biases, strict=True):
        tree[name] = {"weight": weight, "bias": bias}
    write_tree(path, KIND, VERSION, tree)


def load_goal_policy(path: Path = SHIPPED) -> GoalPolicy:
    """Read a policy, by default the one that comes along.

    Raises:
        InputError: the file is missing, corrupt or no such policy.
    """
    tree = read_tree(path, KIND, VERSION)
    try:
        weights = tuple(np.asarray(tree[name]["weight"], np.float32) for name in _LAYERS)
        biases = tuple(np.asarray(tree[name]["bias"], np.float32) for name in _LAYERS)
        metadata = dict(tree["metadata"])
        widths = [weight.shape[1] for weight in weights]
        fits = [len(bias) for bias in biases] == widths
        fits = fits and [len(weight) for weight in weights[1:]] == widths[:-1]
    except (KeyError, TypeError, IndexError) as error:
        raise InputError(f"{path} is no goal policy ({error})") from error
    if not fits or not all(np.isfinite(part).all() for part in (*weights, *biases)):
        raise InputError(f"{path} is no goal policy: its layers do not fit or are not finite")
    return GoalPolicy(weights, biases, metadata)
