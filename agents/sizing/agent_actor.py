"""The actor: attention over a circuit's components, from an observed design and the spec to a better one."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray

from ...envs.circuit.components import TYPES, components
from ...envs.circuit.problem import SizingProblem
from ...envs.circuit.results import DEVICE_COLUMNS, Results

Array = NDArray[np.float64]

_WIDTH = 32
_HEADS = 2
_LAYERS = 2


def operating_points(results: Results) -> NDArray[np.float32]:
    """What the actor sees of the transistors: decimal logarithms with sign, ``(n, transistors, 20)``.

    Currents, voltages, conductances and capacitances lie decades apart; the logarithms do not, and need
    no statistics of designs that nobody has simulated yet. Zeros where the simulation failed.
    """
    smallest = 1e-18
    devices = np.nan_to_num(results.devices, nan=0.0, posinf=0.0, neginf=0.0)
    magnitude = np.log10(np.maximum(np.abs(devices), smallest) / smallest) / 18
    return np.asarray(np.sign(devices) * magnitude, dtype=np.float32)


class Actor(torch.nn.Module):
    """Proposes a change of the free variables of observed designs.

    Every component is a token of its type, its sizes and (transistors) its operating point; one more token
    holds the metrics and how far they are from the spec's limits. Components attend to those they share
    a net with, and to the token of the spec, which sees them all. Matched components share variables:
    their proposals are averaged.

    Args:
        problem: the circuit.
        metrics: how many numbers describe metrics and spec.
        rng: of the initial weights.
        attention: False leaves attention out: a component then sees itself and the spec alone.
    """

    def __init__(
        self, problem: SizingProblem, metrics: int, rng: np.random.Generator, *, attention: bool = True
    ) -> None:
        super().__init__()
        parts = components(problem.topology, problem.names)
        self._selection = torch.tensor(parts.selection(problem.names), dtype=torch.float32)
        self._kinds = torch.tensor(parts.one_hot)
        rows = [-1 if item.transistor is None else item.transistor for item in parts.items]
        self._transistors = torch.tensor(rows)
        count, dimension = self._selection.shape
        allowed = np.eye(count + 1, dtype=bool)
        allowed[:, count] = True
        if attention:
            allowed[:count, :count] |= parts.adjacency
            allowed[count] = True
        self._allowed = torch.tensor(allowed)
        inputs = len(TYPES) + 2 * dimension + len(DEVICE_COLUMNS)
        self.embed = torch.nn.Linear(inputs, _WIDTH)
        self.embed_spec = torch.nn.Linear(metrics, _WIDTH)
        self.queries = torch.nn.ModuleList(torch.nn.Linear(_WIDTH, 3 * _WIDTH) for _ in range(_LAYERS))
        self.mixes = torch.nn.ModuleList(torch.nn.Linear(_WIDTH, _WIDTH) for _ in range(_LAYERS))
        self.hidden = torch.nn.ModuleList(torch.nn.Linear(_WIDTH, _WIDTH) for _ in range(_LAYERS))
        self.propose = torch.nn.Linear(_WIDTH, dimension)
        for name, parameter in self.named_parameters():
            scale = 0.1 if name.startswith("propose") else 1.0
            bound = scale / math.sqrt(parameter.shape[-1]) if parameter.ndim > 1 else 0.0
            values = rng.uniform(-1, 1, tuple(parameter.shape)) * bound
            parameter.data = torch.tensor(values, dtype=torch.float32)

    def forward(self, unit: torch.Tensor, points: torch.Tensor, metrics: torch.Tensor) -> torch.Tensor:
        """Changes of the variables in parts of the trust region, -1 to 1, shape ``(n, dimension)``.

        Args:
            unit: present designs, shape ``(n, dimension)``.
            points: their transistors, from :func:`operating_points`.
            metrics: their metrics and distances to the limits, shape ``(n, metrics)``.
        """
        n, count = len(unit), len(self._selection)
        sizes = (2 * unit - 1)[:, None] * self._selection
        padded = torch.cat([points, torch.zeros(n, 1, points.shape[2])], dim=1)
        constant = torch.cat([self._kinds, self._selection], dim=1).expand(n, -1, -1)
        tokens = self.embed(torch.cat([constant, sizes, padded[:, self._transistors]], dim=2))
        stream = torch.cat([tokens, self.embed_spec(metrics)[:, None]], dim=1)
        for query, mix, hidden in zip(self.queries, self.mixes, self.hidden, strict=True):
            normal = torch.nn.functional.layer_norm(stream, (_WIDTH,))
            q, k, v = (
                part.reshape(n, count + 1, _HEADS, -1).transpose(1, 2)
                for part in query(normal).chunk(3, dim=2)
            )
            attended = torch.nn.functional.scaled_dot_product_attention(
                q, k, v, attn_mask=self._allowed
            )
            stream = stream + mix(attended.transpose(1, 2).reshape(n, count + 1, _WIDTH))
            normal = torch.nn.functional.layer_norm(stream, (_WIDTH,))
            stream = stream + torch.nn.functional.silu(hidden(normal))
        votes = self.propose(stream[:, :count]) * self._selection
        return torch.tanh(votes.sum(dim=1) / self._selection.sum(dim=0).clamp_min(1))

    def vector(self) -> NDArray[np.float32]:
        """All weights, flat."""
        flat = torch.nn.utils.parameters_to_vector(self.parameters())
        return np.asarray(flat.detach().numpy().copy())

    def load(self, vector: NDArray[np.float32]) -> None:
        """Take over :meth:`vector`."""
        flat = torch.tensor(np.asarray(vector, dtype=np.float32))
        torch.nn.utils.vector_to_parameters(flat, self.parameters())
