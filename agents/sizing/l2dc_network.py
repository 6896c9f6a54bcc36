"""L2DC's networks: a sequence-to-sequence actor and a recurrent critic over the components of a circuit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ...envs.circuit.components import TYPES, components
from ...envs.circuit.observation import Scaling, metric_scale, statistics
from ...envs.circuit.problem import Evaluation, SizingProblem
from ...envs.circuit.results import DEVICE_COLUMNS

LOCAL = len(DEVICE_COLUMNS)
"""Numbers that are seen of each component."""

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Layout:
    """A circuit as a sequence of components, and where their parameters stand among the variables."""

    identity: Floats
    """What each component is: its index and its type, one-hot; shape ``(length, numbers)``."""
    component: NDArray[np.int64]
    """Whose parameter each free variable is, shape ``(dimension,)``."""
    place: NDArray[np.int64]
    """Which of its component's parameters each is, shape ``(dimension,)``."""
    shared: int
    """Numbers that are seen of the circuit as a whole."""

    @property
    def length(self) -> int:
        """Components."""
        return len(self.identity)

    @property
    def places(self) -> int:
        """Most parameters of one component."""
        return int(self.place.max()) + 1


class Observer:
    """Sees the components that have parameters, in the order of the netlist.

    Devices that match share their variables and are one component, the first of them. Of a component its
    operating point is seen, 20 numbers, zero if it is no transistor; of the circuit its node voltages and
    metrics. All of them are zero before the first simulation and after one that failed; they are
    normalised over random designs.

    Args:
        problem: names the topology and the free variables.
    """

    def __init__(self, problem: SizingProblem) -> None:
        items = [item for item in components(problem.topology, problem.names).items if item.owns]
        places = {
            name: (index, place)
            for index, item in enumerate(items)
            for place, name in enumerate(item.owns)
        }
        at = np.array([places[name] for name in problem.names])
        types = [[item.type == name for name in TYPES] for item in items]
        known = statistics(problem.topology)
        self.layout = Layout(
            identity=np.hstack([np.eye(len(items)), types]).astype(np.float32),
            component=at[:, 0],
            place=at[:, 1],
            shared=len(known.voltages.mean) + len(known.metrics.mean),
        )
        self._rows = np.array([i for i, item in enumerate(items) if item.transistor is not None])
        self._transistors = np.array([i.transistor for i in items if i.transistor is not None])
        mean, deviation = (x[self._transistors] for x in (known.devices.mean, known.devices.deviation))
        self._devices = Scaling(mean, deviation)
        self._voltages, self._metrics = known.voltages, known.metrics

    def blank(self, count: int) -> tuple[Floats, Floats]:
        """What is seen before the first simulation; shapes as of :meth:`observe`."""
        local = np.zeros((count, self.layout.length, LOCAL), np.float32)
        return local, np.zeros((count, self.layout.shared), np.float32)

    def observe(self, evaluation: Evaluation) -> tuple[Floats, Floats]:
        """What is seen of simulated designs.

        Returns:
            Of each component, shape ``(n, length, 20)``, and of the circuit, ``(n, shared)``.
        """
        results = evaluation.results
        local, shared = self.blank(len(results))
        ok = np.flatnonzero(results.status == 0)
        devices = results.devices[np.ix_(ok, self._transistors)]
        local[np.ix_(ok, self._rows)] = self._devices.apply(devices)
        metrics = metric_scale(results.metric_names, results.metrics[ok])
        parts = (self._voltages.apply(results.voltages[ok]), self._metrics.apply(metrics))
        shared[ok] = np.concatenate(parts, axis=1)
        return local, shared


class _Reader(nn.Module):
    """A gated recurrent unit over the components, each with its identity and what is common to all."""

    def __init__(self, layout: Layout, hidden: int, extra: int) -> None:
        super().__init__()
        self.identity = nn.Buffer(torch.from_numpy(layout.identity), persistent=False)
        numbers = LOCAL + layout.identity.shape[1] + extra + layout.shared
        self.unit = nn.GRU(numbers, hidden, batch_first=True)

    def forward(self, local: Tensor, shared: Tensor) -> tuple[Tensor, Tensor]:
        """Codes of the components, ``(n, length, hidden)``, and of the circuit, ``(n, hidden)``."""
        count, length = local.shape[:2]
        parts = (
            local,
            self.identity.expand(count, -1, -1),
            shared[:, None].expand(-1, length, -1),
        )
        codes, last = self.unit(torch.cat(parts, 2))
        return codes, last[0]


class Actor(nn.Module):
    """Encoder and decoder: the encoder reads the components, the decoder emits their parameters in turn.

    The decoder, a gated recurrent unit too, starts from the encoder's last state; for each component it is
    given its identity, what the encoder made of it, and the parameters of the component before.

    Args:
        layout: of the circuit.
        hidden: size of both units.
    """

    def __init__(self, layout: Layout, hidden: int) -> None:
        super().__init__()
        self._layout = layout
        self.encoder = _Reader(layout, hidden, 0)
        self.decoder = nn.GRUCell(hidden + layout.identity.shape[1] + layout.places, hidden)
        self.head = nn.Linear(hidden, layout.places)
        with torch.no_grad():
            self.head.weight *= 0.1  # starts near the middle of every range
            self.head.bias.zero_()

    def forward(self, local: Tensor, shared: Tensor) -> Tensor:
        """Actions, shape ``(n, dimension)``: the ranges are -1 to 1, but nothing bounds the output."""
        codes, state = self.encoder(local, shared)
        identity = self.encoder.identity.expand(len(local), -1, -1)
        emitted = state.new_zeros(len(state), self._layout.places)
        grid = []
        for code in torch.cat([codes, identity], 2).unbind(1):
            state = self.decoder(torch.cat([code, emitted], 1), state)
            emitted = self.head(state)
            grid.append(emitted)
        return torch.stack(grid, 1)[:, self._layout.component, self._layout.place]


class Critic(nn.Module):
    """The value of an action: the same reading with the parameters beside each component.

    Args:
        layout: of the circuit.
        hidden: size of the unit and of the layer after it.
    """

    def __init__(self, layout: Layout, hidden: int) -> None:
        super().__init__()
        self._layout = layout
        self.encoder = _Reader(layout, hidden, layout.places)
        self.head = nn.Sequential(nn.Linear(2 * hidden, hidden), nn.ReLU(), nn.Linear(hidden, 1))

    def forward(self, local: Tensor, shared: Tensor, actions: Tensor) -> Tensor:
        """Values, shape ``(n,)``."""
        grid = local.new_zeros(len(local), self._layout.length, self._layout.places)
        grid[:, self._layout.component, self._layout.place] = actions
        codes, last = self.encoder(torch.cat([local, grid], 2), shared)
        return self.head(torch.cat([codes.mean(1), last], 1))[:, 0]
