"""A recurrent policy with its meaning: dense, gated recurrent unit, dense; 2,084 numbers by default.

The file is safetensors: the tensors of the network, everything else as JSON in the header. Whoever
reads it needs no learner. Shape and arithmetic are those of RAPTOR's student (rl-tools/raptor,
``src/foundation_policy/post_training``); the unit is PyTorch's ``GRU``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..files import atomic_write
from .state_file import read_tree, tree_bytes

KIND = "eyas recurrent policy"
VERSION = 1

Array = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True, eq=False)
class RecurrentPolicy:
    """A deterministic policy with a memory.

    With the sigmoid ``s``, all in float32::

        x  = max(encoder_weight o + encoder_bias, 0)
        r  = s(weight_input_r x + bias_input_r + weight_hidden_r h + bias_hidden_r)
        z  = s(weight_input_z x + bias_input_z + weight_hidden_z h + bias_hidden_z)
        n  = tanh(weight_input_n x + bias_input_n + r (weight_hidden_n h + bias_hidden_n))
        h' = z h + (1 - z) n
        a  = decoder_weight h' + decoder_bias

    Raises:
        InputError: a tensor has a shape that does not fit the others, is not float32 or not finite.
    """

    encoder_weight: Array
    """Shape ``(encoded, observation size)``."""
    encoder_bias: Array
    """Shape ``(encoded,)``."""
    weight_input: Array
    """Rows of the gates r, z, n, in this order; shape ``(3 hidden, encoded)``."""
    weight_hidden: Array
    """Shape ``(3 hidden, hidden)``, rows as in ``weight_input``."""
    bias_input: Array
    """Shape ``(3 hidden,)``."""
    bias_hidden: Array
    """Shape ``(3 hidden,)``."""
    initial_hidden: Array
    """The memory an episode starts with; shape ``(hidden,)``."""
    decoder_weight: Array
    """Shape ``(action size, hidden)``."""
    decoder_bias: Array
    """Shape ``(action size,)``."""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    """JSON values: the layout of observations with units, the meaning of actions, ``rate_hz``
    (decisions per second), and where the policy comes from."""

    def __post_init__(self) -> None:
        for name, array in self.tensors().items():
            if not isinstance(array, np.ndarray) or array.ndim != (2 if "weight" in name else 1):
                raise InputError(f"recurrent policy {name} must be an array of its documented shape")
            if array.dtype != np.float32 or not np.isfinite(array).all():
                raise InputError(f"recurrent policy {name} must be float32 and finite")
        encoded, observed = self.encoder_weight.shape
        hidden, acted = self.hidden_size, len(self.decoder_bias)
        if min(encoded, observed, hidden, acted) == 0:
            raise InputError("a recurrent policy's sizes must be 1 or more")
        for name, shape in (
            ("encoder_bias", (encoded,)),
            ("weight_input", (3 * hidden, encoded)),
            ("weight_hidden", (3 * hidden, hidden)),
            ("bias_input", (3 * hidden,)),
            ("bias_hidden", (3 * hidden,)),
            ("decoder_weight", (acted, hidden)),
        ):
            given = getattr(self, name).shape
            if given != shape:
                raise InputError(
                    f"recurrent policy {name} has shape {given}, expected {shape} for {observed}"
                    f" observations, {encoded} encoded, {hidden} hidden and {acted} actions"
                )

    @property
    def observation_size(self) -> int:
        """Numbers the policy reads."""
        return int(self.encoder_weight.shape[1])

    @property
    def hidden_size(self) -> int:
        """Numbers it remembers."""
        return len(self.initial_hidden)

    @property
    def action_size(self) -> int:
        """Numbers it commands."""
        return len(self.decoder_bias)

    @property
    def parameter_count(self) -> int:
        """Numbers in all tensors, the initial memory included: 2,084 for 22-16-GRU16-4."""
        return sum(array.size for array in self.tensors().values())

    def initial_state(self, count: int) -> Array:
        """The memory at the start of ``count`` episodes, shape ``(count, hidden)``."""
        return np.tile(self.initial_hidden, (count, 1))

    def step(self, observations: Array, hidden: Array) -> tuple[Array, Array]:
        """Decide once for each of many vehicles.

        Args:
            observations: shape ``(count, observation size)``.
            hidden: the memory, shape ``(count, hidden)``; it is not changed.

        Returns:
            actions, not clipped, of shape ``(count, action size)``, and the new memory.

        Raises:
            InputError: the observations have another size.
        """
        if observations.ndim != 2 or observations.shape[1] != self.observation_size:
            raise InputError(
                f"the policy reads {self.observation_size} numbers per vehicle, it was given an array"
                f" of shape {observations.shape}"
            )
        gates, size = self._gates, self.hidden_size
        encoded = len(self.encoder_bias)
        # Units in rows: every gate is one contiguous block, which halves the time of the arithmetic.
        joined = np.empty((encoded + size + 1, len(observations)), np.float32)
        x, memory = joined[:encoded], joined[encoded:-1]
        np.matmul(self.encoder_weight, observations.T, out=x)
        x += self.encoder_bias[:, None]
        np.maximum(x, np.float32(0), out=x)
        memory[:] = hidden.T
        joined[-1] = 1
        sums = gates @ joined
        switches, candidate, recalled = sums[: 2 * size], sums[2 * size : -size], sums[-size:]
        # The weights of r and z were halved: s(2 y) = (1 + tanh(y)) / 2 cannot overflow.
        np.tanh(switches, out=switches)
        switches += np.float32(1)
        switches *= np.float32(0.5)
        recalled *= switches[:size]
        candidate += recalled
        np.tanh(candidate, out=candidate)
        after = memory - candidate
        after *= switches[size:]
        after += candidate
        actions = self.decoder_weight @ after
        actions += self.decoder_bias[:, None]
        return np.ascontiguousarray(actions.T), after.T

    @cached_property
    def _gates(self) -> Array:
        """One matrix for (x, h, 1): half of r's and z's sums, n's part from x, n's part from h."""
        both, size = 2 * self.hidden_size, self.hidden_size
        zeros = np.zeros
        switches = np.hstack(
            [
                self.weight_input[:both],
                self.weight_hidden[:both],
                (self.bias_input + self.bias_hidden)[:both, None],
            ]
        )
        candidate = np.hstack(
            [
                self.weight_input[both:],
                zeros((size, size), np.float32),
                self.bias_input[both:, None],
            ]
        )
        recalled = np.hstack(
            [
                zeros((size, len(self.encoder_bias)), np.float32),
                self.weight_hidden[both:],
                self.bias_hidden[both:, None],
            ]
        )
        return np.vstack([np.float32(0.5) * switches, candidate, recalled]).astype(np.float32)

    def tensors(self) -> dict[str, Array]:
        """All tensors by name."""
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name != "metadata"}


def save_recurrent_policy(path: Path, policy: RecurrentPolicy) -> None:
    """Write a policy file; it is there in full or not at all."""
    tree = {**policy.tensors(), "metadata": dict(policy.metadata)}
    atomic_write(path, tree_bytes(KIND, VERSION, tree))


def load_recurrent_policy(path: Path | str) -> RecurrentPolicy:
    """Read a policy file.

    Raises:
        InputError: the file is missing, corrupt, of another kind or version.
    """
    path = Path(path)
    tree = read_tree(path, KIND, VERSION)
    try:
        return RecurrentPolicy(**{f.name: tree[f.name] for f in fields(RecurrentPolicy)})
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise InputError(f"{path} is corrupt or no recurrent policy file") from error
