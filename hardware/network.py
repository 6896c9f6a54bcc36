"""The network that is exported: layers with their weights, what goes in, what comes out.

Every importer ends here and every back end starts here. The order of all sums and products is part of
the description (see ``reference.py``), so that Python and C agree to the last bit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError

Array = NDArray[np.float32]
ActivationName = Literal["relu", "tanh", "sigmoid", "elu", "silu", "softplus"]
ACTIVATIONS: tuple[ActivationName, ...] = ("relu", "tanh", "sigmoid", "elu", "silu", "softplus")


@dataclass(frozen=True, kw_only=True, eq=False)
class _Layer:
    """Checks that all layers share; every tensor is float32 and finite."""

    kind: ClassVar[str] = ""

    def __post_init__(self) -> None:
        for name, array in self.tensors().items():
            dimensions = 2 if name.startswith("weight") and self.kind != "layer norm" else 1
            if not isinstance(array, np.ndarray) or array.ndim != dimensions or array.size == 0:
                raise InputError(f"{self.kind} {name} must be an array of {dimensions} dimension(s)")
            if array.dtype != np.float32:
                raise InputError(f"{self.kind} {name} has the type {array.dtype}, expected float32")
            if not np.isfinite(array).all():
                where = np.argwhere(~np.isfinite(array))[0].tolist()
                raise InputError(f"{self.kind} {name} at {where} is not finite")

    def tensors(self) -> dict[str, Array]:
        """Its arrays by name."""
        return {f.name: getattr(self, f.name) for f in fields(self) if "Array" in str(f.type)}

    def _fit(self, **shapes: tuple[int, ...]) -> None:
        for name, shape in shapes.items():
            given = getattr(self, name).shape
            if given != shape:
                raise InputError(f"{self.kind} {name} has shape {given}, expected {shape}")


@dataclass(frozen=True, kw_only=True, eq=False)
class Linear(_Layer):
    """``y = weight x + bias``."""

    kind: ClassVar[str] = "linear"
    weight: Array
    """Shape ``(outputs, inputs)``."""
    bias: Array
    """Shape ``(outputs,)``."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._fit(bias=(self.outputs,))

    @property
    def inputs(self) -> int:
        """Numbers it reads."""
        return int(self.weight.shape[1])

    @property
    def outputs(self) -> int:
        """Numbers it gives."""
        return int(self.weight.shape[0])


@dataclass(frozen=True, kw_only=True, eq=False)
class Gru(_Layer):
    """A gated recurrent unit, gates in PyTorch's order r, z, n and with its formulas."""

    kind: ClassVar[str] = "gru"
    weight_input: Array
    """Shape ``(3 hidden, inputs)``."""
    weight_hidden: Array
    """Shape ``(3 hidden, hidden)``."""
    bias_input: Array
    """Shape ``(3 hidden,)``."""
    bias_hidden: Array
    """Shape ``(3 hidden,)``."""
    initial_hidden: Array
    """Shape ``(hidden,)``."""

    def __post_init__(self) -> None:
        super().__post_init__()
        rows, hidden = 3 * self.outputs, self.outputs
        self._fit(
            weight_input=(rows, self.inputs),
            weight_hidden=(rows, hidden),
            bias_input=(rows,),
            bias_hidden=(rows,),
        )

    @property
    def inputs(self) -> int:
        """Numbers it reads."""
        return int(self.weight_input.shape[1])

    @property
    def outputs(self) -> int:
        """Numbers it gives and remembers."""
        return len(self.initial_hidden)

    @property
    def memory_size(self) -> int:
        """Numbers it remembers."""
        return self.outputs


@dataclass(frozen=True, kw_only=True, eq=False)
class Lstm(_Layer):
    """Long short-term memory, gates in PyTorch's order i, f, g, o and with its formulas."""

    kind: ClassVar[str] = "lstm"
    weight_input: Array
    """Shape ``(4 hidden, inputs)``."""
    weight_hidden: Array
    """Shape ``(4 hidden, hidden)``."""
    bias_input: Array
    """Shape ``(4 hidden,)``."""
    bias_hidden: Array
    """Shape ``(4 hidden,)``."""
    initial_hidden: Array
    """Shape ``(hidden,)``."""
    initial_cell: Array
    """Shape ``(hidden,)``."""

    def __post_init__(self) -> None:
        super().__post_init__()
        rows, hidden = 4 * self.outputs, self.outputs
        self._fit(
            weight_input=(rows, self.inputs),
            weight_hidden=(rows, hidden),
            bias_input=(rows,),
            bias_hidden=(rows,),
            initial_cell=(hidden,),
        )

    @property
    def inputs(self) -> int:
        """Numbers it reads."""
        return int(self.weight_input.shape[1])

    @property
    def outputs(self) -> int:
        """Numbers it gives."""
        return len(self.initial_hidden)

    @property
    def memory_size(self) -> int:
        """Numbers it remembers: the hidden values, then the cells."""
        return 2 * self.outputs


@dataclass(frozen=True, kw_only=True, eq=False)
class LayerNorm(_Layer):
    """``y = weight (x - mean(x)) / sqrt(variance(x) + epsilon) + bias``."""

    kind: ClassVar[str] = "layer norm"
    weight: Array
    """Shape ``(size,)``."""
    bias: Array
    """Shape ``(size,)``."""
    epsilon: float = 1e-5
    """Above 0."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._fit(bias=self.weight.shape)
        if not 0 < self.epsilon < 1:
            raise InputError(f"layer norm epsilon = {self.epsilon} is not in (0, 1)")

    @property
    def inputs(self) -> int:
        """Numbers it reads."""
        return len(self.weight)

    @property
    def outputs(self) -> int:
        """Numbers it gives."""
        return len(self.weight)


@dataclass(frozen=True, kw_only=True, eq=False)
class Activation:
    """A function of each number by itself; elu with alpha 1, softplus with beta 1."""

    kind: ClassVar[str] = "activation"
    name: ActivationName
    size: int
    """Numbers it reads and gives."""

    def __post_init__(self) -> None:
        if self.name not in ACTIVATIONS:
            raise InputError(f"activation {self.name!r} is none of {', '.join(ACTIVATIONS)}")

    @property
    def inputs(self) -> int:
        """Numbers it reads."""
        return self.size

    @property
    def outputs(self) -> int:
        """Numbers it gives."""
        return self.size

    def tensors(self) -> dict[str, Array]:
        """None."""
        return {}


Layer = Linear | Gru | Lstm | LayerNorm | Activation
Recurrent = Gru | Lstm


@dataclass(frozen=True, kw_only=True, eq=False)
class Input:
    """What is done to an observation: ``saturate(observation - center, +-limit)``.

    A number that is not finite becomes 0 after the subtraction, and the step does not change the
    memory.
    """

    center: Array
    """Shape ``(observation size,)``; 0 where nothing is subtracted."""
    limit: Array
    """Shape ``(observation size,)``, above 0; at most :data:`LARGEST_LIMIT`."""


LARGEST_LIMIT = 1e6
"""Bound of an input of which nothing is known."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Output:
    """What is done to the last layer's numbers ``y``; the action is always within [low, high]."""

    kind: Literal["clip", "tanh"]
    """clip: ``clip(y, low, high)``; tanh: ``low + (tanh(y) + 1) (high - low) / 2``."""
    low: Array
    """Shape ``(action size,)``."""
    high: Array
    """Shape ``(action size,)``."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Network:
    """A deterministic policy, ready for export.

    Raises:
        InputError: two neighbours do not fit, or a number is out of its range.
    """

    input: Input
    layers: tuple[Layer, ...]
    output: Output
    rate_hz: float
    """Decisions per second, 1 to 10,000."""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    """JSON values: layout and meaning of observations and actions, where the policy comes from."""

    def __post_init__(self) -> None:
        if not self.layers:
            raise InputError("a network needs at least one layer")
        size = self.layers[0].inputs
        for array, what in ((self.input.center, "center"), (self.input.limit, "limit")):
            _check_vector(array, f"input {what}", size)
        if not ((self.input.limit > 0) & (self.input.limit <= LARGEST_LIMIT)).all():
            raise InputError(
                f"input limits must be in (0, {LARGEST_LIMIT:g}], got {self.input.limit.tolist()}"
            )
        for number, layer in enumerate(self.layers):
            if layer.inputs != size:
                raise InputError(
                    f"layer {number} ({layer.kind}) reads {layer.inputs} numbers, it is given {size}"
                )
            size = layer.outputs
        for array, what in ((self.output.low, "low"), (self.output.high, "high")):
            _check_vector(array, f"output {what}", size)
        if self.output.kind not in ("clip", "tanh"):
            raise InputError(f"output kind {self.output.kind!r} must be clip or tanh")
        if not (self.output.low < self.output.high).all():
            raise InputError(
                f"output low = {self.output.low.tolist()} must be below high = {self.output.high.tolist()}"
            )
        if not 1 <= self.rate_hz <= 10_000:
            raise InputError(f"rate_hz = {self.rate_hz} is not in [1, 10000]")

    @property
    def observation_size(self) -> int:
        """Numbers the policy reads."""
        return self.layers[0].inputs

    @property
    def action_size(self) -> int:
        """Numbers the policy commands."""
        return self.layers[-1].outputs

    @property
    def memory_size(self) -> int:
        """Numbers the policy remembers; those of all recurrent layers in order."""
        return sum(layer.memory_size for layer in self.recurrent())

    @property
    def parameter_count(self) -> int:
        """Numbers in all layers, initial memories included."""
        return sum(array.size for layer in self.layers for array in layer.tensors().values())

    @property
    def initial_memory(self) -> Array:
        """What an episode starts with, shape ``(memory size,)``; an LSTM's hidden values, then cells."""
        parts = [np.zeros(0, np.float32)]
        for layer in self.recurrent():
            parts.append(layer.initial_hidden)
            if isinstance(layer, Lstm):
                parts.append(layer.initial_cell)
        return np.concatenate(parts)

    @property
    def previous_action(self) -> int | None:
        """Where the previous action begins among the observations; None where it is not the last part.

        The executor of the exported code fills in that part by itself.
        """
        parts = self.observation_parts()
        if parts and parts[-1]["name"] == "previous action" and parts[-1]["size"] == self.action_size:
            return self.observation_size - self.action_size
        return None

    def observation_parts(self) -> list[Mapping[str, Any]]:
        """The metadata's parts of an observation; none where they do not make up the observation."""
        parts = self.metadata.get("observation")
        if not isinstance(parts, (list, tuple)) or not all(isinstance(part, Mapping) for part in parts):
            return []
        sizes = [part.get("size") for part in parts if isinstance(part.get("name"), str)]
        if len(sizes) < len(parts) or not all(isinstance(size, int) and size > 0 for size in sizes):
            return []
        return list(parts) if sum(sizes) == self.observation_size else []

    def recurrent(self) -> Iterator[Recurrent]:
        """The layers with a memory, in order."""
        return (layer for layer in self.layers if isinstance(layer, (Gru, Lstm)))


def _check_vector(array: Array, name: str, size: int) -> None:
    if not isinstance(array, np.ndarray) or array.shape != (size,):
        raise InputError(f"{name} has shape {np.shape(array)}, expected ({size},)")
    if array.dtype != np.float32 or not np.isfinite(array).all():
        raise InputError(f"{name} must be float32 and finite")
