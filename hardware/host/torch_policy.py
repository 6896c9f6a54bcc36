"""The network in PyTorch: what the exported arithmetic is measured against."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..network import Activation, Gru, Layer, LayerNorm, Linear, Lstm, Network

Array = NDArray[np.float32]


class TorchPolicy:
    """PyTorch's own layers in single precision, with the network's limits; a pilot for flights.

    Args:
        network: the policy.
    """

    def __init__(self, network: Network) -> None:
        import torch

        torch.set_num_threads(1)
        self._network = network
        self._modules = [_module(layer) for layer in network.layers]

    def initial_state(self, count: int) -> Array:
        """The memory at the start of ``count`` episodes, shape ``(count, memory size)``."""
        return np.tile(self._network.initial_memory, (count, 1))

    def step(self, observations: Array, memory: Array) -> tuple[Array, Array]:
        """Actions, shape ``(count, actions)``, and the new memories."""
        import torch

        given, output = self._network.input, self._network.output
        x = torch.from_numpy(np.ascontiguousarray(observations, np.float32))
        limit = torch.from_numpy(given.limit)
        x = torch.clamp(x - torch.from_numpy(given.center), -limit, limit)
        before: Any = torch.from_numpy(np.ascontiguousarray(memory))
        after: list[Any] = []
        start = 0
        with torch.no_grad():
            for layer, module in zip(self._network.layers, self._modules, strict=True):
                if isinstance(layer, (Gru, Lstm)):
                    parts = before[:, start : start + layer.memory_size].split(layer.outputs, dim=1)
                    start += layer.memory_size
                    new = module(x, parts[0]) if isinstance(layer, Gru) else module(x, parts)
                    kept = (new,) if isinstance(layer, Gru) else new
                    after += kept
                    x = kept[0]
                else:
                    x = module(x)
            low, high = torch.from_numpy(output.low), torch.from_numpy(output.high)
            if output.kind == "tanh":
                x = low + (torch.tanh(x) + 1) * (high - low) / 2
            x = torch.clamp(x, low, high)
        remembered = torch.cat(after, dim=1) if after else before
        return x.numpy(), remembered.numpy()


def _module(layer: Layer) -> Any:
    from torch import nn

    if isinstance(layer, Activation):
        return {
            "relu": nn.ReLU,
            "tanh": nn.Tanh,
            "sigmoid": nn.Sigmoid,
            "elu": nn.ELU,
            "silu": nn.SiLU,
            "softplus": nn.Softplus,
        }[layer.name]()
    if isinstance(layer, Linear):
        return _filled(nn.Linear(layer.inputs, layer.outputs), weight=layer.weight, bias=layer.bias)
    if isinstance(layer, LayerNorm):
        norm = nn.LayerNorm(layer.outputs, eps=layer.epsilon)
        return _filled(norm, weight=layer.weight, bias=layer.bias)
    kind = nn.GRUCell if isinstance(layer, Gru) else nn.LSTMCell
    return _filled(
        kind(layer.inputs, layer.outputs),
        weight_ih=layer.weight_input,
        weight_hh=layer.weight_hidden,
        bias_ih=layer.bias_input,
        bias_hh=layer.bias_hidden,
    )


def _filled(module: Any, **arrays: Array) -> Any:
    import torch

    module.load_state_dict({name: torch.from_numpy(array) for name, array in arrays.items()})
    return module
